"""`[names]`: what promotion moves."""

from __future__ import annotations

import re

from pipeline.tomlfile import Table, nearest

DEFAULT_TAGS = ("latest",)
TAG_FIELDS = ("date", "commit", "variant")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def read_tags(table: Table) -> tuple[str, ...]:
    """The patterns of tags."""
    tags = table.strings("tags", DEFAULT_TAGS)
    for tag in tags:
        for name in _PLACEHOLDER.findall(tag):
            if name not in TAG_FIELDS:
                hint = nearest(name, TAG_FIELDS) or f"known here: {', '.join(TAG_FIELDS)}"
                table.problem(f"'{{{name}}}' in tag '{tag}' is not known", "tags", hint)
        if not re.fullmatch(r"[\w.-]{1,100}", _PLACEHOLDER.sub("x", tag), re.ASCII) or tag[0] in ".-":
            table.problem(f"'{tag}' is no image tag", "tags", "use letters, digits, '_', '.' and '-'")
        elif tag.replace("{variant}", "").strip("-")[:1] in {"", "."}:
            hint = 'the first variant has no name in tags: write it like "{variant}-latest"'
            table.problem(f"'{tag}' is no image tag without its variant", "tags", hint)
    table.close()
    return tags
