"""A slip in any of the files that people write: one clear message each, with its line and what to try."""

from __future__ import annotations

import pytest
from command import Project

STACKS = """\
[project]
name = "notes"
registry = "registry.example/notes"
platform = "linux/amd64"

[tree.notebooks]
path = "images"
include = ["*"]
exclude = ["old"]
refs = ["jupyter/{image}"]
case = "kebab"
args = { A = "1" }

[tree.notebooks.images.base]
path = "base"
dockerfile = "Dockerfile"
context = "base"
name = "base"
target = ""
args = { A = "1" }

[variant.gpu]
overlays = ["cuda"]

[[smoke]]
name = "it runs"
images = ["base"]
variants = ["gpu"]
gpu = true
run = ["true"]
timeout = "10s"

[names]
tags = ["latest"]
"""
OVERLAY = """\
description = "another root"

[[root]]
from = "debian:*"
to = "ubuntu:24.04"
image = "base"
expect = 1

[[package]]
manager = "pip"
from = "numpy"
to = "cupy"
image = "child"
expect = 1
"""
LOCK = """\
format = 1

[tree.other]
git = "https://git.example/x"
ref = "main"
commit = "0123456789012345678901234567890123456789"

[root."debian:bookworm"]
digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
stand-in = "nothing"

[refreshed]
base = "2020-01-01T00:00:00.000000Z"
"""
FILES = {"stacks.toml": STACKS, "overlays/cuda.toml": OVERLAY, "stacks.lock": LOCK}
# keys that name things of the project's own; none of them is misspelt
FREE = {"base"}


def lines() -> list[tuple[str, int, str]]:
    """Every line that holds a key or a section: the file, its number, and the word."""
    found = []
    for file, text in FILES.items():
        for number, line in enumerate(text.splitlines(), 1):
            word = line.strip("[]").partition(".")[0] if line.startswith("[") else line.partition(" ")[0]
            if word and not (line.startswith(tuple(FREE)) and file == "stacks.lock"):
                found.append((file, number, word))
    return found


@pytest.fixture
def whole(project: Project) -> Project:
    """A project that uses every key there is."""
    project.image("base", "FROM debian:bookworm\nARG A\n")
    project.image("child", "FROM jupyter/base\nRUN pip install numpy\n")
    for file, text in FILES.items():
        project.write(file, text)
    return project


def test_the_files_as_they_are_meant_are_right(whole: Project) -> None:
    assert "ubuntu:24.04" in whole.run("graph", "--variant", "gpu").out


@pytest.mark.parametrize(("file", "number", "word"), lines())
def test_a_misspelt_word_is_named_with_its_line_and_the_right_one(
    whole: Project, file: str, number: int, word: str
) -> None:
    text = FILES[file].splitlines()
    text[number - 1] = text[number - 1].replace(word, f"{word}x", 1)
    whole.write(file, "\n".join(text) + "\n")
    said = whole.run("graph", "--variant", "gpu", code=2)
    (place,) = [error for error in said.errors if f" '{word}x'" in error]
    assert place.startswith(f"error: {file}:{number}: unknown ")
    assert f"'{word}x'" in place
    hint = said.err.partition(f"{place}\n")[2].splitlines()[0]
    assert hint == f"  hint: did you mean '{word}'?"
    # what is missing because of it may be said as well
    assert len(said.errors) <= 2


WRONG_VALUES = [
    ("stacks.toml", 'name = "notes"', "name = 7", "'name' must be a string, not a whole number"),
    ("stacks.toml", '"registry.example/notes"', '"https://host/x"', "registry 'https://host/x'"),
    ("stacks.toml", '"linux/amd64"', '"amd64"', "'amd64' is no platform"),
    ("stacks.toml", 'path = "images"', 'path = "imagse"', "the tree 'imagse' does not exist"),
    ("stacks.toml", 'exclude = ["old"]', 'exclude = "old"', "'exclude' must be a list"),
    ("stacks.toml", "jupyter/{image}", "jupyter/{imag}", "'jupyter/{imag}'"),
    ("stacks.toml", 'case = "kebab"', 'case = "kebap"', "no case rule 'kebap'"),
    ("stacks.toml", 'args = { A = "1" }', "args = { A = 1 }", "'args.A' must be a string"),
    ("stacks.toml", 'context = "base"', 'context = "../base"', "'context' must stay inside the tree"),
    ("stacks.toml", 'overlays = ["cuda"]', 'overlays = ["cdua"]', "overlay 'cdua'"),
    ("stacks.toml", 'variants = ["gpu"]', 'variants = ["gpx"]', "no variant 'gpx'"),
    ("stacks.toml", "gpu = true", 'gpu = "yes"', "'gpu' must be true or false"),
    ("stacks.toml", 'run = ["true"]', 'run = "true"', "'run' must be a list"),
    ("stacks.toml", '"10s"', '"10"', "'10' is no duration"),
    ("stacks.toml", '["latest"]', '["{dat}"]', "'{dat}' in tag '{dat}' is not known"),
    ("stacks.toml", '["latest"]', '["a b"]', "'a b' is no image tag"),
    ("stacks.toml", "[names]", "[names", "not valid TOML"),
    (
        "overlays/cuda.toml",
        '"debian:*"',
        '"debain:*"',
        "root debain:* → ubuntu:24.04: expected once, found nowhere",
    ),
    ("overlays/cuda.toml", '"ubuntu:24.04"', '"Ubuntu:24.04"', "'Ubuntu:24.04' must be lower case"),
    ("overlays/cuda.toml", '"base"', '"bsae"', "no image is called 'bsae'"),
    ("overlays/cuda.toml", "expect = 1", "expect = 2", "expected 2 times, found once"),
    ("overlays/cuda.toml", '"pip"', '"pop"', "no package manager 'pop'"),
    ("overlays/cuda.toml", '"numpy"', '"numpie"', "pip package numpie → cupy: expected once, found nowhere"),
    ("overlays/cuda.toml", '"cupy"', '"cupy==1"', "'cupy==1' is not a name of a pip package"),
    ("stacks.lock", "format = 1", "format = 2", "format 2 is not known here"),
    ("stacks.lock", "sha256:0", "sha256:", "is no digest"),
    ("stacks.lock", 'commit = "0', 'commit = "', "is no commit"),
    ("stacks.lock", 'base = "2020', 'base = 2020 # "', "'refreshed.base' must be a string"),
]


@pytest.mark.parametrize(("file", "right", "wrong", "message"), WRONG_VALUES)
def test_a_wrong_value_is_named_with_its_file_and_line(
    whole: Project, file: str, right: str, wrong: str, message: str
) -> None:
    assert right in FILES[file]
    whole.write(file, FILES[file].replace(right, wrong, 1))
    said = whole.run("graph", "--variant", "gpu", code=2)
    (error,) = [error for error in said.errors if message in error]
    if "does not exist" not in error:
        assert error.startswith(f"error: {file}:")
    assert len(said.errors) <= 2


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_no_text_is_named(whole: Project, file: str) -> None:
    whole.write(file, FILES[file].encode() + b"# \xff\n")
    number = FILES[file].count("\n") + 1
    assert whole.run("graph", "--variant", "gpu", code=2).errors == [
        f"error: {file}:{number}: is not UTF-8 text"
    ]
