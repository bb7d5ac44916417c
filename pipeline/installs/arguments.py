"""Which program a command runs in the end, and which of its words are options, values and operands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import dropwhile
from typing import TYPE_CHECKING, Final

from pipeline.installs.placed import OPAQUE, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def options(text: str) -> frozenset[str]:
    """Give the words of a list of options."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """A command that runs the one behind it: its options that take a value, and its number of operands."""

    valued: frozenset[str] = frozenset()
    operands: int = 0


_WRAPPERS: Final = {
    "sudo": _Wrapper(
        options("-u -g -h -p -C -r -t -T -U -D -R --user --group --host --prompt --chdir --chroot")
    ),
    "doas": _Wrapper(options("-u -C")),
    "env": _Wrapper(options("-u --unset -C --chdir")),
    "exec": _Wrapper(options("-a")),
    "nice": _Wrapper(options("-n --adjustment")),
    "ionice": _Wrapper(options("-c -n --class --classdata")),
    "time": _Wrapper(options("-f -o --format --output")),
    "timeout": _Wrapper(options("-k -s --kill-after --signal"), operands=1),
    "stdbuf": _Wrapper(options("-i -o -e --input --output --error")),
    "xargs": _Wrapper(
        options("-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-procs --max-chars")
    ),
    "gosu": _Wrapper(operands=1),
    "su-exec": _Wrapper(operands=1),
    "chroot": _Wrapper(options("--userspec --groups"), operands=1),
    "flock": _Wrapper(options("-w -E --timeout --conflict-exit-code"), operands=1),
    "runuser": _Wrapper(options("-u --user -g -G --group --supp-group")),
} | dict.fromkeys(
    options("builtin busybox chronic command dumb-init eatmydata fakeroot nohup setsid tini unbuffer"),
    _Wrapper(),
)
_RUN: Final = options(
    "-n -p -r --name --prefix --root-prefix --cwd --with --python --env --project --directory"
)
_RUNNERS: Final = dict.fromkeys(options("conda mamba micromamba uv poetry pipenv pixi pdm"), "run") | {
    "pyenv": "exec"
}
_PYTHON: Final = re.compile(rf"(?:python|pypy|py)[\d.{OPAQUE}]*w?|{OPAQUE}")
_PYTHON_VALUED: Final = options("-m -c -W -X")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_DEEPEST: Final = 16  # wrappers around wrappers; a bound keeps the time linear


def program_of(word: Word) -> str:
    """Give the name of the program that a command's first word calls, without its folder."""
    return word.text.rpartition("/")[2].removesuffix(".exe")


def arguments(words: Iterator[Word], valued: frozenset[str]) -> Iterator[tuple[str, Word]]:
    """Give (option, value) for the options with a value, and ("", word) for each operand, in their order.

    It takes no more words than it has given, so that a caller may stop and keep the rest.
    """
    for word in words:
        if word.text == "--":
            yield from (("", operand) for operand in words)
        elif not word.text.startswith("-") or word.text == "-":
            yield "", word
        else:
            option, start = _option(word.text, valued)
            if start < len(word.text):
                yield option, _tail(word, start)
            elif option in valued and (value := next(words, None)) is not None:
                yield option, value


def _option(text: str, valued: frozenset[str]) -> tuple[str, int]:
    """The option with a value that a word names, and where in the word the value starts."""
    if text.startswith("--"):
        option, equals, _ = text.partition("=")
        return option, len(option) + len(equals) if equals else len(text)
    for at, letter in enumerate(text[1:], start=2):
        if "-" + letter in valued:
            return "-" + letter, at
    return "", len(text)


def _tail(word: Word, start: int) -> Word:
    content = word.content[start:]
    return Word(content, content.starts[0], content.ends[-1])


def unwrapped(words: Sequence[Word]) -> Sequence[Word]:
    """Take assignments and commands like `sudo`, `env`, `conda run` and `python -m` off a command's front."""
    for _ in range(_DEEPEST):
        words = list(dropwhile(lambda word: _ASSIGNMENT.match(word.text) is not None, words))
        inner = _inner(words)
        if inner is None:
            return words
        words = inner
    return ()


def _inner(words: Sequence[Word]) -> list[Word] | None:
    """The command that this one runs, if it is there to run another."""
    rest = iter(words)
    program = program_of(next(rest)) if words else ""
    inner: list[Word] | None = None
    if _PYTHON.fullmatch(program):
        inner = _module(rest)
    elif program in _RUNNERS:
        inner = _run(program, rest)
    elif program == "eval" and len(words) > 2:
        inner = list(rest)
    elif program == "runuser" and any(word.text in {"-c", "--command"} for word in words):
        inner = None
    elif wrapper := _WRAPPERS.get(program):
        inner = _wrapped(wrapper, rest)
    return inner


def _wrapped(wrapper: _Wrapper, rest: Iterator[Word]) -> list[Word] | None:
    operands = 0
    for option, value in arguments(rest, wrapper.valued):
        if not option and operands == wrapper.operands:
            return [value, *rest]
        operands += not option
    return None


def _module(rest: Iterator[Word]) -> list[Word] | None:
    """`python -m pip install` runs `pip install`; a script or `-c` ends python's own options."""
    for option, value in arguments(rest, _PYTHON_VALUED):
        if option == "-m":
            return [value, *rest]
        if option in {"", "-c"}:
            return None
    return None


def _run(program: str, rest: Iterator[Word]) -> list[Word] | None:
    """`conda run -n env pip install` runs `pip install`."""
    ran = False
    for option, value in arguments(rest, _RUN):
        if not option and ran:
            return [value, *rest]
        if not option and value.text != _RUNNERS[program]:
            return None
        ran = ran or not option
    return None
