"""What people see: text on the streams, and a run as it goes on."""

from pipeline.adapters.terminal.lines import Voice
from pipeline.adapters.terminal.streams import (
    colourful,
    complain,
    crashed,
    is_utf8,
    paint_for,
    put,
    put_file,
    put_log,
    say,
    warn,
)
from pipeline.adapters.terminal.watch import watching

__all__ = [
    "Voice",
    "colourful",
    "complain",
    "crashed",
    "is_utf8",
    "paint_for",
    "put",
    "put_file",
    "put_log",
    "say",
    "warn",
    "watching",
]
