"""Package names: what pip, conda and apt read as one, and which of them are the same."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pipeline.installs.placed import OPAQUE

MANAGERS: Final = ("pip", "conda", "apt")

_PIP_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EXTRAS: Final = rf"\[{_PIP_NAME}(?:,{_PIP_NAME})*\]"
_VALID: Final = {
    "pip": re.compile(_PIP_NAME),
    "conda": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*"),
    "apt": re.compile(r"[a-z0-9][a-z0-9+.-]*(?:[a-z0-9.]|\+\+)"),
}
_VALID_WITH_EXTRAS: Final = re.compile(rf"({_PIP_NAME})({_EXTRAS})?", re.ASCII)
# The name where it is followed by what may follow one; possessive, so that no text takes quadratic time.
_NAMED: Final = {
    "pip": re.compile(
        rf"\s*+({_PIP_NAME})(?![A-Za-z0-9._-])\s*+(?:\[[^\]]*+\]\s*+)?(?P<next>\Z|[;@(<>]|[=!~]=)", re.ASCII
    ),
    "conda": re.compile(r"(?:[^\s=<>\[]*::)?([A-Za-z0-9_][A-Za-z0-9_.-]*+)(?=\Z|[\s=<>!~\[])"),
    "apt": re.compile(r"([A-Za-z0-9][A-Za-z0-9+._-]*+)(?=\Z|[=/:]|\s*+[(\[<])"),
}
_BEGINS: Final = re.compile(r"\s*[A-Za-z0-9_]")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!:)")
_LOCAL: Final = (".", "/", "~", "\\")
_ARCHIVES: Final = {
    "pip": (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz"),
    "conda": (".conda", ".tar.bz2"),
    "apt": (".deb",),
}


class Named(NamedTuple):
    """Where the name stands in a word, and whether another name may stand there."""

    start: int
    end: int
    fixed: bool


def find_name(manager: str, word: str) -> Named | None:
    """Find the package name in a word of an install command; None where it names no package to install.

    That is a URL, a path, an archive, a removal (`name-` of apt). An empty span means that only the
    shell knows the name: `tensorflow${POSTFIX}`, `{a,b}`, `libnvinfer*`.
    """
    found = _NAMED[manager].match(word)
    if found and manager == "pip" and found["next"] == "@":
        return Named(*found.span(1), fixed=False)
    if _is_local(manager, word):
        return None
    if found is None:
        return Named(0, 0, fixed=False) if OPAQUE in word or _BEGINS.match(word) else None
    start, end = found.span(1)
    if manager == "apt" and word.endswith("-") and "=" not in word:
        return None
    if manager == "apt" and end == len(word) and word.endswith("+") and not word.endswith("++"):
        end -= 1  # `name+` asks for an installation; `g++` is a name
    return Named(start, end, fixed=True)


def _is_local(manager: str, word: str) -> bool:
    """Whether a word is a URL, a path or an archive."""
    if word.startswith(_LOCAL) or word.endswith(_ARCHIVES[manager]):
        return True
    if manager == "pip":
        return _URL.match(word) is not None or "/" in word.partition(";")[0]
    return "://" in word


def same_name(manager: str, a: str, b: str) -> bool:
    """Whether two names are one package: PEP 503 for pip, any case for conda, letter by letter for apt."""
    return _normal(manager, a) == _normal(manager, b)


def _normal(manager: str, name: str) -> str:
    if manager == "pip":
        return re.sub(r"[-_.]+", "-", name).lower()
    return name.lower() if manager == "conda" else name


def valid_name(manager: str, name: str, *, extras: bool = True) -> bool:
    """Whether this can be a package's name, and so needs no quotes in any shell.

    A pip name may carry extras (`tensorflow[and-cuda]`), unless `extras` is false.
    """
    if manager not in _VALID:
        return False
    valid = _VALID_WITH_EXTRAS if manager == "pip" and extras else _VALID[manager]
    # An archive's file name has the letters of a package name, but installs a file.
    return valid.fullmatch(name) is not None and find_name(manager, name) is not None


def split_extras(name: str) -> tuple[str, tuple[str, ...]]:
    """Take a valid pip name apart: `tensorflow[and-cuda]` is `tensorflow` and (`and-cuda`,)."""
    bare, bracket, extras = name.partition("[")
    return bare, tuple(extras.removesuffix("]").split(",")) if bracket else ()
