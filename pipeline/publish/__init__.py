"""Names move on the registry, and only to what its probes have shown to work."""

from pipeline.publish.composing import Judged, follow, wrong
from pipeline.publish.deciding import apart, clashes, closed, decide, unprobed
from pipeline.publish.generation import Entry, Generation, Kept, Seen
from pipeline.publish.looking import Found, ids_of, look, unfit
from pipeline.publish.moving import Place, Published, astray, history, load, newest, publish, rollback
from pipeline.publish.naming import Naming, fields_of, key_name, names, passing, repository

__all__ = [
    "Entry",
    "Found",
    "Generation",
    "Judged",
    "Kept",
    "Naming",
    "Place",
    "Published",
    "Seen",
    "apart",
    "astray",
    "clashes",
    "closed",
    "decide",
    "fields_of",
    "follow",
    "history",
    "ids_of",
    "key_name",
    "load",
    "look",
    "names",
    "newest",
    "passing",
    "publish",
    "repository",
    "rollback",
    "unfit",
    "unprobed",
    "wrong",
]
