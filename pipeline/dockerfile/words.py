"""How BuildKit cuts an instruction's text into words."""

from __future__ import annotations

import json
import math
import re

# Go's unicode.IsSpace, which is not Python's str.isspace (that one adds U+001C to U+001F).
SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
# The runs at which BuildKit splits; narrower than SPACE.
BLANKS = re.compile(r"[\t\v\f\r ]+")
_FIRST_WORD = re.compile(rb"([^\t-\r \x85\xa0]*)[\t-\r \x85\xa0]*(.*)", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _word_pattern(escape: str) -> re.Pattern[str]:
    e = re.escape(escape)
    return re.compile(
        rf"""(?:[^{SPACE}'"{e}]|{e}.|{e}\Z|'[^']*'?|"(?:[^"{e}]|{e}.)*+"?)++""",
        re.DOTALL,
    )


_WORD = {escape: _word_pattern(escape) for escape in "\\`"}


class NotStringsError(ValueError):
    """A JSON array that holds something that is not a string."""


def valid(text: str) -> str:
    """`text` as Go sees it: every byte that is not UTF-8 is one U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def word_spans(text: str, escape: str) -> list[tuple[int, int]]:
    """Start and end of every word of ARG, ENV and LABEL; quotes and escapes hold a word together."""
    spans = [match.span() for match in _WORD[escape].finditer(text)]
    if spans and text.endswith(escape) and spans[-1][1] == len(text):
        start, end = spans[-1]
        if _ends_in_lone_escape(text[start:end], escape):
            spans[-1] = (start, end - 1)
            if start == end - 1:
                spans.pop()
    return spans


def _ends_in_lone_escape(word: str, escape: str) -> bool:
    """Whether the last character escapes nothing: BuildKit drops it."""
    at, quote = 0, ""
    while at < len(word):
        char = word[at]
        if char == escape and quote != "'":
            if at == len(word) - 1:
                return True
            at += 1
        elif quote:
            if char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        at += 1
    return False


def split_words(text: str, escape: str) -> list[str]:
    """The words of ARG, ENV and LABEL, quotes and escapes kept."""
    return [valid(text[start:end]) for start, end in word_spans(text, escape)]


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # Go cannot hold it, and calls the whole text "not JSON"
        raise ValueError(text)
    return number


def _no_constant(text: str) -> float:
    raise ValueError(text)


_JSON = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=_no_constant)


def json_words(value: str) -> tuple[str, ...] | None:
    """The strings of an exec form; None for a shell form. Raises NotStringsError."""
    if value[:1] != "[":
        return None
    try:
        decoded = _JSON.decode(value)
    except RecursionError:
        raise NotStringsError(value) from None
    except ValueError:
        return None
    if not all(isinstance(item, str) for item in decoded):
        raise NotStringsError(value)
    return tuple(valid(item) for item in decoded)


def blank_split(value: str) -> tuple[str, ...]:
    """The words of FROM, EXPOSE, COPY, ADD and VOLUME."""
    return tuple(BLANKS.split(value)) if value else ()


def first_word(value: str) -> tuple[str, str]:
    """The word after HEALTHCHECK, which BuildKit looks for byte by byte, and the rest."""
    match = _FIRST_WORD.match(value.encode("utf-8", "surrogateescape"))
    word, rest = match.groups() if match else (b"", b"")
    return word.decode("utf-8", "surrogateescape"), rest.decode("utf-8", "surrogateescape")


def key_values(value: str, escape: str) -> tuple[tuple[str, str], ...]:
    """The pairs of ENV and LABEL, `NAME=value ...` or `NAME the rest`. Raises ValueError."""
    words = split_words(value, escape)
    if not words:
        return ()
    if "=" not in words[0]:
        name, *rest = BLANKS.split(value, maxsplit=1)
        if not rest:
            raise ValueError("must have two arguments")
        return ((name, rest[0]),)
    pairs = []
    for word in words:
        name, equals, rest_of_word = word.partition("=")
        if not equals:
            raise ValueError(f"can't find = in '{word}': it must be of the form name=value")
        pairs.append((name, rest_of_word))
    return tuple(pairs)
