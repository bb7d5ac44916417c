"""What tags say of an image: labels and variables read on the registry, commands run in a container."""

from __future__ import annotations

from pipeline import digest, publish
from pipeline.adapters.engine import local_name
from pipeline.config import Config, TagField, value_of
from pipeline.publish import Entry, Found, Generation, Place
from pipeline.run.worker import Worker

Fields = tuple[tuple[str, str], ...]
TIMEOUT = 60.0


def read(config: Config, entry: Entry, given: tuple[Place, Generation | None, Worker]) -> Fields:
    """The fields of one image that its tags use, "" for what it does not have.

    What the last generation has read from the same build is not read again.
    """
    place, last, worker = given
    used = publish.fields_of(config.tags)
    asked = [one for one in config.tag_fields if one.name in used]
    if not asked:
        return ()
    before = (
        [one for one in last.entries if (one.image, one.digest) == (entry.image, entry.digest)]
        if last
        else []
    )
    known = dict(before[0].fields) if before else {}
    found: Found | None = None
    values = []
    for one in asked:
        # what is said of the declaration is part of what is remembered
        sign = f"{one.name} {digest.short(digest.of_value([one.run, one.label, one.env, one.match]))}"
        if sign not in known:
            if found is None and not one.run:
                found = publish.look(place.remote, f"{place.registry}/{entry.repository}@{entry.digest}")
            known[sign] = value_of(one, _text(one, entry, found, (place, worker)))
        values += [(sign, known[sign]), (one.name, known[sign])]
    return tuple(values)


def _text(one: TagField, entry: Entry, found: Found | None, given: tuple[Place, Worker]) -> str:
    place, worker = given
    if not one.run:
        if found is None:
            return ""
        return found.labels.get(one.label, "") if one.label else found.environment.get(one.env, "")
    image = worker.image_ids.get(entry.key)
    if image is None:
        source = f"{place.registry}/{entry.repository}@{entry.digest}"
        image = worker.engine.pull(
            source, local_name(entry.image, entry.key), entry.key, lambda _: None
        ).image_id
        worker.image_ids[entry.key] = image
    from pipeline.adapters.inside import Inside, Script  # noqa: PLC0415 (docker is slow to import)

    answer = Inside(worker.engine).run(image, Script('exec "$@"', one.run, timeout=TIMEOUT))
    return f"{answer.out}{answer.err}" if answer.code == 0 else ""
