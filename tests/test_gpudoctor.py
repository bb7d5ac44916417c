"""What `doctor` says of the GPU side, from nothing at all to everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.adapters import machine
from pipeline.adapters.machine import GpuSide
from pipeline.run.gpudoctor import gpu_side

NONE = GpuSide(0, "", (), (), ("debian",))
BARE: dict[str, Any] = {"Runtimes": {"runc": {}}, "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"]}
RUNTIME: dict[str, Any] = {"Runtimes": {"nvidia": {}}, "CDISpecDirs": None}


def said(about: dict[str, Any], side: GpuSide, *, local: bool = True) -> dict[str, tuple[str, str, str]]:
    found = gpu_side(about, side, local=local)
    return {one.part: (str(one.health), one.text, one.hint) for one in found}


def test_a_machine_without_anything_is_told_every_step() -> None:
    found = said(BARE, NONE)
    assert [health for health, _, _ in found.values()] == ["warning"] * 4
    assert found["gpu"][1] == "no NVIDIA device here: GPU probes will be inconclusive"
    assert found["gpu driver"][2].startswith("apt-get install -y nvidia-driver")
    assert found["gpu toolkit"][2] == (
        "add NVIDIA's package source (NVIDIA's page 'Installing the NVIDIA Container Toolkit'), then: "
        "apt-get install -y nvidia-container-toolkit && nvidia-ctk runtime configure --runtime=docker "
        "&& restart the engine"
    )
    assert found["gpu cdi"][2].startswith("nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml")


def test_the_commands_are_those_of_the_distribution() -> None:
    fedora = GpuSide(1, "550.1", ("systemctl",), (), ("rocky", "rhel", "fedora"))
    assert "dnf install -y nvidia-container-toolkit" in said(BARE, fedora)["gpu toolkit"][2]
    assert said(BARE, fedora)["gpu toolkit"][2].endswith("&& systemctl restart docker")
    ubuntu = GpuSide(1, "", (), (), ("ubuntu", "debian"))
    assert said(BARE, ubuntu)["gpu driver"][2] == "ubuntu-drivers install, then reboot"
    assert "apt-get install" in said(BARE, GpuSide(0, "", (), (), ("gentoo",)))["gpu toolkit"][2]


def test_one_of_the_two_ways_is_enough() -> None:
    there = GpuSide(2, "550.54.15", ("nvidia-smi",), (), ("debian",))
    found = said(RUNTIME, there)
    assert {health for health, _, _ in found.values()} == {"ok"}
    assert found["gpu"][1] == "2 NVIDIA devices on this machine"
    assert found["gpu driver"][1] == "550.54.15"
    described = GpuSide(1, "550.54.15", (), ("/etc/cdi/nvidia.yaml",), ("debian",))
    found = said(BARE, described)
    assert {health for health, _, _ in found.values()} == {"ok"}
    assert "/etc/cdi/nvidia.yaml" in found["gpu cdi"][1]
    assert not [hint for _, _, hint in found.values() if hint]


def test_what_is_installed_and_not_set_up_is_told_apart() -> None:
    hook = GpuSide(1, "550.1", ("nvidia-container-runtime-hook", "nvidia-ctk", "systemctl"), (), ("debian",))
    health, text, hint = said({"Runtimes": {"runc": {}}}, hook)["gpu toolkit"]
    assert (health, text) == (
        "warning",
        "the NVIDIA Container Toolkit is installed, and its runtime is not set up",
    )
    assert hint == "nvidia-ctk runtime configure --runtime=docker && systemctl restart docker"
    assert "features" in said({"Runtimes": {}}, NONE)["gpu cdi"][2]


def test_of_an_engine_elsewhere_only_its_own_word_is_known() -> None:
    found = said(RUNTIME, NONE, local=False)
    assert found["gpu"][1] == "the engine is elsewhere: its GPUs cannot be seen from here"
    assert "gpu driver" not in found
    assert found["gpu toolkit"][0] == "ok"


def test_a_machine_is_looked_at(tmp_path: Path) -> None:
    for name, vendor, kind in (
        ("a", "0x10de", "0x030200"),
        ("b", "0x10de", "0x040300"),
        ("c", "0x8086", "0x030000"),
    ):
        folder = tmp_path / "sys/bus/pci/devices" / name
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n"
    (tmp_path / "proc/driver/nvidia/version").write_text(version)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('NAME="Rocky"\nID="rocky"\nID_LIKE="rhel centos fedora"\n')
    (tmp_path / "cdi").mkdir()
    (tmp_path / "cdi/nvidia.yaml").write_text("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n")
    (tmp_path / "cdi/other.json").write_text('{"kind": "vendor.example/gpu"}')
    side = machine.look([str(tmp_path / "cdi"), str(tmp_path / "nowhere")], tmp_path)
    assert (side.devices, side.driver) == (1, "550.54.15")
    assert side.specifications == (str(tmp_path / "cdi/nvidia.yaml"),)
    assert side.like == ("rocky", "rhel", "centos", "fedora")
    assert machine.look([], tmp_path / "nowhere") == GpuSide(0, "", side.programs, (), ())
