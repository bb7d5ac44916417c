"""The embedded tree: its eight images pass their probes, and say of a GPU what can be said without one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docker
import pytest

from engine.test_probe_faults import built_in
from engine.workshop import COMMAND, SOURCE
from pipeline.adapters import scripts
from pipeline.adapters.engine import Engine
from pipeline.adapters.probes import Probes
from pipeline.ports import ProbeFile, ProbeOrder, Ran

pytestmark = pytest.mark.engine

EIGHT = {
    "all-spark-notebook", "base-notebook", "datascience-notebook", "minimal-notebook",
    "pyspark-notebook", "r-notebook", "scipy-notebook", "tensorflow-notebook",
}  # fmt: skip
# built once, from nothing, on two cores
SECONDS = 900


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, client: docker.DockerClient) -> Path:
    """The tree with its own stacks.toml; its images stay in the engine for the next time."""
    folder = tmp_path_factory.mktemp("embedded")
    for name in ("images", "overlays"):
        shutil.copytree(SOURCE / name, folder / name)
    # what a CPU shows is the same on both roots, and takes its time: here it is looked at once
    text = (SOURCE / "stacks.toml").read_text()
    blocks = text.split("[[smoke]]\n")
    cpu = [("variants" in block and block) or f'variants = ["cpu"]\n{block}' for block in blocks[1:]]
    (folder / "stacks.toml").write_text("[[smoke]]\n".join([blocks[0], *cpu]))
    return folder


@pytest.fixture(scope="module")
def built(folder: Path) -> Any:
    """What building and probing all of it has come to."""
    environment = {name: value for name, value in os.environ.items() if name != "STACKBUILD_REGISTRY"}
    environment |= {"PYTHONPATH": str(SOURCE)}
    line = [*COMMAND, "--format", "json", "--junit", "verdicts.xml"]
    done = subprocess.run(
        line, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout)


def test_all_eight_images_pass_their_probes_on_the_cpu(built: Any) -> None:
    assert set(built["variants"]["cpu"]["images"]) == EIGHT
    keys = {step["key"] for step in built["variants"]["cpu"]["images"].values()}
    verdicts = [verdict for verdict in built["verdicts"] if verdict["key"] in keys]
    assert {verdict["image"] for verdict in verdicts} == EIGHT
    assert {verdict["result"] for verdict in verdicts} == {"passed"}
    assert not [verdict for verdict in verdicts if verdict["gpu"]]


def test_without_a_gpu_every_leaf_of_the_variant_gpu_is_in_doubt_and_says_why(
    built: Any, folder: Path
) -> None:
    assert set(built["variants"]["gpu"]["images"]) == EIGHT
    keys = {step["key"] for step in built["variants"]["gpu"]["images"].values()}
    found = {
        (verdict["image"], verdict["title"]): (verdict["result"], verdict["reason"])
        for verdict in built["verdicts"]
        if verdict["key"] in keys
    }
    libraries = ("tensorflow-notebook", "CUDA's libraries load and fit each other and TensorFlow")
    result, reason = found.pop(libraries)
    if built["stand_ins"]:
        assert result == "inconclusive"
        assert reason.startswith("no CUDA library to be seen: the image stands on a stand-in (")
    else:
        assert result == "passed", reason
    leaves = {"all-spark-notebook", "datascience-notebook", "r-notebook", "tensorflow-notebook"}
    assert {image for image, _ in found} == leaves
    if not shutil.which("nvidia-smi"):
        assert set(found.values()) == {("inconclusive", "no GPU on this engine")}
        root = ElementTree.parse(folder / "verdicts.xml").getroot()
        skipped = [
            case.attrib["classname"] for case in root.iter("testcase") if case.find("skipped") is not None
        ]
        assert {name.removeprefix("gpu.") for name in skipped} == leaves


def local(built: Any, image: str, variant: str) -> str:
    return f"stackbuild.local/{image}:k-{built['variants'][variant]['images'][image]['key'][:32]}"


@pytest.fixture
def standing_in(
    client: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A stand-in GPU with a libcuda that names a device and computes nothing."""
    folders = client.info().get("CDISpecDirs") or []
    if os.geteuid() != 0 or not folders or shutil.which("cc") is None:
        pytest.skip("needs root, an engine with CDI and a C compiler")
    from probing import C, compiled  # noqa: PLC0415

    name = f"stand-in-{os.getpid()}"
    library = compiled(tmp_path, "libcuda.so.1", C, "-DINIT=0")
    mount = {"hostPath": str(library), "containerPath": "/usr/lib/libcuda.so.1", "options": ["ro", "bind"]}
    devices = [{"name": name, "containerEdits": {"mounts": [mount]}}]
    file = Path(folders[0]) / f"{name}.json"
    file.write_text(json.dumps({"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": devices}))
    monkeypatch.setenv("STACKBUILD_GPU", f"nvidia.com/gpu={name}")
    yield
    file.unlink()


@pytest.mark.parametrize("probe", ["cuda", "gpu", "tensorflow", "torch"])
def test_a_libcuda_that_stands_in_passes_no_probe(built: Any, standing_in: None, probe: str) -> None:
    verdict = built_in(local(built, "tensorflow-notebook", "gpu"), probe, gpu=True)
    assert verdict.result == "inconclusive"
    assert verdict.reason.startswith("a stand-in: libcuda names a device")


def test_the_tensorflow_probe_multiplies_for_real_and_takes_no_other_device(built: Any) -> None:
    names = ("tensorflow_probe.py", "cuda_probe.py", "telling.py")
    code = (
        "import sys; sys.path.insert(0, '/stackbuild')\n"
        "import numpy, tensorflow, tensorflow_probe\n"
        "tensorflow_probe.multiply(tensorflow, numpy, '/CPU:0')\n"
        "try: tensorflow_probe.multiply(tensorflow, numpy, '/GPU:0')\n"
        "except Exception as error: print('refused:', error)\n"
    )
    order = ProbeOrder(
        local(built, "tensorflow-notebook", "cpu"),
        ("python3", "-c", code),
        gpu=False,
        timeout=120,
        files=tuple(ProbeFile(name, scripts.read(name)) for name in names),
    )
    report = Probes(Engine()).run(order)
    assert isinstance(report, Ran)
    assert (
        "a product of 512 x 512 on /job:localhost/replica:0/task:0/device:CPU:0 is right to" in report.output
    )
    assert "refused: " in report.output
