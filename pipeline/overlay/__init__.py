"""Typed edits of somebody else's Dockerfiles: a tree in, a tree out, and every match accounted for."""

from pipeline.overlay.append import AppendEdit
from pipeline.overlay.applying import apply, blamed, unread
from pipeline.overlay.argument import ArgEdit
from pipeline.overlay.environment import EnvEdit
from pipeline.overlay.files import FileEdit
from pipeline.overlay.literal import ReplaceEdit
from pipeline.overlay.model import ANY, AT_LEAST_ONCE, Edit, Expect, Match, Overlay, ReadFile
from pipeline.overlay.package import PackageEdit
from pipeline.overlay.reading import KINDS, read_overlay
from pipeline.overlay.root import RootEdit
from pipeline.overlay.variant import VariantEdit

__all__ = [
    "ANY",
    "AT_LEAST_ONCE",
    "KINDS",
    "AppendEdit",
    "ArgEdit",
    "Edit",
    "EnvEdit",
    "Expect",
    "FileEdit",
    "Match",
    "Overlay",
    "PackageEdit",
    "ReadFile",
    "ReplaceEdit",
    "RootEdit",
    "VariantEdit",
    "apply",
    "blamed",
    "read_overlay",
    "unread",
]
