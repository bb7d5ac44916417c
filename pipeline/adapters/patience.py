"""Patience with registries: what is temporary is tried again, what is refused never."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from pipeline.errors import UnreachableError

ATTEMPTS = 3
# what engine and buildx say of a registry that may answer in a moment; a 401, 403 or 404 never gets here
_TEMPORARY = re.compile(
    r"connection reset|broken pipe|\beof\b|i/o timeout|handshake timeout|timeout exceeded|deadline exceeded"
    r"|toomanyrequests|too many requests|\b429\b|internal server error|bad gateway|service unavailable"
    r"|gateway time-?out|temporary failure in name resolution|server misbehaving",
    re.IGNORECASE,
)


class TemporaryError(UnreachableError):
    """A registry in trouble that may soon be over."""


def is_temporary(text: str) -> bool:
    """Whether these words of the engine's or of buildx speak of a passing trouble."""
    return bool(_TEMPORARY.search(text))


P = ParamSpec("P")
T = TypeVar("T")


def patiently(ask: Callable[P, T]) -> Callable[P, T]:
    """The function, tried again after a TemporaryError, and after nothing else."""

    @wraps(ask)
    def asking(*given: P.args, **named: P.kwargs) -> T:
        import tenacity  # noqa: PLC0415 (only networks need it, and it is slow to import)

        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TemporaryError),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=0.5, max=4.0) + tenacity.wait_random(0.0, 0.5),
            reraise=True,
        )
        return retry(ask, *given, **named)

    return asking
