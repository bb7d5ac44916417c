"""How the text of an instruction reaches the shell, and the files of requirements that it names."""

import pytest
from test_installs import names

from pipeline.installs import RequirementFile, find_installs

# how the text of the instruction reaches the shell


def test_comments_and_blank_lines_inside_a_continuation_are_not_there() -> None:
    text = "RUN pip install \\\n  # pip install no \\\n\n\t# no\n  x \\ \n  y\n"
    assert names(text) == ["pip:x", "pip:y"]


def test_a_comment_behind_a_word_hides_the_lines_that_continue_it() -> None:
    assert names("RUN pip install x # two \\\n  no") == ["pip:x"]


def test_lines_are_counted_in_the_text_as_it_stands() -> None:
    text = "RUN a && \\\r\n  # comment\r\n  pip install \\\r\n    'x==1' \\\r\n    y -r r.txt\r\n"
    installs = find_installs(text)
    assert [(each.name, each.line) for each in installs.requirements] == [("x", 3), ("y", 4)]
    assert installs.files == (RequirementFile("pip", "r.txt", 4),)


def test_the_escape_character_may_be_a_backtick() -> None:
    text = "RUN pip install `\n  x"
    assert [each.name for each in find_installs(text, escape="`").requirements] == ["x"]


def test_two_backslashes_continue_nothing() -> None:
    assert names("RUN pip install x \\\\\n y") == ["pip:x"]


def test_exec_form_has_words_and_no_shell() -> None:
    text = 'RUN ["pip", "install", "x>=1", "-i", "no", "$y", "&&", "a\\u002db", "a\\u005bb]"]'
    found = find_installs(text).requirements
    assert [(each.name, each.rest, each.word) for each in found[:1]] == [("x", ">=1", '"x>=1"')]
    assert names(text) == ["pip:x", 'pip?"a\\u002db"', 'pip?"a\\u005bb]"']


def test_exec_form_may_call_a_shell() -> None:
    text = 'RUN ["/bin/bash", "-o", "pipefail", "-c", "pip install \'x\' \\"y\\" && pip install z"]'
    assert names(text) == ["pip:x", "pip:y", "pip:z"]


def test_what_is_no_json_array_of_strings_is_shell() -> None:
    assert names('RUN ["pip", "install", "x"] && pip install y') == ["pip:y"]
    assert names("RUN ['pip', 'install', 'x']") == []


def test_a_heredoc_that_is_the_whole_run_is_a_script() -> None:
    text = "RUN <<EOF\nset -e\n# pip install no\npip install x \\\n  y\nEOF\n"
    assert names(text) == ["pip:x", "pip:y"]
    assert names("RUN --mount=type=cache,target=/c <<-'EOF'\n\tpip install x\n\tEOF\n") == ["pip:x"]
    assert names("RUN <<EOF\r\npip install x\r\nEOF\r\n") == ["pip:x"]
    assert names("RUN <<A <<B\npip install x\nA\npip install x\nB\n") == []


def test_a_heredoc_with_another_interpreter_is_no_shell_script() -> None:
    assert names("RUN <<EOF\n#!/usr/bin/env python3\npip install x\nEOF") == []
    assert names("RUN <<EOF\n#!/usr/bin/env -S bash -e\npip install x\nEOF") == ["pip:x"]
    assert names("RUN <<EOF\n#!/bin/bash\npip install x\nEOF") == ["pip:x"]
    assert names("RUN python3 <<EOF\npip install x\nEOF") == []


def test_a_heredoc_that_a_shell_reads_is_a_script() -> None:
    assert names("RUN bash -ex <<'EOF'\npip install x\nEOF") == ["pip:x"]
    assert names("RUN <<EOF bash -s -- a\npip install x\nEOF") == ["pip:x"]
    assert names("RUN bash script.sh <<EOF\npip install x\nEOF") == []


def test_a_heredoc_that_any_other_command_reads_is_data() -> None:
    text = "RUN cat <<A > a && cat <<B > b && pip install x\npip install no\nA\npip install no\nB\n"
    assert names(text) == ["pip:x"]
    assert names("RUN <<EOF\ncat <<A\npip install no\nA\npip install x\nEOF") == ["pip:x"]


@pytest.mark.parametrize(
    "arithmetic", ["((1 << 2))", "echo $(((1 + 2) << 3))", "for ((i = 1 << 2; ; )); do :; done"]
)
def test_a_shift_begins_no_heredoc(arithmetic: str) -> None:
    assert names(f"RUN <<EOF\n{arithmetic}\npip install x\nEOF") == ["pip:x"]


# files of requirements


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("pip install -r a.txt", ("pip", "a.txt")),
        ("pip install -Ur a.txt", ("pip", "a.txt")),
        ("pip install -ra.txt", ("pip", "a.txt")),
        ("pip install --requirement=a.txt", ("pip", "a.txt")),
        ('pip install --requirement "$D/a.txt"', ("pip", "$D/a.txt")),
        ("uv pip sync a.txt", ("pip", "a.txt")),
        ("conda install --file a.txt", ("conda", "a.txt")),
        ("micromamba create -f a.yml", ("conda", "a.yml")),
        ("mamba env update -n base -f a.yml", ("conda", "a.yml")),
        ("conda env create --file=a.yml", ("conda", "a.yml")),
    ],
)
def test_a_file_of_requirements_is_named_as_written(command: str, found: tuple[str, str]) -> None:
    installs = find_installs(f"RUN {command}")
    assert installs.files == (RequirementFile(*found, line=0),)
    assert installs.requirements == ()


@pytest.mark.parametrize("command", ["pip install -r <(cat a)", "uv pip list a", "pip download -r a"])
def test_any_other_argument_names_no_file_of_requirements(command: str) -> None:
    assert find_installs(f"RUN {command}").files == ()


def test_a_file_of_constraints_and_a_forced_conda_install_name_no_file_of_requirements() -> None:
    assert find_installs("RUN pip install -c a.txt").files == ()
    assert names("RUN conda install -f x") == ["conda:x"]
