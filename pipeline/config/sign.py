"""`[sign]`: signatures on what is about to get names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.tomlfile import Table

_REFERENCE = re.compile(r"[A-Za-z0-9_./:@%+=-]+\Z")


@dataclass(frozen=True, slots=True)
class Sign:
    """How images are signed: with cosign, by `key` (a file, or where one is: `env://NAME`, `awskms://…`).

    Without a key cosign signs keyless, as who it is run by. `wanted` is whether the section is there.
    """

    wanted: bool = False
    key: str = ""


def read_sign(table: Table, *, given: bool) -> Sign:
    """The section, or what is meant without it."""
    key = table.take("key", str, "")
    if key and (not _REFERENCE.match(key) or key.startswith("-")):
        hint = "a file, or where the key is: env://COSIGN_PRIVATE_KEY, awskms://…; never the key itself"
        table.problem("'key' is no place of a key", "key", hint)
    table.close()
    return Sign(given, key)
