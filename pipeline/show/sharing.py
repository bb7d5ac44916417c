"""Which images variants share, and what sets them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.graph import Graph
from pipeline.overlay import Match, RootEdit
from pipeline.show.words import counted


@dataclass(frozen=True, slots=True)
class Apart:
    """One variant's keys by image, where its overlays matched, and its graph."""

    keys: Mapping[str, str]
    matches: tuple[Match, ...]
    graph: Graph


def shared(variants: Mapping[str, Apart]) -> dict[str, dict[str, list[str]]]:
    """For each variant, its images that others have under the same key, and the names of those others."""
    holders: dict[tuple[str, str], list[str]] = {}
    for variant, apart in variants.items():
        for pair in apart.keys.items():
            holders.setdefault(pair, []).append(variant)
    return {
        variant: {
            pair[0]: [other for other in holders[pair] if other != variant]
            for pair in apart.keys.items()
            if len(holders[pair]) > 1
        }
        for variant, apart in variants.items()
    }


def sharing_text(variants: Mapping[str, Apart]) -> str:
    """What each variant shares with which others, and how many images each swap of a root sets apart."""
    lines = []
    found = shared(variants)
    for variant, apart in variants.items():
        if len(variants) > 1:
            by_others: dict[str, list[str]] = {}
            for image in apart.graph.order:
                if image in found[variant]:
                    by_others.setdefault(", ".join(found[variant][image]), []).append(image)
            total = len(apart.keys)
            for others, images in by_others.items():
                names = "all its images" if len(images) == total else ", ".join(images)
                lines.append(f"{variant} shares with {others}: {names}")
            if total and not by_others:
                lines.append(f"{variant} shares no image")
        for match in apart.matches:
            if isinstance(match.edit, RootEdit) and match.image in apart.keys:
                above = len(apart.graph.descendants([match.image]) & set(apart.keys)) - 1
                more = f" and the {counted(above, 'image')} on it" if above else ""
                lines.append(
                    f"{variant}: {match.overlay} swaps the root of {match.image}: new keys for it{more}"
                )
    return "\n".join(lines)
