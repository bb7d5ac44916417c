"""Verdicts, for people and as JUnit XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.outcome import Result, Verdict
from pipeline.show.outcomes import outcome_line
from pipeline.show.words import Paint, one_line, visible

if TYPE_CHECKING:
    from xml.etree import ElementTree

# what XML 1.0 cannot hold, not even escaped
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def verdicts_text(judged: Mapping[str, tuple[Verdict, ...]], paint: Paint) -> str:
    """A line for each verdict, under its variant."""
    blocks = []
    for variant, verdicts in judged.items():
        lines = [f"variant {variant}", *(f"  {outcome_line(verdict, paint)}" for verdict in verdicts)]
        blocks.append("\n".join(lines if verdicts else [lines[0], "  no probes"]))
    return "\n".join(blocks)


def failed_verdict_text(verdict: Verdict, paint: Paint) -> str:
    """A failed probe with the end of its output and where to find the rest."""
    what = f"{verdict.image}: {one_line(verdict.title)}: {one_line(verdict.reason)}"
    lines = [f"{paint('probe failed', 'red')}: {what}"]
    lines += [f"  │ {visible(line)}" for line in verdict.tail]
    lines += [f"  log: {verdict.log}"] if verdict.log else []
    if verdict.reused:
        hint = "that is an earlier run's verdict on the same image; --smoke always tries again"
        lines.append(f"  hint: {hint}")
    return "\n".join(lines)


def junit(judged: Mapping[str, tuple[Verdict, ...]]) -> str:
    """The verdicts as JUnit XML, a suite for each variant; what is in doubt is skipped, never passed."""
    from xml.etree import ElementTree  # noqa: PLC0415 (rarely needed)

    root = ElementTree.Element("testsuites", {"name": "stackbuild", **_counts(_all(judged))})
    for variant, verdicts in judged.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(variant), **_counts(verdicts)})
        for verdict in verdicts:
            suite.append(_case(variant, verdict))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _all(judged: Mapping[str, tuple[Verdict, ...]]) -> tuple[Verdict, ...]:
    return tuple(verdict for verdicts in judged.values() for verdict in verdicts)


def _counts(verdicts: tuple[Verdict, ...]) -> dict[str, str]:
    results = [verdict.result for verdict in verdicts]
    return {
        "tests": str(len(results)),
        "failures": str(results.count(Result.FAILED)),
        "errors": "0",
        "skipped": str(results.count(Result.INCONCLUSIVE)),
        "time": f"{sum(verdict.seconds for verdict in verdicts):.3f}",
    }


def _case(variant: str, verdict: Verdict) -> ElementTree.Element:
    from xml.etree import ElementTree  # noqa: PLC0415 (rarely needed)

    case = ElementTree.Element(
        "testcase",
        classname=_clean(f"{variant}.{verdict.image}"),
        name=_clean(verdict.title),
        time=f"{verdict.seconds:.3f}",
    )
    kinds = {Result.FAILED: "failure", Result.INCONCLUSIVE: "skipped"}
    if kind := kinds.get(verdict.result):
        ElementTree.SubElement(case, kind, message=_clean(verdict.reason))
    if verdict.tail:
        ElementTree.SubElement(case, "system-out").text = _clean("\n".join(verdict.tail))
    return case


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)
