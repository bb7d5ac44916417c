"""What comes with an overlay into a tree: files, other folders, other requirements in files."""

from __future__ import annotations

import pytest
from edits import ARG, Files, added, applied, image, misread, read, refused, text
from trees import PLATFORM, records, tree_of

from pipeline import overlay
from pipeline.graph import derive
from pipeline.tree import Overlaid, Tree

# [[file]]


def files_of(found: Tree, name: str = "a") -> dict[str, str]:
    """What of the context the image's key holds."""
    record = records(derive(found, PLATFORM))[name]
    return {state.path: f"{state.kind}{' x' if state.executable else ''}" for state in record.files}


def test_a_file_is_put_into_the_context_and_so_into_the_key() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY etc /etc/\n"}
    before = records(derive(tree_of(dict(files)), PLATFORM))["a"]
    after = applied(files, added("etc/app/rc", "executable = true"))
    assert files_of(after) == {"etc": "dir", "etc/app": "dir", "etc/app/rc": "file x"}
    assert after.images["a"].overlaid["etc/app/rc"] == Overlaid(b"hello\n", True)
    keys = {records(derive(tree, PLATFORM))["a"].key for tree in (
        after,
        applied(files, added("etc/app/rc")),
        applied(files, added("etc/app/rc", content="other\n")),
        applied(files, added("etc/app/rc2", "executable = true")),
    )}  # fmt: skip
    assert len(keys | {before.key}) == 5


def test_a_file_comes_from_beside_the_overlay() -> None:
    edit = '[[file]]\nimage = "a"\npath = "rc"\nsource = "rc"\n'
    (found,) = read(edit, rc="beside").edits
    assert isinstance(found, overlay.FileEdit)
    assert found.content == b"beside"
    assert misread(edit.replace('source = "rc"', 'source = "rd"')) == [
        "4: 'rd' cannot be read: no such file or directory"
    ]
    (outside,) = misread(edit.replace('source = "rc"', 'source = "../rc"'))
    assert "'../rc' must lie beside the overlay or below" in outside


def test_a_file_that_upstream_has_is_only_replaced_on_purpose() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY rc /\n", "a/rc": "upstream\n"}
    (found,) = refused(files, added("rc"))
    assert found == (
        "overlays/o1.toml:1: file rc: expected at least once, found nowhere\n"
        "  hint: upstream has such a file (a): replace = true takes its place"
    )
    assert image(files, added("rc", "replace = true")).overlaid == {"rc": Overlaid(b"hello\n")}
    (found,) = refused(files, added("rd", "replace = true"))
    assert found.endswith("hint: did you mean 'rc'?") or "there is no such file" in found


def test_a_file_never_lies_where_something_else_does() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY . /\n", "a/sub/x": "", "a/plain": "", "a/link -> sub": ""}
    for path, said in [
        ("sub", "a dir lies there"),
        ("link", "a link lies there"),
        ("plain/x", "'plain' is no folder"),
        ("link/x", "'link' is no folder"),
        ("Dockerfile", "this is the Dockerfile of 'a'"),
    ]:
        (found,) = refused(files, added(path))
        assert said in found, path


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "."])
def test_a_file_stays_inside_the_context(path: str) -> None:
    (found,) = misread(added(path))
    assert found.startswith("3: ")
    assert "must stay inside the context" in found


def test_an_ignore_file_that_is_added_counts() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY . /\n", "a/x": "", "a/y": ""}
    assert set(files_of(applied(files, added(".dockerignore", content="x\n")))) == {
        ".dockerignore",
        "Dockerfile",
        "y",
    }
    own = applied(
        files, added("Dockerfile.dockerignore", content="y\n"), added(".dockerignore", content="x\n")
    )
    assert "x" in files_of(own)
    assert "y" not in files_of(own)


def test_a_file_that_no_instruction_reads_is_found_out() -> None:
    files = {"a/Dockerfile": "FROM debian:12\nCOPY rc /\n", "a/rc": ""}
    tree = tree_of(dict(files))
    edits = read(added("other") + added("rd", 'expect = "any"'))
    after, matches = overlay.apply([edits], tree)
    readable = {node.image.name: frozenset(node.files) for node in derive(after, PLATFORM)}
    assert [str(problem) for problem in overlay.unread(matches, readable)] == [
        "overlays/o.toml:1: file other: no instruction of 'a' reads it\n"
        "  hint: add the COPY with [[append]]; or .dockerignore leaves it out"
    ]


# [[variant]]

STACK = {
    "a/Dockerfile": "FROM debian:12\nCOPY rc /\n",
    "a/rc": "",
    "a/cuda/Dockerfile": "FROM debian:12\nCOPY lib.sh /\nARG A=1\n",
    "a/cuda/lib.sh": "",
    "a/cuda/.dockerignore": "secret\n",
    "b/Dockerfile": "FROM a\n",
    "other/z.Dockerfile": "FROM debian:11\n",
}
VARIANT = '[[variant]]\nimage = "a"\nfrom = "cuda"\n'


@pytest.mark.parametrize("settings", [{}, {"exclude": ("a/cuda",)}], ids=["an image of its own", "left out"])
def test_another_folder_s_dockerfile_comes_with_its_context(settings: dict[str, object]) -> None:
    found = applied(STACK, VARIANT, **settings)
    taken = found.images["a"]
    assert (taken.path, taken.context, taken.where) == (
        "a/cuda/Dockerfile",
        "a/cuda",
        "images/a/cuda/Dockerfile",
    )
    assert taken.ignore.excludes("secret")
    assert set(files_of(found)) == {"lib.sh"}
    assert "a/cuda" not in found.images
    assert derive(found, PLATFORM).nodes["b"].parent_names == ("a",)


def test_further_edits_are_of_the_dockerfile_that_is_taken() -> None:
    assert "ARG A=2" in image(STACK, VARIANT + ARG).dockerfile.text
    assert "ARG A=2" in image(STACK, ARG, VARIANT).dockerfile.text


def test_a_folder_may_be_one_of_the_tree_and_a_dockerfile_may_be_named() -> None:
    assert image(STACK, VARIANT.replace('"cuda"', '"a/cuda"')).path == "a/cuda/Dockerfile"
    assert image(STACK, VARIANT.replace('"cuda"', '"other/z.Dockerfile"')).path == "other/z.Dockerfile"


def test_references_to_the_folder_s_image_mean_the_image_that_took_it() -> None:
    files = {**STACK, "c/Dockerfile": "FROM lab/a:cuda\n"}
    found = applied(files, VARIANT, refs=("lab/{image}:{tag}",))
    assert derive(found, PLATFORM).nodes["c"].parent_names == ("a",)


def test_a_folder_that_is_not_there_is_drift_that_names_those_there_are() -> None:
    (found,) = refused(STACK, VARIANT.replace('"cuda"', '"rocm"'))
    assert found == (
        "overlays/o1.toml:1: variant rocm: expected at least once, found nowhere\n"
        "  hint: the folders there are: a/cuda"
    )
    assert "did you mean 'cuda'?" in refused(STACK, VARIANT.replace('"cuda"', '"cuda12"'))[0]


# [[package]] in requirement files

REQUIREMENTS: Files = {
    "a/Dockerfile": "FROM debian:12\nCOPY requirements.txt dev /r/\nRUN pip install -r /r/requirements.txt",
    "a/requirements.txt": "# n\r\nnumpy==1.26  # pin\r\n-r dev/more.txt\r\nTensorFlow>=2; python_version>'3'",
    "a/dev/more.txt": b"tensorflow[x]\n\xff\n",
    "a/unread.txt": "tensorflow\n",
}
PIP = '[[package]]\nmanager = "pip"\nfrom = "tensorflow"\nto = "tensorflow-gpu"\n'


def test_requirement_files_that_an_install_reads_are_edited_with_what_they_include() -> None:
    found = image(REQUIREMENTS, f"{PIP}expect = 2\n")
    assert found.dockerfile.text == REQUIREMENTS["a/Dockerfile"]
    before = str(REQUIREMENTS["a/requirements.txt"])
    assert {path: file.content for path, file in found.overlaid.items()} == {
        "requirements.txt": before.replace("TensorFlow", "tensorflow-gpu").encode(),
        "dev/more.txt": b"tensorflow-gpu[x]\n\xff\n",
    }


def test_an_edited_requirement_file_changes_the_key() -> None:
    before, after = (
        records(derive(tree, PLATFORM))["a"]
        for tree in (tree_of(dict(REQUIREMENTS)), applied(REQUIREMENTS, PIP))
    )
    assert before.key != after.key
    assert {state.path for state in before.files} == {state.path for state in after.files}


@pytest.mark.parametrize(
    ("run", "reached"),
    [
        ("COPY requirements.txt /r.txt\nRUN pip install -r /r.txt", False),
        (
            "RUN --mount=type=bind,source=requirements.txt,target=/r/requirements.txt \\\n"
            " pip install -r /r/requirements.txt",
            True,
        ),
        ("COPY . /src\nWORKDIR /src\nRUN pip install -r ./requirements.txt", True),
        ("RUN pip install -r requirements.txt", False),
        ("COPY requirements.txt /\nRUN conda install --file /requirements.txt", False),
    ],
)
def test_only_files_that_the_build_can_read_are_meant(run: str, reached: bool) -> None:
    files = {"a/Dockerfile": f"FROM debian:12\n{run}\n", "a/requirements.txt": "tensorflow\n"}
    found = image(files, f'{PIP}expect = "any"\n')
    assert bool(found.overlaid) is reached


def test_drift_shows_the_requirements_of_files_too() -> None:
    files = {**REQUIREMENTS, "a/requirements.txt": "tensorflow-cpu\n"}
    assert "tensorflow-cpu (pip) in requirements.txt:1 of a's context" in refused(files, PIP)[0]


def test_a_requirement_from_a_variable_leads_to_the_variant_folder() -> None:
    files = {
        "tensorflow-notebook/Dockerfile": 'FROM debian:12\nRUN pip install \\\n "tensorflow${TF_POSTFIX}"\n',
        "tensorflow-notebook/cuda/Dockerfile": "FROM debian:12\n",
    }
    assert refused(files, f'{PIP}image = "tensorflow-notebook"\n') == [
        "overlays/o1.toml:1: pip package tensorflow → tensorflow-gpu: expected at least once, found nowhere\n"
        '  hint: nearest: "tensorflow${TF_POSTFIX}" (pip) in images/tensorflow-notebook/Dockerfile:3 is '
        "built from a variable; use the variant folder 'tensorflow-notebook/cuda' or [[replace]]"
    ]


def test_a_package_is_swapped_in_one_stage_only() -> None:
    before = "FROM x AS b\nRUN pip install tensorflow\nFROM b\nRUN pip install tensorflow\n"
    assert text(before, f'{PIP}stage = "b"\n') == before.replace("tensorflow", "tensorflow-gpu", 1)
