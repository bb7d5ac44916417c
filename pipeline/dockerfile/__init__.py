"""One Dockerfile's text, read as BuildKit reads it: instructions, stages, images used, context files read."""

from pipeline.dockerfile.model import Dockerfile, Heredoc, Instruction, Stage
from pipeline.dockerfile.mounts import mounted_ids
from pipeline.dockerfile.needs import Facts, Read, Use, facts
from pipeline.dockerfile.normal import normal_form
from pipeline.dockerfile.reading import parse
from pipeline.dockerfile.spot import BaseSpot, ValueSpot, base_spot, from_spot, value_spots
from pipeline.dockerfile.steps import step_line

__all__ = [
    "BaseSpot",
    "Dockerfile",
    "Facts",
    "Heredoc",
    "Instruction",
    "Read",
    "Stage",
    "Use",
    "ValueSpot",
    "base_spot",
    "facts",
    "from_spot",
    "mounted_ids",
    "normal_form",
    "parse",
    "step_line",
    "value_spots",
]
