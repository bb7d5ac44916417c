"""Generations as text, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pipeline.digest import short
from pipeline.publish import Entry, Generation
from pipeline.show.words import Paint, counted

RESULT_COLOURS = {"passed": "green", "failed": "red", "inconclusive": "yellow"}


def generations_text(found: Iterable[Generation], astray: Mapping[str, str], paint: Paint) -> str:
    """A block for each generation, the newest one first, which is the one that names show."""
    blocks = []
    for place, one in enumerate(found):
        marks = [f"commit {one.commit}"] if one.commit else []
        marks += [f"lock {one.lock}"] if one.lock else []
        marks += [f"rollback to {_called(one.rollback)}"] if one.rollback else []
        if not place:
            marks.append(
                paint(f"unfinished: {counted(len(astray), 'name')} elsewhere", "red") if astray else "current"
            )
        blocks.append(
            "\n".join([f"{paint(one.name, 'cyan')}  {one.at}  {', '.join(marks)}", *_lines(one, paint)])
        )
    return "\n\n".join(blocks) or "nothing has been published yet"


def _lines(one: Generation, paint: Paint) -> list[str]:
    width = max((len(_who(image)) for image in (*one.entries, *one.kept)), default=0)
    lines = []
    for entry in one.entries:
        names = ", ".join(name.partition(":")[2] for name in entry.names)
        lines.append(
            f"  {_who(entry):<{width}}  {short(entry.digest)}  {_verdicts(entry, paint)}  {names}".rstrip()
        )
    for kept in one.kept:
        lines.append(f"  {_who(kept):<{width}}  {paint('held back', 'yellow')}: {kept.why}")
        lines += [
            f"  {'':<{width}}  {short(where)}  still {name.partition(':')[2]}" for name, where in kept.names
        ]
    return lines


def _who(one: Any) -> str:
    return f"{one.image} ({one.variant})"


def _verdicts(entry: Entry, paint: Paint) -> str:
    """`2 passed`; an image that no probe of its own speaks for stands on the word of others."""
    counts: dict[str, int] = {}
    for seen in entry.verdicts:
        counts[seen.result] = counts.get(seen.result, 0) + 1
    words = [paint(f"{count} {result}", RESULT_COLOURS.get(result, "")) for result, count in counts.items()]
    words += [paint("unsmoked", "yellow")] if entry.unsmoked else []
    return ", ".join(words) or "no probe of its own"


def _called(tag: str) -> str:
    number, _, rest = tag.removeprefix("g-").partition("-")
    return f"{int(number)}-{rest}" if number.isdecimal() else tag


def generation_json(one: Generation) -> dict[str, Any]:
    """One generation as `{"generation", "number", "at", "commit", "lock", "rollback", "images", "held"}`."""
    return {
        "generation": one.name,
        "number": one.number,
        "at": one.at,
        "commit": one.commit,
        "lock": one.lock,
        "rollback": _called(one.rollback) if one.rollback else "",
        "images": [
            {**asdict(entry), "names": list(entry.names), "fields": dict(entry.fields)}
            for entry in one.entries
        ],
        "held": [{**asdict(kept), "names": dict(kept.names)} for kept in one.kept],
    }
