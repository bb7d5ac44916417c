"""What is left of a run: its entry in the history, its logs, and how its images have grown."""

from __future__ import annotations

import signal

import pytest

from engine.workshop import ROOT, Workshop, until

pytestmark = pytest.mark.engine


def test_a_run_is_in_the_history_with_what_was_built_and_why(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nRUN echo {workshop.nonce}\n")
    workshop.image("bad", "FROM jupyter/base\nRUN echo oh no; false\n")
    workshop.run("-j", "2", code=1)
    workshop.image("base", f"FROM {ROOT}\nRUN echo {workshop.nonce}\nRUN echo {'x' * 5000} > /more\n")
    said = workshop.run("base").err
    assert "layers new" in said
    workshop.run("base")
    runs = workshop.run("history", "--format", "json").json()["runs"]
    assert [(run["run"], run["result"], run["exit_code"]) for run in runs] == [
        (3, "done", 0), (2, "done", 0), (1, "failed", 1),
    ]  # fmt: skip
    assert runs[2]["command"] == "stackbuild -j 2"
    assert runs[2]["variants"]["default"]["images"]["bad"]["reasons"] == ["never built"]
    first = workshop.run("history", "1", "--format", "json").json()
    assert [(one["kind"], one["image"]) for one in first["happened"]] == [
        ("built", "base"),
        ("failed", "bad"),
    ]
    second = workshop.run("history", "2", "--format", "json").json()
    (growth,) = [one for one in second["happened"] if one["kind"] == "growth"]
    assert growth["new"] == 1
    assert growth["grown"] > 4000
    text = workshop.run("history").out
    assert "failed" in text
    assert "stackbuild -j 2" in text
    assert "oh no" in workshop.run("logs", "bad").out
    assert workshop.run("logs", "base", "--run", "1").out != workshop.run("logs", "base").out
    assert "did you mean 'base'?" in workshop.run("logs", "bsae", code=2).err
    assert "no run 9" in workshop.run("history", "9", code=2).err
    # what is broken now does not hide what was
    workshop.image("base", "FRM x\n")
    assert workshop.run("history").out == text
    assert "oh no" in workshop.run("logs", "bad", "-V", "default").out


@pytest.mark.parametrize(("number", "result"), [(signal.SIGINT, "interrupted"), (signal.SIGKILL, "killed")])
def test_a_run_that_was_stopped_is_in_the_history_too(
    workshop: Workshop, number: signal.Signals, result: str
) -> None:
    workshop.image("done", f"FROM {ROOT}\nRUN echo {workshop.nonce}\n")
    workshop.image("slow", f"FROM jupyter/done\nRUN echo begun; sleep 306 # {workshop.nonce}\n")
    running = workshop.start()
    until(lambda: workshop.processes("sleep 306"), "the build runs")
    (run,) = workshop.run("history", "--format", "json").json()["runs"]
    assert run["result"] == "running"
    until(lambda: "begun" in workshop.run("logs", "slow").out, "what it has said so far")
    running.send(number)
    running.wait()
    found = workshop.run("history", "1", "--format", "json").json()
    assert found["result"] == result
    assert [(one["kind"], one["image"]) for one in found["happened"]] == [("built", "done")]
