"""Pipelines for CI: which jobs there are, what they wait for, and that CI systems can read them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from trees import after_building, graph, keys_of, records

from pipeline import cifiles, plan
from pipeline.cifiles import Job, Pipeline
from pipeline.plan import Known, Request, Step

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"
ARROWS = "base > minimal, minimal > scipy, minimal > r, scipy > tensorflow"
SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
WRITERS = {"github": cifiles.github, "gitlab": cifiles.gitlab}


def steps(*built: str, touched: dict[str, str] | None = None) -> list[tuple[str, Step]]:
    """The steps of two variants, of which `gpu` has other content in the images touched."""
    found = []
    for variant, changed in (("cpu", None), ("gpu", touched or {})):
        now = records(graph(ARROWS), changed)
        known = Known(registry=keys_of(records(graph(ARROWS)), *built) if built else frozenset())
        found += [(variant, step) for step in plan.make(graph(ARROWS), now, known, Request())]
    return found


def example() -> Pipeline:
    touched = {"notebooks/tensorflow": "gpu", "tensorflow": "gpu"}
    return Pipeline(cifiles.jobs(steps("base", touched=touched)), "registry.example/team", publish=True)


def loaded(text: str) -> Any:
    return YAML(typ="safe").load(io.StringIO(text))


def valid(path: Path, system: str) -> str:
    """What a validator of the system's own schema says, "" for nothing."""
    from check_jsonschema import main  # noqa: PLC0415 (slow to import, and only needed here)

    line = ["--builtin-schema", SCHEMAS[system], str(path)]
    done = CliRunner().invoke(main, line)
    return "" if done.exit_code == 0 else done.output or repr(done.exception)


# jobs


def test_only_what_has_to_be_built_is_a_job_and_waits_for_parents_that_are_jobs() -> None:
    found = cifiles.jobs(steps("base"))
    assert [(job.image, job.needs) for job in found] == [
        ("minimal", ()),
        ("r", ("minimal--cpu",)),
        ("scipy", ("minimal--cpu",)),
        ("tensorflow", ("scipy--cpu",)),
    ]


def test_variants_that_share_a_key_share_a_job() -> None:
    found = cifiles.jobs(steps(touched={"tensorflow": "gpu"}))
    names = [(job.image, job.variant) for job in found]
    assert len([name for name in names if name[0] == "scipy"]) == 1
    assert {variant for image, variant in names if image == "tensorflow"} == {"cpu", "gpu"}
    (gpu,) = [job for job in found if job.variant == "gpu"]
    assert gpu.needs == ("scipy--cpu",)


def test_what_exists_is_no_job() -> None:
    now = records(graph(ARROWS))
    every = plan.make(graph(ARROWS), now, after_building(now), Request())
    assert cifiles.jobs(("cpu", step) for step in every) == ()


def test_every_job_comes_after_those_that_it_needs() -> None:
    done: set[str] = set()
    for job in cifiles.jobs(steps(touched={"base": "gpu"})):
        assert set(job.needs) <= done
        assert job.name not in done
        done.add(job.name)


# files


@pytest.mark.parametrize("system", SCHEMAS)
def test_a_pipeline_reads_like_this(system: str) -> None:
    assert WRITERS[system](example()) == (GOLDEN / f"ci.{system}.yml").read_text()


@pytest.mark.parametrize("system", SCHEMAS)
def test_what_is_written_is_what_the_systems_take(system: str, tmp_path: Path) -> None:
    empty = Pipeline((), "registry.example/team")
    for number, pipeline in enumerate((example(), empty)):
        path = tmp_path / f"{number}.yml"
        path.write_text(WRITERS[system](pipeline))
        assert valid(path, system) == ""
        assert loaded(path.read_text())


@pytest.mark.parametrize("system", SCHEMAS)
def test_the_files_to_copy_are_what_the_systems_take(system: str) -> None:
    assert valid(ROOT / f"ci/nightly.{system}.yml", system) == ""


@pytest.mark.parametrize("system", SCHEMAS)
def test_the_validator_sees_what_is_wrong(system: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yml"
    text = WRITERS[system](example())
    path.write_text(text.replace("runs-on: ", "runs-of: ").replace("needs:", "needs: 5 #"))
    assert valid(path, system) != ""


def test_no_secret_stands_in_a_command_line() -> None:
    for path in (ROOT / "ci/nightly.github.yml", ROOT / "ci/nightly.gitlab.yml"):
        for line in path.read_text().splitlines():
            assert "--password " not in line
            assert "--password=" not in line


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_whatever_is_written_is_read_again(value: Any) -> None:
    assert loaded(cifiles.yaml(value)) == value


@pytest.mark.parametrize(
    "text",
    ["on", "No", "1", "1e3", "0x1", "~", "null", "a: b", "- a", "#", " a", "a ", "a #b", "é", "=", "1:2"],
)
def test_text_that_yaml_would_take_for_something_else_stands_in_quotes(text: str) -> None:
    assert loaded(cifiles.yaml({"key": text, "list": [text]})) == {"key": text, "list": [text]}


def test_names_are_valid_everywhere() -> None:
    assert Job("a--cpu", "a", "cpu", ()).command == "stackbuild build a --variant cpu --locked"
    assert json.dumps(example().jobs[0].name) == '"minimal--cpu"'
