"""Quotes, escapes and variables mean what they mean to BuildKit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dockerfile.shell import ShellError, expand
from pipeline.dockerfile.trim import replaced, without_prefix, without_suffix

VALUES = {"V": "value", "E": "", "P": "a/b/a/b", "N": "V", "_x1": "y", "É": "é"}


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("$V", "value"),
        ("${V}", "value"),
        ("$V.$V", "value.value"),
        ("$Vx", ""),
        ("${V}x", "valuex"),
        ("$_x1-$É", "y-é"),
        ("$UNSET|${UNSET}", "|"),
        ("$", "$"),
        ("$/", "$/"),
        ("$12$V", "value"),
        ("$$V", "V"),
        ("$?x", "x"),
        ("${V:-x}${E:-x}${UNSET:-x}", "valuexx"),
        ("${V-x}${E-x}${UNSET-x}", "valuex"),
        ("${V:+x}|${E:+x}|${UNSET:+x}", "x||"),
        ("${V+x}|${E+x}|${UNSET+x}", "x|x|"),
        ("${V:?x}${V?x}${E?x}", "valuevalue"),
        ("${UNSET:-$V}", "value"),
        ("${UNSET:-${E:-${V}}}", "value"),
        ("${UNSET:-'$V'}", "$V"),
        ('${UNSET:-"}"}', "}"),
        ("${UNSET:-\\}}", "}"),
    ],
)
def test_variables_are_substituted(word: str, text: str) -> None:
    assert expand(word, VALUES.get) == text


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("${P#*/}", "b/a/b"),
        ("${P##*/}", "b"),
        ("${P%/*}", "a/b/a"),
        ("${P%%/*}", "a"),
        ("${P#x}", "a/b/a/b"),
        ("${P#?}", "/b/a/b"),
        ("${P%?b}", "a/b/a"),
        ("${P#\\a}", None),
        ("${P#a\\/}", "b/a/b"),
        ("${E#*}${UNSET##x}", ""),
        ("${P/a/x}", "x/b/a/b"),
        ("${P//a/x}", "x/b/x/b"),
        ("${P//\\//-}", "a-b-a-b"),
        ("${P/a*a/x}", "x/b"),
        ("${P//?b/}", "a/a"),
        ("${P/$UNSET/x}", "xa/b/a/b"),
        ("${P//b/$N}", "a/V/a/V"),
        ("${P/b}", None),
        ("${V:#x}", None),
    ],
)
def test_patterns_cut_and_replace(word: str, text: str | None) -> None:
    if text is None:
        with pytest.raises(ShellError):
            expand(word, VALUES.get)
    else:
        assert expand(word, VALUES.get) == text


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("'$V'", "$V"),
        ('"$V"', "value"),
        ("a'b'\"c\"", "abc"),
        ("\\$V", "$V"),
        ('"\\$V\\n\\""', '$V\\n"'),
        ("a\\ b\\\\", "a b\\"),
        ("''", ""),
        ("'\\'", "\\"),
        ("end\\", "end"),
        ("`", "`"),
    ],
)
def test_quotes_and_escapes_are_taken_away(word: str, text: str) -> None:
    assert expand(word, VALUES.get) == text


def test_the_escape_character_can_be_a_backtick() -> None:
    assert expand('`$V \\$V "`$V" \\', VALUES.get, "`") == "$V \\value $V \\"


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    assert expand("\udcff", VALUES.get) == "\ufffd"


@pytest.mark.parametrize(
    "word",
    [
        "${",
        "${}",
        "${:x}",
        "${{V}}",
        "${V",
        "${V:-x",
        "${V:}",
        "${V^^}",
        "${V!x}",
        "'x",
        '"x',
        "${V:?}${E:?}",
    ],
)
def test_what_buildkit_refuses_is_refused(word: str) -> None:
    with pytest.raises(ShellError):
        expand(word, VALUES.get)


def test_the_message_of_a_question_mark_is_shown() -> None:
    with pytest.raises(ShellError, match="UNSET: give me a value"):
        expand("${UNSET:?give me a value}", VALUES.get)


def test_deep_nesting_is_refused_and_not_an_endless_descent() -> None:
    with pytest.raises(ShellError, match="nested"):
        expand("${A:-" * 10_000 + "}" * 10_000, VALUES.get)


@given(st.text(alphabet="$V{}:-+?#%/'\"\\a*<` ", max_size=20))
def test_any_word_is_expanded_or_refused(word: str) -> None:
    try:
        told = expand(word, VALUES.get) is not None
    except ShellError as problem:
        told = str(problem) != ""
    assert told


PLAIN = st.text(alphabet="ab/", max_size=8)
PATTERN = st.text(alphabet="ab/*?", max_size=5)


@given(PATTERN, PLAIN, st.booleans())
def test_what_a_pattern_cuts_off_one_end_is_what_its_mirror_image_cuts_off_the_other(
    pattern: str, value: str, longest: bool
) -> None:
    cut = without_prefix(pattern, value, longest=longest)
    assert value.endswith(cut)
    assert without_suffix(pattern[::-1], value[::-1], longest=longest) == cut[::-1]


@given(PATTERN, PLAIN)
def test_the_longest_cut_leaves_no_more_than_the_shortest(pattern: str, value: str) -> None:
    assert len(without_prefix(pattern, value, longest=True)) <= len(
        without_prefix(pattern, value, longest=False)
    )


@given(PLAIN, PLAIN, PLAIN)
def test_without_wildcards_every_match_is_replaced_as_python_does(
    pattern: str, text: str, value: str
) -> None:
    if pattern:
        assert replaced(pattern, text, value, every=True) == value.replace(pattern, text)
        assert replaced(pattern, text, value, every=False) == value.replace(pattern, text, 1)
