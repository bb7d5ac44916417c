"""What a builder is told of an image, and how names that BuildKit would mistake are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from trees import tree_of

from pipeline import keys
from pipeline.graph import derive
from pipeline.keys import FileState, Part, World
from pipeline.plan import Action, Cause, Reason, Step
from pipeline.ports import BuildOrder
from pipeline.run.order import order_of

PIN = "sha256:" + "0" * 64


def states(_tree: str, _context: str, paths: Sequence[str]) -> tuple[FileState, ...]:
    """Files that all hold the same."""
    return tuple(FileState(path, "file", "0") for path in paths)


def ordered(
    name: str, files: dict[str, str], reasons: tuple[Reason, ...] = (), *, refreshed: str = ""
) -> BuildOrder:
    """The order for one image of a tree."""
    graph = derive(tree_of(files), "linux/amd64")
    roots = {reference: PIN for node in graph for reference in node.roots}
    records = keys.compute(graph, World(roots, {name: refreshed}, "linux/amd64"), states)
    found = {image: record.key for image, record in records.items()}
    step = Step(name, Action.BUILD, records[name], found[name], (), reasons)
    return order_of(step, graph.nodes[name], found, (Path("/tree"), "/logs/x.log"))


def test_a_parent_is_its_key_and_a_root_its_digest() -> None:
    files = {
        "base/Dockerfile": "FROM debian:12\n",
        "one/Dockerfile": "FROM base\nCOPY --from=alpine:3 /a /a\nRUN --mount=from=busybox true\n",
    }
    order = ordered("one", files)
    bases = dict(order.bases)
    (local,) = ordered("base", files).tags
    assert order.dockerfile == files["one/Dockerfile"].replace("FROM base", f"FROM {local}").encode()
    assert bases == {"alpine:3": f"alpine:3@{PIN}", "busybox": f"busybox@{PIN}"}
    assert set(order.outside) == {f"alpine:3@{PIN}", f"busybox@{PIN}"}
    assert order.tags == (f"stackbuild.local/one:k-{order.key[:32]}",)
    assert dict(order.labels)["io.stackbuild.key"] == order.key


@pytest.mark.parametrize(
    ("copy", "apart"),
    [
        ("COPY a /", False),
        ("COPY sub/*.txt /", False),
        ("COPY sub sub/../a /", False),
        ("RUN --mount=type=bind,source=sub,target=/x true", False),
        ("COPY . /", True),
        ("COPY ./ /", True),
        ("ADD / /", True),
        ("COPY * /", True),
        ("COPY .s* /", True),
        ("COPY ?stackbuild* /", True),
        ('COPY ["[.]*", "/"]', True),
        ("ARG X\nCOPY $X /", True),
        ("RUN --mount=type=bind,target=/x true", True),
    ],
)
def test_the_dockerfile_lies_apart_exactly_where_the_build_might_copy_it(copy: str, apart: bool) -> None:
    files = {
        "one/Dockerfile": f"FROM debian:12\n{copy}\n",
        "one/a": "",
        "one/sub/b.txt": "",
        "one/.dockerignore": "Dockerfile\n",
    }
    assert ordered("one", files).apart is apart


def test_the_dockerfile_lies_where_it_is_if_the_build_reads_it_there() -> None:
    order = ordered("one", {"one/Dockerfile": "FROM debian:12\nCOPY . /\n"})
    assert (order.dockerfile_path, order.apart) == ("Dockerfile", False)
    order = ordered("one", {"one/Dockerfile": "FROM debian:12\nCOPY a /\n", "one/a": ""})
    assert (order.dockerfile_path, order.apart) == ("", False)


@pytest.mark.parametrize(
    ("run", "asks"),
    [
        ("RUN --mount=type=cache,target=/c true", False),
        ("RUN --mount=type=secret,id=pip true", True),
        ("RUN --mount=type=ssh true", True),
        ("ONBUILD RUN --mount=type=secret,id=pip true", True),
    ],
)
def test_who_mounts_a_secret_or_a_key_asks_for_it_whether_it_is_given_or_not(run: str, asks: bool) -> None:
    assert ordered("one", {"one/Dockerfile": f"FROM debian:12\n{run}\n"}).asks is asks


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("FROM base\nRUN x\n", "FROM {}\nRUN x\n"),
        ("FROM base AS base\nRUN x\n", "FROM {} AS base\nRUN x\n"),
        ("from  --platform=linux/amd64   base as BASE\n", "from  --platform=linux/amd64   {} as BASE\n"),
        ("ARG B=base\nFROM $B AS base\nFROM base\n", "ARG B=base\nFROM {} AS base\nFROM base\n"),
        ("ARG B\nFROM ${B:-base}\n", "ARG B\nFROM {}\n"),
        ('FROM "base"\n', "FROM {}\n"),
        ("FROM \\\n  base \\\n  AS base\n", "FROM \\\n  {} \\\n  AS base\n"),
        ("# escape=`\nFROM `\n# base\n  base\n", "# escape=`\nFROM `\n# base\n  {}\n"),
        (
            "FROM base AS x\nFROM base AS base\nCOPY --from=x /a /\n",
            "FROM {} AS x\nFROM {} AS base\nCOPY --from=x /a /\n",
        ),
    ],
)  # fmt: skip
def test_a_base_is_written_into_its_from_and_nothing_else_changes(text: str, edited: str) -> None:
    order = ordered("one", {"base/Dockerfile": "FROM debian:12\n", "one/Dockerfile": text})
    (local,) = ordered("base", {"base/Dockerfile": "FROM debian:12\n"}).tags
    assert order.dockerfile.decode() == edited.replace("{}", local)
    assert order.bases == ()


def test_a_base_that_is_copied_from_as_well_is_given_by_its_name() -> None:
    text = "FROM debian:12 AS x\nFROM debian:12\nCOPY --from=debian:12 /a /\n"
    order = ordered("one", {"one/Dockerfile": text})
    assert order.dockerfile.decode() == text
    assert dict(order.bases) == {"debian:12": f"debian:12@{PIN}"}


def test_a_dockerfile_that_its_build_may_copy_stays_as_it_is() -> None:
    text = "FROM debian:12\nCOPY . /\n"
    order = ordered("one", {"one/Dockerfile": text})
    assert order.dockerfile.decode() == text
    assert dict(order.bases) == {"debian:12": f"debian:12@{PIN}"}


def test_a_stage_called_like_its_base_has_the_base_written_into_its_from_in_any_case() -> None:
    order = ordered("one", {"one/Dockerfile": "FROM debian AS debian\nFROM debian\nCOPY . /\n"})
    assert order.dockerfile.decode() == f"FROM debian@{PIN} AS debian\nFROM debian\nCOPY . /\n"
    # a tag or another registry cannot be mistaken
    for reference in ("debian:12", "quay.io/debian", f"debian@{PIN}"):
        text = f"FROM {reference} AS debian\nCOPY . /\n"
        assert ordered("one", {"one/Dockerfile": text}).dockerfile.decode() == text


def test_a_frontend_of_ones_own_comes_from_outside_too() -> None:
    text = "# syntax=docker/dockerfile:1\nFROM debian:12\n"
    assert set(ordered("one", {"one/Dockerfile": text}).outside) == {
        f"debian:12@{PIN}",
        "docker/dockerfile:1",
    }


def test_what_is_taken_as_changed_is_built_without_the_layers_of_before() -> None:
    files = {"one/Dockerfile": "FROM debian:12\n"}
    asked = (Reason(Cause.ASKED),)
    assert not ordered("one", files).no_cache
    assert not ordered(
        "one", files, (Reason(Cause.CHANGED, parts=(Part("instructions"),)),), refreshed="now"
    ).no_cache
    assert ordered("one", files, asked, refreshed="now").no_cache
