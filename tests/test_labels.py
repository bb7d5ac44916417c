"""What an image says of itself, and that no label is one variant's own where the image is not."""

from __future__ import annotations

from trees import PIN, graph, records

from pipeline import labels
from pipeline.labels import Edited, Origin, Sight
from pipeline.plan import Action, Step


def of_record(name: str, arrows: str) -> dict[str, str]:
    found = records(graph(arrows))
    keys = {image: record.key for image, record in found.items()}
    step = Step(name, Action.BUILD, found[name], keys[name])
    return dict(labels.of_record(step, graph(arrows).nodes[name]))


def test_an_image_on_a_root_names_the_roots_digest() -> None:
    found = of_record("base", "base > scipy")
    assert found["org.opencontainers.image.base.name"] == "debian:bookworm"
    assert found["org.opencontainers.image.base.digest"] == PIN
    assert found["io.stackbuild.base-key"] == ""


def test_an_image_on_another_names_its_key_and_not_the_digest_that_it_would_inherit() -> None:
    found = of_record("scipy", "base > scipy")
    assert found["io.stackbuild.base-key"] == records(graph("base > scipy"))["base"].key
    assert found["org.opencontainers.image.base.digest"] == ""


def test_what_is_not_known_is_said_to_be_empty_because_a_parent_may_have_said_otherwise() -> None:
    made = dict(labels.of_making(Origin(), Edited()))
    assert set(made.values()) == {""}
    assert "org.opencontainers.image.revision" in made


def test_an_overlay_reaches_what_it_edits_and_what_stands_on_that() -> None:
    of = graph("base > scipy, base > r, scipy > tensorflow")
    found = labels.reached(of, [("later", "tensorflow"), ("cuda", "scipy")])
    assert found == {"base": (), "r": (), "scipy": ("cuda",), "tensorflow": ("later", "cuda")}


def sight(variant: str, keys: dict[str, str], *edits: tuple[str, str]) -> Sight:
    return Sight(variant, graph("base > scipy"), edits, keys)


def test_an_image_that_no_overlay_reaches_belongs_to_no_variant() -> None:
    cpu = sight("cpu", {"base": "1", "scipy": "2"})
    gpu = sight("gpu", {"base": "1", "scipy": "3"}, ("cuda", "scipy"))
    found = labels.edited([cpu, gpu])
    assert found["1"] == found["2"] == Edited()
    assert found["3"] == Edited(("gpu",), ("cuda",))


def test_variants_whose_overlays_come_to_the_same_share_the_label() -> None:
    keys = {"base": "1", "scipy": "2"}
    found = labels.edited([sight("a", keys, ("x", "base")), sight("b", keys, ("y", "base"))])
    assert found["1"] == Edited(("a", "b"), ("x", "y"))


def test_an_edit_that_comes_to_nothing_makes_no_image_a_variants_own() -> None:
    keys = {"base": "1", "scipy": "2"}
    assert labels.edited([sight("a", keys), sight("b", keys, ("x", "base"))])["1"] == Edited()
