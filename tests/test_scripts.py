"""The built-in probes' scripts, run outside of any image: what they believe, and what they do not."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest
from probing import C, compiled, needs_cc, run

from pipeline.adapters import scripts
from pipeline.config import PROBES
from pipeline.smoke import scripts_of


@needs_cc
def test_a_libcuda_that_is_none_never_passes(tmp_path: Path) -> None:
    for init, reason in ((0, "a stand-in: "), (100, "libcuda sees no device")):
        compiled(tmp_path / str(init), "libcuda.so.1", C, f"-DINIT={init}")
        said, _ = run(tmp_path / f"run-{init}", "cuda", {"LD_LIBRARY_PATH": str(tmp_path / str(init))})
        assert said.result == "inconclusive"
        assert said.reason.startswith(reason)
        assert said.hardware is None


@pytest.mark.parametrize("probe", ["cuda", "tensorflow", "torch", "gpu"])
def test_without_libcuda_nothing_is_said_of_the_image(tmp_path: Path, probe: str) -> None:
    said, _ = run(tmp_path, probe)
    assert said.result == "inconclusive"
    assert said.reason.startswith("no GPU was given to the container: libcuda.so.1")


def test_a_probe_that_crashes_still_ends_with_its_line(tmp_path: Path) -> None:
    said, output = run(tmp_path, "jupyter", {"PATH": "/usr/bin:/bin"}, entrypoint=[], command=[])
    assert (said.result, said.reason) == ("failed", "the image has no jupyter on its PATH")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/jupyter").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "bin/jupyter").chmod(0o755)
    said, output = run(tmp_path / "b", "jupyter", {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert said.reason.startswith("CalledProcessError: ")
    assert "Traceback" in output


def test_every_script_is_there_and_understood_by_an_old_python() -> None:
    names = {name for probe in PROBES for name in scripts_of(probe)}
    assert names == {path.name for path in scripts.FOLDER.iterdir() if path.is_file()}
    for name in names:
        if name.endswith(".py"):
            ast.parse(scripts.read(name), feature_version=(3, 6))
    for name in names:
        if name.endswith(".sh"):
            subprocess.run(["sh", "-n", str(scripts.FOLDER / name)], check=True)


def test_the_scripts_are_installed_with_the_program() -> None:
    text = (Path(__file__).parent.parent / "setup.cfg").read_text()
    assert "[options.package_data]\npipeline.smoke = scripts/*\n" in text
