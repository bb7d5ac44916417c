"""Two Dockerfiles that say the same have one normal form, and others have not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dockerfile import normal_form, parse


def form(text: str) -> tuple[str, ...]:
    return normal_form(parse(text.encode(), "Dockerfile"))


SAME = [
    ("comments and blank lines", "FROM a\n# c\n\nRUN b\n", "FROM a\nRUN b\n"),
    ("line ends", "FROM a\r\nRUN b \\\r\n c\r\n", "FROM a\nRUN b \\\n c"),
    ("a byte order mark", "\ufeffFROM a\n", "FROM a\n"),
    ("the case of keywords", "from a as B\nrun x\n", "FROM a AS b\nRUN x\n"),
    ("the default escape character", "# escape=\\\nFROM a\n", "FROM a\n"),
    ("what to check", "# check=skip=all\nFROM a\n", "FROM a\n"),
    ("wrapping of RUN", "FROM a\nRUN b && \\\n    # why\n    c \\\n\n  d\n", "FROM a\nRUN b && c d\n"),
    ("wrapping of COPY", "FROM a\nCOPY b \\\n   c /d/\n", "FROM a\nCOPY b c /d/\n"),
    ("wrapping of ENV", 'FROM a\nENV A=1 \\\n    B="x y"\n', 'FROM a\nENV A=1 B="x y"\n'),
    ("wrapping of FROM", "FROM \\\n  a\n", "FROM a\n"),
    (
        *("blanks between flags", "FROM a\nRUN --network=none \\\n --mount=target=/x b\n", "")[:2],
        "FROM a\nRUN --network=none --mount=target=/x b\n",
    ),
    ("blanks in an exec form", 'FROM a\nCMD [ "b","c" ]\n', 'FROM a\nCMD ["b", "c"]\n'),
    (
        "blanks beside quotes",
        "FROM a\nRUN b  'c  d'   \"e $F ${G}\"\n",
        "FROM a\nRUN b 'c  d' \"e $F ${G}\"\n",
    ),
]


@pytest.mark.parametrize(("one", "other"), [(one, other) for _, one, other in SAME], ids=[x[0] for x in SAME])
def test_the_layout_does_not_count(one: str, other: str) -> None:
    assert form(one) == form(other)


DIFFERENT = [
    ("words", "FROM a\nRUN b c\n", "FROM a\nRUN bc\n"),
    ("order", "FROM a\nRUN b\nRUN c\n", "FROM a\nRUN c\nRUN b\n"),
    ("flags", "FROM a\nRUN --network=none b\n", "FROM a\nRUN b\n"),
    ("flags against words", "FROM a\nRUN --network=none b\n", 'FROM a\nRUN "--network=none" b\n'),
    ("flags against words behind --", "FROM a\nRUN --network=none\n", "FROM a\nRUN -- --network=none\n"),
    ("stage names", "FROM a AS b\n", "FROM a\n"),
    ("syntax", "# syntax=x\nFROM a\n", "FROM a\n"),
    ("the escape character", "# escape=`\nFROM a\n", "FROM a\n"),
    ("heredoc bodies", "FROM a\nRUN <<E\nb\nE\n", "FROM a\nRUN <<E\nb \nE\n"),
    ("comments in heredocs", "FROM a\nRUN <<E\n# b\nE\n", "FROM a\nRUN <<E\nE\n"),
    ("quoted heredoc names", "FROM a\nCOPY <<E x\nb\nE\n", "FROM a\nCOPY <<'E' x\nb\nE\n"),
    ("shell and exec form", 'FROM a\nRUN ["b"]\n', "FROM a\nRUN b\n"),
    ("the case of words", "FROM a\nRUN B\n", "FROM a\nRUN b\n"),
    ("blanks in single quotes", "FROM a\nRUN b 'c  d'\n", "FROM a\nRUN b 'c d'\n"),
    ("blanks in double quotes", 'FROM a\nRUN b "c  d"\n', 'FROM a\nRUN b "c d"\n'),
    ("escaped blanks", "FROM a\nRUN b\\  c\n", "FROM a\nRUN b\\ c\n"),
    ("quotes in $(..) in quotes", 'FROM a\nRUN "$(b "c  d")"\n', 'FROM a\nRUN "$(b "c d")"\n'),
    ("quotes in backticks in quotes", 'FROM a\nRUN "`b "c  d"`"\n', 'FROM a\nRUN "`b "c d"`"\n'),
    ("quotes in ${..} in quotes", 'FROM a\nRUN "${B:-"c  d"}"\n', 'FROM a\nRUN "${B:-"c d"}"\n'),
    ("dollar quotes", "FROM a\nRUN b $'c\\'  d'\n", "FROM a\nRUN b $'c\\' d'\n"),
    ("defaults in assignments", "FROM a\nRUN b=${C:-d  e}\n", "FROM a\nRUN b=${C:-d e}\n"),
    ("what is stored as it is", "FROM a\nCMD b  c\n", "FROM a\nCMD b c\n"),
    ("blanks for cmd.exe", 'FROM a\nSHELL ["cmd"]\nRUN b  c\n', 'FROM a\nSHELL ["cmd"]\nRUN b c\n'),
    ("triggers, whose shell is not known", "FROM a\nONBUILD RUN b  c\n", "FROM a\nONBUILD RUN b c\n"),
    ("tabs for one blank in ENV", "FROM a\nENV A b  c\n", "FROM a\nENV A b c\n"),
]


@pytest.mark.parametrize(
    ("one", "other"), [(one, other) for _, one, other in DIFFERENT], ids=[x[0] for x in DIFFERENT]
)
def test_everything_else_does(one: str, other: str) -> None:
    assert form(one) != form(other)


WORDS = st.lists(st.text(alphabet="ab=.$_-", min_size=1, max_size=5), min_size=1, max_size=6)
GAPS = st.sampled_from([" ", "  ", "\t", " \\\n", " \\\n    ", " \\\n# c \\\n\n  ", " \\\r\n "])


@given(WORDS.filter(lambda words: not words[0].startswith("--")), st.data())
def test_a_run_may_be_wrapped_anywhere_between_words(words: list[str], data: st.DataObject) -> None:
    wrapped = words[0] + "".join(data.draw(GAPS) + word for word in words[1:])
    assert form(f"FROM a\nRUN {wrapped}\n") == form(f"FROM a\nRUN {' '.join(words)}\n")


@given(st.lists(st.text(alphabet="ab \\\"'$(`){}x", max_size=12), max_size=2))
def test_collapsing_never_changes_what_the_shell_makes_of_it(texts: list[str]) -> None:
    """Whatever the form puts together must be the same words to a shell."""
    values = [" ".join(text.split()) for text in texts]
    for text, value in zip(texts, values, strict=True):
        if not text.strip() or text.rstrip().endswith("\\"):
            continue
        same = form(f"FROM a\nRUN x {text}\n") == form(f"FROM a\nRUN x {value}\n")
        if same and f"x {text}".rstrip() != f"x {value}":
            assert sh_words(f"x {text}") == sh_words(f"x {value}")


def sh_words(text: str) -> list[str]:
    """The words of a simple command without substitutions inside double quotes, quotes gone."""
    words, held, quote, at, inside = [], "", "", 0, False
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\" and quote != "'":
            held, inside, at = held + text[at : at + 1], True, at + 1
        elif quote:
            if char == quote:
                quote = ""
            else:
                held += char
        elif char in "'\"":
            quote, inside = char, True
        elif char == " ":
            if inside:
                words.append(held)
            held, inside = "", False
        else:
            held, inside = held + char, True
    return [*words, held] if inside else words
