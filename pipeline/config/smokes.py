"""`[[smoke]]`."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from pipeline.config.values import read_duration, read_size
from pipeline.tomlfile import Table, nearest

DEFAULT_TIMEOUT = 120.0
# a socket waits for 24 days at most
LONGEST_TIMEOUT = 7 * 86_400.0
DEFAULT_MEMORY = 8 << 30
# what a probe finds on a network is true for a while
NETWORK_AGE = 7 * 86_400.0
DEFAULT_PIDS = 4096
GPU_PROBES = ("cuda", "gpu", "nvidia-smi", "tensorflow", "torch")
PROBES = tuple(sorted((*GPU_PROBES, "cuda-libs", "jupyter")))

_CAPABILITY = re.compile(r"(?:CAP_)?[A-Z][A-Z_]+\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?\Z")


@dataclass(frozen=True, slots=True)
class Smoke:
    """One `[[smoke]]`: a command or a built-in probe to run in built images.

    No globs: the leaves; no variants: all. `files` and `tests` are paths below the folder of stacks.toml, or
    `TREE:PATH` below a tree's; `timeout` is in seconds, `memory` in bytes (0: no limit). A verdict counts for
    `max_age` seconds (0: for ever).
    """

    run: tuple[str, ...]
    where: str
    name: str = ""
    images: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    gpu: bool = False
    timeout: float = DEFAULT_TIMEOUT
    probe: str = ""
    env: tuple[tuple[str, str], ...] = ()
    user: str = ""
    network: bool = False
    expect: str = ""
    files: tuple[str, ...] = ()
    tests: str = ""
    inherit: bool = False
    capabilities: tuple[str, ...] = ()
    memory: int = DEFAULT_MEMORY
    pids: int = DEFAULT_PIDS
    max_age: float = 0.0


def read_smoke(table: Table, variants: list[str]) -> Smoke:
    """One probe; `variants` are those that there are."""
    wanted = table.strings("variants")
    for variant in wanted:
        if variant not in variants:
            hint = nearest(variant, variants) or f"there are: {', '.join(variants)}"
            table.problem(f"no variant '{variant}'", "variants", hint)
    run, probe, tests = table.strings("run"), _read_probe(table), _read_path(table, "tests")
    given = [key for key in ("probe", "run", "tests") if table.has(key)]
    if not given:
        hint = 'give a command, run = ["python3", "-c", "…"], a built-in probe, or a folder of tests'
        table.problem("a probe needs 'run'", hint=hint)
    elif table.has("run") and not (run and run[0]):
        table.problem("'run' is empty", "run", "the first word is the program")
    elif "probe" in given and len(given) > 1:
        table.problem(f"'probe' and '{given[1]}' exclude each other", given[1], "write two [[smoke]]")
    gpu = table.take("gpu", bool, default=probe in GPU_PROBES)
    if probe in GPU_PROBES and not gpu:
        table.problem(f"the probe '{probe}' needs a GPU", "gpu", "leave 'gpu' out")
    network = table.take("network", bool, default=False)
    smoke = Smoke(
        run=run,
        where=table.where,
        name=table.take("name", str, ""),
        images=table.strings("images"),
        variants=wanted,
        gpu=gpu,
        timeout=_read_timeout(table),
        probe=probe,
        env=table.pairs("env"),
        user=_read_user(table),
        network=network,
        expect=_read_pattern(table),
        files=_read_files(table),
        tests=tests,
        inherit=table.take("inherit", bool, default=False),
        capabilities=_read_capabilities(table),
        memory=read_size(table, "memory", DEFAULT_MEMORY),
        pids=_read_pids(table),
        max_age=_read_age(table, NETWORK_AGE if network else 0.0),
    )
    table.close()
    return smoke


def _read_probe(table: Table) -> str:
    probe = table.take("probe", str, "")
    if table.has("probe") and probe not in PROBES:
        hint = nearest(probe, PROBES) or f"there are: {', '.join(PROBES)}"
        table.problem(f"no built-in probe '{probe}'", "probe", hint)
    return probe


def _read_timeout(table: Table) -> float:
    timeout = read_duration(table, "timeout", DEFAULT_TIMEOUT)
    if timeout > LONGEST_TIMEOUT:
        table.problem("no probe may take longer than a week", "timeout")
        return DEFAULT_TIMEOUT
    return timeout


def _read_age(table: Table, default: float) -> float:
    if table.has("max_age"):
        return read_duration(table, "max_age", default or NETWORK_AGE)
    table.take("max_age", str, "")
    return default


def _read_user(table: Table) -> str:
    user = table.take("user", str, "")
    if user and not _USER.match(user):
        table.problem(f"'{user}' is no user", "user", "write it like jovyan, 1000 or 1000:100")
    return user


def _read_pattern(table: Table) -> str:
    pattern = table.take("expect", str, "")
    try:
        re.compile(pattern)
    except re.error as error:
        table.problem(f"'{pattern}' is no regular expression: {error}", "expect")
        return ""
    if pattern and table.has("probe"):
        table.problem("a built-in probe judges itself: 'expect' is for 'run'", "expect")
    return pattern


def _read_files(table: Table) -> tuple[str, ...]:
    files = table.strings("files")
    for path in files:
        _check_path(table, "files", path)
    if files and table.has("probe"):
        table.problem("a built-in probe reads no files: 'files' is for 'run'", "files")
    names: dict[str, str] = {}
    for path in files:
        name = called(path)
        if names.setdefault(name, path) != path:
            table.problem(f"'{names[name]}' and '{path}' would both be called '{name}'", "files")
    return files


def called(path: str) -> str:
    """What a file or folder is called where a probe finds it."""
    return posixpath.basename((path.partition(":")[2] or path).rstrip("/"))


def _read_path(table: Table, key: str) -> str:
    path = table.take(key, str, "")
    if table.has(key):
        _check_path(table, key, path)
    return path


def _check_path(table: Table, key: str, path: str) -> None:
    inner = path.partition(":")[2] or path
    if not inner or inner.startswith("/") or ".." in inner.split("/"):
        hint = "write it relative to the folder of this file, or as TREE:PATH"
        table.problem(f"'{path}' does not lie below the folder of this file", key, hint)


def _read_capabilities(table: Table) -> tuple[str, ...]:
    found = table.strings("capabilities")
    for name in found:
        if not _CAPABILITY.match(name) or name.removeprefix("CAP_") == "ALL":
            table.problem(f"'{name}' is no capability", "capabilities", "write it like SYS_NICE")
    return tuple(sorted(name.removeprefix("CAP_") for name in found))


def _read_pids(table: Table) -> int:
    pids = table.take("pids", int, DEFAULT_PIDS)
    if pids < 1:
        table.problem("'pids' must be one at least", "pids")
        return DEFAULT_PIDS
    return pids
