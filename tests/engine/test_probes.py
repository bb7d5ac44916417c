"""Probes in real containers: what they show, what they cannot show, and what they leave behind."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from engine.workshop import ROOT, TOML, Workshop
from pipeline.adapters.engine import Engine
from pipeline.adapters.probes import Probes
from pipeline.ports import NotStarted, ProbeOrder, Ran, TimedOut

pytestmark = pytest.mark.engine


def smoke(workshop: Workshop, *probes: tuple[str, str]) -> None:
    """Declare a probe of image `one` for each name and shell command."""
    workshop.image("one", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    for name, command in probes:
        workshop.more(f'[[smoke]]\nname = "{name}"\nimages = ["one"]\nrun = ["sh", "-c", """{command}"""]')


def test_verdicts_are_given_shown_and_reused_where_they_passed(workshop: Workshop) -> None:
    smoke(
        workshop,
        ("good", "test -f /who"),
        ("bad", "for i in $(seq 30); do echo line $i; done; echo why; exit 3"),
        ("crash", "sh -c 'kill -SEGV $$'; exit $?"),
    )
    ran = workshop.run("--format", "json", code=1)
    verdicts = {verdict["title"]: verdict for verdict in ran.json()["verdicts"]}
    results = {title: verdict["result"] for title, verdict in verdicts.items()}
    assert results == {"good": "passed", "bad": "failed", "crash": "failed"}
    assert verdicts["bad"]["reason"] == "exit 3"
    assert verdicts["crash"]["reason"] == "exit 139"
    assert verdicts["bad"]["tail"] == [*(f"line {number}" for number in range(12, 31)), "why"]
    assert "probe failed: one: bad: exit 3\n  │ line 12\n" in ran.err
    assert workshop.containers() == []

    log = Path(verdicts["bad"]["log"]).read_text()
    assert log.startswith("line 1\n")
    state = json.loads(log.splitlines()[-1].removeprefix("-- "))
    assert (state["exit_code"], state["out_of_memory"]) == (3, False)
    assert f"  log: {verdicts['bad']['log']}\n" in ran.err

    again = workshop.run("--format", "json", code=1)
    assert "probing" not in again.err
    assert "an earlier run's verdict on the same image; --smoke always tries again" in again.err
    reused = {verdict["title"]: verdict for verdict in again.json()["verdicts"]}
    assert {title: verdict["result"] for title, verdict in reused.items()} == results
    assert all(verdict["reused"] for verdict in reused.values())
    assert reused["bad"]["tail"] == verdicts["bad"]["tail"]

    anew = workshop.run("--smoke", "always", "--format", "json", code=1)
    assert anew.err.count("probing one") == 3
    assert not any(verdict["reused"] for verdict in anew.json()["verdicts"])


def test_a_probe_runs_apart_from_the_network_and_as_the_images_user(workshop: Workshop) -> None:
    workshop.image(
        "one",
        f'FROM {ROOT}\nRUN useradd -u 1234 me # {workshop.nonce}\nUSER me\nENTRYPOINT ["false"]\n',
    )
    run = "test $(id -u) = 1234 && ! grep -q eth /proc/net/dev && grep -q 'CapEff:.0*$' /proc/self/status"
    workshop.more(f'[[smoke]]\nrun = ["sh", "-c", "{run}"]')
    workshop.run()


def test_a_probe_that_hangs_is_ended_when_its_time_is_over(workshop: Workshop) -> None:
    smoke(workshop, ("hangs", f"trap '' TERM; echo before; sleep 304; : {workshop.nonce}"))
    workshop.more('timeout = "1s"')
    began = time.monotonic()
    (verdict,) = workshop.run("--format", "json", code=1).json()["verdicts"]
    assert time.monotonic() - began < 15
    assert verdict["result"] == "failed"
    assert verdict["reason"] == "not done within 1 s"
    assert verdict["tail"] == ["before"]
    assert not workshop.processes()
    assert workshop.containers() == []


def test_a_probe_without_a_gpu_is_in_doubt_and_blocks_names_and_nothing_else(workshop: Workshop) -> None:
    smoke(workshop, ("on the gpu", "true"), ("anywhere", "true"))
    toml = workshop.root / "stacks.toml"
    toml.write_text(toml.read_text().replace('name = "on the gpu"', 'name = "on the gpu"\ngpu = true'))
    ran = workshop.run("--format", "json")
    verdicts = {verdict["title"]: verdict for verdict in ran.json()["verdicts"]}
    assert verdicts["anywhere"]["result"] == "passed"
    assert verdicts["on the gpu"]["result"] == "inconclusive"
    assert verdicts["on the gpu"]["reason"] == "no GPU on this engine"
    assert workshop.containers() == []
    assert workshop.run("--gpu", "require", code=1)

    publish = ("--publish", "--registry", workshop.registry, "--format", "json")
    for how, why in (((), "no GPU on this engine"), (("--gpu", "off"), "GPU probes are off")):
        (name,) = workshop.run(*publish, *how, code=1).json()["names"]
        assert name["kind"] == "held back"
        assert why in name["why"]
    (name,) = workshop.run(*publish, "--allow-unsmoked").json()["names"]
    assert name["kind"] == "promoted"
    assert name["unsmoked"] is True
    # the permission was for that run, and not for later ones
    (name,) = workshop.run(*publish, code=1).json()["names"]
    assert name["kind"] == "held back"


def test_what_cannot_start_is_failed_and_leaves_nothing(workshop: Workshop) -> None:
    workshop.image("one", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    workshop.more('[[smoke]]\nrun = ["sh", "-c", "true"]')
    (verdict,) = workshop.run("--format", "json", code=1).json()["verdicts"]
    assert verdict["result"] == "failed"
    assert "could not start" in verdict["reason"]
    assert '"sh": executable file not found' in verdict["reason"]
    assert workshop.containers() == []


def probe(workshop: Workshop, command: str, timeout: float = 30) -> object:
    """The report of one command, without the whole of a run around it."""
    order = ProbeOrder(ROOT, ("sh", "-c", f"{command} # {workshop.nonce}"), gpu=False, timeout=timeout)
    return Probes(Engine()).run(order)


def test_megabytes_of_output_are_survived_and_only_the_end_is_kept(workshop: Workshop) -> None:
    workshop.image("one", f"FROM {ROOT}\n")
    workshop.run()
    report = probe(workshop, "seq 1 2000000; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end")
    assert isinstance(report, Ran)
    assert report.exit_code == 0
    assert report.tail[-1] == "end"
    assert len(report.tail) <= 20
    assert sum(map(len, report.tail)) <= 20 * 500
    bytes_that_are_no_text = probe(workshop, r"printf '\377\376\n'; exit 137")
    assert isinstance(bytes_that_are_no_text, Ran)
    assert bytes_that_are_no_text.exit_code == 137
    never = probe(workshop, "yes", timeout=1)
    assert isinstance(never, TimedOut)
    gone = Probes(Engine()).run(ProbeOrder("sha256:" + "0" * 64, ("true",), gpu=False, timeout=1))
    assert gone == NotStarted("the image is not there any more", doubt=True)


def test_an_image_that_several_variants_share_is_built_once_and_probed_in_each(workshop: Workshop) -> None:
    workshop.toml(f"{TOML}\n[variant.cpu]\n[variant.other]\n")
    smoke(workshop, ("good", "test -f /who"))
    report = workshop.run("--format", "json").json()
    assert [outcome["image"] for outcome in report["outcomes"]] == ["one"]
    assert set(report["variants"]) == {"cpu", "other"}
    assert {verdict["result"] for verdict in report["verdicts"]} == {"passed"}
