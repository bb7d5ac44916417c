"""`[[env]]`: a variable of the image's environment, set or set anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

from pipeline.dockerfile import Dockerfile, Instruction, Stage, ValueSpot, value_spots
from pipeline.overlay.model import Change, Edit, Given
from pipeline.overlay.taking import common, one_line, variable_name
from pipeline.overlay.texts import final_stage, line_of, newline, span, stage_called, stages_there
from pipeline.overlay.values import change, plain, written
from pipeline.tomlfile import Table
from pipeline.tree import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvEdit(Edit):
    """Set a variable where the stage sets it, or else at the beginning of the stage, for all that follows."""

    name: str
    value: str
    source: str = ""
    stage: str = ""
    kind: ClassVar[str] = "env"

    def __str__(self) -> str:
        return f"env {self.name} = {self.value}"

    def hits(self, image: Image, given: Given) -> Sequence[Change]:
        """Every ENV of the stage that sets the variable; the place behind its FROM where none does."""
        stage = _stage(image, self.stage)
        if stage is None:
            return ()
        dockerfile = image.dockerfile
        spots = [spot for spot in _set_in(dockerfile, stage) if spot.name == self.name]
        if not spots and not self.source:
            return (self._added(dockerfile, stage),)
        spots = [spot for spot in spots if fnmatchcase(plain(spot.value), self.source or "*")]
        return tuple(change(dockerfile.text, spot, self.value, dockerfile.escape) for spot in spots)

    def _added(self, dockerfile: Dockerfile, stage: Stage) -> Change:
        """Behind the FROM, and behind the ARGs that follow it at once: its value may name them."""
        last: Instruction = stage.instruction
        for instruction in stage.body:
            if instruction.keyword != "ARG":
                break
            last = instruction
        end = span(dockerfile, last)[1]
        if dockerfile.text[:end].endswith("\r"):
            end -= 1
        line = f"{newline(dockerfile.text)}ENV {self.name}={written(self.value, None, dockerfile.escape)}"
        return Change(end, end, line, last.end_line)

    def nearest(self, images: Sequence[Image], given: Given) -> str:
        """The stage that is missing, or the values that do not fit."""
        if missing := stages_there(list(images), self.stage):
            return missing
        other = [
            f"{spot.value} in {image.where}:{line_of(image.dockerfile.text, spot.start)}"
            for image in images
            if (stage := _stage(image, self.stage))
            for spot in _set_in(image.dockerfile, stage)
            if spot.name == self.name
        ]
        return f"its value is {'; '.join(other[:3])}" if other else ""


def _stage(image: Image, name: str) -> Stage | None:
    return stage_called(image.dockerfile, name) if name else final_stage(image)


def _set_in(dockerfile: Dockerfile, stage: Stage) -> list[ValueSpot]:
    return [spot for one in stage.body if one.keyword == "ENV" for spot in value_spots(dockerfile, one)]


def read(table: Table) -> EnvEdit:
    """`[[env]]`."""
    edit = EnvEdit(
        name=variable_name(table),
        value=one_line(table, "value", 'what it is set to: value = "/opt/cuda/bin:$PATH"'),
        source=table.take("from", str, ""),
        stage=table.take("stage", str, ""),
        **common(table, all_images=False),
    )
    table.close()
    return edit
