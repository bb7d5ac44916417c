"""The command line as a person meets it, run in this process: what it says, and what it ends with."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.cli import main

TOML = '[project]\nname = "notes"\n\n[tree.notebooks]\npath = "images"\nrefs = ["jupyter/{image}"]\n'


@dataclass(frozen=True, slots=True)
class Said:
    """A command that is over."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The error messages, each on its line."""
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


class Project:
    """A small project in a folder of its own, and the command run in it."""

    def __init__(
        self, root: Path, capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.root = root
        self._capture = capture
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(root)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{root}/nowhere.sock")
        monkeypatch.setenv("XDG_STATE_HOME", str(root.parent / "xdg-state"))
        for name in ("STACKBUILD_REGISTRY", "DOCKER_CONTEXT", "NO_COLOR"):
            monkeypatch.delenv(name, raising=False)
        self.write("stacks.toml", TOML)
        self.image("base", "FROM debian:bookworm\n")
        self.image("child", "FROM jupyter/base\nCOPY setup /\n")
        self.write("images/child/setup", "1\n")

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file."""
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(text.encode() if isinstance(text, str) else text)
        return full

    def image(self, name: str, dockerfile: str) -> Path:
        """Write an image's Dockerfile."""
        return self.write(f"images/{name}/Dockerfile", dockerfile)

    def run(self, *arguments: str, code: int = 0) -> Said:
        """Run the command, which must end with this exit code, and never with a traceback."""
        self._monkeypatch.setattr(sys, "argv", ["stackbuild", *arguments])
        self._capture.readouterr()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            ended = main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        out, err = self._capture.readouterr()
        said = Said(ended, out, err)
        assert said.code == code, f"exit code {said.code}, expected {code}\n{out}\n{err}"
        assert "Traceback" not in out + err
        assert "stackbuild itself failed" not in err
        return said
