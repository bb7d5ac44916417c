"""What references call the images of trees that nobody here wrote."""

from __future__ import annotations

import pytest
from trees import ROOT, graph_of, tree_of

from pipeline.config import ImageSettings
from pipeline.graph import Graph
from pipeline.tree import Tree

FROM = f"FROM {ROOT}\n"


def parents(of: Graph) -> dict[str, tuple[str, ...]]:
    return {name: of.nodes[name].parent_names for name in of.order if of.nodes[name].parent_names}


def test_a_camel_case_folder_is_called_in_kebab_case_without_being_told() -> None:
    files = {
        "Base/Dockerfile": f"FROM {ROOT}\n",
        "NodeBase/Dockerfile": "FROM selenium/base:latest\n",
        "NodeChrome/Dockerfile": "ARG N=selenium\nFROM $N/node-base\n",
        "APIServer/Dockerfile": "FROM selenium/node-chrome\n",
    }
    assert parents(graph_of(files)) == {
        "NodeBase": ("Base",),
        "NodeChrome": ("NodeBase",),
        "APIServer": ("NodeChrome",),
    }


def test_another_case_rule_can_be_set() -> None:
    files = {"NodeBase/Dockerfile": f"FROM {ROOT}\n", "Top/Dockerfile": "FROM selenium/nodebase\n"}
    assert parents(graph_of(files, case="lower")) == {"Top": ("NodeBase",)}
    assert parents(graph_of(files, case="kebab")) == {}


def test_files_named_name_and_tag_map_with_one_pattern() -> None:
    files = {
        "python_3.11.Dockerfile": f"FROM {ROOT}\n",
        "python_3.12.Dockerfile": f"FROM {ROOT}\n",
        "app_3.11.Dockerfile": "FROM lab/python:3.11\n",
        "app_3.12.Dockerfile": "FROM lab/python:3.12\n",
        "tool.Dockerfile": "FROM lab/python:3.13\nCOPY --from=lab/app:3.11 /a /a\n",
    }
    of = graph_of(files, refs=("lab/{image}:{tag}",))
    assert parents(of) == {
        "app_3.11": ("python_3.11",),
        "app_3.12": ("python_3.12",),
        "tool": ("app_3.11",),
    }
    assert of.nodes["tool"].roots == ("lab/python:3.13",)


def test_a_flat_tree_of_200_tagged_files_has_every_edge_and_no_other() -> None:
    files = {"base_0.Dockerfile": f"FROM {ROOT}\n"}
    files |= {f"base_{n}.Dockerfile": f"FROM lab/base:{n - 1}\n" for n in range(1, 200)}
    of = graph_of(files, refs=("lab/{image}:{tag}",))
    assert parents(of) == {f"base_{n}": (f"base_{n - 1}",) for n in range(1, 200)}


def test_images_that_differ_by_tag_never_stand_on_themselves() -> None:
    files = {
        "bookworm/Dockerfile": "FROM debian:bookworm\n",
        "bookworm/curl/Dockerfile": "FROM debian:bookworm\n",
        "bookworm/scm/Dockerfile": "FROM buildpack-deps:bookworm-curl\n",
    }
    named = tuple(
        (name, ImageSettings("", name=f"buildpack-deps:{name.replace('/', '-')}"))
        for name in ("bookworm", "bookworm/curl", "bookworm/scm")
    )
    assert parents(graph_of(files)) == {}
    assert parents(graph_of(files, images=named)) == {"bookworm/scm": ("bookworm/curl",)}


def test_a_variant_folder_is_a_tag_where_patterns_have_one() -> None:
    files = {
        "tensorflow/Dockerfile": f"FROM {ROOT}\n",
        "tensorflow/cuda/Dockerfile": f"FROM {ROOT}\n",
        "hub/Dockerfile": "FROM lab/tensorflow:cuda\nCOPY --from=lab/tensorflow /x /x\n",
    }
    of = graph_of(files, refs=("lab/{image}:{tag}",))
    assert of.nodes["hub"].parents == (
        ("lab/tensorflow", "tensorflow"),
        ("lab/tensorflow:cuda", "tensorflow/cuda"),
    )


@pytest.mark.parametrize("pin", [":2020-01-01", "@sha256:" + "0" * 64, ":latest@sha256:" + "0" * 64])
def test_a_pinned_published_name_is_a_root_unless_it_is_mapped(pin: str) -> None:
    reference = f"lab/a{pin}"
    files = {"a/Dockerfile": f"FROM {ROOT}\n", "b/Dockerfile": f"FROM {reference}\n"}
    assert graph_of(files).nodes["b"].roots == (reference,)
    mapped = graph_of(files, images=(("a", ImageSettings("", refs=(reference,))),))
    assert mapped.nodes["b"].parent_names == ("a",)


def naming(refs: tuple[str, ...] = (), called: tuple[str, str] | None = None) -> Tree:
    settings = ((called[0], ImageSettings("", name=called[1])),) if called else ()
    files = dict.fromkeys(["base/Dockerfile", "base/cuda/Dockerfile", "NodeBase/Dockerfile"], FROM)
    return tree_of(files, refs=refs, images=settings)


@pytest.mark.parametrize(
    ("reference", "image"),
    [
        ("base", "base"),
        ("jupyter/base", "base"),
        ("quay.io/jupyter/base:latest", "base"),
        ("localhost:5000/base", "base"),
        ("jupyter/base:2020-05-01", ""),
        ("base@sha256:" + "a" * 64, ""),
        ("base/other", ""),
        ("database", ""),
        ("base/cuda", ""),
        ("NodeBase", ""),
        ("node-base", "NodeBase"),
        ("not a reference", ""),
        ("", ""),
    ],
)
def test_without_patterns_the_last_part_of_a_reference_names_the_image(reference: str, image: str) -> None:
    assert naming().naming()(reference) == image


@pytest.mark.parametrize(
    ("reference", "image"),
    [
        ("jupyter/base", "base"),
        ("docker.io/jupyter/base:latest", "base"),
        ("quay.io/jupyter/base", "base"),
        ("jupyter/base:2020-05-01", ""),
        ("base", ""),
        ("other/base", ""),
        ("quay.io/other/base", ""),
    ],
)
def test_with_patterns_only_they_name_images(reference: str, image: str) -> None:
    assert naming(("jupyter/{image}", "quay.io/jupyter/{image}")).naming()(reference) == image


def test_a_pattern_with_a_tag_maps_that_tag_and_no_other() -> None:
    find = naming(("buildpack-deps:{image}",)).naming()
    assert (find("buildpack-deps:base"), find("buildpack-deps"), find("buildpack-deps:x")) == ("base", "", "")


@pytest.mark.parametrize(
    ("folder", "case", "reference"),
    [
        ("NodeBase", "kebab", "selenium/node-base"),
        ("NodeBase", "lower", "selenium/nodebase"),
        ("HTTPServer2Go", "kebab", "selenium/http-server2-go"),
        ("node-base", "keep", "selenium/node-base"),
        ("NodeBase", "keep", ""),
        ("node base", "kebab", ""),
    ],
)
def test_a_trees_case_rule_spells_folders_as_references(folder: str, case: str, reference: str) -> None:
    tree = tree_of({f"{folder}/Dockerfile": FROM}, refs=("selenium/{image}",), case=case)
    assert [call for call, _ in tree.calls()] == ([reference] if reference else [])


def test_a_folder_whose_name_no_reference_can_spell_needs_a_name() -> None:
    tree = tree_of(
        {"node base/Dockerfile": FROM},
        refs=("selenium/{image}",),
        images=(("node base", ImageSettings("", name="node-base")),),
    )
    assert tree.naming()("selenium/node-base") == "node base"


def test_a_name_with_a_repository_is_the_whole_reference() -> None:
    find = naming(called=("NodeBase", "selenium/node-base")).naming()
    assert (find("selenium/node-base"), find("other/node-base"), find("base")) == ("NodeBase", "", "base")


def test_a_variant_folder_is_named_once_it_is_told_how() -> None:
    assert naming(called=("base/cuda", "base-cuda")).naming()("me/base-cuda") == "base/cuda"


def test_an_image_may_be_meant_by_further_references_be_they_none() -> None:
    settings = (("base", ImageSettings("", refs=("<jupyter>/base", "old.example/base:1"))),)
    find = tree_of({"base/Dockerfile": FROM}, images=settings).naming()
    assert find("<jupyter>/base") == find("old.example/base:1") == find("base") == "base"


def test_a_folder_called_like_its_root_stands_on_that_and_others_on_the_folder() -> None:
    find = naming().naming()
    assert find("base", "base") == ""
    assert find("base", "NodeBase") == "base"
    assert find("jupyter/base", "base") == "base"


def test_files_gathered_in_a_folder_are_called_like_themselves() -> None:
    files = {
        "dockerfiles/core.Dockerfile": f"FROM {ROOT}\n",
        "dockerfiles/app.dockerfile": "FROM core\n",
        "other/Dockerfile": "FROM lab/app\n",
        "other/gpu.Dockerfile": "FROM lab/other\n",
    }
    assert parents(graph_of(files)) == {"app": ("core",), "other": ("app",), "other/gpu": ("other",)}
