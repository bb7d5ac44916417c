"""A Dockerfile's text is read as BuildKit reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dockerfile import Dockerfile, Heredoc, Instruction, parse
from pipeline.errors import InputError

CORPUS = sorted(Path(__file__).parent.glob("dockerfiles/*.Dockerfile"))


def read(text: str) -> Dockerfile:
    return parse(text.encode(), "Dockerfile")


def last(text: str) -> Instruction:
    return read(f"FROM a\n{text}").instructions[-1]


def value(text: str) -> str:
    return last(text).value


def corpus(name: str) -> Dockerfile:
    path = Path(__file__).parent / f"dockerfiles/{name}.Dockerfile"
    return parse(path.read_bytes(), path.name)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_text_gives_the_bytes_of_the_file_back(path: Path) -> None:
    dockerfile = parse(path.read_bytes(), path.name)
    assert dockerfile.text.encode("utf-8", "surrogateescape") == path.read_bytes()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_preamble_and_stages_hold_every_instruction_once_and_in_order(path: Path) -> None:
    dockerfile = parse(path.read_bytes(), path.name)
    parts = [list(dockerfile.preamble), *([stage.instruction, *stage.body] for stage in dockerfile.stages)]
    assert tuple(one for part in parts for one in part) == dockerfile.instructions


def test_a_continued_line_is_joined_with_the_blanks_of_the_next_one() -> None:
    assert value("RUN one \\\n    two\\\n three") == "one     two three"


def test_comments_and_blank_lines_do_not_end_a_continuation() -> None:
    instruction = last("RUN one \\\n# two \\\n\n   # three\n  four\nCMD x")
    assert instruction.keyword == "CMD"
    assert value("RUN one \\\n# two \\\n\n   # three\n  four") == "one   four"


def test_a_comment_that_ends_in_a_backslash_continues_nothing() -> None:
    assert [one.value for one in corpus("comment_with_backslash").instructions] == [
        "debian:12",
        "one",
        "two &&     three",
    ]


def test_two_escape_characters_at_the_end_of_a_line_continue_nothing() -> None:
    assert [one.value for one in corpus("continuations").instructions[1:3]] == [
        "one     two     five\\\\",
        "sixRUN seven",
    ]


def test_nor_do_they_on_the_first_line() -> None:
    assert value("RUN a\\\\\nRUN b") == "b"
    assert value("RUN a\\\\") == "a\\\\"


def test_a_file_may_end_in_the_middle_of_an_instruction() -> None:
    instruction = last("RUN a && \\")
    assert (instruction.value, instruction.line, instruction.end_line) == ("a &&", 2, 2)


def test_lines_are_counted_in_the_file_as_it_is() -> None:
    lines = [(one.line, one.end_line) for one in corpus("heredocs").instructions]
    assert lines == [(1, 1), (2, 5), (6, 11), (12, 16), (17, 19), (20, 20)]


def test_only_a_newline_ends_a_line() -> None:
    assert value("RUN a\x0bb\x0c\x85c\u2028d\re") == "a\x0bb\x0c\x85c\u2028d\re"


def test_what_python_calls_a_blank_and_go_does_not_stays_and_the_reverse_goes() -> None:
    assert value("USER \x1cx\x1f") == "\x1cx\x1f"
    assert value("USER \xa0x\u2003") == "x"


def test_a_blank_that_is_not_ascii_in_front_of_flags_makes_them_words() -> None:
    instruction = last("RUN \xa0--network=none x")
    assert (instruction.flags, instruction.value) == ((), "--network=none x")


def test_carriage_returns_at_line_ends_do_not_count() -> None:
    dockerfile = corpus("crlf")
    assert [one.value for one in dockerfile.instructions] == [
        "BASE=debian:12",
        "$BASE",
        "a &&     b",
        "<<EOF /x",
        '["a"]',
    ]


def test_a_byte_order_mark_is_skipped_but_stays_in_the_text() -> None:
    dockerfile = corpus("bom")
    assert dockerfile.text[0] == "\ufeff"
    assert (dockerfile.escape, dockerfile.stages[0].base) == ("`", "debian:12")


def test_bytes_that_are_not_utf8_are_survived() -> None:
    assert corpus("invalid_utf8").instructions[1].value == 'echo "\udcff\udcfe"   \udce2\udc82'


def test_directives_are_read_in_any_case_and_order() -> None:
    dockerfile = corpus("directives_in_any_case")
    assert (dockerfile.syntax, dockerfile.escape) == ("docker/dockerfile:1.7-labs", "`")
    assert corpus("check_before_escape").escape == "`"


@pytest.mark.parametrize("before", ["\n", "# a comment\n", "FROM a\n", "#!shebang\n"])
def test_a_directive_stands_at_the_very_top(before: str) -> None:
    assert read(f"{before}# escape=`\nFROM a\n").escape == "\\"


def test_keywords_are_upper_case_in_any_case() -> None:
    assert [one.keyword for one in corpus("tabs_and_case").instructions] == [
        "FROM",
        "RUN",
        "COPY",
        "ENV",
        "FROM",
    ]


def test_flags_are_cut_off_and_lose_their_quotes() -> None:
    run = corpus("flags").instructions[2]
    assert run.flags == ("--mount=type=bind,src=quoted dir,dst=/q",)
    assert run.value == "true --not-a-flag"
    assert last("COPY --chown='a:b' --link x y").flags == ("--chown=a:b", "--link")


def test_a_stage_has_its_name_in_lower_case_and_its_base_as_written() -> None:
    stages = corpus("names_and_numbers").stages
    assert [(stage.index, stage.name, stage.base) for stage in stages] == [
        (0, "build", "debian:12"),
        (1, "test", "build"),
        (2, "", "alpine"),
    ]
    assert corpus("cross_platform").stages[0].platform == "$BUILDPLATFORM"


def test_args_before_the_first_from_are_the_preamble() -> None:
    assert [one.value for one in corpus("arg_scopes").preamble] == ["VERSION=1", "ONLY_GLOBAL=g"]


class TestHeredocs:
    def test_their_lines_are_no_instructions(self) -> None:
        run = corpus("heredocs").instructions[1]
        assert run.value == "<<EOF"
        assert run.heredocs == (Heredoc("EOF", "FROM evil\nfrom os import path\n", True, False),)

    def test_a_quoted_name_expands_nothing_and_a_dash_chomps_tabs(self) -> None:
        first, second = corpus("heredocs").instructions[2].heredocs
        assert (first.name, first.expand, first.chomp) == ("PY", False, False)
        assert (second.name, second.expand, second.chomp, second.body) == ("TABS", True, True, "\tindented\n")

    def test_copy_and_add_take_several_beside_real_sources(self) -> None:
        copy = corpus("heredocs").instructions[3]
        assert [one.name for one in copy.heredocs] == ["one.txt", "two.txt"]
        assert copy.words() == ("<<one.txt", '<<"two.txt"', "real.txt", "/there/")

    def test_quoted_marks_and_marks_inside_words_announce_nothing(self) -> None:
        assert corpus("heredocs").instructions[5].heredocs == ()

    def test_their_line_ends_stay_as_they_are(self) -> None:
        assert corpus("crlf").instructions[3].heredocs[0].body == "line\r\n"

    def test_only_run_copy_and_add_have_them_alone_or_behind_onbuild(self) -> None:
        assert last("ENV A=<<EOF\nCMD x").keyword == "CMD"
        assert last("ONBUILD RUN <<EOF\nx\nEOF").heredocs[0].body == "x\n"

    def test_an_exec_form_has_none(self) -> None:
        assert last('RUN ["<<EOF"]\nCMD x').keyword == "CMD"

    def test_what_stands_between_backslash_and_newline_stays_in_the_body(self) -> None:
        assert last("RUN <<E\na \\\n# b\n\nE").heredocs[0].body == "a \\\n# b\n\n"


class TestWords:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('RUN ["a", "b c", "\\u00e9"]', ("a", "b c", "é")),
            ('RUN [ "a" ] || true', ('[ "a" ] || true',)),
            ("RUN a  b", ("a  b",)),
            ('COPY ["a b", "/c"]', ("a b", "/c")),
            ("COPY a\t b  /c", ("a", "b", "/c")),
            ('COPY "a b" /c', ('"a', 'b"', "/c")),
            ("ENV A=1 B=\"x y\" C='p q' D=r\\ s", ("A=1", 'B="x y"', "C='p q'", "D=r\\ s")),
            ("ENV A some  words", ("A", "some  words")),
            ("ARG A=1 B", ("A=1", "B")),
            ("EXPOSE 80  443/udp", ("80", "443/udp")),
            ("USER a b", ("a b",)),
            ("CMD", ()),
            ("HEALTHCHECK --retries=1 CMD  ping me", ("CMD", "ping me")),
            ('HEALTHCHECK CMD ["ping", "me"]', ("CMD", "ping", "me")),
            ("ONBUILD COPY --link a b", ("COPY", "a", "b")),
        ],
    )
    def test_each_keyword_is_split_in_its_own_way(self, text: str, words: tuple[str, ...]) -> None:
        assert last(text).words() == words

    @pytest.mark.parametrize(
        ("text", "exec_form"),
        [
            ('CMD ["a"]', True),
            ("CMD []", True),
            ('CMD ["a"', False),
            ('CMD ["a",]', False),
            ('CMD ["a"] b', False),
            ("CMD ['a']", False),
            ("CMD [NaN]", False),
            ("CMD [1e999]", False),
            ('HEALTHCHECK CMD ["a"]', True),
            ("HEALTHCHECK CMD a", False),
            ('USER ["a"]', False),
        ],
    )
    def test_an_exec_form_is_a_json_array_and_what_is_no_json_is_a_shell_form(
        self, text: str, exec_form: bool
    ) -> None:
        assert last(text).exec_form is exec_form

    def test_names_and_values_come_in_pairs(self) -> None:
        assert last('LABEL a=b "c d"=e').pairs() == (("a", "b"), ('"c d"', "e"))
        assert last("ENV A the rest").pairs() == (("A", "the rest"),)
        assert last("ARG A B= C=1").pairs() == (("A", None), ("B", ""), ("C", "1"))

    def test_the_escape_character_of_the_file_counts_in_words(self) -> None:
        dockerfile = read("# escape=`\nFROM a\nENV A=b` c D=e\\")
        assert dockerfile.instructions[-1].words() == ("A=b` c", "D=e\\")


class TestOnbuild:
    def test_the_wrapped_instruction_is_read_too(self) -> None:
        onbuild = last("ONBUILD  RUN --mount=type=cache,target=/c  make  it")
        assert (onbuild.keyword, onbuild.value) == ("ONBUILD", "RUN --mount=type=cache,target=/c  make  it")
        assert onbuild.inner is not None
        assert (onbuild.inner.keyword, onbuild.inner.value) == ("RUN", "make  it")
        assert onbuild.inner.flags == ("--mount=type=cache,target=/c",)

    def test_what_no_child_could_build_is_still_taken_as_buildkit_takes_it(self) -> None:
        assert last("ONBUILD NONSENSE x").inner is not None


SOMETHING = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(
        st.sampled_from(
            [
                "FROM",
                "RUN",
                "COPY",
                "ARG",
                "ENV",
                "ONBUILD",
                "LABEL",
                "\n",
                "\\\n",
                " ",
                "<<EOF",
                "EOF",
                "#",
                "[",
                '"',
                "'",
                "$",
                "{",
                "}",
                "--",
                "--mount=",
                "=",
                ",",
                "${A:-",
                "\r",
                "\x00",
                "é",
                "\t",
                ":",
                "%",
                "/",
            ]
        ),
        max_size=40,
    ).map(lambda parts: "".join(parts).encode()),
)


@given(SOMETHING)
def test_any_bytes_are_read_or_refused_with_a_place(data: bytes) -> None:
    try:
        parse(b"FROM a\n" + data, "Dockerfile")
    except InputError as error:
        places = {problem.where.partition(":")[0] for problem in error.problems}
    else:
        places = {"Dockerfile"}
    assert places == {"Dockerfile"}
