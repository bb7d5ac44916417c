"""The graph drawn as SVG, with no other program's help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import chain

from pipeline.digest import SHORT
from pipeline.graph import Graph

ROW, BOX, GAP, PAD, LETTER = 34, 24, 56, 12, 7.2
_STYLE = """\
  <style>
    text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1c2733; }
    rect { fill: #eef4fb; stroke: #7a9cc6; }
    .root rect { fill: #f4f1e8; stroke: #b3a26d; }
    .leaf rect { fill: #e9f6ec; stroke: #79b58a; }
    path { fill: none; stroke: #8a97a6; }
    .copied { stroke-dasharray: 4 3; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e4eaf1; }
      rect { fill: #1f2c3b; }
      .root rect { fill: #37321f; }
      .leaf rect { fill: #1f3426; }
    }
  </style>"""


def _label(name: str) -> str:
    """A name short enough to draw: digests are cut as they are elsewhere."""
    head, at, digest = name.partition("@sha256:")
    return f"{head}{at}{digest[:SHORT]}…" if at else name


@dataclass(frozen=True, slots=True)
class _Box:
    """One node's place: its column's left edge, its middle line and its width, in pixels."""

    x: float
    y: float
    width: float


def _copied(graph: Graph, name: str, names: frozenset[str]) -> list[str]:
    """The images among these, and the roots, that an image copies from without being built on them."""
    node, main = graph.nodes[name], graph.main_parent(name)
    parents = [parent for parent in node.parent_names if parent != main and parent in names]
    return parents + [graph.outside(root) for root in node.roots if root != node.base]


def _walk(below: Mapping[str, list[str]], names: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Every node with its column, each right behind what it stands on."""
    stack = [(top, 0) for top in sorted((set(below) - names), reverse=True)]
    while stack:
        name, column = stack.pop()
        yield name, column
        stack.extend((child, column + 1) for child in reversed(below.get(name, [])))


def _layout(below: Mapping[str, list[str]], names: frozenset[str]) -> dict[str, _Box]:
    """Columns by depth; every leaf has a row, and what stands on several is centred on them."""
    rows = list(_walk(below, names))
    widths: dict[int, float] = {}
    for name, column in rows:
        widths[column] = max(widths.get(column, 0.0), len(_label(name)) * LETTER + 2 * PAD)
    left, x = {}, float(PAD)
    for column in sorted(widths):
        left[column] = x
        x += widths[column] + GAP
    height: dict[str, float] = {}
    used = 0
    for name, _ in rows:
        if not below.get(name):
            height[name] = PAD + ROW * used + ROW / 2
            used += 1
    for name, _ in reversed(rows):
        if children := below.get(name):
            height[name] = (height[children[0]] + height[children[-1]]) / 2
    return {
        name: _Box(left[column], height[name], len(_label(name)) * LETTER + 2 * PAD) for name, column in rows
    }


def _edge(start: _Box, end: _Box, kind: str) -> str:
    x1, y1, x2, y2 = start.x + start.width, start.y, end.x, end.y
    middle = (x1 + x2) / 2
    mark = f' class="{kind}"' if kind else ""
    curve = f"M{x1:.0f},{y1:.0f} C{middle:.0f},{y1:.0f} {middle:.0f},{y2:.0f} {x2:.0f},{y2:.0f}"
    return f'  <path{mark} d="{curve}"/>'


def svg(graph: Graph, names: frozenset[str]) -> str:
    """A drawing that any browser shows; dashed is what is copied from, without being built on."""
    below = graph.forest(names)
    copied = {name: _copied(graph, name, names) for name in graph.order if name in names}
    for above in chain.from_iterable(copied.values()):
        if above not in names:
            below.setdefault(above, [])
    boxes = _layout(below, names)
    width = max((box.x + box.width for box in boxes.values()), default=0) + PAD
    height = max((box.y for box in boxes.values()), default=0) + ROW / 2 + PAD
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        "  <title>Who is built on whom</title>",
        _STYLE,
    ]
    for above, children in below.items():
        lines += [_edge(boxes[above], boxes[child], "") for child in children]
    for name, sources in copied.items():
        lines += [_edge(boxes[above], boxes[name], "copied") for above in sources]
    for name, box in boxes.items():
        kind = "root" if name not in names else "image" if below.get(name) else "leaf"
        lines += [
            f'  <g class="{kind}"><rect x="{box.x:.0f}" y="{box.y - BOX / 2:.0f}" width="{box.width:.0f}"'
            f' height="{BOX}" rx="5"/>'
            f'<text x="{box.x + PAD:.0f}" y="{box.y + 4:.0f}">{escape(_label(name))}'
            f"<title>{escape(name)}</title></text></g>"
        ]
    return "\n".join([*lines, "</svg>"])
