"""What images are called on the registry: key tags, and the names people pull."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.digest import key_tag

_FIELD = re.compile(r"\{([^{}]*)\}")
# the values of fields that are of their time
_PASSING = {"date": r"\d{4}-\d\d-\d\d", "commit": "[0-9a-f]{12}", "lock": "[0-9a-f]{12}"}
_TAG = re.compile(r"\w[\w.-]{0,127}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Naming:
    """How names are made: the tag patterns, and what their fields stand for in every image.

    A field whose value is "" is not known: no tag can be made with it.
    """

    registry: str
    tags: tuple[str, ...]
    fields: Mapping[str, str] = field(default_factory=dict)


def repository(image: str) -> tuple[str, str]:
    """An image's repository, and what its tags begin with: a folder inside another image's is a tag of it."""
    outer, _, inner = image.lower().partition("/")
    return outer, f"{inner.replace('/', '-')}-" if inner else ""


def key_name(registry: str, image: str, key: str) -> str:
    """Where an image's build is kept under its key."""
    return f"{registry}/{repository(image)[0]}:{key_tag(key)}"


def fields_of(patterns: tuple[str, ...]) -> frozenset[str]:
    """The fields that the patterns use."""
    return frozenset(name for pattern in patterns for name in _FIELD.findall(pattern))


def names(naming: Naming, image: str, variant: str, own: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The names of an image below the registry's prefix, like `base:gpu-latest`.

    `variant` is "" for the first one; `own` are the fields of this image. A pattern with a field that is not
    known, or whose value makes no tag, gives no name.
    """
    outer, inner = repository(image)
    known = {**naming.fields, **(own or {})}
    found = []
    for pattern in naming.tags:
        if any(not known.get(name) for name in fields_of((pattern,)) if name != "variant"):
            continue
        prefix = f"{variant}-" if variant and "{variant}" not in pattern else ""
        tag = _FIELD.sub(lambda match: {**known, "variant": variant}[match[1]], pattern)
        tag = re.sub(r"-{2,}", "-", f"{inner}{prefix}{tag}").strip("-")
        if _TAG.match(tag):
            found.append(f"{outer}:{tag}")
    return tuple(dict.fromkeys(found))


def passing(patterns: tuple[str, ...], image: str, variants: Iterable[str]) -> re.Pattern[str]:
    """What the tags of an image look like that say when they were made, and so pass with their generation.

    That is what patterns with `{date}`, `{commit}` or `{lock}` make; `variants` has "" for the first one.
    """
    marks = {name: f"0{name}0" for name in fields_of(patterns)}
    passing = tuple(one for one in patterns if fields_of((one,)) & _PASSING.keys())
    made = {
        name.partition(":")[2]
        for variant in variants
        for name in names(Naming("", passing, marks), image, variant)
    }
    found = []
    for tag in sorted(made):
        text = re.escape(tag)
        for name, mark in marks.items():
            text = text.replace(mark, _PASSING.get(name, r"[\w.-]+"))
        found.append(text)
    return re.compile(rf"(?:{'|'.join(found)})\Z" if found else r"(?!)", re.ASCII)
