"""The import order: who may know of whom, and who may touch the world."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

PACKAGE = Path(__file__).parent.parent / "pipeline"

# every room may import those above it, and of other people's packages what stands beside it
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "digest": set(),
    "refs": set(),
    "naming": set(),
    "patience": set(),
    "tomlfile": set(),
    "config": set(),
    "dockerfile": {"dockerfile_parse"},
    "ignore": set(),
    "installs": set(),
    "tree": set(),
    "overlay": set(),
    "graph": {"networkx"},
    "keys": set(),
    "lock": set(),
    "plan": set(),
    "explain": set(),
    "schedule": set(),
    "expected": set(),
    "hints": set(),
    "outcome": set(),
    "ports": set(),
    "artifact": set(),
    "labels": set(),
    "smoke": set(),
    "build": set(),
    "publish": set(),
    "cifiles": set(),
    "testimony": set(),
    "retention": set(),
    "manifest": set(),
    "shelf": set(),
    "freshness": set(),
    "prune": set(),
    "drawing": set(),
    "show": set(),
    "adapters": {"click", "docker", "platformdirs", "requests", "rich", "tenacity", "urllib3"},
    "run": {"platformdirs"},
    "cli": {"click", "click_default_group"},
    "__main__": set(),
}
ORDER = list(ROOMS)
EDGE = {"run", "cli", "__main__"}
# of the standard library: what reaches disk, network or other processes
WORLD = {"ftplib", "http", "mmap", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "urllib"}
# and what only has to do with this process and its machine, which the edge may ask
MACHINE = {
    "asyncio", "datetime", "getpass", "glob", "locale", "multiprocessing", "os", "pathlib", "platform",
    "random", "secrets", "shutil", "signal", "sys", "tempfile", "threading", "time", "uuid",
}  # fmt: skip
CALLS = {"open", "input", "print", "exec", "eval", "__import__"}
METHODS = {"abspath", "realpath", "getcwd", "expanduser", "expandvars", "isfile", "isdir", "exists"}
WRITING = {"write_bytes", "mkdir", "unlink", "rmdir", "rmtree", "touch", "symlink_to", "chmod", "copytree"}


@cache
def read() -> dict[str, str]:
    """Every module's source by its full name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        # what runs inside images is no part of the program
        if path.parent.name == "scripts":
            continue
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


@dataclass(frozen=True, slots=True)
class Seen:
    """What a source does that the order speaks of: its imports, and calls and attributes with their lines."""

    imports: frozenset[tuple[str, str]]
    for_types: frozenset[tuple[str, str]]
    calls: tuple[tuple[int, str], ...]
    asks: tuple[tuple[int, str], ...]
    writes: tuple[tuple[int, str], ...]


@cache
def seen(source: str) -> Seen:
    """A source, read once."""
    nodes = list(ast.walk(ast.parse(source)))
    blocks = [
        node.body
        for node in nodes
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    calls, asks, writes = list[tuple[int, str]](), list[tuple[int, str]](), list[tuple[int, str]]()
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                calls.append((node.lineno, name))
            case ast.Attribute(attr=name) if name in METHODS:
                asks.append((node.lineno, name))
            case ast.Call(func=ast.Attribute(attr=name)) if name in WRITING:
                writes.append((node.lineno, name))
    for_types = imported(inner for block in blocks for line in block for inner in ast.walk(line))
    return Seen(imported(nodes), for_types, tuple(calls), tuple(asks), tuple(writes))


def imported(nodes: Iterable[ast.AST]) -> frozenset[tuple[str, str]]:
    """What is imported, wherever: modules, and names out of them."""
    found = set()
    for node in nodes:
        match node:
            case ast.Import(names=names):
                found |= {(alias.name, "") for alias in names}
            case ast.ImportFrom(module=str(module), names=names, level=0):
                found |= {(module, alias.name) for alias in names}
            case ast.ImportFrom():  # a relative import, which nothing here needs
                found.add(("pipeline", ""))
    return frozenset(found)


def resolved(found: frozenset[tuple[str, str]], modules: Mapping[str, str]) -> set[str]:
    """The full names of the modules that are meant."""
    return {f"{module}.{name}" if f"{module}.{name}" in modules else module for module, name in found}


def room(module: str) -> str:
    return module.split(".")[1]


def complaints(modules: Mapping[str, str]) -> Iterator[str]:
    """Everything that breaks the order."""
    for module, source in modules.items():
        if module == "pipeline":
            continue
        if room(module) not in ROOMS:
            yield f"{module} has no place in the order"
            continue
        yield from _imported(module, resolved(seen(source).imports, modules))
        yield from _touched(module, source)
    yield from _rings(modules)


def _imported(module: str, found: set[str]) -> Iterator[str]:
    here = room(module)
    for name in sorted(found):
        top = name.split(".")[0]
        if top == "pipeline":
            if name == "pipeline" or room(name) not in ROOMS:
                yield f"{module} imports {name}, which has no place in the order"
            elif ORDER.index(room(name)) > ORDER.index(here):
                yield f"{module} imports {name}, which comes later"
            elif room(name) == "adapters" and here not in {"adapters", *EDGE}:
                yield f"{module} imports {name}, which touches the world"
        elif top not in sys.stdlib_module_names:
            if top not in ROOMS[here]:
                yield f"{module} imports {name}, which is not for it"
        elif here != "adapters" and (top in WORLD or (top in MACHINE and here not in EDGE)):
            yield f"{module} imports {name}, which touches the world"


def _touched(module: str, source: str) -> Iterator[str]:
    here = room(module)
    if here == "adapters":
        return
    found = seen(source)
    for line, name in found.calls:
        if name == "open" or here not in EDGE:
            yield f"{module}:{line} calls {name}()"
    for line, name in found.asks:
        if here not in EDGE:
            yield f"{module}:{line} asks the machine for .{name}"
    for line, name in found.writes:
        yield f"{module}:{line} writes with .{name}()"


def _rings(modules: Mapping[str, str]) -> Iterator[str]:
    net: nx.DiGraph[str] = nx.DiGraph()
    for module, source in modules.items():
        for name in resolved(seen(source).imports - seen(source).for_types, modules):
            if name in modules and name != module:
                net.add_edge(module, name)
    for ring in nx.strongly_connected_components(net):
        if len(ring) > 1:
            yield f"{', '.join(sorted(ring))} import each other"


@cache
def today() -> tuple[str, ...]:
    """What there is to complain of."""
    return tuple(complaints(read()))


def test_the_import_order_holds() -> None:
    assert today() == ()


def test_every_room_of_the_order_exists() -> None:
    assert {room(module) for module in read() if module != "pipeline"} == set(ORDER)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("pipeline.plan", "import docker"),
        ("pipeline.plan", "def f() -> None:\n    import docker.errors"),
        ("pipeline.plan", "if TYPE_CHECKING:\n    from pipeline.show import tally"),
        ("pipeline.plan", "from pipeline import build"),
        ("pipeline.plan", "from pipeline.adapters import disk"),
        ("pipeline.plan", "from . import build"),
        ("pipeline.plan", "import networkx"),
        ("pipeline.tree", "from pathlib import Path"),
        ("pipeline.tree", "import posixpath\nHERE = posixpath.realpath('.')"),
        ("pipeline.show", "import rich.console"),
        ("pipeline.show", "print('hello')"),
        ("pipeline.build", "import subprocess"),
        ("pipeline.build", "import time"),
        ("pipeline.keys", "def f(p: str) -> str:\n    return open(p).read()"),
        ("pipeline.dockerfile.words", "from pipeline.dockerfile import needs"),
        ("pipeline.dockerfile.words", "from pipeline.errors import nothing\nimport yaml"),
        ("pipeline.run.decide", "import docker"),
        ("pipeline.run.decide", "import sqlite3"),
        ("pipeline.run.decide", "from pipeline import cli"),
        ("pipeline.run.decide", "def f(p: Path) -> None:\n    p.mkdir()"),
        ("pipeline.cli", "import subprocess"),
        ("pipeline.cli", "from tenacity import retry"),
        ("pipeline.adapters.disk", "from pipeline.run import project"),
        ("pipeline.adapters.disk", "import boto3"),
        ("pipeline.sideroom", "x = 1"),
    ],
)
def test_a_line_that_breaks_the_order_is_a_complaint(module: str, line: str) -> None:
    changed = {**read(), module: f"{read().get(module, '')}\n{line}\n"}
    assert set(complaints(changed)) - set(today())
