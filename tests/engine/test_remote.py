"""What promotion relies on in a registry: the one in memory and the real one keep the same promises."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
from memory import MANIFEST, Memory

from pipeline.adapters.registry import Registry
from pipeline.errors import UnreachableError
from pipeline.ports import Remote, Stored
from pipeline.publish.generation import Entry, Generation
from pipeline.publish.moving import Place, history, load, newest, record

pytestmark = pytest.mark.engine


@pytest.fixture(params=["memory", "real"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A registry that nothing of ours is in."""
    prefix = f"t-{uuid.uuid4().hex[:12]}"
    if request.param == "memory":
        yield Place(Memory().seen_by(), f"reg.example/{prefix}")
    else:
        yield Place(Registry(), f"{request.getfixturevalue('registry')}/{prefix}")


def image(remote: Remote, repository: str, text: str = "") -> Stored:
    """An image of nothing, its manifest not stored yet."""
    config = json.dumps({"config": {"Labels": {"text": text}}}).encode()
    where = remote.upload(repository, config)
    media = "application/vnd.oci.image.config.v1+json"
    part = {"mediaType": media, "digest": where, "size": len(config)}
    value = {"schemaVersion": 2, "mediaType": MANIFEST, "config": part, "layers": []}
    return Stored(json.dumps(value).encode(), MANIFEST)


def test_what_is_not_there_is_absent_and_no_error(place: Place) -> None:
    remote, repository = place.remote, f"{place.registry}/a"
    assert remote.tags(repository) == ()
    assert remote.manifest(f"{repository}:none") is None
    assert remote.digests([f"{repository}:none"]) == {}
    assert remote.blob(repository, f"sha256:{'0' * 64}") is None


def test_a_manifest_comes_back_byte_for_byte_by_tag_and_by_digest(place: Place) -> None:
    remote, repository = place.remote, f"{place.registry}/a"
    stored = image(remote, repository)
    remote.put(f"{repository}:one", stored)
    assert remote.manifest(f"{repository}:one") == stored
    assert remote.manifest(f"{repository}@{stored.digest}") == stored
    assert remote.digests([f"{repository}:one", f"{repository}:two"]) == {f"{repository}:one": stored.digest}


def test_a_tag_moves_and_keeps_the_digest(place: Place) -> None:
    remote, repository = place.remote, f"{place.registry}/a"
    old, new = image(remote, repository, "old"), image(remote, repository, "new")
    for stored in (old, new):
        remote.put(f"{repository}:latest", stored)
        assert remote.digests([f"{repository}:latest"]) == {f"{repository}:latest": stored.digest}
    assert remote.manifest(f"{repository}@{old.digest}") == old
    assert remote.tags(repository) == ("latest",)


def test_a_manifest_whose_parts_are_not_there_is_refused(place: Place) -> None:
    stored = image(place.remote, f"{place.registry}/a")
    with pytest.raises(UnreachableError):
        place.remote.put(f"{place.registry}/b:latest", stored)
    assert place.remote.manifest(f"{place.registry}/b:latest") is None


def test_a_generation_comes_back_and_the_newest_is_the_last(place: Place) -> None:
    entry = Entry("a", "cpu", "k", f"sha256:{'0' * 64}", ("a:latest",))
    assert newest(place) is None
    made = [Generation(number, "now", (entry,)) for number in (1, 10, 9)]
    for one in made:
        record(place, one)
    assert [load(place, tag) for tag in history(place)] == [made[0], made[2], made[1]]
    assert newest(place) == made[1]
