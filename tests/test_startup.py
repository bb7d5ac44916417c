"""What every run pays for before it does anything."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("asyncio", "docker", "networkx", "platformdirs", "requests", "rich", "ssl", "tenacity", "urllib3")


def test_what_is_slow_to_import_waits_until_it_is_needed() -> None:
    code = "import sys, pipeline.cli, pipeline.run.building; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(SLOW) & set(done.stdout.split()) == set()


INTERRUPTED = """
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "pipeline.cli":
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                raise SyntaxError("what an import makes of it") from None
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
from pipeline.__main__ import main
main()
"""


def test_a_ctrl_c_in_the_middle_of_an_import_ends_in_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")
