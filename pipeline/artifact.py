"""A document as a registry keeps it: the one layer of a manifest that is no image."""

from __future__ import annotations

from pipeline import digest
from pipeline.ports import Remote, Stored

OCI = "application/vnd.oci.image.manifest.v1+json"
_NOTHING = b"{}"


def keep(remote: Remote, name: str, kinds: tuple[str, str], document: bytes) -> None:
    """Store a document under a name; `kinds` are the media types of its empty configuration and of itself."""
    repository = name.rpartition(":")[0]
    layer, config = remote.upload(repository, document), remote.upload(repository, _NOTHING)
    remote.put(
        name,
        stored(
            {
                "config": {"mediaType": kinds[0], "digest": config, "size": len(_NOTHING)},
                "layers": [{"mediaType": kinds[1], "digest": layer, "size": len(document)}],
            }
        ),
    )


def stored(fields: dict[str, object]) -> Stored:
    """A manifest of these fields; the same bytes for the same fields."""
    return Stored(digest.canonical({"schemaVersion": 2, "mediaType": OCI, **fields}), OCI)
