"""stacks.toml: its text in, a checked configuration out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipeline import refs
from pipeline.errors import InputError, Problem
from pipeline.naming import CASES
from pipeline.tomlfile import Document, Table, nearest

DEFAULT_PLATFORM = "linux/amd64"
DEFAULT_TAGS = ("latest",)
DEFAULT_TIMEOUT = 120.0
DEFAULT_VARIANT = "default"

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*\Z")
_PLATFORM = re.compile(r"[a-z0-9_]+/[a-z0-9_]+(?:/[a-z0-9_]+)?\Z")
# `ext::` and other remote helpers would run programs
_GIT = re.compile(r"(?:https?|ssh|git|file)://\S+\Z|[\w.-]+@[\w.-]+:\S+\Z|(?:\.{1,2})?/\S*\Z")
_SECRET = re.compile(r"\w+://[^/@]*:[^/@]*@")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
TAG_FIELDS = ("date", "commit", "variant")


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


@dataclass(frozen=True, slots=True)
class Variant:
    """A named list of overlays over every tree."""

    name: str
    overlays: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Smoke:
    """One `[[smoke]]`: a command to run in built images; no globs: the leaves, no variants: all."""

    run: tuple[str, ...]
    where: str
    name: str = ""
    images: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    gpu: bool = False
    timeout: float = DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True)
class Config:
    """All of stacks.toml, defaults filled in; every value has been checked."""

    path: str
    project: str
    trees: tuple[TreeConfig, ...]
    registry: str = ""
    platform: str = DEFAULT_PLATFORM
    variants: tuple[Variant, ...] = (Variant(DEFAULT_VARIANT),)
    smokes: tuple[Smoke, ...] = ()
    tags: tuple[str, ...] = DEFAULT_TAGS
    variant_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variant_names", tuple(variant.name for variant in self.variants))

    def variant(self, name: str) -> Variant:
        """The variant of this name, or an error that names the ones there are."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        hint = nearest(name, self.variant_names) or f"there are: {', '.join(self.variant_names)}"
        raise InputError.of(f"no variant '{name}' in {self.path}", hint=hint)


def for_tree(path: str, name: str = "tree") -> Config:
    """The configuration of a run that has a tree and no stacks.toml."""
    return Config("(no stacks.toml)", "stack", (TreeConfig(name, "--tree", path),))


def parse(text: str, path: str) -> Config:
    """Check stacks.toml; `path` is for messages. Raises InputError with all problems at once."""
    document = Document(text, path)
    root = document.root
    project = root.table("project")
    name = project.take("name", str, "stack")
    if not _NAME.match(name):
        project.problem(f"'{name}' is no project name", "name", "use a-z, 0-9, '-', '_' and '.'")
    registry = _registry(project)
    platform = project.take("platform", str, DEFAULT_PLATFORM)
    if not _PLATFORM.match(platform):
        project.problem(f"'{platform}' is no platform", "platform", "write it like linux/amd64")
    project.close()

    trees = tuple(_tree(name, table) for name, table in root.tables("tree"))
    if not root.take("tree", dict, {}):
        document.problems.append(
            Problem("no tree is declared", f"{path}:1", 'add [tree.NAME] with path = "images"')
        )
    variants = tuple(_variant(name, table) for name, table in root.tables("variant"))
    variants = variants or (Variant(DEFAULT_VARIANT),)
    smokes = tuple(_smoke(table, [variant.name for variant in variants]) for table in root.list("smoke"))
    tags = _tags(root.table("names"))
    root.close("section")
    document.check()
    return Config(path, name, trees, registry, platform, variants, smokes, tags)


def _registry(project: Table) -> str:
    text = project.take("registry", str, "").rstrip("/")
    if not text:
        return ""
    try:
        reference = refs.parse(f"{text}/image")
    except ValueError as error:
        project.problem(f"registry '{text}' {error}", "registry", "write it like registry.example/team")
        return ""
    if "://" in text or reference.tag or reference.digest:
        project.problem(f"registry '{text}' must be a host and a path", "registry")
    return text


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


def _tree(name: str, table: Table) -> TreeConfig:
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


def _variant(name: str, table: Table) -> Variant:
    if not _NAME.match(name):
        table.problem(f"'{name}' is no variant name", hint="use a-z, 0-9, '-', '_' and '.'")
    overlays = table.strings("overlays")
    for overlay in overlays:
        if overlays.count(overlay) > 1:
            table.problem(f"overlay '{overlay}' is listed twice", "overlays")
        if not _NAME.match(overlay):
            table.problem(
                f"'{overlay}' is no overlay name", "overlays", "overlays/NAME.toml is named by NAME alone"
            )
    table.close()
    return Variant(name, overlays, table.where)


def _smoke(table: Table, variants: list[str]) -> Smoke:
    wanted = table.strings("variants")
    for variant in wanted:
        if variant not in variants:
            hint = nearest(variant, variants) or f"there are: {', '.join(variants)}"
            table.problem(f"no variant '{variant}'", "variants", hint)
    run = table.strings("run")
    if not run:
        table.problem("a probe needs 'run'", hint='give the command as a list: run = ["python3", "-c", "…"]')
    smoke = Smoke(
        run=run,
        where=table.where,
        name=table.take("name", str, ""),
        images=table.strings("images"),
        variants=wanted,
        gpu=table.take("gpu", bool, default=False),
        timeout=_duration(table, "timeout", DEFAULT_TIMEOUT),
    )
    table.close()
    return smoke


def _duration(table: Table, key: str, default: float) -> float:
    text = table.take(key, str, f"{default}s")
    match = _DURATION.match(text)
    if match and float(match[1]) > 0:
        return float(match[1]) * _SECONDS[match[2]]
    table.problem(f"'{text}' is no duration", key, "write it like 90s, 2m or 1h")
    return default


def _tags(table: Table) -> tuple[str, ...]:
    tags = table.strings("tags", DEFAULT_TAGS)
    for tag in tags:
        for name in _PLACEHOLDER.findall(tag):
            if name not in TAG_FIELDS:
                hint = nearest(name, TAG_FIELDS) or f"known here: {', '.join(TAG_FIELDS)}"
                table.problem(f"'{{{name}}}' in tag '{tag}' is not known", "tags", hint)
        if not re.fullmatch(r"[\w.-]{1,100}", _PLACEHOLDER.sub("x", tag), re.ASCII) or tag[0] in ".-":
            table.problem(f"'{tag}' is no image tag", "tags", "use letters, digits, '_', '.' and '-'")
        elif tag.replace("{variant}", "").strip("-")[:1] in {"", "."}:
            hint = 'the first variant has no name in tags: write it like "{variant}-latest"'
            table.problem(f"'{tag}' is no image tag without its variant", "tags", hint)
    table.close()
    return tags
