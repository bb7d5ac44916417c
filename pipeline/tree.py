"""The images of a tree: where they are, what they are called, and what they can read."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from pipeline import naming
from pipeline.config import ImageSettings, TreeConfig
from pipeline.dockerfile import Dockerfile, parse
from pipeline.errors import InputError, Problem
from pipeline.ignore import Entry, Ignore, Walk, parse_ignore
from pipeline.tomlfile import among, nearest

Read = Callable[[str], bytes]

PLAIN_NAMES = ("Dockerfile", "Containerfile")
# files that only look like Dockerfiles: patches, backups and sources of generated ones
NOT_DOCKERFILES = (
    ".patch",
    ".orig",
    ".rej",
    ".bak",
    ".j2",
    ".tmpl",
    ".template",
    ".in",
    ".dockerignore",
    "~",
)
# folders whose Dockerfiles are no part of a stack, unless the tree itself points into them
LEFT_OUT = ("binder", "docs", "examples", "test", "tests")


@dataclass(frozen=True, slots=True)
class Overlaid:
    """What an overlay has in a context in place of the disk: a file's content, or with None a new folder."""

    content: bytes | None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """One Dockerfile of a tree, and what stacks.toml says of it.

    `context` is a folder relative to the tree's; `ignore` its `.dockerignore`; `published`
    is what references call the image, "" where none can, and `refs` are further ones that mean it.
    `overlaid` are the files, by their paths in the context, that are not read from the disk.
    """

    name: str
    tree: str
    dockerfile: Dockerfile
    path: str
    context: str
    published: str
    refs: tuple[str, ...] = ()
    ignore: Ignore = field(default_factory=Ignore)
    args: tuple[tuple[str, str], ...] = ()
    target: str = ""
    weight: int = 1
    overlaid: Mapping[str, Overlaid] = field(default_factory=dict, hash=False)

    @property
    def where(self) -> str:
        """The Dockerfile, for messages."""
        return self.dockerfile.path


@dataclass(frozen=True, slots=True)
class Source:
    """One tree's folder: its path for messages, its entries sorted by path, its reference patterns.

    `closed` is whether there are folders that nobody can look into.
    """

    name: str
    root: str
    entries: tuple[Entry, ...]
    refs: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    _paths: list[str] = field(init=False, repr=False, compare=False)
    closed: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_paths", [entry.path for entry in self.entries])
        object.__setattr__(self, "closed", any(entry.kind == "closed" for entry in self.entries))

    def below(self, folder: str) -> tuple[Entry, ...]:
        """The entries below a folder, their paths relative to it."""
        if folder in {"", "."}:
            return self.entries
        prefix = f"{folder}/"
        # "0" follows "/" in ASCII, so this is the first path behind all that begin with the prefix
        start, end = bisect_left(self._paths, prefix), bisect_left(self._paths, f"{folder}0")
        return tuple(
            replace(entry, path=entry.path.removeprefix(prefix)) for entry in self.entries[start:end]
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """All images of all trees by name, and the folders they come from."""

    images: Mapping[str, Image]
    sources: Mapping[str, Source]

    def with_images(self, changed: Iterable[Image]) -> Tree:
        """The tree with these images in place of those of the same names."""
        return replace(self, images={**self.images, **{image.name: image for image in changed}})

    def context(self, image: Image) -> tuple[Entry, ...]:
        """The entries of an image's context, sorted, with what overlays have in it."""
        entries = self.sources[image.tree].below(image.context)
        if not image.overlaid:
            return entries
        found = {entry.path: entry for entry in entries}
        for path, overlaid in image.overlaid.items():
            found[path] = Entry(path, "dir" if overlaid.content is None else "file")
        return tuple(sorted(found.values(), key=lambda entry: entry.path))

    def with_ignore(self, image: Image) -> Image:
        """The image with the ignore file that overlays have in its context, where they have one."""
        there = {entry.path for entry in self.context(image)}
        own = posixpath.relpath(image.path, image.context)
        path = next((path for path in (f"{own}.dockerignore", ".dockerignore") if path in there), "")
        overlaid = image.overlaid.get(path)
        if overlaid is None or overlaid.content is None:
            return image
        where = posixpath.join(self.sources[image.tree].root, image.context, path)
        return replace(image, ignore=parse_ignore(overlaid.content, posixpath.normpath(where)))

    def image(self, name: str) -> Image:
        """The image of this name, or an error that names the nearest."""
        if name not in self.images:
            raise unknown(name, self.images)
        return self.images[name]

    def calls(self) -> Iterator[tuple[str, Image]]:
        """What references call each image, in the form that `naming` looks up."""
        for image in self.images.values():
            source = self.sources[image.tree]
            if image.published:
                for call in naming.calls(image.published, source.refs):
                    yield call, image
            for reference in image.refs:
                yield reference, image

    def naming(self) -> naming.Find:
        """A function from a reference, as FROM resolves it, and the asking image, to an image, or ""."""
        return naming.finder({call: image.name for call, image in self.calls()})


def unknown(name: str, known: Iterable[str]) -> InputError:
    """The error for an image that no tree has."""
    return InputError.of(f"no image '{name}' in the tree", hint=among(name, known))


def is_dockerfile(file_name: str) -> bool:
    """Whether a file of this name is a Dockerfile: `Dockerfile`, `Dockerfile.cuda`, `cuda.Dockerfile`."""
    if file_name in PLAIN_NAMES:
        return True
    if file_name.endswith(NOT_DOCKERFILES):
        return False
    stem, dot, ending = file_name.partition(".")
    if dot and stem in PLAIN_NAMES:
        return bool(ending)
    stem, dot, ending = file_name.rpartition(".")
    return bool(stem) and ending in {"Dockerfile", "dockerfile", "Containerfile"}


def _suffix(file_name: str) -> str:
    """What a Dockerfile's file name adds to its folder's: "cuda" for Dockerfile.cuda and cuda.Dockerfile."""
    if file_name in PLAIN_NAMES:
        return ""
    first, _, rest = file_name.partition(".")
    return rest if first in PLAIN_NAMES else file_name.rpartition(".")[0]


def _leaves_out(path: str, config: TreeConfig) -> bool:
    folders = path.split("/")[:-1]
    places = [*("/".join(folders[: depth + 1]) for depth in range(len(folders))), path]

    def named(globs: tuple[str, ...]) -> bool:
        return any(fnmatchcase(place, glob) for place in places for glob in globs)

    if config.include:
        return named(config.exclude) or not named(config.include)
    return named(config.exclude) or any(part.startswith(".") or part in LEFT_OUT for part in folders)


def _names(paths: Iterable[str], root_name: str) -> dict[str, str]:
    """An id for each Dockerfile: its folder's name; inside another image's folder, its path from there.

    `root_name` is the id of the one in the tree's own folder, whose name may be that of any checkout.
    """
    named: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: (path.count("/"), _suffix(posixpath.basename(path)), path)):
        folder, suffix = posixpath.dirname(path), _suffix(posixpath.basename(path))
        outer = folder
        while outer and outer not in folders:
            outer = posixpath.dirname(outer)
        if folder in folders:
            parts = [folders[folder], suffix]
        elif outer:
            parts = [folders[outer], folder.removeprefix(f"{outer}/"), suffix]
        elif folder and not path.rpartition("/")[2].startswith(PLAIN_NAMES) and suffix:
            # a folder that only gathers core.Dockerfile and app.Dockerfile names none of them
            parts = [suffix]
        elif folder:
            parts = [posixpath.basename(folder), suffix]
        else:
            parts = [suffix or root_name]
        name = "/".join(part for part in parts if part)
        named[path] = name
        if not suffix:
            folders.setdefault(folder, name)
    return named


def scan(config: TreeConfig, entries: tuple[Entry, ...], read: Read) -> Tree:
    """Find a tree's images and parse their Dockerfiles; `read` gives a file's bytes by its path in the tree.

    Raises InputError with every problem of every Dockerfile at once.
    """
    files = {entry.path for entry in entries if entry.kind not in {"dir", "closed"}}
    candidates = [path for path in sorted(files) if is_dockerfile(posixpath.basename(path))]
    chosen = [path for path in candidates if not _leaves_out(path, config)]
    left_out = tuple(sorted(set(candidates) - set(chosen)))
    names = _names(chosen, config.name)
    settings, problems = _match_settings(config, names, {entry.path: entry.kind for entry in entries})
    images: dict[str, Image] = {}
    for path, name in names.items():
        if not name.isprintable():
            hint = "rename its folder or file, or leave it out with 'exclude'"
            problems.append(Problem(f"{path!a} makes no name that can be shown", config.where, hint))
            continue
        try:
            image = _image(config, settings.get(path, ImageSettings("")), path, (name, files, read))
        except InputError as error:
            problems.extend(error.problems)
            continue
        if image.name in images:
            problems.append(_same_name(image, images[image.name]))
        images[image.name] = image
    problems += _closed(config, entries, images)
    if not names:
        hint = "a Dockerfile is called Dockerfile, Containerfile, Dockerfile.NAME or NAME.Dockerfile"
        hint = f"left out: {', '.join(left_out[:3])}" if left_out else hint
        problems.append(Problem(f"no Dockerfile below '{config.path}'", config.where, hint))
    if problems:
        raise InputError(*problems)
    return Tree(images, {config.name: Source(config.name, config.path, entries, config.refs, left_out)})


def _closed(config: TreeConfig, entries: Iterable[Entry], images: Mapping[str, Image]) -> list[Problem]:
    """The folders that may hide a Dockerfile: nobody can look into them, and nothing leaves them out."""
    hint = "let this user read it, or leave it out with 'exclude' or in .dockerignore"
    return [
        Problem(f"cannot be read: {entry.target}", posixpath.join(config.path, entry.path), hint)
        for entry in entries
        if entry.kind == "closed"
        and not _leaves_out(f"{entry.path}/Dockerfile", config)
        and not any(_ignores(image, entry.path) for image in images.values())
    ]


def _ignores(image: Image, path: str) -> bool:
    inside = posixpath.relpath(path, image.context or ".")
    return not inside.startswith("..") and Walk(image.ignore).drops(inside)


def _same_name(image: Image, other: Image) -> Problem:
    return Problem(
        f"two images are called '{image.name}': {other.where} and {image.where}",
        image.where,
        "leave one out with 'exclude', or name one: [tree.TREE.images.NAME] with its 'path' in stacks.toml",
    )


def _match_settings(
    config: TreeConfig, names: dict[str, str], kinds: Mapping[str, str]
) -> tuple[dict[str, ImageSettings], list[Problem]]:
    """Settings by Dockerfile; a setting of an image that is not there is a problem."""
    by_name = {name: path for path, name in names.items()}
    found: dict[str, ImageSettings] = {}
    problems: list[Problem] = []
    for name, settings in config.images:
        path = by_name.get(name)
        if settings.path or settings.dockerfile:
            folder = settings.path or (posixpath.dirname(path) if path else "")
            path = posixpath.normpath(posixpath.join(folder, settings.dockerfile or "Dockerfile"))
            if path not in kinds:
                problems.append(Problem(f"no file '{path}' in tree '{config.name}'", settings.where))
                continue
            if path in found:
                message = f"'{path}' is two images: '{names[path]}' and '{name}'"
                problems.append(Problem(message, settings.where, f"the other is at {found[path].where}"))
                continue
            names[path] = name
        if path is None:
            hint = nearest(name, by_name) or "a new image needs 'path' or 'dockerfile'"
            problems.append(Problem(f"no image '{name}' in tree '{config.name}'", settings.where, hint))
            continue
        context = posixpath.normpath(settings.context)
        if context != "." and kinds.get(context) != "dir":
            message = f"no folder '{settings.context}' in tree '{config.name}'"
            problems.append(Problem(message, settings.where, "'context' is relative to the tree's path"))
        found[path] = settings
    return found, problems


def _image(
    config: TreeConfig, settings: ImageSettings, path: str, found: tuple[str, set[str], Read]
) -> Image:
    name, files, read = found
    context = posixpath.normpath(settings.context or posixpath.dirname(path))
    dockerfile = parse(read(path), posixpath.join(config.path, path))
    ignore = _ignore((path, context, config.path), files, read)
    return Image(
        name=name,
        tree=config.name,
        dockerfile=dockerfile,
        path=path,
        context=context,
        published=settings.name or naming.published(name, config.refs, config.case),
        refs=settings.refs,
        ignore=ignore,
        args=tuple(sorted({**dict(config.args), **dict(settings.args)}.items())),
        target=settings.target,
        weight=settings.weight,
    )


def _ignore(place: tuple[str, str, str], files: set[str], read: Read) -> Ignore:
    """What a context leaves out; `place` is the Dockerfile, its context and the tree's folder."""
    path, context, root = place
    candidates = (f"{path}.dockerignore", posixpath.normpath(f"{context}/.dockerignore"))
    found = next((candidate for candidate in candidates if candidate in files), "")
    return parse_ignore(read(found), posixpath.join(root, found)) if found else Ignore()


def dockerfile_at(source: Source, image: Image, path: str, read: Read) -> Image:
    """The image as it would be with another Dockerfile of its tree, and that one's folder as its context."""
    context = posixpath.dirname(path) or "."
    files = {entry.path for entry in source.entries if entry.kind != "dir"}
    return replace(
        image,
        dockerfile=parse(read(path), posixpath.join(source.root, path)),
        path=path,
        context=context,
        ignore=_ignore((path, context, source.root), files, read),
        target="",
        overlaid={},
    )


def merge(trees: Iterable[Tree]) -> Tree:
    """All trees as one; two images with one name, or with one reference, are an error that shows both."""
    images: dict[str, Image] = {}
    sources: dict[str, Source] = {}
    problems = []
    for tree in trees:
        problems += [_same_name(tree.images[name], images[name]) for name in tree.images if name in images]
        images.update(tree.images)
        sources.update(tree.sources)
    merged = Tree(images, sources)
    called: dict[str, Image] = {}
    for call, image in merged.calls():
        other = called.setdefault(call, image)
        if other is not image:
            message = f"references to '{call}' mean two images: {other.where} and {image.where}"
            hint = "give one another 'name', or its tree other 'refs', in stacks.toml"
            problems.append(Problem(message, image.where, hint))
    if problems:
        raise InputError(*problems)
    return merged
