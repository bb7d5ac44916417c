"""The reference of overlays: every example in it does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from trees import tree_of

from pipeline import config, overlay, show
from pipeline.overlay import KINDS
from pipeline.show import FileChange
from pipeline.tree import Overlaid

REPOSITORY = Path(__file__).parent.parent
DOCS = (REPOSITORY / "docs/overlays.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(dockerfile|toml|diff|text) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


def examples() -> list[tuple[str, dict[str, str], str, str]]:
    """Title, files, overlay and diff of each example."""
    found = []
    for section in DOCS.split("\n## ")[1:]:
        title = section.partition("\n")[0].strip("`[]")
        files: dict[str, str] = {}
        text = ""
        for kind, name, body in FENCE.findall(section):
            if kind == "dockerfile":
                files = {"notebook/Dockerfile": body}
            elif kind == "text":
                files[f"notebook/{name}"] = body
            elif kind == "toml":
                text = body
            else:
                found.append((title, files, text, body))
    return found


EXAMPLES = examples()


@pytest.mark.parametrize(
    ("files", "text", "diff"), [one[1:] for one in EXAMPLES], ids=[one[0] for one in EXAMPLES]
)
def test_an_example_changes_what_it_says(files: dict[str, str], text: str, diff: str) -> None:
    def read(_: str, path: str) -> Overlaid:
        return Overlaid(files[path].encode())

    tree = tree_of(dict(files), path=".")
    after, _ = overlay.apply([overlay.read_overlay(text, "o", "o.toml")], tree, read=read)
    changes = [
        FileChange(place, read("", place) if place in files else None, file)
        for path, file in after.images["notebook"].overlaid.items()
        if file.content is not None and (place := f"notebook/{path}")
    ]
    assert show.differences(tree, after, tree.images, {"notebook": changes}) == diff


def test_every_kind_of_edit_has_an_example() -> None:
    assert {title for title, *_ in EXAMPLES} == set(KINDS)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "overlays").glob("*.toml")), ids=lambda path: path.stem)
def test_every_overlay_that_comes_along_is_valid_and_in_the_reference(path: Path) -> None:
    assert overlay.read_overlay(path.read_text(encoding="utf-8"), path.stem, str(path)).description
    assert f"| `{path.stem}` |" in DOCS


@pytest.mark.parametrize("path", sorted((REPOSITORY / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_project_is_valid_pinned_and_names_overlays_that_are_there(path: Path) -> None:
    found = config.parse(path.read_text(encoding="utf-8"), str(path))
    assert all(re.fullmatch("[0-9a-f]{40}", tree.ref) for tree in found.trees)
    for variant in found.variants:
        for name in variant.overlays:
            assert (path.parent / found.overlays / f"{name}.toml").is_file()
