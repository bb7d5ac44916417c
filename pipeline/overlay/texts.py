"""Where the lines and instructions of a Dockerfile stand in its text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from pipeline.dockerfile import Dockerfile, Instruction, Stage
from pipeline.tree import Image


def line_starts(text: str) -> list[int]:
    """The offset of every line, and behind the last one of what would follow it."""
    return list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))


def span(dockerfile: Dockerfile, instruction: Instruction) -> tuple[int, int]:
    """An instruction with its here-documents, without the line break behind it."""
    starts = line_starts(dockerfile.text)
    return starts[instruction.line - 1], starts[instruction.end_line] - 1


def newline(text: str) -> str:
    """How the text ends its first line; "\\n" where it has only one."""
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def line_of(text: str, at: int) -> int:
    """The number of the line that an offset is on, from 1."""
    return text.count("\n", 0, at) + 1


def decoded(data: bytes) -> str:
    """A file's bytes as text that can be written back as the same bytes."""
    return data.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The bytes that `decoded` was given."""
    return text.encode("utf-8", "surrogateescape")


def final_stage(image: Image) -> Stage:
    """The stage that a build of the image ends with."""
    stages = image.dockerfile.stages
    return stage_called(image.dockerfile, image.target) or stages[-1] if image.target else stages[-1]


def stage_called(dockerfile: Dockerfile, name: str) -> Stage | None:
    """The stage of this name or number; of several with one name the last, as for BuildKit."""
    found = [stage for stage in dockerfile.stages if stage.name == name.lower()]
    if found:
        return found[-1]
    return next((stage for stage in dockerfile.stages if str(stage.index) == name), None)


def stage_span(dockerfile: Dockerfile, stage: Stage) -> tuple[int, int]:
    """A stage from its FROM to the end of its last instruction."""
    last = stage.body[-1] if stage.body else stage.instruction
    return span(dockerfile, stage.instruction)[0], span(dockerfile, last)[1]


def instructions(image: Image, stage: str) -> Iterator[Instruction]:
    """The instructions of one stage, of all where `stage` is ""; ARGs before the first FROM are in all."""
    if not stage:
        yield from image.dockerfile.instructions
    elif found := stage_called(image.dockerfile, stage):
        yield from found.body


def stages_there(images: list[Image], stage: str) -> str:
    """What stages there are, where one is missing: a hint, or ""."""
    lacking = [image for image in images if stage and not stage_called(image.dockerfile, stage)]
    if not lacking:
        return ""
    image = lacking[0]
    names = [one.name or str(one.index) for one in image.dockerfile.stages]
    return f"{image.where} has no stage '{stage}', but {', '.join(names)}"
