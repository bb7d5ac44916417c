"""Who is built on whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import PLATFORM, ROOT, graph, graph_of, stacks, subsets, tree_of

from pipeline.config import ImageSettings
from pipeline.errors import InputError
from pipeline.graph import derive

NOTEBOOKS = "base > minimal > scipy > tensorflow, minimal > r, scipy > pyspark > all-spark"


def problems(files: dict[str, str], **settings: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        graph_of(dict(files), **settings)
    return [str(problem) for problem in caught.value.problems]


def test_every_image_comes_behind_its_parents() -> None:
    assert graph(NOTEBOOKS).order == ("base", "minimal", "r", "scipy", "pyspark", "all-spark", "tensorflow")


@given(stacks())
def test_the_order_is_parents_first_and_holds_every_image_once(arrows: str) -> None:
    found = graph(arrows)
    assert sorted(found.order) == sorted(found.nodes)
    for node in found:
        for parent in node.parent_names:
            assert found.order.index(parent) < found.order.index(node.image.name)


def test_descendants_and_ancestors_hold_the_images_themselves() -> None:
    found = graph(NOTEBOOKS)
    assert found.descendants(["scipy"]) == {"scipy", "tensorflow", "pyspark", "all-spark"}
    assert found.ancestors(["scipy"]) == {"scipy", "minimal", "base"}
    assert found.descendants(["r", "pyspark"]) == {"r", "pyspark", "all-spark"}
    assert found.descendants([]) == frozenset()


@given(st.data(), stacks())
def test_descending_and_ascending_are_each_others_reverse(data: st.DataObject, arrows: str) -> None:
    found = graph(arrows)
    names = data.draw(subsets(found))
    below = found.descendants(names)
    assert below == {name for name in found.order if found.ancestors([name]) & names}


def test_leaves_tops_and_children_are_the_ends_of_the_graph() -> None:
    found = graph(NOTEBOOKS)
    assert found.leaves() == ("r", "all-spark", "tensorflow")
    assert found.tops() == ("base",)
    assert found.children("scipy") == ("pyspark", "tensorflow")
    assert found.children("r") == ()


def test_a_parent_that_is_only_copied_from_is_a_parent_but_not_the_main_one() -> None:
    found = graph("base > child, tools > child")
    assert found.nodes["child"].parent_names == ("base", "tools")
    assert (found.main_parent("child"), found.main_parent("base")) == ("base", "")
    assert (found.nodes["child"].base, found.nodes["base"].base) == ("base", ROOT)


def test_parents_are_kept_under_the_references_that_name_them() -> None:
    files = {
        "base/Dockerfile": f"FROM {ROOT}\n",
        "child/Dockerfile": (
            "ARG OWNER=jupyter\nFROM $OWNER/base AS one\nFROM quay.io/jupyter/base:latest\n"
            "COPY --from=one /x /x\nRUN --mount=from=busybox:1,target=/b true\n"
        ),
    }
    node = graph_of(files).nodes["child"]
    assert node.parents == (("jupyter/base", "base"), ("quay.io/jupyter/base:latest", "base"))
    assert node.parent_names == ("base",)
    assert node.roots == ("busybox:1",)


def test_stages_and_scratch_are_neither_parents_nor_roots() -> None:
    files = {
        "base/Dockerfile": f"FROM {ROOT}\n",
        "child/Dockerfile": f"FROM {ROOT} AS base\nFROM base AS two\nFROM scratch\nCOPY --from=two /x /\n",
    }
    node = graph_of(files).nodes["child"]
    assert (node.parents, node.roots, node.base) == ((), (ROOT,), "")


def test_a_published_name_pinned_to_a_tag_or_digest_is_a_root() -> None:
    digest = "sha256:" + "a" * 64
    files = {
        "base/Dockerfile": f"FROM {ROOT}\n",
        "old/Dockerfile": "FROM jupyter/base:2020-05-01\n",
        "older/Dockerfile": f"FROM jupyter/base@{digest}\n",
        "now/Dockerfile": "FROM jupyter/base\n",
    }
    found = graph_of(files)
    assert found.children("base") == ("now",)
    assert found.nodes["old"].roots == ("jupyter/base:2020-05-01",)
    assert found.nodes["older"].roots == (f"jupyter/base@{digest}",)


def test_an_image_stands_on_the_outside_image_of_its_own_name_and_others_on_the_image() -> None:
    found = graph_of({"nginx/Dockerfile": "FROM nginx\n", "app/Dockerfile": "FROM nginx\n"})
    assert found.nodes["nginx"].roots == ("nginx",)
    assert found.nodes["app"].parent_names == ("nginx",)


def test_refs_tell_an_image_from_the_outside_image_of_its_name() -> None:
    files = {"debian/Dockerfile": "FROM debian\n", "app/Dockerfile": "FROM me/debian\n"}
    found = graph_of(files, refs=("me/{image}",))
    assert found.nodes["debian"].roots == ("debian",)
    assert found.nodes["app"].parent_names == ("debian",)


def test_an_image_that_stands_on_itself_says_so_at_its_line() -> None:
    (found,) = problems({"a/Dockerfile": "# syntax\n\nFROM lab/a\n"})
    assert found.startswith("images/a/Dockerfile:3: 'a' stands on itself: a → a\n  hint: ")


def test_an_official_image_named_like_the_folder_is_a_root_and_no_ring() -> None:
    of = graph_of({"nginx/Dockerfile": "FROM nginx\n", "app/Dockerfile": "FROM nginx\n"})
    assert (of.nodes["nginx"].roots, of.nodes["nginx"].parents) == (("nginx",), ())
    assert of.nodes["app"].parent_names == ("nginx",)


def test_a_reference_that_is_none_names_the_setting_that_would_map_it() -> None:
    (found,) = problems({"a/Dockerfile": f"FROM {ROOT}\n", "b/Dockerfile": "FROM <lab>/a\n"})
    assert found.startswith("images/b/Dockerfile:1: '<lab>/a' ")
    assert "refs = ['<lab>/a'] under its [tree.notebooks.images.NAME]" in found


def test_a_further_reference_of_an_image_is_taken_as_it_is_written() -> None:
    files = {"a/Dockerfile": f"FROM {ROOT}\n", "b/Dockerfile": "FROM <lab>/a\n"}
    of = graph_of(files, images=(("a", ImageSettings("", refs=("<lab>/a",))),))
    assert of.nodes["b"].parents == (("<lab>/a", "a"),)


@pytest.mark.parametrize("folder", ["a", "deeper/a", "0/a"])
def test_a_ring_is_shown_whole_from_the_same_image_on(folder: str) -> None:
    dockerfiles = {
        "c/Dockerfile": "FROM b\n",
        "b/Dockerfile": "ARG X\nFROM a\n",
        f"{folder}/Dockerfile": f"FROM {ROOT}\nCOPY --from=c /x /x\n",
        "d/Dockerfile": "FROM c\n",
        "e/Dockerfile": f"FROM {ROOT}\n",
    }
    (found,) = problems(dockerfiles)
    assert found.startswith(f"images/{folder}/Dockerfile:2: 'a' is part of a ring: a → b → c → a\n")


def test_an_unknown_image_names_the_nearest() -> None:
    for ask in (graph(NOTEBOOKS).descendants, graph(NOTEBOOKS).ancestors):
        with pytest.raises(
            InputError, match="no image 'minimall' in the tree\n  hint: did you mean 'minimal'"
        ):
            ask(["base", "minimall"])


def test_every_image_that_cannot_be_resolved_is_reported_together() -> None:
    files = {
        "a/Dockerfile": "ARG A\nFROM $A\n",
        "b/Dockerfile": "ARG B\nFROM $B\n",
        "c/Dockerfile": "FROM a\n",
    }
    found = problems(files)
    assert [problem.partition(": ")[0] for problem in found] == [
        "images/a/Dockerfile:2",
        "images/b/Dockerfile:2",
    ]
    assert 'A = "..."' in found[0]


def test_links_that_leave_their_context_are_reported_together() -> None:
    files = {
        "a/Dockerfile": f"FROM {ROOT}\nCOPY x /\n",
        "a/x -> ../../secret": "",
        "b/Dockerfile": f"FROM {ROOT}\nCOPY y /\n",
        "b/y -> ../secret": "",
    }
    assert len(problems(files)) == 2


def test_build_args_of_the_settings_decide_the_parent() -> None:
    files = {"a/Dockerfile": f"FROM {ROOT}\n", "b/Dockerfile": f"ARG BASE={ROOT}\nFROM $BASE\n"}
    assert graph_of(files).nodes["b"].parent_names == ()
    settings = (("b", ImageSettings("", args=(("BASE", "a"),))),)
    assert graph_of(files, images=settings).nodes["b"].parent_names == ("a",)


def test_a_target_decides_which_stages_count() -> None:
    dockerfile = f"FROM {ROOT} AS small\nCOPY one /\nFROM busybox:1\nCOPY two /\n"
    files = {"a/Dockerfile": dockerfile, "a/one": "", "a/two": ""}
    whole, part = graph_of(files), graph_of(files, images=(("a", ImageSettings("", target="small")),))
    assert (whole.nodes["a"].roots, whole.nodes["a"].files) == (("busybox:1",), ("two",))
    assert (part.nodes["a"].roots, part.nodes["a"].files) == ((ROOT,), ("one",))


def test_the_platform_decides_what_platform_args_say() -> None:
    tree = tree_of({"a/Dockerfile": "ARG TARGETARCH\nFROM base-$TARGETARCH\n"})
    assert derive(tree, "linux/arm64").nodes["a"].roots == ("base-arm64",)
    assert derive(tree, PLATFORM).nodes["a"].roots == ("base-amd64",)


def test_the_files_of_an_image_are_what_its_instructions_can_read() -> None:
    files = {
        "a/Dockerfile": f"FROM {ROOT}\nCOPY conf /conf\nCOPY *.sh start /bin/\n",
        "a/README.md": "",
        "a/conf/one": "",
        "a/conf/deep/two": "",
        "a/conf/.git/x": "",
        "a/run.sh": "",
        "a/run.txt": "",
        "a/start": "",
        "a/.dockerignore": ".git\nconf/one\n**/.git\n",
        "b/Dockerfile": f"FROM {ROOT}\n",
    }
    read = {name: node.files for name, node in graph_of(files).nodes.items()}
    assert [path for path in read["a"] if path not in {"conf", "conf/deep"}] == [
        "conf/deep/two",
        "run.sh",
        "start",
    ]
    assert read["b"] == ()


def onbuild(trigger: str, **files: str) -> dict[str, str | bytes]:
    return {
        "parent/Dockerfile": f"FROM {ROOT}\nONBUILD {trigger}\n",
        "parent/app": "the parent's own",
        "child/Dockerfile": "FROM parent\n",
        "child/app": "",
        "child/other": "",
        "grandchild/Dockerfile": "FROM child\n",
        "grandchild/app": "",
        **{path.replace("__", "/"): text for path, text in files.items()},
    }


def test_an_onbuild_copy_reads_the_context_of_the_direct_child_and_of_no_other() -> None:
    found = graph_of(onbuild("COPY app /app"))
    assert {node.image.name: node.files for node in found} == {
        "parent": (),
        "child": ("app",),
        "grandchild": (),
    }


def test_triggers_do_not_fire_where_an_image_is_only_copied_from() -> None:
    dockerfile = f"FROM {ROOT}\nCOPY --from=parent /x /x\n"
    assert graph_of(onbuild("COPY app /app", child__Dockerfile=dockerfile)).nodes["child"].files == ()


def test_an_onbuild_copy_of_everything_reads_the_whole_context_of_the_child() -> None:
    files = graph_of(onbuild("COPY . /app")).nodes["child"].files
    assert set(files) == {"Dockerfile", "app", "other"}


def test_an_onbuild_use_is_a_parent_or_root_of_the_child() -> None:
    found = graph_of(onbuild("COPY --from=tools /x /x", **{"tools/Dockerfile": f"FROM {ROOT}\n"}))
    assert {node.image.name: node.parent_names for node in found} == {
        "tools": (),
        "parent": (),
        "child": ("parent", "tools"),
        "grandchild": ("child",),
    }
    assert graph_of(onbuild("COPY --from=busybox:1 /x /x")).nodes["child"].roots == ("busybox:1",)


def test_an_onbuild_use_of_a_stage_of_the_child_reaches_that_stage() -> None:
    dockerfile = "FROM golang:1 AS Builder\nCOPY other /src\nFROM parent\n"
    child = graph_of(onbuild("COPY --from=builder /x /x", child__Dockerfile=dockerfile)).nodes["child"]
    assert (child.roots, child.files, child.base) == (("golang:1",), ("other",), "parent")


@given(stacks())
def test_the_same_tree_gives_the_same_graph_in_any_order_of_its_files(arrows: str) -> None:
    found = graph(arrows)
    tree = tree_of(
        {f"{node.image.name}/Dockerfile": node.image.dockerfile.text for node in reversed(list(found))}
    )
    assert derive(tree, PLATFORM).order == found.order
