"""What every run pays for before it does anything."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = ("asyncio", "docker", "networkx", "platformdirs", "requests", "rich", "ssl", "tenacity", "urllib3")


def test_what_is_slow_to_import_waits_until_it_is_needed() -> None:
    code = "import sys, pipeline.cli, pipeline.run.building; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(SLOW) & set(done.stdout.split()) == set()


INTERRUPTED = """
import os, signal, sys
number = int(sys.argv[1])
class Finder:
    def find_spec(self, name, *_):
        if name == "pipeline.cli":
            try:
                os.kill(os.getpid(), number)
            except KeyboardInterrupt:
                raise SyntaxError("what an import makes of it") from None
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
from pipeline.__main__ import main
main()
"""


LATER = """
import os, sys
from pipeline import cli
def interrupted(**_):
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
    except KeyboardInterrupt:
        raise AttributeError("half a module has no attribute") from None
cli.cli = interrupted
sys.exit(cli.main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("code", "said"), [(INTERRUPTED, ""), (LATER, "interrupted\n")])
def test_an_interrupt_in_the_middle_of_an_import_ends_in_no_traceback(
    code: str, said: str, number: signal.Signals
) -> None:
    line = [sys.executable, "-c", code, str(int(number))]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("line", [["--help"], ["--version"], ["graph", "--help"]])
def test_help_that_cannot_be_written_is_no_defect(line: list[str]) -> None:
    with Path("/dev/full").open("w", encoding="ascii") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "pipeline", *line], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (ran.returncode, ran.stderr) == (
        1,
        b"error: the output cannot be written: no space left on device\n",
    )
