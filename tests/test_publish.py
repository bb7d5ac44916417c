"""Names move only to what its probes have shown to work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import graph, stacks, subsets

from pipeline import publish
from pipeline.graph import Graph
from pipeline.outcome import Result, Verdict
from pipeline.publish import Entry, Naming

STACK = graph("base > scipy > tensorflow, base > r")
P, F, DOUBT = Result.PASSED, Result.FAILED, Result.INCONCLUSIVE
NAMING = Naming(
    "reg.example/team", ("latest", "{date}", "{commit}"), {"date": "2026-05-01", "commit": "abc1234"}
)


def decided(
    results: dict[str, Result], of: Graph = STACK, *, allow: bool = False, absent: tuple[str, ...] = ()
) -> tuple[dict[str, bool], dict[str, str]]:
    verdicts = [Verdict(name, "k", "p", "t", result, f"{name}'s reason") for name, result in results.items()]
    sources = {name: f"sha256:{name}" for name in of.order if name not in absent}
    return publish.decide(of, sources, verdicts, allow_unsmoked=allow)


def test_what_passed_may_be_promoted_with_all_it_stands_on() -> None:
    may, held = decided({"r": P, "tensorflow": P})
    assert may == dict.fromkeys(STACK.order, False)
    assert held == {}


def test_a_red_leaf_holds_back_itself_only() -> None:
    may, held = decided({"r": P, "tensorflow": F, "scipy": P})
    assert may == {"base": False, "r": False, "scipy": False}
    assert held == {"tensorflow": "tensorflow failed its probe: tensorflow's reason"}


def test_a_failed_ancestor_holds_back_its_descendants() -> None:
    may, held = decided({"r": P, "scipy": F, "tensorflow": P})
    assert may == {"base": False, "r": False}
    assert held == {
        "scipy": "scipy failed its probe: scipy's reason",
        "tensorflow": "scipy failed its probe: scipy's reason",
    }


def test_what_is_inconclusive_is_held_back_unless_it_is_allowed_and_then_it_is_unsmoked() -> None:
    results = {"r": P, "scipy": P, "tensorflow": DOUBT}
    may, held = decided(results)
    assert "tensorflow" not in may
    assert held == {"tensorflow": "tensorflow is inconclusive: tensorflow's reason"}
    assert decided(results, allow=True) == (
        {"base": False, "r": False, "scipy": False, "tensorflow": True},
        {},
    )


def test_an_inconclusive_ancestor_makes_what_stands_on_it_unsmoked() -> None:
    may, held = decided({"scipy": DOUBT, "tensorflow": P, "r": P})
    assert set(held) == {"scipy", "tensorflow"}
    may, held = decided({"scipy": DOUBT, "tensorflow": P, "r": P}, allow=True)
    assert (may["scipy"], may["tensorflow"], may["base"]) == (True, True, False)


def test_one_failed_verdict_of_several_is_enough_and_nothing_allows_it() -> None:
    verdicts = [Verdict("r", "k", str(n), "t", result) for n, result in enumerate([P, F, P, DOUBT])]
    may, held = publish.decide(STACK, {"r": "sha256:r"}, verdicts, allow_unsmoked=True)
    assert (may, list(held)) == ({}, ["r"])


def test_without_any_probe_nothing_may_move_unless_allowed_and_then_unsmoked() -> None:
    may, held = decided({})
    assert may == {}
    assert held == dict.fromkeys(STACK.order, "no probe has passed for it")
    assert decided({}, allow=True) == (dict.fromkeys(STACK.order, True), {})


def test_an_image_whose_siblings_alone_were_probed_is_unsmoked() -> None:
    may, held = decided({"r": P})
    assert may == {"base": False, "r": False}
    assert set(held) == {"scipy", "tensorflow"}


def test_a_passed_ancestor_speaks_for_what_stands_on_it() -> None:
    assert decided({"scipy": P, "r": P})[0]["tensorflow"] is False


def test_an_image_is_probed_by_its_own_probes_and_by_those_of_what_is_built_on_it() -> None:
    def unprobed(*probed: str) -> tuple[str, ...]:
        verdicts = [Verdict(name, "k", "p", "t", DOUBT) for name in probed]
        return publish.unprobed(STACK, STACK.order, verdicts)

    assert unprobed("tensorflow", "r") == ()
    assert unprobed("tensorflow") == ("r",)
    assert unprobed("base") == tuple(name for name in STACK.order if name != "base")


def test_what_is_not_there_is_neither_promoted_nor_held_back() -> None:
    may, held = decided({"r": P, "tensorflow": P}, absent=("tensorflow",))
    assert "tensorflow" not in {*may, *held}


@given(st.data(), stacks(), st.booleans())
def test_nothing_moves_onto_a_failure_and_every_image_is_decided_once(
    data: st.DataObject, arrows: str, allow: bool
) -> None:
    of = graph(arrows)
    results = {name: data.draw(st.sampled_from([P, F, DOUBT])) for name in data.draw(subsets(of))}
    may, held = decided(results, of, allow=allow)
    assert sorted([*may, *held]) == sorted(of.order)
    for name in of.order:
        line = {results.get(above) for above in of.ancestors([name])}
        below = {results.get(below) for below in of.descendants([name])}
        assert (name in held) >= (F in line)
        if name in may and not may[name]:
            assert P in line | below
            assert not line & {F, DOUBT}
        if name in may and not allow:
            assert not may[name]


def test_a_name_is_made_of_image_and_tag() -> None:
    assert publish.names(NAMING, "base", "") == ("base:latest", "base:2026-05-01", "base:abc1234")


@pytest.mark.parametrize(
    ("image", "variant", "pattern", "name"),
    [
        ("base", "", "latest", "base:latest"),
        ("base", "gpu", "latest", "base:gpu-latest"),
        ("base", "gpu", "{date}", "base:gpu-2026-05-01"),
        ("base", "gpu", "{date}-{variant}", "base:2026-05-01-gpu"),
        ("base", "", "{date}-{variant}", "base:2026-05-01"),
        ("base", "", "{variant}-{date}", "base:2026-05-01"),
        ("base", "", "a-{variant}-b", "base:a-b"),
        ("tf/cuda", "", "latest", "tf:cuda-latest"),
        ("tf/cuda/x", "gpu", "latest", "tf:cuda-x-gpu-latest"),
        ("NodeBase", "", "latest", "nodebase:latest"),
    ],
)
def test_a_tag_begins_with_the_folder_inside_an_image_and_with_the_variant(
    image: str, variant: str, pattern: str, name: str
) -> None:
    naming = Naming("r.example", (pattern,), {"date": "2026-05-01", "commit": "abc1234"})
    assert publish.names(naming, image, variant) == (name,)


def test_without_a_commit_no_tag_names_one() -> None:
    naming = Naming("r", ("{commit}", "latest", "{date}-{commit}"), {"date": "2026-05-01", "commit": ""})
    assert publish.names(naming, "a", "") == ("a:latest",)


def test_a_field_of_the_image_makes_a_tag_where_the_image_has_it() -> None:
    naming = Naming("r", ("python-{python}", "latest"))
    assert publish.names(naming, "a", "gpu", {"python": "3.11"}) == ("a:gpu-python-3.11", "a:gpu-latest")
    assert publish.names(naming, "a", "gpu", {"python": ""}) == ("a:gpu-latest",)
    assert publish.names(naming, "a", "gpu") == ("a:gpu-latest",)


def test_a_value_that_makes_no_tag_gives_no_name() -> None:
    naming = Naming("r", ("p-{python}",))
    assert publish.names(naming, "a", "", {"python": "3 or so"}) == ()
    assert publish.names(naming, "a", "", {"python": "3" * 127}) == ()


def test_two_patterns_that_come_to_the_same_are_one_name() -> None:
    assert publish.names(Naming("r", ("latest", "latest")), "a", "") == ("a:latest",)


def test_a_build_is_kept_under_its_key() -> None:
    assert publish.key_name("r.example/t", "tf/cuda", "f" * 64) == f"r.example/t/tf:k-{'f' * 32}"


def test_a_name_that_two_images_claim_moves_to_neither() -> None:
    inner = Entry("tf/cuda", "cpu", "k", "a", ("tf:cuda-latest",))
    outer = Entry("tf", "cuda", "k", "b", ("tf:cuda-latest",))
    other = Entry("tf", "cpu", "k", "c", ("tf:latest",))
    held = publish.clashes([inner, outer, other])
    assert list(held) == [("tf/cuda", "cpu"), ("tf", "cuda")]
    assert "would also be tf of variant cuda" in held["tf/cuda", "cpu"]


KEYS = dict.fromkeys(STACK.order, "new")


def test_what_a_run_did_not_look_at_is_not_parted_from_what_it_stands_on() -> None:
    named = {**dict.fromkeys(STACK.order, "old"), "r": "new"}
    held = publish.apart(STACK, KEYS, named, frozenset({"base", "scipy"}))
    assert set(held) == {"base", "scipy"}
    assert "tensorflow is named on an earlier build of it" in held["base"]


def test_what_is_named_as_it_is_now_does_not_hold_others_back() -> None:
    named = {"base": "new", "scipy": "old", "tensorflow": "old", "r": "new"}
    assert publish.apart(STACK, KEYS, named, frozenset({"scipy", "tensorflow"})) == {}
    assert set(publish.apart(STACK, KEYS, named, frozenset({"tensorflow"}))) == {"tensorflow"}


def test_what_stands_on_what_is_held_back_is_held_back() -> None:
    run = frozenset(STACK.order)
    assert publish.closed(STACK, run, {"scipy": "red"}) == {
        "scipy": "red",
        "tensorflow": "scipy, which it stands on, is held back",
    }
