"""The verdict that a report allows, and never a better one."""

from __future__ import annotations

import re
from dataclasses import replace

from pipeline.outcome import Hardware, Result, Verdict
from pipeline.ports import NotStarted, ProbeReport, Ran, TimedOut
from pipeline.smoke import final
from pipeline.smoke.probe import Probe

KILLED = 137
# the last line of pytest; it ends with 0, too, where every test was skipped, or only collected
_PASSED_TESTS = re.compile(r"(?m)^=* ?(?:[^=\n]+, )?[1-9]\d* passed\b[^=\n]* in [\d.:]+")


def judge(probe: Probe, report: ProbeReport, hardware: Hardware | None = None) -> Verdict:
    """The verdict on a probe's image; `hardware` is what is known of it beside what the probe says.

    A command passes with exit 0 and, where one is expected, the output; a built-in probe by its last line
    *and* exit 0. Nothing that uses the GPU passes without having said which one.
    """
    verdict = Verdict(
        probe.image,
        probe.key,
        probe.digest,
        probe.title,
        Result.FAILED,
        gpu=probe.smoke.gpu,
        hardware=hardware,
    )
    match report:
        case Ran():
            verdict = replace(verdict, seconds=report.seconds, tail=report.tail)
            found = _by_itself(verdict, report) if probe.smoke.probe else _by_exit(probe, verdict, report)
            return _on_hardware(found)
        case TimedOut(tail=tail, seconds=seconds):
            why = f"not done within {probe.smoke.timeout:g} s"
            return replace(verdict, reason=why, seconds=seconds, tail=tail, lasting=False)
        case NotStarted(why=why, doubt=doubt):
            result = Result.INCONCLUSIVE if doubt else Result.FAILED
            return replace(verdict, result=result, reason=why, lasting=False)


def _by_exit(probe: Probe, verdict: Verdict, report: Ran) -> Verdict:
    if report.exit_code:
        return _ended(verdict, report)
    if probe.smoke.expect and not re.search(probe.smoke.expect, report.output):
        return replace(verdict, reason=f"its output does not match '{probe.smoke.expect}'")
    if probe.smoke.tests and not probe.smoke.run and not _PASSED_TESTS.search(report.output):
        why = "pytest ended with 0, but none of the tests has passed"
        return replace(verdict, result=Result.INCONCLUSIVE, reason=why, lasting=False)
    return replace(verdict, result=Result.PASSED)


def _by_itself(verdict: Verdict, report: Ran) -> Verdict:
    said = final.parse(report.last, report.nonce)
    if said is None:
        if report.exit_code:
            return _ended(verdict, report)
        return replace(verdict, reason="it ended without its last line: exit 0 alone is no pass")
    # its last line is for us, and says nothing to people that the reason does not
    tail = tuple(line for line in report.tail if line.strip() and report.nonce not in line)
    verdict = replace(verdict, hardware=said.hardware or verdict.hardware, tail=tail)
    if said.result is Result.PASSED and report.exit_code:
        return _ended(verdict, report, " after it had said that it passed")
    # a doubt about the machine may be gone the next time, unless it was about the very hardware that is known
    lasting = said.result is not Result.INCONCLUSIVE or verdict.hardware is not None or not verdict.gpu
    return replace(verdict, result=said.result, reason=said.reason, lasting=lasting)


def _ended(verdict: Verdict, report: Ran, when: str = "") -> Verdict:
    """The failure of a probe that ended badly; what was killed may have been so for no fault of its own."""
    code = report.exit_code
    why = f"exit {code}"
    if report.oom:
        why = f"out of memory (exit {code})"
    elif code == KILLED:
        why = f"out of memory, or killed (exit {code})"
    return replace(verdict, reason=f"{why}{when}", lasting=code != KILLED and not report.oom)


def _on_hardware(verdict: Verdict) -> Verdict:
    if verdict.gpu and verdict.result is Result.PASSED and verdict.hardware is None:
        why = "it passed without having seen a GPU"
        return replace(verdict, result=Result.INCONCLUSIVE, reason=why, lasting=False)
    return verdict
