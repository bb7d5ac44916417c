"""The built-in probes: which scripts each of them is, and how they are started in an image."""

from __future__ import annotations

# the folder, in the container, of everything that a probe brings along
PLACE = "/stackbuild"
TESTS = f"{PLACE}/tests"
FILES = f"{PLACE}/files"
# looks for a Python in the image, and starts the first script with it; without one, the second with sh
START = "start.sh"
# what every probe that uses the GPU is preceded by where it cannot show by itself that there is one
SIGHT = "nvidia-smi"

_SHARED = ("telling.py",)
_DRIVER = ("cuda_probe.py", *_SHARED)
_SCRIPTS: dict[str, tuple[str, ...]] = {
    "cuda": _DRIVER,
    "cuda-libs": ("cuda_libs_probe.py", *_SHARED),
    "gpu": ("cuda_probe.py", "nvidia_smi.sh", *_SHARED),
    "jupyter": ("jupyter_probe.py", *_SHARED),
    "nvidia-smi": ("nvidia_smi.sh",),
    "tensorflow": ("tensorflow_probe.py", *_DRIVER),
    "torch": ("torch_probe.py", *_DRIVER),
}


def scripts_of(probe: str) -> tuple[str, ...]:
    """The scripts that a built-in probe brings along; the first is the one that is started."""
    found = _SCRIPTS[probe]
    return found if found[0].endswith(".sh") else (*found, START)


def command_of(probe: str) -> tuple[str, ...]:
    """The command that starts a built-in probe."""
    first, *others = scripts_of(probe)
    if first.endswith(".sh"):
        return ("sh", f"{PLACE}/{first}")
    instead = [other for other in others if other.endswith(".sh") and other != START]
    return ("sh", f"{PLACE}/{START}", first, *instead)
