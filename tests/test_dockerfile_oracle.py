"""Differential: our reading against BuildKit's own parser (of 2022, in the package `dockerfile`).

What the oracle does differently from today's BuildKit is kept out of its way: it cuts strings at NUL; it
takes `["a"] b` for an exec form; it hides the heredocs of ONBUILD; inside flags, its escape character is
always the backslash; it knows neither `<< EOF` with a blank nor `# check=`; and it takes UTF-8 only.
"""

from __future__ import annotations

import os
from pathlib import Path

import dockerfile as oracle
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.dockerfile import Instruction
from pipeline.dockerfile.reading import taken_apart
from pipeline.dockerfile.statements import StatementError
from pipeline.dockerfile.words import NotStringsError

CORPUS = sorted(Path(__file__).parent.glob("dockerfiles/*.Dockerfile"))
# Where the corpus holds what the oracle does not know yet.
NEWER = {"check_before_escape", "exec_forms", "hostile", "invalid_utf8"}

KNOWN = {
    *(
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
    ),
    *("SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}

Reading = list[tuple[object, ...]]


def ours(text: str) -> Reading:
    return [
        (
            one.keyword.upper(),
            one.inner.keyword.upper() if one.inner else None,
            one.flags,
            words(one.inner or one),
            (one.inner or one).exec_form,
            (one.line, one.end_line),
            tuple((heredoc.name, heredoc.body) for heredoc in one.heredocs if not one.inner),
        )
        for one in taken_apart(text)[1]
    ]


def words(instruction: Instruction) -> tuple[str | None, ...]:
    if instruction.keyword in {"ENV", "LABEL"}:
        return tuple(part for pair in instruction.pairs() for part in pair)
    return instruction.words() if instruction.keyword in KNOWN else ("",)


def theirs(text: str) -> Reading:
    return [
        (
            # a line that is all escapes and blanks gives an instruction without a name
            (one.cmd or "").upper(),
            one.sub_cmd.upper() if one.sub_cmd else None,
            tuple(one.flags),
            tuple(one.value),
            one.json,
            (one.start_line, one.end_line),
            tuple((heredoc.name, heredoc.content) for heredoc in one.heredocs),
        )
        for one in oracle.parse_string(text)
    ]


@pytest.mark.parametrize("path", [p for p in CORPUS if p.stem not in NEWER], ids=lambda path: path.stem)
def test_the_corpus_is_read_as_buildkit_reads_it(path: Path) -> None:
    text = path.read_bytes().decode()
    assert ours(text) == theirs(text)


@pytest.mark.parametrize("name", sorted(NEWER))
def test_what_is_left_out_of_the_corpus_is_what_the_oracle_does_not_know(name: str) -> None:
    text = Path(__file__).parent.joinpath(f"dockerfiles/{name}.Dockerfile").read_bytes()
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        assert ours(text.decode()) == theirs(text.decode())


BLANK = st.sampled_from([" ", "  ", "\t", " \t "])
WORD = st.one_of(
    st.sampled_from(
        [
            "a",
            "b.txt",
            "/x",
            "$A",
            "${A:-b}",
            '"q r"',
            "'s t'",
            "é",
            "\\$",
            "\\ ",
            "\\\\",
            "a=b",
            "[x",
            'A="x y"',
            "<<x",
        ]
    ),
    st.text(alphabet="ab$\\\"'=#]{},:-é\u2028", min_size=1, max_size=6).filter(lambda word: "<<" not in word),
)
GAP = st.one_of(
    BLANK,
    st.sampled_from(
        [" \\\n", " \\ \t\n  ", "\\\n", " \\\n# c\n", " \\\n\n ", " \\\r\n", " \\\n  # c \\\n\n\t"]
    ),
)
WORDS = st.lists(WORD, max_size=5)
FLAG = st.sampled_from(
    ["--from=b", "--mount=type=bind,target=/x", "--x", "--y='a b'", "--link", '--z=\\"q\\"']
)
EXEC = st.lists(st.text(alphabet='ab "\\é$', max_size=4), max_size=3)
KEYWORD = st.sampled_from(
    [
        "FROM",
        "RUN",
        "Copy",
        "add",
        "CMD",
        "ENTRYPOINT",
        "VOLUME",
        "SHELL",
        "USER",
        "WORKDIR",
        "EXPOSE",
        "ARG",
        "ENV",
        "LABEL",
        "STOPSIGNAL",
        "MAINTAINER",
        "HEALTHCHECK",
        "ONBUILD RUN",
        "ONBUILD COPY",
        "onbuild env",
    ]
)


@st.composite
def instructions(draw: st.DrawFn) -> str:
    keyword = draw(st.sampled_from(["", " ", "\t"])) + draw(KEYWORD)
    flags = draw(st.lists(FLAG, max_size=2))
    if draw(st.integers(0, 3)) == 0:
        body = '["' + '" ,"'.join(one.replace("\\", "\\\\").replace('"', '\\"') for one in draw(EXEC)) + '"]'
        parts = [*flags, body]
    else:
        parts = [*flags, *draw(WORDS)]
    text = keyword + draw(GAP) + "".join(part + draw(GAP) for part in parts[:-1]) + "".join(parts[-1:])
    if not text.endswith("]") and draw(st.integers(0, 4)) == 0:
        name, mark = draw(
            st.sampled_from([("EOF", "<<EOF"), ("E", "<<-E"), ("X", "<<'X'"), ("Y Z", '<<"Y Z"')])
        )
        lines = draw(st.lists(st.sampled_from(["FROM x", "# c", "a \\", "", "\tt", "é", "$A"]), max_size=3))
        return "\n".join([f"{text} {mark}", *lines, name])
    return text


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    top = draw(
        st.sampled_from(
            ["", "", "\ufeff", "# syntax=x/y:1\n", "# escape=\\\n", "# c\n\n", "#escape = \\\r\n"]
        )
    )
    between = st.sampled_from(["\n", "\n", "\n\n", "\n# c\n", "\r\n", "\n  # c \\\n"])
    parts = draw(st.lists(instructions(), max_size=6))
    return (
        top
        + "FROM a"
        + "".join(draw(between) + part for part in parts)
        + draw(st.sampled_from(["", "\n", " \\\n"]))
    )


# thousands where there is time: this is the proof that the reading is BuildKit's
@settings(max_examples=4000 if os.environ.get("STACKBUILD_THOROUGH") else 40)
@given(dockerfiles())
@example("FROM a\nRUN x \\\n")
@example("FROM a\nCOPY a <<X /b\nX\n")
@example("FROM a\n\\ ")
@example("# escape=`\nFROM a\nENV A=b` c `\n  D=\\\n")
def test_any_dockerfile_is_read_as_buildkit_reads_it(text: str) -> None:
    try:
        wanted = theirs(text)
    except oracle.GoParseError:
        with pytest.raises((StatementError, NotStringsError, ValueError)):
            ours(text)
    else:
        assert ours(text) == wanted
