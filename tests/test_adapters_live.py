"""The picture of a run where there is little room: names stay readable, and its last line whole."""

from __future__ import annotations

import pytest

from pipeline.adapters.terminal import live
from pipeline.show import Row, Standing, Totals

TOTALS = Totals(30, 17, 4, 1, 12, 0, 4.0, 3.0)


def picture(seen: tuple[Row, ...], width: int) -> list[str]:
    return [line.plain for line in live.frame((seen, TOTALS), (width, 24), 0)]


def test_where_a_deep_tree_takes_the_room_of_names_it_is_not_drawn() -> None:
    chain = tuple(
        Row(f"image-{depth}", f"{'   ' * (depth - 1)}└─ " if depth else "", Standing.WAITING)
        for depth in range(8)
    )
    narrow, wide = picture(chain, 40), picture(chain, 80)
    assert [line.split()[1] for line in narrow[:8]] == [f"image-{depth}" for depth in range(8)]
    assert wide[7].split()[1:3] == ["└─", "image-7"]


@pytest.mark.parametrize("width", [20, 40, 70, 80])
def test_what_a_terminal_shows_of_ctrl_c_does_not_break_the_last_line(width: int) -> None:
    last = picture((Row("base", "", Standing.WAITING),), width)[-1]
    assert last.startswith("17 of 30 done")
    assert len(f"{last}^C^C") <= width
