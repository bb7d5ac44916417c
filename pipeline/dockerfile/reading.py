"""A Dockerfile's bytes, read into values."""

from __future__ import annotations

from pipeline.dockerfile.check import RefusedError, check
from pipeline.dockerfile.model import Dockerfile, Instruction, Stage
from pipeline.dockerfile.statements import (
    Directives,
    Statement,
    StatementError,
    directives,
    lines_of,
    split_flags,
    split_statement,
    statements,
)
from pipeline.errors import InputError, Problem

# What BuildKit can be sent as a Dockerfile.
_LARGEST = 16 * 1024 * 1024
_MOST_PROBLEMS = 10


def parse(data: bytes, path: str) -> Dockerfile:
    """Read a Dockerfile.

    `path` is for messages. Raises InputError with every problem of the file, each at `path:line`.
    """
    if len(data) > _LARGEST:
        message = f"a Dockerfile of {len(data):,} bytes; BuildKit takes {_LARGEST:,} at most"
        raise InputError.of(message, path, "is this file a Dockerfile? If not, exclude it")
    text = data.decode("utf-8", "surrogateescape")
    try:
        found, instructions = taken_apart(text)
    except StatementError as problem:
        raise InputError.of(str(problem), f"{path}:{problem.line}", problem.hint) from None
    if not instructions:
        raise InputError.of(
            "there is no instruction in the file", path, 'add one, or leave the file out: exclude = ["…"]'
        )
    problems = _refusals(instructions, path) or _order_problems(instructions, path)
    if problems:
        raise InputError(*problems)
    preamble, stages = _stages(instructions)
    return Dockerfile(path, text, found.escape, found.syntax, tuple(instructions), preamble, stages)


def taken_apart(text: str) -> tuple[Directives, list[Instruction]]:
    """What BuildKit's parser makes of a text, before anything is refused. Raises StatementError."""
    lines = lines_of(text)
    found = directives(lines)
    return found, [_instruction(one, found.escape) for one in statements(lines, found.escape)]


def _refusals(instructions: list[Instruction], path: str) -> list[Problem]:
    problems = []
    for instruction in instructions:
        try:
            check(instruction)
        except RefusedError as problem:
            problems.append(Problem(str(problem), f"{path}:{instruction.line}", problem.hint))
            if len(problems) == _MOST_PROBLEMS:
                break
    return problems


def _instruction(statement: Statement, escape: str) -> Instruction:
    # Not ASCII is not a keyword; upper() would make one of some of it.
    keyword = statement.keyword.upper() if statement.keyword.isascii() else statement.keyword
    flags, value = split_flags(statement.rest, escape)
    inner = None
    if keyword == "ONBUILD" and value:
        inner_keyword, rest = split_statement(value)
        wrapped = Statement(inner_keyword, rest, statement.line, statement.end_line, statement.heredocs)
        if inner_keyword.upper() != "ONBUILD":
            inner = _instruction(wrapped, escape)
        else:  # refused later; a chain of them must not nest here
            inner = Instruction("ONBUILD", (), rest, statement.line, statement.end_line)
    return Instruction(
        keyword, flags, value, statement.line, statement.end_line, statement.heredocs, inner, escape
    )


def _order_problems(instructions: list[Instruction], path: str) -> list[Problem]:
    first = next((at for at, one in enumerate(instructions) if one.keyword == "FROM"), None)
    if first is None:
        return [
            Problem("there is no FROM in the file", path, 'add one, or leave the file out: exclude = ["…"]')
        ]
    return [
        Problem(
            f"{one.keyword} stands before the first FROM", f"{path}:{one.line}", "only ARG can stand there"
        )
        for one in instructions[:first]
        if one.keyword != "ARG"
    ][:_MOST_PROBLEMS]


def _stages(instructions: list[Instruction]) -> tuple[tuple[Instruction, ...], tuple[Stage, ...]]:
    starts = [at for at, one in enumerate(instructions) if one.keyword == "FROM"]
    stages = []
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], len(instructions)], strict=True)):
        instruction = instructions[start]
        base, *rest = instruction.words()
        platform = next((flag.partition("=")[2] for flag in instruction.flags), "")
        name = rest[1].lower() if rest else ""
        stages.append(Stage(index, name, base, platform, instruction, tuple(instructions[start + 1 : end])))
    return tuple(instructions[: starts[0]]), tuple(stages)
