"""Explanations as text and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from pipeline.digest import short
from pipeline.explain import Detail, Explanation, Idle, RootCause
from pipeline.show.words import Paint, visible

DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
MOST_LINES = 40
MOST_IDLE = 10


def explanations_text(found: Mapping[str, Iterable[Explanation]], paint: Paint) -> str:
    """What is found by variant; variants that agree on an image are told together."""
    together: dict[Explanation, list[str]] = {}
    for variant, explanations in found.items():
        for explanation in explanations:
            together.setdefault(explanation, []).append(variant)
    return "\n\n".join(
        explanation_text(explanation, ", ".join(variants), paint)
        for explanation, variants in sorted(together.items(), key=lambda item: item[0].image)
    )


def explanation_text(found: Explanation, variants: str, paint: Paint) -> str:
    """One image, part by part."""
    name = f"{found.image} ({variants})"
    if not found.then:
        what = f"not there in {found.since}" if found.since else "never built"
        if found.again:
            what = f"not built for this variant yet, but the same was built before: {found.again}"
        return f"{name}: {paint(what, 'yellow')}\n  its key is {short(found.now)}"
    lines = [f"{name}: {_verdict(found, paint)}"]
    lines.append(
        f"  {short(found.then)} → {short(found.now)}"
        if found.then != found.now
        else f"  its key is {short(found.now)}"
    )
    for detail in found.details:
        lines += _detail_lines(detail, paint)
    lines += [visible(f"  {_cause(cause)}") for cause in found.causes]
    lines.append(f"  compared and the same: {', '.join(found.same)}")
    return "\n".join([*lines, *_idle_lines(found.idle)])


def _verdict(found: Explanation, paint: Paint) -> str:
    if found.rebuilt:
        return f"{paint('would be rebuilt', 'yellow')}, compared with {found.since}"
    if found.again:
        before = f"built as it is now {found.again}, before {found.since}"
        return f"{paint('would not be rebuilt', 'green')}: {before}"
    return f"{paint('would not be rebuilt', 'green')}: nothing that counts differs from {found.since}"


def _detail_lines(detail: Detail, paint: Paint) -> list[str]:
    words = f": {detail.words}" if detail.words else ""
    lines = [visible(f"  {detail.part}{words}")]
    lines += [
        f"    {paint(visible(line), DIFF_COLOURS.get(line[:1], ''))}" for line in detail.diff[:MOST_LINES]
    ]
    if len(detail.diff) > MOST_LINES:
        lines.append(f"    … and {len(detail.diff) - MOST_LINES} more lines")
    return lines


def _cause(cause: RootCause) -> str:
    if not cause.parts:
        return f"stands on {cause.image}, of which another build is meant now; the record of then is not kept"
    return f"stands on {cause.image}, which is another: {', '.join(map(str, cause.parts))}"


def _idle_lines(idle: tuple[Idle, ...]) -> list[str]:
    if not idle:
        return []
    lines = ["  touched since then, but does not count:"]
    lines += [visible(f"    {one.path}: {one.why}") for one in idle[:MOST_IDLE]]
    return [*lines, f"    … and {len(idle) - MOST_IDLE} more"] if len(idle) > MOST_IDLE else lines


def explanations_json(found: Mapping[str, Iterable[Explanation]]) -> dict[str, object]:
    """The same as `{"variants": {V: {"images": {NAME: {"rebuild", "then", "now", …}}}}}`."""
    return {
        "variants": {
            variant: {"images": {one.image: _json(one) for one in explanations}}
            for variant, explanations in found.items()
        }
    }


def _json(found: Explanation) -> dict[str, object]:
    return {
        "rebuild": found.rebuilt,
        "then": found.then or None,
        "now": found.now,
        "since": found.since,
        "parts": [
            {**asdict(detail.part), "words": detail.words, "diff": list(detail.diff)}
            for detail in found.details
        ],
        "causes": [asdict(cause) for cause in found.causes],
        "same": list(found.same),
        "idle": [asdict(one) for one in found.idle],
    }
