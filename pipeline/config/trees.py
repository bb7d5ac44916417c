"""`[tree.NAME]` and `[tree.NAME.images.IMAGE]`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline import refs
from pipeline.config.limits import read_weight
from pipeline.naming import CASES
from pipeline.tomlfile import Table, nearest

# `ext::` and other remote helpers would run programs
_GIT = re.compile(r"(?:https?|ssh|git|file)://\S+\Z|[\w.-]+@[\w.-]+:\S+\Z|(?:\.{1,2})?/\S*\Z")
_SECRET = re.compile(r"\w+://[^/@]*:[^/@]*@")


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """What stacks.toml says of one image; "" stands for "as found in the tree"."""

    where: str
    path: str = ""
    dockerfile: str = ""
    context: str = ""
    name: str = ""
    target: str = ""
    refs: tuple[str, ...] = ()
    args: tuple[tuple[str, str], ...] = ()
    weight: int = 1


@dataclass(frozen=True, slots=True)
class TreeConfig:
    """One tree: where it is, what of it counts, and what FROM lines call its images.

    With `git`, the address of a repository, `path` is relative to what is checked out of it at `ref`.
    """

    name: str
    where: str
    path: str
    git: str = ""
    ref: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    case: str = "kebab"
    args: tuple[tuple[str, str], ...] = ()
    images: tuple[tuple[str, ImageSettings], ...] = ()


def _image(table: Table) -> ImageSettings:
    settings = ImageSettings(
        where=table.where,
        path=table.take("path", str, ""),
        dockerfile=table.take("dockerfile", str, ""),
        context=table.take("context", str, ""),
        name=table.take("name", str, ""),
        target=table.take("target", str, ""),
        refs=table.strings("refs"),
        args=table.pairs("args"),
        weight=read_weight(table),
    )
    for key, value in (
        ("path", settings.path),
        ("dockerfile", settings.dockerfile),
        ("context", settings.context),
    ):
        if value.startswith("/") or ".." in value.split("/"):
            table.problem(f"'{key}' must stay inside the tree", key, "give it relative to the tree's path")
    try:
        refs.parse(settings.name or "none")
    except ValueError as error:
        table.problem(f"'{settings.name}' {error}", "name", "it is what references call the image")
    table.close()
    return settings


def read_tree(name: str, table: Table) -> TreeConfig:
    """One tree."""
    patterns = table.strings("refs")
    for pattern in patterns:
        try:
            refs.parse(pattern.replace("{image}", "image").replace("{tag}", "tag"))
            wrong = "" if "{image}" in pattern else "does not say where the image's name goes"
            if "{tag}" in pattern and ":" not in pattern.partition("{tag}")[0]:
                wrong = "has its {tag} where no tag is"
        except ValueError as error:
            wrong = str(error)
        if wrong:
            table.problem(f"'{pattern}' {wrong}", "refs", 'write it like "jupyter/{image}"')
    case = table.take("case", str, "kebab")
    if case not in CASES:
        table.problem(f"no case rule '{case}'", "case", nearest(case, CASES) or f"one of {', '.join(CASES)}")
    git, ref = table.take("git", str, ""), table.take("ref", str, "")
    if table.has("git") and not _GIT.match(git):
        table.problem(
            f"'{git}' is no address of a git repository",
            "git",
            "https://…, ssh://… or a path like ./upstream",
        )
    elif _SECRET.match(git):
        table.problem("'git' holds credentials", "git", "leave them to git's credential helpers")
    if ref and not git:
        table.problem("'ref' goes with 'git'", "ref")
    if not re.fullmatch(r"[\w./+-]*", ref) or ref.startswith("-"):
        table.problem(f"'{ref}' is no branch, tag or commit", "ref")
    tree = TreeConfig(
        name=name,
        where=table.where,
        path=_tree_path(table, git),
        git=git,
        ref=ref,
        include=table.strings("include"),
        exclude=table.strings("exclude"),
        refs=patterns,
        case=case,
        args=table.pairs("args"),
        images=tuple((image, _image(settings)) for image, settings in table.tables("images")),
    )
    table.close()
    return tree


def _tree_path(table: Table, git: str) -> str:
    if not git:
        return table.need("path", 'the folder the images are in, like path = "images"')
    path = table.take("path", str, "") or "."
    if "\0" in path:
        table.problem("'path' holds a NUL, which no path can", "path")
    if path.startswith("/") or ".." in path.split("/"):
        table.problem("'path' must stay inside the repository", "path")
    return path
