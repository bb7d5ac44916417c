"""The command line without an engine: what it explains, what it shows, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
from command import TOML, Project

from pipeline.adapters.history import History
from pipeline.adapters.state import State
from pipeline.cli import cli, looking, main

SOURCE = Path(__file__).parent.parent
ENGINE_NEEDED = [("build",), ("plan",), ("lock",), ("--changed", "base"), ("--dry-run",)]
NO_ENGINE_NEEDED = [("graph",), ("render", "child"), ("diff",), ("graph", "--format", "json")]


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_an_example_and_explains_its_options(name: str, project: Project) -> None:
    text = project.run(name, "--help").out
    assert f"\n  stackbuild{'' if name == 'build' else f' {name}'}" in text
    options = [one for one in cli.commands[name].params if isinstance(one, click.Option)]
    assert all(option.help for option in options)


def test_the_help_names_every_command_and_the_exit_codes(project: Project) -> None:
    text = project.run("--help").out
    assert all(f"\n  {name}" in text for name in cli.commands)
    assert "Exit codes: 0 done, 1 " in text
    assert project.run("--version").out.startswith("stackbuild, version ")


@pytest.mark.parametrize("command", ENGINE_NEEDED, ids=" ".join)
def test_without_an_engine_it_says_so_and_where_it_looked(command: tuple[str, ...], project: Project) -> None:
    said = project.run(*command, code=3)
    (error,) = said.errors
    assert f"no docker engine answers at unix://{project.root}/nowhere.sock" in error
    assert "no such file or directory" in error
    assert "  hint: start it, or say where it is with DOCKER_HOST" in said.err
    assert said.out == ""


@pytest.mark.parametrize("command", NO_ENGINE_NEEDED, ids=" ".join)
def test_looking_at_a_tree_needs_no_engine(command: tuple[str, ...], project: Project) -> None:
    assert project.run(*command).err.count("error") == 0


def test_doctor_says_what_is_missing_and_how_to_get_it(project: Project) -> None:
    said = project.run("doctor", code=3)
    assert "missing  engine: no docker engine answers" in said.out
    assert "hint: start Docker, or set DOCKER_HOST" in said.out
    findings = json.loads(project.run("doctor", "--format", "json", code=3).out)["findings"]
    assert {finding["part"] for finding in findings} >= {"python", "buildx", "engine", "disk"}


def test_a_broken_configuration_of_dockers_is_told_with_its_place(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(project.root / "docker"))
    assert "docker's configuration" not in project.run("doctor", code=3).out
    for text, why in (("{", "is no valid JSON: "), ("[]", "is no JSON object")):
        project.write("docker/config.json", text)
        said = project.run("doctor", code=3)
        assert f"docker's configuration {project.root}/docker/config.json {why}" in said.out
    monkeypatch.setenv("DOCKER_CONFIG", str(project.root / "docker/config.json"))
    assert "config.json cannot be read: not a directory" in project.run("doctor", code=3).out


def test_data_goes_to_standard_output_and_talk_does_not(project: Project) -> None:
    project.image("tests/left-out", "FROM base\n")
    said = project.run("graph")
    assert said.out == "debian:bookworm\n└─ base\n   └─ child\n"
    assert said.err == "left out: images/tests/left-out/Dockerfile\n"
    assert project.run("graph", "--leaves").out == "child\n"
    assert project.run("render", "child").out == "FROM jupyter/base\nCOPY setup /\n"


def test_a_rendered_dockerfile_is_the_file_byte_for_byte(project: Project) -> None:
    content = b'FROM debian:bookworm\r\nLABEL a="\xff\xfe" \\\r\n  b=\xc3\xbc\r\n# no end'
    (project.root / "images/base/Dockerfile").write_bytes(content)
    line = [sys.executable, "-m", "pipeline", "render", "base"]
    ran = subprocess.run(
        line, capture_output=True, check=True, env={"PYTHONPATH": str(SOURCE), "LC_ALL": "C"}
    )
    assert ran.stdout == content


WRONG = [
    (("plan", "--changed", "bsae"), "no image 'bsae' in the tree", "did you mean 'base'?"),
    (("--changed", "bsae"), "no image 'bsae' in the tree", "did you mean 'base'?"),
    (("plan", "nonsense"), "no image 'nonsense' in the tree", "there are: base, child"),
    (("render", "bsae"), "no image 'bsae' in the tree", "did you mean 'base'?"),
    (("histroy",), "no command and no image 'histroy'", "did you mean 'history'?"),
    (("biuld", "base"), "no command and no image 'biuld'", "did you mean 'build'?"),
    (("help",), "no command and no image 'help'", "`stackbuild --help` lists the commands"),
    (("render",), "which image?", "one of base, child"),
    (("diff", "bsae"), "no image 'bsae' in the tree", "did you mean 'base'?"),
    (("graph", "--descendants", "bsae"), "no image 'bsae' in the tree", "did you mean 'base'?"),
    (("graph", "--ancestors", "bsae"), "no image 'bsae' in the tree", "did you mean 'base'?"),
    (("plan", "--variant", "gpu"), "no variant 'gpu' in stacks.toml", "there are: default"),
    (
        ("plan", "--overlay", "cuda"),
        "overlays/cuda.toml does not exist",
        "write overlays/cuda.toml",
    ),
    (("plan", "--overlay", "./images"), "overlay './images': images is a folder, not a file", ""),
    (("plan", "-f", "nowhere.toml"), "no file 'nowhere.toml'", "-f takes the path of a stacks.toml"),
    (("plan", "--tree", "nowhere"), "the tree 'nowhere' does not exist", "give its folder"),
    (("plan", "--tree", "stacks.toml"), "the tree 'stacks.toml' is not a folder", "give its folder"),
    (("plan", "--tree", "images", "-f", "stacks.toml"), "--tree and -f exclude each other", ""),
    (("--publish",), "--publish needs a registry", "use --registry"),
    (
        ("plan", "--registry", "https://host/x"),
        "registry 'https://host/x'",
        "write it like registry.example/team",
    ),
    (("plan", "--registry", "host/UPPER"), "registry 'host/UPPER' must be lower case", ""),
]


@pytest.mark.parametrize(("command", "message", "hint"), WRONG, ids=[" ".join(one[0]) for one in WRONG])
def test_what_is_asked_wrongly_is_said_before_any_engine_is_asked(
    command: tuple[str, ...], message: str, hint: str, project: Project
) -> None:
    said = project.run(*command, code=2)
    (error,) = said.errors
    assert message in error
    assert "engine" not in error
    if hint:
        assert f"  hint: {hint}" in said.err or hint in said.err.partition("  hint: ")[2]
    assert said.out == ""


@pytest.mark.parametrize("folder", ["c++", "a b", "a..x", "b\u00fccher"])
def test_an_image_that_no_engine_takes_by_its_folders_name_is_said_before_any_is_asked(
    folder: str, project: Project
) -> None:
    (project.root / "images" / folder).mkdir()
    (project.root / "images" / folder / "Dockerfile").write_text("FROM debian:bookworm\n")
    for command in ("plan", "build"):
        said = project.run(command, code=2)
        assert said.errors == [f"error: images/{folder}/Dockerfile: no image can be called '{folder}'"]
        assert f"images.NAME] with dockerfile = '{folder}/Dockerfile'" in said.err
    project.run("graph")


def test_wrong_options_are_usage_errors(project: Project) -> None:
    for command in (("--nonsense",), ("--jobs", "0"), ("--gpu", "maybe"), ("plan", "--format", "xml")):
        said = project.run(*command, code=2)
        assert "Error: " in said.err
        assert said.out == ""


def test_without_a_stacks_toml_it_says_what_to_do(project: Project) -> None:
    (project.root / "stacks.toml").unlink()
    said = project.run("plan", code=2)
    assert said.errors == ["error: no stacks.toml here or above"]
    assert "  hint: write one, or point at a folder of Dockerfiles: --tree DIR" in said.err
    assert project.run("graph", "--tree", "images").out == "debian:bookworm\n└─ base\n   └─ child\n"


def test_a_stacks_toml_is_found_from_any_folder_below_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root / "images/child")
    assert "base" in project.run("graph").out
    monkeypatch.chdir(project.root / "images")
    (project.root / "stacks.toml").write_text(TOML + "[nonsense]\n")
    assert project.run("graph", code=2).errors == ["error: ../stacks.toml:7: unknown section 'nonsense'"]


def test_problems_that_belong_together_are_said_together(project: Project) -> None:
    project.image("base", "FROM debian:bookworm\nRUNN x\n")
    project.image("child", "FROM jupyter/base\nCOPY\n")
    said = project.run("graph", code=2)
    assert [error.partition(" ")[2].split(": ")[0] for error in said.errors] == [
        "images/base/Dockerfile:2",
        "images/child/Dockerfile:2",
    ]


def test_a_cycle_is_shown_whole_with_its_place(project: Project) -> None:
    project.image("base", "# standing on its own child\nFROM jupyter/child\n")
    said = project.run("plan", code=2)
    assert said.errors == ["error: images/base/Dockerfile:2: 'base' is part of a ring: base → child → base"]
    assert "  hint: " in said.err


def test_an_overlay_that_matches_nothing_names_the_edit_and_what_there_is(project: Project) -> None:
    project.write("stacks.toml", f'{TOML}[variant.gpu]\noverlays = ["cuda"]\n')
    edit = '[[root]]\nfrom = "ubuntu:*"\nto = "nvidia/cuda:12"\n'
    project.write("overlays/cuda.toml", f'description = "swap"\n\n{edit}')
    said = project.run("plan", code=2)
    expected = "overlays/cuda.toml:3: root ubuntu:* → nvidia/cuda:12: expected at least once, found nowhere"
    assert said.errors == [f"error: {expected}"]
    assert "  hint: the roots there are: debian:bookworm in images/base/Dockerfile" in said.err


def test_a_root_that_is_no_image_reference_is_an_error_with_its_line(project: Project) -> None:
    project.image("base", "\nFROM Debian:bookworm\n")
    said = project.run("plan", code=2)
    assert "images/base/Dockerfile:2" in said.errors[0]


def test_a_smoke_glob_that_names_no_image_is_said_before_any_engine_is_asked(project: Project) -> None:
    project.write("stacks.toml", f'{TOML}\n[[smoke]]\nimages = ["chlid"]\nrun = ["true"]\n')
    said = project.run("plan", code=2)
    assert said.errors == ["error: stacks.toml:8: no image is called 'chlid'"]
    assert "  hint: did you mean 'child'?" in said.err


def test_settings_may_name_an_image_that_a_variant_has_taken(project: Project) -> None:
    project.image("child/cuda", "FROM base\nRUN cuda\n")
    probe = '[[smoke]]\nimages = ["child/cuda"]\nvariants = ["cpu"]\nrun = ["true"]\n'
    build = '[build.images."child/cuda"]\nnetwork = "none"\n'
    variants = '[variant.cpu]\n[variant.gpu]\noverlays = ["gpu"]\n'
    project.write("stacks.toml", f"{TOML}\n{variants}{probe}{build}")
    project.write("overlays/gpu.toml", '[[variant]]\nimage = "child"\nfrom = "cuda"\n')
    for chosen in ([], ["--variant", "gpu"]):
        assert "no image is called" not in project.run("plan", *chosen, code=3).err


def test_a_defect_of_our_own_ends_in_a_file_and_not_on_the_screen(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("never thought of")

    monkeypatch.setattr(looking, "open_project", fail)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(sys, "argv", ["stackbuild", "graph"])
    assert main() == 1
    (crash,) = tmp_path.glob("stackbuild-crash-*.txt")
    assert "never thought of" in crash.read_text()
    assert "Traceback" in crash.read_text()


def test_what_needs_no_engine_imports_neither_docker_nor_rich_nor_sqlite(project: Project) -> None:
    line = [sys.executable, "-X", "importtime", "-m", "pipeline", "graph"]
    environment = {"PYTHONPATH": str(SOURCE)}
    ran = subprocess.run(line, capture_output=True, text=True, check=True, cwd=project.root, env=environment)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}
    assert "click" in imported
    assert not imported & {"docker", "requests", "rich", "sqlite3", "tenacity"}


@pytest.mark.parametrize("line", [["history"], ["history", "1"], ["logs", "base"]])
def test_a_state_that_cannot_be_read_is_not_taken_for_an_empty_one(project: Project, line: list[str]) -> None:
    project.write(".stackbuild/state.db", "no database at all, but long enough to be looked at" * 9)
    said = project.run(*line, code=1)
    assert said.errors == [f"error: {project.root}/.stackbuild/state.db: the state cannot be read"]


def test_output_that_cannot_be_written_is_an_error_and_no_crash(project: Project) -> None:
    graph = f"{sys.executable} -m pipeline graph"
    line = f"{graph} > /dev/full; echo $?; {graph} >&-; echo $?"
    ran = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=True,
        cwd=project.root, env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert ran.stdout == "1\n0\n"
    assert ran.stderr == "error: the output cannot be written: no space left on device\n"


COMPLETIONS = [
    ("stackbuild pl", "plan"),
    ("stackbuild ch", "child"),
    ("stackbuild --ch", "--changed"),
    ("stackbuild base ch", "child"),
    ("stackbuild plan ch", "child"),
    ("stackbuild --changed ba", "base"),
    ("stackbuild build --changed ba", "base"),
    ("stackbuild plan --variant gp", "gpu"),
    ("stackbuild graph --descendants b", "base"),
    ("stackbuild render c", "child"),
    ("stackbuild plan -f elsewhere/stacks.toml o", "other"),
    ("stackbuild plan --tree elsewhere/images o", "other"),
    ("stackbuild -O cu", "cuda-12"),
    ("stackbuild overlay check cu", "cuda-12"),
    ("stackbuild history 1", "1"),
    ("stackbuild logs base --run 1", "1"),
]
PATHS = [
    ("stackbuild -f st", "file,st"),
    ("stackbuild plan -f st", "file,st"),
    ("stackbuild --tree im", "dir,im"),
    ("stackbuild --junit x", "file,x"),
]


@pytest.mark.parametrize(("typed", "found"), COMPLETIONS)
def test_a_shell_completes_commands_images_and_variants(
    project: Project, monkeypatch: pytest.MonkeyPatch, typed: str, found: str
) -> None:
    project.write("stacks.toml", f"{TOML}\n[variant.cpu]\n[variant.gpu]\n")
    project.write("elsewhere/stacks.toml", TOML)
    project.write("elsewhere/images/other/Dockerfile", "FROM scratch\n")
    project.write("overlays/cuda-12.toml", "")
    History(State(project.root / ".stackbuild", write=True)).begin("stackbuild", {}, ())
    monkeypatch.setenv("_STACKBUILD_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    assert f"plain,{found}\n" in project.run().out


@pytest.mark.parametrize(("typed", "found"), PATHS)
def test_a_shell_completes_paths_by_itself(
    project: Project, monkeypatch: pytest.MonkeyPatch, typed: str, found: str
) -> None:
    monkeypatch.setenv("_STACKBUILD_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    assert project.run().out == f"{found}\n"


def test_completing_in_a_folder_without_a_project_is_silent(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "stacks.toml").write_text("not = [valid")
    monkeypatch.setenv("_STACKBUILD_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "stackbuild plan b")
    monkeypatch.setenv("COMP_CWORD", "2")
    said = project.run()
    assert said.err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(project: Project, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_STACKBUILD_COMPLETE", f"{shell}_source")
    assert "_STACKBUILD_COMPLETE" in project.run().out
