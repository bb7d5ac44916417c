"""A registry of the test's own, and images in it that no engine has seen."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import signal
import socket
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.workshop import until
from pipeline.adapters.registry import Registry
from pipeline.ports import Stored

DOCKER = "application/vnd.docker"
MANIFEST = f"{DOCKER}.distribution.manifest.v2+json"
CONFIG = f"{DOCKER}.container.image.v1+json"
LAYER = f"{DOCKER}.image.rootfs.diff.tar.gzip"


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """One on loopback, which keeps everything in the folder; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {folder}/registry}}\n"
        f"http: {{addr: '{address}'}}\n"
    )
    line = ["docker-registry", "serve", str(config)]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        host, _, port = address.partition(":")

        def answers() -> bool:
            with socket.socket() as probe:
                return not probe.connect_ex((host, int(port)))

        until(answers, "the registry answers")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def put(name: str, files: Mapping[str, str], labels: Mapping[str, str] | None = None) -> str:
    """An image of these files under a name; gives its digest."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": dict(labels or {})},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer.getvalue())]},
    }
    remote, repository = Registry(), name.rpartition(":")[0]
    parts = [
        {"mediaType": kind, "digest": remote.upload(repository, data), "size": len(data)}
        for kind, data in ((CONFIG, json.dumps(config).encode()), (LAYER, gzip.compress(layer.getvalue())))
    ]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": parts[0], "layers": parts[1:]}
    stored = Stored(json.dumps(manifest).encode(), MANIFEST)
    remote.put(name, stored)
    return stored.digest


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
