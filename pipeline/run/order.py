"""What a builder is told of one image: everything that it may see, and nothing it could read beside it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from pipeline import labels, refs
from pipeline.adapters.engine import local_name
from pipeline.dockerfile import Dockerfile, Facts, from_spot, mounted_ids
from pipeline.graph import Node
from pipeline.plan import Step
from pipeline.ports import BuildOrder

_GLOB = frozenset("*?[\\")


def order_of(step: Step, node: Node, keys: Mapping[str, str], where: tuple[Path, str]) -> BuildOrder:
    """The build of a step; `keys` are those of its variant, `where` its context's folder and its log."""
    folder, log = where
    image = node.image
    bases = {reference: local_name(name, keys[name]) for reference, name in node.parents}
    roots = {
        reference: refs.parse(reference).pinned(pin) if pin else reference
        for reference, pin in step.record.roots
    }
    bases |= {reference: target for reference, target in roots.items() if target != reference}
    path = posixpath.relpath(image.path, image.context or ".")
    own = any(state.path == path for state in step.record.files)
    text, bases = _written(image.dockerfile, node.facts, bases, own=own)
    frontend = dict(step.record.args).get("BUILDKIT_SYNTAX") or image.dockerfile.syntax
    return BuildOrder(
        image=step.image,
        key=step.key,
        dockerfile=text.encode("utf-8", "surrogateescape"),
        dockerfile_path=path if own else "",
        context=str(folder),
        files=step.record.files,
        bases=tuple(bases.items()),
        outside=(*roots.values(), *([frontend] if frontend else ())),
        args=step.record.args,
        labels=labels.of_record(step, node),
        tags=(local_name(step.image, step.key),),
        platform=step.record.platform,
        target=step.record.target,
        log=log,
        no_cache=step.afresh,
        apart=not own and _takes_all(node, step),
        asks=bool(mounted_ids(image.dockerfile)),
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


def _written(
    dockerfile: Dockerfile, facts: Facts, bases: dict[str, str], *, own: bool
) -> tuple[str, dict[str, str]]:
    """The Dockerfile with its bases written into its FROM lines, and those that must be given by name.

    Who is given no names can be asked without a client. And given `debian`, BuildKit takes it for a stage of
    that name as well, and skips what the stage does. A Dockerfile that its `own` build reads, and may copy,
    stays as it is but for such a base.
    """
    stages = {stage.name for stage in dockerfile.stages if stage.name}
    edits: list[tuple[int, int, str]] = []
    named = {}
    for reference, target in bases.items():
        shadowed = _may_mean_a_stage(reference, stages)
        uses = [use for use in facts.uses if use.reference == reference]
        # a COPY --from of a shadowed name means the stage
        if (own and not shadowed) or (not shadowed and any(use.kind != "from" for use in uses)):
            named[reference] = target
            continue
        edits += [
            (*from_spot(dockerfile, dockerfile.stages[use.stage]), target)
            for use in uses
            if use.kind == "from"
        ]
    text = dockerfile.text
    for start, end, target in sorted(set(edits), reverse=True):
        text = f"{text[:start]}{target}{text[end:]}"
    return text, named


def _may_mean_a_stage(reference: str, stages: set[str]) -> bool:
    parsed = refs.parse(reference)
    return not parsed.digest and parsed.tag in {"", "latest"} and parsed.name.lower() in stages
