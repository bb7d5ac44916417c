"""`[[replace]]`: a literal text of a Dockerfile, for what no other edit can say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import ClassVar

from pipeline.errors import InputError
from pipeline.overlay.model import Change, Edit, Given
from pipeline.overlay.taking import common
from pipeline.overlay.texts import line_of, newline, stage_called, stage_span, stages_there
from pipeline.tomlfile import Table
from pipeline.tree import Image

_SHOWN = 40
_ALIKE = 0.6
_LONGEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceEdit(Edit):
    """Put a text in the place of another, wherever that stands; line breaks fit those of either kind."""

    source: str
    to: str
    stage: str = ""
    kind: ClassVar[str] = "replace"

    def __str__(self) -> str:
        return f"replace {_short(self.source)} → {_short(self.to)}"

    def hits(self, image: Image, given: Given) -> Sequence[Change]:
        """Every place of the text, save where it is a part of what is to stand there already."""
        text = image.dockerfile.text
        start, end = 0, len(text)
        if self.stage:
            stage = stage_called(image.dockerfile, self.stage)
            if stage is None:
                return ()
            start, end = stage_span(image.dockerfile, stage)
        to = self.to.replace("\n", newline(text))
        spans = self._open(text, start, end)
        pieces = [text[a:b] for a, b in pairwise([start, *(at for pair in spans for at in pair), end])]
        after = to.join(pieces[::2])
        if spans and self._open(text[:start] + after + text[end:], start, start + len(after)):
            message = f"{self}: what it leaves in {image.where} matches again"
            raise InputError.of(message, self.where, "take in more of what stands around it")
        return tuple(Change(first, last, to, line_of(text, first)) for first, last in spans)

    def _open(self, text: str, start: int, end: int) -> list[tuple[int, int]]:
        done = [found.span() for found in _pattern(self.to).finditer(text)] if self.to else []
        return [
            found.span()
            for found in _pattern(self.source).finditer(text, start, end)
            if not any(first <= found.start() and found.end() <= last for first, last in done)
        ]

    def nearest(self, images: Sequence[Image], given: Given) -> str:
        """The stage that is missing, what is done already, or the lines that look alike."""
        if missing := stages_there(list(images), self.stage):
            return missing
        wanted = next((line.strip() for line in self.source.split("\n") if line.strip()), "")[:_LONGEST]
        matcher = SequenceMatcher(b=wanted, autojunk=False)
        near: list[tuple[float, str]] = []
        for image in images:
            if self.to and (found := _pattern(self.to).search(image.dockerfile.text)):
                line = line_of(image.dockerfile.text, found.start())
                return f"{image.where}:{line} says {_short(self.to)} already"
            for number, other in enumerate(image.dockerfile.text.split("\n"), 1):
                matcher.set_seq1(other.strip()[:_LONGEST])
                if matcher.quick_ratio() > _ALIKE and (ratio := matcher.ratio()) > _ALIKE:
                    near.append((-ratio, f"{_short(other.strip())} in {image.where}:{number}"))
        return f"nearest: {'; '.join(place for _, place in sorted(near)[:3])}" if near else ""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(r"\r?\n".join(map(re.escape, text.split("\n"))))


def _short(text: str) -> str:
    line = text.replace("\n", "⏎")
    return f"'{line if len(line) <= _SHOWN else line[: _SHOWN - 1] + '…'}'"


def read(table: Table) -> ReplaceEdit:
    """`[[replace]]`."""
    source = table.need("from", "the text to take out, literally").replace("\r\n", "\n")
    if not table.has("to"):
        table.need("to", 'the text to put in; to = "" takes it out')
    to = table.take("to", str, "").replace("\r\n", "\n")
    if source and source == to:
        table.problem("'from' and 'to' are the same", "to")
    edit = ReplaceEdit(source=source, to=to, stage=table.take("stage", str, ""), **common(table))
    table.close()
    return edit
