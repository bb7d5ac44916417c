"""A TOML file read strictly: every problem in it, each with its line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pipeline.errors import InputError, Problem

T = TypeVar("T")
Path = tuple[str | int, ...]

_KINDS = {
    str: "a string",
    int: "a whole number",
    float: "a decimal number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
}
# as many names as a hint lists
_MANY = 12
# nothing that is read here lies deeper
_DEEPEST = 8


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint that names the word that was probably meant, or ""."""
    known = list(words)
    close = difflib.get_close_matches(word, known, n=len(known) or 1)
    if not close:
        return ""

    # of words that are as near, the one that begins alike: people slip towards the end
    def likeness(other: str) -> tuple[float, int]:
        matcher = difflib.SequenceMatcher(None, other, word)
        begin = matcher.find_longest_match()
        return matcher.ratio(), 0 if begin.a or begin.b else begin.size

    return f"did you mean '{max(close, key=likeness)}'?"


def among(word: str, words: Iterable[str]) -> str:
    """A hint that names the word that was probably meant, or else those that there are."""
    names = sorted(words)
    more = ", …" if len(names) > _MANY else ""
    return nearest(word, names) or f"there are: {', '.join(names[:_MANY]) or 'none'}{more}"


def kind_of(value: object) -> str:
    """A TOML value's type in a person's words."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def _statements(text: str) -> Iterator[tuple[int, str, Any]]:
    """Each statement of a valid file: its first line, its text, its value; it is a valid file by itself."""
    first, statement = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        statement += f"{line}\n"
        try:
            value = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:  # it goes on in the next line
            continue
        yield first, statement, value
        first, statement = number + 1, ""


def _paths(value: Any, path: Path) -> Iterator[Path]:
    """The path of everything inside a value."""
    waiting = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for name, below in inner:
            yield (*path, name)
            if isinstance(below, dict | list) and len(path) < _DEEPEST:
                waiting.append(((*path, name), below))


def _lines(text: str) -> dict[Path, int]:
    """Where each table and key is written."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, statement, value in _statements(text):
        if not statement.lstrip().startswith("["):
            for path in _paths(value, table):
                found.setdefault(path, number)
            continue
        table = ()
        inner = value
        while inner and isinstance(inner, dict) and len(table) < _DEEPEST:
            ((name, inner),) = inner.items()
            table = (*table, name)
            if isinstance(inner, list):
                counts[table] = counts.get(table, -1) + 1
            found.setdefault(table, number)
            if table in counts:
                table = (*table, counts[table])
        found[table] = number
    return found


class Table:
    """One table of the file, from which a reader takes what it knows; what is left over is a problem."""

    def __init__(self, document: Document, path: Path, values: dict[str, Any]) -> None:
        self._document = document
        self._values = values
        self._known: set[str] = set()
        self._mistyped: set[str] = set()
        self.path = path

    @property
    def where(self) -> str:
        """`file:line` of the table."""
        return self._document.where(self.path)

    def at(self, key: str) -> str:
        """`file:line` of a key."""
        return self._document.where((*self.path, key))

    def has(self, key: str) -> bool:
        """Whether the file gives the key."""
        return key in self._values

    def problem(self, message: str, key: str = "", hint: str = "") -> None:
        """Note a problem with the table, or with one key of it."""
        if key in self._mistyped:
            # what was read instead is nothing that anybody wrote
            return
        self._document.problems.append(Problem(message, self.at(key) if key else self.where, hint))

    def take(self, key: str, kind: type[T], default: T) -> T:
        """The key's value, or the default where it is missing or of another type (a problem)."""
        self._known.add(key)
        value = self._values.get(key, default)
        wrong_bool = isinstance(value, bool) and kind is not bool
        if not isinstance(value, kind) or wrong_bool:
            self.problem(f"'{key}' must be {_KINDS[kind]}, not {kind_of(value)}", key)
            self._mistyped.add(key)
            return default
        return value

    def any(self, key: str, default: object) -> object:
        """The key's value, of whatever type."""
        self._known.add(key)
        return self._values.get(key, default)

    def need(self, key: str, hint: str = "") -> str:
        """The key's text, which may not be missing or empty."""
        if key not in self._values:
            self._known.add(key)
            self.problem(f"'{key}' is missing", hint=hint)
            return ""
        value = self.take(key, str, "")
        if isinstance(self._values[key], str) and not value:
            self.problem(f"'{key}' is empty", key, hint)
        return value

    def strings(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The key's list of strings."""
        values = self.take(key, list, list(default))
        for value in values:
            if not isinstance(value, str):
                self.problem(f"'{key}' must be a list of strings, but has {kind_of(value)} in it", key)
                self._mistyped.add(key)
                return default
        return tuple(values)

    def one_or_more(self, key: str, default: str) -> tuple[str, ...]:
        """The key's string, or its list of strings, which may not be empty."""
        if not isinstance(self._values.get(key), list):
            return (self.take(key, str, default),)
        if not self._values[key]:
            self.problem(f"'{key}' is empty", key)
        return self.strings(key) or (default,)

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """The key's table of strings, sorted; numbers and booleans are refused, so that 1.10 stays 1.10."""
        pairs = []
        for name, value in self.take(key, dict, {}).items():
            if isinstance(value, str):
                pairs.append((name, value))
            else:
                where = self._document.where((*self.path, key, name))
                message = f"'{key}.{name}' must be a string, not {kind_of(value)}"
                self._document.problems.append(Problem(message, where, "put it in quotes"))
        return tuple(sorted(pairs))

    def table(self, key: str) -> Table:
        """The table under the key, empty where there is none."""
        return Table(self._document, (*self.path, key), self.take(key, dict, {}))

    def tables(self, key: str, hint: str = "") -> Iterator[tuple[str, Table]]:
        """The named tables under the key: `[key.NAME]`; `hint` says what else to write than no table."""
        for name, value in self.take(key, dict, {}).items():
            if isinstance(value, dict):
                yield name, Table(self._document, (*self.path, key, name), value)
            else:
                hint = hint or f"write [{key}.NAME], then its settings"
                self._document.problems.append(
                    Problem(
                        f"'{key}.{name}' must be a table, not {kind_of(value)}",
                        self._document.where((*self.path, key, name)),
                        hint,
                    )
                )

    def tables_here(self) -> Iterator[tuple[str, Table]]:
        """The named tables of this one, which has nothing else: `[this.NAME]`."""
        for name, value in self._values.items():
            self._known.add(name)
            if isinstance(value, dict):
                yield name, Table(self._document, (*self.path, name), value)
            else:
                self.problem(f"'{name}' must be a table, not {kind_of(value)}", name)

    def list(self, key: str) -> Iterator[Table]:
        """The tables of the list under the key: `[[key]]`."""
        hint = f"write [[{key}]], then its settings"
        values = self.any(key, [])
        if not isinstance(values, list):
            self.problem(f"'{key}' must be a list of tables, not {kind_of(values)}", key, hint)
            return
        for index, value in enumerate(values):
            if isinstance(value, dict):
                yield Table(self._document, (*self.path, key, index), value)
            else:
                self.problem(f"'{key}' must be a list of tables", key, hint)

    def keys(self) -> tuple[str, ...]:
        """The keys that the file gives."""
        return tuple(self._values)

    def close(self, what: str = "setting") -> None:
        """Note every key that nobody took."""
        for key in self._values:
            if key not in self._known:
                hint = nearest(key, self._known) or f"known here: {', '.join(sorted(self._known))}"
                self.problem(f"unknown {what} '{key}'", key, hint)


class Document:
    """A parsed file, its lines and the problems found in it so far."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        try:
            values = tomllib.loads(text)
            self._lines = _lines(text)
        except tomllib.TOMLDecodeError as error:
            message, _, place = str(error).rpartition(" (at ")
            line = re.match(r"line (\d+)", place)
            number = int(line[1]) if line else text.rstrip().count("\n") + 1
            raise InputError.of(
                f"not valid TOML: {message[:1].lower()}{message[1:]}", f"{path}:{number}"
            ) from error
        except RecursionError as error:
            raise InputError.of("not valid TOML: nested too deep", path) from error
        except ValueError as error:  # tomllib lets through what int() says of thousands of digits
            raise InputError.of("not valid TOML: a number is too long", path) from error
        self.root = Table(self, (), values)

    def where(self, path: Path) -> str:
        """`file:line` of the key or table, or of the nearest table around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return f"{self.path}:{self._lines.get(path, 1)}"

    def check(self) -> None:
        """Raise all problems found, together, in the order of the file."""
        if self.problems:
            found = dict.fromkeys(self.problems)
            raise InputError(*sorted(found, key=lambda problem: int(problem.where.rpartition(":")[2])))
