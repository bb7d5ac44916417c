"""What may run now."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import graph, stacks

from pipeline import schedule
from pipeline.schedule import Schedule


def needs(arrows: str) -> dict[str, tuple[str, ...]]:
    return {node.image.name: node.parent_names for node in graph(arrows)}


def run(plan: Schedule, *ok: str) -> Schedule:
    for task in ok:
        plan = plan.started(task).finished(task, ok=True)
    return plan


def test_what_waits_for_nothing_is_ready_and_the_rest_when_its_parents_are_done() -> None:
    plan = schedule.of(needs("a > c, b > c"))
    assert plan.ready == ("a", "b")
    assert run(plan, "a").ready == ("b",)
    assert plan.started("a").started("b").ready == ()
    assert run(plan, "a", "b").ready == ("c",)
    assert not run(plan, "a", "b").over
    assert run(plan, "a", "b", "c").over


def test_parents_that_are_no_tasks_are_taken_as_done() -> None:
    assert schedule.of({"scipy": ("base",)}).ready == ("scipy",)


def test_a_task_can_start_only_when_it_is_ready_and_end_only_when_it_runs() -> None:
    plan = schedule.of(needs("a > b"))
    for wrong in ("b", "nothing"):
        with pytest.raises(ValueError, match=f"{wrong} is not ready"):
            plan.started(wrong)
    with pytest.raises(ValueError, match="a is not ready"):
        plan.started("a").started("a")
    with pytest.raises(ValueError, match="a does not run"):
        plan.finished("a", ok=True)


def test_the_longest_remaining_path_comes_first() -> None:
    plan = schedule.of(needs("short > x, long > y > z, alone"), {"alone": 2.5})
    assert plan.ready == ("long", "alone", "short")
    assert schedule.of(needs("short > x, long > y > z, alone"), {"x": 5.0, "alone": 1.0}).ready == (
        "short",
        "long",
        "alone",
    )


@given(stacks(), st.dictionaries(st.sampled_from("abcdefg"), st.floats(0.1, 9)))
def test_a_tasks_weight_is_the_longest_path_below_it(arrows: str, seconds: dict[str, float]) -> None:
    above = needs(arrows)
    net: nx.DiGraph[str] = nx.DiGraph()
    net.add_nodes_from(above)
    net.add_edges_from((parent, task) for task, parents in above.items() for parent in parents)
    plan = schedule.of(above, seconds)
    for task in above:
        lengths = [
            sum(seconds.get(step, 1.0) for step in path)
            for end in above
            for path in ([[task]] if end == task else nx.all_simple_paths(net, task, end))
        ]
        assert plan.weight[task] == pytest.approx(max(lengths))
    tops = [task for task, parents in above.items() if not parents]
    assert list(plan.ready) == sorted(tops, key=lambda task: -plan.weight[task])


@given(st.data(), stacks())
def test_any_run_ends_starts_nothing_before_its_parents_and_blocks_exactly_below_failures(
    data: st.DataObject, arrows: str
) -> None:
    found = graph(arrows)
    plan = schedule.of(needs(arrows))
    order: list[str] = []
    failed: set[str] = set()
    done: set[str] = set()
    while not plan.over:
        choices = [*plan.ready, *sorted(plan.running)]
        task = data.draw(st.sampled_from(choices))
        if task in plan.running:
            ok = data.draw(st.booleans())
            (done if ok else failed).add(task)
            before, plan = plan, plan.finished(task, ok=ok)
            below = found.descendants([task]) - {task}
            assert plan.blocked - before.blocked == (frozenset() if ok else below & before.waiting)
            assert not below & before.running
        else:
            assert set(found.nodes[task].parent_names) <= done
            order.append(task)
            plan = plan.started(task)
        states = [plan.waiting, plan.running, plan.done, plan.failed, plan.blocked]
        assert sum(map(len, states)) == len(found.order)
        assert frozenset().union(*states) == set(found.order)
    assert plan.done == done
    assert plan.failed == failed
    assert plan.blocked == found.descendants(failed) - failed
    assert len(order) == len(set(order))


def test_a_stopped_schedule_starts_nothing_more_and_ends_with_what_runs() -> None:
    plan = schedule.of(needs("a > c, b > d")).started("a").stopped()
    assert not plan.ready
    assert plan.blocked == {"b", "c", "d"}
    assert not plan.over
    assert plan.finished("a", ok=True).over


def test_a_schedule_is_a_value_that_moves_leave_as_it_was() -> None:
    plan = schedule.of(needs("a > b"))
    plan.started("a").finished("a", ok=False)
    assert plan.ready == ("a",)
    assert not plan.blocked


def test_what_fits_may_start_in_order() -> None:
    one = {"jobs": 1}
    assert schedule.fitting("abc", {"a": one, "b": one, "c": one}, {"jobs": 2}) == ("a", "b")
    assert schedule.fitting("abc", {"a": one, "b": one, "c": one}, {"jobs": 0}) == ()


def test_what_needs_much_is_not_overtaken_by_what_needs_little() -> None:
    demands = {"big": {"jobs": 2}, "small": {"jobs": 1}}
    assert schedule.fitting(("big", "small"), demands, {"jobs": 1}) == ()
    assert schedule.fitting(("small", "big"), demands, {"jobs": 2}) == ("small",)


def test_what_waits_for_one_resource_leaves_the_others_to_those_behind_it() -> None:
    demands = {"probe": {"jobs": 1, "gpu": 1}, "build": {"jobs": 1}}
    assert schedule.fitting(("probe", "build"), demands, {"jobs": 1, "gpu": 0}) == ("build",)


def test_what_is_left_is_what_nothing_that_runs_has_taken() -> None:
    taken = [{"jobs": 2}, {"jobs": 1, "gpu": 1}]
    assert schedule.left({"jobs": 4, "gpu": 1, "transfers": 4}, taken) == {
        "jobs": 1,
        "gpu": 0,
        "transfers": 4,
    }
