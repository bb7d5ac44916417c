"""Edits of every kind, read and applied to a small tree: what came of it, or what was said."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from trees import tree_of

from pipeline import overlay
from pipeline.errors import InputError
from pipeline.overlay import Overlay
from pipeline.tree import Image, Overlaid, Tree

Files = Mapping[str, str | bytes]
ARG = '[[arg]]\nname = "A"\nvalue = "2"\n'
ENV = '[[env]]\nimage = "a"\nname = "A"\nvalue = "2"\n'


def read(text: str, name: str = "o", **beside: str) -> Overlay:
    def read_beside(_: str, path: str) -> Overlaid:
        if path not in beside:
            raise InputError.of("cannot be read: no such file or directory", path)
        return Overlaid(beside[path].encode())

    return overlay.read_overlay(text, name, f"overlays/{name}.toml", read_beside)


def applied(files: Files, *texts: str, **settings: object) -> Tree:
    """The tree of these files after overlays."""

    def read_file(_: str, path: str) -> Overlaid:
        data = files[path]
        return Overlaid(data.encode() if isinstance(data, str) else data, path.endswith(".sh"))

    tree = tree_of(dict(files), **settings)
    overlays = [read(text, f"o{number}") for number, text in enumerate(texts, 1)]
    return overlay.apply(overlays, tree, read=read_file)[0]


def image(files: Files, *texts: str, **settings: object) -> Image:
    """The image `a` of these files after overlays."""
    return applied(files, *texts, **settings).images["a"]


def text(dockerfile: str, *texts: str) -> str:
    """A Dockerfile after overlays."""
    return image({"a/Dockerfile": dockerfile}, *texts).dockerfile.text


def refused(files: Files | str, *texts: str, **settings: object) -> list[str]:
    """What is said of overlays that do not fit."""
    with pytest.raises(InputError) as caught:
        applied({"a/Dockerfile": files} if isinstance(files, str) else files, *texts, **settings)
    return [str(problem) for problem in caught.value.problems]


def misread(text: str) -> list[str]:
    """What is said of an overlay file."""
    with pytest.raises(InputError) as caught:
        read(text)
    return [str(problem).removeprefix("overlays/o.toml:") for problem in caught.value.problems]


def append(instructions: str, more: str = "") -> str:
    return f"[[append]]\nimage = 'a'\ninstructions = '''\n{instructions}'''\n{more}\n"


def added(path: str, more: str = "", content: str = "hello\n") -> str:
    return f"[[file]]\nimage = \"a\"\npath = \"{path}\"\ncontent = '''\n{content}'''\n{more}\n"
