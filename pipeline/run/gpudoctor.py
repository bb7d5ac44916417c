"""What the GPU side of this machine lacks for GPU probes, and the commands that get it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.adapters.machine import GpuSide
from pipeline.run.finding import Finding, Health

PAGE = "NVIDIA's page 'Installing the NVIDIA Container Toolkit'"
CONFIGURE = "nvidia-ctk runtime configure --runtime=docker"
INSTALL = {
    "debian": "apt-get install -y nvidia-container-toolkit",
    "fedora": "dnf install -y nvidia-container-toolkit",
    "suse": "zypper install -y nvidia-container-toolkit",
}
DRIVERS = {
    "ubuntu": "ubuntu-drivers install",
    "debian": "apt-get install -y nvidia-driver (from the component non-free)",
    "fedora": "install the driver as your distribution says",
}


def gpu_side(about: Mapping[str, Any], side: GpuSide, *, local: bool) -> Iterator[Finding]:
    """Device, driver, toolkit and CDI, in the order in which each needs the one before.

    `about` is what the engine says of itself, `local` whether it is on the machine that was looked at.
    """
    if not local:
        yield Finding("gpu", Health.WARNING, "the engine is elsewhere: its GPUs cannot be seen from here")
    else:
        yield _device(side)
        yield _driver(side)
    toolkit, cdi = _has_toolkit(about, side, local=local), _has_cdi(about, side, local=local)
    yield _toolkit(about, side, toolkit=toolkit, other=cdi)
    yield _cdi(about, side, cdi=cdi, other=toolkit)


def _device(side: GpuSide) -> Finding:
    if side.devices or side.driver:
        number = (
            f"{side.devices} NVIDIA device{'s' if side.devices > 1 else ''}" if side.devices else "NVIDIA's"
        )
        return Finding("gpu", Health.OK, f"{number} on this machine")
    hint = "probe on one that has: stackbuild smoke --gpu require, with the registry that this one pushes to"
    return Finding("gpu", Health.WARNING, "no NVIDIA device here: GPU probes will be inconclusive", hint)


def _driver(side: GpuSide) -> Finding:
    if side.driver:
        return Finding("gpu driver", Health.OK, side.driver)
    known = next((DRIVERS[name] for name in side.like if name in DRIVERS), DRIVERS["fedora"])
    return Finding("gpu driver", Health.WARNING, "no NVIDIA driver in the kernel", f"{known}, then reboot")


def _has_toolkit(about: Mapping[str, Any], side: GpuSide, *, local: bool) -> bool:
    hook = local and "nvidia-container-runtime-hook" in side.programs
    return "nvidia" in (about.get("Runtimes") or {}) or hook


def _has_cdi(about: Mapping[str, Any], side: GpuSide, *, local: bool) -> bool:
    return bool(about.get("CDISpecDirs")) and (bool(side.specifications) or not local)


def _toolkit(about: Mapping[str, Any], side: GpuSide, *, toolkit: bool, other: bool) -> Finding:
    restart = "systemctl restart docker" if "systemctl" in side.programs else "restart the engine"
    if "nvidia" in (about.get("Runtimes") or {}):
        return Finding("gpu toolkit", Health.OK, "the NVIDIA Container Toolkit's runtime is set up")
    if toolkit:
        text = "the NVIDIA Container Toolkit is installed, and its runtime is not set up"
        return Finding(
            "gpu toolkit", Health.OK if other else Health.WARNING, text, f"{CONFIGURE} && {restart}"
        )
    install = next((INSTALL[name] for name in side.like if name in INSTALL), INSTALL["debian"])
    hint = f"add NVIDIA's package source ({PAGE}), then: {install} && {CONFIGURE} && {restart}"
    if "nvidia-ctk" in side.programs:
        hint = f"{CONFIGURE} && {restart}"
    text = "the engine has no NVIDIA runtime"
    return Finding("gpu toolkit", Health.OK if other else Health.WARNING, text, "" if other else hint)


def _cdi(about: Mapping[str, Any], side: GpuSide, *, cdi: bool, other: bool) -> Finding:
    folders = [str(folder) for folder in about.get("CDISpecDirs") or ()]
    health = Health.OK if cdi or other else Health.WARNING
    if cdi:
        files = ", ".join(side.specifications) or "whatever lies on the engine's machine"
        return Finding("gpu cdi", health, f"devices are described in {', '.join(folders)}: {files}")
    if not folders:
        text = "the engine does not use CDI"
        hint = '"features": {"cdi": true} in the engine\'s daemon.json (Docker 25 or newer), and restart it'
        return Finding("gpu cdi", health, text, "" if other else hint)
    text = f"nothing in {', '.join(folders)} describes an NVIDIA device"
    hint = f"nvidia-ctk cdi generate --output={folders[0]}/nvidia.yaml (it comes with the toolkit)"
    return Finding("gpu cdi", health, text, "" if other else hint)
