"""Runs of the past, as text and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.outcome import HeldBack, Outcome, Promoted, Verdict
from pipeline.plan import Action, Step
from pipeline.show.plans import plan_json
from pipeline.show.words import Paint, counted, duration, size

RESULTS = {"done": "green", "failed": "red", "interrupted": "yellow", "killed": "yellow", "running": "cyan"}
WORDS = {"promoted": "named", "growth": "grew"}
COLOURS = {
    **dict.fromkeys(("built", "pulled", "reused", "pushed", "named", "passed"), "green"),
    **dict.fromkeys(("blocked", "held back", "inconclusive"), "yellow"),
    "failed": "red",
}
KIND = {Promoted: "promoted", HeldBack: "held back"}


@dataclass(frozen=True, slots=True)
class Past:
    """A run as it is shown: when it began, for people and machines, and how long it took where it is over."""

    number: int
    when: str
    began: str
    seconds: float | None
    command: str
    result: str
    exit_code: int | None
    plan: Mapping[str, Any]
    happenings: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Growth:
    """How an image's build compares with the one before: bytes more, and how many of its layers are new."""

    image: str
    size: int
    grown: int
    new: int
    layers: int


def growth_text(grown: Iterable[Growth]) -> str:
    """How images have grown, a line each."""
    rows = [
        (one.image, size(one.size), signed(one.grown), f"{one.new} of {counted(one.layers, 'layer')} new")
        for one in grown
    ]
    return "\n".join(columns(rows))


def signed(count: int) -> str:
    """A difference of bytes: `+34 MB`."""
    return f"{'-' if count < 0 else '+'}{size(abs(count))}"


def columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows with their columns in line."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def run_plan(variants: Iterable[tuple[str, tuple[Step, ...]]]) -> dict[str, Any]:
    """What a run was to do, as `{VARIANT: {"images": {NAME: {"action", "key", "reasons"}}, "up_to_date"}}`.

    Of images that are up to date only the number is kept.
    """
    found = {}
    for variant, steps in variants:
        todo = tuple(step for step in steps if step.action is not Action.REUSE)
        found[variant] = {**plan_json(todo), "up_to_date": len(steps) - len(todo)}
    return found


def happening(one: Outcome | Verdict | Promoted | HeldBack | Growth) -> dict[str, Any]:
    """What happened, as JSON values with their kind."""
    kind = KIND.get(type(one), type(one).__name__.lower())
    return {"kind": kind, **dataclasses.asdict(one)}


def runs_text(runs: Iterable[Past], paint: Paint) -> str:
    """Runs, a line each."""
    runs = list(runs)
    rows = [
        (
            str(run.number),
            run.when,
            duration(run.seconds) if run.seconds is not None else "",
            run.result,
            _counts(run) or "nothing to do",
            run.command,
        )
        for run in runs
    ]
    lines = columns([("run", "began", "took", "result", "images", "command"), *rows])
    painted = [
        line.replace(f"  {run.result}", f"  {paint(run.result, RESULTS[run.result])}", 1)
        for line, run in zip(lines[1:], runs, strict=True)
    ]
    return "\n".join([lines[0], *painted])


def run_text(run: Past, paint: Paint) -> str:
    """One run, with what was to be done and why, and what came of it."""
    took = f", took {duration(run.seconds)}" if run.seconds is not None else ""
    lines = [
        f"run {run.number}: {paint(run.result, RESULTS[run.result])}, began {run.when}{took}",
        f"command: {run.command}",
    ]
    for variant, found in run.plan.items():
        reused = f", {found['up_to_date']} up to date" if found.get("up_to_date") else ""
        lines += ["", f"variant {variant}: {counted(len(found['images']), 'image')} to do{reused}"]
        rows = [
            (f"  {name}", step["action"], step["key"][:12], "; ".join(step["reasons"]))
            for name, step in found["images"].items()
        ]
        lines += columns(rows)
    lines += [""] if run.happenings else []
    lines += [_line(one, paint) for one in run.happenings]
    return "\n".join(lines)


def _line(one: Mapping[str, Any], paint: Paint) -> str:
    """What happened, as a line; what a later version has written is shown as far as it is understood."""
    kind, image = str(one.get("kind", "")), str(one.get("image", ""))
    rest = f"  {duration(one['seconds'])}" if one.get("seconds") else ""
    word = str(one.get("result")) if kind == "verdict" else WORDS.get(kind, kind)
    match kind:
        case "built" | "pulled":
            rest += f", {size(int(one.get('size', 0)))}"
        case "failed":
            rest = f" ({one.get('doing')})  {one.get('message')}"
        case "blocked" if one.get("stopped"):
            word, rest = "not begun", f"  {', '.join(one.get('by', ()))} failed"
        case "blocked":
            rest = f"  by {', '.join(one.get('by', ()))}"
        case "verdict":
            reason = f"  {one['reason']}" if one.get("reason") else rest
            rest = f": {one.get('title')}{reason}"
        case "promoted":
            rest = f"  {', '.join(one.get('names', ()))}"
        case "held back":
            rest = f"  {one.get('why')}"
        case "growth":
            new = f"{one.get('new')} of {counted(int(one.get('layers', 0)), 'layer')} new"
            rest = f"  {signed(int(one.get('grown', 0)))}, {new}"
    return f"{paint(word, COLOURS[word]) if word in COLOURS else word} {image}{rest}"


def run_json(run: Past) -> dict[str, Any]:
    """A run for machines; with all that happened where that is known."""
    found: dict[str, Any] = {
        "run": run.number,
        "began": run.began,
        "seconds": run.seconds,
        "command": run.command,
        "result": run.result,
        "exit_code": run.exit_code,
        "variants": run.plan,
    }
    return {**found, "happened": list(run.happenings)} if run.happenings else found


def _counts(run: Past) -> str:
    counts: dict[str, int] = {}
    for found in run.plan.values():
        for step in found["images"].values():
            counts[step["action"]] = counts.get(step["action"], 0) + 1
    return ", ".join(f"{count} to {action}" for action, count in counts.items())
