"""Package indexes of the tests' own, whose contents change: a flat apt repository and one of PEP 503."""

from __future__ import annotations

import functools
import hashlib
import http.server
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, afresh every time, and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """Let nobody keep what is about to change."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


class Index:
    """A folder that containers reach: apt's packages below `apt/`, Python's below `simple/`."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self.address = address
        self._stanzas: dict[str, str] = {}
        for name in ("apt", "simple"):
            (folder / name).mkdir(parents=True)

    def deb(self, name: str, version: str) -> None:
        """Offer a version of a package of apt's, instead of any other."""
        root = self._folder / "work" / f"{name}-{version}"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "usr/share" / name).mkdir(parents=True)
        (root / "usr/share" / name / "version").write_text(f"{version}\n")
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
            f"Maintainer: somebody <somebody@example.org>\nDescription: a test's\n"
        )
        (root / "DEBIAN/control").write_text(control)
        file = self._folder / "apt" / f"{name}_{version}_all.deb"
        subprocess.run(
            ["dpkg-deb", "--build", "--root-owner-group", "-Znone", str(root), str(file)],
            check=True,
            capture_output=True,
        )
        data = file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self._stanzas[name] = f"{control}Filename: ./{file.name}\nSize: {len(data)}\nSHA256: {digest}\n"
        (self._folder / "apt/Packages").write_text("\n".join(self._stanzas.values()))

    def wheel(self, name: str, version: str, *needs: str) -> None:
        """Offer a version of a Python package, beside the others."""
        folder = self._folder / "simple" / name
        folder.mkdir(exist_ok=True)
        info = f"{name}-{version}.dist-info"
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        metadata = "\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs), ""])
        with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", f"version = {version!r}\n")
            wheel.writestr(f"{info}/METADATA", metadata)
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        links = "".join(f'<a href="{file.name}">{file.name}</a>\n' for file in sorted(folder.glob("*.whl")))
        (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>\n{links}</body></html>\n")

    @property
    def sources(self) -> str:
        """A shell command that makes this apt's only source."""
        return (
            f"rm -rf /etc/apt/sources.list* && echo 'deb [trusted=yes] {self.address}/apt ./' "
            "> /etc/apt/sources.list && apt-get update"
        )


@contextmanager
def index(folder: Path, client: docker.DockerClient) -> Iterator[Index]:
    """An index on the address at which the engine's containers reach this machine."""
    network: Any = client.networks.get("bridge")
    gateway = network.attrs["IPAM"]["Config"][0]["Gateway"]
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer((gateway, 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Index(folder, f"http://{gateway}:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
