"""Typed edits of somebody else's Dockerfiles: a tree in, a tree out, every match accounted for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import tree_of

from pipeline import overlay
from pipeline.config import ImageSettings
from pipeline.errors import InputError
from pipeline.overlay import Expect, Overlay, PackageEdit, RootEdit
from pipeline.tree import Tree

REPOSITORY = Path(__file__).parent.parent
DIGEST = "@sha256:" + "a" * 64
CUDA = "nvidia/cuda:12-runtime"
ROOT_EDIT = f'[[root]]\nfrom = "ubuntu:*"\nto = "{CUDA}"\n'
PIP_EDIT = '[[package]]\nmanager = "pip"\nfrom = "tensorflow"\nto = "tensorflow-gpu"\n'


def read(text: str, name: str = "cuda") -> Overlay:
    return overlay.read_overlay(text, name, f"overlays/{name}.toml")


def problems(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(text)
    return [str(problem).removeprefix("overlays/cuda.toml:") for problem in caught.value.problems]


def drift(tree: Tree, *texts: str) -> list[str]:
    names = ["cuda", *(f"more-{number}" for number in range(1, len(texts)))]
    overlays = [read(text, name) for text, name in zip(texts, names, strict=True)]
    with pytest.raises(InputError) as caught:
        overlay.apply(overlays, tree)
    return [str(problem) for problem in caught.value.problems]


def swapped(dockerfile: str | bytes, text: str = ROOT_EDIT, **settings: ImageSettings) -> bytes:
    """An image's bytes after an overlay."""
    tree, _ = overlay.apply(
        [read(text)], tree_of({"a/Dockerfile": dockerfile}, images=tuple(settings.items()))
    )
    return tree.images["a"].dockerfile.text.encode("utf-8", "surrogateescape")


def changed(before: Tree, after: Tree) -> list[tuple[str, str, str]]:
    """Every changed line: image, old, new."""
    found = []
    for name, image in before.images.items():
        old, new = (i.dockerfile.text.split("\n") for i in (image, after.images[name]))
        found += [(name, a, b) for a, b in zip(old, new, strict=True) if a != b]
    return found


# files


def test_an_overlay_is_read_whole() -> None:
    found = read(f'description = "d"\n{ROOT_EDIT}image = "base*"\nexpect = 2\n{PIP_EDIT}image = ["a", "b"]\n')
    assert found == Overlay(
        "cuda",
        "overlays/cuda.toml",
        (
            RootEdit(
                source="ubuntu:*",
                to=CUDA,
                where="overlays/cuda.toml:2",
                images=("base*",),
                expect=Expect(2, 2),
            ),
            PackageEdit(
                manager="pip",
                source="tensorflow",
                to="tensorflow-gpu",
                where="overlays/cuda.toml:7",
                images=("a", "b"),
            ),
        ),
        "d",
    )
    assert [str(edit) for edit in found.edits] == [
        f"root ubuntu:* → {CUDA}",
        "pip package tensorflow → tensorflow-gpu",
    ]


def test_mamba_is_another_word_for_conda() -> None:
    (edit,) = read('[[package]]\nmanager = "mamba"\nfrom = "a"\nto = "b"\n').edits
    assert isinstance(edit, PackageEdit)
    assert edit.manager == "conda"


def test_every_problem_of_an_overlay_is_reported_at_once() -> None:
    assert problems(
        """descripton = "x"
[[root]]
to = "NVIDIA CUDA"
[[root]]
from = "ubuntu:*"
to = "ubuntu:22.04"
expct = 1
image = []
[[package]]
manager = "pipp"
from = "tensorflow==2"
[[package]]
manager = "pip"
from = "tensorflow[extra]"
to = "x; rm -rf /"
expect = -1
[[package]]
manager = "apt"
from = "g++"
to = "gcc"
image = true
expect = "two"
[[pakage]]
"""
    ) == [
        "1: unknown kind of edit 'descripton'\n  hint: did you mean 'description'?",
        "2: 'from' is missing\n  hint: the root to take out: from = \"ubuntu:*\"",
        "3: 'NVIDIA CUDA' must be lower case\n  hint: write an image reference like registry/name:tag",
        "7: unknown setting 'expct'\n  hint: did you mean 'expect'?",
        "8: 'image' is empty",
        "9: 'to' is missing\n  hint: the package to put in; the version is kept",
        "10: no package manager 'pipp'\n  hint: did you mean 'pip'?",
        "14: 'tensorflow[extra]' is not a name of a pip package\n"
        "  hint: a name alone: versions and extras are kept as they are",
        "15: 'x; rm -rf /' is not a name of a pip package\n"
        "  hint: a name alone: versions and extras are kept as they are",
        "16: 'expect' must not be below 0, but is -1",
        "21: 'image' must be a string, not true or false",
        "22: 'expect' must be a whole number or \"any\", not 'two'",
        "23: unknown kind of edit 'pakage'\n  hint: did you mean 'package'?",
    ]


def test_an_overlay_that_edits_nothing_is_an_error() -> None:
    assert problems('description = "x"') == [
        "1: the overlay edits nothing\n"
        "  hint: add one of [[root]], [[package]], [[arg]], [[env]], [[append]], [[replace]], [[variant]], "
        "[[file]]"
    ]


# roots


@pytest.mark.parametrize(
    "root", ["ubuntu", "ubuntu:18.04", f"ubuntu:18.04{DIGEST}", "docker.io/library/ubuntu:18.04"]
)
@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM @\n",
        "from --platform=linux/amd64  @   AS Base\n",
        "ARG ROOT=@\nFROM $ROOT\n",
        'ARG ROOT="@"\nFROM ${ROOT}\n',
        "ARG OTHER=1 A=@\nARG B=$A\nFROM ${B}\n",
        "FROM @ AS one\nFROM one\nCOPY --from=one /x /\n",
        "FROM ubuntu:18.04 AS one\nFROM @\nCOPY --from=one /x /\n",
        "FROM @\nCOPY --from=ubuntu:18.04 /x /\n",
        "# ubuntu:18.04\nFROM @\nRUN echo ubuntu:18.04",
    ],
)
def test_the_root_of_the_final_stage_is_swapped_however_it_is_written(dockerfile: str, root: str) -> None:
    assert swapped(dockerfile.replace("@", root)).decode() == dockerfile.replace("@", CUDA)


def test_a_reference_made_of_pieces_is_replaced_as_a_whole() -> None:
    assert swapped("ARG TAG=18.04\nFROM ubuntu:$TAG\n") == f"ARG TAG=18.04\nFROM {CUDA}\n".encode()


def test_every_other_byte_stays_as_it_was() -> None:
    head = b"\xef\xbb\xbf# caf\xe9 ubuntu:18.04\r\nARG R="
    tail = b"\r\nFROM $R\r\n\r\nRUN echo \\\r\n  \xff ubuntu:18.04"
    assert swapped(head + b"ubuntu:18.04" + tail) == head + CUDA.encode() + tail


fillers = st.sampled_from(["", "# c", "\t# FROM ubuntu:1", "ARG X=1", "ARG X", "# \udcff", "#\u2028"])
bodies = st.sampled_from(
    ["RUN a \\\n b", "ENV ubuntu:18.04=x", "RUN <<E\nFROM ubuntu:1\nE", "CMD x", "# é", "LABEL a='b'"]
)


@given(
    st.lists(fillers, max_size=4),
    st.lists(bodies, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
)
def test_a_swap_changes_only_the_reference(
    head: list[str], body: list[str], end: str, final: bool, by_arg: bool
) -> None:
    root = ["ARG ROOT=@@", "FROM $ROOT"] if by_arg else ["FROM @@"]
    text = end.join("\n".join([*head, *root, *body]).split("\n")) + (end if final else "")
    data = text.encode("utf-8", "surrogateescape")
    assert swapped(data.replace(b"@@", b"ubuntu:18.04")) == data.replace(b"@@", CUDA.encode())


def test_a_root_that_stacks_toml_gives_by_an_arg_is_swapped_where_it_is_used() -> None:
    settings = ImageSettings("stacks.toml:4", args=(("ROOT", "ubuntu:22.04"),))
    assert swapped("ARG ROOT=debian\nFROM $ROOT\n", a=settings) == f"ARG ROOT=debian\nFROM {CUDA}\n".encode()


def test_images_on_images_of_the_tree_and_on_other_roots_are_untouched() -> None:
    files = {
        "ubuntu/Dockerfile": "FROM ubuntu:18.04\n",
        "app/Dockerfile": "FROM me/ubuntu\n",
        "old/Dockerfile": "FROM me/ubuntu:2020\n",
        "deb/Dockerfile": "FROM debian:12\n",
        "none/Dockerfile": "FROM scratch\n",
    }
    before = tree_of(files, refs=("me/{image}",))
    text = ROOT_EDIT.replace("ubuntu:*", "*")
    after, matches = overlay.apply([read(f'{text}image = ["app", "ubuntu", "none"]\n')], before)
    assert changed(before, after) == [("ubuntu", "FROM ubuntu:18.04", f"FROM {CUDA}")]
    assert [(m.overlay, m.image, m.where) for m in matches] == [
        ("cuda", "ubuntu", "images/ubuntu/Dockerfile:1")
    ]
    assert after.images["app"] is before.images["app"]


def test_the_tree_that_came_in_stays_as_it_was() -> None:
    before = tree_of({"a/Dockerfile": "FROM ubuntu:18.04\n"})
    overlay.apply([read(ROOT_EDIT)], before)
    assert before.images["a"].dockerfile.text == "FROM ubuntu:18.04\n"


# packages


PIP = "FROM ubuntu\n# tensorflow\nRUN pip install 'tensorflow==2.1.0' tensorflow-hub && echo tensorflow\n"


def test_a_package_is_swapped_in_install_commands_and_keeps_its_version() -> None:
    assert swapped(PIP, PIP_EDIT).decode() == PIP.replace("'tensorflow==", "'tensorflow-gpu==")


def test_a_package_is_swapped_wherever_it_is_installed_and_every_place_is_a_match() -> None:
    pip = "pip install tensorflow"
    before = f"FROM ubuntu\nRUN {pip} && \\\n  {pip}\nRUN {pip}\n"
    tree = tree_of({"a/Dockerfile": before})
    after, matches = overlay.apply([read(f"{PIP_EDIT}expect = 3\n")], tree)
    assert after.images["a"].dockerfile.text == before.replace("tensorflow", "tensorflow-gpu")
    assert [match.where.rpartition(":")[2] for match in matches] == ["2", "3", "4"]


def test_a_package_that_cannot_be_replaced_where_it_stands_is_drift_that_shows_it() -> None:
    tree = tree_of({"a/Dockerfile": "FROM ubuntu\nRUN pip install 'tensorflow @ https://x.example/tf.whl'\n"})
    (found,) = drift(tree, PIP_EDIT)
    assert "found nowhere\n  hint: nearest: 'tensorflow @ https://x.example/tf.whl'" in found


def test_a_root_that_its_own_folder_is_called_like_is_swapped() -> None:
    assert swapped("FROM a\n", ROOT_EDIT.replace("ubuntu:*", "a")) == f"FROM {CUDA}\n".encode()


def test_a_package_in_a_trigger_is_swapped_too() -> None:
    before = "FROM ubuntu\nONBUILD RUN pip install tensorflow\n"
    assert swapped(before, PIP_EDIT).decode() == before.replace("tensorflow", "tensorflow-gpu")


def test_an_edit_is_for_the_images_that_its_globs_name() -> None:
    tree = tree_of(dict.fromkeys(["a/Dockerfile", "b/Dockerfile", "b2/Dockerfile"], PIP))
    after, matches = overlay.apply([read(f'{PIP_EDIT}image = ["b*", "b2"]\nexpect = 2\n')], tree)
    assert [name for name, _, _ in changed(tree, after)] == ["b", "b2"]
    assert [match.where for match in matches] == ["images/b/Dockerfile:3", "images/b2/Dockerfile:3"]


def test_every_edit_sees_the_tree_as_it_is_upstream() -> None:
    twice = f'{ROOT_EDIT}[[root]]\nfrom = "nvidia/*"\nto = "debian:12"\n'
    (found,) = drift(tree_of({"a/Dockerfile": "FROM ubuntu:18.04\n"}), twice)
    assert "overlays/cuda.toml:4: root nvidia/* → debian:12: expected at least once, found nowhere" in found


def test_a_swap_that_adds_brackets_quotes_them() -> None:
    before = "FROM ubuntu\nRUN pip install tensorflow==2.16\n"
    text = PIP_EDIT.replace("tensorflow-gpu", "tensorflow[and-cuda]")
    assert swapped(before, text).decode() == "FROM ubuntu\nRUN pip install 'tensorflow[and-cuda]==2.16'\n"


# drift


def test_all_drift_of_all_overlays_is_reported_together_with_place_and_candidates(
    golden: Callable[[str, str], None],
) -> None:
    tree = tree_of(
        {
            "base/Dockerfile": "FROM debian:12\n",
            "tensorflow-notebook/Dockerfile": (
                "FROM base\nRUN pip install \\\n    'tensorflow-cpu==2.1' \\\n"
                '    "tensorflow${POSTFIX}" && \\\n    conda install tensorflow numpy\n'
            ),
        }
    )
    found = drift(
        tree,
        f'{ROOT_EDIT}{PIP_EDIT}image = "tensorflow-notebook"\nexpect = 1\n',
        f'{ROOT_EDIT}image = ["base", "tensorflw-notebook"]\n',
        '[[package]]\nmanager = "pip"\nfrom = "tensorflow-cpu"\nto = "x"\nexpect = 2\n',
    )
    golden("drift.txt", "\n".join(found))
    assert len(found) == 4


def test_more_matches_than_expected_are_drift_and_show_every_place() -> None:
    tree = tree_of({"a/Dockerfile": PIP, "b/Dockerfile": PIP})
    (found,) = drift(tree, f"{PIP_EDIT}expect = 1\n")
    assert found.startswith(
        "overlays/cuda.toml:1: pip package tensorflow → tensorflow-gpu: expected once, "
        "found 2 times, in images/a/Dockerfile:3, images/b/Dockerfile:3"
    )


def test_scratch_is_no_root_to_swap_in() -> None:
    with pytest.raises(InputError, match=r"o\.toml:3: 'scratch' is no image to stand on"):
        overlay.read_overlay('[[root]]\nfrom = "a"\nto = "scratch"\n', "o", "overlays/o.toml")


def test_an_edit_may_expect_to_match_nowhere() -> None:
    assert swapped("FROM debian\n", f"{ROOT_EDIT}expect = 0\n") == b"FROM debian\n"
    (found,) = drift(tree_of({"a/Dockerfile": "FROM ubuntu\n"}), f"{ROOT_EDIT}expect = 0\n")
    assert "expected 0 times, found once, in images/a/Dockerfile:1" in found


def test_a_broken_dockerfile_is_reported_beside_the_drift_and_once() -> None:
    tree = tree_of({"a/Dockerfile": "ARG R\nFROM $R\n", "b/Dockerfile": "FROM ubuntu\n"})
    found = drift(tree, ROOT_EDIT, ROOT_EDIT, PIP_EDIT)
    assert [problem.partition(": ")[0] for problem in found] == [
        "images/a/Dockerfile:2",
        "overlays/more-2.toml:1",
    ]
