"""The images a Dockerfile uses and the files it reads are those that BuildKit resolves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.dockerfile import Dockerfile, Facts, Read, facts, parse

FOLDER = Path(__file__).parent / "dockerfiles"


def corpus(name: str) -> Dockerfile:
    path = FOLDER / f"{name}.Dockerfile"
    return parse(path.read_bytes(), path.name)


def found(
    text: str, args: Mapping[str, str] | None = None, *, target: str = "", platform: str = "linux/amd64"
) -> Facts:
    return facts(parse(text.encode(), "Dockerfile"), args or {}, target=target, platform=platform)


def used(found: Facts) -> list[str]:
    """Kind and reference of every image used; the base is marked with a star."""
    return [f"{use.kind} {use.reference}{'*' * use.base}" for use in found.uses]


def read(found: Facts | tuple[Read, ...]) -> list[str]:
    """Kind and pattern of everything read; ? is a source that is not resolved."""
    reads = found.reads if isinstance(found, Facts) else found
    return [f"{one.kind} {'?' if one.whole else one.pattern or '.'}" for one in reads]


# What BuildKit itself resolved (its frontend of 2026, all images with an empty environment).
RESOLVED: dict[str, tuple[list[str], list[str]]] = {
    "arg_forms": (
        [
            "from ubuntu",
            "from debian:12",
            "from is-ubuntu",
            "from xuntu:empty",
            "from ubun/obuntu:obonto*",
        ],
        [],
    ),
    "arg_names_stage": (["from ubuntu:24.04*"], ["copy run-hooks.sh", "copy start.sh"]),
    "arg_of_arg": (["from quay.example/lab/scipy-notebook*"], []),
    "arg_scopes": (
        ["from base:1"],
        ["copy first-1", "copy second-2", "copy third-3", "copy unset", "copy g", "copy bin-amd64"],
    ),
    "bom": (["from debian:12*"], []),
    "check_before_escape": (["from debian:12*"], ["copy ab", "copy c"]),
    "copy_forms": (
        ["from debian:12*"],
        [
            *("copy with space", "copy b*", "copy .", "copy y", "copy z", "copy data/in", "copy quoted-$DIR"),
            *("copy dol$lar", "copy [[]x]", "copy data/in/*.csv", "add local.tgz", "copy docs"),
            "copy src/lib/**/*.py",
        ],
    ),
    "crlf": (["from debian:12*"], []),
    "cross_platform": (["from golang:1", "from debian:12-slim*"], []),
    "env_forms": ([], ["copy 1", "copy form with   spaces", "copy 1two words", "copy unset"]),
    "flags": (
        ["from debian:12*", "mount seed:1"],
        ["mount a", "mount quoted dir", "copy a", "mount ."],
    ),
    "heredocs": (["from python:3.12*"], ["copy real.txt"]),
    "hostile": (
        [f"from reg.example/root:1@sha256:{'0' * 64}*"],
        ["copy x", "copy [no,", "copy json]", "mount ."],
    ),
    "names_and_numbers": (
        ["from debian:12", "from alpine*", "copy alpine:3", "mount busybox"],
        [],
    ),
    "onbuild": (["from node:20*"], []),
    "onbuild_child": (["from node-onbuild:1*"], []),
    "onbuild_in_one_file": (
        ["from debian:12*", "onbuild licences:2"],
        ["onbuild etc/app.conf", "copy rest"],
    ),
    "scratch": ([], ["copy rootfs"]),
    "stage_hides_image": (["from debian:12", "from ubuntu*"], []),
    "tabs_and_case": (["from debian:12*"], ["copy a"]),
    "unused_stages": (["from debian:12", "from debian:12*"], ["copy tools"]),
    "utf8": (["from debian:12*"], ["copy größe.txt"]),
    "windows": (["from mcr.example/windows/nanoserver:ltsc2022*"], [r"copy dir\file.txt"]),
}


@pytest.mark.parametrize("name", RESOLVED)
def test_the_corpus_comes_out_as_buildkit_resolves_it(name: str) -> None:
    dockerfile = corpus(name)
    # BuildKit knew the environment of every image; here it is known of the target's alone.
    got = facts(dockerfile, {}, inherited={})
    uses, reads = RESOLVED[name]
    assert used(got) == uses
    resolved = [
        one if not one.endswith("?") else wanted for one, wanted in zip(read(got), reads, strict=True)
    ]
    assert resolved == reads


class TestArgs:
    def test_build_args_win_over_defaults_and_only_where_declared(self) -> None:
        text = "ARG BASE=a\nFROM $BASE\nARG DIR=x\nCOPY $DIR/$BASE y\n"
        assert used(found(text, {"BASE": "b", "DIR": "z"})) == ["from b*"]
        assert read(facts(parse(text.encode(), "D"), {"DIR": "z", "BASE": "b"}, inherited={})) == ["copy z"]

    def test_the_global_value_reaches_a_stage_only_by_declaring_it_again(self) -> None:
        assert read(found("ARG A=x\nFROM scratch\nCOPY a$A b\n")) == ["copy a"]
        assert read(found("ARG A=x\nFROM scratch\nARG A\nCOPY a$A b\n")) == ["copy ax"]

    def test_a_stage_default_wins_over_the_global_one(self) -> None:
        assert read(found("ARG A=x\nFROM scratch\nARG A=y\nCOPY a$A b\n")) == ["copy ay"]

    def test_a_later_arg_without_a_default_takes_nothing_away(self) -> None:
        assert used(found("ARG A=x\nARG A\nFROM $A\n")) == ["from x*"]

    def test_the_predefined_platform_args_are_there_and_can_be_overridden(self) -> None:
        text = "FROM a:$TARGETOS-$TARGETARCH$TARGETVARIANT-$BUILDPLATFORM\n"
        assert used(found(text.replace("/", "-"), {"BUILDPLATFORM": "x"}, platform="linux/arm/v7")) == [
            "from a:linux-armv7-x*"
        ]

    @pytest.mark.parametrize(
        ("platform", "whole"),
        [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
        ],
    )
    def test_platforms_are_normalised(self, platform: str, whole: str) -> None:
        got = found("FROM --platform=$TARGETPLATFORM a\n", platform=platform)
        assert got.uses[0].platform == whole

    def test_declared_are_the_names_of_the_preamble_and_of_the_stages_reached(self) -> None:
        text = "ARG A\nFROM x AS one\nARG B\nFROM y AS two\nARG C D=1\nFROM two\nARG A\n"
        assert found(text).declared == ("A", "C", "D")
        assert found(text, target="one").declared == ("A", "B")

    def test_an_arg_after_an_env_counts_until_the_next_stage_where_the_image_wins(self) -> None:
        text = "FROM scratch AS one\nENV A=env\nARG A=arg\nCOPY $A x\nFROM one\nCOPY $A x\n"
        assert read(found(text)) == ["copy arg", "copy env"]

    def test_values_of_one_env_do_not_see_each_other_and_those_of_one_arg_do(self) -> None:
        assert read(found("FROM scratch\nENV A=1 B=x$A\nCOPY $B y\n")) == ["copy x"]
        assert read(found("FROM scratch\nARG A=1 B=x$A\nCOPY $B y\n")) == ["copy x1"]


class TestWhatIsNotKnown:
    def test_a_variable_that_may_come_from_the_parents_environment_reads_everything(self) -> None:
        text = "FROM parent\nCOPY $DIR/x y\nCOPY fixed y\n"
        assert read(found(text)) == ["copy ?", "copy fixed"]

    def test_a_default_in_the_substitution_does_not_help(self) -> None:
        assert read(found("FROM parent\nCOPY ${DIR:-x} y\n")) == ["copy ?"]

    def test_the_parents_environment_resolves_it(self) -> None:
        dockerfile = parse(b"FROM parent\nCOPY $DIR/x y\n", "D")
        assert read(facts(dockerfile, {}, inherited={"DIR": "in"})) == ["copy in/x"]

    def test_what_the_file_sets_is_known_and_what_it_makes_of_the_unknown_is_not(self) -> None:
        text = "FROM parent\nENV A=x B=$UP/y\nARG C=$A\nCOPY $A y\nCOPY $B y\nCOPY $C y\n"
        assert read(found(text)) == ["copy x", "copy ?", "copy x"]

    def test_the_parents_environment_is_that_of_the_target_alone(self) -> None:
        text = "FROM other AS one\nCOPY $DIR y\nFROM parent\nCOPY --from=one x y\nCOPY $DIR y\n"
        got = facts(parse(text.encode(), "D"), {}, inherited={"DIR": "in"})
        assert read(got) == ["copy ?", "copy in"]

    def test_remote_sources_are_remote_whatever_is_not_known_in_them(self) -> None:
        assert read(found("FROM parent\nADD https://x/$V.tgz git@x:$V/y.git z\n")) == []
        assert read(found("FROM parent\nADD $URL/x z\n")) == ["add ?"]

    def test_a_mount_of_an_unknown_type_or_source_may_read_everything(self) -> None:
        assert read(found("FROM parent\nRUN --mount=type=$T,source=a,target=/x y\n")) == ["mount ?"]
        assert read(found("FROM parent\nRUN --mount=source=$S,target=/x y\n")) == ["mount ?"]


class TestStages:
    def test_only_what_the_target_reaches_counts(self) -> None:
        dockerfile = corpus("unused_stages")
        assert facts(dockerfile, {}).stages == (1, 3)
        assert facts(dockerfile, {}, target="test").stages == (1, 2)
        assert used(facts(dockerfile, {}, target="unused")) == ["from nobody/uses:this*"]

    def test_the_target_is_named_in_any_case_or_by_number(self) -> None:
        dockerfile = corpus("names_and_numbers")
        assert facts(dockerfile, {}, target="TEST").stages == (0, 1)
        assert facts(dockerfile, {}, target="0").stages == (0,)

    def test_from_sees_only_earlier_stages_and_then_the_last_of_a_name(self) -> None:
        text = "FROM a AS x\nFROM x AS x\nFROM x\nFROM y AS z\nFROM y\n"
        assert used(found(text)) == ["from y*"]
        assert used(found(text, target="x")) == ["from a*"]

    def test_a_mount_takes_no_numbers(self) -> None:
        assert used(found("FROM a AS x\nFROM b\nRUN --mount=from=0,target=/x y\n")) == ["from b*", "mount 0"]

    def test_a_number_that_go_cannot_hold_is_a_name(self) -> None:
        number = "1" * 5000
        assert used(found(f"FROM a\nCOPY --from={number} x y\n")) == ["from a*", f"copy {number}"]

    def test_every_kind_of_mount_may_name_an_image(self) -> None:
        text = "FROM a\nRUN --mount=type=cache,from=b,target=/x --mount=type=tmpfs,from=c,target=/y z\n"
        assert used(found(text)) == ["from a*", "mount b", "mount c"]
        assert read(found(text)) == []

    def test_where_an_image_is_used_is_said(self) -> None:
        use = facts(corpus("names_and_numbers"), {}).uses[2]
        assert (use.reference, use.line, use.stage) == ("alpine:3", 7, 2)

    def test_an_arg_left_alone_leads_to_a_stage_and_a_value_leads_away_from_it(self) -> None:
        dockerfile = corpus("arg_names_stage")
        assert facts(dockerfile, {}).stages == (0, 1)
        assert used(facts(dockerfile, {"ROOT_IMAGE": "nvidia/cuda:12"})) == ["from nvidia/cuda:12*"]
        assert facts(dockerfile, {"ROOT_IMAGE": "nvidia/cuda:12"}).stages == (1,)


class TestReads:
    def test_excluded_patterns_come_along(self) -> None:
        assert facts(corpus("copy_forms"), {}).reads[-2].exclude == ("*.md", "tmp")

    def test_with_parents_excluded_patterns_are_relative_to_something_else_and_do_not_count(self) -> None:
        assert found("FROM a\nCOPY --parents --exclude=x b /c\n").reads[0].exclude == ()

    @pytest.mark.parametrize("source", [".", "./", "/", "..", "a/..", "../../"])
    def test_the_whole_context_has_many_names(self, source: str) -> None:
        assert read(found(f"FROM a\nCOPY {source} /x\n")) == ["copy ."]

    def test_the_line_is_where_the_instruction_begins(self) -> None:
        assert found("FROM a\n\nCOPY \\\n  b c\n").reads[0].line == 3

    def test_secrets_caches_and_ssh_read_nothing(self) -> None:
        text = (
            "FROM a\nRUN --mount=type=secret,id=s,target=/s --mount=type=ssh --mount=type=cache,target=/c x\n"
        )
        assert read(found(text)) == []


class TestOnbuild:
    def test_its_reads_are_of_the_childs_context(self) -> None:
        got = facts(corpus("onbuild"), {})
        assert read(got) == []
        assert read(got.onbuild_reads) == [
            "onbuild package.json",
            "onbuild data/*.json",
            "onbuild ?",
            "onbuild .",
            "onbuild tools",
        ]

    def test_its_images_are_used_in_the_childs_build(self) -> None:
        got = facts(corpus("onbuild"), {})
        assert [use.reference for use in got.onbuild_uses] == ["builder", "assets:1"]
        assert {use.kind for use in got.onbuild_uses} == {"onbuild"}

    def test_a_stage_on_a_stage_runs_its_triggers(self) -> None:
        got = facts(corpus("onbuild_in_one_file"), {})
        assert read(got) == ["onbuild etc/app.conf", "copy rest"]
        assert got.onbuild_reads == ()

    def test_only_the_targets_own_triggers_are_kept_for_children(self) -> None:
        got = facts(corpus("onbuild_in_one_file"), {}, target="base")
        assert read(got.onbuild_reads) == ["onbuild etc/app.conf"]
        assert [use.reference for use in got.onbuild_uses] == ["licences:2"]

    def test_a_trigger_may_take_from_the_stage_that_it_runs_in(self) -> None:
        text = "FROM a AS one\nONBUILD COPY --from=two x y\nFROM one AS two\n"
        assert used(found(text)) == ["from a*"]

    def test_args_of_this_build_are_not_there_in_the_childs(self) -> None:
        text = "FROM scratch\nARG A=x\nENV B=y\nONBUILD COPY a$A b$B /z\n"
        assert read(found(text).onbuild_reads) == ["onbuild a", "onbuild by"]

    def test_a_trigger_that_no_child_can_run_reads_nothing(self) -> None:
        assert read(found("FROM a\nONBUILD COPY x\nONBUILD NONSENSE\nONBUILD ADD y z\n").onbuild_reads) == [
            "onbuild y"
        ]
