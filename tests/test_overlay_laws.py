"""What holds of all overlays, whatever the tree: tried with trees and overlays made up at random."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st
from trees import PLATFORM, records, tree_of

from pipeline import overlay
from pipeline.errors import InputError
from pipeline.graph import derive
from pipeline.overlay import ANY, Overlay
from pipeline.tree import Image, Overlaid, Tree

LINES = (
    "ARG A=1", "ARG B", "ARG A='x' B=2", "ENV A=1", "ENV A one two", "ENV P=\"a b\" \\\n    Q=1",
    "RUN pip install numpy 'scipy==1' && \\\n    echo numpy", "RUN apt-get install -y gcc \\\n # gcc\n  make",
    "RUN <<E\npip install numpy\nE", "USER root", "USER $NB", "# pip install numpy", "", "LABEL \udce9=1",
    "RUN [\"pip\", \"install\", \"numpy\"]", "ONBUILD RUN pip install numpy", "COPY etc /etc/",
    "RUN pip install -r etc/r", "CMD x",
)  # fmt: skip
BASES = (
    "FROM debian:12",
    "ARG R=debian:12\nFROM $R",
    "FROM debian:12 AS one\nENV A=0\nFROM one",
    "FROM debian:11",
)
EDITS = (
    '[[root]]\nfrom = "debian:12"\nto = "nvidia/cuda:12"',
    '[[package]]\nmanager = "pip"\nfrom = "numpy"\nto = "cupy[x]"',
    '[[package]]\nmanager = "apt"\nfrom = "gcc"\nto = "clang"',
    '[[arg]]\nname = "A"\nvalue = "9 9"',
    '[[arg]]\nname = "B"\nvalue = "$A"',
    '[[env]]\nname = "Q"\nvalue = "7"\nimage = "*"',
    '[[env]]\nname = "P"\nvalue = "/x:$P"\nimage = "*"',
    '[[env]]\nname = "A"\nvalue = "3"\nstage = "0"\nimage = "*"',
    "[[append]]\ninstructions = 'RUN x'\nimage = '*'",
    "[[append]]\ninstructions = 'RUN y'\nimage = '*'\nat = 'before-user'",
    '[[replace]]\nfrom = "echo"\nto = "echo -n"',
    '[[file]]\npath = "etc/new/f"\ncontent = "f"\nimage = "*"',
    '[[file]]\npath = "etc/old"\ncontent = "n"\nimage = "*"\nreplace = true',
)  # fmt: skip
FILES = {"etc/old": b"old\r\n", "etc/r": b"numpy  # \xff\r\nscipy"}


def made(numbers: tuple[int, ...], name: str = "o") -> Overlay:
    """An overlay of these edits, none of which need match."""
    text = "".join(f'{EDITS[number]}\nexpect = "any"\n' for number in numbers)
    return overlay.read_overlay(text, name, f"{name}.toml")


def read(_: str, path: str) -> Overlaid:
    return Overlaid(FILES[path.partition("/")[2]])


def applied(tree: Tree, *overlays: Overlay) -> Tree | None:
    """The tree after overlays; None where they are at odds, or an edit has no place."""
    try:
        return overlay.apply(overlays, tree, read=read)[0]
    except InputError as error:
        said = str(error)
        assert "and so does" in said or "does not end here" in said, said
        return None


@st.composite
def dockerfiles(draw: st.DrawFn) -> bytes:
    base = draw(st.sampled_from(BASES))
    body = draw(st.lists(st.sampled_from(LINES), max_size=6))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join("\n".join([base, *body]).split("\n")) + draw(st.sampled_from(["", end]))
    return text.encode("utf-8", "surrogateescape")


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    files: dict[str, str | bytes] = {}
    for name in "ab"[: draw(st.integers(1, 2))]:
        files[f"{name}/Dockerfile"] = draw(dockerfiles())
        files |= {f"{name}/{path}": data for path, data in FILES.items()}
    return tree_of(files)


numbers = st.lists(st.integers(0, len(EDITS) - 1), min_size=1, max_size=5, unique=True).map(tuple)


def state(image: Image) -> tuple[str, dict[str, Overlaid]]:
    return image.dockerfile.text, dict(image.overlaid)


@given(trees(), numbers)
def test_what_an_overlay_has_done_it_does_not_do_again(tree: Tree, chosen: tuple[int, ...]) -> None:
    once = applied(tree, made(chosen))
    if once is None:
        return
    twice = applied(once, made(chosen))
    assert twice is not None
    assert {name: state(image) for name, image in twice.images.items()} == {
        name: state(image) for name, image in once.images.items()
    }


@given(trees(), st.lists(numbers, min_size=2, max_size=2))
def test_overlays_that_are_not_at_odds_come_to_the_same_in_any_order(
    tree: Tree, chosen: list[tuple[int, ...]]
) -> None:
    overlays = [made(edits, f"o{number}") for number, edits in enumerate(chosen)]
    results = [applied(tree, *order) for order in permutations(overlays)]
    states = [
        None if found is None else [state(image) for image in found.images.values()] for found in results
    ]
    assert all(found == states[0] for found in states)


@given(trees(), numbers)
def test_what_is_not_edited_stays_byte_by_byte(tree: Tree, chosen: tuple[int, ...]) -> None:
    after = applied(tree, made(chosen))
    if after is None:
        return
    _, matches = overlay.apply([made(chosen)], tree, read=read)
    touched = {match.image for match in matches}
    for name, image in tree.images.items():
        if name not in touched:
            assert after.images[name] is image
            continue
        old = image.dockerfile.text.split("\n")
        new = iter(after.images[name].dockerfile.text.split("\n"))
        edited = {int(match.where.rpartition(":")[2]) for match in matches
                  if match.image == name and match.where.startswith(image.where)}  # fmt: skip
        kept = [line for number, line in enumerate(old, 1) if number not in edited and line.strip("\r")]
        # every line that no match names is there still, in its order; the last may have got a line break
        assert all(any(line.rstrip("\r") == other.rstrip("\r") for other in new) for line in kept)


@given(trees(), numbers)
def test_only_what_overlays_touch_and_what_stands_on_it_gets_another_key(
    tree: Tree, chosen: tuple[int, ...]
) -> None:
    tree = replace(tree, images={**tree.images})
    after = applied(tree, made(chosen))
    if after is None:
        return
    before_graph, after_graph = derive(tree, PLATFORM), derive(after, PLATFORM)
    before, now = records(before_graph), records(after_graph)
    for name in tree.images:
        same = state(tree.images[name]) == state(after.images[name])
        assert not same or before[name].key == now[name].key


def test_an_edit_of_every_kind_matches_somewhere_in_these_laws() -> None:
    body = "\n".join(line for line in LINES if "\udce9" not in line)
    files: dict[str, str | bytes] = {
        "a/Dockerfile": f"{BASES[1]}\n{body}\n",
        **{f"a/{path}": data for path, data in FILES.items()},
    }
    for number in range(len(EDITS)):
        _, matches = overlay.apply([replace(made((number,)))], tree_of(files), read=read)
        assert matches, EDITS[number]
    assert made((0,)).edits[0].expect == ANY
