"""The graph drawn as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from trees import graph, graph_of, stacks

from pipeline.drawing import svg
from pipeline.graph import Graph

SVG = "{http://www.w3.org/2000/svg}"


def boxes(of: Graph, names: frozenset[str]) -> list[tuple[str, str]]:
    """The class and the name of every box that is drawn."""
    return [
        (group.attrib["class"], group.findtext(f".//{SVG}text/{SVG}title", ""))
        for group in ET.fromstring(svg(of, names)).iter(f"{SVG}g")
    ]


@given(arrows=stacks())
def test_every_image_has_one_box(arrows: str) -> None:
    found = graph(arrows)
    drawn = [name for kind, name in boxes(found, frozenset(found.nodes)) if kind != "root"]
    assert sorted(drawn) == sorted(found.nodes)


@pytest.mark.parametrize("name", ["nginx", "scratch"])
def test_an_image_called_like_its_root_is_drawn_beside_it(name: str) -> None:
    found = graph_of({f"{name}/Dockerfile": f"FROM {name}\n"})
    assert boxes(found, frozenset(found.nodes)) == [("root", f"{name} (from outside)"), ("leaf", name)]


def test_a_part_is_drawn_beside_the_image_it_was_cut_from() -> None:
    found = graph("base > scipy > tensorflow")
    assert boxes(found, frozenset({"tensorflow"})) == [("root", "(scipy)"), ("leaf", "tensorflow")]


def test_what_is_copied_from_is_dashed() -> None:
    found = graph("base > scipy, tools > scipy")
    dashed = [
        p for p in ET.fromstring(svg(found, frozenset(found.nodes))).iter(f"{SVG}path") if p.get("class")
    ]
    assert [path.attrib["class"] for path in dashed] == ["copied"]


def test_a_root_that_is_only_copied_from_is_drawn_once_beside_all_it_is_copied_into() -> None:
    copying = "FROM debian\nCOPY --from=uv:1 /uv /\n"
    found = graph_of({"a/Dockerfile": copying, "b/Dockerfile": copying})
    drawing = svg(found, frozenset(found.nodes))
    assert drawing.count("uv:1</title>") == 1
    assert drawing.count('class="copied"') == 2


def test_names_with_markup_are_text() -> None:
    found = graph_of({"<b>&/Dockerfile": "FROM debian\n"})
    assert ("leaf", "<b>&") in boxes(found, frozenset(found.nodes))
