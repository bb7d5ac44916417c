"""What BuildKit refuses in one instruction."""

from __future__ import annotations

import re
from collections.abc import Callable

from pipeline.dockerfile.model import Instruction
from pipeline.dockerfile.mounts import fields, origin
from pipeline.dockerfile.shell import ShellError
from pipeline.dockerfile.statements import heredoc_mark
from pipeline.dockerfile.words import SPACE, NotStringsError, json_words

_BOOL, _ONE, _MANY = "bool", "one", "many"
_COPY = {"chown": _ONE, "chmod": _ONE, "link": _BOOL, "exclude": _MANY}
_FLAGS: dict[str, dict[str, str]] = {
    "ADD": {**_COPY, "keep-git-dir": _BOOL, "checksum": _ONE, "unpack": _BOOL},
    "COPY": {**_COPY, "from": _ONE, "parents": _BOOL},
    "FROM": {"platform": _ONE},
    "HEALTHCHECK": dict.fromkeys(("interval", "timeout", "start-period", "start-interval", "retries"), _ONE),
    "RUN": {"mount": _MANY, "network": _ONE, "security": _ONE, "device": _MANY},
}
_IGNORES_FLAGS = frozenset({"ARG", "STOPSIGNAL"})
_STAGE_NAME = re.compile(r"[a-z][a-z0-9\-_.]*")
# Go takes both of Unicode's micro signs.
_UNIT = {"ns": 1e-6, "us": 1e-3, "\xb5s": 1e-3, "\u03bcs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}
_AMOUNT = re.compile(rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(_UNIT)})")


class RefusedError(ValueError):
    """An instruction that BuildKit refuses, and what to try."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def check(instruction: Instruction) -> None:
    """Do nothing if BuildKit takes the instruction. Raises RefusedError."""
    keyword = instruction.keyword
    examine = _CHECKS.get(keyword)
    if examine is None:
        raise RefusedError(
            f"unknown instruction '{shortened(keyword)}'", "write one that BuildKit knows, like RUN"
        )
    if instruction.flags and keyword not in _IGNORES_FLAGS:
        none_health = keyword == "HEALTHCHECK" and instruction.value.upper() == "NONE"
        if not none_health:
            _check_flags(keyword, instruction.flags)
    try:
        examine(instruction)
    except NotStringsError:
        raise RefusedError(
            f"the array after {keyword} must hold strings only", 'put "" around each item'
        ) from None


def shortened(text: str, limit: int = 40) -> str:
    """`text` fit for a message: printable, and not long."""
    shown = "".join(
        [char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: limit + 1]]
    )
    return shown if len(shown) <= limit else shown[:limit] + "…"


def _check_flags(keyword: str, flags: tuple[str, ...]) -> None:
    known = _FLAGS.get(keyword, {})
    used: set[str] = set()
    for flag in flags:
        name, equals, value = flag[2:].partition("=")
        kind = known.get(name) if flag.startswith("--") else None
        if kind is None:
            hint = (
                f"{keyword} takes {', '.join(f'--{name}' for name in known)}"
                if known
                else f"{keyword} takes none"
            )
            raise RefusedError(f"unknown flag '{shortened(flag.partition('=')[0])}' of {keyword}", hint)
        if name in used and kind != _MANY:
            raise RefusedError(f"the flag '--{name}' is given twice", "keep one of them")
        used.add(name)
        if kind == _BOOL and equals and value.lower() not in {"true", "false"}:
            raise RefusedError(f"the flag '--{name}' is true or false, not '{shortened(value)}'")
        if kind != _BOOL and not equals:
            raise RefusedError(f"the flag '--{name}' needs a value", f"--{name}=...")


def _some(instruction: Instruction) -> None:
    if not instruction.words():
        raise RefusedError(f"{instruction.keyword} needs at least one argument")


def _one(instruction: Instruction) -> None:
    if not instruction.value:
        raise RefusedError(f"{instruction.keyword} needs an argument")


def _anything(instruction: Instruction) -> None:
    json_words(instruction.value)


def _pairs(instruction: Instruction) -> None:
    try:
        pairs = instruction.pairs()
    except ValueError as problem:
        raise RefusedError(
            f"{instruction.keyword}: {shortened(str(problem), 120)}", "write name=value"
        ) from None
    if not pairs:
        raise RefusedError(f"{instruction.keyword} needs at least one argument")
    if not all(name for name, _ in pairs):
        raise RefusedError(f"{instruction.keyword} has a value without a name", "write name=value")


def _from(instruction: Instruction) -> None:
    words = instruction.words()
    if len(words) == 1:
        return
    if len(words) != 3 or words[1].lower() != "as":
        hint = "write FROM image or FROM image AS name; a comment needs a line of its own"
        raise RefusedError("FROM takes one or three arguments", hint)
    if not _STAGE_NAME.fullmatch(words[2].lower()):
        hint = "a stage's name starts with a letter and holds letters, digits, '-', '_' and '.'"
        raise RefusedError(f"'{shortened(words[2])}' is not a stage's name", hint)


def _copy(instruction: Instruction) -> None:
    words = instruction.words()
    if len(words) < 2:
        raise RefusedError(f"{instruction.keyword} needs a source and a destination")
    try:
        mark = heredoc_mark(words[-1])
    except ShellError:
        mark = None
    if mark is not None:
        raise RefusedError(f"the destination of {instruction.keyword} cannot be a heredoc")


def _run(instruction: Instruction) -> None:
    json_words(instruction.value)
    for flag in instruction.flags:
        name, _, value = flag.partition("=")
        try:
            if name == "--mount":
                origin(value)
            elif name == "--device":
                fields(value)
        except ValueError as problem:
            hint = "name a stage: FROM the image with its variables AS a name, and mount from that name"
            raise RefusedError(f"--mount: {problem}", hint if "variables" in str(problem) else "") from None
        allowed = {"--network": ("default", "none", "host"), "--security": ("sandbox", "insecure")}.get(name)
        if allowed and value not in allowed:
            raise RefusedError(f"'{shortened(flag)}' is not known", f"it can be {', '.join(allowed)}")


def _onbuild(instruction: Instruction) -> None:
    inner = instruction.inner
    if inner is None:
        raise RefusedError("ONBUILD needs an instruction")
    if inner.keyword in {"ONBUILD", "FROM", "MAINTAINER"}:
        raise RefusedError(f"ONBUILD cannot hold {inner.keyword}")
    # The rest of a trigger is read by the build of a child; here BuildKit only takes it apart.
    try:
        _ = inner.pairs() if inner.keyword in {"ENV", "LABEL"} else inner.words()
    except NotStringsError:
        raise RefusedError(f"the array after {inner.keyword} must hold strings only") from None
    except ValueError as problem:
        raise RefusedError(f"{inner.keyword}: {shortened(str(problem), 120)}") from None


def _shell(instruction: Instruction) -> None:
    if not json_words(instruction.value):
        raise RefusedError("SHELL takes a JSON array of strings", 'like SHELL ["/bin/bash", "-c"]')


def _volume(instruction: Instruction) -> None:
    words = instruction.words()
    if not words or not all(word.strip(SPACE) for word in words):
        raise RefusedError("VOLUME needs the path of a folder")


def _healthcheck(instruction: Instruction) -> None:
    words = instruction.words()
    kind = words[0].upper() if words else ""
    if kind not in {"CMD", "NONE"}:
        raise RefusedError(f"HEALTHCHECK is followed by CMD or NONE, not '{shortened(kind)}'")
    if kind == "NONE" and len(words) > 1:
        raise RefusedError("HEALTHCHECK NONE takes no arguments")
    if kind == "NONE":
        return
    if len(words) == 1:
        raise RefusedError("HEALTHCHECK CMD needs a command")
    for flag in instruction.flags:
        name, _, value = flag.partition("=")
        if name == "--retries":
            if value and not re.fullmatch(r"\+?[0-9]{1,10}", value):
                raise RefusedError(f"'{shortened(flag)}' is not a number of retries")
        elif value and not _is_duration(value):
            raise RefusedError(
                f"'{shortened(flag)}' is not a duration of a millisecond or more", "like 30s or 1m30s"
            )


def _is_duration(text: str) -> bool:
    sign, amount = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    parts = _AMOUNT.findall(amount)
    if amount != "0" and "".join(number + unit for number, unit in parts) != amount:
        return False
    length = sum(float(number) * _UNIT[unit] for number, unit in parts)
    return length == 0 or (length >= 1 and sign != "-")


_CHECKS: dict[str, Callable[[Instruction], None]] = {
    "ADD": _copy,
    "ARG": _pairs,
    "CMD": _anything,
    "COPY": _copy,
    "ENTRYPOINT": _anything,
    "ENV": _pairs,
    "EXPOSE": _some,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _pairs,
    "MAINTAINER": _one,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _one,
    "USER": _one,
    "VOLUME": _volume,
    "WORKDIR": _one,
}
