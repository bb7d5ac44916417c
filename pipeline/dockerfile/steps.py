"""Which instruction BuildKit means by the name of a step."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.dockerfile.model import Dockerfile, Stage

# `[2/3] RUN make`, `[builder 2/3] RUN make`, `[linux/arm64 stage-1 2/3] RUN make`
_NAME = re.compile(r"\[(?:[^\]]*? )??(?:(?P<stage>[^\] ]+) )?(?P<step>\d+)/(?P<steps>\d+)\] ")
_UNNAMED = re.compile(r"stage-(\d+)")
# the instructions that BuildKit counts; a FROM may be counted as well, and so may triggers of the base
_COUNTED = frozenset({"ADD", "COPY", "RUN", "WORKDIR"})


def step_line(dockerfile: Dockerfile, name: str, names: Iterable[str] = ()) -> int:
    """The line of the instruction that a step of this name does, 0 for a name that means none.

    `names` are those of all steps of the build. A trigger of the base is in the line of its FROM.
    """
    found = _NAME.match(name)
    if not found:
        return 0
    stage = _stage(dockerfile, found["stage"] or "")
    counted = [one for one in stage.body if one.keyword in _COUNTED]
    # from the end: what is counted before the first of ours differs. Old BuildKits (0.13) count on through
    # triggers, but leave them out of how many steps there are: the last one of three may be `[5/3]`
    others = [one for one in map(_NAME.match, names) if one and one["stage"] == found["stage"]]
    last = max(int(found["steps"]), *(int(one["step"]) for one in (found, *others)))
    at = len(counted) - 1 - (last - int(found["step"]))
    return (counted[at] if at >= 0 else stage.instruction).line


def _stage(dockerfile: Dockerfile, name: str) -> Stage:
    unnamed = _UNNAMED.fullmatch(name)
    index = int(unnamed[1]) if unnamed else -1
    for stage in dockerfile.stages:
        if stage.name == name.lower() != "" or stage.index == index:
            return stage
    return dockerfile.stages[-1]
