"""Verdicts of other machines: which are kept in the registry, and which are believed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory import Memory

from pipeline import smoke, testimony
from pipeline.config import Smoke
from pipeline.outcome import Device, Hardware, Result, Verdict
from pipeline.ports import Stored
from pipeline.publish import ids_of
from pipeline.smoke import Probe
from pipeline.testimony import Build

KEY = "0123456789abcdef" * 4
NOW = 1_764_000_000.0
DAY = 86_400.0
CARD = Hardware((Device("H100", "9.0"), Device("H100", "9.0")), "550.1")
OTHER = Hardware((Device("H200", "9.0"),), "550.1")
CPU = Probe("lab/base", KEY, Smoke(("true",), "x:1"))
GPU = Probe("lab/base", KEY, Smoke((), "x:1", gpu=True, probe="cuda"))
ONLINE = Probe("lab/base", KEY, Smoke(("true",), "x:1", network=True, max_age=DAY))


def verdict(probe: Probe, hardware: Hardware | None = None, result: Result = Result.PASSED) -> Verdict:
    return Verdict(
        probe.image, probe.key, probe.digest, "old name", result, "", 1.5,
        gpu=probe.smoke.gpu, hardware=hardware, at=NOW,
    )  # fmt: skip


def registry() -> tuple[Memory, Build]:
    """A registry with one build in it."""
    memory = Memory()
    digest = memory.image("reg/lab", KEY, ("layer",))
    manifest = memory.seen_by().manifest(f"reg/lab@{digest}")
    assert manifest
    return memory, Build("lab/base", KEY, digest, ids_of(manifest)[-1])


def taken(memory: Memory, build: Build, probe: Probe, now: float = NOW) -> list[Verdict]:
    return testimony.take(memory.seen_by(), "reg", [(probe, build)], now)


@pytest.mark.parametrize(("probe", "hardware"), [(CPU, None), (GPU, CARD)])
def test_what_passed_on_one_machine_is_known_on_another(probe: Probe, hardware: Hardware | None) -> None:
    memory, build = registry()
    assert taken(memory, build, probe) == []
    assert testimony.keep(memory.seen_by(), "reg", verdict(probe, hardware), build)
    (found,) = taken(memory, build, probe)
    assert found == replace(verdict(probe, hardware), title=probe.title)


def test_a_verdict_lies_beside_its_build_under_a_tag_that_no_name_can_have() -> None:
    memory, build = registry()
    testimony.keep(memory.seen_by(), "reg", verdict(CPU), build)
    (tag,) = [tag for tag in memory.seen_by().tags("reg/lab") if not tag.startswith("k-")]
    assert tag == testimony.tag(KEY, CPU.digest)
    assert testimony.key_of(tag) == KEY[:32]
    assert [testimony.key_of(other) for other in ("latest", "v-1", f"k-{KEY[:32]}", f"{tag}0")] == [""] * 4


def test_a_verdict_on_an_image_that_the_registry_does_not_have_is_not_kept() -> None:
    memory, build = registry()
    assert not testimony.keep(
        memory.seen_by(), "reg", verdict(CPU), replace(build, image_id="sha256:rebuilt-here")
    )
    assert not testimony.keep(memory.seen_by(), "reg", verdict(CPU), replace(build, digest="sha256:gone"))
    assert taken(memory, build, CPU) == []


def test_a_verdict_is_believed_of_exactly_its_image_and_its_probe() -> None:
    memory, build = registry()
    testimony.keep(memory.seen_by(), "reg", verdict(CPU), build)
    (stored,) = [one for (_, digest), one in memory.stored.items() if digest != build.digest]
    assert testimony.read(stored, CPU, build, NOW)
    for other in (
        replace(build, digest="sha256:another-build-of-the-key"),
        replace(build, image_id="sha256:what-this-engine-has"),
        replace(build, key="f" * 64),
    ):
        assert testimony.read(stored, CPU, other, NOW) is None
    assert testimony.read(stored, replace(CPU, smoke=Smoke(("false",), "x:1")), build, NOW) is None


def edited(stored: Stored, **said: Any) -> Stored:
    value = json.loads(stored.body)
    inner = json.loads(value["annotations"][testimony.ANNOTATION])
    value["annotations"][testimony.ANNOTATION] = json.dumps({**inner, **said})
    return Stored(json.dumps(value).encode(), stored.media_type)


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (CPU, {"result": "failed"}),
        (CPU, {"result": "inconclusive"}),
        (CPU, {"format": 2}),
        (CPU, {"ids": None}),
        (CPU, {"at": "yesterday"}),
        (CPU, {"at": NOW + DAY}),  # it would never be too old
        (CPU, {"at": float("nan")}),
        (CPU, {"devices": [["H100", "9.0"]], "driver": "550.1"}),
        (CPU, {"gpu": True}),
        (GPU, {"devices": []}),
        (GPU, {"driver": ""}),
        (GPU, {"devices": ["H100"]}),
        (GPU, {"gpu": False}),
    ],
)
def test_what_says_anything_else_is_no_verdict_and_no_gpu_is_no_pass(
    probe: Probe, said: dict[str, Any]
) -> None:
    memory, build = registry()
    image = memory.seen_by().manifest(f"reg/lab@{build.digest}")
    assert image
    stored = testimony.written(verdict(probe, CARD if probe is GPU else None), build, (image, "sha256:0"))
    assert testimony.read(stored, probe, build, NOW)
    assert testimony.read(edited(stored, **said), probe, build, NOW) is None


NAMES = st.sampled_from(["annotations", testimony.ANNOTATION])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(NAMES, one)
)


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_whatever_somebody_has_put_there_is_no_verdict_and_no_crash(body: bytes) -> None:
    _, build = registry()
    assert testimony.read(Stored(body, "x"), CPU, build, NOW) is None


def test_a_verdict_counts_as_long_as_its_probe_says() -> None:
    known = {"": verdict(ONLINE)}
    assert smoke.stands(ONLINE, known, NOW + DAY)
    assert smoke.stands(ONLINE, known, NOW + DAY + 1) is None
    assert smoke.silent(ONLINE, known, NOW + DAY + 1)
    assert smoke.stands(CPU, {"": verdict(CPU)}, NOW + 1000 * DAY)


def test_a_pass_on_another_gpu_counts_only_where_any_gpu_is_good_enough() -> None:
    known = {str(CARD): verdict(GPU, CARD)}
    assert smoke.stands(GPU, known, NOW) is None
    found = smoke.stands(GPU, known, NOW, any_gpu=True)
    assert found
    assert found.hardware == CARD
    assert smoke.stands(GPU, {"": verdict(GPU)}, NOW, any_gpu=True) is None  # who has seen no GPU
    failed = {**known, str(OTHER): verdict(GPU, OTHER, Result.FAILED)}
    assert smoke.stands(GPU, failed, NOW, any_gpu=True) is None


def test_a_newer_verdict_of_others_takes_the_place_of_one_that_is_too_old() -> None:
    old, new = verdict(ONLINE), replace(verdict(ONLINE), at=NOW + DAY)
    who = ("id", ONLINE.digest)
    assert smoke.joined({who: {"": old}}, {who: {"": new}}) == {who: {"": new}}
    assert smoke.joined({who: {"": old}}, {}) == {who: {"": old}}
