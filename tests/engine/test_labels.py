"""What built images say of themselves."""

from __future__ import annotations

import subprocess

import pytest

from engine.workshop import ROOT, TOML, Workshop

pytestmark = pytest.mark.engine
OTHER = "nvidia/cuda:12.6.3-cudnn-runtime-ubuntu22.04"
OCI = "org.opencontainers.image"


def git(workshop: Workshop, *arguments: str) -> str:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    line = ["git", *who, *arguments]
    done = subprocess.run(line, check=True, capture_output=True, text=True, cwd=workshop.root)
    return done.stdout.strip()


def labels(workshop: Workshop, image: str, variant: str) -> dict[str, str]:
    config = workshop.api.inspect_image(workshop.local(image, variant))["Config"]
    return dict(config["Labels"])


def test_images_say_what_they_were_made_of_and_a_new_commit_rebuilds_none(workshop: Workshop) -> None:
    workshop.toml(TOML + '\n[variant.cpu]\n[variant.gpu]\noverlays = ["other"]\n')
    (workshop.root / "overlays").mkdir()
    (workshop.root / "overlays/other.toml").write_text(f'[[root]]\nfrom = "debian:*"\nto = "{OTHER}"\n')
    workshop.image("plain", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("rooted", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("child", "FROM jupyter/rooted\nCOPY who /child\n", {"who": workshop.nonce})
    git(workshop, "init", "-q")
    git(workshop, "remote", "add", "origin", "https://me:secret@git.example/stacks.git")
    git(workshop, "add", "images", "overlays", "stacks.toml")
    git(workshop, "commit", "-qm", "one")
    commit = git(workshop, "rev-parse", "HEAD")
    workshop.run()

    rooted, child = labels(workshop, "rooted", "cpu"), labels(workshop, "child", "cpu")
    assert rooted[f"{OCI}.source"] == "https://git.example/stacks.git"
    assert rooted[f"{OCI}.revision"] == commit
    assert rooted[f"{OCI}.created"] == git(workshop, "log", "-1", "--format=%cI")
    assert rooted[f"{OCI}.base.digest"].startswith("sha256:")
    assert child[f"{OCI}.base.digest"] == ""
    assert child["io.stackbuild.base-key"] == rooted["io.stackbuild.key"]

    assert rooted["io.stackbuild.variant"] == rooted["io.stackbuild.overlays"] == ""
    assert labels(workshop, "plain", "gpu") == labels(workshop, "plain", "cpu")
    assert labels(workshop, "plain", "gpu")["io.stackbuild.variant"] == ""
    for image in ("rooted", "child"):
        found = labels(workshop, image, "gpu")
        assert found["io.stackbuild.variant"] == "gpu"
        assert found["io.stackbuild.overlays"] == "other"

    git(workshop, "commit", "-qm", "two", "--allow-empty")
    report = workshop.run("--format", "json").json()
    assert report["outcomes"] == []
    assert labels(workshop, "rooted", "cpu")[f"{OCI}.revision"] == commit
