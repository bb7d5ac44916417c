"""Quotes, escapes and variables in words, as BuildKit's shell lexer reads them."""

from __future__ import annotations

import re
from collections.abc import Callable

from pipeline.dockerfile.trim import replaced, without_prefix, without_suffix
from pipeline.dockerfile.words import SPACE, valid

Lookup = Callable[[str], str | None]

_SPECIAL = re.compile("[$'\"\\\\`\ufeff\ud800-\udfff]")
# What a lexer can pass over at once: outside quotes, and between double quotes.
_ORDINARY = re.compile("[^$'\"<\\\\`]+")
_ORDINARY_QUOTED = re.compile('[^$"\\\\`]+')
_BLANK = re.compile(f"[{SPACE}]+")
_SPECIAL_PARAMETERS = "@*#?-$!0"
_DEEPEST = 64


class ShellError(ValueError):
    """A word that BuildKit's shell lexer refuses."""


def expand(word: str, lookup: Lookup, escape: str = "\\") -> str:
    """`word` with variables substituted and quotes and escapes gone. Raises ShellError."""
    if not _SPECIAL.search(word):
        return word
    return "".join(text for text, _ in _Lexer(word, lookup, escape).pieces())


def heredoc_words(line: str) -> list[str]:
    """The words of a whole instruction, everything kept as written. Raises ShellError."""
    return _Lexer(line, _nothing, "\\", raw=True, keep_unset=True).words()


def bare_words(word: str) -> list[str]:
    """The words of a heredoc's name, without its quotes. Raises ShellError."""
    return _Lexer(word, _nothing, "\\", keep_unset=True).words()


def quoted_words(word: str) -> list[str]:
    """The words of a heredoc's name, with its quotes. Raises ShellError."""
    return _Lexer(word, _nothing, "\\", raw_quotes=True, keep_unset=True).words()


def _nothing(_name: str) -> str | None:
    return None


class _Lexer:
    """One pass over one word; `at` is the next character, "" from `_peek` is the end."""

    __slots__ = (
        "at",
        "depth",
        "escape",
        "keep_unset",
        "lookup",
        "nested",
        "raw_escapes",
        "raw_quotes",
        "text",
    )

    def __init__(
        self,
        text: str,
        lookup: Lookup,
        escape: str,
        *,
        raw: bool = False,
        raw_quotes: bool = False,
        keep_unset: bool = False,
    ) -> None:
        self.text = valid(text).removeprefix("\ufeff")
        self.lookup = lookup
        self.escape = escape
        self.raw_quotes = raw or raw_quotes
        self.raw_escapes = raw
        self.keep_unset = keep_unset
        self.at = 0
        self.depth = 0
        self.nested = False

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _next(self) -> str:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        return char

    def words(self) -> list[str]:
        words: list[str] = []
        held = ""
        for text, splits in self.pieces():
            if splits is None:
                held = ""
                continue
            first, *rest = _BLANK.split(text) if splits else [text]
            held += first
            for part in rest:
                if held:
                    words.append(held)
                held = part
        return [*words, held] if held else words

    def pieces(self) -> list[tuple[str, bool | None]]:
        """Text, and whether it splits words at blanks; None drops the word so far.

        That is a quirk of BuildKit: what is nested in ${...} empties the one buffer for words.
        """
        pieces: list[tuple[str, bool | None]] = []
        while char := self._peek():
            if char in '$"':
                self.nested = False
                text = self._dollar() if char == "$" else self._double()
                if self.nested:
                    pieces.append(("", None))
                pieces.append((text, char == "$"))
            elif char == "'":
                pieces.append((self._single(), False))
            elif char == "<":
                pieces.append((self._heredoc_mark(), False))
            elif char == self.escape:
                self.at += 1
                pieces.append(((char if self.raw_escapes else "") + self._next(), False))
            else:
                pieces.append((self._run(_ORDINARY), True))
        return pieces

    def _run(self, ordinary: re.Pattern[str]) -> str:
        """The next characters that mean nothing, at least one."""
        found = ordinary.match(self.text, self.at)
        start, self.at = self.at, found.end() if found else self.at + 1
        return self.text[start : self.at]

    def _heredoc_mark(self) -> str:
        """`<<` and the blanks behind it, which belong to the same word."""
        start = self.at
        self.at += 1
        if self._peek() == "<":
            self.at += 1
            while self._peek() in {"\t", "\r", " "}:
                self.at += 1
        return self.text[start : self.at]

    def _until(self, stop: str, *, raw: bool) -> str:
        """The text up to `stop`, processed."""
        self.depth += 1
        self.nested = True
        if self.depth > _DEEPEST:
            raise ShellError(f"substitutions are nested more than {_DEEPEST} deep")
        raw_before, self.raw_escapes = self.raw_escapes, raw
        out: list[str] = []
        try:
            while char := self._peek():
                if char == stop:
                    self.at += 1
                    return "".join(out)
                if char == "$":
                    out.append(self._dollar())
                elif char == "'":
                    out.append(self._single())
                elif char == '"':
                    out.append(self._double())
                elif char == self.escape:
                    self.at += 1
                    out.append((char if raw else "") + self._next())
                else:
                    self.at += 1
                    out.append(char)
        finally:
            self.raw_escapes = raw_before
            self.depth -= 1
        raise ShellError(f"missing '{stop}'")

    def _single(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise ShellError("a single quote is not closed")
        text = self.text[self.at : end + 1]
        self.at = end + 1
        return text if self.raw_quotes else text[1:-1]

    def _double(self) -> str:
        self.at += 1
        out = ['"'] if self.raw_quotes else []
        while char := self._peek():
            if char == "$":
                out.append(self._dollar())
                continue
            if char == '"':
                self.at += 1
                return "".join(out) + ('"' if self.raw_quotes else "")
            if char != self.escape:
                out.append(self._run(_ORDINARY_QUOTED))
                continue
            self.at += 1
            if self.raw_escapes:
                out.append(char)
            out.append(self._next() if self._peek() in {'"', "$", self.escape} else char)
        raise ShellError("a double quote is not closed")

    def _name(self) -> str:
        start = self.at
        char = self._peek()
        if char.isdecimal():
            while self._peek().isdecimal():
                self.at += 1
        elif char and char in _SPECIAL_PARAMETERS:
            self.at += 1
        else:
            while (char := self._peek()) and (char == "_" or char.isalpha() or char.isdecimal()):
                self.at += 1
        return self.text[start : self.at]

    def _dollar(self) -> str:
        self.at += 1
        if self._peek() != "{":
            name = self._name()
            return self._plain(name, f"${name}") if name else "$"
        self.at += 1
        if not self._peek():
            raise ShellError("missing '}'")
        if self._peek() in "{}:":
            raise ShellError("bad substitution")
        name = self._name()
        modifier = self._next()
        if modifier == "}":
            return self._plain(name, f"${{{name}}}")
        return self._replacement(name) if modifier == "/" else self._modified(name, modifier)

    def _plain(self, name: str, written: str) -> str:
        value = self.lookup(name)
        if value is None:
            return written if self.keep_unset else ""
        return value

    def _modified(self, name: str, modifier: str) -> str:
        empty_is_unset = modifier == ":"
        if empty_is_unset:
            modifier = self._next()
        if not modifier:
            raise ShellError("missing '}'")
        mark = ":" * empty_is_unset + modifier
        if modifier not in ("+-?" if empty_is_unset else "+-?#%"):
            raise ShellError(f"the modifier '{mark}' in a substitution is not supported")
        cuts = modifier in "#%"
        word = self._until("}", raw=cuts)
        value = self.lookup(name)
        if value is None and self.keep_unset:
            return f"${{{name}{mark}{word}}}"
        absent = value is None or (empty_is_unset and not value)
        if cuts:
            return self._cut(modifier, word, value or "")
        if modifier == "+":
            return "" if absent else word
        if modifier == "?" and absent:
            what = "unset" if value is None else "empty"
            raise ShellError(f"{name}: {word or f'is not allowed to be {what}'}")
        return word if absent else value or ""

    @staticmethod
    def _cut(modifier: str, pattern: str, value: str) -> str:
        longest = pattern.startswith(modifier)
        cut = without_prefix if modifier == "#" else without_suffix
        try:
            return cut(pattern[longest:], value, longest=longest)
        except ValueError as problem:
            raise ShellError(str(problem)) from None

    def _replacement(self, name: str) -> str:
        every = self._peek() == "/"
        self.at += every
        pattern = self._until("/", raw=True)
        text = self._until("}", raw=True)
        value = self.lookup(name)
        if value is None and self.keep_unset:
            return f"${{{name}/{pattern}/{text}}}"
        try:
            return replaced(pattern, text, value or "", every=every)
        except ValueError as problem:
            raise ShellError(str(problem)) from None
