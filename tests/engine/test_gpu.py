"""Stand-in GPUs, given to containers in both ways: they arrive, and nothing passes on them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from engine.second import SecondEngine
from engine.workshop import ROOT, SOURCE, Workshop, until
from pipeline.adapters.engine import PROBE_LABEL, Engine
from pipeline.adapters.probes import Probes
from pipeline.ports import NotStarted, ProbeOrder, Ran

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in GPU is given to an engine by root"),
]

SMI = """#!/bin/sh
case "$*" in
    *--query-gpu=name,compute_cap*) echo 'NVIDIA H100 80GB HBM3, 9.0, 550.54.15' ;;
    *) echo 'GPU 0: NVIDIA H100' ;;
esac
"""
LOOK = ProbeOrder(ROOT, ("sh", "-c", "echo $STAND_IN; nvidia-smi -L"), gpu=True, timeout=30)
GPU_ONLY = '[[smoke]]\nname = "{name}"\nimages = ["one"]\ngpu = true\nrun = ["nvidia-smi"]\n'


@pytest.fixture
def cdi(client: docker.DockerClient, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A stand-in under a name of its own, so that nobody else's probes see it."""
    folders = client.info().get("CDISpecDirs") or []
    if not folders:
        pytest.fail("the engine has no CDI: `ci/engine up` starts one that has", pytrace=False)
    name = f"stand-in-{workshop.nonce[:12]}"
    smi = workshop.root / "nvidia-smi"
    smi.write_text(SMI)
    smi.chmod(0o755)
    mount = {"hostPath": str(smi), "containerPath": "/usr/bin/nvidia-smi", "options": ["ro", "bind"]}
    node = {"path": "/dev/nvidiactl", "type": "c", "major": 1, "minor": 3}
    edits = {"env": ["STAND_IN=by CDI"], "mounts": [mount], "deviceNodes": [node]}
    spec = {
        "cdiVersion": "0.5.0",
        "kind": "nvidia.com/gpu",
        "devices": [{"name": name, "containerEdits": edits}],
    }
    file = Path(folders[0]) / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(spec))
    monkeypatch.setenv("STACKBUILD_GPU", f"nvidia.com/gpu={name}")
    until(lambda: isinstance(Probes(Engine()).run(LOOK), Ran), "the engine has read the specification")
    yield f"nvidia.com/gpu={name}"
    file.unlink()


def test_a_stand_in_given_by_cdi_arrives_and_is_recognised(cdi: str, workshop: Workshop) -> None:
    report = Probes(Engine()).run(LOOK)
    assert isinstance(report, Ran)
    assert report.output == "by CDI\nGPU 0: NVIDIA H100\n"

    workshop.image("one", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.more(GPU_ONLY.format(name="a command that is happy with anything"))
    workshop.more('[[smoke]]\nimages = ["one"]\nprobe = "nvidia-smi"\n')
    workshop.more('[[smoke]]\nimages = ["one"]\nprobe = "gpu"\n')
    here = {"STACKBUILD_GPU": cdi}
    for run in (("--format", "json"), ("smoke", "--format", "json")):
        verdicts = workshop.run(*run, env=here).json()["verdicts"]
        assert len(verdicts) == 3
        for verdict in verdicts:
            assert verdict["result"] == "inconclusive", verdict
            assert verdict["reason"].startswith("a stand-in: nvidia-smi lists devices, but the kernel here")
            assert verdict["hardware"] is None
    junit = workshop.run("smoke", "--gpu", "require", "--junit", "v.xml", env=here, code=1)
    assert "passed" not in junit.out
    assert 'failures="0" errors="0" skipped="3"' in (workshop.root / "v.xml").read_text()
    assert workshop.containers() == []


def test_a_cdi_device_that_is_not_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for device in ("nvidia.com/gpu=nowhere", "9", "all"):
        monkeypatch.setenv("STACKBUILD_GPU", device)
        assert Probes(Engine()).run(LOOK) == NotStarted("no GPU on this engine", doubt=True)


# the toolkit's way: docker asks for its hook by name, and this one is a stub

HOOK = """#!{python}
import json, os, shutil, sys, time
folder = {folder!r}
state = json.load(sys.stdin)
config = json.load(open(os.path.join(state["bundle"], "config.json")))
while os.path.exists(folder + "/slow"):
    time.sleep(0.05)
if os.path.exists(folder + "/refuse"):
    sys.exit(open(folder + "/refuse").read())
with open(folder + "/asked", "w") as file:
    file.write("\\n".join(config["process"]["env"]))
root = config["root"]["path"]
shutil.copy(folder + "/nvidia-smi", os.path.join(root, "usr/bin/nvidia-smi"))
"""


@pytest.fixture(scope="module")
def second() -> Iterator[SecondEngine]:
    """An engine that finds a stub of the toolkit's hook on its PATH."""
    folder = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "nvidia-smi").write_text(SMI)
    hook = hooks / "nvidia-container-runtime-hook"
    hook.write_text(HOOK.format(python=os.path.realpath(sys.executable), folder=str(hooks)))
    for path in hooks.iterdir():
        path.chmod(0o755)
    engine = SecondEngine(folder / "engine", str(hooks))
    try:
        engine.start().close()
        engine.load(ROOT)
        yield engine
    finally:
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def hooks(second: SecondEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its stub, which does as files beside it say."""
    monkeypatch.setenv("DOCKER_HOST", second.address)
    monkeypatch.delenv("STACKBUILD_GPU", raising=False)
    folder = second.folder.parent / "hooks"
    yield folder
    for name in ("refuse", "slow"):
        (folder / name).unlink(missing_ok=True)
    client = docker.DockerClient(base_url=second.address, version="auto")
    assert client.containers.list(all=True) == []


def test_a_stand_in_given_by_the_toolkits_hook_arrives_and_is_recognised(hooks: Path) -> None:
    report = Probes(Engine()).run(LOOK)
    assert isinstance(report, Ran), report
    assert report.output == "\nGPU 0: NVIDIA H100\n"
    asked = (hooks / "asked").read_text().splitlines()
    assert "NVIDIA_VISIBLE_DEVICES=all" in asked
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in asked

    from engine.test_probe_faults import built_in  # noqa: PLC0415

    verdict = built_in(ROOT, "nvidia-smi", gpu=True)
    assert verdict.result == "inconclusive"
    assert verdict.reason.startswith("a stand-in: ")


def test_a_gpu_may_be_named(hooks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACKBUILD_GPU", "1")
    assert isinstance(Probes(Engine()).run(LOOK), Ran)
    assert "NVIDIA_VISIBLE_DEVICES=1" in (hooks / "asked").read_text().splitlines()


@pytest.mark.parametrize(
    ("says", "why", "doubt"),
    [
        (
            "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.6, please update",
            "the driver is too old for the image's CUDA: it asks for cuda>=12.6",
            True,
        ),
        (
            "nvidia-container-cli: initialization error: nvml error: driver not loaded",
            "no GPU on this engine",
            True,
        ),
        ("nvidia-container-cli: mount error: file exists", "could not start: ", False),
    ],
)
def test_what_the_hook_says_is_told_apart(hooks: Path, says: str, why: str, doubt: bool) -> None:
    (hooks / "refuse").write_text(says)
    report = Probes(Engine()).run(LOOK)
    assert isinstance(report, NotStarted)
    assert report.why.startswith(why)
    assert report.doubt is doubt


def test_a_start_that_takes_too_long_leaves_the_image_in_doubt(hooks: Path) -> None:
    (hooks / "slow").touch()
    engine = Engine()
    engine.api.timeout = 1
    report = Probes(engine).run(LOOK)
    assert isinstance(report, NotStarted)
    assert report.why.startswith("the engine had not started it after")
    assert report.doubt
    (hooks / "slow").unlink()
    # the engine cannot remove what it is just starting, but does so once it has
    client = docker.from_env(version="auto")
    until(lambda: client.containers.list(all=True) == [], "it is removed")


PROBE = """
from pipeline.adapters.engine import Engine
from pipeline.adapters.probes import Probes
from pipeline.errors import StackbuildError
from pipeline.ports import ProbeOrder
try:
    print(Probes(Engine()).run(ProbeOrder({root!r}, ("sleep", "310"), gpu=False, timeout=60)))
except StackbuildError as error:
    print(type(error).__name__, error.exit_code, error)
"""


def test_an_engine_that_is_lost_meanwhile_is_unreachable_and_leaves_nothing(
    second: SecondEngine, hooks: Path
) -> None:
    client = docker.from_env(version="auto")
    line = [sys.executable, "-c", PROBE.format(root=ROOT)]
    with subprocess.Popen(line, cwd=SOURCE, stdout=subprocess.PIPE, text=True) as process:
        until(lambda: client.containers.list(filters={"label": PROBE_LABEL}), "the probe runs")
        second.kill()
        said, _ = process.communicate(timeout=60)
    assert said.startswith("UnreachableError 3 no docker engine answers"), said
    client = second.start()
    assert len(client.containers.list(all=True)) == 1
    assert Probes(Engine()).sweep() == 1
    assert client.containers.list(all=True) == []


def test_a_probe_that_needs_no_gpu_is_given_none(hooks: Path) -> None:
    report = Probes(Engine()).run(replace(LOOK, gpu=False))
    assert isinstance(report, Ran)
    assert "nvidia-smi: not found" in report.output
