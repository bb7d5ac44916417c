"""The frameworks and Jupyter, as far as they can be had without being there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jupyter_probe
import tensorflow_probe
import torch_probe
from telling import Ended


class Row(list[Any]):
    """A number that behaves like an array of one, with the device that it was computed on."""

    device = "/job:localhost/replica:0/task:0/device:GPU:0"

    def astype(self, _: str) -> Row:
        return self

    def __matmul__(self, other: Row) -> Row:
        return Row([self[0] * other[0]])

    def __sub__(self, other: Any) -> Row:
        return Row([self[0] - other[0]])

    def max(self) -> float:
        return float(self[0])

    def numpy(self) -> Row:
        return self

    def cpu(self) -> Row:
        return self

    def to(self, device: str) -> Row:
        moved = Row(self)
        moved.device = device
        return moved


NUMPY: Any = SimpleNamespace(
    random=SimpleNamespace(RandomState=lambda: SimpleNamespace(uniform=lambda *_: Row([2.0]))),
    abs=lambda row: Row([abs(row[0])]),
)


def test_tensorflow_is_believed_only_for_the_device_and_the_numbers() -> None:
    class Here:
        def __init__(self, _: str) -> None: ...
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    def tensorflow(product: Row) -> Any:
        config = SimpleNamespace(set_soft_device_placement=lambda on: None, experimental=SimpleNamespace())
        return SimpleNamespace(
            config=config, device=Here, constant=lambda row: row, matmul=lambda *_: product
        )

    def multiplied(product: Row) -> str:
        try:
            tensorflow_probe.multiply(tensorflow(product), NUMPY, "/GPU:0")
        except Ended as ended:
            return ended.reason
        return ""

    assert multiplied(Row([4.0])) == ""
    assert "wrong by" in multiplied(Row([4.5]))
    assert "wrong by nan" in multiplied(Row([float("nan")]))
    elsewhere = Row([4.0])
    elsewhere.device = "/job:localhost/replica:0/task:0/device:CPU:0"
    assert multiplied(elsewhere) == f"the product was computed on {elsewhere.device}, not on /GPU:0"


def test_torch_is_believed_only_for_the_device_and_the_numbers() -> None:
    class Moved(Row):
        def __matmul__(self, other: Row) -> Row:
            return Row([self[0] * other[0] + off]).to(where)

    class Source(Row):
        def to(self, device: str) -> Row:
            return Moved(self)

    torch = SimpleNamespace(backends=SimpleNamespace(), from_numpy=Source)

    def multiplied() -> str:
        try:
            torch_probe.multiply(torch, NUMPY, "cuda:0")
        except Ended as ended:
            return ended.reason
        return ""

    where, off = "cuda:0", 0.0
    assert multiplied() == ""
    where, off = "cpu", 0.0
    assert multiplied() == "the product was computed on cpu, not on cuda:0"
    where, off = "cuda:0", 1.0
    assert "wrong by" in multiplied()


def test_jupyter_is_started_as_the_image_starts_it_or_by_itself() -> None:
    lab = {"entrypoint": ["tini", "--"], "command": ["start-notebook.sh"]}
    assert jupyter_probe.command(lab) == ["tini", "--", "start-notebook.sh"]
    other = jupyter_probe.command({"entrypoint": [], "command": ["bash"]})
    assert other[0] == "jupyter"
    assert "--ip=127.0.0.1" in other


def test_no_cell_holds_what_it_must_print() -> None:
    assert not [cell for cell in jupyter_probe.CELLS.values() if jupyter_probe.ANSWER in cell]
