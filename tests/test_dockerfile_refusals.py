"""What BuildKit refuses is an error with a place and, where there is one, a way out."""

from __future__ import annotations

import pytest

from pipeline.dockerfile import facts, parse
from pipeline.errors import InputError


def refusal(text: str | bytes) -> InputError:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(InputError) as caught:
        parse(data, "x/Dockerfile")
    return caught.value


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", "x/Dockerfile", "no instruction"),
        ("# only a comment\n\n", "x/Dockerfile", "no instruction"),
        ("ARG A=1\n", "x/Dockerfile", "there is no FROM"),
        ("RUN a\nFROM b\n", "x/Dockerfile:1", "RUN stands before the first FROM"),
        ("FROM\n", "x/Dockerfile:1", "one or three"),
        ("FROM a b\n", "x/Dockerfile:1", "one or three"),
        ("FROM a AS\n", "x/Dockerfile:1", "one or three"),
        ("FROM a # the base\n", "x/Dockerfile:1", "one or three"),
        ("FROM a IS b\n", "x/Dockerfile:1", "one or three"),
        ("FROM a AS 1b\n", "x/Dockerfile:1", "'1b' is not a stage's name"),
        ("FROM a AS b/c\n", "x/Dockerfile:1", "'b/c' is not a stage's name"),
        ("FROM --platform a\n", "x/Dockerfile:1", "'--platform' needs a value"),
        ("FROM a\nFORM b\n", "x/Dockerfile:2", "unknown instruction 'FORM'"),
        ("FROM a\n\n\\\n", "x/Dockerfile:3", "unknown instruction ''"),
        ("FROM a\nRUN\xa0x\n", "x/Dockerfile:2", "unknown instruction"),
        ("FROM a\n\u017fHELL []\n", "x/Dockerfile:2", "unknown instruction"),
        ("FROM a\nRUN --net=none x\n", "x/Dockerfile:2", "unknown flag '--net' of RUN"),
        ("FROM a\nADD --from=b x y\n", "x/Dockerfile:2", "unknown flag '--from' of ADD"),
        ("FROM a\nWORKDIR --x /y\n", "x/Dockerfile:2", "unknown flag '--x' of WORKDIR"),
        ("FROM a\nCOPY --from=a --from=b x y\n", "x/Dockerfile:2", "'--from' is given twice"),
        ("FROM a\nCOPY --link=maybe x y\n", "x/Dockerfile:2", "true or false, not 'maybe'"),
        ("FROM a\nRUN --network=lan x\n", "x/Dockerfile:2", "'--network=lan' is not known"),
        ("FROM a\nRUN --mount=from=$B x\n", "x/Dockerfile:2", "'from' takes no variables"),
        ("FROM a\nRUN --mount='a,\"b' x\n", "x/Dockerfile:2", "a quote in 'a,\"b' is out of place"),
        ("FROM a\nCOPY x\n", "x/Dockerfile:2", "a source and a destination"),
        ("FROM a\nCOPY x <<E\nE\n", "x/Dockerfile:2", "cannot be a heredoc"),
        ('FROM a\nRUN ["x", 1]\n', "x/Dockerfile:2", "must hold strings only"),
        ("FROM a\nRUN [[]]\n", "x/Dockerfile:2", "must hold strings only"),
        ("FROM a\nENV\n", "x/Dockerfile:2", "at least one argument"),
        ("FROM a\nENV A\n", "x/Dockerfile:2", "must have two arguments"),
        ("FROM a\nENV A=1 B\n", "x/Dockerfile:2", "can't find = in 'B'"),
        ("FROM a\nENV =1\n", "x/Dockerfile:2", "without a name"),
        ("FROM a\nARG =1\n", "x/Dockerfile:2", "without a name"),
        ("FROM a\nSHELL bash\n", "x/Dockerfile:2", "JSON array"),
        ("FROM a\nSHELL []\n", "x/Dockerfile:2", "JSON array"),
        ("FROM a\nUSER\n", "x/Dockerfile:2", "needs an argument"),
        ("FROM a\nEXPOSE\n", "x/Dockerfile:2", "at least one argument"),
        ('FROM a\nVOLUME [" "]\n', "x/Dockerfile:2", "path of a folder"),
        ("FROM a\nONBUILD\n", "x/Dockerfile:2", "needs an instruction"),
        ("FROM a\nONBUILD ONBUILD RUN x\n", "x/Dockerfile:2", "cannot hold ONBUILD"),
        ("FROM a\nONBUILD FROM x\n", "x/Dockerfile:2", "cannot hold FROM"),
        ("FROM a\nONBUILD ENV A=1 B\n", "x/Dockerfile:2", "can't find = in 'B'"),
        ("FROM a\nHEALTHCHECK ping\n", "x/Dockerfile:2", "CMD or NONE"),
        ("FROM a\nHEALTHCHECK NONE x\n", "x/Dockerfile:2", "no arguments"),
        ("FROM a\nHEALTHCHECK CMD\n", "x/Dockerfile:2", "needs a command"),
        ("FROM a\nHEALTHCHECK --interval=1us CMD x\n", "x/Dockerfile:2", "duration"),
        ("FROM a\nHEALTHCHECK --interval=1 CMD x\n", "x/Dockerfile:2", "duration"),
        ("FROM a\nHEALTHCHECK --retries=-1 CMD x\n", "x/Dockerfile:2", "retries"),
        ("FROM a\nRUN <<E\nx\n", "x/Dockerfile:2", "the heredoc 'E' does not end"),
        ("# escape=x\nFROM a\n", "x/Dockerfile:1", "not an escape character"),
        ("# escape=`\n# syntax=x\n# Escape=`\nFROM a\n", "x/Dockerfile:3", "only one '# escape='"),
        ("FROM a\nRUN " + "x" * 65_532, "x/Dockerfile:2", "longer than the 65,535 bytes"),
        ("FROM a\n" + "USER x\n" * 20_000, "x/Dockerfile:20001", "more than 20,000 instructions"),
    ],
)
def test_it_says_what_is_wrong_and_where(text: str, where: str, message: str) -> None:
    (problem,) = refusal(text).problems
    assert problem.where == where
    assert message in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nARG --ignored A\n",
        "FROM a\nSTOPSIGNAL --ignored 9\n",
        "FROM a\nHEALTHCHECK --whatever NONE\n",
        "FROM a\nHEALTHCHECK --interval=1m30.5s --timeout=0 --retries=+3 CMD x\n",
        "FROM a\nRUN --mount=type=cache,target=/x,sharing=locked x\n",
        "FROM a\nCOPY --link --link=false x y\n".replace(" --link ", " "),
        "FROM a\nRUN " + "x" * 65_531,
        "FROM a\nMAINTAINER me\nCMD\nRUN\nENTRYPOINT []\n",
        "FROM a as b\nFROM b\n",
    ],
)
def test_what_buildkit_takes_is_taken(text: str) -> None:
    assert parse(text.encode(), "Dockerfile").stages


def test_all_problems_of_a_file_come_together() -> None:
    problems = refusal("FROM a b\nFORM x\nCOPY y\nRUN ok\nENV A\n").problems
    assert [problem.where for problem in problems] == [f"x/Dockerfile:{line}" for line in (1, 2, 3, 5)]


def test_a_file_full_of_problems_is_not_told_to_the_end() -> None:
    assert len(refusal("nonsense\n" * 1000).problems) == 10


def test_what_is_not_text_is_shown_without_harm() -> None:
    message = str(refusal(b"\x1b[31m\xff\x00" * 50 + b"\n"))
    assert message.isprintable() or "\x1b" not in message
    assert len(message) < 300


def test_a_file_larger_than_buildkit_takes_is_refused_at_once() -> None:
    assert "BuildKit takes 16,777,216 at most" in str(refusal(b"#" * (16 * 1024 * 1024 + 1)))


class TestInTheBuild:
    """What only shows when variables and stages are put together."""

    @pytest.mark.parametrize(
        ("text", "where", "message"),
        [
            ("ARG BASE\nFROM $BASE\n", "D:2", "'BASE' has no value here"),
            ("FROM debian:$TAG\n", "D:1", "'TAG' has no value here"),
            ("ARG OWNER\nFROM a/${OWNER}/${NAME}\n", "D:2", "'OWNER', 'NAME' have no value here"),
            ("ARG A=\nFROM $A\n", "D:2", "empty after substitution"),
            ("FROM a\nARG B=b\nFROM $B\n", "D:3", "'B' has no value here"),
            ("ARG P=\nFROM --platform=$P a\n", "D:2", "--platform=$P is empty"),
            ("ARG A=${B\nFROM a\n", "D:1", "missing '}'"),
            ("FROM ${A:?give-it}\n", "D:1", "A: give-it"),
            ("ARG A=${A:-${A:-${A\nFROM a\n", "D:1", "missing '}'"),
            ("FROM a AS b\nFROM B\n", "D:2", "FROM minds the case"),
            ("FROM a\nCOPY --from=1 x y\n", "D:2", "no stage of that number"),
            ("FROM a\nCOPY --from=-1 x y\n", "D:2", "no stage of that number"),
            ("FROM a\nCOPY --from=$A x y\n", "D:2", "takes no variables"),
            ("FROM a AS b\nCOPY --from=B x y\n", "D:2", "takes files from itself"),
            (
                "FROM a\nCOPY --from=c x y\nFROM d AS c\nFROM a\nCOPY --from=0 x y\n",
                "D:2",
                "before it is defined",
            ),
            (
                "FROM a AS b\nRUN --mount=from=c x\nFROM a AS c\nCOPY --from=b x y\nFROM z\n",
                "D:4",
                "in the end",
            ),
            ("FROM a AS b\nCOPY --from=0 x y\nFROM z\n", "D:2", "takes files from itself"),
            ("FROM a\nCOPY https://x/y /z\n", "D:2", "use ADD"),
            ("FROM a\nCOPY '$A x\n", "D:2", "single quote is not closed"),
            ("FROM a\nENV A=${\n", "D:2", "missing '}'"),
            ("FROM a\nRUN --mount=type=bond,target=/x y\n", "D:2", "'type=bond'"),
            ("FROM a\nRUN --mount=target=/x,sauce=y z\n", "D:2", "unexpected key 'sauce'"),
            ("FROM a\nRUN --mount=type=cache,target z\n", "D:2", "must be key=value"),
            ("FROM a\nRUN --mount=type=bind,uid=1,target=/x z\n", "D:2", "'uid' is not for"),
            ("FROM a\nRUN --mount=type=secret z\n", "D:2", "needs an 'id' or a 'target'"),
            ("FROM a AS b\nONBUILD COPY x\nFROM b\n", "D:2", "a source and a destination"),
        ],
    )
    def test_it_says_what_is_wrong_and_where(self, text: str, where: str, message: str) -> None:
        with pytest.raises(InputError) as caught:
            facts(parse(text.encode(), "D"), {})
        (problem,) = caught.value.problems
        assert problem.where == where
        assert message in f"{problem.message} {problem.hint}"

    def test_an_arg_without_a_value_names_the_setting_that_gives_it_one(self) -> None:
        with pytest.raises(InputError, match=r'args = \{ BASE = "\.\.\." \} under \[tree\.') as caught:
            facts(parse(b"ARG BASE\nFROM $BASE\n", "D"), {})
        assert "stacks.toml" in str(caught.value)

    def test_an_arg_without_a_value_is_fine_where_the_rest_is_a_reference(self) -> None:
        found = facts(parse(b"ARG MIRROR\nFROM ${MIRROR}debian:12$SUFFIX\n", "D"), {})
        assert [use.reference for use in found.uses] == ["debian:12"]

    def test_an_unknown_target_is_told_the_stages_there_are(self) -> None:
        with pytest.raises(InputError, match="the stages are: one, two"):
            facts(parse(b"FROM a AS one\nFROM b AS Two\n", "D"), {}, target="three")

    def test_values_that_double_with_every_line_are_stopped(self) -> None:
        text = "ARG A=xx\n" + "ARG A=$A$A\n" * 64 + "FROM $A\n"
        with pytest.raises(InputError, match="too long"):
            facts(parse(text.encode(), "D"), {})
