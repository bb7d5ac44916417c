"""Pipelines for CI: one job for each image to build, its parents handed over through the registry."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.plan import Action, Step

HEAD = "# written by `stackbuild ci`; made for one commit and its lock, so do not edit it: write it again\n"
INSTALL = 'python3 -m pip install --quiet "${STACKBUILD_PACKAGE:-stackbuild}"'
LOGIN = (
    'printf %s "$REGISTRY_PASSWORD" | '
    'docker login --username "$REGISTRY_USER" --password-stdin "${STACKBUILD_REGISTRY%%/*}"'
)
NOTHING = "echo 'every image is up to date'"
PUBLISH = "stackbuild build --locked --publish"
_ID = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Job:
    """One image of one variant to build, after the jobs that it needs. `name` is a valid id everywhere."""

    name: str
    image: str
    variant: str
    needs: tuple[str, ...]

    @property
    def command(self) -> str:
        """What the job runs; names of images and variants need no quotes in any shell."""
        return f"stackbuild build {self.image} --variant {self.variant} --locked"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The jobs in an order in which parents come first, and what every one of them is told.

    `minutes` is how long one may take; with `publish`, a last job moves names once all others are done.
    """

    jobs: tuple[Job, ...]
    registry: str
    minutes: int = 120
    publish: bool = False


def jobs(steps: Iterable[tuple[str, Step]]) -> tuple[Job, ...]:
    """A job for each key that has to be built; the first of the variants that share it is named.

    `steps` are those of all variants, parents first, each with its variant.
    """
    made: dict[str, Job] = {}
    taken: set[str] = set()
    for variant, step in steps:
        if step.action is not Action.BUILD or step.key in made:
            continue
        name = _ID.sub("-", f"{step.image}--{variant}").strip("-")
        if name.lower() in taken or not name[0].isalpha():
            name = f"image-{name}-{step.key[:8]}"
        taken.add(name.lower())
        needs = tuple(made[parent].name for parent in step.parents if parent in made)
        made[step.key] = Job(name, step.image, variant, tuple(sorted(needs)))
    return tuple(made.values())


def github(pipeline: Pipeline) -> str:
    """A workflow of GitHub Actions, started by hand or by another workflow."""
    everything = {
        job.name: _github_job(pipeline, job.command, job.needs, f"{job.image} ({job.variant})")
        for job in pipeline.jobs
    }
    if pipeline.publish:
        everything["publish"] = _github_job(pipeline, PUBLISH, tuple(everything), "publish")
    if not everything:
        everything["nothing"] = {
            "name": "nothing to build",
            "runs-on": "ubuntu-latest",
            "timeout-minutes": 5,
            "steps": [{"run": NOTHING}],
        }
    return HEAD + yaml(
        {
            "name": "images",
            "on": {"workflow_dispatch": {}, "workflow_call": {}},
            "permissions": {"contents": "read"},
            "env": {"STACKBUILD_REGISTRY": pipeline.registry},
            "jobs": everything,
        }
    )


def _github_job(pipeline: Pipeline, command: str, needs: tuple[str, ...], title: str) -> dict[str, Any]:
    secrets = {name: f"${{{{ secrets.{name} }}}}" for name in ("REGISTRY_USER", "REGISTRY_PASSWORD")}
    return {
        "name": title,
        **({"needs": list(needs)} if needs else {}),
        "runs-on": "ubuntu-latest",
        "timeout-minutes": pipeline.minutes,
        "steps": [
            {"uses": "actions/checkout@v4"},
            {"uses": "actions/setup-python@v5", "with": {"python-version": "3.12"}},
            {"run": INSTALL},
            {"run": LOGIN, "env": secrets},
            {"run": command},
            _github_logs(title),
        ],
    }


def _github_logs(title: str) -> dict[str, Any]:
    name = f"logs-{_ID.sub('-', title).strip('-')}"
    return {
        "if": "always()",
        "uses": "actions/upload-artifact@v4",
        "with": {
            "name": name,
            "path": ".stackbuild/logs",
            "if-no-files-found": "ignore",
            "include-hidden-files": True,
        },
    }


def gitlab(pipeline: Pipeline) -> str:
    """A pipeline of GitLab CI, to be run as it is or as a child pipeline."""
    everything: dict[str, Any] = {
        job.name: {"extends": ".stackbuild", "needs": list(job.needs), "script": [job.command]}
        for job in pipeline.jobs
    }
    if pipeline.publish:
        needs = {"needs": [job.name for job in pipeline.jobs]}
        everything["publish"] = {"extends": ".stackbuild", **needs, "script": [PUBLISH]}
    if not everything:
        everything["nothing"] = {"script": [NOTHING]}
    return HEAD + yaml(
        {
            "variables": {"STACKBUILD_REGISTRY": pipeline.registry},
            ".stackbuild": {
                "timeout": f"{pipeline.minutes} minutes",
                "before_script": [INSTALL, LOGIN],
                "artifacts": {"when": "always", "paths": [".stackbuild/logs"]},
            },
            **everything,
        }
    )


_PLAIN = re.compile(r"[A-Za-z.$][\w./@$-]*(?: [\w./@$-]+)*", re.ASCII)
# what YAML 1.1 or 1.2 takes for something else than text
_RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", ".inf", ".nan"}


def yaml(value: Any) -> str:
    """YAML of JSON's kinds of values: mappings in the order given, text in quotes where it needs them."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        found = []
        for key, inner in value.items():
            name = key if key == "on" or _is_plain(key) else _quoted(key)
            if isinstance(inner, dict | list) and inner:
                found += [f"{name}:", *(f"  {line}" for line in _lines(inner))]
            else:
                found.append(f"{name}: {_scalar(inner)}")
        return found
    if isinstance(value, list) and value:
        found = []
        for inner in value:
            first, *rest = _lines(inner)
            found += [f"- {first}", *(f"  {line}" for line in rest)]
        return found
    return [_scalar(value)]


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    """A string in double quotes, all in ASCII: JSON's pairs for rare letters mean nothing in YAML."""
    return f'"{"".join(map(_letter, text))}"'


def _letter(letter: str) -> str:
    if letter in {'"', "\\"}:
        return f"\\{letter}"
    if " " <= letter <= "~":
        return letter
    return f"\\u{ord(letter):04x}" if letter <= "\uffff" else f"\\U{ord(letter):08x}"


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _RESERVED
