"""Plans, graphs and outcomes as text for a terminal."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping

from pipeline.digest import short
from pipeline.graph import Graph
from pipeline.outcome import (
    Blocked,
    Built,
    Failed,
    HeldBack,
    Outcome,
    Promoted,
    Pulled,
    Pushed,
    Result,
    Verdict,
)
from pipeline.overlay import Match
from pipeline.plan import Action, Step
from pipeline.tree import Tree

Paint = Callable[[str, str], str]

ACTION_COLOURS = {Action.BUILD: "yellow", Action.PULL: "cyan", Action.REUSE: "green"}
# mermaid reads labels as HTML, with its own sign for entities
MERMAID = str.maketrans({"#": "#35;", '"': "#quot;", "&": "#amp;", "<": "#lt;", ">": "#gt;"})
RESULT_COLOURS = {Result.PASSED: "green", Result.FAILED: "red", Result.INCONCLUSIVE: "yellow"}


def plain(text: str, colour: str) -> str:
    """No colour at all."""
    del colour
    return text


def size(count: int) -> str:
    """A number of bytes as people say it, in powers of ten."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit in {"B", "kB"} or value >= 100 else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """A time as people say it."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s"


def counted(number: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


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


def plan_text(graph: Graph, steps: tuple[Step, ...], paint: Paint) -> str:
    """The steps of one variant as a tree, each with its action and reasons."""
    by_name = {step.image: step for step in steps}
    rows = list(tree_lines(graph, frozenset(by_name)))
    width = max((len(indent) + len(name) for indent, name in rows), default=0)
    lines = []
    for indent, name in rows:
        step = by_name.get(name)
        if step is None:
            lines.append(f"  {name}")
            continue
        action = paint(f"{step.action:<5}", ACTION_COLOURS[step.action])
        why = "; ".join(map(str, step.reasons))
        gap = " " * (width - len(indent) - len(name))
        lines.append(f"  {indent}{name}{gap}  {action}  {short(step.key)}  {why}".rstrip())
    return "\n".join(lines)


def plan_json(steps: tuple[Step, ...]) -> dict[str, object]:
    """The steps of one variant as `{"images": {NAME: {"action", "key", "reasons"}}}`."""
    return {
        "images": {
            step.image: {
                "action": str(step.action),
                "key": step.key,
                "reasons": [str(reason) for reason in step.reasons],
            }
            for step in steps
        }
    }


def tally(steps: Iterable[Step]) -> str:
    """`5 to build, 3 up to date`."""
    words = {Action.BUILD: "to build", Action.PULL: "to pull", Action.REUSE: "up to date"}
    counts = dict.fromkeys(words, 0)
    for step in steps:
        counts[step.action] += 1
    return (
        ", ".join(f"{count} {words[action]}" for action, count in counts.items() if count) or "nothing to do"
    )


def differences(before: Tree, after: Tree, names: Iterable[str]) -> str:
    """What overlays change, as a unified diff that `git apply` and `patch -p1` take; CRLF and all."""
    parts = []
    for name in names:
        old, new = before.images[name].dockerfile, after.images[name].dockerfile
        if old.text == new.text:
            continue
        path = _diff_path(before, name)
        lines = difflib.unified_diff(_lines(old.text), _lines(new.text), f"a/{path}", f"b/{path}")
        parts.append(f"diff --git a/{path} b/{path}\n")
        parts += (
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )
    return "".join(parts)


def _diff_path(tree: Tree, name: str) -> str:
    """The Dockerfile's path from where `patch` is run: here, or in a tree that lies elsewhere."""
    image = tree.images[name]
    root = tree.sources[image.tree].root
    return image.path if root.startswith(("/", "..")) else image.dockerfile.path


def _lines(text: str) -> list[str]:
    """Lines as patch counts them: only a newline ends one, never a form feed or U+2028."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def matches_text(matches: Iterable[Match]) -> str:
    """What each edit matched, a line each."""
    return "\n".join(f"{match.overlay}: {match.edit}  ({match.where})" for match in matches)


def outcome_line(outcome: Outcome | Verdict | Promoted | HeldBack, paint: Paint) -> str:  # noqa: PLR0911
    """One line on what happened."""
    match outcome:
        case Built():
            took = f"{duration(outcome.seconds)}, {size(outcome.size)}"
            return f"{paint('built', 'green')} {outcome.image}  {took}"
        case Pulled():
            took = f"{duration(outcome.seconds)}, {size(outcome.size)}"
            return f"{paint('pulled', 'green')} {outcome.image}  {took}"
        case Pushed():
            return f"{paint('pushed', 'green')} {outcome.image}  {duration(outcome.seconds)}"
        case Failed():
            return f"{paint('failed', 'red')} {outcome.image} ({outcome.doing})  {outcome.message}"
        case Blocked():
            return f"{paint('blocked', 'yellow')} {outcome.image}  by {', '.join(outcome.by)}"
        case Verdict():
            word = paint(str(outcome.result), RESULT_COLOURS[outcome.result])
            why = f"  {outcome.reason}" if outcome.reason else f"  {duration(outcome.seconds)}"
            return f"{word} {outcome.image}: {outcome.title}{why}"
        case Promoted():
            mark = paint("  (unsmoked)", "yellow") if outcome.unsmoked else ""
            return f"{paint('named', 'green')} {outcome.image}  {', '.join(outcome.names)}{mark}"
        case HeldBack():
            return f"{paint('held back', 'yellow')} {outcome.image}  {outcome.why}"


def failure_text(failed: Failed, paint: Paint) -> str:
    """A failure with the end of its output and where to find the rest."""
    lines = [f"{paint(f'{failed.image}: {failed.doing} failed', 'red')}: {failed.message}"]
    lines += [f"  │ {line}" for line in failed.tail]
    lines += [f"  log: {failed.log}"] if failed.log else []
    lines += [f"  hint: {failed.hint}"] if failed.hint else []
    return "\n".join(lines)


def stand_ins_text(stand_ins: Mapping[str, str]) -> str:
    """Which roots are not the real ones."""
    return "\n".join(f"stand-in: {what}" for _, what in sorted(stand_ins.items()))


def summary(
    outcomes: Iterable[Outcome], verdicts: Iterable[Verdict], names: Iterable[Promoted | HeldBack]
) -> str:
    """One line on a whole run: `8 built, 5 passed, 1 inconclusive`."""
    words = {Built: "built", Pulled: "pulled", Pushed: "pushed", Failed: "failed", Blocked: "blocked"}
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[words[type(outcome)]] = counts.get(words[type(outcome)], 0) + 1
    for verdict in verdicts:
        word = f"probes {verdict.result}"
        counts[word] = counts.get(word, 0) + 1
    for name in names:
        word = "held back" if isinstance(name, HeldBack) else "named"
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count} {word}" for word, count in counts.items()) or "nothing to do"
