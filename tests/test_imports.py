"""What is imported when it is needed may be needed by two threads at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import importlib, sys, threading
sys.setswitchinterval(1e-6)
failed = []
def load(name):
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed.append(f"{name}: {error!r}")
threads = [threading.Thread(target=load, args=(name,)) for name in ("docker", sys.argv[1])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit("; ".join(failed) or 0)
"""


@pytest.mark.parametrize("module", ["probes", "inside", "stored", "gpus"])
def test_what_uses_parts_of_docker_may_be_imported_while_another_thread_imports_it(module: str) -> None:
    line = [sys.executable, "-c", CODE, f"pipeline.adapters.{module}"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
