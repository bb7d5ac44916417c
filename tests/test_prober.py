"""Which verdicts are used again, and what is looked at before a GPU probe is believed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from pipeline.config import Smoke
from pipeline.outcome import Device, Hardware, Result, Verdict
from pipeline.ports import NotStarted, ProbeOrder, ProbeReport, Ran
from pipeline.run.prober import Prober
from pipeline.smoke import Probe, Stored

CARD = Hardware((Device("H100", "9.0"),), "550.1")
CPU = Probe("one", "k", Smoke(("true",), "x:1"))
GPU = Probe("one", "k", Smoke(("true",), "x:1", gpu=True))
CUDA = Probe("one", "k", Smoke((), "x:1", gpu=True, probe="cuda"))


class Engine:
    """An engine with these devices (none: none), which notes what it is asked to run."""

    def __init__(self, hardware: Hardware | None) -> None:
        self.hardware = hardware
        self.ran: list[ProbeOrder] = []

    def run(self, order: ProbeOrder) -> ProbeReport:
        self.ran.append(order)
        if order.gpu and self.hardware is None:
            return NotStarted("no GPU on this engine", doubt=True)
        if not order.judges_itself:
            return Ran(0, (), 1.0)
        devices = [{"name": d.name, "capability": d.capability} for d in (self.hardware or CARD).devices]
        seen = {"devices": devices, "driver": (self.hardware or CARD).driver}
        last = json.dumps({"stackbuild": "n", "result": "passed", "hardware": seen})
        return Ran(0, (last,), 1.0, last=last, nonce="n")


def verdict(engine: Engine, probe: Probe, stored: Stored | None = None) -> Verdict:
    return Prober(engine.run, lambda: stored or {}, lambda: Path("/logs")).verdict(probe, "id")


def kept(probe: Probe, hardware: Hardware | None, result: Result = Result.PASSED) -> Stored:
    """A verdict of an earlier run."""
    old = Verdict("old", "k", probe.digest, "old", result, gpu=probe.smoke.gpu, hardware=hardware)
    return {("id", probe.digest): {str(hardware or ""): old}}


def test_a_verdict_is_used_again_for_the_same_image_and_probe() -> None:
    for result in (Result.PASSED, Result.FAILED):
        engine = Engine(None)
        found = verdict(engine, CPU, kept(CPU, None, result))
        assert (found.result, found.reused, found.image, found.title) == (result, True, "one", "true")
        assert engine.ran == []
    other = Probe("one", "k", Smoke(("other",), "x:1"))
    assert not verdict(Engine(None), other, kept(CPU, None)).reused
    assert not verdict(
        Engine(None), CPU, {("another id", CPU.digest): {"": verdict(Engine(None), CPU)}}
    ).reused


def test_a_verdict_of_a_gpu_is_used_again_on_the_same_hardware_alone() -> None:
    engine = Engine(CARD)
    found = verdict(engine, CUDA, kept(CUDA, CARD))
    assert found.reused
    # that the hardware is the same was looked at
    assert [order.run for order in engine.ran] == [("sh", "/stackbuild/nvidia_smi.sh")]
    for other in (
        Hardware((Device("H100", "9.0"),), "560.2"),
        Hardware((Device("H200", "9.0"),), "550.1"),
        Hardware((Device("H100", "9.0"), Device("H100", "9.0")), "550.1"),
    ):
        anew = verdict(Engine(other), CUDA, kept(CUDA, CARD))
        assert not anew.reused
        assert anew.hardware == other
    gone = verdict(Engine(None), CUDA, kept(CUDA, CARD))
    assert (gone.result, gone.reused, gone.reason) == (Result.INCONCLUSIVE, False, "no GPU on this engine")


def test_a_command_on_a_gpu_is_believed_only_where_one_has_been_seen() -> None:
    engine = Engine(CARD)
    found = verdict(engine, GPU)
    assert (found.result, found.hardware) == (Result.PASSED, CARD)
    assert [order.judges_itself for order in engine.ran] == [True, False]
    nothing = Engine(None)
    found = verdict(nothing, GPU)
    assert (found.result, found.reason) == (Result.INCONCLUSIVE, "no GPU on this engine")
    assert [order.judges_itself for order in nothing.ran] == [True]


def test_a_gpu_that_was_seen_is_not_looked_for_again() -> None:
    engine = Engine(CARD)
    prober = Prober(engine.run, dict, lambda: Path("/logs"))
    for _ in range(3):
        assert prober.verdict(GPU, "id").result is Result.PASSED
    assert [order.judges_itself for order in engine.ran] == [True, False, False, False]


def test_a_gpu_that_another_image_or_another_user_has_seen_is_looked_for_again() -> None:
    class Veiled(Engine):
        """An engine whose GPUs one image does not let in, as by NVIDIA_VISIBLE_DEVICES=void."""

        def run(self, order: ProbeOrder) -> ProbeReport:
            veiled = order.image_id == "veiled" or order.user == "nobody" or order.env
            return Engine.run(Engine(None) if veiled and order.judges_itself else self, order)

    prober = Prober(Veiled(CARD).run, dict, lambda: Path("/logs"))
    assert prober.verdict(GPU, "id").result is Result.PASSED
    assert prober.verdict(GPU, "veiled").result is Result.INCONCLUSIVE
    for other in (replace(GPU.smoke, user="nobody"), replace(GPU.smoke, env=(("A", "b"),))):
        assert prober.verdict(replace(GPU, smoke=other), "id").result is Result.INCONCLUSIVE


def test_a_probe_that_ran_says_where_its_output_is() -> None:
    found = verdict(Engine(None), CPU)
    assert found.log == f"/logs/one-k-probe-{CPU.digest[:8]}.txt"
    assert verdict(Engine(None), CUDA).log == ""
