"""Where the image that a Dockerfile stands on is written, so that it can be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dockerfile import base_spot, facts, parse
from pipeline.errors import InputError

FOLDER = Path(__file__).parent / "dockerfiles"
NEW = "swapped.example/root:9"


def spot(text: str, args: Mapping[str, str] | None = None, target: str = "") -> tuple[str, int, str]:
    """What is to be replaced, its line, and what it leads to."""
    found = base_spot(parse(text.encode(), "Dockerfile"), args or {}, target=target)
    return text[found.start : found.end], found.line, found.reference


@pytest.mark.parametrize(
    ("text", "literal", "line", "reference"),
    [
        ("FROM debian:12\n", "debian:12", 1, "debian:12"),
        ("FROM --platform=linux/amd64  debian:12 AS x\n", "debian:12", 1, "debian:12"),
        ("FROM 'debian:12'\n", "debian:12", 1, "debian:12"),
        ("ARG A=debian\nFROM $A\n", "debian", 1, "debian"),
        ('ARG A="debian"\nFROM ${A}\n', "debian", 1, "debian"),
        ("ARG A=debian\nFROM '$A'\n", "$A", 2, "$A"),
        ("ARG A=debian\nARG B=$A\nFROM $B\n", "debian", 1, "debian"),
        ("ARG A=debian B=$A\nFROM $B\n", "debian", 1, "debian"),
        ("ARG A=a\nARG A=b A=$A\nFROM $A\n", "b", 2, "b"),
        ("ARG A=a\nARG A\nFROM $A\n", "a", 1, "a"),
        ("ARG R=q.io\nARG O=lab\nARG B=$R/$O/x\nFROM $B\n", "$R/$O/x", 3, "q.io/lab/x"),
        ("ARG TAG=12\nFROM debian:$TAG\n", "debian:$TAG", 2, "debian:12"),
        ("FROM ${A:-debian}\n", "${A:-debian}", 1, "debian"),
        ("FROM debian:12 AS x\nFROM x\nFROM x AS y\n", "debian:12", 1, "debian:12"),
        ("ARG ROOT=x\nFROM debian:12 AS x\nFROM $ROOT\n", "debian:12", 2, "debian:12"),
        ("ARG A=debian\nARG ROOT=x\nFROM $A AS x\nFROM $ROOT\n", "debian", 1, "debian"),
        ("FROM one\nFROM two\nCOPY --from=0 a b\n", "two", 2, "two"),
        ("# c\n\nARG X=\\\n  # c\n  A=y \\\n  A=debian\nFROM \\\n  $A\n", "debian", 6, "debian"),
        ("\ufeffFROM\tdebian:12\r\n", "debian:12", 1, "debian:12"),
        ("FROM deb\\\nian\n", "deb\\\nian", 1, "debian"),
    ],
)
def test_it_is_the_literal_that_holds_the_whole_reference(
    text: str, literal: str, line: int, reference: str
) -> None:
    assert spot(text) == (literal, line, reference)


def test_a_value_given_from_outside_leaves_only_the_place_where_it_is_used() -> None:
    assert spot("ARG A=debian\nFROM $A\n", {"A": "alpine"}) == ("$A", 2, "alpine")


def test_it_is_that_of_the_target() -> None:
    assert spot("FROM a AS one\nFROM b\n", target="one") == ("a", 1, "a")


def test_an_image_from_scratch_has_none() -> None:
    with pytest.raises(InputError, match="no root image to swap"):
        spot("FROM scratch AS x\nFROM x\n")


WITH_ROOT = sorted(
    path.name
    for path in FOLDER.glob("*.Dockerfile")
    if path.stem not in {"scratch", "arg_scopes", "env_forms"}  # these stand on scratch
)


@pytest.mark.parametrize("name", WITH_ROOT)
def test_replaced_it_swaps_the_root_and_nothing_else(name: str) -> None:
    dockerfile = parse((FOLDER / name).read_bytes(), name)
    found = base_spot(dockerfile, {})
    text = dockerfile.text[: found.start] + NEW + dockerfile.text[found.end :]
    swapped = parse(text.encode("utf-8", "surrogateescape"), name)
    assert [use.reference for use in facts(swapped, {}).uses if use.base] == [NEW]
    assert len(swapped.instructions) == len(dockerfile.instructions)


NAMES = st.sampled_from(["A", "B", "C"])
VALUES = st.one_of(
    st.sampled_from(["debian", "q.io/x:1", "stage", '"debian"', "'a/b'"]),
    NAMES.map(lambda name: f"${name}"),
    NAMES.map(lambda name: f"${{{name}:-debian}}"),
    NAMES.map(lambda name: f"q.io/${{{name}}}"),
)
ARGS = st.lists(st.tuples(NAMES, VALUES), max_size=5)


@given(ARGS, VALUES, VALUES)
def test_whatever_args_lead_to_it_replacing_it_swaps_the_root(
    args: list[tuple[str, str]], first: str, second: str
) -> None:
    text = "".join(f"ARG {name}={value}\n" for name, value in args)
    text += f"FROM {first} AS stage\nFROM {second}\n"
    dockerfile = parse(text.encode(), "Dockerfile")
    try:
        found = base_spot(dockerfile, {})
    except InputError:
        return
    swapped = parse((text[: found.start] + NEW + text[found.end :]).encode(), "Dockerfile")
    assert [use.reference for use in facts(swapped, {}).uses if use.base] == [NEW]
