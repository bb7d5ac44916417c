"""Attestations, by an engine that keeps them and by one that does not."""

from __future__ import annotations

import json
import subprocess

import pytest

from engine.workshop import Workshop

pytestmark = pytest.mark.engine


def kinds(name: str) -> list[str]:
    """What a name on the registry consists of."""
    line = ["docker", "buildx", "imagetools", "inspect", "--raw", name]
    raw = json.loads(subprocess.run(line, check=True, capture_output=True).stdout)
    return [
        (one.get("annotations") or {}).get("vnd.docker.reference.type", "image")
        for one in raw.get("manifests", [{}])
    ]


def test_provenance_goes_to_the_registry_with_the_image_and_its_child(
    workshop: Workshop, exporting: str
) -> None:
    workshop.more('[attest]\nprovenance = "max"')
    workshop.image("base", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("child", "FROM jupyter/base\nCOPY who /child\n", {"who": workshop.nonce})
    elsewhere = {"DOCKER_HOST": exporting}
    asked = ("--registry", workshop.registry, "--format", "json")
    ran = workshop.run(*asked, env=elsewhere)
    assert "attestations" not in ran.err
    for outcome in ran.json()["outcomes"]:
        if outcome["kind"] == "built":
            name = f"{workshop.registry}/{outcome['image']}:k-{outcome['key'][:32]}"
            assert sorted(kinds(name)) == ["attestation-manifest", "image"]
    assert workshop.run(*asked, env=elsewhere).json()["outcomes"] == []


def test_an_engine_that_keeps_none_says_so_once_and_builds(workshop: Workshop) -> None:
    workshop.more("[attest]\nsbom = true")
    workshop.image("base", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("child", "FROM jupyter/base\nCOPY who /child\n", {"who": workshop.nonce})
    ran = workshop.run()
    assert ran.err.count("keeps no attestations") == 1
    assert "attestations: not supported" in workshop.run("doctor").out
