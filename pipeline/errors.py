"""Every error a person can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: what, where (`file:line`), and what to try."""

    message: str
    where: str = ""
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class StackbuildError(Exception):
    """Problems that end a run, and the exit code they end it with."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    @classmethod
    def of(cls, message: str, where: str = "", hint: str = "") -> Self:
        """The error that consists of one problem."""
        return cls(Problem(message, where, hint))

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class InputError(StackbuildError):
    """Usage, configuration, a Dockerfile or an overlay is wrong."""

    exit_code = 2


class FailedError(StackbuildError):
    """A build, a probe or a publication failed."""

    exit_code = 1


class UnreachableError(StackbuildError):
    """The engine or the registry does not answer, or refuses."""

    exit_code = 3


class InterruptedRunError(StackbuildError):
    """The run was asked to stop."""

    exit_code = 130
