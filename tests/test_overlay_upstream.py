"""The overlays that come along, on trees laid out as docker-stacks has been over the years."""

from __future__ import annotations

from pathlib import Path

import pytest
from edits import applied
from test_overlay_files import files_of
from trees import PLATFORM, tree_of

from pipeline import overlay, show
from pipeline.errors import InputError
from pipeline.graph import derive
from pipeline.overlay import Overlay

OVERLAYS = Path(__file__).parent.parent / "overlays"
PIN = "@sha256:" + "a" * 64
SHELL = 'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\n'
CLEAN = '    mamba clean --all -f -y && \\\n    tidy "${CONDA_DIR}"\n'

# every image's base is an ARG of ARGs; TensorFlow comes with mamba
LATE_2022 = {
    "docker-stacks-foundation/Dockerfile": f"ARG ROOT_CONTAINER=ubuntu:22.04\nFROM $ROOT_CONTAINER\n{SHELL}",
    "scipy-notebook/Dockerfile": (
        "ARG OWNER=jupyter\nARG BASE_CONTAINER=$OWNER/docker-stacks-foundation\nFROM $BASE_CONTAINER\n"
    ),
    "tensorflow-notebook/Dockerfile": (
        "ARG OWNER=jupyter\nARG BASE_CONTAINER=$OWNER/scipy-notebook\nFROM $BASE_CONTAINER\n\n"
        f"{SHELL}\nRUN mamba install --quiet --yes \\\n    'tensorflow' && \\\n{CLEAN}"
    ),
}
BASE = "ARG REGISTRY=quay.io\nARG OWNER=jupyter\nARG BASE_IMAGE=$REGISTRY/$OWNER/{}\nFROM $BASE_IMAGE\n"
# the root is an ARG that names a stage; a helper stage stands beside it; GPU images have folders of their own
TODAY = {
    "docker-stacks-foundation/Dockerfile": (
        f"ARG ROOT_IMAGE=root_by_default\n\nFROM ubuntu:24.04{PIN} AS root_by_default\n\n"
        f"FROM helper/micro:2.8{PIN} AS micro\n\nFROM $ROOT_IMAGE\n"
        f"{SHELL}RUN --mount=type=bind,from=micro,source=/bin/micro,target=/tmp/micro /tmp/micro\n"
    ),
    "scipy-notebook/Dockerfile": BASE.format("docker-stacks-foundation"),
    "tensorflow-notebook/Dockerfile": (
        f"{BASE.format('scipy-notebook')}{SHELL}"
        'RUN if [ "$(uname -m)" = "x86_64" ]; then \\\n        TF_POSTFIX="-cpu"; \\\n    else \\\n'
        '        TF_POSTFIX=""; \\\n    fi && \\\n    pip install \\\n    "tensorflow${TF_POSTFIX}" && \\\n'
        "    tidy\n\nCOPY cuda/proxy.sh /hooks/\n"
    ),
    "tensorflow-notebook/cuda/Dockerfile": (
        f"{BASE.format('scipy-notebook')}RUN pip install 'tensorflow[and-cuda]'\nCOPY *.sh /hooks/\n"
    ),
    "tensorflow-notebook/cuda/proxy.sh": "",
    "tensorflow-notebook/cuda/libs.sh": "",
    "pytorch-notebook/Dockerfile": f"{BASE.format('scipy-notebook')}RUN pip install 'torch'\n",
    "pytorch-notebook/cuda12/Dockerfile": f"{BASE.format('scipy-notebook')}RUN pip install 'torch' # 12\n",
}


def text_of(name: str) -> str:
    return (OVERLAYS / f"{name}.toml").read_text(encoding="utf-8")


def shipped(name: str) -> Overlay:
    return overlay.read_overlay(text_of(name), name, f"overlays/{name}.toml")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            LATE_2022,
            "'tensorflow' (conda) in images/tensorflow-notebook/Dockerfile:8 is for manager = \"conda\"",
        ),
        (
            TODAY,
            '"tensorflow${TF_POSTFIX}" (pip) in images/tensorflow-notebook/Dockerfile:12 is built '
            "from a variable; use the variant folder 'tensorflow-notebook/cuda' or [[replace]]",
        ),
    ],
    ids=["end of 2022", "today"],
)
def test_the_swap_of_2020_has_drifted_since_and_says_what_to_do(files: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        overlay.apply([shipped("cuda-10.1")], tree_of(dict(files)))
    assert [str(problem) for problem in caught.value.problems] == [
        "overlays/cuda-10.1.toml:7: pip package tensorflow → tensorflow-gpu: expected once, found nowhere\n"
        f"  hint: nearest: {said}"
    ]


@pytest.mark.parametrize("exclude", [(), ("*/cuda*/*",)], ids=["whole", "without folders for GPUs"])
def test_today_s_overlay_swaps_one_root_and_takes_the_folders_for_gpus(exclude: tuple[str, ...]) -> None:
    settings = {"exclude": exclude, "refs": ("quay.io/jupyter/{image}",)}
    before = tree_of(dict(TODAY), **settings)
    after = applied(TODAY, text_of("docker-stacks-cuda-12"), **settings)
    diff = show.differences(before, after, ["docker-stacks-foundation"])
    assert [line for line in diff.splitlines()[3:] if line[0] in "+-"] == [
        f"-FROM ubuntu:24.04{PIN} AS root_by_default",
        "+FROM nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04 AS root_by_default",
    ]
    graph = derive(after, PLATFORM)
    assert {root for node in graph for root in node.roots} == {
        "nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04",
        f"helper/micro:2.8{PIN}",
    }
    assert set(graph.nodes) == {
        "docker-stacks-foundation", "scipy-notebook", "tensorflow-notebook", "pytorch-notebook"
    }  # fmt: skip
    assert set(files_of(after, "tensorflow-notebook")) == {"proxy.sh", "libs.sh"}
    assert after.images["tensorflow-notebook"].published == before.images["tensorflow-notebook"].published
