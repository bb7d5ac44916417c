"""What a registry may forget, and what never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import retention
from pipeline.publish import passing
from pipeline.retention import Doomed, Needs
from pipeline.testimony import key_of, tag


def doomed(repository: str, tags: dict[str, str], needed: set[str], named: set[str]) -> tuple[Doomed, ...]:
    """What goes where no generation has ever to go."""
    return retention.doomed(repository, tags, Needs(needed, named))


OLD, NEW, ODD = (f"k-{letter * 32}" for letter in "abc")


def test_a_key_tag_that_nobody_needs_may_go() -> None:
    assert doomed("r/base", {OLD: "1", NEW: "2"}, {NEW}, set()) == (Doomed("r/base", "1", (OLD,)),)


def test_a_build_that_a_generation_names_stays() -> None:
    assert doomed("r/base", {OLD: "1"}, set(), {"1"}) == ()


def test_a_build_that_any_other_tag_points_at_stays() -> None:
    assert doomed("r/base", {OLD: "1", "2026-11-24": "1"}, set(), set()) == ()
    assert doomed("r/base", {OLD: "1", "k-short": "1"}, set(), set()) == ()


def test_a_build_under_two_keys_stays_as_long_as_one_is_needed() -> None:
    assert doomed("r/base", {OLD: "1", ODD: "1"}, {ODD}, set()) == ()
    assert doomed("r/base", {OLD: "1", ODD: "1"}, set(), set()) == (Doomed("r/base", "1", (OLD, ODD)),)


def test_verdicts_go_with_the_build_that_they_are_on_and_hold_nothing_back() -> None:
    old, new = (tag("abc"[n] * 64, "d" * 64) for n in (0, 1))
    tags = {OLD: "1", NEW: "2", old: "3", new: "4"}
    assert doomed("r", tags, {NEW}, set()) == (Doomed("r", "1", (OLD,)), Doomed("r", "3", (old,)))
    assert doomed("r", tags, {OLD, NEW}, set()) == ()
    # a build that a name keeps keeps its verdicts; what is left behind of a build that is gone goes
    assert doomed("r", tags, {NEW}, {"1"}) == ()
    assert doomed("r", {old: "3", "latest": "1"}, set(), set()) == (Doomed("r", "3", (old,)),)


def test_a_build_that_the_tag_of_a_verdict_points_at_stays() -> None:
    assert doomed("r", {OLD: "1", NEW: "2", tag("b" * 64, "d" * 64): "1"}, {NEW}, set()) == ()


SAID = [tag(letter * 64, probe * 64) for letter in "ab" for probe in "de"]
TAGS = st.sampled_from([OLD, NEW, ODD, "latest", "2026-11-24"])


@given(
    st.dictionaries(TAGS | st.sampled_from(SAID), st.sampled_from("123")),
    st.sets(TAGS),
    st.sets(st.sampled_from("123")),
)
def test_whatever_is_needed_or_named_is_still_there_afterwards(
    tags: dict[str, str], needed: set[str], named: set[str]
) -> None:
    gone = {one.digest for one in doomed("r", tags, needed, named)}
    left = {tag for tag, digest in tags.items() if digest not in gone}
    assert left >= {tag for tag in tags if tag in needed or not tag.startswith(("k-", "v-"))}
    assert left >= {tag for tag, digest in tags.items() if digest in named and not key_of(tag)}
    assert left >= {tag for tag in tags if f"k-{key_of(tag)}" in left}


PATTERNS = ("latest", "{date}", "{variant}-python-{python}-{date}", "{commit}", "{python}", "{lock}-final")


@pytest.mark.parametrize(
    ("image", "tag", "passes"),
    [
        ("base", "2026-11-24", True),
        ("base", "gpu-2026-11-24", True),
        ("base", "0123456789ab", True),
        ("base", "0123456789ab-final", True),
        ("base", "python-3.11-2026-11-24", True),
        ("base", "gpu-python-3.11-2026-11-24", True),
        ("base/cuda", "cuda-gpu-2026-11-24", True),
        ("base", "cuda-2026-11-24", False),  # another image's, or nobody's
        ("base", "latest", False),
        ("base", "3.11", False),
        ("base", "2026-11-24-mine", False),
        ("base", "mine-2026-11-24", False),
        ("base", "0123456789abcdef", False),
        ("base", f"k-{'0' * 32}", False),
    ],
)
def test_a_tag_passes_with_its_generation_if_it_says_when_it_was_made(
    image: str, tag: str, passes: bool
) -> None:
    assert bool(passing(PATTERNS, image, ("", "gpu")).match(tag)) is passes


def test_without_a_pattern_that_says_when_no_tag_passes() -> None:
    assert not any(passing(("latest", "{python}"), "base", ("",)).match(tag) for tag in ("", "latest", "3"))


def test_a_name_that_has_passed_goes_with_its_build_and_any_other_holds_it() -> None:
    night = passing(("latest", "{date}"), "base", ("",))
    needs = Needs(passing=(night,))
    assert retention.doomed("r", {OLD: "1", "2026-11-24": "1"}, needs) == (
        Doomed("r", "1", ("2026-11-24", OLD)),
    )
    assert retention.doomed("r", {OLD: "1", "2026-11-24": "1", "latest": "1"}, needs) == ()
    # the build of another night, which a generation that stays names; and a name that has been led astray
    assert retention.doomed("r", {OLD: "1", "2026-11-24": "1"}, Needs((), {"1"}, (), (night,))) == ()
    assert retention.doomed("r", {"2026-11-24": "1"}, Needs((), (), {"2026-11-24"}, (night,))) == ()


def test_generations_stay_by_number_or_by_age_and_the_newest_always() -> None:
    there = {"g1": 1.0, "g2": 2.0, "g3": 3.0}
    assert retention.stay(there, 2, 9.0) == {"g2", "g3"}
    assert retention.stay(there, 0, 9.0) == {"g3"}
    assert retention.stay(there, 1, 2.0) == {"g2", "g3"}
    assert retention.stay(there, 9, 9.0) == {"g1", "g2", "g3"}
    assert retention.stay({}, 1, 0.0) == frozenset()
