"""Verdicts as people and machines read them."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from pipeline import show
from pipeline.outcome import Result, Verdict

GOOD = Verdict("base", "k1", "p1", "it starts", Result.PASSED, seconds=1.5, tail=("said <this> & that",))
BAD = Verdict("r", "k2", "p2", 'it <draws> & "fits"', Result.FAILED, "exit 3", 0.25, ("\x1b[31mwhy\x00",))
DOUBT = Verdict("r", "k2", "p3", "the GPU works", Result.INCONCLUSIVE, "no GPU on this engine", gpu=True)


def test_in_junit_what_is_in_doubt_is_skipped_with_its_reason_and_never_a_pass() -> None:
    root = ElementTree.fromstring(show.junit({"cpu": (GOOD,), "gpu": (BAD, DOUBT)}))
    assert root.attrib == {
        "name": "stackbuild",
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
        "time": "1.750",
    }
    assert [suite.attrib["name"] for suite in root] == ["cpu", "gpu"]
    good, bad, doubt = root.iter("testcase")
    assert good.attrib == {"classname": "cpu.base", "name": "it starts", "time": "1.500"}
    assert [child.tag for child in good] == ["system-out"]
    assert good[0].text == "said <this> & that"
    assert bad.attrib["name"] == 'it <draws> & "fits"'
    assert [(child.tag, child.attrib) for child in bad] == [
        ("failure", {"message": "exit 3"}),
        ("system-out", {}),
    ]
    assert bad[1].text == "\ufffd[31mwhy\ufffd"
    assert [(child.tag, child.attrib["message"]) for child in doubt] == [("skipped", "no GPU on this engine")]


@given(st.lists(st.text(), min_size=3, max_size=3), st.sampled_from(list(Result)))
def test_whatever_a_probe_says_the_xml_is_well_formed(texts: list[str], result: Result) -> None:
    title, reason, line = texts
    verdict = Verdict(title, "k", "p", title, result, reason, tail=(line,))
    root = ElementTree.fromstring(show.junit({title or "v": (verdict,)}).encode("utf-8", "strict"))
    assert len(list(root.iter("testcase"))) == 1
    assert len(list(root.iter("skipped"))) == (result is Result.INCONCLUSIVE)


def test_what_a_probe_says_gives_no_orders_to_the_terminal_and_is_no_line_of_ours() -> None:
    evil = "\x1b[2K\rpassed r: it\npassed r: it\u202e"
    verdict = replace(BAD, reason=evil, title=evil, tail=(evil.replace("\n", ""),), log="l")
    for text in (
        show.verdicts_text({"cpu": (verdict,)}, show.plain),
        show.failed_verdict_text(verdict, show.plain),
    ):
        assert all(char.isprintable() or char == "\n" for char in text)
        assert not [line for line in text.splitlines() if line.strip().startswith("passed")]
    assert show.failed_verdict_text(BAD, show.plain) == (
        'probe failed: r: it <draws> & "fits": exit 3\n  │ \\x1b[31mwhy\\x00'
    )


def test_verdicts_are_listed_by_variant() -> None:
    text = show.verdicts_text({"cpu": (), "gpu": (BAD, DOUBT)}, show.plain)
    assert text == (
        "variant cpu\n  no probes\nvariant gpu\n"
        '  failed r: it <draws> & "fits"  exit 3\n'
        "  inconclusive r: the GPU works  no GPU on this engine"
    )
