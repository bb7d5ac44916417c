"""Who is built on whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from pipeline import refs
from pipeline.dockerfile import Facts, Read, Use, facts
from pipeline.errors import InputError, Problem
from pipeline.ignore import Entry, select
from pipeline.naming import Find
from pipeline.tree import Image, Tree, unknown

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class Node:
    """One image of the graph: what its Dockerfile says, and what it stands on.

    `parents` and `roots` map a reference, as FROM names it, to the tree's image, or to itself where the
    image comes from outside; both hold COPY --from and mounts too. `base` is the one reference that the
    final stage stands on ("" for scratch). `files` are the context files it can read, sorted, and `reads`
    what it reads them by.
    """

    image: Image
    facts: Facts
    parents: tuple[tuple[str, str], ...]
    roots: tuple[str, ...]
    base: str
    files: tuple[str, ...]
    reads: tuple[Read, ...] = ()

    @property
    def parent_names(self) -> tuple[str, ...]:
        """The images of the tree that this one stands on or copies from, sorted."""
        return tuple(sorted({name for _, name in self.parents}))


@dataclass(frozen=True, slots=True)
class Graph:
    """Every image by name, in an order in which parents come first."""

    nodes: Mapping[str, Node]
    order: tuple[str, ...]
    # what is built on each image; made when it is first asked, which most runs never do
    _children: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __iter__(self) -> Iterator[Node]:
        return (self.nodes[name] for name in self.order)

    def children(self, name: str) -> tuple[str, ...]:
        """The images built on this one, sorted."""
        return tuple(sorted(child for child, node in self.nodes.items() if name in node.parent_names))

    def descendants(self, names: Iterable[str]) -> frozenset[str]:
        """The images, and all that is built on them."""
        return self._closure(names, up=False)

    def ancestors(self, names: Iterable[str]) -> frozenset[str]:
        """The images, and all that they are built on."""
        return self._closure(names, up=True)

    def _closure(self, names: Iterable[str], *, up: bool) -> frozenset[str]:
        todo = list(names)
        for name in todo:
            if name not in self.nodes:
                raise unknown(name, self.nodes)
        # networkx could do this, but takes longer to import than a run that finds nothing to do
        found: set[str] = set()
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self.nodes[name].parent_names if up else self._built_on(name)
        return frozenset(found)

    def _built_on(self, name: str) -> list[str]:
        if not self._children:
            found: dict[str, list[str]] = {other: [] for other in self.nodes}
            for child, node in self.nodes.items():
                for parent in node.parent_names:
                    found[parent].append(child)
            self._children.update(found)
        return self._children[name]

    def leaves(self) -> tuple[str, ...]:
        """The images that nothing is built on, parents first."""
        above = {parent for node in self.nodes.values() for parent in node.parent_names}
        return tuple(name for name in self.order if name not in above)

    def tops(self) -> tuple[str, ...]:
        """The images that stand on no other of the tree."""
        return tuple(name for name in self.order if not self.nodes[name].parents)

    def main_parent(self, name: str) -> str:
        """The image of the tree that the final stage stands on, or ""."""
        node = self.nodes[name]
        return dict(node.parents).get(node.base, "")

    def outside(self, reference: str) -> str:
        """A root as it is shown: never like an image, though it may be called the same."""
        return f"{reference} (from outside)" if reference in self.nodes else reference

    def forest(self, names: frozenset[str]) -> dict[str, list[str]]:
        """These images by what they are shown under, which is what their final stage stands on.

        That is an image, a root, or in brackets an image that is not one of these.
        """
        below: dict[str, list[str]] = {}
        for name in self.order:
            if name in names:
                parent = self.main_parent(name)
                root = self.outside(self.nodes[name].base or "scratch")
                above = parent if parent in names else f"({parent})" if parent else root
                below.setdefault(above, []).append(name)
        return below


def derive(tree: Tree, platform: str) -> Graph:
    """The graph of a tree.

    Raises InputError with every image that cannot be resolved, or with the whole ring of a cycle.
    """
    find = tree.naming()
    read: dict[str, Facts] = {}
    problems: list[Problem] = []
    for image in tree.images.values():
        try:
            read[image.name] = facts(
                image.dockerfile, dict(image.args), target=image.target, platform=platform
            )
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    nodes: dict[str, Node] = {}
    for image in tree.images.values():
        try:
            nodes[image.name] = _node(tree, image, read, (find, platform))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    try:
        return Graph(nodes, _order(nodes))
    except CycleError:
        raise _cycle(nodes) from None


def _order(nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """Parents first, and otherwise by name; raises CycleError."""
    sorter = TopologicalSorter({name: node.parent_names for name, node in nodes.items()})
    sorter.prepare()
    ready = list(sorter.get_ready())
    heapify(ready)
    order = []
    while ready:
        order.append(heappop(ready))
        sorter.done(order[-1])
        for name in sorter.get_ready():
            heappush(ready, name)
    return tuple(order)


def _net(nodes: Mapping[str, Node]) -> nx.DiGraph[str]:
    """An edge from each image to what is built on it."""
    import networkx as nx  # noqa: PLC0415 (slow to import)

    net: nx.DiGraph[str] = nx.DiGraph()
    net.add_nodes_from(nodes)
    net.add_edges_from((parent, name) for name, node in nodes.items() for parent in node.parent_names)
    return net


def _node(tree: Tree, image: Image, read: Mapping[str, Facts], given: tuple[Find, str]) -> Node:
    find, platform = given
    found = read[image.name]
    uses, reads = list(found.uses), list(found.reads)
    stages = {stage.name for stage in image.dockerfile.stages}
    # ONBUILD fires in the direct child, and there it reads the child's context and the child's stages
    for use in found.uses:
        if use.kind != "from" or not (parent := find(use.reference, image.name)):
            continue
        reads += read[parent].onbuild_reads
        for trigger in read[parent].onbuild_uses:
            if trigger.reference.lower() in stages:
                stage = facts(image.dockerfile, dict(image.args), target=trigger.reference, platform=platform)
                uses += stage.uses
                reads += stage.reads
            else:
                uses.append(trigger)
    named = {use.reference: find(use.reference, image.name) for use in uses}
    if problems := [_no_reference(use, image) for use in uses if not named[use.reference] and _wrong(use)]:
        raise InputError(*problems)
    source = tree.sources[image.tree]
    entries = tree.context(image)
    files = select(entries, reads, image.ignore, path=image.where)
    if source.closed and (problems := _closed(image, entries, files, reads)):
        raise InputError(*problems)
    return Node(
        image=image,
        facts=found,
        parents=tuple(sorted((reference, name) for reference, name in named.items() if name)),
        roots=tuple(sorted(reference for reference, name in named.items() if not name)),
        base=next((use.reference for use in found.uses if use.base), ""),
        files=files,
        reads=tuple(reads),
    )


def _closed(
    image: Image, entries: Iterable[Entry], files: Collection[str], reads: Iterable[Read]
) -> list[Problem]:
    """What the image reads of folders that nobody can look into."""
    hint = "let this user read it, or leave it out in .dockerignore"
    lines = {read.pattern: read.line for read in reads}
    problems = []
    for entry in entries:
        if entry.kind != "closed":
            continue
        inside = [line for pattern, line in lines.items() if pattern.startswith(f"{entry.path}/")]
        if inside or entry.path in files:
            line = inside[0] if inside else lines.get(entry.path, next(iter(lines.values())))
            message = f"'{entry.path}' cannot be read: {entry.target}"
            problems.append(Problem(message, f"{image.where}:{line}", hint))
    return problems


def _wrong(use: Use) -> str:
    """What keeps a use from being an image reference, or ""."""
    try:
        refs.parse(use.reference)
    except ValueError as error:
        return str(error)
    return ""


def _no_reference(use: Use, image: Image) -> Problem:
    table = f"[tree.{image.tree}.images.NAME]"
    hint = f"if an image of the tree is meant: refs = ['{use.reference}'] under its {table} in stacks.toml"
    return Problem(f"'{use.reference}' {_wrong(use)}", f"{image.where}:{use.line}", hint)


def _cycle(nodes: Mapping[str, Node]) -> InputError:
    import networkx as nx  # noqa: PLC0415 (slow to import, and rings are rare)

    ring = [parent for parent, _ in nx.find_cycle(_net(nodes))]
    lowest = ring.index(min(ring))
    ring = ring[lowest:] + ring[:lowest]
    shown = " → ".join([*ring, ring[0]])
    node = nodes[ring[0]]
    line = next((use.line for use in node.facts.uses if dict(node.parents).get(use.reference) == ring[-1]), 1)
    what = "stands on itself" if len(ring) == 1 else "is part of a ring"
    return InputError.of(
        f"'{ring[0]}' {what}: {shown}",
        f"{node.image.where}:{line}",
        "one of these FROM lines must name an image from outside (a pinned tag or digest does)",
    )
