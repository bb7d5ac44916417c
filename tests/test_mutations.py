"""Whatever people write ends in a result or in a clear error: thousands of mutated files."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from trees import ROOT, graph_of, tree_of

from pipeline import config, lock
from pipeline.errors import InputError
from pipeline.overlay import apply, read_overlay

HOME = Path(__file__).parent
COUNT = 10_000 if os.environ.get("STACKBUILD_THOROUGH") else 80
DOCKERFILES = [path.read_bytes() for path in sorted(HOME.glob("dockerfiles/**/*")) if path.is_file()]
DOCKERFILES += [path.read_bytes() for path in sorted(HOME.parent.glob("images/*/Dockerfile"))]
STACKS = (HOME.parent / "stacks.toml").read_bytes()
OVERLAYS = [path.read_bytes() for path in sorted(HOME.parent.glob("overlays/*.toml"))]
LOCK = b"""\
format = 1
[tree.up]
git = "https://git.example/x"
ref = "main"
commit = "%s"
[root."debian:bookworm"]
digest = "sha256:%s"
[refreshed]
base = "2026-01-01"
""" % (b"0" * 40, b"0" * 64)
SPLINTERS = [
    b"FROM ",
    b"FROM a\n",
    b" AS b",
    b"$",
    b"${",
    b"}",
    b"${A:-",
    b"${A%%*",
    b"\\",
    b"\\\n",
    b"`",
    b'"',
    b"'",
    b"[",
    b"]",
    b"<<EOF",
    b"EOF\n",
    b"ONBUILD ",
    b"COPY --from=",
    b"--mount=type=bind,from=",
    b"ARG A=",
    b"#",
    b"# escape=`\n",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\n\n",
    b"\t",
    b"=",
    b"{image}",
    b"[[",
    b"]]",
    b"a.b",
    b"1e400",
    b"\xe2\x80\xa8",
    b"../" * 9,
]


def mutated(seeds: list[bytes], salt: str) -> Iterator[bytes]:
    """`COUNT` files, each a seed with a few bytes, splinters or lines of it changed; always the same ones."""
    chance = random.Random(salt)
    for _ in range(COUNT):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data) + 1)
            end = min(len(data), at + chance.choice([0, 1, 1, 5, 40]))
            match chance.randrange(5):
                case 0:
                    del data[at:end]
                case 1:
                    data[at:at] = chance.choice(SPLINTERS)
                case 2:
                    data[at:end] = chance.choice(SPLINTERS)
                case 3:
                    data[at:at] = data[at:end] * chance.randint(1, 9)
                case 4:
                    lines = bytes(data).split(b"\n")
                    chance.shuffle(lines)
                    data = bytearray(b"\n".join(lines))
        yield bytes(data)


def survives(read: Callable[[], object], data: bytes) -> bool:
    """Whether it was accepted; anything but a result or an error with a place is a defect."""
    try:
        read()
    except InputError as error:
        refused = error.problems
    except Exception as error:
        raise AssertionError(f"{error!r} of {data!r}") from error
    else:
        return True
    assert refused, data
    assert all(problem.message and problem.message != "None" for problem in refused), data
    return False


def test_a_mutated_dockerfile_is_read_or_refused() -> None:
    accepted = sum(
        survives(lambda: graph_of({"a/Dockerfile": data, "b/Dockerfile": f"FROM {ROOT}\n"}), data)  # noqa: B023
        for data in mutated(DOCKERFILES, "dockerfile")
    )
    # a test in which all is refused, or all accepted, would show nothing
    assert COUNT * 0.05 < accepted < COUNT * 0.95


def test_a_mutated_overlay_is_applied_or_refused() -> None:
    base = "ARG R=debian:bookworm\nFROM $R\nRUN pip install 'tensorflow-cpu==1' tensorflow\n"

    files = {"tensorflow-notebook/Dockerfile": base}

    def read(data: bytes) -> object:
        return apply([read_overlay(data.decode("utf-8", "replace"), "o", "o.toml")], tree_of(files))

    results = [survives(lambda: read(data), data) for data in mutated(OVERLAYS, "overlay")]  # noqa: B023
    assert 0 < sum(results) < COUNT


@pytest.mark.parametrize(
    ("parse", "seed"), [(config.parse, STACKS), (lock.parse, LOCK)], ids=["stacks.toml", "stacks.lock"]
)
def test_a_mutated_toml_file_is_read_or_refused(parse: Callable[[str, str], object], seed: bytes) -> None:
    results = [
        survives(lambda: parse(data.decode("utf-8", "replace"), "file.toml"), data)  # noqa: B023
        for data in mutated([seed], "toml")
    ]
    assert 0 < sum(results) < COUNT
