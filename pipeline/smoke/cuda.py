"""Which images stand on CUDA: by their roots' names, by what their roots set, by what Dockerfiles set."""

from __future__ import annotations

import re

from pipeline import refs
from pipeline.graph import Graph, Node

# variables that NVIDIA's CUDA images set, and images built on them inherit
_VARIABLES = re.compile(r"(?:CUDA_VERSION|NVIDIA_VISIBLE_DEVICES|NVIDIA_REQUIRE_CUDA)\Z")
_WORD = re.compile(r"(?:^|[^a-z0-9])(?:cuda|cudnn)(?:[0-9.]|[^a-z]|$)")
_GPU_TAG = re.compile(r"(?:^|-)gpu(?:-|$)")


def named(reference: str) -> bool:
    """Whether an image's reference says that it provides CUDA."""
    try:
        parsed = refs.parse(reference)
    except ValueError:
        return False
    path, tag = parsed.repository.lower(), parsed.tag.lower()
    return path.startswith("nvidia/") or bool(_WORD.search(f"{path}:{tag}") or _GPU_TAG.search(tag))


def sets(environment: tuple[str, ...]) -> bool:
    """Whether an image's environment, as `NAME=VALUE`, is that of one that provides CUDA."""
    return any(_VARIABLES.match(variable.partition("=")[0]) for variable in environment)


def standing_on(graph: Graph, roots: frozenset[str] = frozenset()) -> frozenset[str]:
    """The images that stand on CUDA; `roots` are those known to provide it, whatever they are called."""
    found: set[str] = set()
    for name in graph.order:
        node = graph.nodes[name]
        parent = graph.main_parent(name)
        own = node.base in roots or named(node.base) if node.base and not parent else parent in found
        if own or _declares(node):
            found.add(name)
    return frozenset(found)


def unsure(graph: Graph) -> dict[str, str]:
    """The roots whose names say nothing of CUDA, each with an image that stands on it."""
    found: dict[str, str] = {}
    for name in graph.order:
        node = graph.nodes[name]
        if node.base and not graph.main_parent(name) and not named(node.base):
            found.setdefault(node.base, name)
    return found


def _declares(node: Node) -> bool:
    """Whether the image's own Dockerfile sets the variables, in whichever stage."""
    return any(
        _VARIABLES.match(name)
        for instruction in node.image.dockerfile.instructions
        if instruction.keyword == "ENV"
        for name, _ in instruction.pairs()
    )
