"""`[attest]`: what builders are to say, beside an image, of what is in it and how it was made."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.tomlfile import Table, nearest

PROVENANCE = ("min", "max")


@dataclass(frozen=True, slots=True)
class Attest:
    """Whether a bill of materials is wanted, and how much provenance ("" for none)."""

    sbom: bool = False
    provenance: str = ""

    @property
    def wanted(self) -> tuple[str, ...]:
        """What is wanted, as `buildx build --attest` takes it."""
        sbom = ("type=sbom",) if self.sbom else ()
        return (*sbom, f"type=provenance,mode={self.provenance}") if self.provenance else sbom


def read_attest(table: Table) -> Attest:
    """The section, or what is meant without it."""
    provenance = table.take("provenance", str, "")
    if table.has("provenance") and provenance not in PROVENANCE:
        hint = nearest(provenance, PROVENANCE) or f"one of {', '.join(PROVENANCE)}"
        table.problem(f"'{provenance}' is no kind of provenance", "provenance", hint)
    sbom = table.take("sbom", bool, default=False)
    table.close()
    return Attest(sbom, provenance)
