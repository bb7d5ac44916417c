"""`[[root]]`: another image below everything, however the Dockerfile spells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pipeline import refs
from pipeline.dockerfile import base_spot, facts, parse
from pipeline.errors import InputError
from pipeline.overlay.model import Change, Edit, Given
from pipeline.overlay.taking import common
from pipeline.overlay.texts import encoded
from pipeline.tomlfile import Table
from pipeline.tree import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class RootEdit(Edit):
    """Swap a root wherever the chain of an image's final stage stands on it."""

    source: str
    to: str
    kind: ClassVar[str] = "root"

    def __str__(self) -> str:
        return f"root {self.source} → {self.to}"

    def hits(self, image: Image, given: Given) -> Sequence[Change]:
        """The literal that decides the root: in a FROM, in an ARG, in an ARG of an ARG."""
        reference = _root_of(image, given.platform)
        if not reference or given.find(reference, image.name) or not _matches(reference, self.source):
            return ()
        dockerfile = image.dockerfile
        spot = base_spot(dockerfile, dict(image.args), target=image.target, platform=given.platform)
        text = dockerfile.text[: spot.start] + self.to + dockerfile.text[spot.end :]
        swapped = replace(image, dockerfile=parse(encoded(text), dockerfile.path))
        if _root_of(swapped, given.platform) != self.to:
            hint = "a build arg in stacks.toml may override it: swap the root there, or drop the arg"
            message = f"{self}: {image.where}:{spot.line} does not decide the root"
            raise InputError.of(message, self.where, hint)
        return (Change(spot.start, spot.end, self.to, spot.line),)

    def nearest(self, images: Sequence[Image], given: Given) -> str:
        """The roots that there are, at most three."""
        roots = {
            f"{reference} in {image.where}"
            for image in images
            if (reference := _root_of(image, given.platform)) and not given.find(reference, image.name)
        }
        return f"the roots there are: {'; '.join(sorted(roots)[:3])}" if roots else ""


def read(table: Table) -> RootEdit:
    """`[[root]]`."""
    source = table.need("from", 'the root to take out: from = "ubuntu:*"')
    to = table.need("to", 'the root to put in: to = "nvidia/cuda:12.5.1-cudnn-runtime-ubuntu22.04"')
    try:
        if to:
            refs.parse(to)
        if to == "scratch":
            table.problem("'scratch' is no image to stand on", "to", "name another root")
    except ValueError as error:
        table.problem(f"'{to}' {error}", "to", "write an image reference like registry/name:tag")
    edit = RootEdit(source=source, to=to, **common(table))
    table.close()
    return edit


def _root_of(image: Image, platform: str) -> str:
    found = facts(image.dockerfile, dict(image.args), target=image.target, platform=platform)
    return next((use.reference for use in found.uses if use.base), "")


def _matches(reference: str, glob: str) -> bool:
    try:
        return refs.parse(reference).matches(glob)
    except ValueError:
        return False
