"""What all tests share: how hard hypothesis tries, and texts kept in files."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Project
from hypothesis import HealthCheck, settings

# in the background or under nohup, tests ignore signals, and so would the commands that they interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

APART = {f"tests/engine/test_{name}.py" for name in ("embedded", "oracle", "resolved")}
GOLDEN = Path(__file__).parent / "golden"

# always the same examples, so that a test is red for what was changed and for nothing else;
# STACKBUILD_SEEK=1 looks for new ones
SAME = not os.environ.get("STACKBUILD_SEEK")
THOROUGH = os.environ.get("STACKBUILD_THOROUGH", "")

settings.register_profile("quick", max_examples=8, deadline=None, derandomize=SAME)
settings.register_profile(
    "thorough",
    # or as many as it says
    max_examples=max(400, int(THOROUGH) if THOROUGH.isdecimal() else 0),
    deadline=None,
    derandomize=SAME,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("thorough" if THOROUGH else "quick")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, run the tests that share the engine in turn: their files count as one.

    Those that make nothing which any other test sees, and take long over it, are files as all others.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415

    def files(nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        shares = file.startswith("tests/engine/") and file not in APART
        return "tests/engine" if shares else file

    made = LoadFileScheduling(config, log)
    made._split_scope = files
    return made


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with the one kept under a name; STACKBUILD_GOLDEN=1 keeps what comes instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("STACKBUILD_GOLDEN"):
            path.write_text(f"{text}\n", encoding="utf-8")
        assert f"{text}\n" == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def project(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A small project, on a machine without an engine."""
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project", capfd, monkeypatch)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called docker, to be written by the test; it writes what it got to `got`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "context").mkdir()
    return programs / "docker"
