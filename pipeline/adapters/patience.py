"""Patience with registries: what is temporary is tried again, what is refused never."""

from __future__ import annotations

import re

import tenacity

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


patiently = tenacity.retry(
    retry=tenacity.retry_if_exception_type(TemporaryError),
    stop=tenacity.stop_after_attempt(ATTEMPTS),
    wait=tenacity.wait_exponential(multiplier=0.5, max=4.0) + tenacity.wait_random(0.0, 0.5),
    reraise=True,
)
