"""Edits of what a Dockerfile says: each with what it touches, what it leaves alone and what it refuses."""

from __future__ import annotations

import pytest
from edits import ARG, ENV, append, image, misread, refused, text

from pipeline.config import ImageSettings

# [[arg]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FROM x\nARG A=1\n", "FROM x\nARG A=2\n"),
        ("FROM x\nARG A\n", "FROM x\nARG A=2\n"),
        ('FROM x\nARG A="1" B=3\n', 'FROM x\nARG A="2" B=3\n'),
        ("FROM x\nARG A='1'\r\nRUN a", "FROM x\nARG A='2'\r\nRUN a"),
        ("FROM x\nARG B=1 \\\n    # A=1\n    A=1\n", "FROM x\nARG B=1 \\\n    # A=1\n    A=2\n"),
        ("FROM x\nARG A=\n", "FROM x\nARG A=2\n"),
        ("FROM x\nARG A=2\n", "FROM x\nARG A=2\n"),
        ("ARG A=1\nFROM x\nARG A\n", "ARG A=2\nFROM x\nARG A\n"),
        ("FROM x AS b\nARG A=1\nFROM b\nARG A=5\n", "FROM x AS b\nARG A=2\nFROM b\nARG A=2\n"),
        ("FROM x\nONBUILD ARG A=1\nARG A=3\n", "FROM x\nONBUILD ARG A=1\nARG A=2\n"),
    ],
)
def test_an_arg_gets_another_default_wherever_it_has_one(before: str, after: str) -> None:
    assert text(before, ARG) == after


def test_an_arg_is_edited_in_one_stage_or_from_one_value_only() -> None:
    before = "FROM x AS b\nARG A=1\nFROM b\nARG A=5\n"
    assert text(before, f'{ARG}stage = "b"\n') == before.replace("A=1", "A=2")
    assert text(before, f'{ARG}stage = "1"\n') == before.replace("A=5", "A=2")
    assert text(before, f'{ARG}from = "5"\n') == before.replace("A=5", "A=2")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", 'A="a b"'),
        ('say "x"', 'A="say \\"x\\""'),
        ("back\\slash", 'A="back\\\\slash"'),
        ("$B/c", "A=$B/c"),
        ("a \\$B", 'A="a \\$B"'),
        ("a;b", 'A="a;b"'),
        ("", 'A=""'),
        ("it's", 'A="it\'s"'),
    ],
)
def test_a_value_is_quoted_as_it_needs(value: str, written: str) -> None:
    edit = f"[[arg]]\nname = 'A'\nvalue = '''{value}'''\n"
    assert text("FROM x\nARG A=1\n", edit) == f"FROM x\nARG {written}\n"


def test_an_arg_that_stacks_toml_gives_is_no_place_for_a_default() -> None:
    settings = ImageSettings("stacks.toml:4", args=(("A", "7"),))
    (found,) = refused({"a/Dockerfile": "FROM x\nARG A=1\n"}, ARG, images=(("a", settings),))
    assert found.startswith("overlays/o1.toml:1: arg A = 2: the build arg that stacks.toml gives 'a' counts")


def test_an_arg_that_is_not_there_is_drift_that_names_the_nearest() -> None:
    assert refused("FROM x\nARG NB_UDI=1\n", '[[arg]]\nname = "NB_UID"\nvalue = "2"\n') == [
        "overlays/o1.toml:1: arg NB_UID = 2: expected at least once, found nowhere\n"
        "  hint: did you mean 'NB_UDI'?"
    ]
    assert (
        "hint: its default is 1 in images/a/Dockerfile:2"
        in refused("FROM x\nARG A=1\n", f'{ARG}from = "3"')[0]
    )
    assert "has no stage 'b', but build, 1" in refused("FROM x AS build\nFROM x\n", f'{ARG}stage = "b"')[0]


# [[env]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FROM x\nENV A=1\n", "FROM x\nENV A=2\n"),
        ("FROM x\nENV A 1 and more\nRUN b\n", "FROM x\nENV A 2\nRUN b\n"),
        ("FROM x\nENV B=1 \\\r\n    A='1'\r\n", "FROM x\nENV B=1 \\\r\n    A='2'\r\n"),
        ("FROM x\nRUN b", "FROM x\nENV A=2\nRUN b"),
        ("FROM x", "FROM x\nENV A=2"),
        ("FROM x\r\nRUN b\r\n", "FROM x\r\nENV A=2\r\nRUN b\r\n"),
        ("FROM x\nARG C=1\nRUN b\n", "FROM x\nARG C=1\nENV A=2\nRUN b\n"),
        ("FROM x AS one\nENV A=1\nFROM x\nRUN b\n", "FROM x AS one\nENV A=1\nFROM x\nENV A=2\nRUN b\n"),
    ],
)
def test_a_variable_is_set_where_the_final_stage_sets_it_or_at_its_beginning(before: str, after: str) -> None:
    assert text(before, ENV) == after


def test_a_variable_is_set_in_the_stage_that_is_named_and_from_the_value_that_is_named() -> None:
    before = "FROM x AS one\nENV A=1\nFROM x\nENV A=1\n"
    assert text(before, f'{ENV}stage = "one"\n') == before.replace("A=1", "A=2", 1)
    assert text(before, f'{ENV}from = "1"\n') == before[:-2] + "2\n"
    (found,) = refused(before, f'{ENV}from = "3*"\n')
    assert found.endswith(
        "expected at least once, found nowhere\n  hint: its value is 1 in images/a/Dockerfile:4"
    )


def test_the_target_of_stacks_toml_is_the_final_stage() -> None:
    settings = ImageSettings("stacks.toml:4", target="one")
    found = image({"a/Dockerfile": "FROM x AS one\nFROM x\n"}, ENV, images=(("a", settings),))
    assert found.dockerfile.text == "FROM x AS one\nENV A=2\nFROM x\n"


# [[append]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FROM x\nRUN b\n", "FROM x\nRUN b\nRUN c\n"),
        ("FROM x\nRUN b", "FROM x\nRUN b\nRUN c"),
        ("FROM x\r\nRUN b\r\n\r\n# end\r\n", "FROM x\r\nRUN b\r\nRUN c\r\n\r\n# end\r\n"),
        ("FROM x\nRUN <<E\nb\nE\n", "FROM x\nRUN <<E\nb\nE\nRUN c\n"),
        ("FROM x AS b\nRUN b\n\n# two\nFROM b\n", "FROM x AS b\nRUN b\n\n# two\nFROM b\nRUN c\n"),
        ("FROM x\nRUN b && \\\n  c\n", "FROM x\nRUN b && \\\n  c\nRUN c\n"),
    ],
)
def test_instructions_follow_the_last_one_of_the_final_stage(before: str, after: str) -> None:
    assert text(before, append("RUN c\n")) == after


def test_instructions_may_stand_before_the_final_user_or_in_another_stage() -> None:
    before = "FROM x AS b\nRUN b\nFROM b\nUSER root\nRUN d\nUSER $NB_UID\n# end\n"
    assert text(before, append("RUN c\nRUN d", 'at = "before-user"')) == before.replace(
        "USER $", "RUN c\nRUN d\nUSER $"
    )
    assert text(before, append("RUN c", 'stage = "b"')) == before.replace("RUN b\n", "RUN b\nRUN c\n")
    (found,) = refused("FROM x\n", append("RUN c", 'at = "before-user"'))
    assert found.endswith('found nowhere\n  hint: there is no USER in the stage: at = "end"')


def test_several_of_one_overlay_come_in_its_order_and_variables_before_them() -> None:
    three = append("RUN c") + append("RUN b") + ENV
    assert text("FROM x\n", three) == "FROM x\nENV A=2\nRUN c\nRUN b\n"
    assert text("FROM x\n", three.replace("RUN b", "RUN d")) == "FROM x\nENV A=2\nRUN c\nRUN d\n"


def test_nothing_is_added_behind_a_line_that_goes_on() -> None:
    (found,) = refused("FROM x\nRUN b \\\n", append("RUN c"))
    assert "images/a/Dockerfile:2 does not end here" in found


@pytest.mark.parametrize(
    ("instructions", "said"),
    [
        ("FROM y\n", "a FROM would begin another stage"),
        ("RUNN c\n", "not instructions of a Dockerfile: "),
        ("RUN c \\\n", "the last line is continued"),
        ("# nothing\n", "there is no instruction in it"),
        ("RUN <<E\nopen\n", "not instructions of a Dockerfile: "),
        ("", "'instructions' is empty"),
    ],
)
def test_what_is_appended_must_be_whole_instructions(instructions: str, said: str) -> None:
    (found,) = misread(append(instructions))
    assert found.startswith(("3: ", "4: "))
    assert said in found


def test_appended_lines_are_continued_as_the_file_does() -> None:
    backtick = "# escape=`\nFROM x\n"
    assert text(backtick, append("RUN a `\n && b")) == f"{backtick}RUN a `\n && b\n"
    for before, said in ((backtick, "\\"), ("FROM x\n", "`")):
        (found,) = refused(before, append(f"RUN a {said}\n && b"))
        assert found.startswith("overlays/o1.toml:1: append RUN a ")
        assert "unknown instruction '&&'" in found


def test_a_place_that_there_is_none_of_is_refused() -> None:
    (found,) = misread(append("RUN c", 'at = "before-usr"'))
    assert found == "5: there is no place 'before-usr'\n  hint: did you mean 'before-user'?"


# [[replace]]


def test_a_literal_text_is_replaced_wherever_it_stands() -> None:
    edit = '[[replace]]\nfrom = "a+b"\nto = "c"\nexpect = 2\n'
    assert text("FROM x\n# a+b\nRUN echo a+b aab\n", edit) == "FROM x\n# c\nRUN echo c aab\n"


def test_a_text_of_several_lines_fits_either_line_break_and_takes_that_of_the_file() -> None:
    edit = "[[replace]]\nfrom = '''RUN a\nRUN b'''\nto = '''RUN c\nRUN d'''\n"
    assert text("FROM x\r\nRUN a\r\nRUN b\r\n", edit) == "FROM x\r\nRUN c\r\nRUN d\r\n"
    assert text("FROM x\nRUN a\nRUN b", edit) == "FROM x\nRUN c\nRUN d"


def test_a_text_is_replaced_in_one_stage_only() -> None:
    edit = '[[replace]]\nfrom = "echo"\nto = "true"\nstage = "b"\n'
    before = "FROM x AS b\nRUN echo\nFROM b\nRUN echo\n"
    assert text(before, edit) == before.replace("echo", "true", 1)


def test_what_is_a_part_of_the_new_text_already_stays() -> None:
    edit = '[[replace]]\nfrom = "tensorflow"\nto = "tensorflow-gpu"\n'
    before = "FROM x\nRUN pip install tensorflow-gpu tensorflow\n"
    assert text(before, edit) == "FROM x\nRUN pip install tensorflow-gpu tensorflow-gpu\n"
    (found,) = refused("FROM x\nRUN pip install tensorflow-gpu\n", edit)
    assert found.endswith("hint: images/a/Dockerfile:2 says 'tensorflow-gpu' already")


def test_a_replacement_that_makes_new_places_is_refused() -> None:
    (found,) = refused("FROM x\nRUN aab\n", '[[replace]]\nfrom = "ab"\nto = "b"\n')
    assert found.endswith(
        "what it leaves in images/a/Dockerfile matches again\n  hint: take in more of what stands around it"
    )


def test_a_replacement_that_breaks_the_dockerfile_names_the_edit() -> None:
    (found,) = refused("FROM x\nRUN b\n", '[[replace]]\nfrom = "RUN b"\nto = "RUNN b"\n')
    assert found.startswith("images/a/Dockerfile:2: ")
    (found,) = refused("FROM x\nRUN b\n", '[[replace]]\nfrom = "FROM x"\nto = ""\n')
    assert "overlays/o1.toml:1" in found or "FROM" in found


def test_lines_that_look_alike_are_shown() -> None:
    (found,) = refused(
        "FROM x\nRUN echo hello  world\n", '[[replace]]\nfrom = "RUN echo hello world"\nto = ""\n'
    )
    assert found.endswith("hint: nearest: 'RUN echo hello  world' in images/a/Dockerfile:2")
