"""Trees in the shapes that are met in the wild, read with no configuration at all."""

from __future__ import annotations

from trees import graph_of

from pipeline.graph import Graph

PIN = "sha256:" + "5" * 64
STACK_2020 = {
    "base-notebook": "",
    "minimal-notebook": "base-notebook",
    "r-notebook": "minimal-notebook",
    "scipy-notebook": "minimal-notebook",
    "tensorflow-notebook": "scipy-notebook",
    "datascience-notebook": "scipy-notebook",
    "pyspark-notebook": "scipy-notebook",
    "all-spark-notebook": "pyspark-notebook",
}


def edges(of: Graph) -> dict[str, str]:
    """Each image's parents, joined."""
    return {name: ",".join(of.nodes[name].parent_names) for name in of.order}


def external(of: Graph) -> dict[str, tuple[str, ...]]:
    return {name: of.nodes[name].roots for name in of.order if of.nodes[name].roots}


def child_2020(parent: str, more: str = "") -> str:
    return f"ARG BASE_CONTAINER=jupyter/{parent}\nFROM $BASE_CONTAINER\n\nUSER root\n{more}USER $NB_UID\n"


def child_2022(parent: str) -> str:
    return (
        f"ARG OWNER=jupyter\nARG BASE_CONTAINER=$OWNER/{parent}\nFROM $BASE_CONTAINER\n\nUSER ${{NB_UID}}\n"
    )


def child_today(parent: str) -> str:
    return (
        "ARG REGISTRY=quay.io\nARG OWNER=jupyter\n"
        f"ARG BASE_IMAGE=$REGISTRY/$OWNER/{parent}\nFROM $BASE_IMAGE\n\nUSER ${{NB_UID}}\n"
    )


def test_the_layout_of_may_2020() -> None:
    base = (
        "# Ubuntu 18.04 (bionic)\n"
        f"ARG ROOT_CONTAINER=ubuntu:bionic-20200403@{PIN}\nARG BASE_CONTAINER=$ROOT_CONTAINER\n"
        '# hadolint ignore=DL3006\nFROM $BASE_CONTAINER\nARG NB_USER="jovyan"\n'
        "COPY fix-permissions /usr/local/bin/fix-permissions\n"
        "COPY start.sh start-notebook.sh /usr/local/bin/\n"
    )
    files = {f"{name}/Dockerfile": child_2020(parent) for name, parent in STACK_2020.items()}
    files |= {
        "base-notebook/Dockerfile": base,
        "base-notebook/Dockerfile.ppc64le": "FROM ppc64le/ubuntu:18.04\nCOPY start.sh /\n",
        "base-notebook/Dockerfile.ppc64le.patch": "--- a\n+++ b\n@@ -1 +1 @@\n-FROM a\n+FROM b\n",
        "base-notebook/fix-permissions": "",
        "base-notebook/start.sh": "",
        "base-notebook/start-notebook.sh": "",
        "base-notebook/README.md": "",
        "binder/Dockerfile": "FROM jupyter/base-notebook:latest\n",
        "examples/make-deploy/Dockerfile": "ARG X\nFROM $X\n",
        "docs/Makefile": "",
    }
    of = graph_of(files)
    assert edges(of) == {**STACK_2020, "base-notebook/ppc64le": ""}
    assert external(of) == {
        "base-notebook": (f"ubuntu:bionic-20200403@{PIN}",),
        "base-notebook/ppc64le": ("ppc64le/ubuntu:18.04",),
    }
    assert of.nodes["base-notebook"].files == ("fix-permissions", "start-notebook.sh", "start.sh")


def test_the_layout_of_the_end_of_2022() -> None:
    stack = {**STACK_2020, "base-notebook": "docker-stacks-foundation"}
    files = {f"{name}/Dockerfile": child_2022(parent) for name, parent in stack.items()}
    files |= {
        "docker-stacks-foundation/Dockerfile": "ARG ROOT_CONTAINER=ubuntu:22.04\n\nFROM $ROOT_CONTAINER\n",
        "binder/Dockerfile": "FROM jupyter/base-notebook:2022-01-01\n",
        "tests/Dockerfile.j2": "FROM {{ x }}\n",
    }
    of = graph_of(files)
    assert edges(of) == {**stack, "docker-stacks-foundation": ""}
    assert external(of) == {"docker-stacks-foundation": ("ubuntu:22.04",)}


def test_todays_layout_with_its_variant_folders() -> None:
    stack = {
        **STACK_2020,
        "base-notebook": "docker-stacks-foundation",
        "julia-notebook": "minimal-notebook",
        "pytorch-notebook": "scipy-notebook",
        "pytorch-notebook/cuda12": "scipy-notebook",
        "tensorflow-notebook/cuda": "scipy-notebook",
    }
    files = {f"images/{name}/Dockerfile": child_today(parent) for name, parent in stack.items()}
    files |= {
        "images/docker-stacks-foundation/Dockerfile": (
            f"ARG ROOT_IMAGE=ubuntu:24.04@{PIN}\nFROM mambaorg/micromamba:2.0 AS mamba\n"
            "FROM $ROOT_IMAGE\nCOPY --from=mamba /bin/micromamba /bin/\nCOPY initial-condarc /etc/\n"
        ),
        "images/docker-stacks-foundation/initial-condarc": "",
        # the outer image takes a file of its variant's folder
        "images/tensorflow-notebook/Dockerfile": f"{child_today('scipy-notebook')}COPY cuda/lib-dirs.sh /\n",
        "images/tensorflow-notebook/cuda/lib-dirs.sh": "",
        "docs/using/recipe_code/dask.dockerfile": "FROM quay.io/jupyter/base-notebook\n",
        ".devcontainer/Dockerfile": "FROM x\n",
        "examples/a/Dockerfile": "FROM y\n",
    }
    of = graph_of(files)
    assert edges(of) == {**stack, "docker-stacks-foundation": ""}
    assert external(of) == {"docker-stacks-foundation": ("mambaorg/micromamba:2.0", f"ubuntu:24.04@{PIN}")}
    assert of.nodes["tensorflow-notebook"].files == ("cuda/lib-dirs.sh",)


def test_children_that_hold_nothing_but_from_read_what_their_parents_triggers_copy() -> None:
    onbuild = (
        "FROM buildpack-deps:noble\nONBUILD COPY . /srv/\nONBUILD RUN pip install -r /srv/requirements.txt\n"
    )
    files = {
        "base-image/Dockerfile": onbuild,
        "base-image/own.txt": "",
        "pangeo-notebook/Dockerfile": "ARG TAG=latest\nFROM pangeo/base-image:${TAG}\n",
        "pangeo-notebook/environment.yml": "",
        "ml-notebook/Dockerfile": "FROM pangeo/base-image\n",
        "ml-notebook/start": "",
        "below/Dockerfile": "FROM pangeo/ml-notebook\n",
        "below/unread": "",
    }
    of = graph_of(files)
    assert edges(of) == {
        "base-image": "",
        "ml-notebook": "base-image",
        "below": "ml-notebook",
        "pangeo-notebook": "base-image",
    }
    assert of.nodes["base-image"].files == ()
    assert of.nodes["pangeo-notebook"].files == ("Dockerfile", "environment.yml")
    assert of.nodes["ml-notebook"].files == ("Dockerfile", "start")
    # a trigger fires in the child, not in the child's children
    assert of.nodes["below"].files == ()


def test_a_hostile_tree_with_every_trap_at_once() -> None:
    files: dict[str, str | bytes] = {
        # an ARG default that names a stage, and a global one beside a stage's
        "root/Dockerfile": (
            "\ufeff# syntax=docker/dockerfile:1\n# escape=`\nARG ROOT_IMAGE=default_root_image\n"
            "ARG TAG=bookworm UNUSED\nFROM debian:$TAG AS Default_Root_Image\n"
            "FROM $ROOT_IMAGE\r\nRUN echo C:\\dir\\\r\nRUN a `\n\n  # a comment \\\n  && b\n"
        ),
        # heredocs that look like instructions, a comment that ends in a backslash, no final newline
        "mid/Dockerfile": (
            "ARG OWNER=lab\nARG BASE=${OWNER}/root\nFROM --platform=$BUILDPLATFORM ${BASE%/}\n"
            "RUN <<EOF\nFROM evil\nCOPY . /evil\nEOF\n"
            "COPY <<-'X' <<Y /z/\n\tFROM worse\n\tX\nY\n"
            "RUN x && \\\n# from here \\\n\n  y\nRUN last && \\"
        ),
        # stages by number and name, an unused stage, a mount from a stage and one from an image of the tree
        "top/Dockerfile": (
            "FROM golang:1 AS Build\nFROM never:1 AS unused\nRUN true\nFROM scratch AS empty\n"
            "FROM lab/mid\nCOPY --from=0 /a /a\nCOPY --from=BUILD /b /b\n"
            "RUN --mount=type=bind,from=lab/root,target=/r --mount=from=busybox:1,target=/s true\n"
            'COPY --chown=1:1 ["a b.txt", "/"]\n'
        ),
        "top/a b.txt": "",
        "top/README.md": "",
        "latin/Dockerfile": b"FROM lab/top\n# caf\xe9\nRUN echo \xff\n",
        "latin/Dockerfile.orig": "FROM nobody\n",
        "latin/Dockerfile.j2": "FROM {{ nobody }}\n",
        "latin/gpu.Dockerfile": "from lab/latin:latest\nonbuild copy . /x\n",
    }
    of = graph_of(files)
    assert edges(of) == {
        "root": "",
        "mid": "root",
        "top": "mid,root",
        "latin": "top",
        "latin/gpu": "latin",
    }
    assert external(of) == {"root": ("debian:bookworm",), "top": ("busybox:1", "golang:1")}
    assert {name: of.nodes[name].files for name in of.order if of.nodes[name].files} == {"top": ("a b.txt",)}
