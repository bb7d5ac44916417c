"""The built-in probes run outside of any image, with what an image would have made of a few lines."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters import scripts
from pipeline.smoke import command_of, final, scripts_of

NONCE = "0123456789abcdef"


def run(folder: Path, probe: str, env: Mapping[str, str] | None = None, **told: object) -> tuple[Any, str]:
    """Run a built-in probe the way an image does, but in a folder; gives its last line, and all it said."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in scripts_of(probe):
        text = scripts.read(name).decode().replace("/stackbuild/", f"{folder}/")
        # what this machine has installed is no part of the image
        text = re.sub(r"(?s)FOLDERS = \(.*?\n\)", "FOLDERS = ()", text)
        (folder / name).write_text(text)
    (folder / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    (folder / "python3").chmod(0o755)
    (folder / "nonce").write_text(NONCE)
    (folder / "order.json").write_text(json.dumps({"nonce": NONCE, **told}))
    line = [part.replace("/stackbuild", str(folder)) for part in command_of(probe)]
    around = {**os.environ, **(env or {})}
    around["PATH"] = f"{folder}:{around['PATH']}"
    done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=60, env=around)
    said = final.parse(done.stdout.splitlines()[-1], NONCE)
    assert said is not None, done
    assert (done.returncode == 0) is (said.result == "passed")
    return said, done.stdout + done.stderr


C = """
int cuInit(unsigned flags) { return INIT; }
int cuDriverGetVersion(int *version) { *version = 12060; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int number) { *device = number; return 0; }
int cuDeviceGetName(char *name, int length, int device) { name[0] = 'X'; name[1] = 0; return 0; }
int cuDeviceGetAttribute(int *value, int which, int device) { *value = 9; return 0; }
"""
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")


def compiled(folder: Path, name: str, source: str, *options: str) -> Path:
    """A library made of a few lines of C."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(_library(source, options))
    return folder / name


@cache
def _library(source: str, options: tuple[str, ...]) -> bytes:
    """What the compiler makes of it, which takes its time."""
    with tempfile.TemporaryDirectory() as folder:
        line = [
            "cc",
            "-shared",
            "-fPIC",
            "-pipe",
            "-x",
            "c",
            "-o",
            f"{folder}/lib",
            "-",
            "-x",
            "none",
            *options,
        ]
        subprocess.run(line, check=True, capture_output=True, input=source.encode())
        return Path(folder, "lib").read_bytes()
