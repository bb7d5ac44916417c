"""The images that BuildKit resolves are the ones that were read: the proof that needs no oracle."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from engine.workshop import ROOT
from pipeline.dockerfile import facts, parse
from pipeline.errors import InputError

pytestmark = pytest.mark.engine

CORPUS = sorted((Path(__file__).parent.parent / "dockerfiles").glob("*.Dockerfile"))
METADATA = re.compile(r"\[(context (?P<context>\S+)|internal)\] load metadata for (?P<image>\S+)")
# what this engine's BuildKit is too old for, or would have to fetch a frontend for
BEYOND = (
    "unknown flag",
    "unknown instruction",
    "docker/dockerfile:",
    "parse error",
    "needs to be defined before",
)


def events(output: str) -> Iterator[dict[str, object]]:
    """Every JSON value among other lines."""
    decoder = json.JSONDecoder()
    at = output.find("{")
    while at >= 0:
        try:
            value, at = decoder.raw_decode(output, at)
            yield value
        except ValueError:
            at += 1
        at = output.find("{", at)


def resolved(path: Path, references: set[str], empty: Path) -> tuple[set[str], str]:
    """What BuildKit loads, as it is called in the Dockerfile; every reference that was read is at hand."""
    line = ["docker", "buildx", "build", "--builder=default", "--progress=rawjson", "--output=type=cacheonly"]
    line += [f"--build-context={reference}=docker-image://{ROOT}" for reference in references]
    done = subprocess.run(
        [*line, f"--file={path}", str(empty)], capture_output=True, check=False, timeout=120
    )
    said = done.stderr.decode("utf-8", "replace")
    found = set()
    for event in events(said):
        for vertex in event.get("vertexes") or ():  # type: ignore[attr-defined]
            if match := METADATA.match(vertex["name"]):
                found.add(match["context"] or match["image"])
    return found, said


def plain(reference: str) -> str:
    """As BuildKit calls a named context: without what a reference means anyway."""
    return reference.removeprefix("docker.io/").removeprefix("library/").removesuffix(":latest")


def test_buildkit_resolves_exactly_what_was_read_out_of_the_corpus(
    tmp_path: Path, client: docker.DockerClient
) -> None:
    del client
    compared = 0
    for path in CORPUS:
        try:
            uses = facts(parse(path.read_bytes(), path.name), {}).uses
        except InputError:
            continue
        ours = {use.reference for use in uses}
        theirs, said = resolved(path, ours, tmp_path)
        if any(sign in said for sign in BEYOND):
            continue
        assert {plain(name) for name in theirs} == {plain(name) for name in ours}, path.name
        compared += 1
    # most of the corpus must have been compared for this to mean anything
    assert compared >= len(CORPUS) * 2 // 3
