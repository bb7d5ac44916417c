"""The commands of CI files, really run: as if each job had a machine of its own."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from engine.workshop import ROOT, SOURCE, TOML, Ran, Workshop
from pipeline.adapters.engine import Engine, NotFoundError

pytestmark = pytest.mark.engine


def stack(workshop: Workshop) -> None:
    """base > child, and base > other, which an overlay moves to another root together with the base."""
    workshop.toml(f'{TOML}\n[variant.cpu]\n[variant.gpu]\noverlays = ["gpu"]\ngpu_probe = "none"\n')
    (workshop.root / "overlays").mkdir()
    (workshop.root / "overlays/gpu.toml").write_text(
        '[[root]]\nimage = "other"\nfrom = "debian:*"\nto = "nvidia/cuda:12.6.3-cudnn-runtime-ubuntu22.04"\n'
    )
    workshop.image("base", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("child", "FROM jupyter/base\nCOPY who /child\n", {"who": "1"})
    workshop.image("other", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.more('[[smoke]]\nrun = ["test", "-f", "/who"]')


def ours(lines: list[str]) -> Iterator[list[str]]:
    """The commands of a script that are ours, each as its words, without where their output goes."""
    for line in "\n".join(lines).splitlines():
        if line.startswith("stackbuild "):
            yield shlex.split(line.partition(" > ")[0])[1:]


def on_a_fresh_machine(workshop: Workshop, *, keep: bool = False) -> None:
    """Forget every image of the project, and what is remembered unless it was an artifact."""
    workshop.forget()
    if not keep:
        shutil.rmtree(workshop.root / ".stackbuild", ignore_errors=True)


def run(workshop: Workshop, words: list[str]) -> Ran:
    return workshop.run(*words, env={"STACKBUILD_REGISTRY": workshop.registry})


def digest(name: str) -> str:
    try:
        return Engine().find_root(name).digest
    except NotFoundError:
        return ""


def loaded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(text)
    return found


def test_the_jobs_of_a_pipeline_build_in_turn_and_the_last_one_names(workshop: Workshop) -> None:
    stack(workshop)
    asked = ["ci", "gitlab", "--publish"]
    assert "stacks.lock does not pin" in workshop.run(*asked, "--registry", workshop.registry, code=2).err
    workshop.run("lock")
    pipeline = loaded(run(workshop, asked).out)
    jobs = {name: job for name, job in pipeline.items() if "script" in job}
    assert set(jobs) == {"base--cpu", "child--cpu", "other--cpu", "other--gpu", "publish"}
    assert jobs["child--cpu"]["needs"] == ["base--cpu"]
    workflow = loaded(run(workshop, ["ci", "github", "--publish"]).out)
    steps = [[step.get("run", "") for step in job["steps"]] for job in workflow["jobs"].values()]
    commands = [list(ours(lines)) for lines in steps]
    assert commands == [list(ours(job["script"])) for job in jobs.values()]

    for (words,) in commands[:-1]:
        on_a_fresh_machine(workshop)
        report = run(workshop, [*words, "--format", "json"]).json()
        built = [outcome for outcome in report["outcomes"] if outcome["kind"] == "built"]
        # nothing but its own image: parents come through the registry
        assert [outcome["image"] for outcome in built] == [words[1]]
    assert digest(f"{workshop.registry}/child:latest") == ""
    on_a_fresh_machine(workshop)
    report = run(workshop, [*commands[-1][0], "--format", "json"]).json()
    assert "built" not in {outcome["kind"] for outcome in report["outcomes"]}
    for name in ("base:latest", "child:latest", "other:latest", "other:gpu-latest"):
        assert digest(f"{workshop.registry}/{name}")
    assert list(loaded(run(workshop, ["ci", "gitlab"]).out)["nothing"]["script"])


def commands_of(system: str) -> dict[str, list[list[str]]]:
    """Our commands in a file to copy, by job."""
    found = loaded((SOURCE / f"ci/nightly.{system}.yml").read_text())
    jobs = found.get("jobs", found)
    scripts = {
        name: [step.get("run", "") for step in jobs[name].get("steps", ())] + jobs[name].get("script", [])
        for name in ("build", "gpu")
    }
    return {name: list(ours(lines)) for name, lines in scripts.items()}


def test_the_commands_of_the_nightly_files_build_and_publish(workshop: Workshop) -> None:
    stack(workshop)
    commands = commands_of("github")
    assert commands_of("gitlab") == commands
    assert [words[0] for words in commands["build"]] == ["doctor", "lock", "--fresh"]
    for words in commands["build"]:
        run(workshop, words)
    assert digest(f"{workshop.registry}/child:latest") == ""
    on_a_fresh_machine(workshop, keep=True)
    (words,) = commands["gpu"]
    report = run(workshop, words).json()
    assert "built" not in {outcome["kind"] for outcome in report["outcomes"]}
    for name in ("base:latest", "child:latest", "other:latest", "other:gpu-latest"):
        assert digest(f"{workshop.registry}/{name}")
