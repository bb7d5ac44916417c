"""The diff of overlays: what `patch -p1` and `git apply` make of it is what is built."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from command import Project
from hypothesis import given, settings
from hypothesis import strategies as st
from test_overlay_laws import FILES, applied, made, numbers, read, trees

from pipeline import show
from pipeline.show import FileChange
from pipeline.tree import Overlaid, Tree

# each example starts a process
FEW = settings(max_examples=min(settings().max_examples, 60))
PATCH = ("patch", "-p1", "--silent", "--binary")
GIT = ("git", "apply", "-p1")


def lay_out(tree: Tree, folder: Path) -> None:
    """The tree's images on a disk."""
    for image in tree.images.values():
        home = folder / "images" / image.context
        (home / "etc").mkdir(parents=True)
        (folder / "images" / image.path).write_bytes(encoded(image.dockerfile.text))
        for path, content in FILES.items():
            (home / path).write_bytes(content)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def patched(folder: Path, tool: tuple[str, ...], diff: str) -> None:
    subprocess.run(tool, input=encoded(diff), cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("tool", [PATCH, GIT], ids=["patch", "git"])
@FEW
@given(trees(), numbers)
def test_a_diff_that_is_applied_makes_what_is_built(
    tool: tuple[str, ...], tree: Tree, chosen: tuple[int, ...]
) -> None:
    after = applied(tree, made(chosen))
    if after is None:
        return
    changes = {
        name: [
            FileChange(f"{image.context}/{path}", read("", f"x/{path}") if path in FILES else None, file)
            for path, file in image.overlaid.items()
            if file.content is not None
        ]
        for name, image in after.images.items()
    }
    diff = show.differences(tree, after, tree.images, changes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(tree, folder)
        if diff:
            patched(folder, tool, diff)
        for image in after.images.values():
            assert (folder / "images" / image.path).read_bytes() == encoded(image.dockerfile.text)
            for path, file in image.overlaid.items():
                if file.content is not None:
                    assert (folder / "images" / image.context / path).read_bytes() == file.content


names = st.sampled_from(["plain", "with space", "naïve", 'quo"te', "back\\slash", "tab\there", "sub/deep"])
contents = st.sampled_from([b"a\n", b"a", b"\xff\x00\r\n", b"- a\n+ b\n@@ c\n", b"a\n" * 9 + b"b\n" * 9])


@pytest.mark.parametrize("tool", [PATCH, GIT], ids=["patch", "git"])
@FEW
@given(names, contents, contents, st.booleans(), st.booleans())
def test_files_come_with_any_name_any_bytes_and_their_mode(
    tool: tuple[str, ...], name: str, old: bytes, new: bytes, added: bool, executable: bool
) -> None:
    change = FileChange(name, None if added else Overlaid(old), Overlaid(new, executable))
    tree = show_tree()
    diff = show.differences(tree, tree, ["a"], {"a": [change]})
    with tempfile.TemporaryDirectory() as there:
        path = Path(there) / "images" / name
        path.parent.mkdir(parents=True)
        if not added:
            path.write_bytes(old)
        if diff:
            patched(Path(there), tool, diff)
        assert path.read_bytes() == new
        assert bool(path.stat().st_mode & 0o100) is executable


def show_tree() -> Tree:
    from trees import tree_of  # noqa: PLC0415

    return tree_of({"a/Dockerfile": "FROM x\n"})


OVERLAY = """[[variant]]
image = "base"
from = "cuda"

[[file]]
image = "child"
path = "bin/run.sh"
content = '''
#!/bin/sh
'''
executable = true

[[append]]
image = "child"
instructions = "COPY bin/run.sh requirements.txt /\\nRUN pip install -r /requirements.txt"
"""


def gpu(project: Project, overlay: str = OVERLAY) -> None:
    project.write(
        "stacks.toml",
        Path(project.root / "stacks.toml").read_text() + '[variant.cpu]\n[variant.gpu]\noverlays = ["gpu"]\n',
    )
    project.write("overlays/gpu.toml", overlay)
    project.write("images/base/cuda/Dockerfile", "FROM debian:bookworm\nCOPY lib.sh /\n")
    project.write("images/base/cuda/lib.sh", "lib\n").chmod(0o755)
    project.write("images/child/requirements.txt", "numpy\n")


def test_the_command_shows_dockerfiles_added_files_and_those_of_a_folder_that_is_taken(
    project: Project,
) -> None:
    gpu(project)
    said = project.run("diff", "--variant", "gpu")
    headings = [line for line in said.out.splitlines() if line.startswith(("diff ", "new file"))]
    assert headings == [
        "diff --git a/images/base/Dockerfile b/images/base/Dockerfile",
        "diff --git a/images/base/lib.sh b/images/base/lib.sh",
        "new file mode 100755",
        "diff --git a/images/child/Dockerfile b/images/child/Dockerfile",
        "diff --git a/images/child/bin/run.sh b/images/child/bin/run.sh",
        "new file mode 100755",
    ]
    assert "variant gpu: 3 edits, 3 matches" in said.err
    rendered = {name: project.run("render", name, "--variant", "gpu").out for name in ("base", "child")}
    patched(project.root, PATCH, said.out)
    for name, text in rendered.items():
        assert (project.root / f"images/{name}/Dockerfile").read_text() == text
    assert project.run("diff", "base/cuda", "--variant", "gpu").out == ""


def test_a_requirement_file_is_edited_in_the_diff_and_never_on_the_disk(project: Project) -> None:
    gpu(project, '[[package]]\nmanager = "pip"\nfrom = "numpy"\nto = "cupy"\n')
    project.image(
        "child", "FROM jupyter/base\nCOPY requirements.txt /\nRUN pip install -r requirements.txt\n"
    )
    out = project.run("diff", "--variant", "gpu").out
    assert "+++ b/images/child/requirements.txt\n@@ -1 +1 @@\n-numpy\n+cupy\n" in out
    assert (project.root / "images/child/requirements.txt").read_text() == "numpy\n"


def test_a_file_that_nothing_reads_is_an_error(project: Project) -> None:
    gpu(project, '[[file]]\nimage = "child"\npath = "x"\ncontent = ""\n')
    said = project.run("diff", "--variant", "gpu", code=2)
    assert said.errors == ["error: overlays/gpu.toml:1: file x: no instruction of 'child' reads it"]


def test_everything_that_is_wrong_with_overlays_is_said_at_once(project: Project) -> None:
    gpu(project, '[[root]]\nfrom = "ubuntu:*"\nto = "debian:12"\nimage = "bsae"\n[[roots]]\n')
    project.write("overlays/more.toml", '[[root]]\nfrom = "ubuntu:*"\nto = "debian:12"\n')
    (project.root / "overlays/folder.toml").mkdir()
    said = project.run("diff", "--variant", "gpu", "-O", "more", "-O", "folder", code=2)
    assert said.errors == [
        "error: overlays/gpu.toml:5: unknown kind of edit 'roots'",
        "error: overlay 'folder': overlays/folder.toml is a folder, not a file",
        "error: overlays/more.toml:1: root ubuntu:* → debian:12: expected at least once, found nowhere",
    ]
    assert "did you mean 'folder'" not in said.err


@pytest.mark.parametrize(
    ("to", "line", "hint"),
    [
        ("RUN <<E", 2, "a line with nothing but E ends it"),
        ("FROM $NO", 2, "give it a value with args"),
    ],
)
def test_a_fault_that_an_edit_makes_names_the_edit_since_the_line_is_not_upstreams(
    project: Project, to: str, line: int, hint: str
) -> None:
    project.image("child", "FROM base\n")
    gpu(project, f'\n[[replace]]\nimage = "child"\nfrom = "FROM base"\nto = "FROM base\\n{to}"\n')
    said = project.run("diff", "--variant", "gpu", code=2)
    assert said.errors[0].startswith(f"error: images/child/Dockerfile:{line}: ")
    assert f"  hint: {hint}" in said.err
    assert "; the file is as overlays/gpu.toml:2 left it" in said.err


def test_an_overlay_that_its_variant_has_already_is_given_twice(project: Project) -> None:
    gpu(project, '[[root]]\nfrom = "debian:*"\nto = "ubuntu:24.04"\n')
    said = project.run("diff", "--variant", "gpu", "-O", "gpu", code=2)
    assert said.errors == ["error: overlays/gpu.toml: the overlay 'gpu' is given twice"]


# overlay check, overlay new


def test_checking_tries_what_variants_use_and_reads_the_rest(project: Project) -> None:
    gpu(project)
    project.write("overlays/else.toml", '[[root]]\nfrom = "fedora:*"\nto = "debian:12"\n')
    said = project.run("overlay", "check")
    assert said.out == (
        "gpu in variant gpu: 3 edits, 3 matches\nelse: 1 edit; no variant uses it, so it was only read\n"
    )
    assert project.run("overlay", "check", "gpu").out == "gpu: 3 edits, 3 matches\n"
    assert '"matches": null' in project.run("overlay", "check", "--format", "json").out


def test_checking_finds_drift_in_every_variant_and_faults_in_every_file(project: Project) -> None:
    gpu(project, '[[root]]\nfrom = "ubuntu:*"\nto = "debian:12"\n')
    project.write("overlays/else.toml", "[[root]]\n")
    said = project.run("overlay", "check", code=2)
    assert [line.split(": ")[1] for line in said.errors] == [
        "overlays/gpu.toml:1",
        "overlays/else.toml:1",
        "overlays/else.toml:1",
    ]
    assert project.run("overlay", "check", "gpu", code=2).errors == said.errors[:1]


def test_a_new_overlay_is_valid_changes_nothing_and_is_not_written_over(project: Project) -> None:
    assert project.run("overlay", "new", "cuda-12").out == "overlays/cuda-12.toml\n"
    text = (project.root / "overlays/cuda-12.toml").read_text()
    assert 'from = "debian:*"\nto   = "debian:bookworm"' in text
    assert project.run("diff", "--overlay", "cuda-12").out == ""
    said = project.run("overlay", "new", "cuda-12", code=2)
    assert said.errors == ["error: overlays/cuda-12.toml is there already"]
    project.run("overlay", "new", "cuda_12.1")
    for name in ("../x", "a/b", "x.toml", "-x", ".x", ""):
        said = project.run("overlay", "new", "--", name, code=2)
        assert said.errors == [f"error: '{name}' is no name of an overlay"]


def test_every_edit_of_the_starter_works_once_it_is_uncommented(project: Project) -> None:
    project.run("overlay", "new", "all")
    lines = (project.root / "overlays/all.toml").read_text().splitlines()
    path = project.write("overlays/all.toml", "\n".join(line.removeprefix("# ") for line in lines))
    project.write(
        "images/base/cuda/Dockerfile",
        "FROM debian:bookworm\nARG NB_UID=1\nRUN pip install --no-cache-dir tensorflow-cpu\n",
    )
    project.run("diff", "--overlay", str(path))
