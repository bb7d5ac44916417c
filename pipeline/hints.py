"""What to try where a build has failed for a reason that is not its own."""

from __future__ import annotations

import re

# what buildx and BuildKit say, and what helps
_HINTS = (
    (
        r"cache export is not supported for the docker driver",
        "[build] cache-to: caches elsewhere take an engine with containerd's image store (the feature "
        'containerd-snapshotter of daemon.json); "inline" takes none',
    ),
    (
        r"no space left on device",
        "if that is the engine's disk, `stackbuild prune` and `docker builder prune` make room",
    ),
    (
        r"resolve source metadata for stackbuild\.local/",
        "somebody has removed from the engine what this stands on, while it was being built: run again",
    ),
)
_TABLE = tuple((re.compile(words, re.IGNORECASE), hint) for words, hint in _HINTS)


def of_words(text: str) -> str:
    """What to try about a build that has ended with these words; "" where nothing is known."""
    return next((hint for words, hint in _TABLE if words.search(text)), "")
