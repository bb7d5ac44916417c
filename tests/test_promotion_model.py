"""Promotion as a state machine: publishers that are slow, killed, refused or many, against one registry.

At every moment every name points at a build that has passed with all it stands on, and no name is ever lost;
a child's name is never ahead of its parents'. Once a publisher has run to its end, every name is where the
newest generation has it, and that generation is whole: each image in it stands on the builds that are in it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from memory import Memory
from trees import graph

from pipeline import publish
from pipeline.digest import of_bytes
from pipeline.errors import StackbuildError, UnreachableError
from pipeline.graph import Graph
from pipeline.publish import Entry, Generation, Judged, Place, Published

REGISTRY = "reg.example/team"
STACK = graph("base > mid > leaf, base > other")


class KilledError(BaseException):
    """The process is gone."""


@dataclass(frozen=True, slots=True)
class World:
    """One state of the tree: the content of each image, those whose probes fail, and those looked at."""

    content: Mapping[str, int]
    red: frozenset[str] = frozenset()
    run: frozenset[str] = frozenset(STACK.order)

    def key(self, image: str) -> str:
        """The key of an image: of its content and that of all it stands on."""
        above = sorted((name, self.content[name]) for name in STACK.ancestors([image]))
        return of_bytes(repr((image, above)).encode())


def judged(memory: Memory, world: World, date: int, of: Graph = STACK) -> Judged:
    """What a run comes to once it has pushed its builds: the registry keeps the first under each key."""
    run = of.ancestors(world.run) & frozenset(of.order)
    entries, held = {}, {}
    layers: dict[str, tuple[str, ...]] = {}
    for image in of.order:
        key, parent = world.key(image), of.main_parent(image)
        layers[image] = (*layers.get(parent, ()), key)
        repository = f"{REGISTRY}/{image}"
        digest = memory.at(f"{repository}:k-{key[:32]}") or memory.image(repository, key, layers[image])
        if image not in run:
            continue
        red = sorted(of.ancestors([image]) & world.red)
        names = (f"{image}:latest", f"{image}:day-{date}")
        if red:
            held[image] = f"{red[0]} failed"
        else:
            entries[image] = Entry(image, "cpu", key, digest, names, parent)
    return Judged("cpu", of, {name: world.key(name) for name in of.order}, run, entries, held)


def proposer(place: Place, one: Judged) -> Callable[[Generation | None], Generation]:
    def propose(last: Generation | None) -> Generation:
        wrong = publish.wrong([one], last, place.remote, place.registry)
        return publish.follow([one], last, wrong, ("cpu",))

    return propose


class Publisher:
    """A publication in a thread of its own that does one request whenever it is told to."""

    def __init__(self, memory: Memory, work: Callable[[Place], Published]) -> None:
        self._turn = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._fate = ""
        self.over = False
        self.error: BaseException | None = None
        self.asked: list[str] = []
        place = Place(memory.seen_by(self._before, self._after), REGISTRY)
        self._thread = threading.Thread(target=self._run, args=(work, place), daemon=True)
        self._thread.start()
        self._back.acquire()

    def _run(self, work: Callable[[Place], Published], place: Place) -> None:
        try:
            work(place)
        except (StackbuildError, KilledError) as error:
            self.error = error
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.over = True
            self._back.release()

    def _before(self, what: str) -> None:
        self.asked.append(what)
        self._back.release()
        self._turn.acquire()
        self._happen("before")

    def _after(self, _what: str) -> None:
        self._happen("after")

    def _happen(self, when: str) -> None:
        kind, _, at = self._fate.partition(" ")
        if at == when:
            self._fate = ""
            if kind == "kill":
                raise KilledError
            raise UnreachableError.of("the registry memory is in trouble")

    def step(self, fate: str = "") -> None:
        """Let one request through, or have it end like this: `kill before`, `fail after`."""
        if not self.over:
            self._fate = fate
            self._turn.release()
            self._back.acquire()

    def finish(self) -> None:
        """Let it run to its end."""
        while not self.over:
            self.step()

    def kill(self) -> None:
        """End it before its next request."""
        while not self.over:
            self.step("kill before")


class Promotion(RuleBasedStateMachine):
    """Up to two publishers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.content = dict.fromkeys(STACK.order, 0)
        self.date = 0
        self.sound: set[tuple[str, str]] = set()
        self.built_on: dict[tuple[str, str], Mapping[str, str]] = {}
        self.publishers: list[Publisher] = []
        self.ever: set[str] = set()
        self.crowd = False
        self.moments = itertools.count(1)

    def _moment(self) -> str:
        return f"moment {next(self.moments)}"

    def _live(self) -> list[Publisher]:
        self.publishers = [one for one in self.publishers if not one.over]
        return self.publishers

    def _start(self, work: Callable[[Place], Published]) -> None:
        self.crowd = self.crowd or bool(self._live())
        self.publishers.append(Publisher(self.memory, work))

    def _published(self) -> bool:
        return bool(publish.history(Place(self.memory.seen_by(), REGISTRY)))

    def _publish(self, world: World) -> Callable[[Place], Published]:
        one = judged(self.memory, world, self.date)
        for image, entry in one.entries.items():
            self.sound.add((image, entry.digest))
            above = {name: one.entries[name].digest for name in STACK.ancestors([image]) - {image}}
            self.built_on[image, entry.digest] = above
        return lambda place: publish.publish(place, proposer(place, one), self._moment)

    @precondition(lambda self: len(self._live()) < 2)
    @rule(
        changed=st.sets(st.sampled_from(STACK.order), max_size=2),
        red=st.frozensets(st.sampled_from(STACK.order), max_size=1),
        run=st.frozensets(st.sampled_from(STACK.order)),
        new_day=st.booleans(),
        part=st.booleans(),
    )
    def start(
        self, changed: set[str], red: frozenset[str], run: frozenset[str], new_day: bool, part: bool
    ) -> None:
        for image in changed:
            self.content[image] += 1
        self.date += new_day
        world = World(dict(self.content), red, run if part and run else frozenset(STACK.order))
        self._start(self._publish(world))

    @precondition(lambda self: len(self._live()) < 2 and self._published())
    @rule()
    def go_back(self) -> None:
        self._start(lambda place: publish.rollback(place, "", self._moment))

    @precondition(lambda self: bool(self._live()))
    @rule(who=st.integers(0, 1), requests=st.integers(1, 30))
    def steps(self, who: int, requests: int) -> None:
        one = self._live()[who % len(self._live())]
        for _ in range(requests):
            one.step()
            self._look()

    @precondition(lambda self: bool(self._live()))
    @rule(
        who=st.integers(0, 1),
        fate=st.sampled_from(["kill before", "kill after", "fail before", "fail after"]),
    )
    def trouble(self, who: int, fate: str) -> None:
        self._live()[who % len(self._live())].step(fate)
        self.crowd = self.crowd or bool(self._live())

    @precondition(lambda self: bool(self._live()))
    @rule()
    def everybody_ends(self) -> None:
        for one in self._live():
            one.finish()
            assert one.error is None or isinstance(one.error, StackbuildError), one.error
        self._whole(strict=all(one.error is None for one in self.publishers))
        self._tidy()

    def _tidy(self) -> None:
        """Another run, with nobody beside it: what others have left behind is finished."""
        work = self._publish(World(dict(self.content)))
        work(Place(self.memory.seen_by(), REGISTRY))
        self.crowd = False
        self._whole(strict=True)

    def _whole(self, strict: bool) -> None:
        place = Place(self.memory.seen_by(), REGISTRY)
        last = publish.newest(place)
        if last is None or not strict:
            return
        assert publish.astray(place, last) == {}
        named = {entry.image: entry.digest for entry in last.entries}
        for image, digest in named.items():
            for parent, where in self.built_on[image, digest].items():
                # a parent that has turned red since stays where it was, under a child that nobody looked at
                standing = {there for _, there in last.standing(parent, "cpu")}
                assert where in standing, f"{image} stands on another {parent}"
        held = {kept.image for kept in last.kept}
        for image in STACK.order:
            assert not (image in named and image in held)
            assert image in named or image in held or f"{image}:latest" not in self._names()

    def _names(self) -> dict[str, str]:
        found = {}
        for (repository, tag), digest in self.memory.names.items():
            image = repository.removeprefix(f"{REGISTRY}/")
            if image in STACK.nodes and not tag.startswith("k-"):
                found[f"{image}:{tag}"] = digest
        return found

    @invariant()
    def _look(self) -> None:
        names = self._names()
        assert self.ever <= names.keys(), "a name was lost"
        self.ever = set(names)
        for name, digest in names.items():
            assert (name.partition(":")[0], digest) in self.sound, f"{name} points at what has not passed"
        if not self.crowd:
            self._never_ahead(names)

    def _never_ahead(self, names: Mapping[str, str]) -> None:
        """An image that is where the newest generation has it stands on images that are, too."""
        last = publish.newest(Place(self.memory.seen_by(), REGISTRY))
        if last is None:
            return
        home = {e.image for e in last.entries if names.get(f"{e.image}:latest") == e.digest}
        entries = {entry.image for entry in last.entries}
        for image in home:
            for parent in STACK.ancestors([image]) & entries:
                assert parent in home, f"{image} is ahead of {parent}"

    def teardown(self) -> None:
        for one in self._live():
            one.kill()
        self._look()
        self._tidy()


TestPromotion = Promotion.TestCase
# shrinking what threads do takes minutes: the first example that fails is short enough
TestPromotion.settings = settings(stateful_step_count=25, phases=(Phase.explicit, Phase.generate))
