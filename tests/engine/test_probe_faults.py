"""All that can go wrong with a probe: what is said of it, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from engine.workshop import ROOT, Workshop, until
from pipeline import smoke
from pipeline.adapters import scripts
from pipeline.adapters.engine import PROBE_LABEL, Engine
from pipeline.adapters.probes import Probes
from pipeline.config import Smoke
from pipeline.outcome import Result, Verdict
from pipeline.ports import NotStarted, ProbeFile, ProbeOrder, ProbeReport, Ran, TimedOut
from pipeline.smoke import Payload, Probe

pytestmark = pytest.mark.engine

BUILT_IN = Smoke((), "stacks.toml:1", probe="jupyter")


@pytest.fixture(autouse=True)
def clean(client: docker.DockerClient) -> Iterator[None]:
    """No test here leaves a container of a probe behind."""
    before = {str(one.id) for one in containers(client)}
    yield
    assert {str(one.id) for one in containers(client)} <= before


def containers(client: docker.DockerClient) -> list[Any]:
    """The containers of this process's probes: others are somebody else's."""
    found = client.containers.list(all=True, filters={"label": PROBE_LABEL}, ignore_removed=True)
    return [one for one in found if f" {os.getpid()} " in str(one.labels.get(PROBE_LABEL))]


def order(command: str, **more: object) -> ProbeOrder:
    """A shell command in the root image."""
    plain = ProbeOrder(ROOT, ("sh", "-c", command), gpu=False, timeout=30)
    return replace(plain, **more)  # type: ignore[arg-type]


def run(made: ProbeOrder) -> ProbeReport:
    return Probes(Engine()).run(made)


def judged(command: str, timeout: float = 30) -> Verdict:
    """The verdict on a built-in probe that does this instead."""
    report = run(order(command, timeout=timeout, judges_itself=True))
    return smoke.judge(Probe("one", "k", BUILT_IN), report)


PASS = """printf '{"stackbuild": "%s", "result": "passed"}\\n' "$(cat /stackbuild/nonce)" """


ENDINGS = [
    ("exit 0", "it ended without its last line: exit 0 alone is no pass"),
    ("""echo '{"stackbuild": "", "result": "passed"}'""", "it ended without its last line: "),
    (f"{PASS} >&2", "it ended without its last line: "),
    (f"{PASS}; echo and more", "it ended without its last line: "),
    (f"{PASS}; seq 1 200000", "it ended without its last line: "),
    (f"{PASS}; exit 3", "exit 3 after it had said that it passed"),
    (f"{PASS}; sh -c 'kill -SEGV $$'; exit $?", "exit 139 after it had said that it passed"),
    ("sh -c 'kill -KILL $$'; exit $?", "out of memory, or killed (exit 137)"),
    ("head -c 12000000 /dev/zero | tr '\\0' x", "it ended without its last line: "),
    ("printf '\\377\\376{\\n'", "it ended without its last line: "),
]


@pytest.fixture(scope="module")
def endings() -> dict[str, Verdict]:
    """The verdicts on all that a probe may do instead, side by side: it is the engine that takes the time."""
    commands = [command for command, _ in ENDINGS]
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(commands, pool.map(judged, commands), strict=True))


@pytest.mark.parametrize(("command", "reason"), ENDINGS)
def test_a_built_in_probe_that_ends_in_any_other_way_has_failed(
    endings: dict[str, Verdict], command: str, reason: str
) -> None:
    verdict = endings[command]
    assert verdict.result is Result.FAILED
    assert verdict.reason.startswith(reason)


def test_a_built_in_probe_passes_by_its_line_after_whatever_it_has_printed() -> None:
    assert judged(PASS).result is Result.PASSED
    assert judged(f"seq 1 300000; echo noise >&2; {PASS}; echo late >&2").result is Result.PASSED


def test_a_built_in_probe_that_hangs_has_failed_though_it_said_that_it_passed() -> None:
    verdict = judged(f"{PASS}; trap '' TERM; sleep 307", timeout=1)
    assert verdict.result is Result.FAILED
    assert not verdict.lasting


def built_in(image: str, name: str, *, gpu: bool = False) -> Verdict:
    """The verdict of a real built-in probe on an image."""
    files = tuple(ProbeFile(script, scripts.read(script)) for script in smoke.scripts_of(name))
    probe = Probe("one", "k", replace(BUILT_IN, probe=name, gpu=gpu), Payload(files))
    return smoke.judge(probe, run(smoke.order_of(probe, image)))


def test_an_image_without_python_is_told_so() -> None:
    names = ["cuda", "cuda-libs", "jupyter", "tensorflow", "torch"]
    with ThreadPoolExecutor(len(names)) as pool:
        verdicts = list(pool.map(lambda name: built_in(ROOT, name), names))
    assert [verdict.result for verdict in verdicts] == [Result.FAILED] * len(names)
    reasons = {verdict.reason for verdict in verdicts}
    assert reasons == {"the image has no Python 3.6 or newer, which this probe needs"}


def test_without_python_the_gpu_is_looked_for_with_the_shell() -> None:
    verdict = built_in(ROOT, "gpu")
    assert verdict.result is Result.INCONCLUSIVE
    assert verdict.reason == "no nvidia-smi in the container: no GPU was given to it"


def test_an_image_whose_entrypoint_swallows_commands_or_that_has_no_shell(workshop: Workshop) -> None:
    tag = workshop.by_hand(f'FROM {ROOT}\nENTRYPOINT ["true"]\nCMD ["false"]', f"t/{workshop.nonce}:swallows")
    report = Probes(Engine()).run(replace(order("exit 7"), image_id=tag))
    assert isinstance(report, Ran)
    assert report.exit_code == 7
    empty = workshop.decoy(f"t/{workshop.nonce}:empty", {"who": b"me"})
    verdict = built_in(empty, "cuda")
    assert verdict.result is Result.FAILED
    assert '"sh": executable file not found' in verdict.reason


@pytest.mark.parametrize("user", ["nobody-of-that-name", "4294967296"])
def test_a_start_that_is_refused_is_said_and_not_tried_again(user: str) -> None:
    report = run(order("true", user=user))
    assert isinstance(report, NotStarted)
    assert report.why.startswith(("could not start: ", "it could not be created: "))
    assert not report.doubt


def test_an_image_or_a_container_that_is_removed_meanwhile_leaves_the_image_in_doubt(
    workshop: Workshop, client: docker.DockerClient
) -> None:
    tag = workshop.by_hand(f"FROM {ROOT}\nRUN echo {workshop.nonce} > /who", f"t/{workshop.nonce}:gone")
    image_id = str(client.images.get(tag).id)
    client.images.remove(tag, force=True)
    gone = Probes(Engine()).run(replace(order("true"), image_id=image_id))
    assert gone == NotStarted("the image is not there any more", doubt=True)

    reports: list[ProbeReport] = []
    thread = threading.Thread(target=lambda: reports.append(run(order("sleep 308"))))
    thread.start()
    until(lambda: [one for one in containers(client) if one.status == "running"], "the probe runs")
    for one in containers(client):
        one.remove(force=True)
    thread.join(30)
    assert reports == [NotStarted("its container was removed", doubt=True)]


# what a probe may, and what it may not


def test_a_probe_has_no_capabilities_no_network_and_no_more_memory_or_processes_than_it_is_given() -> None:
    look = "grep CapEff /proc/self/status; cat /proc/net/dev; ulimit -u; cat /sys/fs/cgroup/pids.max || true"
    report = run(order(look, memory=64 << 20, pids=50))
    assert isinstance(report, Ran)
    assert "CapEff:\t0000000000000000" in report.output
    assert "eth0" not in report.output
    greedy = run(order("tail /dev/zero", memory=32 << 20))
    verdict = smoke.judge(Probe("one", "k", Smoke(("x",), "")), greedy)
    assert verdict.reason.startswith("out of memory")
    assert not verdict.lasting
    bomb = run(order("for i in $(seq 100); do sleep 1 & done; wait", pids=20))
    assert isinstance(bomb, Ran)
    assert "annot fork" in bomb.output


def test_a_probe_gets_what_it_asks_for() -> None:
    asked = order(
        "id -u; grep CapPrm /proc/self/status; echo $GREETING; cat /proc/net/dev",
        user="0:0",
        env=(("GREETING", "hello $HOME 'x'"),),
        capabilities=("SYS_NICE",),
    )
    report = run(asked)
    assert isinstance(report, Ran)
    first, capabilities, greeting, *_ = report.output.splitlines()
    assert (first, capabilities, greeting) == ("0", "CapPrm:\t0000000000800000", "hello $HOME 'x'")
    assert "eth0" not in report.output
    online = run(replace(asked, network=True))
    assert isinstance(online, Ran)
    assert "eth0" in online.output


def test_what_a_probe_brings_along_it_can_read_and_nobody_can_change() -> None:
    files = (ProbeFile("tests/a/b.txt", b"content"), ProbeFile("files/c", b""))
    tries = (
        "cat /stackbuild/tests/a/b.txt; cd /stackbuild;"
        "for f in tests/a/b.txt files/c; do echo x > $f && echo wrote; rm -f $f && echo removed;"
        "chmod 777 $f && echo chmodded; done; touch new && echo made; mv tests other && echo moved; true"
    )
    for user in ("0", "1000"):
        report = run(order(f"({tries}) 2>/dev/null", files=files, user=user))
        assert isinstance(report, Ran)
        assert report.output == "content"


def test_what_an_image_has_where_probes_lie_is_out_of_the_way(workshop: Workshop) -> None:
    command = (
        "mkdir -p /stackbuild/files && echo theirs > /stackbuild/json.py && echo x > /stackbuild/files/d"
    )
    other = "ln -s /tmp /stackbuild"
    for number, made in enumerate((command, other)):
        tag = workshop.by_hand(f"FROM {ROOT}\nRUN {made}", f"t/{workshop.nonce}:folder{number}")
        files = (ProbeFile("files/c", b"ours"),)
        report = run(order("find /stackbuild | sort; ls /tmp", image_id=tag, files=files))
        assert isinstance(report, Ran)
        assert report.output.split() == ["/stackbuild", "/stackbuild/files", "/stackbuild/files/c"]


# declared in stacks.toml


def test_commands_files_tests_and_patterns_as_they_are_declared(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("leaf", "FROM jupyter/base\nENV HERE=leaf\n")
    (workshop.root / "probes/data").mkdir(parents=True)
    (workshop.root / "probes/data/x").write_text("one")
    (workshop.images / "shared").mkdir()
    (workshop.images / "shared/y").write_text("two")
    workshop.more(
        """
[[smoke]]
name = "files"
images = ["base"]
inherit = true
files = ["probes/data", "notebooks:shared/y"]
env = { WORD = "said" }
run = ["sh", "-c", 'echo $WORD $(cat $STACKBUILD_FILES/data/x) $(cat $STACKBUILD_FILES/y)']
expect = '(?m)^said one two$'
timeout = "1m"

[[smoke]]
name = "wrong"
images = ["leaf"]
run = ["sh", "-c", "echo version 11"]
expect = "version 12"
"""
    )
    ran = workshop.run("--format", "json", code=1)
    found = {(v["image"], v["title"]): (v["result"], v["reason"]) for v in ran.json()["verdicts"]}
    assert found == {
        ("base", "files"): ("passed", ""),
        ("leaf", "files"): ("passed", ""),
        ("leaf", "wrong"): ("failed", "its output does not match 'version 12'"),
    }
    # another content is another probe, and the verdict on the old one says nothing of it
    (workshop.images / "shared/y").write_text("three")
    ran = workshop.run("--format", "json", code=1)
    found = {(v["image"], v["title"]): (v["result"], v["reason"]) for v in ran.json()["verdicts"]}
    assert found["base", "files"][0] == "failed"


def test_a_folder_of_tests_is_run_with_the_images_own_pytest(workshop: Workshop) -> None:
    workshop.image(
        "one",
        f"FROM {ROOT}\nCOPY python3 /bin/\nRUN chmod +x /bin/python3\n",
        {"python3": '#!/bin/sh\necho "$@"; find /stackbuild/tests -type f; echo "== 2 passed in 0.01s =="\n'},
    )
    (workshop.root / "tests/deep").mkdir(parents=True)
    (workshop.root / "tests/test_it.py").write_text("def test_it():\n    assert True\n")
    (workshop.root / "tests/deep/data").write_text("x")
    (workshop.root / "tests/__pycache__").mkdir()
    (workshop.root / "tests/__pycache__/junk.pyc").write_bytes(b"x")
    workshop.more('[[smoke]]\ntests = "tests"\nexpect = "pytest -v .*/stackbuild/tests"\n')
    (verdict,) = workshop.run("--format", "json").json()["verdicts"]
    log = Path(verdict["log"]).read_text()
    assert "/stackbuild/tests/deep/data" in log
    assert "/stackbuild/tests/test_it.py" in log
    assert "junk" not in log
    assert verdict["title"] == "tests"


def test_probes_run_alone_on_what_is_built(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("leaf", "FROM jupyter/base\nENV HERE=leaf\n")
    workshop.more('[[smoke]]\nname = "it"\nimages = ["*"]\nrun = ["true"]')
    ran = workshop.run("smoke", "base", code=2)
    assert "error: not built as it is now: base\n  hint: stackbuild base\n" in ran.err
    workshop.run("base", "--smoke", "off")
    ran = workshop.run("smoke", "--junit", "verdicts.xml")
    assert "not built as they are now, and not probed: leaf" in ran.err
    assert ran.out.startswith("variant default\n  passed base: it  ")
    assert 'tests="1" failures="0"' in (workshop.root / "verdicts.xml").read_text()
    assert workshop.run("smoke", "--format", "json").json()["verdicts"][0]["reused"]
    report = workshop.run("smoke", "--smoke", "always", "--format", "json").json()
    assert [(v["image"], v["reused"]) for v in report["verdicts"]] == [("base", False)]
    assert report["outcomes"] == []
    assert json.loads(workshop.run("plan", "--format", "json").out)


def test_a_probe_that_takes_too_long_has_its_time_and_no_more() -> None:
    report = run(order("echo before; sleep 309", timeout=0.5))
    assert isinstance(report, TimedOut)
    assert report.tail == ("before",)


def test_a_root_that_provides_cuda_under_any_name_is_seen_once_something_stands_on_it(
    workshop: Workshop,
) -> None:
    root = f"{workshop.registry}/plain:1"
    workshop.push(workshop.by_hand(f"FROM {ROOT}\nENV CUDA_VERSION=12.6.3", root))
    subprocess.run(["docker", "rmi", "-f", root], check=True, capture_output=True)
    workshop.image("base", f"FROM {root}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("leaf", "FROM jupyter/base\nENV HERE=leaf\n")
    workshop.image("other", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    first = workshop.run("--format", "json").json()["verdicts"]
    assert [(v["image"], v["result"]) for v in first] == [("leaf", "inconclusive")]
    assert first[0]["reason"].startswith("its root provides CUDA, which showed only once it was built")
    (second,) = workshop.run("--format", "json").json()["verdicts"]
    assert (second["image"], second["title"], second["reason"]) == (
        "leaf",
        "the GPU works",
        "no GPU on this engine",
    )
