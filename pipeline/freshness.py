"""Which images would come out differently if they were built again now, though nothing of theirs changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.dockerfile.layout import layout
from pipeline.graph import Node
from pipeline.installs.commands import InstallCommand, find_commands
from pipeline.manifest import Manifest
from pipeline.plan import Cause, Reason

DAY = 86_400.0
_MOST = 3

# Each is run with `sh -c` in the image, with the words of a question; `moved` reads what it prints.

# apt's lists, fetched into a folder of their own; then what it would take of everything that is installed
APT = r"""
export LC_ALL=C
place=$(mktemp -d) && mkdir -p "$place/lists/partial" "$place/cache/archives/partial" || exit 1
set -- -o Dir::State::Lists="$place/lists" -o Dir::Cache="$place/cache" -o APT::Sandbox::User=root \
    -o Acquire::Retries=2 -o APT::Update::Error-Mode=any -o APT::Update::Post-Invoke-Success::=true
said=$(apt-get -q "$@" update 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
# an older apt calls lists that it could not fetch a success
case $said in *"Failed to fetch"* | *"index files failed"*) printf '%s\n' "$said" >&2; exit 1 ;; esac
dpkg-query -W -f '${binary:Package}\n' | xargs apt-cache "$@" policy
"""
# pip's own resolver, with everything that it might take a newer version of; the words are the command's
PIP = r"""
export HOME=/tmp PIP_BREAK_SYSTEM_PACKAGES=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1
for python in python3 python; do
    "$python" -m pip --version > /dev/null 2>&1 && break
done
exec "$python" -m pip install --dry-run --quiet --report - --upgrade --upgrade-strategy eager "$@"
"""
CONDA = r"""
export HOME=/tmp
for conda in mamba conda micromamba; do
    command -v "$conda" > /dev/null 2>&1 && break
done
exec "$conda" install --dry-run --json --yes "$@"
"""
# words on standard error that mean no trouble, but that there is nobody to ask
_CANNOT = re.compile(
    r"no such option|command not found|No module named pip|: not found|unrecognized arguments"
    r"|Could not open requirements file",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask one manager inside an image: the words of the command, and files that it names, by path."""

    manager: str
    words: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """All there is to ask an image; `pinned` are apt's packages at a version of their own.

    With `upgrades`, the build upgrades what its base has brought, too. `unasked` says what cannot be asked.
    """

    questions: tuple[Question, ...] = ()
    pinned: frozenset[str] = frozenset()
    upgrades: bool = False
    unasked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """A package that would be installed in another version now."""

    manager: str
    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.manager} {self.name} {self.old} → {self.new}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one image.

    `reason` is why it should be built again, `moved` what would be installed in another version, `unasked`
    what nobody could be asked about, `doubt` why there is no answer.
    """

    image: str
    reason: Reason | None = None
    moved: tuple[Moved, ...] = ()
    unasked: tuple[str, ...] = ()
    doubt: str = ""

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "stale": self.reason is not None,
            "reason": str(self.reason or ""),
            "moved": [{"manager": m.manager, "name": m.name, "old": m.old, "new": m.new} for m in self.moved],
            "unasked": list(self.unasked),
            "doubt": self.doubt,
        }


@dataclass(frozen=True, slots=True)
class Held:
    """What an image holds, and what its base does: what the base has brought, a build does not touch."""

    own: Manifest
    base: Manifest | None

    def versions(self, manager: str, *, upgrades: bool = False) -> dict[str, str]:
        """The versions that this image's own build has chosen, by name as `normal` spells it."""
        brought = _versions(None if upgrades else self.base, manager)
        mine = _versions(self.own, manager)
        return {name: version for name, version in mine.items() if brought.get(name) != version}


def _versions(found: Manifest | None, manager: str) -> dict[str, str]:
    packages = found.packages.get(manager, {}) if found else {}
    return {normal(manager, name): version for name, version in packages.items()}


def asking(node: Node, files: Mapping[str, str], platform: str) -> Asking:
    """What to ask of an image; `files` are texts of its context, by path.

    apt is asked about what the final stage and those it stands on install, pip and conda about every stage:
    what they make may be copied.
    """
    dockerfile = node.image.dockerfile
    chain = set(layout(dockerfile, dict(node.image.args), node.image.target, platform).chain())
    lines = dockerfile.text.split("\n")
    commands: list[InstallCommand] = []
    for stage in dockerfile.stages:
        for one in stage.body if stage.index in node.facts.stages else ():
            if one.keyword == "RUN":
                text = "\n".join(lines[one.line - 1 : one.end_line])
                found = find_commands(text, escape=dockerfile.escape)
                commands += [c for c in found if c.manager != "apt" or stage.index in chain]
    apt = [command for command in commands if command.manager == "apt"]
    questions = [Question("apt")] if apt else []
    questions += [q for command in commands if (q := _question(command, files))]
    names = [_apt_pin(word) for command in apt for word in command.wanted]
    unread = tuple(dict.fromkeys(word for command in commands for word in command.unread))
    return Asking(
        tuple(dict.fromkeys(questions)),
        frozenset(name for name in names if name),
        any(command.upgrades for command in apt),
        unread,
    )


def _apt_pin(word: str) -> str:
    name, equals, _ = word.partition("=")
    return name if equals else ""


def _question(command: InstallCommand, files: Mapping[str, str]) -> Question | None:
    """The words for pip or conda; requirement files of the context go with them, by a path of their own."""
    if command.manager == "apt" or not (command.wanted or command.files):
        return None
    listing = "--requirement" if command.manager == "pip" else "--file"
    sent: dict[str, str] = {}
    words: list[str] = []
    for option, value in (*command.kept, *((listing, file) for file in command.files)):
        name = value.rpartition("/")[2]
        here = [path for path in files if path.rpartition("/")[2] == name]
        is_file = option == listing or (command.manager == "pip" and option in {"-c", "--constraint"})
        path = f"/tmp/stackbuild-{len(sent)}-{name}"  # noqa: S108 (in the container)
        if is_file and len(here) == 1:
            sent[path] = files[here[0]]
            words += [option, path]
        else:
            words += [option, value] if value else [option]
    return Question(command.manager, (*words, "--", *command.wanted), tuple(sent.items()))


def normal(manager: str, name: str) -> str:
    """A package's name as its manager compares it."""
    if manager == "pip":
        return re.sub(r"[-_.]+", "-", name).lower()
    return name.partition(":")[0] if manager == "apt" else name.lower()


def moved(question: Question, said: str, held: Held, asked: Asking) -> tuple[Moved, ...]:
    """What would be installed in another version now; raises ValueError where the answer is none."""
    manager = question.manager
    upgrades = asked.upgrades and manager == "apt"
    mine = held.versions(manager, upgrades=upgrades)
    would = {"apt": _candidates, "pip": _report, "conda": _links}[manager](said)
    pinned = asked.pinned if manager == "apt" else frozenset()
    return tuple(
        Moved(manager, name, mine[name], version)
        for name, version in sorted(would.items())
        if name in mine and mine[name] != version and name not in pinned
    )


def _candidates(said: str) -> dict[str, str]:
    """The candidates that `apt-cache policy` names."""
    found: dict[str, str] = {}
    name = ""
    for line in said.splitlines():
        if line and not line[0].isspace() and line.endswith(":"):
            name = normal("apt", line.removesuffix(":"))
        elif name and line.startswith("  Candidate: "):
            version = line.removeprefix("  Candidate: ").strip()
            if version != "(none)":
                found.setdefault(name, version)
    if not found:
        raise ValueError("apt names no candidates")
    return found


def _report(said: str) -> dict[str, str]:
    """What pip's report says it would install."""
    try:
        wanted = [one["metadata"] for one in json.loads(said)["install"]]
        return {normal("pip", one["name"]): str(one["version"]) for one in wanted}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("pip's report cannot be read") from error


def _links(said: str) -> dict[str, str]:
    """What conda says it would link."""
    try:
        data = json.loads(said)
        actions = data.get("actions") or {}
        return {str(one["name"]).lower(): str(one["version"]) for one in actions.get("LINK", ())}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("conda's answer cannot be read") from error


def nobody_to_ask(error: str) -> bool:
    """Whether a question went unanswered because the image's manager does not know it, or is not there."""
    return _CANNOT.search(error) is not None


def drifted(found: Iterable[Moved]) -> Reason:
    """The reason to build an image again of which packages have moved."""
    names = [str(one) for one in found]
    more = (f"{len(names) - _MOST} more",) if len(names) > _MOST else ()
    return Reason(Cause.DRIFTED, (*names[:_MOST], *more))


def aged(made: float, now: float, most: float) -> Reason | None:
    """The reason to build an image again that is too old; times are in seconds, `made` is 0 if unknown."""
    if not made or not most or now - made <= most:
        return None
    return Reason(Cause.AGED, (age(now - made), age(most)))


def age(seconds: float) -> str:
    """A long time as people say it."""
    for unit, length in (("days", DAY), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
