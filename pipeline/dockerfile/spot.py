"""Where in the text the image that a Dockerfile stands on is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.dockerfile.layout import layout
from pipeline.dockerfile.model import Dockerfile, Instruction, Stage
from pipeline.dockerfile.words import BLANKS, SPACE, word_spans
from pipeline.errors import InputError

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)


@dataclass(frozen=True, slots=True)
class BaseSpot:
    """The literal to replace, `text[start:end]` without quotes, at `line`; it leads to `reference`."""

    start: int
    end: int
    line: int
    reference: str


def base_spot(
    dockerfile: Dockerfile, args: Mapping[str, str], *, target: str = "", platform: str = "linux/amd64"
) -> BaseSpot:
    """Where the image is written that the target's chain of stages stands on.

    A FROM of one variable leads to the default of its ARG, and so on; a reference made of several pieces is
    replaced as a whole, where it is put together, and so is one that `args` give. Raises InputError.
    """
    plan = layout(dockerfile, args, target, platform)
    root = plan.chain()[-1]
    reference = plan.footings[root].reference
    instruction = dockerfile.stages[root].instruction
    if reference == "scratch":
        message = "the image stands on 'scratch', so there is no root image to swap"
        raise InputError.of(
            message, f"{dockerfile.path}:{instruction.line}", "leave this image out of the overlay"
        )
    start, end = from_spot(dockerfile, dockerfile.stages[root])
    defaults = _defaults(dockerfile)
    while True:
        quote, start, end = _without_quotes(dockerfile.text, start, end)
        match = _VARIABLE.fullmatch(dockerfile.text[start:end]) if quote != "'" else None
        name = (match[1] or match[2]) if match else ""
        # A default sees only what stands before it, and of several the last one counts.
        while defaults and defaults[-1][0] != name:
            defaults.pop()
        if not name or name in args or not defaults:
            break
        _, argument, first, last = defaults.pop()
        if first == last:
            break
        offsets = _value_offsets(dockerfile, argument)
        start, end = offsets[first], offsets[last - 1] + 1
    return BaseSpot(start, end, dockerfile.text.count("\n", 0, start) + 1, reference)


def from_spot(dockerfile: Dockerfile, stage: Stage) -> tuple[int, int]:
    """Where a FROM names its image: `text[start:end]`, quotes included. Raises InputError."""
    instruction = stage.instruction
    offsets = _value_offsets(dockerfile, instruction)
    blank = BLANKS.search(instruction.value)
    length = blank.start() if blank else len(instruction.value)
    return offsets[0], offsets[length - 1] + 1


def _defaults(dockerfile: Dockerfile) -> list[tuple[str, Instruction, int, int]]:
    """Every default before the first FROM, in order: the name, the ARG, start and end in its value."""
    found = []
    for instruction in dockerfile.preamble:
        for start, end in word_spans(instruction.value, instruction.escape):
            name, equals, _ = instruction.value[start:end].partition("=")
            if equals:
                found.append((name, instruction, start + len(name) + 1, end))
    return found


def _without_quotes(text: str, start: int, end: int) -> tuple[str, int, int]:
    """The quotes around a word, "" if there are none, and what they hold."""
    word = text[start:end]
    if len(word) > 2 and word[0] in "'\"" and word[-1] == word[0] and word[0] not in word[1:-1]:
        return word[0], start + 1, end - 1
    return "", start, end


def _value_offsets(dockerfile: Dockerfile, instruction: Instruction) -> list[int]:
    """For every character of an instruction's value, where it is in the file."""
    joined: list[str] = []
    offsets: list[int] = []
    lines = dockerfile.text.split("\n")
    at = sum(len(line) + 1 for line in lines[: instruction.line - 1])
    for line in lines[instruction.line - 1 : instruction.end_line]:
        kept = line.rstrip("\r")
        bare = kept.lstrip(SPACE)
        if bare and (bare[0] != "#" or not joined):
            cut = kept.rstrip(" \t")
            if cut[-1:] == dockerfile.escape and cut[-2:-1] != dockerfile.escape:
                kept = cut[:-1]
            joined.append(kept)
            offsets += range(at, at + len(kept))
        at += len(line) + 1
    whole = "".join(joined).rstrip(SPACE)
    start = len(whole) - len(instruction.value)
    if whole[start:] != instruction.value:  # bytes that are no text, cut in two by a line break
        where = f"{dockerfile.path}:{instruction.line}"
        raise InputError.of("the image cannot be found in these lines", where, "write them as UTF-8 text")
    return offsets[start : len(whole)]


@dataclass(frozen=True, slots=True)
class ValueSpot:
    """Where a value of ARG or ENV stands: `text[start:end]`, quotes included. It is None for `ARG NAME`."""

    name: str
    value: str | None
    start: int
    end: int


def value_spots(dockerfile: Dockerfile, instruction: Instruction) -> tuple[ValueSpot, ...]:
    """Where the values of an ARG or ENV stand; for `ARG NAME`, where one would. Raises InputError."""
    value = instruction.value
    offsets = _value_offsets(dockerfile, instruction)
    spans = word_spans(value, instruction.escape)
    blank = BLANKS.search(value)
    if instruction.keyword == "ENV" and blank and spans and "=" not in value[slice(*spans[0])]:
        # the old form, `ENV NAME everything else`
        start, end = offsets[blank.end()], offsets[-1] + 1
        return (ValueSpot(value[: blank.start()], value[blank.end() :], start, end),)
    found = []
    for first, last in spans:
        name, equals, rest = value[first:last].partition("=")
        begin, end = first + len(name) + len(equals), last
        if rest:
            found.append(ValueSpot(name, rest, offsets[begin], offsets[end - 1] + 1))
        else:
            at = offsets[begin - 1] + 1
            found.append(ValueSpot(name, "" if equals else None, at, at))
    return tuple(found)
