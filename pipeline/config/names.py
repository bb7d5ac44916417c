"""`[names]`: what promotion moves."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipeline.tomlfile import Table, nearest

DEFAULT_TAGS = ("latest",)
TAG_FIELDS = ("date", "commit", "lock", "variant")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_SOURCES = ("run", "label", "env")


@dataclass(frozen=True, slots=True)
class TagField:
    """A field of tags that is read from each image: what a command prints there, a label or a variable.

    `match` is a pattern whose first group, or else all of it, is the value.
    """

    name: str
    run: tuple[str, ...] = ()
    label: str = ""
    env: str = ""
    match: str = ""
    where: str = field(default="", compare=False)


def read_names(table: Table) -> tuple[tuple[str, ...], tuple[TagField, ...]]:
    """The patterns of tags, and the fields that are read from images."""
    tags = table.strings("tags", DEFAULT_TAGS)
    fields = tuple(_field(name, inner) for name, inner in table.table("fields").tables_here())
    known = (*TAG_FIELDS, *(one.name for one in fields))
    for tag in tags:
        for name in _PLACEHOLDER.findall(tag):
            if name not in known:
                hint = (
                    nearest(name, known) or f"known here: {', '.join(known)}; [names.fields.{name}] adds it"
                )
                table.problem(f"'{{{name}}}' in tag '{tag}' is not known", "tags", hint)
        if not re.fullmatch(r"[\w.-]{1,100}", _PLACEHOLDER.sub("x", tag), re.ASCII) or tag[0] in ".-":
            table.problem(f"'{tag}' is no image tag", "tags", "use letters, digits, '_', '.' and '-'")
        elif tag.startswith(("k-", "v-")):
            table.problem(
                f"'{tag}' begins like a tag of stackbuild's own", "tags", "keys have tags of their own"
            )
        elif tag.replace("{variant}", "").strip("-")[:1] in {"", "."}:
            hint = 'the first variant has no name in tags: write it like "{variant}-latest"'
            table.problem(f"'{tag}' is no image tag without its variant", "tags", hint)
    table.close()
    return tags, fields


def _field(name: str, table: Table) -> TagField:
    if name in TAG_FIELDS or not _NAME.match(name):
        what = "is given by stackbuild" if name in TAG_FIELDS else "is no name of a field"
        table.problem(f"'{name}' {what}", hint="call it like python, or spark_version")
    if sum(table.has(source) for source in _SOURCES) != 1:
        hint = 'run = ["python3", "--version"], label = "…" or env = "…"'
        table.problem(f"'{name}' needs one of {', '.join(_SOURCES)}", hint=hint)
    made = TagField(
        name,
        table.strings("run"),
        table.take("label", str, ""),
        table.take("env", str, ""),
        table.take("match", str, ""),
        table.where,
    )
    try:
        re.compile(made.match)
    except re.error as error:
        table.problem(f"'{made.match}' is no pattern: {error}", "match")
    table.close()
    return made


def value_of(asked: TagField, text: str) -> str:
    """The field's value in what was read, "" where nothing in it matches."""
    line = text.strip()
    if asked.match:
        found = re.search(asked.match, line)
        line = found[1 if found.re.groups else 0] or "" if found else ""
    return line if re.fullmatch(r"[\w.-]{1,100}", line, re.ASCII) else ""
