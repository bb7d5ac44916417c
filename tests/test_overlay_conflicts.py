"""Edits at odds with each other, and how often each may match."""

from __future__ import annotations

import pytest
from edits import ARG, ENV, added, append, misread, read, refused, text
from trees import tree_of

from pipeline import overlay
from pipeline.errors import InputError


def test_two_overlays_that_edit_one_place_are_shown_both() -> None:
    first = '[[root]]\nfrom = "x"\nto = "y"\n'
    second = first.replace('"y"', '"z"')
    found = refused("FROM x\n", first, f"description = ''\n{second}")
    assert found == [
        "overlays/o2.toml:2: root x → z: edits images/a/Dockerfile:1, "
        "and so does root x → y at overlays/o1.toml:1\n"
        "  hint: leave one of them out, or make one edit of them"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ARG, '[[replace]]\nfrom = "A=1"\nto = "A=3"\n'),
        (append("RUN c"), append("RUN d")),
        (added("rc"), added("rc", content="other\n")),
        (added("rc"), added("rc/d")),
        (ENV, ENV.replace('"A"', '"B"')),
    ],
    ids=["text", "additions", "files", "file and folder", "variables"],
)
def test_overlays_at_odds_are_refused_in_either_order(first: str, second: str) -> None:
    dockerfile = "FROM x\nARG A=1\nCOPY . /\n"
    there, back = refused(dockerfile, first, second), refused(dockerfile, second, first)
    assert len(there) == len(back) == 1
    assert "and so does" in there[0]
    assert "and so does" in back[0]


def test_one_overlay_that_adds_a_variable_twice_is_at_odds_with_itself() -> None:
    other = ENV.replace('"A"', '"B"')
    (found,) = refused("FROM x\n", ENV + other + ENV.replace('"2"', '"3"'))
    assert found.startswith("overlays/o1.toml:9: env A = 3: edits images/a/Dockerfile:1")
    assert "and so does env A = 2 at overlays/o1.toml:1" in found


def test_one_overlay_given_twice_is_an_error() -> None:
    same = read(ARG)
    with pytest.raises(InputError, match="the overlay 'o' is given twice"):
        overlay.apply([same, same], tree_of({"a/Dockerfile": "FROM x\nARG A=1\n"}))


def test_any_number_of_matches_may_be_expected() -> None:
    assert text("FROM x\n", f'{ARG}expect = "any"\n') == "FROM x\n"
    assert text("FROM x\nARG A=1\n", f'{ARG}expect = "any"\n') == "FROM x\nARG A=2\n"


def test_every_problem_of_every_kind_is_reported_at_once() -> None:
    assert misread(
        """[[arg]]
name = "1A"
value = "a\\nb"
[[env]]
nam = "A"
value = ""
[[append]]
instructions = "RUN a"
[[replace]]
from = "a"
to = "a"
[[file]]
image = "a"
path = "x"
[[variant]]
image = "a"
from = "../cuda"
expect = 1.5
[[replace]]
from = 7
"""
    ) == [
        "2: '1A' is no name of a variable\n  hint: use letters, digits and '_'",
        "3: 'value' holds a line break or a control character\n  hint: give it in one line",
        "4: 'name' is missing\n  hint: the variable: name = \"NB_UID\"",
        "4: 'image' is missing\n  hint: the images it is for, as globs: image = \"base-notebook\"",
        "5: unknown setting 'nam'\n  hint: did you mean 'name'?",
        "7: 'image' is missing\n  hint: the images it is for, as globs: image = \"base-notebook\"",
        "11: 'from' and 'to' are the same",
        "12: either 'content' or 'source' must say what is in it\n"
        '  hint: source = "pip.conf" is a file beside the overlay',
        "17: '../cuda' must stay inside the tree\n  hint: write it like from = \"cuda\"",
        "18: 'expect' must be a whole number or \"any\", not a decimal number",
        "19: 'to' is missing\n  hint: the text to put in; to = \"\" takes it out",
        "20: 'from' must be a string, not a whole number",
    ]
