"""What helps builds along, with a real engine: secrets that leave no trace, and layer caches that hit."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from engine.workshop import ROOT, Workshop, until

pytestmark = pytest.mark.engine

SECRET = "hunter2-is-a-secret-value"


def traces(workshop: Workshop, image: str) -> str:
    """All that anybody could find of a secret: logs, state, lock, labels, history of the image, its files."""
    name = workshop.local(image)
    found = [json.dumps(workshop.api.inspect_image(name)), json.dumps(workshop.api.history(name))]
    for folder, _, files in os.walk(workshop.root / ".stackbuild"):
        found += [(Path(folder) / file).read_bytes().decode("utf-8", "replace") for file in files]
    found.append((workshop.root / "stacks.lock").read_text())
    return "\n".join(found)


def command_lines() -> str:
    """The command lines of all processes there are."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(found)


def test_a_secret_is_seen_by_the_build_and_by_nobody_else(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"password {SECRET}-in-a-file\n")
    workshop.more('[build.secrets]\npip = { env = "PIP_TOKEN" }\nnetrc = { file = "../netrc" }')
    workshop.image(
        "app",
        f"FROM {ROOT}\n"
        "RUN --mount=type=secret,id=pip --mount=type=secret,id=netrc,target=/netrc \\\n"
        "    sha256sum < /run/secrets/pip | cut -c 1-64 > /seen; cut -c 5- /netrc; echo begun; sleep 3"
        f" # {workshop.nonce}\n",
    )
    running = workshop.start("--verbose", env={"PIP_TOKEN": SECRET})
    until(lambda: workshop.processes("mount") or "begun" in running.said(), "the build runs")
    assert SECRET not in command_lines()
    ran = running.wait()
    assert ran.code == 0, ran.err
    digest = subprocess.run(["sha256sum"], input=SECRET.encode(), capture_output=True, check=True).stdout
    assert workshop.text("app", "/seen").split()[0] == digest.split()[0].decode()
    assert SECRET not in traces(workshop, "app") + ran.err + ran.out
    assert "word ***\n" in workshop.run("logs", "app").out
    # another value makes no other image
    assert workshop.actions() == {"app": "reuse"}
    assert workshop.run("history", "1", "--format", "json").out.count(SECRET) == 0


@pytest.mark.parametrize("onbuild", ["", "ONBUILD "])
def test_a_secret_that_may_be_missing_and_is_costs_nothing(workshop: Workshop, onbuild: str) -> None:
    mounts = "--mount=type=secret,id=pip --mount=type=ssh"
    workshop.image(
        "one", f"FROM {ROOT}\n{onbuild}RUN {mounts} ls /run/secrets > /found; : {workshop.nonce}\n"
    )
    workshop.image("two", "FROM jupyter/one\n")
    workshop.run()
    assert workshop.text("two", "/found") == ""


def test_a_secret_that_is_not_there_is_missed_before_anything_starts(workshop: Workshop) -> None:
    workshop.more('[build.secrets]\npip = { env = "NOT_SET_ANYWHERE" }\nother = { env = "NOT_SET_EITHER" }')
    workshop.image("app", f"FROM {ROOT}\nRUN --mount=type=secret,id=pip,required=true cat /run/secrets/pip\n")
    said = workshop.run(code=2).err
    assert "the secret 'pip', which app mounts, is not there: the environment variable NOT_SET" in said
    assert "stacks.toml:10" in said
    assert "other" not in said
    workshop.run("--secret", "id=pip,src=stacks.toml")


def test_hosts_network_and_proxies_reach_the_build_and_change_no_key(workshop: Workshop) -> None:
    workshop.image("app", f"FROM {ROOT}\nRUN echo {workshop.nonce}; cat /etc/hosts; ls /sys/class/net; env\n")
    before = workshop.plan()["default"]["images"]["app"]["key"]
    workshop.more(
        '[build]\nadd-host = { "pypi.lab" = "10.9.8.7" }\nproxies = { http = "http://proxy.lab:3128" }\n'
        '[build.images.app]\nnetwork = "none"'
    )
    workshop.run()
    assert workshop.plan()["default"]["images"]["app"]["key"] == before
    said = workshop.run("logs", "app").out
    assert "10.9.8.7\tpypi.lab" in said
    assert "HTTP_PROXY=http://proxy.lab:3128" in said
    assert "\neth0" not in said
    assert "proxy.lab" not in json.dumps(workshop.api.history(workshop.local("app")))


def test_a_fresh_engine_takes_layers_from_a_cache_that_another_has_written(
    workshop: Workshop, exporting: str
) -> None:
    workshop.more('[build]\ncache-from = ["./cache/{image}"]\ncache-to = ["./cache/{image}"]')
    files = {"big": os.urandom(2000)}
    workshop.image("app", "FROM scratch\nCOPY big /\nCOPY big /again", files)
    workshop.run(env={"DOCKER_HOST": exporting})
    assert (workshop.root / "cache/app/index.json").is_file()
    # the engine that everybody shares writes no caches, but reads them
    toml = (workshop.root / "stacks.toml").read_text()
    workshop.toml(toml.replace("cache-to", "# cache-to"))
    workshop.run()
    said = workshop.run("logs", "app").out
    assert said.count(": CACHED") == 2
    workshop.image("app", "FROM scratch\nCOPY big /\nCOPY big /other", files)
    workshop.run()
    assert workshop.run("logs", "app").out.count(": CACHED") == 1
