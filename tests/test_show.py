"""Plans, graphs and outcomes as text for a terminal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from trees import after_building, graph, graph_of, keys_of, records, stack, stacks, tree_of

from pipeline import overlay, plan, show
from pipeline.expected import Expected
from pipeline.graph import Graph
from pipeline.overlay import Match, RootEdit
from pipeline.plan import Action, Known, Request

Golden = Callable[[str, str], None]
ARROWS = "base > minimal > scipy > tensorflow, minimal > r, tools > scipy, busybox:1 > tools, debian:12 > old"
STACK = graph(ARROWS)
ALL = frozenset(STACK.nodes)


def coloured(text: str, colour: str) -> str:
    return f"<{colour}>{text}</{colour}>"


def names_of(of: Graph) -> frozenset[str]:
    return frozenset(of.nodes)


# graphs


def test_a_graph_is_a_tree_under_its_roots(golden: Golden) -> None:
    golden("graph.txt", show.graph_text(STACK, ALL))


def test_a_part_of_a_graph_stands_under_what_it_was_cut_from(golden: Golden) -> None:
    golden("graph_part.txt", show.graph_text(STACK, STACK.descendants(["scipy", "r"])))


def test_a_graph_can_be_drawn_by_graphviz(golden: Golden) -> None:
    golden("graph.dot", show.graph_dot(STACK, ALL))


def test_a_graph_can_be_drawn_by_mermaid(golden: Golden) -> None:
    golden("graph.mermaid", show.graph_mermaid(STACK, ALL))


def test_a_root_that_is_called_like_an_image_is_told_apart_from_it() -> None:
    files = {
        "debian/Dockerfile": "FROM debian\n",
        "app/Dockerfile": "FROM me/debian\n",
        "x/Dockerfile": "FROM debian\nCOPY --from=app /x /x\n",
    }
    found = graph_of(files, refs=("me/{image}",))
    text = "debian (from outside)\n├─ debian\n│  └─ app\n└─ x  (and app (from outside))"
    assert show.graph_text(found, names_of(found)) == text
    drawing = show.graph_dot(found, names_of(found))
    assert '"debian (from outside)" -> "debian"' in drawing
    assert '"app (from outside)" -> "x"' in drawing


def test_a_drawing_of_a_part_holds_nothing_but_the_part_and_its_roots() -> None:
    names = frozenset({"scipy", "tools"})
    assert show.graph_dot(STACK, names).split("\n")[2:-1] == [
        '  "tools";',
        '  "scipy";',
        '  "busybox:1" -> "tools";',
        '  "tools" -> "scipy";',
    ]
    assert "minimal" not in show.graph_mermaid(STACK, names)


def test_an_image_on_nothing_stands_under_scratch() -> None:
    found = graph_of({"a/Dockerfile": "FROM scratch\n"})
    assert show.graph_text(found, names_of(found)) == "scratch\n└─ a"


@given(stacks())
def test_every_image_has_one_line_in_the_text_and_is_named_in_every_drawing(arrows: str) -> None:
    found = graph(arrows)
    lines = [name for indent, name in show.tree_lines(found, names_of(found)) if indent]
    assert sorted(lines) == sorted(found.order)
    for draw in (show.graph_dot, show.graph_mermaid):
        drawing = draw(found, names_of(found))
        assert all(f'"{name}"' in drawing for name in found.order)
        arrow = "-->" if draw is show.graph_mermaid else "->"
        assert drawing.count(arrow) == sum(len(node.parents) + len(node.roots) for node in found)


def test_names_with_quotes_do_not_break_a_drawing() -> None:
    found = graph_of({'a"b\\c/Dockerfile': "FROM debian\n"})
    assert r'"a\"b\\c"' in show.graph_dot(found, names_of(found))
    assert "a#quot;b" in show.graph_mermaid(found, names_of(found))


def test_mermaid_is_given_no_html_and_no_entities_that_a_name_happens_to_spell() -> None:
    found = graph_of({"<b>#1&amp;/Dockerfile": "FROM debian\n"})
    assert '"#lt;b#gt;#35;1#amp;amp;"' in show.graph_mermaid(found, names_of(found))


def test_an_image_called_scratch_is_shown_under_the_scratch_that_is_none() -> None:
    found = graph_of({"scratch/Dockerfile": "FROM scratch\n"})
    assert show.graph_text(found, names_of(found)) == "scratch (from outside)\n└─ scratch"


def test_a_graph_for_machines_is_as_documented() -> None:
    images = show.graph_json(STACK, STACK.descendants(["scipy"]), stack(ARROWS))["images"]
    assert json.loads(json.dumps(images)) == {
        "scipy": {
            "tree": "images",
            "dockerfile": "scipy/Dockerfile",
            "context": "scipy",
            "parents": ["minimal", "tools"],
            "external": [],
            "leaf": False,
        },
        "tensorflow": {
            "tree": "images",
            "dockerfile": "tensorflow/Dockerfile",
            "context": "tensorflow",
            "parents": ["scipy"],
            "external": [],
            "leaf": True,
        },
    }


# plans


def test_a_plan_is_a_tree_with_actions_keys_and_reasons(golden: Golden) -> None:
    before = records(STACK)
    after = records(STACK, {"scipy": "new"})
    known = Known(
        engine=keys_of(after, "base"),
        registry=keys_of(after, "minimal", "tools", "old"),
        last={name: record for name, record in before.items() if name != "r"},
    )
    steps = plan.make(STACK, after, known, Request())
    golden("plan.txt", f"{show.tally(steps)}\n{show.plan_text(STACK, steps, show.plain)}")


def test_a_part_of_a_plan_stands_under_what_it_was_cut_from(golden: Golden) -> None:
    after = records(STACK, refreshed={"scipy": "now"})
    steps = plan.make(STACK, after, after_building(records(STACK)), Request(changed=("scipy",)))
    golden("plan_part.txt", show.plan_text(STACK, steps, show.plain))


def test_a_root_called_like_an_image_is_not_shown_with_the_images_step() -> None:
    found = graph_of({"debian/Dockerfile": "FROM debian\n"}, refs=("me/{image}",))
    text = show.plan_text(found, plan.make(found, records(found), Known(), Request()), show.plain)
    assert [line.split()[:3] for line in text.split("\n")] == [
        ["debian", "(from", "outside)"],
        ["└─", "debian", "build"],
    ]


def test_a_file_name_in_a_reason_gives_no_orders_to_the_terminal() -> None:
    files = {"a/Dockerfile": "FROM scratch\nCOPY . /\n", "a/\x1b[2J": ""}
    found = graph_of(files)
    known = after_building(records(graph_of({"a/Dockerfile": files["a/Dockerfile"]})))
    text = show.plan_text(found, plan.make(found, records(found), known, Request()), show.plain)
    assert text.endswith("changed: file \\x1b[2J")


def test_actions_are_coloured_and_columns_stay_in_line() -> None:
    steps = plan.make(STACK, records(STACK), Known(), Request(images=("r",)))
    lines = show.plan_text(STACK, steps, coloured).split("\n")
    assert all("<yellow>build</yellow>" in line for line in lines[1:])
    assert len({line.index("<yellow>") for line in lines[1:]}) == 1


def test_a_plan_for_machines_is_as_documented() -> None:
    after = records(STACK, {"r": "new"})
    steps = plan.make(STACK, after, after_building(records(STACK)), Request(images=("r", "base")))
    assert json.loads(json.dumps(show.plan_json(steps))) == {
        "images": {
            "base": {"action": "reuse", "key": after["base"].key, "reasons": [], "why": []},
            "minimal": {"action": "reuse", "key": after["minimal"].key, "reasons": [], "why": []},
            "r": {
                "action": "build",
                "key": after["r"].key,
                "reasons": ["changed: file setup"],
                "why": [
                    {
                        "cause": "changed",
                        "parts": [{"kind": "file", "name": "setup", "old": "file", "new": "file new"}],
                    }
                ],
            },
        }
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (7.4, "7 s"),
        (43, "45 s"),
        (58, "1 min"),
        (170, "3 min"),
        (5399, "90 min"),
        (9000, "2.5 h"),
    ],
)
def test_a_guess_is_rough(seconds: float, text: str) -> None:
    assert show.roughly(seconds) == text


def test_what_is_expected_says_how_much_of_it_is_known() -> None:
    told = [show.expected_text(Expected(170, *counts)) for counts in ((4, 6), (6, 6), (1, 1))]
    assert told == [
        "expected: about 3 min, by earlier times of 4 of 6 builds",
        "expected: about 3 min, by earlier times of all builds",
        "expected: about 3 min, by earlier times of its build",
    ]


def test_what_one_build_takes_is_told_by_its_own_earlier_times() -> None:
    assert show.expected_text(Expected(6, 1, 1)) == "expected: about 6 s, by earlier times of its build"


def test_a_tally_counts_what_there_is() -> None:
    found = records(STACK)
    assert show.tally(plan.make(STACK, found, Known(), Request(images=("r",)))) == "3 to build"
    known = Known(keys_of(found, "base"), keys_of(found, "minimal"))
    assert show.tally(plan.make(STACK, found, known, Request(images=("base", "r")))) == (
        "1 to build, 1 to pull, 1 up to date"
    )
    assert show.tally(()) == "nothing to do"
    assert set(Action) == {Action.BUILD, Action.PULL, Action.REUSE}


# differences


@pytest.mark.parametrize(
    "dockerfile",
    [
        b"FROM ubuntu:1\nRUN a\n",
        b"FROM ubuntu:1",
        b"# x\r\nARG R=ubuntu:1\r\nFROM $R\r\nRUN a \\\r\n  b",
        b"# \xe2\x80\xa8 \x0c \xff\nARG A=ubuntu:1\n\n\n\n\n\n\n\nFROM $A\nRUN b\n",
    ],
)
def test_a_difference_applies_with_git_and_gives_the_rendered_file(dockerfile: bytes, tmp_path: Path) -> None:
    before = tree_of({"a/Dockerfile": dockerfile, "b/Dockerfile": "FROM debian\n"})
    edit = overlay.read_overlay('[[root]]\nfrom = "ubuntu"\nto = "nvidia/cuda:12"\n', "o", "o.toml")
    after, _ = overlay.apply([edit], before)
    text = show.differences(before, after, before.images)
    assert text.count("diff --git ") == 1
    assert text.startswith(
        "diff --git a/images/a/Dockerfile b/images/a/Dockerfile\n--- a/images/a/Dockerfile\n"
    )
    path = tmp_path / "images" / "a" / "Dockerfile"
    path.parent.mkdir(parents=True)
    path.write_bytes(dockerfile)
    patch = text.encode("utf-8", "surrogateescape")
    subprocess.run(["git", "apply", "-"], input=patch, cwd=tmp_path, check=True)
    assert path.read_bytes() == after.images["a"].dockerfile.text.encode("utf-8", "surrogateescape")


def test_a_tree_that_lies_elsewhere_is_patched_from_its_own_folder() -> None:
    files = {"a/Dockerfile": "FROM ubuntu\n"}
    edit = overlay.read_overlay('[[root]]\nfrom = "ubuntu"\nto = "debian"\n', "o", "o.toml")
    for path in ("/srv/stacks", "../stacks"):
        before = tree_of(dict(files), path=path)
        after, _ = overlay.apply([edit], before)
        assert "--- a/a/Dockerfile\n+++ b/a/Dockerfile\n" in show.differences(before, after, ["a"])


def test_without_a_difference_there_is_no_text() -> None:
    assert show.differences(stack("a"), stack("a"), ["a"]) == ""


def test_every_edit_is_a_line_with_all_that_it_matched() -> None:
    edit = RootEdit(source="ubuntu:*", to="cuda:1", where="o.toml:1")
    matches = [Match("o", edit, "a", "a/Dockerfile:1"), Match("o", edit, "b", "b/Dockerfile:7")]
    assert show.matches_text(matches) == (
        "o: root ubuntu:* → cuda:1  (2 times: a/Dockerfile:1, b/Dockerfile:7)"
    )
