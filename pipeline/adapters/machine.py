"""What this machine has for GPUs: devices, a driver in its kernel, programs, CDI specifications."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

NVIDIA = "0x10de"
# display controllers, and accelerators without a display
CLASSES = ("0x03", "0x12")


@dataclass(frozen=True, slots=True)
class GpuSide:
    """NVIDIA devices on the bus, the kernel's driver ("" for none), programs by name, CDI files.

    `like` are the names of the distribution and of those that it is like.
    """

    devices: int
    driver: str
    programs: tuple[str, ...]
    specifications: tuple[str, ...]
    like: tuple[str, ...]


PROGRAMS = ("nvidia-ctk", "nvidia-container-runtime-hook", "nvidia-smi", "systemctl")


def look(spec_folders: Iterable[str], root: Path = Path("/")) -> GpuSide:
    """Look, and change nothing; `spec_folders` is where the engine reads CDI specifications."""
    return GpuSide(
        _devices(root / "sys/bus/pci/devices"),
        _driver(root / "proc/driver/nvidia/version"),
        tuple(name for name in PROGRAMS if shutil.which(name)),
        tuple(_specifications(spec_folders)),
        _distribution(root / "etc/os-release"),
    )


def _devices(bus: Path) -> int:
    found = 0
    with contextlib.suppress(OSError):
        for device in bus.iterdir():
            vendor, kind = _read(device / "vendor").strip(), _read(device / "class")
            found += vendor == NVIDIA and kind.startswith(CLASSES)
    return found


def _driver(file: Path) -> str:
    found = re.search(r"\s(\d+\.\d[\d.]*)\s", _read(file))
    return found[1] if found else ""


def _specifications(folders: Iterable[str]) -> Iterable[str]:
    """The files that describe NVIDIA's devices, in JSON or YAML."""
    for folder in folders:
        for path in sorted(Path(folder).glob("*")):
            if path.suffix in {".json", ".yaml"} and re.search(r"kind\W+nvidia\.com/gpu\b", _read(path)):
                yield str(path)


def _distribution(file: Path) -> tuple[str, ...]:
    found = dict(re.findall(r'(?m)^(ID|ID_LIKE)="?([^"\n]*)"?$', _read(file)))
    return tuple(f"{found.get('ID', '')} {found.get('ID_LIKE', '')}".split())


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
