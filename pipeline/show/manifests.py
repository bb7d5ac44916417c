"""What is in images, and what changed in them, as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.digest import short
from pipeline.manifest import ImageChange, Manifest, PackageChange, together
from pipeline.show.words import Paint, counted, size

_MOST = 3


def manifest_text(found: Manifest, paint: Paint) -> str:
    """One image: its sizes, then its packages by manager."""
    lines = [f"{paint(found.image, 'cyan')}  {short(found.key)}  {size(found.size)}"]
    lines += [f"  {size(layer.size):>8}  {layer.by[:90]}" for layer in found.layers]
    lines += [f"  {found.note}"] if found.note else []
    for manager, versions in found.packages.items():
        lines.append(f"  {manager}: {counted(len(versions), 'package')}")
        lines += [f"    {name} {version}" for name, version in versions.items()]
    return "\n".join(lines)


def changes_text(found: tuple[ImageChange, ...], paint: Paint) -> str:
    """Each image that differs, then each package that does, with the images it differs in."""
    if not found:
        return "nothing changed"
    width = max(len(one.image) for one in found)
    lines = []
    for one in found:
        what, colour = ("new", "green") if one.old is None else ("rebuilt", "yellow")
        if one.new is None:
            what, colour = "gone", "red"
        sign = "+" if one.growth > 0 else "-" if one.growth < 0 else "±"
        moved = f"  {counted(len(one.packages), 'package')}" if one.packages else ""
        doubt = f"  {one.doubt}" if one.doubt else ""
        what = paint(f"{what:<7}", colour)
        lines.append(f"{one.image:<{width}}  {what}  {sign}{size(abs(one.growth))}{moved}{doubt}")
    rows = [(_what(change), _where(images)) for change, images in together(found).items()]
    if rows:
        lines.append("")
        wide = max(len(what) for what, _ in rows)
        lines += [f"{what:<{wide}}  {where}" for what, where in rows]
    return "\n".join(lines)


def _what(change: PackageChange) -> str:
    return f"{change.manager:<5} {change.name}  {change.old or '(new)'} → {change.new or '(gone)'}"


def _where(images: tuple[str, ...]) -> str:
    more = f" and {len(images) - _MOST} more" if len(images) > _MOST else ""
    return ", ".join(images[:_MOST]) + more


def changes_json(found: Iterable[ImageChange]) -> dict[str, Any]:
    """`{"images": {NAME: {"change", "old", "new", "growth", "packages": [..], "doubt"}}}`."""
    return {
        "images": {
            one.image: {
                "change": "new" if one.old is None else "gone" if one.new is None else "rebuilt",
                "old": _side(one.old),
                "new": _side(one.new),
                "growth": one.growth,
                "packages": [
                    {"manager": c.manager, "name": c.name, "old": c.old, "new": c.new} for c in one.packages
                ],
                "doubt": one.doubt,
            }
            for one in found
        }
    }


def _side(found: Manifest | None) -> Mapping[str, Any] | None:
    return {"key": found.key, "image_id": found.image_id, "size": found.size} if found else None
