"""What to do about each image, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import ROOT, after_building, graph, graph_of, keys_of, records, stacks, subsets

from pipeline import plan
from pipeline.errors import InputError
from pipeline.graph import Graph
from pipeline.keys import KeyRecord, Part
from pipeline.plan import Action, Cause, Known, Reason, Request, Step

STACK = graph("base > minimal > scipy > tensorflow, minimal > r")
RECORDS = records(STACK)
BUILD, PULL, REUSE = Action.BUILD, Action.PULL, Action.REUSE


def planned(
    found: dict[str, KeyRecord], known: Known, request: Request | None = None, of: Graph = STACK
) -> dict[str, Step]:
    return {step.image: step for step in plan.make(of, found, known, request or Request())}


def actions(
    found: dict[str, KeyRecord], known: Known, request: Request | None = None, of: Graph = STACK
) -> dict[str, Action]:
    return {name: step.action for name, step in planned(found, known, request, of).items()}


def why(found: dict[str, KeyRecord], known: Known, request: Request | None = None) -> dict[str, str]:
    steps = planned(found, known, request)
    return {name: "; ".join(map(str, step.reasons)) for name, step in steps.items() if step.reasons}


def test_what_was_never_built_is_built_and_every_image_says_so() -> None:
    assert set(actions(RECORDS, Known()).values()) == {BUILD}
    assert why(RECORDS, Known()) == dict.fromkeys(STACK.order, "never built")


def test_what_is_up_to_date_is_reused_without_a_reason() -> None:
    known = after_building(RECORDS)
    assert set(actions(RECORDS, known).values()) == {REUSE}
    assert why(RECORDS, known) == {}


def test_a_changed_image_says_what_changed_and_its_descendants_name_it_and_not_their_parent() -> None:
    after = records(STACK, {"minimal": "new"})
    assert why(after, after_building(RECORDS)) == {
        "minimal": "changed: file setup",
        "r": "stands on minimal, which is rebuilt",
        "scipy": "stands on minimal, which is rebuilt",
        "tensorflow": "stands on minimal, which is rebuilt",
    }


def test_an_image_that_changed_itself_below_one_that_changed_names_both() -> None:
    after = records(STACK, {"base": "new", "scipy": "new"})
    found = why(after, after_building(RECORDS))
    assert found["minimal"] == "stands on base, which is rebuilt"
    assert found["scipy"] == "changed: file setup; stands on base, which is rebuilt"
    assert found["tensorflow"] == "stands on scipy, which is rebuilt"


def test_an_image_with_two_changed_ancestors_names_both() -> None:
    of = graph("left > child, right > child")
    known = after_building(records(of))
    found = planned(records(of, {"left": "new", "right": "new"}), known, of=of)
    assert found["child"].reasons == (Reason(Cause.PARENT, ("left", "right")),)


def test_a_root_that_moved_is_named_where_it_is_used() -> None:
    after = records(STACK, pins={ROOT: "sha256:" + "1" * 64})
    found = why(after, after_building(RECORDS))
    assert found["base"] == f"root {ROOT} moved: 000000000000 → 111111111111"
    assert found["tensorflow"] == "stands on base, which is rebuilt"


def test_what_was_asked_for_says_so_and_its_descendants_name_it() -> None:
    after = records(STACK, refreshed={"scipy": "2026-01-01"})
    assert why(after, after_building(RECORDS), Request(changed=("scipy",))) == {
        "scipy": "taken as changed, as asked for",
        "tensorflow": "stands on scipy, which is rebuilt",
    }


def test_what_was_asked_for_says_so_even_if_it_was_never_built() -> None:
    assert why(RECORDS, Known(), Request(changed=("r",)))["r"] == "taken as changed, as asked for"


def test_what_an_interrupted_run_was_asked_for_is_still_asked_for() -> None:
    after = records(STACK, refreshed={"scipy": "2026-01-01"})
    assert why(after, after_building(RECORDS))["scipy"] == "taken as changed, as asked for"


def test_a_root_that_is_another_one_is_a_change_and_no_move() -> None:
    before, after = (graph_of({"a/Dockerfile": f"FROM {root}\n"}) for root in ("debian:11", "debian:12"))
    known = after_building(records(before))
    (step,) = plan.make(after, records(after), known, Request())
    assert [str(reason) for reason in step.reasons] == [
        "changed: instructions, root debian:11, root debian:12"
    ]


def test_a_root_whose_pin_is_lost_is_told_as_unlocked() -> None:
    found = why(records(STACK, pins={ROOT: ""}), after_building(RECORDS))
    assert found["base"] == f"root {ROOT} moved: 000000000000 → unlocked"


def test_what_is_lost_says_where_it_was_looked_for() -> None:
    known = Known(last=RECORDS, places=("engine", "registry"))
    assert why(RECORDS, known)["base"] == "built before, but gone from the engine and the registry"


def test_what_is_gone_says_so() -> None:
    known = after_building(RECORDS)
    known = replace(known, engine=known.engine - keys_of(RECORDS, "r", "scipy", "tensorflow"))
    assert why(RECORDS, known) == {
        "r": "built before, but gone from the engine",
        "scipy": "built before, but gone from the engine",
        "tensorflow": "built before, but gone from the engine",
    }


def test_a_parent_that_comes_back_as_it_was_is_no_reason_for_what_stands_on_it() -> None:
    of = graph("left > child, right > child")
    known = after_building(records(of))
    after = records(of, {"left": "new"})
    known = replace(known, engine=known.engine - keys_of(after, "right"))
    found = planned(after, known, of=of)
    assert found["right"].reasons == (Reason(Cause.LOST, ("engine",)),)
    assert found["child"].reasons == (Reason(Cause.PARENT, ("left",)),)


def test_what_was_left_behind_when_its_parent_was_built_names_the_parent() -> None:
    """A failed or partial run leaves children of the parent's earlier build."""
    after = records(STACK, {"base": "new"})
    known = Known(
        engine=keys_of(after, "base") | keys_of(RECORDS),
        last={**RECORDS, "base": after["base"]},
    )
    assert why(after, known) == {
        "minimal": "was built on an earlier base",
        "r": "stands on minimal, which is rebuilt",
        "scipy": "stands on minimal, which is rebuilt",
        "tensorflow": "stands on minimal, which is rebuilt",
    }


def test_many_parts_are_told_by_their_number() -> None:
    reason = Reason(Cause.CHANGED, parts=tuple(Part("arg", name) for name in "abcdefg"))
    assert str(reason) == "changed: arg a, arg b, arg c, arg d and 3 more"


def test_taking_an_image_as_changed_rebuilds_it_and_its_descendants_and_only_those() -> None:
    after = records(STACK, refreshed={"scipy": "2026-01-01"})
    found = actions(after, after_building(RECORDS), Request(changed=("scipy",)))
    assert found == {"minimal": REUSE, "scipy": BUILD, "tensorflow": BUILD}


def test_what_else_is_out_of_date_waits_when_an_image_is_taken_as_changed() -> None:
    after = records(STACK, {"r": "new"}, refreshed={"scipy": "2026-01-01"})
    assert "r" not in actions(after, after_building(RECORDS), Request(changed=("scipy",)))


def test_images_and_a_changed_one_together_mean_the_way_between_them() -> None:
    after = records(STACK, refreshed={"minimal": "2026-01-01"})
    found = actions(after, after_building(RECORDS), Request(images=("scipy",), changed=("minimal",)))
    assert found == {"base": REUSE, "minimal": BUILD, "scipy": BUILD}


def test_only_the_images_asked_for_and_their_missing_ancestors_are_built() -> None:
    known = after_building(RECORDS, "base")
    assert actions(RECORDS, known, Request(images=("scipy",))) == {
        "base": REUSE,
        "minimal": BUILD,
        "scipy": BUILD,
    }
    assert actions(RECORDS, after_building(RECORDS), Request(images=("scipy",))) == {"scipy": REUSE}


def test_a_missing_ancestor_of_what_is_there_is_not_built() -> None:
    known = after_building(RECORDS, "scipy")
    assert actions(RECORDS, known, Request(images=("scipy",))) == {"scipy": REUSE}
    assert actions(RECORDS, known, Request(images=("tensorflow",))) == {"scipy": REUSE, "tensorflow": BUILD}


def test_only_the_direct_parent_of_a_build_is_pulled() -> None:
    known = Known(registry=keys_of(RECORDS, "base", "minimal", "scipy"))
    assert actions(RECORDS, known) == {
        "base": REUSE, "minimal": PULL, "scipy": PULL, "r": BUILD, "tensorflow": BUILD,
    }  # fmt: skip
    assert actions(RECORDS, known, Request(images=("tensorflow",))) == {"scipy": PULL, "tensorflow": BUILD}


def test_what_is_only_in_the_registry_is_pulled_just_where_something_here_needs_it() -> None:
    known = Known(registry=keys_of(RECORDS))
    assert set(actions(RECORDS, known).values()) == {REUSE}
    found = actions(RECORDS, known, Request(local=frozenset({"scipy"})))
    assert found == {**dict.fromkeys(STACK.order, REUSE), "scipy": PULL}


def test_what_is_needed_here_but_not_asked_for_is_left_alone() -> None:
    known = Known(registry=keys_of(RECORDS))
    assert actions(RECORDS, known, Request(images=("r",), local=frozenset({"scipy"}))) == {"r": REUSE}


def test_a_parent_that_is_only_copied_from_is_needed_too() -> None:
    of = graph("base > child, tools > child")
    found = records(of)
    known = Known(registry=keys_of(found, "base", "tools"))
    assert actions(found, known, of=of) == {"base": PULL, "tools": PULL, "child": BUILD}


def test_a_step_carries_its_record_its_key_and_its_parents_keys() -> None:
    step = planned(RECORDS, Known())["scipy"]
    assert (step.record, step.key) == (RECORDS["scipy"], RECORDS["scipy"].key)
    assert step.parents == (RECORDS["minimal"].key,)


@pytest.mark.parametrize("request_", [Request(images=("scpy",)), Request(changed=("scpy",))])
def test_an_unknown_image_is_an_error_that_names_the_nearest(request_: Request) -> None:
    for ask in (lambda: plan.chosen(STACK, request_), lambda: plan.make(STACK, RECORDS, Known(), request_)):
        with pytest.raises(InputError, match="no image 'scpy' in the tree\n  hint: did you mean 'scipy'"):
            ask()


def test_a_refreshed_image_that_has_to_be_built_takes_no_layers_of_earlier_builds() -> None:
    refreshed = records(STACK, refreshed={"minimal": "2026-01-01"})
    asked = planned(refreshed, after_building(RECORDS), Request(changed=("minimal",)))
    assert {name for name, step in asked.items() if step.afresh} == {"minimal"}
    elsewhere = planned(refreshed, Known())
    assert {name for name, step in elsewhere.items() if step.afresh} == {"minimal"}
    assert not any(step.afresh for step in planned(refreshed, after_building(refreshed)).values())


def test_leaves_are_kept_of_what_was_asked_for() -> None:
    assert plan.chosen(STACK, Request(leaves=True)) == {"tensorflow", "r"}
    assert plan.chosen(STACK, Request(images=("scipy", "r"), leaves=True)) == {"r"}


def test_only_the_ancestors_are_what_is_asked_for_without_itself() -> None:
    found = plan.chosen(STACK, Request(images=("scipy", "tensorflow"), ancestors_only=True))
    assert found == {"base", "minimal"}
    assert plan.chosen(STACK, Request(leaves=True, ancestors_only=True)) == {"base", "minimal", "scipy"}


def test_what_differs_from_another_revision_is_meant_with_its_descendants_and_nothing_else() -> None:
    after = records(STACK, {"scipy": "new", "r": "new"})
    known = after_building(RECORDS)
    found = actions(after, known, Request(differing=frozenset({"scipy"})))
    assert found == {"minimal": REUSE, "scipy": BUILD, "tensorflow": BUILD}
    assert actions(after, known, Request(differing=frozenset())) == {}
    assert actions(RECORDS, known, Request(differing=frozenset({"scipy"}))) == {
        "scipy": REUSE,
        "tensorflow": REUSE,
    }


def test_names_and_globs_mean_each_image_once() -> None:
    names = STACK.order
    assert plan.matching(names, ("*n*", "scipy", "r")) == ("minimal", "tensorflow", "scipy", "r")
    assert plan.matching((*names, "a[b]"), ("a[b]",)) == ("a[b]",)


def test_every_name_and_glob_that_means_nothing_is_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        plan.matching(STACK.order, ("x*", "scpy", "r"))
    assert [problem.message for problem in caught.value.problems] == [
        "no image 'x*' in the tree",
        "no image 'scpy' in the tree",
    ]


@st.composite
def situations(draw: st.DrawFn) -> tuple[Graph, dict[str, KeyRecord], Known, Request]:
    """Any stack after any history, and anything asked of it."""
    of = graph(draw(stacks()))
    old = records(of)
    new = records(of, dict.fromkeys(draw(subsets(of)), "new"), dict.fromkeys(draw(subsets(of)), "then"))
    here, there = (
        keys_of(old, *draw(subsets(of))) | keys_of(new, *draw(subsets(of)))
        if draw(st.booleans())
        else frozenset()
        for _ in range(2)
    )
    last = {name: draw(st.sampled_from([old, new]))[name] for name in draw(subsets(of))}
    images, changed, local = (draw(subsets(of)) for _ in range(3))
    request = Request(
        tuple(images) if draw(st.booleans()) else (), tuple(changed) if draw(st.booleans()) else (), local
    )
    return of, new, Known(here, there, last), request


@given(situations())
def test_every_plan_can_be_done_step_by_step(
    situation: tuple[Graph, dict[str, KeyRecord], Known, Request],
) -> None:
    of, found, known, request = situation
    here = set(known.engine)
    seen: set[str] = set()
    for step in plan.make(of, found, known, request):
        assert step.image not in seen
        seen.add(step.image)
        assert step.key == found[step.image].key
        assert set(step.parents) == {found[name].key for name in of.nodes[step.image].parent_names}
        match step.action:
            case Action.BUILD:
                assert step.key not in known.engine | known.registry
                assert set(step.parents) <= here
                here.add(step.key)
            case Action.PULL:
                assert step.key in known.registry - known.engine
                here.add(step.key)
            case Action.REUSE:
                assert step.key in known.engine | known.registry
    wanted = plan.chosen(of, request)
    assert wanted <= seen
    assert {found[name].key for name in wanted} <= here | known.registry
    assert {found[name].key for name in wanted & request.local} <= here


@given(situations())
def test_no_plan_does_more_than_it_must(
    situation: tuple[Graph, dict[str, KeyRecord], Known, Request],
) -> None:
    of, found, known, request = situation
    steps = {step.image: step for step in plan.make(of, found, known, request)}
    wanted = plan.chosen(of, request)
    built = {name for name, step in steps.items() if step.action is BUILD}
    needed = {parent for name in built for parent in of.nodes[name].parent_names}
    assert set(steps) <= wanted | needed
    assert built <= wanted | needed
    assert {name for name, step in steps.items() if step.action is PULL} <= needed | (request.local & wanted)
    assert [name for name in of.order if name in steps] == list(steps)


@given(situations())
def test_exactly_what_is_built_has_reasons_and_a_root_cause_is_built_too(
    situation: tuple[Graph, dict[str, KeyRecord], Known, Request],
) -> None:
    of, found, known, request = situation
    steps = plan.make(of, found, known, request)
    built = {step.image for step in steps if step.action is BUILD}
    assert {step.image for step in steps if step.reasons} == built
    reasons = {step.image: step.reasons for step in steps}
    for step in steps:
        for reason in step.reasons:
            if reason.cause is Cause.PARENT:
                assert set(reason.about) <= (of.ancestors([step.image]) - {step.image}) & built
                assert all(any(r.cause is not Cause.PARENT for r in reasons[name]) for name in reason.about)
            if reason.cause is Cause.LOST:
                assert known.last[step.image] == step.record


@given(st.data(), stacks())
def test_changing_any_images_rebuilds_exactly_their_descendants(data: st.DataObject, arrows: str) -> None:
    of = graph(arrows)
    changed = tuple(data.draw(subsets(of, 1)))
    known = after_building(records(of))
    steps = plan.make(
        of, records(of, refreshed=dict.fromkeys(changed, "now")), known, Request(changed=changed)
    )
    assert {step.image for step in steps if step.action is BUILD} == of.descendants(changed)
    assert not any(step.action is PULL for step in steps)


@given(st.data(), stacks())
def test_once_a_plan_is_done_the_next_one_finds_nothing_to_do(data: st.DataObject, arrows: str) -> None:
    of = graph(arrows)
    found = records(of, dict.fromkeys(data.draw(subsets(of)), "new"))
    known = after_building(records(of))
    steps = plan.make(of, found, known, Request())
    known = Known(known.engine | {step.key for step in steps}, last={s.image: s.record for s in steps})
    assert all(step.action is REUSE for step in plan.make(of, found, known, Request()))
