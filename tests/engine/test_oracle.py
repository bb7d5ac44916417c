"""Hundreds of random edits: what a plan would rebuild is what BuildKit executes, no more and no less.

Where BuildKit looks closer or less close than keys do, the rule is stated with the edit:

- What only changes an image's configuration (LABEL, USER, the default of an ARG that is given) executes
  nothing. The image is another one all the same: it is rebuilt, and so is what stands on it.
- Of a mode the executable bit counts; stackbuild gives BuildKit no other. Times do not count, for either.
"""

from __future__ import annotations

import random
import shutil
import uuid
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from engine.oracle import PARENTS, ROOTS, File, Stack, below, executed, stack
from pipeline.adapters.state import State
from pipeline.run.asking import Asked
from pipeline.run.building import Planned, run_plan

pytestmark = pytest.mark.engine

EDITS = 304
CALLS = 4
SEED = 2026
COPIED = ("setup.sh", "conf/first.conf", "conf/deep/second.conf", "one.cfg")
UNREAD = ("README.md", "other/ignored", "other/more")


class Dice(random.Random):
    """Chance that never makes the same image twice: its layers would be warm already."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._spent: set[tuple[str, str]] = set()

    def once(self, image: str, choices: tuple[str, ...]) -> str | None:
        """One of the choices that this image has not had; None when it has had them all."""
        left = [choice for choice in choices if (image, choice) not in self._spent]
        found = self.choice(left) if left else None
        if found:
            self._spent.add((image, found))
        return found


Edit = Callable[[Stack, str, Dice], Stack]


def _unique(rng: random.Random) -> str:
    return f"{rng.getrandbits(64):x}"


def content(of: Stack, image: str, rng: Dice) -> Stack:
    """The content of a file that is copied."""
    path = rng.choice(COPIED)
    return of.with_file(image, path, replace(of.images[image][path], text=_unique(rng)))


def mode(of: Stack, image: str, rng: Dice) -> Stack:
    """The executable bit."""
    switched = rng.once(image, tuple(f"mode of {path}" for path in COPIED))
    if switched is None:
        return content(of, image, rng)
    path = switched.removeprefix("mode of ")
    old = of.images[image][path]
    return of.with_file(image, path, replace(old, executable=not old.executable))


def link(of: Stack, image: str, rng: Dice) -> Stack:
    """Where a link in a copied folder leads."""
    return of.with_file(image, "conf/link", File(target=f"deep/{_unique(rng)}"))


def rename(of: Stack, image: str, rng: Dice) -> Stack:
    """The name of a file that a glob or a folder brings along."""
    old, new = rng.choice([("one.cfg", f"{_unique(rng)}.cfg"), ("conf/first.conf", f"conf/{_unique(rng)}")])
    return of.with_file(image, new, of.images[image][old]).with_file(image, old, None)


def add(of: Stack, image: str, rng: Dice) -> Stack:
    """A file or an empty folder that comes along."""
    name = _unique(rng)
    path = rng.choice([f"conf/{name}", f"conf/deep/{name}", f"{name}.cfg", f"conf/{name}/"])
    return of.with_file(image, path, File(folder=path.endswith("/"), text="more\n"))


def delete(of: Stack, image: str, rng: Dice) -> Stack:
    """A file that came along and is gone."""
    # with its only file, the folder goes: `.dockerignore` may have left it out before
    path = rng.once(image, ("conf/link", "conf/first.conf", "conf/deep"))
    file = "conf/deep/second.conf" if path == "conf/deep" else path
    return of.with_file(image, file, None) if file else content(of, image, rng)


def unread(of: Stack, image: str, rng: Dice) -> Stack:
    """What nothing copies, or `.dockerignore` leaves out."""
    return of.with_file(image, rng.choice(UNREAD), File(_unique(rng), executable=bool(rng.getrandbits(1))))


def beside(of: Stack, image: str, rng: Dice) -> Stack:
    """A new file at the top of the context: only `COPY .` takes it."""
    return of.with_file(image, f"notes-{_unique(rng)}", File("notes\n"))


def ignore(of: Stack, image: str, rng: Dice) -> Stack:
    """One more line in `.dockerignore`, for something or nothing."""
    old = of.images[image][".dockerignore"].text
    line = rng.once(image, ("conf/deep", "conf/link", "nothing-there", "# a comment")) or ""
    return of.with_file(image, ".dockerignore", File(f"{old}{line}\n"))


def _dockerfile(of: Stack, image: str, old: str, new: str) -> Stack:
    text = of.images[image]["Dockerfile"].text
    assert old in text
    return of.with_file(image, "Dockerfile", File(text.replace(old, new)))


def looks(of: Stack, image: str, rng: Dice) -> Stack:
    """How a Dockerfile looks: comments, blank lines, line breaks, case of keywords, blanks between words."""
    old, new = rng.choice(
        [
            ("# what is copied", f"# {_unique(rng)}"),
            ("\nUSER", f"\n\n# {_unique(rng)}\n\nUSER"),
            ("*.cfg \\\n    /opt", "*.cfg /opt"),
            ("*.cfg \\\n", f"\\\n  # {_unique(rng)}\n *.cfg \\\n\\\n"),
            ("COPY setup.sh conf", "copy   setup.sh \\\n\t conf"),
        ]
    )
    return _dockerfile(of, image, old, new)


def line(of: Stack, image: str, rng: Dice) -> Stack:
    """An instruction."""
    old, new = rng.choice(
        [
            ("    /opt/$LEVEL", f"    /opt/1/{_unique(rng)}/$LEVEL"),
            ("\nUSER", f"\nCOPY one.cfg /opt/1/{_unique(rng)}\nUSER"),
            ("\nUSER", f"\nWORKDIR /opt/1/{_unique(rng)}\nUSER"),
            ("=plain", f"={_unique(rng)}"),
        ]
    )
    return _dockerfile(of, image, old, new)


def heredoc(of: Stack, image: str, rng: Dice) -> Stack:
    """The body of a heredoc, what looks like a comment or is blank in it included."""
    if image != "r-notebook":
        return looks(of, image, rng)
    old, new = rng.choice(
        [
            ("first line", _unique(rng)),
            ("# no comment", f"# {_unique(rng)}"),
            ("line\n\n", f"line\n{_unique(rng)}\n"),
        ]
    )
    return _dockerfile(of, image, old, new)


def given(of: Stack, image: str, rng: Dice) -> Stack:
    """A build argument that is declared."""
    return replace(of, args={**of.args, image: {"LEVEL": f"1/{_unique(rng)}"}})


def undeclared(of: Stack, image: str, rng: Dice) -> Stack:
    """A build argument that no Dockerfile declares."""
    return replace(of, args={**of.args, image: {**of.args.get(image, {}), "NOTHING": _unique(rng)}})


def default(of: Stack, image: str, rng: Dice) -> Stack:
    """The default of an argument: of one that is given it says nothing, but is an instruction's text."""
    return _dockerfile(of, image, "ARG LEVEL=1", f"ARG LEVEL=1/{_unique(rng)}")


def label(of: Stack, image: str, rng: Dice) -> Stack:
    """What only the configuration says."""
    old, new = rng.choice(
        [('"lab"', f'"{_unique(rng)}"'), ("USER 1000", f"USER {rng.randrange(1001, 60000)}")]
    )
    return _dockerfile(of, image, old, new)


def root(of: Stack, image: str, rng: Dice) -> Stack:
    """The root that the overlay swaps in."""
    del image, rng
    return replace(of, overlay=of.overlay.replace(f'to = "{ROOTS[0]}"', f'to = "{ROOTS[1]}"'))


def overlay(of: Stack, image: str, rng: Dice) -> Stack:
    """What an overlay says of itself."""
    del image
    return replace(of, overlay=of.overlay.replace("another root", _unique(rng)) + f"# {_unique(rng)}\n")


def pin(of: Stack, image: str, rng: Dice) -> Stack:
    """The digest of a root: of the one in use, or of another."""
    del image
    moved = rng.choice(ROOTS)
    return replace(of, pins={**of.pins, moved: f"{rng.getrandbits(256):064x}"})


def note(of: Stack, image: str, rng: Dice) -> Stack:
    """A comment in the lock."""
    del image
    return replace(of, note=_unique(rng))


OF_AN_IMAGE: tuple[Edit, ...] = (
    content, mode, link, rename, add, delete, unread, beside, ignore,
    looks, line, heredoc, given, undeclared, default, label,
)  # fmt: skip
OF_ALL: tuple[Edit, ...] = (root, overlay, pin, pin, pin, note)


def told(edit: Edit, image: str, of: Stack) -> set[str]:
    """The images that the rules above rebuild, though nothing is executed."""
    silent = edit is label or (edit is default and "LEVEL" in of.args.get(image, {}))
    return below(image) if silent else set()


def trials(of: Stack, rng: Dice) -> list[tuple[Stack, list[str], set[str]]]:
    """Trees with a few edits each, none above another, so that each shows; the first of all is untouched."""
    made: list[tuple[Stack, list[str], set[str]]] = [(of, [], set())]
    kinds = [kind for kind in OF_AN_IMAGE for _ in range(EDITS // len(OF_AN_IMAGE))]
    rng.shuffle(kinds)
    while kinds:
        edited, said, silent = of, list[str](), set[str]()
        touched: set[str] = set()
        for image in rng.sample(sorted(PARENTS), len(PARENTS)):
            related = below(image) & touched or any(image in below(other) for other in touched)
            # what stands low hides the most: it is edited alone, and not as often
            if related or not kinds or (len(below(image)) > 4 and rng.random() < 0.8):
                continue
            kind = kinds.pop()
            edited = kind(edited, image, rng)
            silent |= told(kind, image, of)
            touched.add(image)
            said.append(f"{kind.__name__} of {image}")
        if said:
            made.append((edited, said, silent))
    made += [(kind(of, "", rng), [kind.__name__], set()) for kind in OF_ALL]
    return made


def planned(of: Stack, folder: Path, state: Path | None) -> Planned:
    """What stackbuild would do about an edited tree, by the state of the untouched one."""
    of.write(folder)
    if state:
        shutil.copytree(state, folder / ".stackbuild")
    return run_plan(Asked(jobs=1, file=str(folder / "stacks.toml"), no_engine=True))


def rebuilt(plan: Planned) -> set[str]:
    """The images that a plan would build."""
    return {step.image for step in plan.decided.steps if step.action == "build"}


def test_what_is_planned_is_what_buildkit_executes(tmp_path: Path) -> None:
    rng = Dice(SEED)
    untouched = stack(uuid.uuid4().hex)
    first = planned(untouched, tmp_path / "untouched", None)
    state = State(tmp_path / "untouched/.stackbuild", write=True)
    state.note_current("plain", first.decided.decisions[0].records.values())
    state.close()
    assert executed([untouched], tmp_path / "warm") == [set(PARENTS)]
    todo = trials(untouched, rng)
    assert sum(len(said) for _, said, _ in todo) >= 300
    bounds = [round(len(todo) * part / CALLS) for part in range(CALLS + 1)]
    wrong = []
    seen: list[set[str]] = []
    for part, (start, end) in enumerate(pairwise(bounds)):
        some = todo[start:end]
        truth = executed([untouched, *(of for of, _, _ in some)], tmp_path / f"call-{part}")[1:]
        for number, ((of, said, silent), ran) in enumerate(zip(some, truth, strict=True)):
            plan = rebuilt(
                planned(of, tmp_path / f"tree-{part}-{number}", state=tmp_path / "untouched/.stackbuild")
            )
            seen.append(ran)
            if missed := (ran | silent) - plan:
                wrong.append(f"{', '.join(said)}: missed {', '.join(sorted(missed))}")
            if needless := plan - ran - silent:
                wrong.append(f"{', '.join(said)}: needless {', '.join(sorted(needless))}")
    assert wrong == [], "\n".join(wrong)
    # the oracle can see: some trees ran nothing, some everything, most something between
    assert seen[0] == set()
    assert set(PARENTS) in seen
    assert len({frozenset(one) for one in seen}) > 20
