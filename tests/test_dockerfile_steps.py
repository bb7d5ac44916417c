"""Which instruction a step of BuildKit's is, by its name."""

from __future__ import annotations

import pytest

from pipeline.dockerfile import parse, step_line

ONE = parse(b"FROM x\nENV A=1\nRUN one \\\n  && two\nWORKDIR /w\nCOPY a /\n", "Dockerfile")
TWO = parse(b"FROM x AS Builder\nRUN one\nFROM builder\nCOPY a /\nFROM y\nRUN b\nRUN c\n", "Dockerfile")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("[2/4] RUN one   && two", 3),
        ("[3/4] WORKDIR /w", 5),
        ("[4/4] COPY a /", 6),
        # triggers of the base are counted before what is ours, and come with its FROM
        ("[3/5] RUN one   && two", 3),
        ("[2/5] RUN trigger", 1),
        ("[1/4] FROM x", 1),
        ("[linux/arm64 2/4] RUN one   && two", 3),
        ("[internal] load build definition", 0),
        ("exporting to image", 0),
        ("", 0),
    ],
)
def test_a_step_is_counted_from_the_end_of_its_stage(name: str, line: int) -> None:
    assert step_line(ONE, name) == line


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("[2/4] RUN trigger", 1),
        ("[3/4] COPY trigger /", 1),
        ("[4/4] RUN one   && two", 3),
        ("[5/4] WORKDIR /w", 5),
        ("[6/4] COPY a /", 6),
    ],
)
def test_triggers_that_are_left_out_of_the_number_of_steps_shift_no_line(name: str, line: int) -> None:
    names = ("[6/4] COPY a /", name, "[1/4] FROM x", "[tools 9/2] RUN elsewhere", "exporting to image")
    assert step_line(ONE, name, names) == line


def test_a_step_beyond_the_last_one_is_the_last_one() -> None:
    assert step_line(ONE, "[9/4] COPY a /") == 6


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("[builder 2/2] RUN one", 2),
        ("[stage-1 1/1] COPY a /", 4),
        ("[stage-2 2/3] RUN b", 6),
        ("[linux/amd64 stage-2 3/3] RUN c", 7),
        ("[linux/arm64 builder 2/2] RUN one", 2),
    ],
)
def test_a_step_is_looked_for_in_its_own_stage(name: str, line: int) -> None:
    assert step_line(TWO, name) == line
