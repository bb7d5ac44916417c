"""What the scripts believe of a driver: only what a card has computed and the kernel knows of."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cuda_probe
import pytest
from probing import run
from telling import Ended

from pipeline.adapters import scripts

VERSION = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n"


class Card:
    """libcuda on top of nothing: it keeps bytes, and does in Python what the kernel would do."""

    def __init__(
        self, *, init: int = 0, count: int = 1, version: int = 12040, spoil: int | None = None
    ) -> None:
        self.init, self.count, self.version, self.spoil = init, count, version, spoil
        self.memory: dict[int, bytearray] = {}
        self.launches = 0

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self.init

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = self.version
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self.count
        return 0

    def cuDeviceGet(self, device: Any, number: int) -> int:  # noqa: N802
        device._obj.value = number
        return 0

    def cuDeviceGetName(self, name: Any, length: int, device: Any) -> int:  # noqa: N802
        name.value = b"A card"
        return 0

    def cuDeviceGetAttribute(self, value: Any, which: int, device: Any) -> int:  # noqa: N802
        value._obj.value = {75: 9, 76: 0}[which]
        return 0

    def cuMemAlloc_v2(self, place: Any, size: Any) -> int:  # noqa: N802
        place._obj.value = 0x1000 * (len(self.memory) + 1)
        self.memory[place._obj.value] = bytearray(size.value)
        return 0

    def cuMemcpyHtoD_v2(self, place: Any, data: Any, size: Any) -> int:  # noqa: N802
        self.memory[place.value][:] = bytes(data)
        return 0

    def cuMemsetD8_v2(self, place: Any, byte: Any, size: Any) -> int:  # noqa: N802
        self.memory[place.value][:] = bytes([byte.value]) * size.value
        return 0

    def cuMemcpyDtoH_v2(self, data: Any, place: Any, size: Any) -> int:  # noqa: N802
        ctypes.memmove(data, bytes(self.memory[place.value]), size.value)
        return 0

    def cuLaunchKernel(self, *arguments: Any) -> int:  # noqa: N802
        values = arguments[9]
        source, target = (
            ctypes.cast(values[i], ctypes.POINTER(ctypes.c_uint64)).contents.value for i in (0, 1)
        )
        count = ctypes.cast(values[2], ctypes.POINTER(ctypes.c_uint32)).contents.value
        assert arguments[1] * arguments[4] >= count
        given = (ctypes.c_uint32 * count).from_buffer(self.memory[source])
        got = (ctypes.c_uint32 * count).from_buffer(self.memory[target])
        for index in range(count):
            got[index] = 3 * given[index] + index
        if self.spoil is not None:
            got[self.spoil] ^= 1
        self.launches += 1
        return 0

    def _fine(self, *_: Any) -> int:
        return 0

    cuDevicePrimaryCtxRetain = cuCtxSetCurrent = cuModuleLoadData = cuModuleGetFunction = _fine  # noqa: N815
    cuCtxSynchronize = cuMemFree_v2 = _fine  # noqa: N815


@pytest.fixture
def kernel(tmp_path: Path) -> str:
    """A kernel's word for its driver: the one thing that no library can bring along."""
    (tmp_path / "version").write_text(VERSION)
    return str(tmp_path / "version")


def examined(card: Any, image: str = "12.4.1", kernel: str | None = None) -> Ended:
    """How the examination of a card ends."""
    try:
        where = {"kernel": kernel} if kernel else {}
        return Ended("passed", hardware=cuda_probe.examine(cuda_probe.Driver(card), image, **where))
    except Ended as ended:
        return ended


def test_a_card_that_computes_passes_with_its_name_capability_and_driver(kernel: str) -> None:
    card = Card(count=2)
    ended = examined(card, kernel=kernel)
    assert (ended.result, ended.reason) == ("passed", "")
    assert ended.hardware == {
        "devices": [{"name": "A card", "capability": "9.0"}] * 2,
        "driver": "550.54.15",
    }
    assert card.launches == 2


@pytest.mark.parametrize("index", [0, 1, 127, 128, cuda_probe.NUMBERS - 1])
def test_one_wrong_bit_in_what_the_kernel_computed_is_a_failure(kernel: str, index: int) -> None:
    ended = examined(Card(spoil=index), kernel=kernel)
    assert ended.result == "failed"
    assert f"computed 1 of {cuda_probe.NUMBERS} numbers wrong, the first at {index}: " in ended.reason


def test_a_kernel_that_does_nothing_is_a_failure(kernel: str) -> None:
    card = Card()
    card.cuLaunchKernel = card._fine  # type: ignore[method-assign]
    assert "numbers wrong, the first at 0: 2779096485 instead of" in examined(card, kernel=kernel).reason


def test_a_library_that_computes_all_right_is_a_stand_in_where_the_kernel_has_no_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card()
    ended = examined(card, kernel=str(tmp_path / "nowhere"))
    assert ended.result == "inconclusive"
    assert ended.reason.startswith("a stand-in: ")
    assert card.launches == 0
    assert cuda_probe.examine.__defaults__ == ("/proc/driver/nvidia/version",)


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (Card(init=100), "libcuda sees no device (cuInit says 100)"),
        (Card(init=34), "libcuda is a stub, which no driver has replaced (cuInit says 34)"),
        (Card(count=0), "libcuda sees no device"),
        (
            Card(version=11040),
            "the driver is too old for the image's CUDA: it supports 11.4, the image has 12.4.1",
        ),
        (SimpleNamespace(), "libcuda has no cuInit: it is no NVIDIA driver's"),
    ],
)
def test_what_the_machine_lacks_says_nothing_of_the_image(kernel: str, card: Any, reason: str) -> None:
    ended = examined(card, kernel=kernel)
    assert (ended.result, ended.reason) == ("inconclusive", reason)


def test_an_answer_that_nobody_expects_is_a_failure(kernel: str) -> None:
    assert examined(Card(init=1), kernel=kernel).reason == "cuInit says 1"
    broken = Card()
    broken.cuModuleLoadData = lambda *_: 218  # type: ignore[method-assign]
    assert examined(broken, kernel=kernel).reason == "cuModuleLoadData says 218: no words for it"
    old = Card()
    old.cuModuleLoadData = lambda *_: 222  # type: ignore[method-assign]
    assert examined(old, kernel=kernel).result == "inconclusive"


def test_a_driver_of_a_newer_minor_version_is_not_asked_for(kernel: str) -> None:
    assert examined(Card(version=12000), "12.6.3", kernel).result == "passed"
    assert examined(Card(), "", kernel).result == "passed"


def smi(folder: Path, script: str) -> dict[str, str]:
    """An environment in which nvidia-smi is a shell script."""
    folder.mkdir()
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "nvidia-smi").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'NVIDIA H100, 9.0, 550.54.15'", "a stand-in: nvidia-smi lists devices, but the kernel"),
        ("echo 'No devices were found'; exit 6", "nvidia-smi: No devices were found"),
        ("", "nvidia-smi lists no device"),
        ("echo '\"gibberish\\'", "nvidia-smi says what no driver says: gibberish"),
        ("printf 'Failed to initialize NVML:\\nDriver mismatch\\n'; exit 18", "nvidia-smi: Failed to"),
    ],
)
def test_an_nvidia_smi_without_a_driver_never_passes(tmp_path: Path, script: str, reason: str) -> None:
    said, _ = run(tmp_path / "probe", "nvidia-smi", smi(tmp_path / "bin", script))
    assert said.result == "inconclusive"
    assert said.reason.startswith(reason)


def test_nvidia_smi_passes_with_what_it_lists_where_the_kernel_has_that_driver(
    tmp_path: Path, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only here, where the file that the kernel would write is replaced by one of the test's."""
    real = scripts.read("nvidia_smi.sh")
    seam = real.replace(b"kernel=/proc/driver/nvidia/version", f"kernel={kernel}".encode())
    assert seam != real
    monkeypatch.setattr(scripts, "read", lambda name: seam)
    two = "echo 'NVIDIA H100 80GB HBM3, 9.0, 550.54.15'; echo 'NVIDIA L4, 8.9, 550.54.15'"
    said, _ = run(tmp_path / "a", "nvidia-smi", smi(tmp_path / "bin-a", two))
    assert said.result == "passed"
    assert str(said.hardware) == "1 x NVIDIA H100 80GB HBM3 (9.0), 1 x NVIDIA L4 (8.9), driver 550.54.15"
    old = 'case "$1" in *compute_cap*) exit 2;; esac; echo "Tesla K80, 550.54.15"'
    said, _ = run(tmp_path / "b", "nvidia-smi", smi(tmp_path / "bin-b", old))
    assert str(said.hardware) == "1 x Tesla K80, driver 550.54.15"
    other = "echo 'NVIDIA L4, 8.9, 535.1'"
    said, _ = run(tmp_path / "c", "nvidia-smi", smi(tmp_path / "bin-c", other))
    assert said.reason.startswith("nvidia-smi speaks of driver 535.1, the kernel has another")
