"""The built-in probes' scripts, run outside of any image: what they believe, and what they do not."""

from __future__ import annotations

import ast
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.adapters import scripts
from pipeline.config import PROBES
from pipeline.smoke import command_of, final, scripts_of

sys.path.append(str(scripts.FOLDER))

import cuda_libs_probe as libs
import cuda_probe
import jupyter_probe
import tensorflow_probe
import torch_probe
from telling import Ended

NONCE = "0123456789abcdef"
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


# the scripts as processes of their own


def run(folder: Path, probe: str, env: Mapping[str, str] | None = None, **told: object) -> tuple[Any, str]:
    """Run a built-in probe the way an image does, but in a folder; gives its last line, and all it said."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in scripts_of(probe):
        text = scripts.read(name).decode().replace("/stackbuild/", f"{folder}/")
        # what this machine has installed is no part of the image
        text = re.sub(r"(?s)FOLDERS = \(.*?\n\)", "FOLDERS = ()", text)
        (folder / name).write_text(text)
    (folder / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    (folder / "python3").chmod(0o755)
    (folder / "nonce").write_text(NONCE)
    (folder / "order.json").write_text(json.dumps({"nonce": NONCE, **told}))
    line = [part.replace("/stackbuild", str(folder)) for part in command_of(probe)]
    around = {**os.environ, **(env or {})}
    around["PATH"] = f"{folder}:{around['PATH']}"
    done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=60, env=around)
    said = final.parse(done.stdout.splitlines()[-1], NONCE)
    assert said is not None, done
    assert (done.returncode == 0) is (said.result == "passed")
    return said, done.stdout + done.stderr


C = """
int cuInit(unsigned flags) { return INIT; }
int cuDriverGetVersion(int *version) { *version = 12060; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int number) { *device = number; return 0; }
int cuDeviceGetName(char *name, int length, int device) { name[0] = 'X'; name[1] = 0; return 0; }
int cuDeviceGetAttribute(int *value, int which, int device) { *value = 9; return 0; }
"""
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")


def compiled(folder: Path, name: str, source: str, *options: str) -> Path:
    """A library made of a few lines of C."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(_library(source, options))
    return folder / name


@cache
def _library(source: str, options: tuple[str, ...]) -> bytes:
    """What the compiler makes of it, which takes its time."""
    with tempfile.TemporaryDirectory() as folder:
        line = [
            "cc",
            "-shared",
            "-fPIC",
            "-pipe",
            "-x",
            "c",
            "-o",
            f"{folder}/lib",
            "-",
            "-x",
            "none",
            *options,
        ]
        subprocess.run(line, check=True, capture_output=True, input=source.encode())
        return Path(folder, "lib").read_bytes()


@needs_cc
def test_a_libcuda_that_is_none_never_passes(tmp_path: Path) -> None:
    for init, reason in ((0, "a stand-in: "), (100, "libcuda sees no device")):
        compiled(tmp_path / str(init), "libcuda.so.1", C, f"-DINIT={init}")
        said, _ = run(tmp_path / f"run-{init}", "cuda", {"LD_LIBRARY_PATH": str(tmp_path / str(init))})
        assert said.result == "inconclusive"
        assert said.reason.startswith(reason)
        assert said.hardware is None


@pytest.mark.parametrize("probe", ["cuda", "tensorflow", "torch", "gpu"])
def test_without_libcuda_nothing_is_said_of_the_image(tmp_path: Path, probe: str) -> None:
    said, _ = run(tmp_path, probe)
    assert said.result == "inconclusive"
    assert said.reason.startswith("no GPU was given to the container: libcuda.so.1")


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


def test_a_probe_that_crashes_still_ends_with_its_line(tmp_path: Path) -> None:
    said, output = run(tmp_path, "jupyter", {"PATH": "/usr/bin:/bin"}, entrypoint=[], command=[])
    assert (said.result, said.reason) == ("failed", "the image has no jupyter on its PATH")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/jupyter").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "bin/jupyter").chmod(0o755)
    said, output = run(tmp_path / "b", "jupyter", {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert said.reason.startswith("CalledProcessError: ")
    assert "Traceback" in output


def test_every_script_is_there_and_understood_by_an_old_python() -> None:
    names = {name for probe in PROBES for name in scripts_of(probe)}
    assert names == {path.name for path in scripts.FOLDER.iterdir() if path.is_file()}
    for name in names:
        if name.endswith(".py"):
            ast.parse(scripts.read(name), feature_version=(3, 6))
    for name in names:
        if name.endswith(".sh"):
            subprocess.run(["sh", "-n", str(scripts.FOLDER / name)], check=True)


def test_the_scripts_are_installed_with_the_program() -> None:
    text = (Path(__file__).parent.parent / "setup.cfg").read_text()
    assert "[options.package_data]\npipeline.smoke = scripts/*\n" in text


# the libraries of CUDA

CUDART = "int cudaRuntimeGetVersion(int *version) { *version = %d; return 0; }"
CUDNN = (
    "unsigned long cudnnGetVersion(void) { return %d; }"
    "unsigned long cudnnGetCudartVersion(void) { return %d; }"
)


@needs_cc
def test_the_libraries_of_an_image_load_and_agree(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    compiled(lib, "libcudart.so.12", CUDART % 12060)
    compiled(lib, "libcudnn.so.9", CUDNN % (90501, 12060))
    agreeing = {"LD_LIBRARY_PATH": str(lib), "CUDA_VERSION": "12.6.3", "NV_CUDNN_VERSION": "9.5.1.17-1"}
    said, output = run(tmp_path / "a", "cuda-libs", agreeing)
    assert (said.result, said.reason) == ("passed", "")
    assert f"{lib}/libcudnn.so.9  9.5.1" in output

    there, wrong, waiting = libs.survey(libs.search([str(lib)]), print)
    assert (len(there), wrong, waiting) == (2, [], 0)
    for other, reason in (
        ({"CUDA_VERSION": "12.4.0"}, "CUDA_VERSION says 12.4.0 of cudart, the image has 12.6"),
        ({"CUDNN_VERSION": "8.9.7"}, "CUDNN_VERSION says 8.9.7 of cudnn, the image has 9.5.1"),
    ):
        assert libs.disagreements(there, libs.claims([], {**agreeing, **other})) == [reason]
    compiled(lib, "libcudnn.so.9", CUDNN % (90501, 11080))
    said, _ = run(tmp_path / "d", "cuda-libs", agreeing)
    assert said.reason == f"{lib}/libcudnn.so.9 was built for CUDA 11.8, the image has [12]"


@needs_cc
def test_a_library_that_cannot_be_loaded_is_caught(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    compiled(lib, "libcudart.so.12", CUDART % 12060)
    env = {"LD_LIBRARY_PATH": str(lib), "CUDA_VERSION": "12.6.3"}
    (lib / "libcublas.so.12").write_bytes(b"no library at all")
    said, _ = run(tmp_path / "a", "cuda-libs", env)
    assert said.result == "failed"
    assert said.reason == f"{lib}/libcublas.so.12: {lib}/libcublas.so.12: invalid ELF header" or (
        "libcublas.so.12" in said.reason and "too short" in said.reason
    )
    (lib / "libcublas.so.12").unlink()

    compiled(lib, "libcufft.so.11", "extern int nowhere(void); int f(void) { return nowhere(); }")
    said, _ = run(tmp_path / "b", "cuda-libs", env)
    assert "undefined symbol: nowhere" in said.reason
    (lib / "libcufft.so.11").unlink()

    crash = "#include <stdlib.h>\n__attribute__((constructor)) void f(void) { abort(); }"
    compiled(lib, "libcurand.so.10", crash)
    (lib / "libcusparse.so.12").symlink_to("libcusparse.so.12.5")
    said, output = run(tmp_path / "c", "cuda-libs", env)
    assert said.reason == f"{lib}/libcurand.so.10: loading it ends in SIGABRT (and 1 more)"
    assert "libcusparse.so.12: cannot open shared object file" in output


@needs_cc
def test_a_library_that_waits_for_the_driver_is_not_broken(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    compiled(lib, "libcudart.so.12", CUDART % 12060)
    compiled(tmp_path / "driver", "libcuda.so.1", C, "-DINIT=0", "-Wl,-soname,libcuda.so.1")
    compiled(
        lib,
        "libcupti.so.12",
        "int f(void) { return 0; }",
        "-Wl,--no-as-needed",
        f"{tmp_path}/driver/libcuda.so.1",
    )
    said, output = run(tmp_path / "a", "cuda-libs", {"LD_LIBRARY_PATH": str(lib)})
    assert said.result == "passed"
    assert "1 libraries load, 1 wait for a driver" in output
    (lib / "libcudart.so.12").unlink()
    said, _ = run(tmp_path / "b", "cuda-libs", {"LD_LIBRARY_PATH": str(lib)})
    assert said.result == "inconclusive"
    assert said.reason == "no CUDA library was loaded: all 1 need the machine's driver"


def test_an_image_that_claims_cuda_and_has_none_fails_unless_it_stands_on_a_stand_in(tmp_path: Path) -> None:
    said, _ = run(tmp_path / "a", "cuda-libs", {"CUDA_VERSION": "12.6.3"})
    assert (said.result, said.reason) == ("failed", "CUDA_VERSION speaks of cudart 12.6.3, and there is none")
    said, _ = run(tmp_path / "b", "cuda-libs", {"CUDA_VERSION": "12.6.3"}, stand_in="debian for nvidia/cuda")
    assert said.result == "inconclusive"
    assert "(debian for nvidia/cuda)" in said.reason
    said, _ = run(tmp_path / "c", "cuda-libs")
    assert said.result == "failed"


TENSORFLOW, TORCH = "tensorflow/python/platform/build_info.py", "torch/version.py"


@pytest.mark.parametrize(
    ("path", "text", "wrong"),
    [
        (TENSORFLOW, "OrderedDict([('cuda_version', '12.5.1'), ('cudnn_version', '9')])", []),
        (
            TENSORFLOW,
            "OrderedDict([('cuda_version', '11.8'), ('cudnn_version', '8')])",
            [
                "TensorFlow was built for 11.8 of cudart, the image has 12.6",
                "TensorFlow was built for 8 of cudnn, the image has 9.5.1",
            ],
        ),
        (
            TENSORFLOW,
            "cuda_version_number = '10.1'\ncudnn_version_number = '7'\n",
            [
                "TensorFlow was built for 10.1 of cudart, the image has 12.6",
                "TensorFlow was built for 7 of cudnn, the image has 9.5.1",
            ],
        ),
        (
            TENSORFLOW,
            "[('cudnn_version', '9.8')]",
            ["TensorFlow was built for 9.8 of cudnn, the image has 9.5.1"],
        ),
        (TORCH, "__version__ = '2.5'\ncuda: Optional[str] = '12.4'\nhip: Optional[str] = None\n", []),
        (TORCH, "cuda = '11.7'\n", ["PyTorch was built for 11.7 of cudart, the image has 12.6"]),
        (TORCH, "cuda: Optional[str] = None\n", []),
        ("other/version.py", "cuda = '1.0'", []),
    ],
)
def test_what_frameworks_were_built_for_is_read_without_importing_them(
    tmp_path: Path, path: str, text: str, wrong: list[str]
) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text)
    there = [
        libs.Loaded("/lib/libcudart.so.12", "cudart", (12, 6), (12, 6)),
        libs.Loaded("/lib/libcudnn.so.9", "cudnn", (9, 5, 1), (12, 5)),
        libs.Loaded("/lib/libcublas.so.12", "cublas", (12, 6, 4)),
    ]
    assert libs.disagreements(there, libs.claims([str(tmp_path)], {})) == wrong


def test_a_cublas_of_another_cuda_does_not_fit() -> None:
    there = [
        libs.Loaded("/lib/libcudart.so.12", "cudart", (12, 6), (12, 6)),
        libs.Loaded("/lib/libcublas.so.11", "cublas", (11, 8, 1)),
    ]
    assert libs.disagreements(there, []) == ["/lib/libcublas.so.11 is of CUDA 11, the image has [12]"]


# the frameworks and Jupyter, as far as they can be had without being there


class Row(list[Any]):
    """A number that behaves like an array of one, with the device that it was computed on."""

    device = "/job:localhost/replica:0/task:0/device:GPU:0"

    def astype(self, _: str) -> Row:
        return self

    def __matmul__(self, other: Row) -> Row:
        return Row([self[0] * other[0]])

    def __sub__(self, other: Any) -> Row:
        return Row([self[0] - other[0]])

    def max(self) -> float:
        return float(self[0])

    def numpy(self) -> Row:
        return self

    def cpu(self) -> Row:
        return self

    def to(self, device: str) -> Row:
        moved = Row(self)
        moved.device = device
        return moved


NUMPY: Any = SimpleNamespace(
    random=SimpleNamespace(RandomState=lambda: SimpleNamespace(uniform=lambda *_: Row([2.0]))),
    abs=lambda row: Row([abs(row[0])]),
)


def test_tensorflow_is_believed_only_for_the_device_and_the_numbers() -> None:
    class Here:
        def __init__(self, _: str) -> None: ...
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    def tensorflow(product: Row) -> Any:
        config = SimpleNamespace(set_soft_device_placement=lambda on: None, experimental=SimpleNamespace())
        return SimpleNamespace(
            config=config, device=Here, constant=lambda row: row, matmul=lambda *_: product
        )

    def multiplied(product: Row) -> str:
        try:
            tensorflow_probe.multiply(tensorflow(product), NUMPY, "/GPU:0")
        except Ended as ended:
            return ended.reason
        return ""

    assert multiplied(Row([4.0])) == ""
    assert "wrong by" in multiplied(Row([4.5]))
    assert "wrong by nan" in multiplied(Row([float("nan")]))
    elsewhere = Row([4.0])
    elsewhere.device = "/job:localhost/replica:0/task:0/device:CPU:0"
    assert multiplied(elsewhere) == f"the product was computed on {elsewhere.device}, not on /GPU:0"


def test_torch_is_believed_only_for_the_device_and_the_numbers() -> None:
    class Moved(Row):
        def __matmul__(self, other: Row) -> Row:
            return Row([self[0] * other[0] + off]).to(where)

    class Source(Row):
        def to(self, device: str) -> Row:
            return Moved(self)

    torch = SimpleNamespace(backends=SimpleNamespace(), from_numpy=Source)

    def multiplied() -> str:
        try:
            torch_probe.multiply(torch, NUMPY, "cuda:0")
        except Ended as ended:
            return ended.reason
        return ""

    where, off = "cuda:0", 0.0
    assert multiplied() == ""
    where, off = "cpu", 0.0
    assert multiplied() == "the product was computed on cpu, not on cuda:0"
    where, off = "cuda:0", 1.0
    assert "wrong by" in multiplied()


def test_jupyter_is_started_as_the_image_starts_it_or_by_itself() -> None:
    lab = {"entrypoint": ["tini", "--"], "command": ["start-notebook.sh"]}
    assert jupyter_probe.command(lab) == ["tini", "--", "start-notebook.sh"]
    other = jupyter_probe.command({"entrypoint": [], "command": ["bash"]})
    assert other[0] == "jupyter"
    assert "--ip=127.0.0.1" in other


def test_no_cell_holds_what_it_must_print() -> None:
    assert not [cell for cell in jupyter_probe.CELLS.values() if jupyter_probe.ANSWER in cell]
