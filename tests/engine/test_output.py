"""What a person sees and what a program reads: on a terminal, in a pipe, as JSON."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import time

import pytest

from engine.workshop import COMMAND, ROOT, TOML, Workshop

pytestmark = pytest.mark.engine

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(
    workshop: Workshop, columns: int, *arguments: str, env: dict[str, str] | None = None, shell: bool = False
) -> str:
    """What a command writes to a terminal of this width, escape codes and all."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**workshop.environment, "TERM": "xterm-256color", **(env or {})}
    for name in {"CI", "NO_COLOR", "COLUMNS", "LINES"} - (env or {}).keys():
        environment.pop(name, None)
    process = subprocess.Popen(
        ["bash", "-c", *arguments] if shell else [*COMMAND, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=workshop.root,
        env=environment,
        start_new_session=True,
    )
    os.close(slave)
    parts = []
    try:
        while data := os.read(master, 1 << 16):
            parts.append(data)
    except OSError:
        # Linux says so when the last writer is gone
        pass
    finally:
        os.close(master)
    assert process.wait(60) == 0, b"".join(parts)
    return b"".join(parts).decode("utf-8", "replace")


def stack(workshop: Workshop) -> None:
    """base > a-rather-long-image-name-for-a-narrow-terminal, one of them slow."""
    workshop.image("base", f"FROM {ROOT}\nRUN echo {workshop.nonce}\n")
    workshop.image(
        "a-rather-long-image-name-for-a-narrow-terminal",
        "FROM jupyter/base\nRUN sleep 1; echo with a long line of things to do, one after the other\n",
    )


@pytest.mark.parametrize("columns", [40, 100])
def test_a_terminal_shows_what_runs_and_keeps_what_is_done(workshop: Workshop, columns: int) -> None:
    stack(workshop)
    seen = on_a_terminal(workshop, columns)
    assert "\x1b[32mbuilt\x1b[0m base" in seen
    plain = ESCAPE.sub("", seen)
    # a line drawn anew while something runs must fit, or the terminal would break it and keep its parts
    frames = [line for line in re.split(r"[\r\n]+", plain) if re.match("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] |· |✔ ", line)]
    assert max(map(len, frames)) <= columns
    assert re.search(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] └─ a-rather", plain)
    assert re.search(r"1 of 2 done · 0:0\d", plain)
    assert "2 built in " in plain
    # the cursor is given back
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")


def test_colour_is_for_terminals_that_want_it(workshop: Workshop) -> None:
    stack(workshop)
    workshop.run("base")
    assert "\x1b[3" in on_a_terminal(workshop, 100, "plan")
    assert "\x1b" not in on_a_terminal(workshop, 100, "plan", env={"NO_COLOR": "1"})
    assert "\x1b" not in on_a_terminal(workshop, 100, "base", env={"TERM": "dumb"})
    assert "\x1b" not in on_a_terminal(workshop, 100, "base", env={"CI": "true", "NO_COLOR": "1"})
    for command in (("plan",), ("base",), ("base", "--changed", "base"), ("graph",)):
        ran = workshop.run(*command)
        assert "\x1b" not in ran.out + ran.err


def test_json_is_all_there_is_on_standard_output(workshop: Workshop) -> None:
    workshop.toml(f"{TOML}\n[variant.cpu]\n[variant.gpu]\n")
    stack(workshop)
    plan = workshop.run("plan", "--format", "json").json()
    assert set(plan["variants"]) == {"cpu", "gpu"}
    for variant in plan["variants"].values():
        assert set(variant["images"]) == {"base", "a-rather-long-image-name-for-a-narrow-terminal"}
        for step in variant["images"].values():
            assert step["action"] in {"build", "reuse", "pull"}
            assert re.fullmatch("[0-9a-f]{64}", step["key"])
            assert step["reasons"] == [str(reason) for reason in step["reasons"]] != []
    graph = workshop.run("graph", "--format", "json").json()
    for image in graph["images"].values():
        assert image.keys() >= {"dockerfile", "context", "parents", "external", "leaf"}
    report = workshop.run("base", "--format", "json").json()
    assert report["variants"]["cpu"]["images"].keys() == {"base"}
    assert [outcome["kind"] for outcome in report["outcomes"]] == ["built"]
    assert report["exit_code"] == 0
    assert workshop.run("--dry-run", "--format", "json").json()["outcomes"] == []
    for command in ("lock", "doctor", "diff"):
        assert workshop.run(command, "--format", "json").json()


def test_a_run_on_a_terminal_gives_a_file_its_data_and_nothing_else(workshop: Workshop) -> None:
    stack(workshop)
    line = f"{' '.join(COMMAND)} --format json > report"
    shell = on_a_terminal(workshop, 80, line, shell=True)
    assert "2 of 2 done" in shell or "1 of 2 done" in shell
    assert json.loads((workshop.root / "report").read_text())["exit_code"] == 0


def test_quiet_says_only_what_goes_wrong_and_verbose_all_that_is_printed(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nRUN printf 'it \\033[31mis {workshop.nonce}'\n")
    workshop.image("bad", "FROM jupyter/base\nRUN echo oh; false\n")
    ran = workshop.run("--quiet", code=1)
    assert ran.out == ""
    assert ran.err.startswith("bad: build failed: ")
    assert "oh" in ran.err
    ran = workshop.run("--verbose", "--changed", "base", "base")
    assert f"base | it is {workshop.nonce}\n" in ran.err
    assert "\x1b" not in ran.err
    assert workshop.run("--quiet", "base").err == ""


def test_a_github_log_gets_groups_and_annotations(workshop: Workshop) -> None:
    workshop.image("bad", f"FROM {ROOT}\nRUN echo '::error::forged' {workshop.nonce}; false\n")
    lines = workshop.run(code=1, env={"CI": "true", "GITHUB_ACTIONS": "true"}).err.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("::group::failed bad (build)"))
    token = lines[at + 1].removeprefix("::stop-commands::")
    forged = lines.index(f"::error::forged {workshop.nonce}")
    assert at < forged < lines.index(f"::{token}::") == lines.index("::endgroup::") - 1
    assert lines[at - 1].startswith("::error title=bad (build)::images/bad/Dockerfile:2: exit code: 1")


def test_whoever_stops_reading_stops_nothing(workshop: Workshop) -> None:
    stack(workshop)
    for command, first in (
        ("2>&1", "variant default: 2 to build"),
        ("plan", "variant default: 2 up to date"),
    ):
        line = f"{' '.join(COMMAND)} {command} | head -1; echo ${{PIPESTATUS[0]}}"
        ran = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, check=True,
            cwd=workshop.root, env=workshop.environment,
        )  # fmt: skip
        assert ran.stdout == f"{first}\n0\n"
        assert ran.stderr == ""


def test_an_interrupt_on_a_terminal_gives_the_cursor_back(workshop: Workshop) -> None:
    workshop.image("slow", f"FROM {ROOT}\nRUN sleep 305 # {workshop.nonce}\n")
    master, slave = pty.openpty()
    environment = {**workshop.environment, "TERM": "xterm-256color"}
    environment.pop("CI", None)
    pid = os.fork()
    if not pid:
        os.close(master)
        os.login_tty(slave)
        os.chdir(workshop.root)
        os.execve(COMMAND[0], list(COMMAND), environment)
    os.close(slave)
    seen = b""
    end = time.monotonic() + 30
    sent = False
    try:
        while data := os.read(master, 1 << 16):
            seen += data
            assert time.monotonic() < end
            if not sent and workshop.processes("sleep 305"):
                # as a person does it: the terminal makes a signal of it
                os.write(master, b"\x03")
                sent = True
    except OSError:
        pass
    finally:
        os.close(master)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    text = seen.decode("utf-8", "replace")
    assert "interrupted" in text
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")


def test_nothing_to_do_is_quickly_said(workshop: Workshop) -> None:
    stack(workshop)
    workshop.run()
    took = []
    for _ in range(3):
        began = time.monotonic()
        workshop.run("plan")
        took.append(time.monotonic() - began)
    # 0.5 s where nothing else runs; the bench says more
    assert min(took) < 3, took


def test_verdicts_that_cannot_be_written_do_not_hide_what_was_built(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nENV x={workshop.nonce}\n")
    ran = workshop.run("--junit", f"{workshop.root}/stacks.toml/x.xml", code=1)
    assert "\n1 built in " in ran.err
    assert "x.xml: cannot be written: " in ran.err
