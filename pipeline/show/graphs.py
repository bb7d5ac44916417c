"""Graphs as text trees, JSON, and drawings for other programs."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.graph import Graph
from pipeline.tree import Tree

# mermaid reads labels as HTML, with its own sign for entities
MERMAID = str.maketrans({"#": "#35;", '"': "#quot;", "&": "#amp;", "<": "#lt;", ">": "#gt;"})


def tree_lines(graph: Graph, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The graph as a text tree under its roots: each line's indent, and the image or root it is about.

    A root has no indent. An image with several parents stands under the one its final stage is built on.
    """
    below = graph.forest(names)
    tops = [name for name in below if name not in graph.nodes]
    stack = [("", "", top) for top in sorted(tops, reverse=True)]
    while stack:
        indent, branch, name = stack.pop()
        yield f"{indent}{branch}", name
        deeper = indent + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        children = below.get(name, [])
        branches = ["├─ "] * (len(children) - 1) + ["└─ "]
        stack.extend(
            (deeper, branch, child) for branch, child in list(zip(branches, children, strict=False))[::-1]
        )


def others(graph: Graph, name: str) -> str:
    """What an image copies from or mounts beside the image it stands on."""
    node = graph.nodes[name]
    main = graph.main_parent(name)
    names = sorted({image for _, image in node.parents} - {main})
    names += [graph.outside(root) for root in node.roots if root != node.base]
    return f"  (and {', '.join(names)})" if names else ""


def graph_text(graph: Graph, names: frozenset[str]) -> str:
    """The graph as a text tree."""
    return "\n".join(
        f"{indent}{name}{others(graph, name) if name in graph.nodes else ''}"
        for indent, name in tree_lines(graph, names)
    )


def graph_json(graph: Graph, names: frozenset[str], tree: Tree) -> dict[str, object]:
    """The graph as `{"images": {NAME: {"dockerfile", "context", "parents", "external", "leaf"}}}`."""
    leaves = set(graph.leaves())
    images = {}
    for name in graph.order:
        if name in names:
            node = graph.nodes[name]
            images[name] = {
                "tree": tree.sources[node.image.tree].root,
                "dockerfile": node.image.path,
                "context": node.image.context,
                "parents": list(node.parent_names),
                "external": list(node.roots),
                "leaf": name in leaves,
            }
    return {"images": images}


def _edges(graph: Graph, names: frozenset[str]) -> list[tuple[str, str]]:
    return [
        (above, name)
        for name in graph.order
        if name in names
        for above in (
            *(parent for parent in graph.nodes[name].parent_names if parent in names),
            *(graph.outside(root) for root in graph.nodes[name].roots),
        )
    ]


def graph_dot(graph: Graph, names: frozenset[str]) -> str:
    """The graph for graphviz."""

    def quoted(name: str) -> str:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    lines = ["digraph stack {", "  node [shape=box];"]
    lines += [f"  {quoted(name)};" for name in graph.order if name in names]
    lines += [f"  {quoted(above)} -> {quoted(name)};" for above, name in _edges(graph, names)]
    return "\n".join([*lines, "}"])


def graph_mermaid(graph: Graph, names: frozenset[str]) -> str:
    """The graph for mermaid."""
    edges = _edges(graph, names)
    found = dict.fromkeys([*(name for name in graph.order if name in names), *(a for a, _ in edges)])
    number = {name: f"n{index}" for index, name in enumerate(found)}
    lines = ["graph TD"]
    lines += [f'  {number[name]}["{name.translate(MERMAID)}"]' for name in found]
    lines += [f"  {number[above]} --> {number[name]}" for above, name in edges]
    return "\n".join(lines)
