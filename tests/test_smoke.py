"""Run probes in built images and give verdicts."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

import pytest
from trees import graph, graph_of, records

from pipeline import plan, smoke
from pipeline.config import Config, Smoke, TreeConfig, Variant
from pipeline.graph import Graph
from pipeline.outcome import Device, Hardware, Result, Verdict
from pipeline.plan import Known, Request
from pipeline.ports import NotStarted, ProbeFile, ProbeOrder, ProbeReport, Ran, TimedOut
from pipeline.smoke import Payload, Probe, cuda, final

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
    made = config(
        replace(PLAIN, images=("tensorflw", "scipy")),
        replace(PLAIN, images=("x*",), variants=("gpu",), where="stacks.toml:20"),
    )
    assert [str(problem) for problem in smoke.declared(made, STACK.nodes, {"default": STACK})] == [
        "stacks.toml:9: no image is called 'tensorflw'\n  hint: did you mean 'tensorflow'?",
        "stacks.toml:20: no image is called 'x*'\n  hint: there are: base, r, scipy, tensorflow",
    ]


TAKEN = {"cpu": graph("base > a, a > a/cuda"), "gpu": graph("base > a")}
TWO = (Variant("cpu"), Variant("gpu"))


@pytest.mark.parametrize(("variants", "used"), [(("cpu",), "cpu gpu"), ((), "cpu gpu"), ((), "gpu")])
def test_a_glob_may_name_an_image_that_only_other_variants_lack(variants: tuple[str, ...], used: str) -> None:
    made = replace(config(replace(PLAIN, images=("a/cuda",), variants=variants)), variants=TWO)
    assert not smoke.declared(made, TAKEN["cpu"].nodes, {name: TAKEN[name] for name in used.split()})


def test_a_glob_for_an_image_that_each_of_its_variants_lacks_is_an_error() -> None:
    made = replace(config(replace(PLAIN, images=("a/cuda",), variants=("gpu",))), variants=TWO)
    assert [str(problem) for problem in smoke.declared(made, TAKEN["cpu"].nodes, TAKEN)] == [
        "stacks.toml:9: no image is called 'a/cuda' in variant gpu\n  hint: an overlay's [[variant]] has put"
        " its Dockerfile into another image: name that one"
    ]


@pytest.mark.parametrize(
    ("report", "result", "reason"),
    [
        (Ran(0, ("fine",), 1.0), Result.PASSED, ""),
        (Ran(1, ("wrong",), 1.0), Result.FAILED, "exit 1"),
        (Ran(137, (), 1.0), Result.FAILED, "out of memory, or killed (exit 137)"),
        (Ran(1, (), 1.0, oom=True), Result.FAILED, "out of memory (exit 1)"),
        (TimedOut((), 120.2), Result.FAILED, "not done within 120 s"),
        (NotStarted("no GPU here", doubt=True), Result.INCONCLUSIVE, "no GPU here"),
        (NotStarted("no such program"), Result.FAILED, "no such program"),
    ],
)
def test_a_command_passes_with_exit_0_and_only_what_never_ran_is_in_doubt(
    report: ProbeReport, result: Result, reason: str
) -> None:
    verdict = smoke.judge(PROBE, report)
    assert (verdict.result, verdict.reason) == (result, reason)
    assert (verdict.image, verdict.key, verdict.probe) == ("scipy", "k", PROBE.digest)


NONCE = "f00d"
ITSELF = Probe("scipy", "k", Smoke((), "stacks.toml:9", probe="cuda", gpu=True))
CARD = Hardware((Device("H100", "9.0"),), "550.1")
SEEN = {"devices": [{"name": "H100", "capability": "9.0"}], "driver": "550.1"}


def line(**says: object) -> str:
    return json.dumps({"stackbuild": NONCE, **says})


def itself(last: str, code: int = 0, probe: Probe = ITSELF) -> Verdict:
    """The verdict on a probe that judges itself, by its last line and its exit code."""
    return smoke.judge(probe, Ran(code, ("before", last), 1.0, last=last, nonce=NONCE))


@pytest.mark.parametrize(
    ("last", "code", "result", "reason"),
    [
        (line(result="passed", hardware=SEEN), 0, Result.PASSED, ""),
        (line(result="passed", hardware=SEEN), 1, Result.FAILED, "exit 1 after it had said that it passed"),
        (line(result="passed"), 0, Result.INCONCLUSIVE, "it passed without having seen a GPU"),
        (line(result="failed", reason="wrong\nnumbers"), 0, Result.FAILED, "wrong numbers"),
        (line(result="inconclusive", reason="no device"), 1, Result.INCONCLUSIVE, "no device"),
        ("done", 0, Result.FAILED, "it ended without its last line: exit 0 alone is no pass"),
        ("", 0, Result.FAILED, "it ended without its last line: exit 0 alone is no pass"),
        ("", 139, Result.FAILED, "exit 139"),
        ("", 137, Result.FAILED, "out of memory, or killed (exit 137)"),
    ],
)
def test_a_built_in_probe_passes_by_its_last_line_and_exit_0(
    last: str, code: int, result: Result, reason: str
) -> None:
    verdict = itself(last, code)
    assert (verdict.result, verdict.reason) == (result, reason)


@pytest.mark.parametrize(
    "last",
    [
        '{"stackbuild": "beef", "result": "passed"}',
        '{"stackbuild": "", "result": "passed"}',
        '{"result": "passed"}',
        '{"stackbuild": "f00d", "result": "PASSED"}',
        '{"stackbuild": "f00d", "result": null}',
        '{"stackbuild": "f00d"}',
        '["f00d", "passed"]',
        "f00d",
        "passed",
        "null",
        "{" * 100_000,
        '{"stackbuild": "f00d", "result": "passed"} and more',
    ],
)
def test_what_nobody_told_the_nonce_says_is_nothing(last: str) -> None:
    plain = Probe("scipy", "k", Smoke((), "stacks.toml:9", probe="jupyter"))
    assert itself(last, probe=plain).result is Result.FAILED
    assert itself(line(result="passed"), probe=plain).result is Result.PASSED
    assert final.parse('{"stackbuild": "", "result": "passed"}', "") is None


@pytest.mark.parametrize(
    "hardware",
    [
        None,
        "H100",
        {"devices": [], "driver": "1"},
        {"devices": [{"name": "H100"}]},
        {"devices": [{"name": ""}], "driver": "1"},
        {"devices": ["H100"], "driver": "1"},
        {"devices": [{"name": "H100"}], "driver": ""},
    ],
)
def test_a_gpu_probe_that_cannot_name_its_gpu_has_not_passed(hardware: object) -> None:
    assert itself(line(result="passed", hardware=hardware)).result is Result.INCONCLUSIVE


def test_a_verdict_says_what_it_was_reached_on() -> None:
    devices = [{"name": "L4", "capability": "8.9"}, {"name": "H100", "capability": "9.0"}]
    two = {"devices": devices, "driver": "550.1"}
    verdict = itself(line(result="passed", hardware=two))
    assert verdict.hardware == Hardware((Device("H100", "9.0"), Device("L4", "8.9")), "550.1")
    assert str(verdict.hardware) == "1 x H100 (9.0), 1 x L4 (8.9), driver 550.1"
    assert verdict.tail == ("before",)
    command = Probe("scipy", "k", replace(PLAIN, gpu=True))
    assert smoke.judge(command, Ran(0, (), 1.0)).result is Result.INCONCLUSIVE
    assert smoke.judge(command, Ran(0, (), 1.0), CARD).hardware == CARD


def test_what_may_be_gone_the_next_time_does_not_last() -> None:
    lasting = [
        smoke.judge(PROBE, Ran(0, (), 1.0)),
        smoke.judge(PROBE, Ran(1, (), 1.0)),
        itself(line(result="failed")),
        itself(line(result="passed", hardware=SEEN)),
        itself(line(result="inconclusive", reason="the driver is too old", hardware=SEEN)),
        itself(line(result="inconclusive"), probe=Probe("a", "k", Smoke((), "x:1", probe="cuda-libs"))),
    ]
    passing = [
        smoke.judge(PROBE, Ran(137, (), 1.0)),
        smoke.judge(PROBE, Ran(1, (), 1.0, oom=True)),
        smoke.judge(PROBE, TimedOut((), 1.0)),
        smoke.judge(PROBE, NotStarted("no such program")),
        smoke.judge(PROBE, NotStarted("no GPU", doubt=True)),
        itself(line(result="inconclusive", reason="no GPU")),
        itself(line(result="passed")),
    ]
    assert all(verdict.lasting for verdict in lasting)
    assert not any(verdict.lasting for verdict in passing)


def test_a_command_may_have_to_say_something() -> None:
    probe = Probe("scipy", "k", replace(PLAIN, expect=r"version \d+"))
    assert smoke.judge(probe, Ran(0, (), 1.0, "it is\nversion 12\n")).result is Result.PASSED
    verdict = smoke.judge(probe, Ran(0, (), 1.0, "it is\nversion x\n"))
    assert (verdict.result, verdict.reason) == (Result.FAILED, r"its output does not match 'version \d+'")
    assert smoke.judge(probe, Ran(2, (), 1.0, "version 12")).reason == "exit 2"


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ("== 3 passed in 0.12s ==", Result.PASSED),
        ("===== 1 failed, 2 passed, 1 skipped, 4 warnings in 61.20s (0:01:01) =====", Result.PASSED),
        ("1 passed in 0.12 seconds", Result.PASSED),
        ("== 3 skipped in 0.01s ==", Result.INCONCLUSIVE),
        ("== 2 skipped, 1 xfailed, 1 xpassed in 0.01s ==", Result.INCONCLUSIVE),
        ("== 3 tests collected in 0.01s ==", Result.INCONCLUSIVE),
        ("12 passed\n== 1 skipped in 0.01s ==", Result.INCONCLUSIVE),
        ("", Result.INCONCLUSIVE),
    ],
)
def test_tests_of_which_none_was_run_have_not_passed(said: str, result: Result) -> None:
    probe = replace(PROBE, smoke=replace(PLAIN, run=(), tests="tests"))
    report = Ran(0, (), 1.0, f"collected 3 items\n{said}\n")
    assert smoke.judge(probe, report).result is result
    assert smoke.judge(probe, replace(report, exit_code=1)).result is Result.FAILED
    # a command of one's own that is given tests need not be pytest
    other = replace(probe, smoke=replace(probe.smoke, run=("true",)))
    assert smoke.judge(other, report).result is Result.PASSED


def test_the_end_of_the_output_stays_with_the_verdict() -> None:
    assert smoke.judge(PROBE, Ran(1, ("a", "b"), 2.5)).tail == ("a", "b")
    assert smoke.judge(PROBE, TimedOut(("c",), 2.5)).tail == ("c",)
    assert smoke.judge(PROBE, Ran(0, (), 2.5)).seconds == 2.5


CHANGES: dict[str, object] = {
    "run": ("false",),
    "gpu": True,
    "probe": "cuda",
    "env": (("A", "1"),),
    "user": "root",
    "network": True,
    "expect": "x",
    "capabilities": ("SYS_NICE",),
    "memory": 1,
    "pids": 1,
}
# these say where and when, or are in the digest by their contents
BESIDE = {"name", "images", "variants", "timeout", "where", "inherit", "files", "tests", "max_age"}


@pytest.mark.parametrize("name", sorted(field.name for field in dataclasses.fields(Smoke)))
def test_a_probe_is_another_once_what_it_runs_or_runs_in_is_another(name: str) -> None:
    if name in BESIDE:
        value = {"timeout": 1.0, "max_age": 1.0, "inherit": True, "tests": "t"}.get(name, ("x",))
        value = "x" if name in {"name", "where"} else value
        assert Probe("b", "k", replace(PLAIN, **{name: value})).digest == PROBE.digest  # type: ignore[arg-type]
    else:
        assert Probe("b", "k", replace(PLAIN, **{name: CHANGES[name]})).digest != PROBE.digest  # type: ignore[arg-type]


def test_a_probe_is_another_once_what_it_brings_along_is_another() -> None:
    def digest(*files: tuple[str, bytes]) -> str:
        payload = Payload(tuple(ProbeFile(path, content) for path, content in files))
        return Probe("a", "k", PLAIN, payload).digest

    found = {digest(), digest(("a", b"1")), digest(("a", b"2")), digest(("b", b"1")), digest(("ab", b""))}
    assert len(found) == 5
    assert Probe("a", "k", replace(PLAIN, run=("a", "b"))).digest != PROBE.digest


def test_a_probes_title_is_its_name_or_its_command_on_one_short_line() -> None:
    assert Probe("a", "k", replace(PLAIN, name="it runs")).title == "it runs"
    assert (
        Probe("a", "k", replace(PLAIN, run=("python3", "-c", "\nimport x\n  y"))).title
        == "python3 -c import x y"
    )
    long = Probe("a", "k", replace(PLAIN, run=("x" * 99,))).title
    assert (len(long), long[-1]) == (60, "…")


def test_a_probe_runs_in_the_image_of_its_key_with_its_own_limits() -> None:
    common = ProbeOrder("id1", ("true",), gpu=False, timeout=120.0, memory=8 << 30, pids=4096)
    assert smoke.order_of(PROBE, "id1") == common
    other = Probe("b", "k2", replace(PLAIN, run=("x",), gpu=True, timeout=7.0, memory=0, user="me"))
    assert smoke.order_of(other, "id2", "log") == ProbeOrder(
        "id2", ("x",), gpu=True, timeout=7.0, user="me", pids=4096, log="log"
    )


def test_the_same_probe_of_the_same_key_is_the_same_task() -> None:
    assert Probe("a", "k", replace(PLAIN, name="n")).task == Probe("b", "k", PLAIN).task
    assert Probe("a", "k2", PLAIN).task != Probe("a", "k", PLAIN).task
    assert Probe("a", "k", replace(PLAIN, run=("x",))).task != Probe("a", "k", PLAIN).task


# which probes images get


def test_a_probe_may_be_inherited_by_all_that_stand_on_its_images() -> None:
    assert probed(replace(PLAIN, images=("scipy",), inherit=True)) == ["scipy", "tensorflow"]
    assert probed(replace(PLAIN, images=("scipy",))) == ["scipy"]


def defaults(*smokes: Smoke, cuda: tuple[str, ...], gpu_probe: str = "gpu") -> dict[str, str]:
    """The GPU probe of each image, where these stand on CUDA."""
    variants = (Variant("cpu"), Variant("gpu", gpu_probe=gpu_probe))
    made = replace(config(*smokes), variants=variants)
    found = smoke.probes(made, "gpu", STACK, STEPS, cuda=frozenset(cuda))
    return {probe.image: probe.smoke.probe for probe in found if probe.smoke.gpu}


def test_every_leaf_that_stands_on_cuda_gets_a_gpu_probe() -> None:
    assert defaults(cuda=("base", "r", "scipy", "tensorflow")) == {"r": "gpu", "tensorflow": "gpu"}
    assert defaults(cuda=("r",)) == {"r": "gpu"}
    assert defaults(cuda=()) == {}


def test_a_leaf_with_a_gpu_probe_of_its_own_gets_no_other() -> None:
    own = Smoke((), "stacks.toml:9", images=("tensorflow",), gpu=True, probe="tensorflow")
    assert defaults(own, cuda=("r", "tensorflow")) == {"r": "gpu", "tensorflow": "tensorflow"}
    elsewhere = replace(own, variants=("cpu",))
    assert defaults(elsewhere, cuda=("r", "tensorflow")) == {"r": "gpu", "tensorflow": "gpu"}


def test_a_variant_may_have_another_default_or_none() -> None:
    assert defaults(cuda=("r",), gpu_probe="nvidia-smi") == {"r": "nvidia-smi"}
    assert defaults(cuda=("r",), gpu_probe="none") == {}


def test_what_was_asked_for_turns_probes_off() -> None:
    assert smoke.turned_off(PROBE, "auto", "off") == ""
    assert smoke.turned_off(ITSELF, "auto", "off") == "GPU probes are off"
    assert smoke.turned_off(ITSELF, "auto", "auto") == smoke.turned_off(PROBE, "always", "require") == ""
    assert smoke.turned_off(PROBE, "off", "auto") == "probes are off"


@pytest.mark.parametrize(
    ("reference", "provides"),
    [
        ("nvidia/cuda:12.6.3-cudnn-runtime-ubuntu22.04", True),
        ("registry.example/nvidia/pytorch:24.01-py3", True),
        ("pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime", True),
        ("tensorflow/tensorflow:2.15.0-gpu", True),
        ("tensorflow/tensorflow:latest-gpu-jupyter", True),
        ("lab/CUDA-base@sha256:" + "0" * 64, False),
        ("lab/cuda-base@sha256:" + "0" * 64, True),
        ("lab/cuda12", True),
        ("debian:bookworm", False),
        ("lab/barracuda:1", False),
        ("lab/cudahy:1", False),
        ("lab/base:gpus", False),
        ("UPPER/case:x y", False),
    ],
)
def test_a_roots_name_tells_whether_it_provides_cuda(reference: str, provides: bool) -> None:
    assert cuda.named(reference) is provides


def test_an_environment_tells_whether_an_image_provides_cuda() -> None:
    assert cuda.sets(("PATH=/bin", "CUDA_VERSION=12.6.3"))
    assert cuda.sets(("NVIDIA_VISIBLE_DEVICES=all",))
    assert not cuda.sets(("PATH=/usr/local/cuda/bin", "CUDA=1", "MY_CUDA_VERSION=1"))
    assert not cuda.sets(())


def dockerfiles(**texts: str) -> Graph:
    return graph_of({f"{name}/Dockerfile": text for name, text in texts.items()}, refs=("jupyter/{image}",))


def test_what_stands_on_cuda_is_told_by_roots_and_by_dockerfiles() -> None:
    found = dockerfiles(
        base="FROM nvidia/cuda:12.0-base\n",
        child="FROM jupyter/base\n",
        plain="FROM debian:12\n",
        own="FROM debian:12\nENV A=1 CUDA_VERSION=12.0\n",
        copies="FROM debian:12\nCOPY --from=nvidia/cuda:12.0-base /a /a\n",
        odd="FROM lab/base:1\n",
        onodd="FROM jupyter/odd\n",
    )
    assert cuda.standing_on(found) == {"base", "child", "own"}
    assert cuda.standing_on(found, frozenset({"lab/base:1"})) == {"base", "child", "own", "odd", "onodd"}
    assert cuda.unsure(found) == {"debian:12": "copies", "lab/base:1": "odd"}
