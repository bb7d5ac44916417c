"""Overlays on whole trees: the stacks of 2020 and the embedded ones."""

from __future__ import annotations

import pytest
from test_overlay import DIGEST, REPOSITORY, changed, read
from trees import PLATFORM, tree_of

from pipeline import overlay
from pipeline.errors import InputError
from pipeline.graph import derive
from pipeline.overlay import Overlay

STACKS_2020 = {
    "base-notebook/Dockerfile": f"""# Ubuntu 18.04 (bionic)
ARG ROOT_CONTAINER=ubuntu:bionic-20200403{DIGEST}

ARG BASE_CONTAINER=$ROOT_CONTAINER
FROM $BASE_CONTAINER

LABEL maintainer="somebody"
ARG NB_USER="jovyan"
USER root
ENV DEBIAN_FRONTEND noninteractive
RUN apt-get update \\
 && apt-get install -yq --no-install-recommends wget bzip2 \\
 && apt-get clean
COPY fix-permissions /usr/local/bin/fix-permissions
""",
    "minimal-notebook/Dockerfile": "ARG BASE_CONTAINER=jupyter/base-notebook\nFROM $BASE_CONTAINER\n",
    "scipy-notebook/Dockerfile": (
        "ARG BASE_CONTAINER=jupyter/minimal-notebook\nFROM $BASE_CONTAINER\n"
        "RUN conda install --quiet --yes \\\n    'scipy=1.4*' \\\n    'tensorflow-hub=0.7*' && \\\n"
        "    conda clean --all -f -y\n"
    ),
    "tensorflow-notebook/Dockerfile": (
        "ARG BASE_CONTAINER=jupyter/scipy-notebook\nFROM $BASE_CONTAINER\n\n# Install Tensorflow\n"
        "RUN pip install --quiet --no-cache-dir \\\n    'tensorflow==2.1.0' && \\\n"
        "    fix-permissions $CONDA_DIR && \\\n    fix-permissions /home/$NB_USER\n"
    ),
}  # fmt: skip


def shipped(name: str) -> Overlay:
    path = REPOSITORY / "overlays" / f"{name}.toml"
    return overlay.read_overlay(path.read_text(encoding="utf-8"), name, str(path))


def test_on_the_stacks_of_2020_the_overlay_of_cuda_10_1_changes_exactly_two_lines() -> None:
    before = tree_of(dict(STACKS_2020), refs=("jupyter/{image}",))
    after, matches = overlay.apply([shipped("cuda-10.1")], before)
    assert changed(before, after) == [
        (
            "base-notebook",
            f"ARG ROOT_CONTAINER=ubuntu:bionic-20200403{DIGEST}",
            "ARG ROOT_CONTAINER=nvidia/cuda:10.1-cudnn7-devel-ubuntu18.04",
        ),
        ("tensorflow-notebook", "    'tensorflow==2.1.0' && \\", "    'tensorflow-gpu==2.1.0' && \\"),
    ]
    assert len(matches) == 2
    assert derive(after, PLATFORM).order == derive(before, PLATFORM).order


def test_on_the_embedded_tree_the_overlay_of_cuda_12_changes_exactly_two_lines() -> None:
    folder = REPOSITORY / "images"
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/Dockerfile")}
    before = tree_of(files, refs=("jupyter/{image}",))
    after, _ = overlay.apply([shipped("cuda-12")], before)
    assert [name for name, _, _ in changed(before, after)] == ["base-notebook", "tensorflow-notebook"]
    assert {root for node in derive(after, PLATFORM) for root in node.roots} & {"debian:bookworm"} == set()


def test_a_root_that_depends_on_the_platform_is_matched_for_the_platform_in_use() -> None:
    before = tree_of({"a/Dockerfile": "ARG TARGETARCH\nFROM base-$TARGETARCH:1\n"})
    edit = '[[root]]\nfrom = "base-arm64:*"\nto = "cuda:12"\n'
    after, matches = overlay.apply([read(edit)], before, platform="linux/arm64")
    assert (after.images["a"].dockerfile.stages[0].base, len(matches)) == ("cuda:12", 1)
    with pytest.raises(InputError, match="base-amd64:1 in"):
        overlay.apply([read(edit)], before, platform="linux/amd64")
