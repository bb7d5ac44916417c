"""A real engine for every test here, or a failure that says how to get one."""

from __future__ import annotations

import json
import os
import subprocess
import time
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


@pytest.fixture
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine of our own that keeps images in containerd, as caches and attestations want it."""
    folder = tmp_path_factory.mktemp("engine")
    settings = {
        "data-root": f"{folder}/data", "exec-root": f"{folder}/exec", "pidfile": f"{folder}/pid",
        "bridge": "none", "iptables": False, "ip6tables": False,
        "features": {"buildkit": True, "containerd-snapshotter": True},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings))
    address = f"unix://{folder}/socket"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["dockerd", f"--config-file={folder}/config.json", "-H", address], stdout=log, stderr=log
        )
    try:
        line = ["docker", "-H", address, "version"]
        for _ in range(600):
            if subprocess.run(line, capture_output=True, check=False).returncode == 0:
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(60)
