"""What moves in a lock, as text."""

from __future__ import annotations

from pipeline.lock import Move


def move_line(move: Move) -> str:
    """One pin that moves: `root debian:bookworm  sha256:… → sha256:…`."""
    return f"{move.kind} {move.name}  {_pin(move.old, '(new)')} → {_pin(move.new, '(not used any more)')}"


def _pin(pin: str | None, absent: str) -> str:
    return absent if pin is None else pin or "(to be looked up)"
