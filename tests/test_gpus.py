"""How an engine hands out its GPUs, and what it says when it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.adapters import gpus
from pipeline.adapters.gpus import Way
from pipeline.errors import InputError


@pytest.mark.parametrize(
    ("about", "device", "ways"),
    [
        ({"Runtimes": {"nvidia": {}, "runc": {}}}, "all", (Way.TOOLKIT,)),
        ({"Runtimes": {"nvidia": {}}, "CDISpecDirs": ["/etc/cdi"]}, "all", (Way.TOOLKIT, Way.CDI)),
        ({"Runtimes": {"runc": {}}, "CDISpecDirs": ["/etc/cdi"]}, "0", (Way.CDI, Way.TOOLKIT)),
        ({"Runtimes": {"runc": {}}, "CDISpecDirs": None}, "all", (Way.TOOLKIT,)),
        ({}, "all", (Way.TOOLKIT,)),
        ({"Runtimes": {"nvidia": {}}}, "nvidia.com/gpu=0", (Way.CDI,)),
    ],
)
def test_the_engine_is_asked_in_the_ways_that_it_has(
    about: dict[str, Any], device: str, ways: tuple[Way, ...]
) -> None:
    assert gpus.ways(about, device) == ways


@pytest.mark.parametrize(
    ("way", "device", "driver", "ids", "count"),
    [
        (Way.TOOLKIT, "all", "", None, -1),
        (Way.TOOLKIT, "0,1", "", ["0", "1"], 0),
        (Way.CDI, "all", "cdi", ["nvidia.com/gpu=all"], 0),
        (Way.CDI, "0,1", "cdi", ["nvidia.com/gpu=0", "nvidia.com/gpu=1"], 0),
        (Way.CDI, "vendor.example/gpu=x", "cdi", ["vendor.example/gpu=x"], 0),
    ],
)
def test_a_request_names_the_gpus_that_are_meant(
    way: Way, device: str, driver: str, ids: list[str] | None, count: int
) -> None:
    found = gpus.request(way, device)
    assert (found["Driver"] or "") == driver
    assert (found["DeviceIDs"] or None) == ids
    assert (found["Count"] or 0) == count
    wanted = [["gpu", "compute", "utility"]] if way is Way.TOOLKIT else []
    assert (found["Capabilities"] or []) == wanted


@pytest.mark.parametrize("text", ["0;rm", "a b", "=", "../x=", "gpu=", "0,,1", "\n"])
def test_what_names_no_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STACKBUILD_GPU", text)
    with pytest.raises(InputError, match="names no GPU"):
        gpus.wanted()


@pytest.mark.parametrize("text", ["all", "0", "0,1", "GPU-5c5e-12", "MIG-5c5e", "nvidia.com/gpu=0:1"])
def test_gpus_are_named_by_number_id_or_cdi_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STACKBUILD_GPU", text)
    assert gpus.wanted() == text
    monkeypatch.setenv("STACKBUILD_GPU", "")
    assert gpus.wanted() == "all"


LEGACY = (
    "failed to create task for container: OCI runtime create failed: error running prestart hook #0: "
    "exit status 1, stdout: , stderr: Auto-detected mode as 'legacy'\\nnvidia-container-cli: "
)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ('could not select device driver "" with capabilities: [[gpu]]', "no GPU on this engine"),
        ("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all", "no GPU on this engine"),
        (f"{LEGACY}initialization error: nvml error: driver not loaded: unknown", "no GPU on this engine"),
        (
            f"{LEGACY}requirement error: unsatisfied condition: cuda>=12.6, please update your driver to a "
            "newer version, or use an earlier cuda container: unknown",
            "the driver is too old for the image's CUDA: it asks for cuda>=12.6",
        ),
        (
            f"{LEGACY}initialization error: driver rpc error: timed out: unknown",
            "the NVIDIA driver does not work: driver rpc error: timed out",
        ),
        (f"{LEGACY}mount error: file creation failed: /x/libnvidia-ml.so.1: file exists: unknown", ""),
        ('exec: "sh": executable file not found in $PATH', ""),
    ],
)
def test_only_what_is_said_of_the_machine_leaves_the_image_in_doubt(message: str, why: str) -> None:
    assert gpus.doubt(message) == why
