"""Registries of a test's own: what they store lies in a folder that the test may look into, copy or break."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from engine.workshop import until


@contextlib.contextmanager
def served(storage: Path, more: str = "", *, read_only: bool = False) -> Iterator[str]:
    """The address of a registry on loopback, over plain HTTP; `more` is added to its configuration."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = storage.with_name(f"{storage.name}-{address.rpartition(':')[2]}.yml")
    readonly = f"{{enabled: {str(read_only).lower()}}}"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{address}'}}\n"
        f"storage:\n  filesystem: {{rootdirectory: {storage}}}\n  delete: {{enabled: true}}\n"
        f"  maintenance: {{readonly: {readonly}}}\n{more}"
    )
    log = storage.with_name(f"{storage.name}.log")
    with log.open("ab") as said:
        process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=said, stderr=said)
    try:
        host, _, number = address.partition(":")

        def answers() -> bool:
            assert process.poll() is None, log.read_text(errors="replace")
            with socket.socket() as probe:
                return not probe.connect_ex((host, int(number)))

        until(answers, "the registry answers")
        yield address
    finally:
        process.terminate()
        process.wait()
