"""What a builder is told of one image: everything that it may see, and nothing it could read beside it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline import labels, refs
from pipeline.adapters.engine import local_name
from pipeline.dockerfile import Dockerfile, Facts
from pipeline.graph import Node
from pipeline.plan import Step
from pipeline.ports import BuildOrder

_FROM = re.compile(r"(\s*FROM(?:\s|\\\r?\n)+(?:--\S+(?:\s|\\\r?\n)+)*)\S+", re.IGNORECASE)
_GLOB = frozenset("*?[\\")


def order_of(step: Step, node: Node, keys: Mapping[str, str], where: tuple[Path, str]) -> BuildOrder:
    """The build of a step; `keys` are those of its variant, `where` its context's folder and its log."""
    folder, log = where
    image = node.image
    bases = {reference: local_name(name, keys[name]) for reference, name in node.parents}
    bases |= {reference: refs.parse(reference).pinned(pin) for reference, pin in step.record.roots if pin}
    text, bases = _unshadowed(image.dockerfile, node.facts, bases)
    path = posixpath.relpath(image.path, image.context or ".")
    own = any(state.path == path for state in step.record.files)
    return BuildOrder(
        image=step.image,
        key=step.key,
        dockerfile=text.encode("utf-8", "surrogateescape"),
        dockerfile_path=path if own else "",
        context=str(folder),
        files=step.record.files,
        bases=tuple(bases.items()),
        args=step.record.args,
        labels=labels.of_record(step, node),
        tags=(local_name(step.image, step.key),),
        platform=step.record.platform,
        target=step.record.target,
        log=log,
        no_cache=step.afresh,
        apart=not own and _takes_all(node, step),
        overlaid=image.overlaid,
    )


def _takes_all(node: Node, step: Step) -> bool:
    """Whether the build may copy whatever lies at the top of its context; when in doubt, yes."""
    for read in node.reads:
        first = read.pattern.partition("/")[0]
        if read.whole or first in {"", "."} or _GLOB & set(first):
            return True
    links = (state for state in step.record.files if state.kind == "link")
    return any(
        posixpath.normpath(posixpath.join(posixpath.dirname(link.path), link.content)) in {".", "/"}
        for link in links
    )


def _unshadowed(dockerfile: Dockerfile, facts: Facts, bases: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The Dockerfile, and the bases that can be given to BuildKit by name.

    Given `debian`, BuildKit takes it for a stage of that name as well, and skips what the stage does; such a
    base is written into its FROM lines instead.
    """
    stages = {stage.name for stage in dockerfile.stages if stage.name}
    lines = dockerfile.text.split("\n")
    for reference, target in bases.items():
        parsed = refs.parse(reference)
        if parsed.digest or parsed.tag not in {"", "latest"} or parsed.name.lower() not in stages:
            continue
        # only a FROM can mean the image here: a COPY --from means the stage
        for use in (use for use in facts.uses if use.reference == reference):
            found = dockerfile.stages[use.stage].instruction
            first, last = found.line - 1, found.end_line
            head = "\n".join(lines[first:last])
            edited = _FROM.sub(lambda match: f"{match[1]}{target}", head, count=1).split("\n")  # noqa: B023
            lines[first:last] = edited
        bases = {other: to for other, to in bases.items() if other != reference}
    return "\n".join(lines), bases
