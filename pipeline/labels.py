"""What an image says of itself: labels in OCI's words, and a few in ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.graph import Graph, Node
from pipeline.plan import Step
from pipeline.ports import IMAGE_LABEL, KEY_LABEL

BASE_KEY_LABEL = "io.stackbuild.base-key"
OVERLAYS_LABEL = "io.stackbuild.overlays"
VARIANT_LABEL = "io.stackbuild.variant"
_OCI = "org.opencontainers.image"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tree comes from: a repository's address, a commit of it, and that commit's time (RFC 3339).

    A commit whose files have been edited since ends in `-dirty`. "" is what nobody knows.
    """

    source: str = ""
    revision: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True)
class Edited:
    """The variants in which overlays reach an image, and those overlays; nothing where none does."""

    variants: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """What of one variant's view the labels are about; `edits` are the overlays that matched, and where.

    An edit is an overlay's name and an image's.
    """

    variant: str
    graph: Graph
    edits: tuple[tuple[str, str], ...]
    keys: Mapping[str, str]


def of_record(step: Step, node: Node) -> Labels:
    """The labels that follow from the key's record: every build of the key has the same.

    An image inherits its parent's labels, so what is not known is said to be "", not left out.
    """
    return (
        (KEY_LABEL, step.key),
        (IMAGE_LABEL, step.image),
        (BASE_KEY_LABEL, dict(step.record.parents).get(node.base, "")),
        (f"{_OCI}.title", step.image),
        (f"{_OCI}.base.name", node.base),
        (f"{_OCI}.base.digest", dict(step.record.roots).get(node.base, "")),
    )


def of_making(origin: Origin, edited: Edited) -> Labels:
    """The labels that say out of what this one build was made; a later run that reuses it keeps them."""
    return (
        (f"{_OCI}.source", origin.source),
        (f"{_OCI}.revision", origin.revision),
        (f"{_OCI}.created", origin.created),
        (VARIANT_LABEL, ",".join(edited.variants)),
        (OVERLAYS_LABEL, ",".join(edited.overlays)),
    )


def edited(sights: Iterable[Sight]) -> dict[str, Edited]:
    """Which overlays reach each key, in which variants.

    An image is reached by the overlays that matched in it or in an ancestor. Where one of the variants that
    share a key has no overlay that reaches it, the key is no variant's own, and nothing is said.
    """
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for sight in sights:
        for image, overlays in reached(sight.graph, sight.edits).items():
            found.setdefault(sight.keys[image], []).append((sight.variant, overlays))
    made = {}
    for key, by in found.items():
        shared = any(not overlays for _, overlays in by)
        variants = () if shared else tuple(variant for variant, _ in by)
        every = () if shared else tuple(name for _, overlays in by for name in overlays)
        made[key] = Edited(variants, tuple(dict.fromkeys(every)))
    return made


def reached(graph: Graph, edits: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The overlays that matched in each image or in an ancestor of it, in the order in which they apply."""
    own: dict[str, dict[str, int]] = {}
    for place, (overlay, image) in enumerate(edits):
        own.setdefault(image, {}).setdefault(overlay, place)
    found: dict[str, dict[str, int]] = {}
    for node in graph:
        above = [found[parent] for parent in node.parent_names]
        mine = dict(own.get(node.image.name, {}))
        for overlay, place in (pair for names in above for pair in names.items()):
            mine[overlay] = min(place, mine.get(overlay, place))
        found[node.image.name] = mine
    return {image: tuple(sorted(mine, key=mine.__getitem__)) for image, mine in found.items()}
