"""The runs of a project: what each was to do and what came of it, kept as it happens."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.adapters import processes
from pipeline.adapters.state import State
from pipeline.errors import InterruptedRunError

MOST = 100
# so many runs are remembered; of older ones, only when they have pulled what
KEPT = 1000
# what was pulled is still to be known as ours, and its age
_FORGET = (
    "insert or replace into made select json_extract(happening, '$.key') as key, max(at) from happenings"
    " where run <= ? and json_extract(happening, '$.kind') = 'pulled' group by key",
    "delete from attempts where at < (select min(began) from runs where number > ?)",
    "delete from happenings where run <= ?",
    "delete from runs where number <= ?",
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, its moments in seconds since 1970; `result` is running, done, failed, interrupted or killed.

    `plan` are the variants with the images that were not up to date, as `show.run_plan` gives them.
    """

    number: int
    began: float
    ended: float | None
    command: str
    exit_code: int | None
    result: str
    plan: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """The last build of an image in a variant: its key, its size in bytes, its layers."""

    key: str
    size: int
    layers: tuple[str, ...]


class History:
    """What the state of a project knows of its runs."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._since = time.monotonic()

    def begin(self, command: str, plan: Mapping[str, Any], needs: Iterable[str]) -> int:
        """Note that a run begins, which needs these keys for as long as it lasts; gives its number."""
        self._since = time.monotonic()
        row = (time.time(), processes.owner(), command, json.dumps(plan), json.dumps(sorted(needs)))
        self._state.change(
            "insert into runs (began, owner, command, plan, needs) values (?, ?, ?, ?, ?)", [row]
        )
        ((number,),) = self._state.rows(
            "select max(number) from runs where owner = ? and began = ?", row[1], row[0]
        )
        self._forget(int(str(number)) - KEPT)
        return int(str(number))

    def _forget(self, last: int) -> None:
        """Let go of the runs up to this one."""
        if not self._state.rows("select 1 from runs where number <= ? limit 1", last):
            return
        for statement in _FORGET:
            self._state.change(statement, [(last,)])

    def note(self, number: int, *happenings: Mapping[str, Any]) -> None:
        """Note what has happened in a run."""
        now = time.time()
        rows = [(number, now, json.dumps(one)) for one in happenings]
        self._state.change("insert into happenings values (?, ?, ?)", rows)

    def end(self, number: int, exit_code: int) -> None:
        """Note how a run has ended, and how long it took: the clock on the wall may have been set since."""
        row = (time.monotonic() - self._since, exit_code, number)
        self._state.change(
            "update runs set ended = began + ?, exit_code = ?, needs = '[]' where number = ?", [row]
        )

    def runs(self, most: int = MOST) -> tuple[Run, ...]:
        """The last runs, the newest first."""
        return tuple(self._runs("order by number desc limit ?", most))

    def run(self, number: int) -> Run | None:
        """The run of this number."""
        return next(iter(self._runs("where number = ?", number)), None)

    def happenings(self, number: int) -> list[dict[str, Any]]:
        """All that happened in a run, in order, as `note` was given it."""
        rows = self._state.rows("select happening from happenings where run = ? order by rowid", number)
        found = []
        for (text,) in rows:
            with contextlib.suppress(ValueError):
                found.append(json.loads(str(text)))
        return found

    def needed(self) -> frozenset[str]:
        """The keys that the runs need that go on now."""
        rows = self._state.rows("select needs, owner from runs where ended is null")
        alive = (str(needs) for needs, owner in rows if not processes.is_orphaned(str(owner)))
        return frozenset(key for needs in alive for key in json.loads(needs))

    def running(self) -> frozenset[int]:
        """The numbers of the runs that go on now."""
        rows = self._state.rows("select number, owner from runs where ended is null")
        return frozenset(int(str(n)) for n, owner in rows if not processes.is_orphaned(str(owner)))

    def last_made(self) -> dict[str, float]:
        """When each key was last built or pulled here, in seconds since 1970."""
        rows = self._state.rows("select key, at from made union all select key, at from builds order by at")
        found = {str(key): float(str(at)) for key, at in rows}
        query = (
            "select json_extract(happening, '$.key'), max(at) from happenings"
            " where json_extract(happening, '$.kind') in ('built', 'pulled') group by 1"
        )
        for key, at in self._state.rows(query):
            found[str(key)] = max(found.get(str(key), 0.0), float(str(at)))
        return found

    def last_log(self, key: str) -> str:
        """The log of a key's last finished build, as older versions of the state know it; "" for none."""
        rows = self._state.rows("select log from builds where key = ?", key)
        return str(rows[0][0]) if rows else ""

    def output(self, variant: str, image: str) -> Output | None:
        """What an image's last build in a variant came to."""
        query = "select key, size, layers from outputs where variant = ? and image = ?"
        for key, size, layers in self._state.rows(query, variant, image):
            return Output(str(key), int(str(size)), tuple(json.loads(str(layers))))
        return None

    def note_output(self, variant: str, image: str, output: Output) -> None:
        """Remember what an image's build in a variant came to."""
        row = (variant, image, output.key, output.size, json.dumps(output.layers))
        self._state.change("insert or replace into outputs values (?, ?, ?, ?, ?)", [row])

    def _runs(self, rest: str, value: int) -> Iterable[Run]:
        query = f"select number, began, ended, command, exit_code, owner, plan from runs {rest}"  # noqa: S608
        for number, began, ended, command, code, owner, plan in self._state.rows(query, value):
            exit_code = None if code is None else int(str(code))
            yield Run(
                int(str(number)),
                float(str(began)),
                None if ended is None else float(str(ended)),
                str(command),
                exit_code,
                _result(exit_code, str(owner)),
                json.loads(str(plan)),
            )


def _result(exit_code: int | None, owner: str) -> str:
    if exit_code is None:
        return "killed" if processes.is_orphaned(owner) else "running"
    if exit_code == InterruptedRunError.exit_code:
        return "interrupted"
    return "failed" if exit_code else "done"
