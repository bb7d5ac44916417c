"""A real engine for every test here, or a failure that says how to get one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from engine.workshop import Workshop

NONE = 'no engine answers: run `ci/engine up`, then `eval "$(ci/engine env)"`'


@pytest.fixture(scope="session")
def client() -> docker.DockerClient:
    """The engine; a test that needs one and has none must fail: skipped, it would look like a pass."""
    try:
        found = docker.from_env(version="auto")
        found.ping()
    except docker.errors.DockerException:
        pytest.fail(NONE, pytrace=False)
    return found


@pytest.fixture(scope="session")
def registry() -> str:
    """The private registry's address."""
    found = os.environ.get("STACKBUILD_REGISTRY", "")
    if not found:
        pytest.fail(f"no registry in STACKBUILD_REGISTRY; {NONE}", pytrace=False)
    return found


@pytest.fixture
def workshop(tmp_path: Path, client: docker.DockerClient, registry: str) -> Iterator[Workshop]:
    """A project of the test's own."""
    made = Workshop(tmp_path / "project", client, registry)
    yield made
    made.close()
