"""What every kind of edit takes from its table."""

from __future__ import annotations

import re
from typing import TypedDict

from pipeline.overlay.model import ANY, AT_LEAST_ONCE, Expect
from pipeline.tomlfile import Table, kind_of

_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f]|\n")


class Common(TypedDict):
    """What `Edit` itself holds."""

    where: str
    images: tuple[str, ...]
    expect: Expect


def common(table: Table, *, all_images: bool = True) -> Common:
    """The images and the expectation; an edit that adds something must name its images."""
    if not all_images and not table.has("image"):
        table.need("image", 'the images it is for, as globs: image = "base-notebook"')
    return Common(where=table.where, images=table.one_or_more("image", "*"), expect=_expect(table))


def _expect(table: Table) -> Expect:
    value = table.any("expect", None)
    if value is None:
        return AT_LEAST_ONCE
    if value == "any":
        return ANY
    if not isinstance(value, int) or isinstance(value, bool):
        found = f"'{value}'" if isinstance(value, str) else kind_of(value)
        table.problem(f"'expect' must be a whole number or \"any\", not {found}", "expect")
        return AT_LEAST_ONCE
    if value < 0:
        table.problem(f"'expect' must not be below 0, but is {value}", "expect")
    return Expect(value, value)


def one_line(table: Table, key: str, hint: str) -> str:
    """A value that must be there, may be empty, and holds no line break and no control character."""
    if not table.has(key):
        return table.need(key, hint)
    value = table.take(key, str, "")
    if _CONTROL.search(value):
        table.problem(f"'{key}' holds a line break or a control character", key, "give it in one line")
    return value


def variable_name(table: Table) -> str:
    """The name of an ARG or ENV."""
    name = table.need("name", 'the variable: name = "NB_UID"')
    if name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        table.problem(f"'{name}' is no name of a variable", "name", "use letters, digits and '_'")
    return name
