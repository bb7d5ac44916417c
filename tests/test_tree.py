"""The images of a tree: where they are, what they are called, and what they can read."""

from __future__ import annotations

import pytest
from trees import stack, tree_of

from pipeline.config import ImageSettings
from pipeline.errors import InputError
from pipeline.tree import is_dockerfile, merge

FROM = "FROM debian:bookworm\n"


def names(*paths: str, **settings: object) -> dict[str, str]:
    """The name of each image by its Dockerfile, in a tree of these paths."""
    tree = tree_of(dict.fromkeys(paths, FROM), **settings)
    return {image.path: image.name for image in tree.images.values()}


def problems(files: dict[str, str], **settings: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        tree_of(dict(files), **settings)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile",
        "Containerfile",
        "Dockerfile.cuda",
        "Containerfile.cuda",
        "cuda.Dockerfile",
        "cuda.dockerfile",
        "cuda.Containerfile",
        "Dockerfile.ppc64le",
    ],
)
def test_a_dockerfile_is_told_by_its_name(name: str) -> None:
    assert is_dockerfile(name)


@pytest.mark.parametrize(
    "name",
    [
        "dockerfile.py",
        "Dockerfile.j2",
        "Dockerfile.ppc64le.patch",
        "Dockerfile.template",
        "Dockerfile.orig",
        "Dockerfile.in",
        "Dockerfile~",
        "Dockerfile.",
        ".Dockerfile",
        "Dockerfile.dockerignore",
        "cuda.Dockerfile.dockerignore",
        "MyDockerfile",
        "README.md",
    ],
)
def test_what_only_looks_like_a_dockerfile_is_none(name: str) -> None:
    assert not is_dockerfile(name)


def test_an_image_is_called_like_its_folder_however_deep_that_lies() -> None:
    assert names("base-notebook/Dockerfile", "images/r/scipy-notebook/Containerfile") == {
        "base-notebook/Dockerfile": "base-notebook",
        "images/r/scipy-notebook/Containerfile": "scipy-notebook",
    }


def test_a_folder_inside_another_images_is_called_by_its_path() -> None:
    assert names("tf/Dockerfile", "tf/cuda/Dockerfile", "tf/cuda/a/b/Dockerfile", "x/tf/cuda/Dockerfile") == {
        "tf/Dockerfile": "tf",
        "tf/cuda/Dockerfile": "tf/cuda",
        "tf/cuda/a/b/Dockerfile": "tf/cuda/a/b",
        "x/tf/cuda/Dockerfile": "cuda",
    }


def test_several_dockerfiles_of_one_folder_are_told_apart_by_their_file_names() -> None:
    assert names("a/Dockerfile", "a/Dockerfile.cuda", "a/rocm.Dockerfile", "b/Dockerfile.only") == {
        "a/Dockerfile": "a",
        "a/Dockerfile.cuda": "a/cuda",
        "a/rocm.Dockerfile": "a/rocm",
        "b/Dockerfile.only": "b/only",
    }


def test_a_dockerfile_in_the_root_is_called_like_the_tree_and_swallows_no_other() -> None:
    assert names("Dockerfile", "Dockerfile.cuda", "sub/Dockerfile", name="hub") == {
        "Dockerfile": "hub",
        "Dockerfile.cuda": "hub/cuda",
        "sub/Dockerfile": "sub",
    }


def test_flat_files_in_the_root_are_called_like_their_endings() -> None:
    assert names("a_1.Dockerfile", "b_2.dockerfile") == {"a_1.Dockerfile": "a_1", "b_2.dockerfile": "b_2"}


def test_folders_that_are_no_part_of_a_stack_are_left_out_and_told() -> None:
    paths = ["binder/Dockerfile", "docs/x/Dockerfile", "a/tests/Dockerfile", ".devcontainer/Dockerfile"]
    tree = tree_of(dict.fromkeys(["a/Dockerfile", *paths], FROM))
    assert set(tree.images) == {"a"}
    assert tree.sources["notebooks"].left_out == tuple(sorted(paths))


def test_exclude_takes_globs_of_folders_and_of_files() -> None:
    paths = ["a/Dockerfile", "b/Dockerfile", "b/c/Dockerfile", "d/Dockerfile.cuda", "d/Dockerfile"]
    assert names(*paths, exclude=("b", "*.cuda")) == {"a/Dockerfile": "a", "d/Dockerfile": "d"}


def test_with_include_nothing_else_counts_and_exclude_wins() -> None:
    paths = ["a/Dockerfile", "examples/b/Dockerfile", "examples/c/Dockerfile", ".hidden/Dockerfile"]
    found = names(*paths, include=("examples", ".hidden"), exclude=("*/c",))
    assert found == {"examples/b/Dockerfile": "b", ".hidden/Dockerfile": ".hidden"}


@pytest.mark.parametrize("folder", ["a\nb", "a\x1b[31m", "a\udcff"])
def test_a_name_that_cannot_be_shown_is_an_error(folder: str) -> None:
    (problem,) = problems({f"{folder}/Dockerfile": FROM, "b/Dockerfile": FROM})
    assert problem.startswith(f"stacks.toml:1: {f'{folder}/Dockerfile'!a} makes no name")
    assert names(f"{folder}/Dockerfile", "b/Dockerfile", exclude=("a*",)) == {"b/Dockerfile": "b"}


def test_a_setting_may_point_into_a_folder_that_is_left_out() -> None:
    settings = (("demo", ImageSettings("stacks.toml:5", path="examples/demo")),)
    found = names("a/Dockerfile", "examples/demo/Dockerfile", images=settings)
    assert found == {"a/Dockerfile": "a", "examples/demo/Dockerfile": "demo"}


def test_two_images_of_one_name_show_both_places_and_a_way_out() -> None:
    files = {"x/a/Dockerfile": FROM, "y/a/Dockerfile": FROM}
    assert problems(files) == [
        "images/y/a/Dockerfile: two images are called 'a': images/x/a/Dockerfile and images/y/a/Dockerfile\n"
        "  hint: leave one out with 'exclude', "
        "or name one: [tree.TREE.images.NAME] with its 'path' in stacks.toml"
    ]
    settings = (("other", ImageSettings("stacks.toml:5", path="y/a")),)
    assert names(*files, images=settings) == {"x/a/Dockerfile": "a", "y/a/Dockerfile": "other"}


def test_two_dockerfiles_of_one_folder_that_mean_the_same_are_two_images_of_one_name() -> None:
    assert "a/Dockerfile and images/a/Containerfile" in problems(
        {"a/Containerfile": FROM, "a/Dockerfile": FROM}
    )[0].replace("a/Containerfile and images/a/Dockerfile", "a/Dockerfile and images/a/Containerfile")


def test_one_name_in_two_trees_shows_both_places() -> None:
    one, two = (tree_of({"a/Dockerfile": FROM}, name=name, path=name) for name in ("one", "two"))
    with pytest.raises(InputError, match="two/a/Dockerfile: two images are called 'a': one/a/Dockerfile and"):
        merge([one, two])


def test_two_trees_are_one_where_their_names_differ() -> None:
    one = tree_of({"a/Dockerfile": FROM}, name="one")
    two = tree_of({"b/Dockerfile": "FROM a\n"}, name="two")
    merged = merge([one, two])
    assert set(merged.images) == {"a", "b"}
    assert set(merged.sources) == {"one", "two"}
    assert merged.naming()("a") == "a"


def test_two_images_that_one_reference_means_are_an_error() -> None:
    settings = tuple((name, ImageSettings(f"stacks.toml:{name}", name="x")) for name in "ab")
    found = problems({"a/Dockerfile": FROM, "b/Dockerfile": FROM}, images=settings, refs=("me/{image}",))
    assert "references to 'me/x' mean two images: images/a/Dockerfile and images/b/Dockerfile" in found[0]


def test_every_broken_dockerfile_is_reported_together() -> None:
    found = problems({"a/Dockerfile": "RUN x\n", "b/Dockerfile": "FROM a\nNOPE\n", "c/Dockerfile": FROM})
    assert len(found) == 2
    assert found[0].startswith("images/a/Dockerfile")
    assert found[1].startswith("images/b/Dockerfile:2")


def test_a_tree_without_a_dockerfile_says_what_one_is_called() -> None:
    assert problems({"README.md": ""}) == [
        "stacks.toml:1: no Dockerfile below 'images'\n"
        "  hint: a Dockerfile is called Dockerfile, Containerfile, Dockerfile.NAME or NAME.Dockerfile"
    ]


def test_a_tree_whose_dockerfiles_are_all_left_out_says_so() -> None:
    (found,) = problems({"tests/a/Dockerfile": FROM})
    assert found == "stacks.toml:1: no Dockerfile below 'images'\n  hint: left out: tests/a/Dockerfile"


def test_all_wrong_settings_are_reported_together() -> None:
    settings = (
        ("bsae", ImageSettings("stacks.toml:5")),
        ("new", ImageSettings("stacks.toml:7", path="nowhere")),
        ("base", ImageSettings("stacks.toml:9", context="nowhere")),
        ("one", ImageSettings("stacks.toml:11", path="x")),
        ("two", ImageSettings("stacks.toml:13", path="x/", dockerfile="./Dockerfile")),
    )
    assert problems({"base/Dockerfile": FROM, "x/Dockerfile": FROM}, images=settings) == [
        "stacks.toml:5: no image 'bsae' in tree 'notebooks'\n  hint: did you mean 'base'?",
        "stacks.toml:7: no file 'nowhere/Dockerfile' in tree 'notebooks'",
        "stacks.toml:9: no folder 'nowhere' in tree 'notebooks'\n"
        "  hint: 'context' is relative to the tree's path",
        "stacks.toml:13: 'x/Dockerfile' is two images: 'one' and 'two'\n"
        "  hint: the other is at stacks.toml:11",
    ]


def test_an_images_context_is_its_folder_unless_it_is_told_another() -> None:
    settings = (("b", ImageSettings("", context="shared/")), ("c", ImageSettings("", context=".")))
    files = {
        "a/Dockerfile": FROM,
        "b/Dockerfile": FROM,
        "c/Dockerfile": FROM,
        "Dockerfile": FROM,
        "shared/x": "",
    }
    tree = tree_of(files, images=settings)
    assert {name: image.context for name, image in tree.images.items()} == {
        "a": "a",
        "b": "shared",
        "c": ".",
        "notebooks": ".",
    }


def test_a_context_that_is_a_file_or_a_link_is_no_folder() -> None:
    files = {"a/Dockerfile": FROM, "out -> ../elsewhere": ""}
    for context in ("a/Dockerfile", "out"):
        settings = (("a", ImageSettings("stacks.toml:7", context=context)),)
        (problem,) = problems(files, images=settings)
        assert problem.startswith(f"stacks.toml:7: no folder '{context}'")


def test_an_images_own_build_args_win_over_its_trees() -> None:
    settings = (("a", ImageSettings("", args=(("A", "own"), ("C", "3")))),)
    tree = tree_of(
        {"a/Dockerfile": FROM, "b/Dockerfile": FROM}, args=(("A", "1"), ("B", "2")), images=settings
    )
    assert tree.images["a"].args == (("A", "own"), ("B", "2"), ("C", "3"))
    assert tree.images["b"].args == (("A", "1"), ("B", "2"))


def test_the_ignore_file_named_after_the_dockerfile_wins_over_the_contexts() -> None:
    files = {
        "a/Dockerfile": FROM, "a/.dockerignore": "x",
        "b/Dockerfile": FROM, "b/.dockerignore": "x", "b/Dockerfile.dockerignore": "y",
        "c/Dockerfile": FROM,
    }  # fmt: skip
    tree = tree_of(files)
    ignored = {
        name: [path for path in "xy" if image.ignore.excludes(path)] for name, image in tree.images.items()
    }
    assert ignored == {"a": ["x"], "b": ["y"], "c": []}


def test_an_unknown_image_names_the_nearest_or_all() -> None:
    tree = stack("base-notebook > scipy-notebook")
    assert tree.image("scipy-notebook").name == "scipy-notebook"
    with pytest.raises(InputError, match="did you mean 'scipy-notebook'"):
        tree.image("scipy-notbook")
    with pytest.raises(InputError, match="there are: base-notebook, scipy-notebook"):
        tree.image("zzz")
    many = stack(", ".join(f"image{number}" for number in range(20)))
    with pytest.raises(InputError, match=r"image18, image19, …$"):
        many.image("zzz")
