"""TOML read strictly: every problem, at its line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import config, lock, overlay
from pipeline.errors import InputError
from pipeline.tomlfile import Document, Path, among, nearest

READERS: list[Callable[[str], object]] = [
    lambda text: config.parse(text, "stacks.toml"),
    lambda text: lock.parse(text, "stacks.lock"),
    lambda text: overlay.read_overlay(text, "cuda", "overlays/cuda.toml"),
]
TOKENS = [
    "project", "name", "registry", "platform", "tree", "path", "refs", "args", "images", "variant",
    "overlays", "smoke", "run", "timeout", "names", "tags", "git", "ref", "root", "digest",
    "refreshed", "format", "package", "from", "to", "image", "expect", "manager", "true", "inf",
    "[", "]", "[[", "]]", "{", "}", "=", ".", ",", '"', "'", '"""', "\\", "\n", "\n", "\n", " = ",
    "#", "\r\n", '"x"', '"{image}"', '"jupyter/{image}"', '"{date}"', '""', '"a:b"', "1", "-1", "1.5",
    "1979-05-27", "[]", '["x"]', "[1]", "{}", "é", "\x00", "\u2028", "\ud800",
    '[tree.a]\npath = "x"\n', "[[smoke]]\n", "[[root]]\n", "[[package]]\n", '[root."debian:12"]\n',
    "9" * 5000,
]  # fmt: skip


def messages(error: InputError) -> list[str]:
    return [f"{problem.where}: {problem.message}" for problem in error.problems]


@pytest.mark.parametrize("read", READERS)
@given(tokens=st.lists(st.sampled_from(TOKENS) | st.text(max_size=3), max_size=25))
def test_any_text_is_read_or_is_an_input_error(read: Callable[[str], object], tokens: list[str]) -> None:
    with contextlib.suppress(InputError):
        read("".join(tokens))


FILLERS = [
    "",
    "# comment",
    "# [root]",
    '[other]\ny = """\n[x]\nkey = 1\n"""',
    "[[lists]]\nkey = 1\nmany = [\n  ['k1 = 2'],\n  [\n]]",
    "[[deep.er]]\nkey = { key = 1, b = [{ c = 2 }] }",
    "[[deep.er]]\n[deep.er.inner]\na = '''\n[x]\nkey = 3'''",
    "# \u2028\x85 no line ends here",
]


@given(st.lists(st.sampled_from(FILLERS), min_size=4, max_size=8))
def test_a_keys_place_is_its_line_whatever_stands_around_it(fillers: list[str]) -> None:
    lines: list[str] = []
    places: dict[Path, int] = {}
    for number, filler in enumerate(fillers):
        lines += filler.replace("[other]", f"[other{number}]").split("\n")
        lines += [f"[table{number}.inner]", '"a key" = 1']
        places[f"table{number}", "inner"] = len(lines) - 1
        places[f"table{number}", "inner", "a key"] = len(lines)
    document = Document("\n".join(lines), "f")
    for path, line in places.items():
        assert document.where(path) == f"f:{line}"


def test_each_table_of_a_list_has_its_own_place() -> None:
    document = Document("[[a]]\nx = 1\n[[a.b]]\ny = 1\n\n[[a]]\nx = 2\n[[a.b]]\n[[a.b]]\ny = 2\n", "f")
    assert document.where(("a", 0, "x")) == "f:2"
    assert document.where(("a", 1, "x")) == "f:7"
    assert document.where(("a", 0, "b", 0, "y")) == "f:4"
    assert document.where(("a", 1, "b", 1, "y")) == "f:10"


def test_what_is_not_written_has_the_place_of_what_is_around_it() -> None:
    document = Document("\n[tree.notebooks.images.base]\nargs = {}\n", "f")
    assert document.where(("tree", "notebooks", "path")) == "f:2"
    assert document.where(("project", "name")) == "f:1"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("a = 1\nb = \n", "f:2", "invalid value"),
        ("a = 1\na = 2", "f:2", "cannot overwrite a value"),
        ('a = "x', "f:1", "unterminated string"),
        ("a = [1,\n\n", "f:1", "invalid value"),
        ('a = """\nb\n', "f:2", "unterminated string"),
        ("a = " + "[" * 100_000, "f", "nested too deep"),
        ("a = " + "9" * 5000, "f", "a number is too long"),
    ],
)
def test_what_is_no_toml_is_said_at_its_line(text: str, where: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Document(text, "f")
    (problem,) = caught.value.problems
    assert problem.where == where
    assert problem.message.startswith(f"not valid TOML: {message}")


def test_every_wrong_type_is_named_with_what_is_there_instead() -> None:
    document = Document(
        "a = 1\nb = true\nc = 'x'\nd = [1]\ne = 1\nf = 2020-01-01\ng = {x = 1}\nh = 1\ni = 1.5", "f"
    )
    root = document.root
    assert root.take("a", str, "default") == "default"
    assert root.take("b", int, 7) == 7
    assert root.take("c", bool, default=False) is False
    assert root.strings("d", ("default",)) == ("default",)
    assert not list(root.tables("e"))
    assert not list(root.list("h"))
    assert root.take("f", str, "") == ""
    assert root.pairs("g") == ()
    assert root.take("i", int, 7) == 7
    with pytest.raises(InputError) as caught:
        document.check()
    assert messages(caught.value) == [
        "f:1: 'a' must be a string, not a whole number",
        "f:2: 'b' must be a whole number, not true or false",
        "f:3: 'c' must be true or false, not a string",
        "f:4: 'd' must be a list of strings, but has a whole number in it",
        "f:5: 'e' must be a table, not a whole number",
        "f:6: 'f' must be a string, not a date",
        "f:7: 'g.x' must be a string, not a whole number",
        "f:8: 'h' must be a list of tables, not a whole number",
        "f:9: 'i' must be a whole number, not a decimal number",
    ]


def test_a_pair_that_is_no_string_is_said_at_its_own_line() -> None:
    document = Document("[args]\na = 'x'\nb = 1.10\n", "f")
    assert document.root.pairs("args") == (("a", "x"),)
    (problem,) = document.problems
    assert (problem.where, problem.hint) == ("f:3", "put it in quotes")


def test_a_table_in_the_wrong_place_says_how_it_is_written() -> None:
    document = Document("tree = {a = 1}\nsmoke = [2]\n", "f")
    assert not list(document.root.tables("tree"))
    assert not list(document.root.list("smoke"))
    assert [(p.where, p.hint) for p in document.problems] == [
        ("f:1", "write [tree.NAME], then its settings"),
        ("f:2", "write [[smoke]], then its settings"),
    ]


def test_a_missing_or_empty_text_is_a_problem_of_the_table_or_the_key() -> None:
    document = Document("x = 1\n[t]\na = ''\n", "f")
    table = document.root.table("t")
    assert (table.need("a"), table.need("b", "give one")) == ("", "")
    assert [str(problem) for problem in document.problems] == [
        "f:3: 'a' is empty",
        "f:2: 'b' is missing\n  hint: give one",
    ]


def test_one_or_more_is_a_string_or_a_list_with_something_in_it() -> None:
    document = Document("a = 'x'\nb = ['x', 'y']\nc = []\nd = true\ne = [1]\n", "f")
    take = document.root.one_or_more
    assert [take(key, "*") for key in "abcdef"] == [("x",), ("x", "y"), ("*",), ("*",), ("*",), ("*",)]
    assert [problem.where for problem in document.problems] == ["f:3", "f:4", "f:5"]


def test_what_nobody_takes_is_unknown_with_the_nearest_that_is_known() -> None:
    document = Document("nmae = 'x'\nqqq = 1\n", "f")
    document.root.take("name", str, "")
    document.root.take("zone", str, "")
    document.root.close()
    assert [str(problem) for problem in document.problems] == [
        "f:1: unknown setting 'nmae'\n  hint: did you mean 'name'?",
        "f:2: unknown setting 'qqq'\n  hint: known here: name, zone",
    ]


def test_what_is_read_instead_of_a_value_of_a_wrong_type_is_no_second_problem() -> None:
    document = Document("a = 1\nb = [2]\nc = ''\n", "f")
    document.root.take("a", str, "")
    document.root.strings("b")
    document.root.take("c", str, "")
    for key in "abc":
        document.root.problem("'' is no size", key)
    assert [problem.where for problem in document.problems] == ["f:1", "f:2", "f:3"]
    assert [problem.message == "'' is no size" for problem in document.problems] == [False, False, True]


def test_a_problem_found_twice_is_said_once() -> None:
    document = Document("a = 1", "f")
    document.root.take("a", str, "")
    document.root.take("a", str, "")
    with pytest.raises(InputError) as caught:
        document.check()
    assert len(caught.value.problems) == 1


def test_a_file_without_problems_checks() -> None:
    Document("a = 1", "f").check()


def test_the_nearest_word_is_a_question_and_none_is_nothing() -> None:
    assert nearest("scipy-notbook", ["base-notebook", "scipy-notebook"]) == "did you mean 'scipy-notebook'?"
    assert nearest("zzz", ["base-notebook"]) == nearest("x", []) == ""


def test_of_words_that_are_as_near_the_one_that_begins_alike_is_meant() -> None:
    assert nearest("img0O", ["img00", "img10", "img20"]) == "did you mean 'img00'?"


def test_where_no_word_is_near_those_that_there_are_are_listed_up_to_a_dozen() -> None:
    assert among("bsae", ["base", "child"]) == "did you mean 'base'?"
    assert among("zzz", ["child", "base"]) == "there are: base, child"
    assert among("zzz", []) == "there are: none"
    many = [f"image-{number:02}" for number in range(13)]
    assert among("zzz", many) == f"there are: {', '.join(many[:12])}, …"


def test_a_single_table_where_a_list_of_tables_belongs_is_shown_how_to_write_it() -> None:
    with pytest.raises(InputError) as caught:
        overlay.read_overlay('[root]\nfrom = "a"\n', "o", "o.toml")
    assert [str(problem) for problem in caught.value.problems] == [
        "o.toml:1: 'root' must be a list of tables, not a table\n  hint: write [[root]], then its settings"
    ]
