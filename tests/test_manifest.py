"""What images hold is read from what they print, and what changed is told once for all that it is in."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import manifest
from pipeline.manifest import Layer, Manifest, PackageChange
from pipeline.show.manifests import changes_json, changes_text, manifest_text
from pipeline.show.words import plain

GOLDEN = Path(__file__).parent / "golden"


def made(image: str, build: str, size: int = 1000, note: str = "", **packages: dict[str, str]) -> Manifest:
    return Manifest(image, f"key-{build}", f"sha256:{build}", size, (Layer("RUN x", size),), packages, note)


def of(*found: Manifest) -> dict[str, Manifest]:
    return {one.image: one for one in found}


def test_each_managers_packages_are_read_from_its_section() -> None:
    text = (
        "#stackbuild apt\ntini\t0.19\nca-certificates\t2023\n#stackbuild pip\nnumpy\t2.2.6\n#stackbuild end\n"
    )
    assert manifest.packages(text) == {
        "apt": {"ca-certificates": "2023", "tini": "0.19"},
        "pip": {"numpy": "2.2.6"},
    }


def test_a_list_that_breaks_off_is_none() -> None:
    with pytest.raises(ValueError, match="breaks off"):
        manifest.packages("#stackbuild apt\ntini\t0.19\n")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = manifest.packages(f"#stackbuild apt\n{text}")
    except ValueError:
        return
    assert all(name for versions in found.values() for name in versions)


def test_what_a_program_prints_before_its_section_is_no_package() -> None:
    assert manifest.packages("motd\t1\n#stackbuild pip\n#stackbuild end\n") == {"pip": {}}


def test_a_manifest_comes_back_from_json_and_from_pickle() -> None:
    one = made("scipy", "1", 5, pip={"numpy": "2"}, apt={"tini": "1"})
    assert Manifest.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert pickle.loads(pickle.dumps(one)) == one


def test_the_same_build_has_not_changed() -> None:
    one = of(made("base", "1"), made("scipy", "2"))
    assert manifest.changes(one, one) == ()


def test_packages_come_go_and_move() -> None:
    old = of(made("scipy", "1", 1000, pip={"numpy": "1", "gone": "1", "same": "1"}))
    new = of(made("scipy", "2", 1500, pip={"numpy": "2", "same": "1"}, r={"tibble": "3"}))
    (found,) = manifest.changes(old, new)
    assert found.growth == 500
    assert set(found.packages) == {
        PackageChange("pip", "numpy", "1", "2"),
        PackageChange("pip", "gone", "1", ""),
        PackageChange("r", "tibble", "", "3"),
    }


def test_an_image_that_came_or_went_is_told_without_its_packages() -> None:
    came, went = manifest.changes(of(made("old", "1", pip={"a": "1"})), of(made("new", "2", pip={"a": "1"})))
    assert (came.image, came.old, came.packages) == ("new", None, ())
    assert (went.image, went.new, went.packages) == ("old", None, ())
    assert went.growth == -1000


def test_packages_that_are_not_known_are_a_doubt_and_no_removal() -> None:
    old = of(made("base", "1", apt={"tini": "1"}))
    (found,) = manifest.changes(old, of(made("base", "2", note=manifest.MUTE)))
    assert found.packages == ()
    assert found.doubt == manifest.MUTE


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123")),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123")),
)
def test_changes_there_and_back_are_each_others_mirror(was: dict[str, str], now: dict[str, str]) -> None:
    old, new = of(made("x", "1", 3, pip=was)), of(made("x", "2", 4, pip=now))
    (there,), (back,) = manifest.changes(old, new), manifest.changes(new, old)
    assert there.growth == -back.growth
    assert {(c.name, c.old, c.new) for c in there.packages} == {(c.name, c.new, c.old) for c in back.packages}
    assert {**was, **{c.name: c.new for c in there.packages}} == {
        **now,
        **{c.name: "" for c in there.packages if not c.new},
    }


def example() -> tuple[manifest.ImageChange, ...]:
    def side(number: str, openssl: str, numpy: str, grown: int) -> dict[str, Manifest]:
        base = {"openssl": openssl, "tini": "0.19.0-1"}
        return of(
            *(
                made(name, f"{name}{number}", 400_000_000 + grown, apt=base)
                for name in ("base", "minimal", "r")
            ),
            made("scipy", f"scipy{number}", 900_000_000 + grown, apt=base, pip={"numpy": numpy}),
        )

    old, new = side("1", "3.0.15-1", "2.2.5", 0), side("2", "3.0.16-1", "2.2.6", 1_200_000)
    new["spark"] = made("spark", "1", 1_500_000_000)
    old["quiet"], new["quiet"] = made("quiet", "1", 5), made("quiet", "2", 4, manifest.MUTE)
    return manifest.changes(old, new)


def test_what_changed_last_night_reads_like_this() -> None:
    assert changes_text(example(), plain) + "\n" == (GOLDEN / "changes.txt").read_text()


def test_nothing_that_changed_is_said_to_be_nothing() -> None:
    assert changes_text((), plain) == "nothing changed"


def test_changes_for_machines_name_every_image_with_its_packages() -> None:
    found = changes_json(example())["images"]
    assert found["spark"]["change"] == "new"
    assert found["scipy"]["packages"] == [
        {"manager": "apt", "name": "openssl", "old": "3.0.15-1", "new": "3.0.16-1"},
        {"manager": "pip", "name": "numpy", "old": "2.2.5", "new": "2.2.6"},
    ]
    assert found["quiet"]["doubt"] == manifest.MUTE


def test_a_manifest_lists_sizes_and_packages() -> None:
    text = manifest_text(made("scipy", "1", 5_000_000, pip={"numpy": "2.2.6"}), plain)
    assert text.splitlines() == [
        "scipy  key-1  5.0 MB",
        "    5.0 MB  RUN x",
        "  pip: 1 package",
        "    numpy 2.2.6",
    ]


def test_sets_of_manifests_come_back_from_json() -> None:
    sets = {"cpu": of(made("base", "1", apt={"tini": "1"})), "gpu": {}}
    assert manifest.sets_from_json(json.loads(json.dumps(manifest.sets_to_json(sets)))) == sets


@pytest.mark.parametrize(
    "value", [None, [], {}, {"variants": []}, {"variants": {"cpu": {"images": {"a": {}}}}}]
)
def test_what_holds_no_manifests_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no manifests"):
        manifest.sets_from_json(value)
