"""Text whose characters know where in the file they stand."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OPAQUE = "\0"
"""Stands for what only the shell can know: a variable, a command's output. No real word holds a NUL."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file, or of a part of one, and where its lines end."""

    text: str
    newlines: Sequence[int]

    @classmethod
    def of(cls, text: str) -> Self:
        """Take a text as a source."""
        return cls(text, [at for at, letter in enumerate(text) if letter == "\n"])

    def line(self, at: int) -> int:
        """The number of the line that this place is on; 0 is the first."""
        return bisect_left(self.newlines, at)


@dataclass(frozen=True, slots=True)
class Placed:
    """A text made out of another one: character `i` was written at `starts[i]:ends[i]` there."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, source: str, pieces: Iterable[tuple[int, int]]) -> Self:
        """The pieces `start:end` of a source, one after the other."""
        kept = list(pieces)
        starts = [at for start, end in kept for at in range(start, end)]
        return cls("".join(source[start:end] for start, end in kept), starts, [at + 1 for at in starts])

    def __getitem__(self, part: slice) -> Placed:
        return Placed(self.text[part], self.starts[part], self.ends[part])

    def written(self, source: Source) -> str:
        """The text with what is opaque as it stands in the source: `tensorflow${POSTFIX}`."""
        if OPAQUE not in self.text:
            return self.text
        letters = zip(self.text, self.starts, self.ends, strict=True)
        return "".join(
            source.text[start:end] if letter == OPAQUE else letter for letter, start, end in letters
        )


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a command: its content without quotes, and where it stands with them."""

    content: Placed
    start: int
    end: int
    bare: bool = False
    """No quote, escape or expansion in it: only such a word can be a keyword of the shell."""

    @property
    def text(self) -> str:
        """The content alone."""
        return self.content.text
