"""Which instruction BuildKit means by the name of a step."""

from __future__ import annotations

import re

from pipeline.dockerfile.model import Dockerfile, Stage

# `[2/3] RUN make`, `[builder 2/3] RUN make`, `[linux/arm64 stage-1 2/3] RUN make`
_NAME = re.compile(r"\[(?:[^\]]*? )??(?:(?P<stage>[^\] ]+) )?(?P<step>\d+)/(?P<steps>\d+)\] ")
_UNNAMED = re.compile(r"stage-(\d+)")
# the instructions that BuildKit counts; a FROM may be counted as well, and so may triggers of the base
_COUNTED = frozenset({"ADD", "COPY", "RUN", "WORKDIR"})


def step_line(dockerfile: Dockerfile, name: str) -> int:
    """The line of the instruction that a step of this name does, 0 for a name that means none."""
    found = _NAME.match(name)
    if not found:
        return 0
    counted = [one for one in _stage(dockerfile, found["stage"] or "").body if one.keyword in _COUNTED]
    # from the end: what is counted before the first of ours differs
    at = len(counted) - 1 - (int(found["steps"]) - int(found["step"]))
    return counted[at].line if 0 <= at < len(counted) else 0


def _stage(dockerfile: Dockerfile, name: str) -> Stage:
    unnamed = _UNNAMED.fullmatch(name)
    index = int(unnamed[1]) if unnamed else -1
    for stage in dockerfile.stages:
        if stage.name == name.lower() != "" or stage.index == index:
            return stage
    return dockerfile.stages[-1]
