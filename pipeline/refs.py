"""Image references as parsed values."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

DEFAULT_REGISTRY = "docker.io"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_REGISTRY = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?\Z")
_TAG = re.compile(r"\w[\w.-]{0,127}\Z", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}\Z")


@dataclass(frozen=True, slots=True)
class Reference:
    """`registry/repository:tag@digest`, every default written out but the tag's.

    `repository` holds `library/` for Docker's official images; `tag` and `digest` are "" where not given.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Registry and repository, as people write them: `debian`, `jupyter/base-notebook`."""
        owner, _, rest = self.repository.partition("/")
        if self.registry != DEFAULT_REGISTRY or _is_registry(owner):
            return f"{self.registry}/{self.repository}"
        return rest if owner == "library" and "/" not in rest else self.repository

    @property
    def familiar(self) -> str:
        """Without the digest, with `latest` written out: what globs of overlays are matched against."""
        return f"{self.name}:{self.tag or 'latest'}"

    def pinned(self, digest: str) -> str:
        """The reference with this digest, its tag kept for people's sake."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}@{digest}"

    def with_tag(self, tag: str) -> Reference:
        """The same repository under another tag."""
        return replace(self, tag=tag, digest="")

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    def matches(self, glob: str) -> bool:
        """Whether the glob names this reference, its digest ignored; a glob without a tag takes any tag."""
        glob = glob.removeprefix(f"{DEFAULT_REGISTRY}/").removeprefix("library/")
        if fnmatchcase(self.familiar, glob):
            return True
        return ":" not in glob.rpartition("/")[2] and fnmatchcase(self.name, glob)


def _is_registry(first: str) -> bool:
    return bool(set(first) & set(".:")) or first == "localhost" or first != first.lower()


def parse(text: str) -> Reference:
    """The reference that the text spells, by the distribution project's grammar.

    Raises ValueError, whose message says what is wrong, in words that fit behind the quoted text.
    """
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.match(digest):
        raise ValueError("has no valid digest behind the '@'")
    head, slash, tail = rest.rpartition("/")
    tail, colon, tag = tail.partition(":")
    if colon and not _TAG.match(tag):
        raise ValueError("has no valid tag behind the ':'")
    path = f"{head}{slash}{tail}"
    first, slash, remainder = path.partition("/")
    registry, repository = (first, remainder) if slash and _is_registry(first) else (DEFAULT_REGISTRY, path)
    if registry in {"index.docker.io", "registry-1.docker.io"}:
        registry = DEFAULT_REGISTRY
    if not _REGISTRY.match(registry):
        raise ValueError(f"has no valid registry in '{registry}'")
    if not _REPOSITORY.match(repository):
        why = "must be lower case" if repository != repository.lower() else "is not a valid image name"
        raise ValueError(why)
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, tag, digest)


def is_valid(text: str) -> bool:
    """Whether the text spells a reference."""
    try:
        parse(text)
    except ValueError:
        return False
    return True
