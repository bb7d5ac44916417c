"""What variants share: an image that no edit reaches keeps its key, and the plan says which those are."""

from __future__ import annotations

from trees import PLATFORM, records, tree_of

from pipeline import overlay, show
from pipeline.graph import derive
from pipeline.show import Apart

FILES: dict[str, str | bytes] = {
    "tools/Dockerfile": "FROM alpine:3\n",
    "base/Dockerfile": "FROM debian:12\n",
    "mid/Dockerfile": "FROM base\n",
    "leaf/Dockerfile": "FROM mid\nARG A=1\nCOPY --from=tools /x /\n",
    "other/Dockerfile": "FROM mid\n",
}
ROOT = '[[root]]\nfrom = "debian:*"\nto = "nvidia/cuda:12"\n'
ARG = '[[arg]]\nname = "A"\nvalue = "2"\n'


def apart(*texts: str) -> Apart:
    overlays = [overlay.read_overlay(text, f"o{at}", f"o{at}.toml") for at, text in enumerate(texts, 1)]
    tree, matches = overlay.apply(overlays, tree_of(FILES))
    graph = derive(tree, PLATFORM)
    return Apart({name: record.key for name, record in records(graph).items()}, matches, graph)


def test_an_image_on_ancestors_that_no_edit_touches_is_shared() -> None:
    found = show.shared({"cpu": apart(), "gpu": apart(ROOT), "arg": apart(ARG)})
    assert found == {
        "cpu": {"tools": ["gpu", "arg"], "base": ["arg"], "mid": ["arg"], "other": ["arg"]},
        "gpu": {"tools": ["cpu", "arg"]},
        "arg": {"tools": ["cpu", "gpu"], "base": ["cpu"], "mid": ["cpu"], "other": ["cpu"]},
    }


def test_the_plan_says_what_is_shared_and_what_a_swap_of_the_root_sets_apart() -> None:
    assert show.sharing_text({"cpu": apart(), "gpu": apart(ROOT)}) == (
        "cpu shares with gpu: tools\n"
        "gpu shares with cpu: tools\n"
        "gpu: o1 swaps the root of base: new keys for it and the 3 images on it"
    )


def test_variants_that_share_all_or_nothing_say_so_and_one_alone_says_nothing() -> None:
    assert show.sharing_text({"a": apart(), "b": apart()}) == (
        "a shares with b: all its images\nb shares with a: all its images"
    )
    every = ROOT + '[[root]]\nfrom = "alpine:*"\nto = "alpine:4"\n'
    assert "b shares no image" in show.sharing_text({"a": apart(), "b": apart(every)})
    assert show.sharing_text({"a": apart(ARG)}) == ""
