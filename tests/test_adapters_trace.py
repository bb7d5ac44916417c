"""What BuildKit says in protobuf: read as it was meant, and refused when it is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters import trace


def number(value: int) -> bytes:
    """A number of variable length."""
    head, rest = value & 0x7F, value >> 7
    return bytes([head | 0x80]) + number(rest) if rest else bytes([head])


def field(at: int, value: bytes | str | int) -> bytes:
    """A field of a message."""
    if isinstance(value, int):
        return number(at << 3) + number(value)
    data = value.encode() if isinstance(value, str) else value
    return number(at << 3 | 2) + number(len(data)) + data


def message(**parts: bytes) -> bytes:
    """A StatusResponse."""
    at = {"vertex": 1, "status": 2, "log": 3, "warning": 4}
    return b"".join(field(at[name], part) for name, part in parts.items())


def test_a_step_its_output_and_its_bytes_are_read_and_all_else_is_passed_over() -> None:
    moment = field(1, 1_700_000_000) + field(2, 5)
    vertex = field(1, "sha256:a") + field(2, "sha256:b") + field(3, "RUN ö") + field(4, 1) + field(5, moment)
    status = field(1, "layer") + field(2, "sha256:a") + field(4, 300) + field(5, 70_000) + field(6, moment)
    log = field(1, "sha256:a") + field(2, moment) + field(3, 1) + field(4, b"half \xc3")
    fixed = number(9 << 3 | 1) + b"8 bytes." + number(10 << 3 | 5) + b"four"
    assert trace.event(message(vertex=vertex + fixed, status=status, log=log, warning=b"\n\x01x")) == {
        "vertexes": [{"digest": "sha256:a", "name": "RUN ö", "cached": 1, "started": moment}],
        "statuses": [{"id": "layer", "vertex": "sha256:a", "current": 300, "total": 70_000}],
        "logs": [{"vertex": "sha256:a", "data": b"half \xc3"}],
    }


def test_several_of_a_kind_keep_their_order() -> None:
    found = trace.event(b"".join(message(log=field(4, text)) for text in ("one", "two")))
    assert [entry["data"] for entry in found["logs"]] == [b"one", b"two"]


@given(st.binary(max_size=300), st.integers(0, 2**40))
def test_output_and_numbers_come_out_as_they_went_in(output: bytes, count: int) -> None:
    found = trace.event(message(log=field(4, output), status=field(4, count)))
    assert found["logs"] == [{"data": output}]
    assert found["statuses"] == [{"current": count}]


@given(st.binary(max_size=60))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        assert isinstance(trace.event(data), dict)
    except ValueError:
        return


@pytest.mark.parametrize("size", range(1, 12))
def test_a_message_that_is_cut_off_is_refused(size: int) -> None:
    whole = message(log=field(4, b"output"))
    assert len(whole) == 10
    if size >= len(whole):
        assert trace.event(whole[:size])
        return
    with pytest.raises(ValueError, match="cut off"):
        trace.event(whole[:size])
