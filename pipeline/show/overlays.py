"""Overlays that were checked, and a commented one to begin with."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pipeline import refs
from pipeline.dockerfile import facts
from pipeline.show.words import counted
from pipeline.tree import Tree

_REST = """
# [[package]]                       # another package where one is installed; its version stays
# manager = "pip"                   # pip, conda or apt
# image   = "{image}"
# from    = "tensorflow-cpu"
# to      = "tensorflow"
# expect  = 1                       # how often it must match: a number, or "any"; at least once without it

# [[arg]]                           # another default of a declared ARG
# image = "{image}"
# name  = "NB_UID"
# value = "1001"

# [[env]]                           # a variable, set where the image sets it or else at its beginning
# image = "{image}"
# name  = "LD_LIBRARY_PATH"
# value = "/usr/local/cuda/lib64"

# [[file]]                          # a file for the image's context; an instruction must read it
# image   = "{image}"
# path    = "pip.conf"
# content = "[global]\\ntimeout = 60\\n"

# [[append]]                        # instructions at the end of the final stage, or at = "before-user"
# image        = "{image}"
# instructions = "COPY pip.conf /etc/pip.conf"

# [[replace]]                       # a literal text, for what no other edit can say
# image = "{image}"
# from  = "--no-cache-dir"
# to    = ""

# [[variant]]                       # the Dockerfile of another folder, with its context
# image = "{image}"
# from  = "cuda"
"""


@dataclass(frozen=True, slots=True)
class Checked:
    """An overlay that was checked: the variant it was tried in ("" where alone), its edits, its matches.

    An overlay that no variant uses is only read: then `matches` is None.
    """

    overlay: str
    variant: str
    edits: int
    matches: int | None


def checked_text(one: Checked) -> str:
    """What came of an overlay, in a line."""
    edits = counted(one.edits, "edit")
    if one.matches is None:
        return f"{one.overlay}: {edits}; no variant uses it, so it was only read"
    within = f" in variant {one.variant}" if one.variant else ""
    return f"{one.overlay}{within}: {edits}, {one.matches} {'match' if one.matches == 1 else 'matches'}"


def checked_json(one: Checked) -> dict[str, object]:
    """What came of an overlay, for machines."""
    return asdict(one)


def starter(tree: Tree, platform: str) -> str:
    """An overlay that changes nothing yet: it swaps a root of the tree for itself."""
    find = tree.naming()
    for image in tree.images.values():
        uses = facts(image.dockerfile, dict(image.args), target=image.target, platform=platform).uses
        root = next((use.reference for use in uses if use.base), "")
        if root and not find(root, image.name):
            parsed = refs.parse(root)
            glob = f"{root.partition('@')[0].removesuffix(f':{parsed.tag}')}:*"
            break
    else:
        image, root, glob = next(iter(tree.images.values())), "debian:bookworm", "debian:*"
    head = f"""description = "what it is for"

[[root]]                            # another root below everything that stands on this one
from = "{glob}"
to   = "{root}"
expect = "any"
"""
    return head + _REST.replace("{image}", image.name)
