"""stacks.lock: what a run is pinned to."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import lock, refs
from pipeline.errors import InputError
from pipeline.lock import Lock, Pin, Root

DIGEST = "sha256:" + "a" * 64
COMMIT = "b" * 40
AGAIN = "remove this section: `stackbuild lock` looks it up again"


def problems(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        lock.parse(text, "stacks.lock")
    return [str(problem) for problem in caught.value.problems]


def valid(reference: str) -> bool:
    try:
        refs.parse(reference)
    except ValueError:
        return False
    return True


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
references = st.from_regex(r"([a-z][a-z0-9]*(:[0-9]+)?/)?[a-z]+(:[\w.-]+)?", fullmatch=True).filter(valid)
locks = st.builds(
    Lock,
    st.dictionaries(words, st.builds(Pin, words, words | st.just(""), st.just(COMMIT)), max_size=2),
    st.dictionaries(references, st.builds(Root, st.just(DIGEST), words | st.just("")), max_size=3),
    st.dictionaries(words, words, max_size=3),
)


@given(locks)
def test_a_lock_written_is_read_as_itself(written: Lock) -> None:
    text = lock.render(written)
    assert lock.parse(text, "stacks.lock") == written
    assert lock.render(lock.parse(text, "stacks.lock")) == text


def test_a_lock_is_sorted_and_says_what_it_is() -> None:
    roots = {"ubuntu:22.04": Root(DIGEST), "debian:bookworm": Root(DIGEST, "a minimal Debian")}
    written = Lock(
        {"stacks": Pin("https://x.example/y", "main", COMMIT)}, roots, {"scipy": "2026-01-02", "base": "1"}
    )
    text = lock.render(written)
    assert (
        text
        == f"""# written by stackbuild; commit it, so that every machine builds on the same roots

format = 1

[tree."stacks"]
git = "https://x.example/y"
ref = "main"
commit = "{COMMIT}"

[root."debian:bookworm"]
digest = "{DIGEST}"
stand-in = "a minimal Debian"

[root."ubuntu:22.04"]
digest = "{DIGEST}"

[refreshed]
"base" = "1"
"scipy" = "2026-01-02"
"""
    )
    tomllib.loads(text)


def test_an_empty_file_is_an_empty_lock() -> None:
    assert lock.parse("", "stacks.lock") == Lock()
    assert lock.parse(lock.render(Lock()), "stacks.lock") == Lock()


def test_every_problem_of_a_lock_is_reported_at_once() -> None:
    assert problems(
        f"""format = 2
[root."debian:12"]
digest = "abc"
stand_in = "x"
[root.ubuntu]
[tree.stacks]
git = "https://x.example/y"
commit = "main"
[refreshed]
base = 2026-01-01
[rot]
[root.fine]
digest = "{DIGEST}"
"""
    ) == [
        "stacks.lock:1: format 2 is not known here\n  hint: a newer stackbuild wrote it: update",
        f"stacks.lock:3: 'abc' is no digest\n  hint: {AGAIN}",
        "stacks.lock:4: unknown setting 'stand_in'\n  hint: did you mean 'stand-in'?",
        f"stacks.lock:5: 'digest' is missing\n  hint: {AGAIN}",
        f"stacks.lock:8: 'main' is no commit\n  hint: {AGAIN}",
        "stacks.lock:10: 'refreshed.base' must be a string, not a date\n  hint: put it in quotes",
        "stacks.lock:11: unknown section 'rot'\n  hint: did you mean 'root'?",
    ]


def test_roots_are_added_or_moved_and_others_kept() -> None:
    other = "sha256:" + "c" * 64
    moved = Lock(roots={"a": Root(DIGEST), "b": Root(DIGEST)}).with_roots(
        {"b": Root(other), "c": Root(other)}
    )
    assert moved.digests == {"a": DIGEST, "b": other, "c": other}


def test_trees_are_replaced_and_refreshes_added() -> None:
    pin = Pin("g", "", COMMIT)
    found = (
        Lock({"old": pin}, refreshed={"a": "1", "b": "1"}).with_trees({"new": pin}).with_refreshed({"b": "2"})
    )
    assert (found.trees, found.refreshed) == ({"new": pin}, {"a": "1", "b": "2"})
