"""`[[arg]]`: another default of an ARG that the Dockerfile declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

from pipeline.dockerfile import ValueSpot, value_spots
from pipeline.errors import InputError
from pipeline.overlay.model import Change, Edit, Given
from pipeline.overlay.taking import common, one_line, variable_name
from pipeline.overlay.texts import instructions, line_of, stages_there
from pipeline.overlay.values import change, plain
from pipeline.tomlfile import Table, nearest
from pipeline.tree import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgEdit(Edit):
    """Give a declared ARG another default, in one stage or wherever it has one."""

    name: str
    value: str
    source: str = "*"
    stage: str = ""
    kind: ClassVar[str] = "arg"

    def __str__(self) -> str:
        return f"arg {self.name} = {self.value}"

    def hits(self, image: Image, given: Given) -> Sequence[Change]:
        """Every default of the ARG; a declaration without one counts where nothing else gives it a value."""
        found = [spot for spot in _declared(image, self.stage) if spot.name == self.name]
        defaults = [spot for spot in found if spot.value is not None]
        spots = defaults or found
        spots = [spot for spot in spots if fnmatchcase(plain(spot.value), self.source)]
        if spots and self.name in dict(image.args):
            message = f"{self}: the build arg that stacks.toml gives '{image.name}' counts, not the default"
            raise InputError.of(message, self.where, "change the arg in stacks.toml, or drop it there")
        dockerfile = image.dockerfile
        return tuple(change(dockerfile.text, spot, self.value, dockerfile.escape) for spot in spots)

    def nearest(self, images: Sequence[Image], given: Given) -> str:
        """The stage that is missing, the ARG that is spelt alike, or the defaults that do not fit."""
        if missing := stages_there(list(images), self.stage):
            return missing
        spots = [(image, spot) for image in images for spot in _declared(image, self.stage)]
        other = [
            f"{spot.value} in {image.where}:{line_of(image.dockerfile.text, spot.start)}"
            for image, spot in spots
            if spot.name == self.name
        ]
        if other:
            return f"its default is {'; '.join(other[:3])}"
        names = sorted({spot.name for _, spot in spots})
        close = nearest(self.name, names)
        return close or (f"the ARGs there are: {', '.join(names[:8])}" if names else "")


def _declared(image: Image, stage: str) -> list[ValueSpot]:
    return [
        spot
        for one in instructions(image, stage)
        if one.keyword == "ARG"
        for spot in value_spots(image.dockerfile, one)
    ]


def read(table: Table) -> ArgEdit:
    """`[[arg]]`."""
    edit = ArgEdit(
        name=variable_name(table),
        value=one_line(table, "value", 'its new default: value = "1000"'),
        source=table.take("from", str, "*"),
        stage=table.take("stage", str, ""),
        **common(table),
    )
    table.close()
    return edit
