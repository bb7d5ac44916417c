"""What is said of a build that has failed for a reason that is not its own."""

from __future__ import annotations

import pytest

from pipeline import hints


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (
            "stackbuild.local/base:k-1: failed to resolve source metadata for stackbuild.local/base:k-1: "
            "failed to do request: dial tcp: lookup stackbuild.local: no such host",
            "run again",
        ),
        (
            "Cache export is not supported for the docker driver.",
            "[build] cache-to: caches elsewhere take an engine with containerd's image store",
        ),
        ("write /var/lib/x: no space left on device", "`docker builder prune`"),
        ("exit code: 1: make", ""),
    ],
)
def test_what_is_known_to_help_is_said(words: str, hint: str) -> None:
    assert hint in hints.of_words(words)
    assert bool(hint) == bool(hints.of_words(words))
