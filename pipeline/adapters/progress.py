"""What a build says of its steps: into its log, its end and its error kept."""

from __future__ import annotations

import ast
import base64
import codecs
import json
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from pipeline.adapters.secrets import Mask
from pipeline.patience import Ending
from pipeline.ports import Moved, Said, Tell
from pipeline.show.words import one_line

TAIL = 20
LONGEST = 500
# a line that never ends is cut here, so that no RUN can fill the memory
MOST_REST = 1 << 16
_EVENT = frozenset({"vertexes", "logs", "statuses", "warnings"})
CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_PROCESS = re.compile(r'process "(.*)" did not complete successfully: (exit code: \d+.*)', re.DOTALL)
_MISSING = re.compile(r'failed to calculate checksum of ref \S+ (".*"): not found\Z', re.DOTALL)
# where a step takes its files from, if not from the context
_TAKEN = re.compile(r"\] (?:COPY (?:--\S+ )*--from=(\S+)|RUN .*\bfrom=)")
_EXIT = re.compile(r"exit code: (\d+)")
_PLACE = re.compile(r"[^\s:]+:(\d+)\Z")
_UTF8 = codecs.getincrementaldecoder("utf-8")
_SHELL = "/bin/sh -c "
# what is said where a client is asked back that is not there
_NOBODY = "no active session"
_IMPORT = "importing cache manifest from"
# steps that wait for a registry, with what they want of it at the end of their names
_FETCH = re.compile(
    r"(?:\[[^\]]*\] FROM|\[internal\] load metadata for|importing cache manifest from) (\S+)\Z"
)
_UNPACK = ("extract", "unpack")
# steps that are none of the Dockerfile's: the second is how a context is taken out of a tar
_INNER = ("[internal]", "copy /context /")


class Progress:
    """What a build has said so far, but for its secrets: all in the log, its end and its error in memory.

    `line` is the line of the Dockerfile that failed, 0 where nobody has named one.
    """

    def __init__(self, log: IO[str], tell: Tell, secrets: tuple[str, ...] = ()) -> None:
        self._mask = Mask(secrets)
        self._log = log
        self._tell = tell
        self._open: list[bytes] = []
        self._names: dict[str, str] = {}
        self._rests: dict[str, str] = {}
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}
        self._tails: dict[str, deque[str]] = {}
        self._last = ""
        self._failed = ""
        self._bytes: dict[str, tuple[int, int]] = {}
        self._words: list[str] = []
        self._going: dict[str, str] = {}
        self._unpacking: set[str] = set()
        self._moved = time.monotonic()
        self.line = 0

    def take(self, line: bytes) -> None:
        """One line of standard error: words, or JSON: an event, or (buildx before 0.15) a part of one."""
        if self._open or line.rstrip() == b"{":
            self._open.append(line)
            if line.rstrip() != b"}":
                return
            line = b"".join(self._open)
            self._open.clear()
        try:
            event = json.loads(line) if line.startswith(b"{") else None
        except ValueError:
            event = None
        if isinstance(event, dict) and event.keys() & _EVENT:
            for entry in event.get("logs") or ():
                entry["data"] = base64.b64decode(entry.get("data", ""))
            self.hear(event)
        else:
            self._speech(line.decode("utf-8", "replace"))

    def fail(self, message: str) -> None:
        """What went wrong, in the engine's words."""
        self._speech(f"ERROR: {message}")

    def awaited(self, seconds: float) -> str:
        """The image that a registry has said nothing of for so long, where nothing else goes on; else ""."""
        going = [_FETCH.match(name) for name in tuple(self._going.values())]
        if self._unpacking or time.monotonic() - self._moved < seconds:
            return ""
        found = [fetch[1] for fetch in going if fetch]
        return found[0] if found and len(found) == len(going) else ""

    @property
    def step(self) -> str:
        """The step that failed, as BuildKit calls it; "" where none did."""
        return self._names.get(self._failed, "")

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of all steps, done or not."""
        return tuple(self._names.values())

    @property
    def error(self) -> str:
        """What went wrong, short enough for a message; "" where nothing was said of it."""
        text = self._complaint
        if missing := _MISSING.search(text):
            return f"{missing[1]}: not found in {self._source}"
        if process := _PROCESS.search(text):
            command = one_line(_unquoted(process[1]).removeprefix(_SHELL))
            return f"{process[2]}: {_cut(command, 100)}"
        return _cut(one_line(text), LONGEST)

    @property
    def asks(self) -> bool:
        """Whether a client is wanted: BuildKit did, or nobody has said which step or line is to blame."""
        return _NOBODY in self._complaint or not (self.step or self.line)

    @property
    def _complaint(self) -> str:
        said = [word.removeprefix("ERROR: ") for word in self._words if word.startswith("ERROR: ")]
        return (said or self._words or [""])[-1].removeprefix("failed to solve: ")

    @property
    def _source(self) -> str:
        """Where the step that failed takes its files from."""
        if taken := _TAKEN.search(self.step):
            return f"'{taken[1]}'" if taken[1] else "what the step mounts"
        return "the build context"

    @property
    def ending(self) -> Ending:
        """How it ended, for whoever has to say whether another try makes sense."""
        text = self._complaint
        process = _PROCESS.search(text)
        code = _EXIT.match(process[2]) if process else None
        if not process or not code:
            return Ending(text)
        return Ending(text, int(code[1]), process[1], self.tail)

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines of the step that failed, or of the last step that said anything."""
        vertex = self._failed if self._failed in self._tails else next(reversed(self._tails), "")
        lines = [*self._tails.get(vertex, ()), *shown(self._rests.get(vertex, ""))]
        return tuple(lines[-TAIL:])

    def hear(self, event: dict[str, Any]) -> None:
        """One event, as buildx's `rawjson` has them, but with output as bytes."""
        for vertex in event.get("vertexes") or ():
            self._vertex(vertex)
        for entry in event.get("logs") or ():
            self._output(entry)
        self._transfers(event.get("statuses") or ())
        # it is read while the build runs, and after a kill
        self._log.flush()

    def _speech(self, line: str) -> None:
        text = self._mask.whole(line.strip())
        if not text:
            return
        self._log.write(f"{text}\n")
        self._words = [*self._words[-9:], text]
        if place := _PLACE.match(text):
            self.line = int(place[1])

    def _vertex(self, vertex: dict[str, Any]) -> None:
        name, known = str(vertex.get("name", "")), str(vertex.get("digest", ""))
        self._names[known] = name
        self._moved = time.monotonic()
        if vertex.get("started") and not vertex.get("completed"):
            self._going[known] = name
            if not name.startswith(_INNER):
                self._tell(name)
        else:
            self._going.pop(known, None)
        # what ran beside it is cancelled, which BuildKit calls an error too; a cache may be missing
        wrong = "" if name.startswith(_IMPORT) else vertex.get("error") or ""
        if not self._failed and wrong and "context canceled" not in wrong:
            self._failed = known
        if vertex.get("completed"):
            if rest := self._mask.rest(known):
                self._heard(known, rest)
            self._say(shown(self._rests.get(known, "")))
            how = "CACHED" if vertex.get("cached") else vertex.get("error") or "done"
            self._log.write(f"--- {name}: {how}\n")

    def _output(self, entry: dict[str, Any]) -> None:
        vertex = str(entry.get("vertex", ""))
        # an event may end in the middle of a letter
        decoder = self._decoders.setdefault(vertex, _UTF8("replace"))
        text = decoder.decode(entry.get("data", b""))
        self._heard(vertex, self._mask.piece(vertex, text))

    def _heard(self, vertex: str, text: str) -> None:
        if vertex != self._last:
            self._last = vertex
            self._log.write(f"=== {self._names.get(vertex, '')}\n")
        self._log.write(text)
        *lines, rest = (self._rests.get(vertex, "") + text).split("\n")
        self._rests[vertex] = rest[-MOST_REST:]
        # taken out and put back, so that the last one is the last that spoke
        tail = self._tails.pop(vertex, deque(maxlen=TAIL))
        self._tails[vertex] = tail
        plain = tuple(text for line in lines for text in shown(line))
        tail.extend(plain)
        self._say(plain)

    def _say(self, lines: Iterable[str]) -> None:
        if said := tuple(lines):
            self._tell(Said(said))

    def _transfers(self, statuses: Sequence[dict[str, Any]]) -> None:
        """Count the bytes of contexts that are sent and of layers that are fetched."""
        for status in statuses:
            what = str(status.get("id", ""))
            if what.startswith(_UNPACK) and not status.get("completed"):
                self._unpacking.add(what)
            else:
                self._unpacking.discard(what)
        counted = {
            f"{status.get('vertex')} {status.get('id')}": (status["current"], status.get("total") or 0)
            for status in statuses
            if status.get("current")
        }
        if counted.items() - self._bytes.items():
            self._moved = time.monotonic()
        if counted:
            self._bytes |= counted
            self._tell(Moved(*map(sum, zip(*self._bytes.values(), strict=True))))


def _unquoted(text: str) -> str:
    """What stands in a string that Go has quoted, whose escapes are Python's."""
    try:
        return str(ast.literal_eval(f'"{text}"'))
    except (SyntaxError, ValueError):
        return text


def shown(line: str) -> Iterator[str]:
    """A line as a terminal would leave it standing: without colours, progress bars drawn over."""
    kept = line.rstrip("\r").rpartition("\r")[2]
    if plain := CONTROL.sub("", kept).rstrip():
        yield _cut(plain, LONGEST)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
