"""What references call the images of a tree, and which image a reference calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from pipeline import refs

# `*/NAME`: any repository whose last part is NAME, for trees that say nothing of their references
ANYWHERE = "*/"
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
CASES = ("kebab", "lower", "keep")


class Find(Protocol):
    """From a reference, and the image that asks, to the image that it calls, or ""."""

    def __call__(self, reference: str, asking: str = "") -> str:
        """Look it up."""


def published(name: str, patterns: tuple[str, ...], case: str) -> str:
    """What references call an image of this id, unless it is told otherwise: `NAME`, `NAME:TAG`, or "".

    Where patterns have a `{tag}`, a folder inside another image's is a tag of that, and so is what stands
    behind the last `_` of a file's name; elsewhere no plain reference means such a folder.
    """
    spelt = {"kebab": _HUMP.sub("-", name).lower(), "lower": name.lower(), "keep": name}[case]
    outer, slash, inner = spelt.partition("/")
    if slash and not any("{tag}" in pattern for pattern in patterns):
        return ""
    if not slash and any("{tag}" in pattern for pattern in patterns) and "_" in spelt:
        outer, _, inner = spelt.rpartition("_")
    found = f"{outer}:{inner.replace('/', '-')}" if inner else outer
    return found if refs.is_valid(found) else ""


def calls(name: str, patterns: tuple[str, ...]) -> Iterator[str]:
    """Every reference that means an image published under this name, in the form that `find` looks up."""
    if "/" in name:
        yield str(refs.parse(name))
        return
    image, _, tag = name.partition(":")
    if not patterns:
        yield f"{ANYWHERE}{name}"
    for pattern in patterns:
        filled = pattern.replace("{tag}", tag or "latest")
        if "{tag}" in pattern:
            filled = filled.replace("{image}", image)
        else:
            in_tag = ":" in pattern.partition("{image}")[0].rpartition("/")[2]
            filled = filled.replace("{image}", name.replace(":", "-") if in_tag else name)
        yield _plain(refs.parse(filled))


def _plain(reference: refs.Reference) -> str:
    """A reference as text, `latest` left out: no tag means the same."""
    return str(reference.with_tag("")) if reference.tag == "latest" else str(reference)


def finder(called: Mapping[str, str]) -> Find:
    """A function from a reference, and the image that asks, to the image that it calls, or "".

    `called` maps what `calls` gave, and references as they are written, to images.
    """

    def find(reference: str, asking: str = "") -> str:
        if found := called.get(reference):
            return found
        try:
            parsed = refs.parse(reference)
        except ValueError:
            return ""
        # a digest means that very build, not this tree's next one; so does a tag that nobody maps
        if parsed.digest:
            return ""
        plain = _plain(parsed)
        if found := called.get(plain):
            return found
        found = called.get(f"{ANYWHERE}{plain.rpartition('/')[2]}", "")
        # `FROM nginx` in a folder called nginx means Docker's own: nobody builds an image on itself
        return "" if found == asking and "/" not in reference else found

    return find
