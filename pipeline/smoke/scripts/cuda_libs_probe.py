"""CUDA's libraries, without a GPU: each can be loaded, and all that speaks of versions agrees."""

import ctypes
import glob
import os
import re
import signal
import subprocess
import sys
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

from telling import failed, inconclusive, run

# the families of NVIDIA's libraries that programs are linked with; the driver's own come from the machine
FAMILIES = re.compile(
    r"lib(cudart|cublas|cublasLt|cufft|cufftw|curand|cusolver|cusolverMg|cusparse|cusparseLt|cudnn\w*|nccl"
    r"|nvrtc|nvrtc-builtins|nvJitLink|nvjpeg|npp\w+|nvinfer\w*|nvToolsExt|cupti)\.so(\.[\d.]+)?\Z"
)
# a library that needs these needs the machine's driver, and cannot be loaded without one
DRIVER = re.compile(r"lib(cuda|nvidia-\w+|nvcuvid)\.so(\.\d+)?: cannot open shared object file")
FOLDERS = (
    "/usr/local/cuda*/lib64",
    "/usr/local/cuda*/targets/*/lib",
    "/usr/local/cuda*/extras/CUPTI/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/opt/conda/lib",
)
LONGEST = 120
Version = Tuple[int, ...]


class Loaded(NamedTuple):
    """A library that could be loaded, and the version that it says it has, () where it says none."""

    path: str
    family: str
    version: Version
    runtime: Version = ()


def search(folders: Iterable[str]) -> List[str]:
    """Every library of the families below the folders, each file once, under its longest name."""
    found: Dict[str, str] = {}
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            real = os.path.realpath(path)
            if not FAMILIES.match(name) or "/stubs/" in real:
                continue
            if not os.path.exists(real):
                # a link that leads nowhere: a program that is linked with that name will not start
                real = path
            found.setdefault(real, path)
    return sorted(found)


def folders() -> List[str]:
    """Where the image keeps libraries: where its linker looks, where CUDA is installed, pip's packages."""
    places = [place for place in os.environ.get("LD_LIBRARY_PATH", "").split(":") if place]
    for pattern in FOLDERS:
        places += sorted(glob.glob(pattern))
    for place in packages():
        places += sorted(glob.glob(os.path.join(place, "nvidia", "*", "lib")))
        places += sorted(glob.glob(os.path.join(place, "torch", "lib")))
    return list(dict.fromkeys(places))


def packages() -> List[str]:
    """The folders of Python's packages."""
    return [place for place in dict.fromkeys(sys.path[1:]) if place and os.path.isdir(place)]


def parts(text: str) -> Version:
    """The numbers that a version begins with: `12.6.3` is (12, 6, 3), `9.5.1.17-1` (9, 5, 1, 17)."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found.group().split("."))) if found else ()


def shown(version: Version) -> str:
    """A version as people write it."""
    return ".".join(map(str, version)) or "?"


def _thousands(number: int) -> Version:
    return number // 1000, number % 1000 // 10


def _cudnn(number: int) -> Version:
    # since 9.0 the major version stands before ten thousands
    base = 10000 if number >= 90000 else 1000
    return number // base, number % base // 100, number % 100


def _asked(library: Any, name: str, *kinds: Any) -> Optional[Tuple[int, ...]]:
    function = getattr(library, name, None)
    if function is None:
        return None
    values = [kind() for kind in kinds]
    return None if function(*map(ctypes.byref, values)) else tuple(value.value for value in values)


def _said(library: Any, family: str) -> Tuple[Version, Version]:
    """A library's version, and that of the CUDA runtime it was built with; () for what it does not say."""
    if family == "cudart":
        found = _asked(library, "cudaRuntimeGetVersion", ctypes.c_int)
        return (_thousands(found[0]), _thousands(found[0])) if found else ((), ())
    if family == "nvrtc":
        found = _asked(library, "nvrtcVersion", ctypes.c_int, ctypes.c_int)
        return (found, found) if found else ((), ())
    if family == "cudnn" and hasattr(library, "cudnnGetVersion"):
        library.cudnnGetVersion.restype = library.cudnnGetCudartVersion.restype = ctypes.c_size_t
        return _cudnn(library.cudnnGetVersion()), _thousands(library.cudnnGetCudartVersion())
    if family == "cublas" and hasattr(library, "cublasGetProperty"):
        values = [ctypes.c_int() for _ in range(3)]
        if not any(library.cublasGetProperty(kind, ctypes.byref(value)) for kind, value in enumerate(values)):
            return tuple(value.value for value in values), ()
    return (), ()


def load(path: str) -> str:
    """Load one library in this process; gives what it says of itself as `FAMILY VERSION RUNTIME`."""
    family = (FAMILIES.match(os.path.basename(path)) or ["", ""])[1]
    library = ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_LOCAL)
    version, runtime = _said(library, str(family))
    return "{} {} {}".format(family, shown(version), shown(runtime))


def surroundings(path: str) -> Dict[str, str]:
    """Where to load a library: a framework loads those of pip's packages in an order that fits."""
    found = dict(os.environ)
    place = os.path.dirname(os.path.dirname(os.path.dirname(path)))
    if os.path.basename(place) == "nvidia":
        others = sorted(glob.glob(os.path.join(place, "*", "lib")))
        found["LD_LIBRARY_PATH"] = ":".join([*others, found.get("LD_LIBRARY_PATH", "")])
    return found


def look(path: str) -> Tuple[Optional[Loaded], str]:
    """Load a library in a process of its own, which it may crash; gives it, or why it cannot be."""
    line = [sys.executable, "-B", os.path.abspath(__file__), path]
    try:
        done = subprocess.run(
            line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONGEST, env=surroundings(path)
        )
    except subprocess.TimeoutExpired:
        return None, "loading it does not end"
    said = done.stdout.decode("utf-8", "replace").strip().splitlines() or [""]
    if done.returncode < 0:
        return None, "loading it ends in {}".format(signal.Signals(-done.returncode).name)
    if done.returncode:
        return None, said[-1]
    family, version, runtime = said[-1].split(" ")
    return Loaded(path, family, parts(version), parts(runtime)), ""


def survey(paths: List[str], tell: Callable[[str], None]) -> Tuple[List[Loaded], List[str], int]:
    """Load all libraries; gives those that can be, what is wrong with others, and how many want a driver."""
    found, wrong, waiting = [], [], 0
    for path in paths:
        library, why = look(path)
        if library:
            tell("{}  {}".format(path, shown(library.version) if library.version else "loads"))
            found.append(library)
        elif DRIVER.search(why):
            tell("{}  needs the driver".format(path))
            waiting += 1
        else:
            wrong.append("{}: {}".format(path, why))
    return found, wrong, waiting


def claims(packages: List[str], environment: Any) -> List[Tuple[str, str, Version]]:
    """What speaks of a version: who, of which family, and which version."""
    found = []
    variables = (("CUDA_VERSION", "cudart"), ("NV_CUDNN_VERSION", "cudnn"), ("CUDNN_VERSION", "cudnn"))
    for name, family in variables:
        if parts(environment.get(name, "")):
            found.append((name, family, parts(environment[name])))
    for place in packages:
        for who, path, patterns in (
            ("TensorFlow", "tensorflow/python/platform/build_info.py", _TENSORFLOW),
            ("PyTorch", "torch/version.py", _TORCH),
        ):
            text = _text(os.path.join(place, path))
            for family, pattern in patterns:
                said = re.search(pattern, text)
                if said and parts(said.group(1)):
                    found.append((who, family, parts(said.group(1))))
    return found


_QUOTED = r"""['"]?\s*[,:=]\s*['"]([\d.]+)['"]"""
_TENSORFLOW = (
    ("cudart", r"""cuda_version(?:_number)?""" + _QUOTED),
    ("cudnn", r"""cudnn_version(?:_number)?""" + _QUOTED),
)
_TORCH = (("cudart", r"""(?m)^cuda\b[^=\n]*=\s*['"]([\d.]+)['"]"""),)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def disagreements(found: List[Loaded], said: List[Tuple[str, str, Version]]) -> List[str]:
    """What does not fit together.

    A variable of the image names its version exactly; a framework was built for a version, and runs with
    the same major version that is no older in cuDNN's case. Where several copies of a library lie in the
    image, one that fits is enough for a framework, which brings its own.
    """
    wrong = []
    have: Dict[str, List[Version]] = {}
    for library in found:
        if library.version:
            have.setdefault(library.family, []).append(library.version)
    for who, family, wanted in said:
        versions = have.get(family, [])
        exact = who.isupper()
        fitting = [one for one in versions if _fits(one, wanted, exact, family)]
        if not versions:
            wrong.append("{} speaks of {} {}, and there is none".format(who, family, shown(wanted)))
        elif not fitting:
            there = ", ".join(sorted(set(map(shown, versions))))
            what = "says {}" if exact else "was built for {}"
            text = "{} {} of {}, the image has {}"
            wrong.append(text.format(who, what.format(shown(wanted)), family, there))
    runtimes = {version[0] for version in have.get("cudart", [])}
    for library in found:
        if library.runtime and runtimes and library.runtime[0] not in runtimes:
            text = "{} was built for CUDA {}, the image has {}"
            wrong.append(text.format(library.path, shown(library.runtime), sorted(runtimes)))
        # its major version is CUDA's, and has been since CUDA 9
        major = library.version[:1] if library.family == "cublas" else ()
        if major and runtimes and major[0] not in runtimes:
            text = "{} is of CUDA {}, the image has {}"
            wrong.append(text.format(library.path, library.version[0], sorted(runtimes)))
    return wrong


def _fits(version: Version, wanted: Version, exact: bool, family: str) -> bool:
    if exact:
        depth = min(2, len(version), len(wanted))
        return version[:depth] == wanted[:depth]
    newer = family != "cudnn" or version[: len(wanted)] >= wanted[: len(version)]
    return version[0] == wanted[0] and newer


def probe(order: Dict[str, Any]) -> None:
    """Everything that is there, and everything that is said of it."""
    found, wrong, waiting = survey(search(folders()), print)
    said = claims(packages(), os.environ)
    for who, family, version in said:
        print("{} speaks of {} {}".format(who, family, shown(version)))
    if not found and not wrong and not waiting:
        if order.get("stand_in"):
            text = "no CUDA library to be seen: the image stands on a stand-in ({})"
            raise inconclusive(text.format(order["stand_in"]))
        if not said:
            raise failed("the image has no CUDA library, and nothing in it speaks of one")
    wrong += disagreements(found, said)
    if wrong:
        for line in wrong:
            print(line)
        more = " (and {} more)".format(len(wrong) - 1) if len(wrong) > 1 else ""
        raise failed(wrong[0] + more)
    if not found:
        raise inconclusive("no CUDA library was loaded: all {} need the machine's driver".format(waiting))
    print("{} libraries load, {} wait for a driver".format(len(found), waiting))


def child(path: str) -> None:
    """What the process does that loads one library."""
    try:
        print(load(path))
    except OSError as error:
        print(error)
        sys.exit(1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1])
    else:
        run(probe)
