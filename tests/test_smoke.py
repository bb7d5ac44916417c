"""Run probes in built images and give verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trees import graph, records

from pipeline import plan, smoke
from pipeline.config import Config, Smoke, TreeConfig
from pipeline.errors import InputError
from pipeline.outcome import Result
from pipeline.plan import Known, Request
from pipeline.ports import NotStarted, ProbeOrder, ProbeReport, Ran, TimedOut
from pipeline.smoke import Probe

STACK = graph("base > scipy > tensorflow, base > r")
STEPS = plan.make(STACK, records(STACK), Known(), Request())
PLAIN = Smoke(("true",), "stacks.toml:9")
PROBE = Probe("scipy", "k", PLAIN)


def config(*smokes: Smoke) -> Config:
    return Config("stacks.toml", "x", (TreeConfig("a", "", ""),), smokes=smokes)


def probed(*smokes: Smoke, variant: str = "cpu") -> list[str]:
    return [probe.image for probe in smoke.probes(config(*smokes), variant, STACK, STEPS)]


def test_a_probe_without_images_is_for_the_leaves() -> None:
    assert probed(PLAIN) == ["r", "tensorflow"]


def test_a_probe_is_for_the_images_that_any_of_its_globs_names_once_each() -> None:
    assert probed(replace(PLAIN, images=("s*", "scipy", "base"))) == ["base", "scipy"]


def test_a_probe_is_for_its_variants_or_for_all() -> None:
    only = replace(PLAIN, variants=("gpu",))
    assert probed(only, variant="cpu") == []
    assert probed(only, variant="gpu") == probed(PLAIN, variant="gpu") == ["r", "tensorflow"]


def test_only_images_of_the_plan_are_probed() -> None:
    steps = tuple(step for step in STEPS if step.image == "r")
    assert [probe.image for probe in smoke.probes(config(PLAIN), "cpu", STACK, steps)] == ["r"]


def test_every_glob_that_names_no_image_is_an_error_at_its_place() -> None:
    with pytest.raises(InputError) as caught:
        probed(
            replace(PLAIN, images=("tensorflw", "scipy")),
            replace(PLAIN, images=("x*",), where="stacks.toml:20"),
        )
    assert [str(problem) for problem in caught.value.problems] == [
        "stacks.toml:9: no image is called 'tensorflw'\n  hint: did you mean 'tensorflow'?",
        "stacks.toml:20: no image is called 'x*'",
    ]


@pytest.mark.parametrize(
    ("report", "result", "reason"),
    [
        (Ran(0, ("fine",), 1.0), Result.PASSED, ""),
        (Ran(1, ("wrong",), 1.0), Result.FAILED, "exit 1"),
        (Ran(137, (), 1.0), Result.FAILED, "out of memory, or killed (exit 137)"),
        (TimedOut((), 120.2), Result.FAILED, "not done within 120 s"),
        (NotStarted("no GPU here", no_gpu=True), Result.INCONCLUSIVE, "no GPU here"),
        (NotStarted("no such program"), Result.FAILED, "no such program"),
    ],
)
def test_only_an_exit_of_0_passes_and_only_a_missing_gpu_is_inconclusive(
    report: ProbeReport, result: Result, reason: str
) -> None:
    verdict = smoke.judge(PROBE, report)
    assert (verdict.result, verdict.reason) == (result, reason)
    assert (verdict.image, verdict.key, verdict.probe) == ("scipy", "k", PROBE.digest)


def test_the_end_of_the_output_stays_with_the_verdict() -> None:
    assert smoke.judge(PROBE, Ran(1, ("a", "b"), 2.5)).tail == ("a", "b")
    assert smoke.judge(PROBE, TimedOut(("c",), 2.5)).tail == ("c",)
    assert smoke.judge(PROBE, Ran(0, (), 2.5)).seconds == 2.5


def test_a_probe_is_the_same_while_what_it_runs_is_the_same() -> None:
    def digest(**changes: object) -> str:
        return Probe("other", "other", replace(PLAIN, **changes)).digest  # type: ignore[arg-type]

    assert digest(name="n", images=("x",), timeout=1.0, where="y", variants=("v",)) == PROBE.digest
    assert digest(run=("false",)) != PROBE.digest
    assert digest(gpu=True) != PROBE.digest
    assert digest(run=("a", "b")) != digest(run=("a b",))


def test_a_probes_title_is_its_name_or_its_command_on_one_short_line() -> None:
    assert Probe("a", "k", replace(PLAIN, name="it runs")).title == "it runs"
    assert (
        Probe("a", "k", replace(PLAIN, run=("python3", "-c", "\nimport x\n  y"))).title
        == "python3 -c import x y"
    )
    long = Probe("a", "k", replace(PLAIN, run=("x" * 99,))).title
    assert (len(long), long[-1]) == (60, "…")


def test_a_probe_runs_in_the_image_of_its_key_with_its_own_limits() -> None:
    assert smoke.order_of(PROBE, "id1") == ProbeOrder("id1", ("true",), gpu=False, timeout=120.0)
    other = Probe("b", "k2", replace(PLAIN, run=("x",), gpu=True, timeout=7.0))
    assert smoke.order_of(other, "id2") == ProbeOrder("id2", ("x",), gpu=True, timeout=7.0)


def test_the_same_probe_of_the_same_key_is_the_same_task() -> None:
    assert Probe("a", "k", replace(PLAIN, name="n")).task == Probe("b", "k", PLAIN).task
    assert Probe("a", "k2", PLAIN).task != Probe("a", "k", PLAIN).task
    assert Probe("a", "k", replace(PLAIN, run=("x",))).task != Probe("a", "k", PLAIN).task
