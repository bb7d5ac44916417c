"""What an image is asked, what its answers mean, and when an image is too old."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import PLATFORM, after_building, graph, graph_of, records

from pipeline import freshness, plan
from pipeline.freshness import Asking, Finding, Held, Moved, Question
from pipeline.installs.commands import InstallCommand, find_commands
from pipeline.manifest import Manifest
from pipeline.plan import Action, Cause, Reason, Request
from pipeline.show.freshness import fresh_text
from pipeline.show.words import plain


def asking(run: str, files: dict[str, str] | None = None) -> Asking:
    of = graph_of({"one/Dockerfile": f"FROM debian:12\nRUN {run}\n"})
    return freshness.asking(of.nodes["one"], files or {}, PLATFORM)


def manifest(**packages: dict[str, str]) -> Manifest:
    return Manifest("one", "k", "sha256:1", 1, (), packages)


# reading install commands


def test_a_command_is_read_with_what_decides_its_versions() -> None:
    (found,) = find_commands(
        "RUN pip install --no-cache-dir --pre -c /opt/c.txt -i https://index.example/ 'numpy>=2' -r r.txt"
    )
    assert found == InstallCommand(
        "pip",
        ("numpy>=2",),
        ("r.txt",),
        (("-c", "/opt/c.txt"), ("-i", "https://index.example/"), ("--pre", "")),
    )


def test_words_that_only_the_shell_knows_are_named_and_not_asked() -> None:
    (found,) = find_commands('RUN pip install "tensorflow${POSTFIX}" keras')
    assert found.wanted == ("keras",)
    assert found.unread == ("tensorflow${POSTFIX}",)


def test_every_manager_of_an_instruction_is_read() -> None:
    found = find_commands(
        "RUN apt-get update && apt-get upgrade -y && apt-get install -y a b=1 && mamba install c"
    )
    assert [(one.manager, one.wanted, one.upgrades) for one in found] == [
        ("apt", (), True),
        ("apt", ("a", "b=1"), False),
        ("conda", ("c",), False),
    ]


# asking


def test_an_image_without_installs_is_asked_nothing() -> None:
    assert asking("true") == Asking()


def test_pip_is_asked_in_the_commands_own_words() -> None:
    (question,) = asking("pip install --no-compile --constraint /opt/c.txt 'numpy==2' pandas").questions
    assert question == Question("pip", ("--constraint", "/opt/c.txt", "--", "numpy==2", "pandas"))


def test_files_of_the_context_go_with_the_question() -> None:
    files = {"needs/requirements.txt": "numpy\n"}
    (question,) = asking("pip install -r /tmp/requirements.txt", files).questions
    assert question.words == ("--requirement", "/tmp/stackbuild-0-requirements.txt", "--")
    assert question.files == (("/tmp/stackbuild-0-requirements.txt", "numpy\n"),)


def test_a_file_that_the_context_has_twice_is_looked_for_in_the_image() -> None:
    (question,) = asking("pip install -r r.txt", {"a/r.txt": "", "b/r.txt": ""}).questions
    assert question.words == ("--requirement", "r.txt", "--")


def test_a_conda_channel_is_no_file_of_the_context() -> None:
    (question,) = asking("conda install -c forge numpy", {"forge": ""}).questions
    assert question == Question("conda", ("-c", "forge", "--", "numpy"))


def test_what_only_a_helper_stage_gets_from_apt_is_not_asked_about() -> None:
    helper = "FROM debian:12 AS helper\nRUN apt-get install -y gcc && pip install wheel\n"
    of = graph_of({"one/Dockerfile": f"{helper}FROM debian:12\nCOPY --from=helper /venv /venv\n"})
    found = freshness.asking(of.nodes["one"], {}, PLATFORM)
    assert [question.manager for question in found.questions] == ["pip"]


def test_a_stage_that_is_not_built_is_not_asked_about() -> None:
    of = graph_of({"one/Dockerfile": "FROM debian:12 AS unused\nRUN pip install x\nFROM debian:12\n"})
    assert freshness.asking(of.nodes["one"], {}, PLATFORM) == Asking()


# answers


POLICY = """\
tini:
  Installed: 0.19
  Candidate: 0.20
  Version table:
     0.20 500
libc6:amd64:
  Installed: 2.36
  Candidate: 2.37
gone:
  Installed: 1
  Candidate: (none)
"""


def test_what_apt_would_take_of_what_the_image_itself_has_brought_has_moved() -> None:
    own = manifest(apt={"tini": "0.19", "libc6:amd64": "2.36", "gone": "1"})
    held = Held(own, manifest(apt={"libc6:amd64": "2.36"}))
    found = freshness.moved(Question("apt"), POLICY, held, Asking())
    assert found == (Moved("apt", "tini", "0.19", "0.20"),)


def test_a_build_that_upgrades_everything_is_asked_about_everything() -> None:
    own = manifest(apt={"tini": "0.19", "libc6:amd64": "2.36"})
    found = freshness.moved(Question("apt"), POLICY, Held(own, own), Asking(upgrades=True))
    assert {one.name for one in found} == {"tini", "libc6"}


def test_a_package_at_a_version_of_its_own_has_not_moved() -> None:
    asked = asking("apt-get install -y tini=0.19")
    held = Held(manifest(apt={"tini": "0.19"}), None)
    assert freshness.moved(Question("apt"), POLICY, held, asked) == ()


def report(**versions: str) -> str:
    return json.dumps({"install": [{"metadata": {"name": n, "version": v}} for n, v in versions.items()]})


def test_what_pip_would_install_in_another_version_has_moved_under_any_spelling() -> None:
    held = Held(manifest(pip={"jupyter-server": "2.0", "numpy": "1"}), manifest(pip={"numpy": "1"}))
    found = freshness.moved(Question("pip"), report(Jupyter_Server="2.1", numpy="2", new="1"), held, Asking())
    assert found == (Moved("pip", "jupyter-server", "2.0", "2.1"),)


def test_what_conda_would_link_in_another_version_has_moved() -> None:
    said = json.dumps(
        {"actions": {"LINK": [{"name": "numpy", "version": "2"}, {"name": "x", "version": "1"}]}}
    )
    held = Held(manifest(conda={"numpy": "1", "x": "1"}), None)
    assert freshness.moved(Question("conda"), said, held, Asking()) == (Moved("conda", "numpy", "1", "2"),)


def test_conda_that_has_nothing_to_do_has_moved_nothing() -> None:
    said = json.dumps({"message": "All requested packages already installed.", "success": True})
    assert freshness.moved(Question("conda"), said, Held(manifest(conda={"x": "1"}), None), Asking()) == ()


NO_ANSWERS = [
    ("apt", ""),
    ("apt", "nonsense"),
    ("pip", ""),
    ("pip", "[]"),
    ("pip", '{"install": [1]}'),
    ("conda", "x"),
    ("conda", "[]"),
]


@pytest.mark.parametrize(("manager", "said"), NO_ANSWERS)
def test_an_answer_that_is_none_is_never_taken_for_a_no(manager: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"apt|pip|conda"):
        freshness.moved(Question(manager), said, Held(manifest(), None), Asking())


@given(
    st.sampled_from(["apt", "pip", "conda"]),
    st.text() | st.dictionaries(st.text(), st.integers()).map(json.dumps),
)
def test_any_answer_is_read_or_refused(manager: str, said: str) -> None:
    try:
        found = freshness.moved(Question(manager), said, Held(manifest(apt={"a": "1"}), None), Asking())
    except ValueError:
        return
    assert all(one.old != one.new for one in found)


# ages and plans


def test_an_image_is_too_old_once_it_is_older_than_it_may_be() -> None:
    day = freshness.DAY
    assert freshness.aged(1000.0, 1000.0 + 7 * day, 7 * day) is None
    found = freshness.aged(1000.0, 1000.0 + 9 * day, 7 * day)
    assert str(found) == "9 days old, and may be 7 days"


def test_an_image_of_unknown_age_or_without_a_greatest_one_is_not_too_old() -> None:
    assert freshness.aged(0.0, 10.0**9, 1.0) is None
    assert freshness.aged(1.0, 10.0**9, 0.0) is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(5, "5 seconds"), (119, "119 seconds"), (3600, "60 minutes"), (86400, "24 hours")]
)
def test_ages_are_said_in_the_largest_unit_that_fits_twice(seconds: float, said: str) -> None:
    assert freshness.age(seconds) == said


def test_many_packages_that_moved_are_cut_short() -> None:
    reason = freshness.drifted([Moved("pip", name, "1", "2") for name in "abcde"])
    assert str(reason) == ("would install something else now: pip a 1 → 2, pip b 1 → 2, pip c 1 → 2, 2 more")


def test_a_stale_image_says_why_and_what_stands_on_it_names_it() -> None:
    of = graph("base > scipy, base > r, scipy > tensorflow")
    stale = {"scipy": Reason(Cause.AGED, ("9 days", "7 days"))}
    before, after = records(of), records(of, refreshed={"scipy": "2026-11-25T00:00:00Z"})
    steps = {step.image: step for step in plan.make(of, after, after_building(before), Request(stale=stale))}
    assert {name for name, step in steps.items() if step.action is Action.BUILD} == {"scipy", "tensorflow"}
    assert [str(reason) for reason in steps["scipy"].reasons] == ["9 days old, and may be 7 days"]
    assert [str(reason) for reason in steps["tensorflow"].reasons] == ["stands on scipy, which is rebuilt"]
    assert steps["scipy"].afresh
    assert not steps["tensorflow"].afresh


def test_what_is_fresh_reads_like_this() -> None:
    moved = (Moved("pip", "numpy", "1", "2"),)
    found = [
        Finding("base"),
        Finding("scipy", freshness.drifted(moved), moved),
        Finding("r", unasked=("x${Y}",), doubt="apt does not say: no route"),
    ]
    assert fresh_text(found, plain).splitlines() == [
        "base   fresh",
        "scipy  stale  would install something else now: pip numpy 1 → 2",
        "              pip numpy 1 → 2",
        "r      doubt  apt does not say: no route",
        "              not asked: x${Y}",
    ]
