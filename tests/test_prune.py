"""What may be removed: never what is needed, the oldest first, and what that frees."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pipeline import prune, show
from pipeline.cli import cli
from pipeline.cli.pruning import read_age, read_size
from pipeline.errors import InputError
from pipeline.prune import Policy, Stored, Weights, Why

NOW = 1_000_000.0
ALL = Policy(NOW)


def build(name: str, layers: str, size: int, *, made: float = 0.0, others: tuple[str, ...] = ()) -> Stored:
    """A build called and keyed by its name; a letter is a layer."""
    return Stored(
        f"id-{name}", name, name, (f"stackbuild.local/{name}:k",), others, size, made, tuple(layers)
    )


def foreign(name: str, layers: str, size: int) -> Stored:
    return Stored(f"id-{name}", "", "", (), (f"{name}:1",), size, 0.0, tuple(layers))


ROOT = foreign("debian", "a", 100)
BASE = build("base", "ab", 110, made=1)
APP = build("app", "abc", 130, made=2)
OLD = build("old", "abd", 150, made=3)
EVERYTHING = (ROOT, BASE, APP, OLD)


def test_what_a_variant_or_a_running_build_needs_stays() -> None:
    choice = prune.choose(EVERYTHING, frozenset({"base", "app"}), frozenset(), ALL)
    assert choice.gone == (OLD,)
    assert {one.key: why for one, why in choice.kept} == {"base": Why.NEEDED, "app": Why.NEEDED}
    choice = prune.choose(EVERYTHING, frozenset({"base"}), frozenset({"old"}), ALL)
    assert choice.gone == (APP,)
    assert (OLD, Why.RUNNING) in choice.kept


def test_what_is_no_build_of_the_project_is_not_even_mentioned() -> None:
    choice = prune.choose(EVERYTHING, frozenset(), frozenset(), ALL)
    assert ROOT not in choice.gone
    assert not choice.kept


def test_what_has_another_name_belongs_to_who_gave_it() -> None:
    named = build("mine", "abe", 120, others=("lab/mine:1",))
    choice = prune.choose((*EVERYTHING, named), frozenset(), frozenset(), ALL)
    assert (named, Why.NAMED) in choice.kept


def test_what_is_too_young_stays() -> None:
    choice = prune.choose(EVERYTHING, frozenset(), frozenset(), Policy(2.0))
    assert choice.gone == (BASE, APP)
    assert choice.kept == ((OLD, Why.YOUNG),)


def test_the_oldest_go_first_until_the_rest_fits() -> None:
    # 10 of base, 20 of app, 40 of old
    assert prune.choose(EVERYTHING, frozenset(), frozenset(), Policy(NOW, 70)).gone == ()
    assert prune.choose(EVERYTHING, frozenset(), frozenset(), Policy(NOW, 69)).gone == (BASE, APP)
    assert prune.choose(EVERYTHING, frozenset(), frozenset(), Policy(NOW, 0)).gone == (BASE, APP, OLD)
    needed = prune.choose(EVERYTHING, frozenset({"app"}), frozenset(), Policy(NOW, 0))
    assert needed.gone == (BASE, OLD)
    assert needed.left == 30


def test_layers_that_something_else_stands_on_are_not_freed() -> None:
    weights = Weights(EVERYTHING)
    assert weights.freed([BASE]) == 0
    assert weights.freed([OLD]) == 40
    assert weights.freed([BASE, APP, OLD]) == 70
    twin = build("twin", "abd", 150)
    assert Weights((*EVERYTHING, twin)).freed([OLD]) == 0
    assert Weights((*EVERYTHING, twin)).freed([OLD, twin]) == 40
    assert Weights([build("bare", "", 7)]).freed([build("bare", "", 7)]) == 7


@st.composite
def engines(draw: st.DrawFn) -> tuple[Stored, ...]:
    """Images on each other's layers, each layer a byte."""
    found = [foreign("root", "r", 1)]
    for number in range(draw(st.integers(0, 7))):
        below = draw(st.sampled_from(found))
        layers = "".join(below.layers) + draw(st.sampled_from(["", "x", "yz"]))
        made, others = draw(st.integers(0, 9)), draw(st.sampled_from([(), ("lab/a:1",)]))
        found.append(build(f"i{number}", layers, len(layers), made=made, others=others))
    return tuple(found)


@given(
    engines(),
    st.frozensets(st.sampled_from([f"i{n}" for n in range(7)])),
    st.integers(0, 9),
    st.integers(0, 20),
)
def test_whatever_there_is_nothing_needed_goes_and_everything_is_accounted_for(
    there: tuple[Stored, ...], needed: frozenset[str], before: int, most: int
) -> None:
    choice = prune.choose(there, needed, frozenset(), Policy(before, most))
    builds = {one.key for one in there if one.key}
    assert {one.key for one in choice.gone} | {one.key for one, _ in choice.kept} == builds
    assert not {one.key for one in choice.gone} & needed
    assert not any(one.others or one.made > before for one in choice.gone)
    assert [one.made for one in choice.gone] == sorted(one.made for one in choice.gone)

    # a layer is a byte here, and its chain of letters what it is
    def chains(images: list[Stored]) -> set[tuple[str, ...]]:
        return {one.layers[:n] for one in images for n in range(1, len(one.layers) + 1)}

    staying = [one for one in there if one not in choice.gone]
    assert choice.freed <= len(chains(list(there)) - chains(staying))
    assert choice.left <= most or all(why is not Why.ROOM for _, why in choice.kept)


def test_what_goes_and_stays_is_listed_with_reasons() -> None:
    choice = prune.choose(
        (*EVERYTHING, build("mine", "abe", 120, others=("lab/mine:1",))),
        frozenset({"base"}),
        frozenset(),
        ALL,
    )
    assert show.prune_text(choice, 200_000.0, show.plain).split("\n") == [
        "remove  app   app   130 B  2 days old",
        "remove  old   old   150 B  2 days old",
        "keep    mine  mine  120 B  2 days old  it has another name, too",
    ]
    assert show.prune_summary(choice, (0, 0, 0), done=False) == "2 images (60 B) could go: --yes removes them"
    assert show.prune_summary(choice, (2, 1500, 1), done=True) == (
        "removed 2 images (60 B), the logs of 2 runs (2 kB) and 1 unreadable state; 20 B are kept"
    )
    nothing = prune.choose((), frozenset(), frozenset(), ALL)
    assert show.prune_text(nothing, 0.0, show.plain) == ""
    assert show.prune_summary(nothing, (0, 0, 0), done=True) == "nothing to remove; 0 B are kept"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 seconds"), (1, "1 second"), (3599, "59 minutes"), (7200, "2 hours"), (2e5, "2 days")],
)
def test_ages_are_said_in_the_largest_unit(seconds: float, text: str) -> None:
    assert show.age(seconds) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("20GB", 20_000_000_000),
        ("500MB", 500_000_000),
        ("1.5 GiB", 3 << 29),
        ("10k", 10_000),
        ("7", 7),
        ("7B", 7),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, count: int) -> None:

    assert read_size(text) == count


@pytest.mark.parametrize("text", ["", "GB", "20 XB", "-1GB", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:

    with pytest.raises(InputError, match="is no size"):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("12h", 43_200), ("14d", 1_209_600), ("1.5w", 907_200)]
)
def test_ages_are_read_as_people_write_them(text: str, seconds: float) -> None:

    assert read_age(text) == seconds


@pytest.mark.parametrize("text", ["", "14", "d", "-1d", "14 fortnights"])
def test_what_is_no_age_is_refused(text: str) -> None:

    with pytest.raises(InputError, match="is no age"):
        read_age(text)


@pytest.mark.parametrize("option", ["--older-than", "--keep-size"])
def test_an_empty_limit_is_refused_and_does_not_mean_everything(option: str) -> None:
    ran = CliRunner().invoke(cli, ["prune", option, "", "--yes"])
    assert isinstance(ran.exception, InputError)
    assert option in str(ran.exception)
