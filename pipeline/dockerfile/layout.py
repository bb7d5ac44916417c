"""Which stage stands on which stage or image, and which of them a build reaches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from pipeline.dockerfile.model import Dockerfile, Instruction, Stage
from pipeline.dockerfile.mounts import origin
from pipeline.dockerfile.scope import Expansion, Scope, global_scope, platform_arguments
from pipeline.dockerfile.shell import ShellError
from pipeline.errors import InputError

_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    r"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?"
    rf"{_COMPONENT}(?:/{_COMPONENT})*(?::[\w][\w.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
# What Go reads as a number; a longer one is a name.
_NUMBER = re.compile(r"[-+]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Footing:
    """What a stage stands on, after substitution: the stage `stage`, or if -1, the image `reference`."""

    reference: str
    stage: int
    platform: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The stages of a Dockerfile for one set of arguments."""

    dockerfile: Dockerfile
    args: Mapping[str, str]
    outer: Scope
    footings: tuple[Footing, ...]
    names: Mapping[str, int]
    target: int

    def where(self, line: int) -> str:
        """`file:line`."""
        return f"{self.dockerfile.path}:{line}"

    def chain(self) -> tuple[int, ...]:
        """The target, the stage it stands on, and so on down to the one that stands on an image."""
        chain = [self.target]
        while (below := self.footings[chain[-1]].stage) >= 0:
            chain.append(below)
        return tuple(chain)

    def commands(self, index: int) -> list[tuple[Instruction, bool]]:
        """What runs in a stage: the triggers of the stage it stands on, marked True, then its own."""
        below = self.footings[index].stage
        triggers = (
            [(one.inner, True) for one in self.dockerfile.stages[below].body if one.inner is not None]
            if below >= 0
            else []
        )
        return [*triggers, *((one, False) for one in self.dockerfile.stages[index].body)]

    def reached(self) -> tuple[int, ...]:
        """The stages that the target needs, itself included, in order. Raises InputError."""
        reached = {self.target}
        waiting = [self.target]
        while waiting:
            index = waiting.pop()
            below = self.footings[index].stage
            found = [below] if below >= 0 else []
            for instruction, trigger in self.commands(index):
                for other in self.stages_used(instruction):
                    if not (trigger and other == index):  # a trigger may take from the stage that it runs in
                        self._earlier(instruction, other, index)
                    found.append(other)
            fresh = [other for other in found if other not in reached]
            reached.update(fresh)
            waiting += fresh
        return tuple(sorted(reached))

    def stages_used(self, instruction: Instruction) -> list[int]:
        """The stages that a COPY or RUN takes files from. Raises InputError."""
        return [
            found for found in (self.source(name, instruction) for name in origins(instruction)) if found >= 0
        ]

    def source(self, name: str, instruction: Instruction) -> int:
        """The stage that a `from=` names, or -1 if it names an image. Raises InputError."""
        if instruction.keyword == "COPY" and Scope(instruction.escape).expand(name).text != name:
            message = f"--from={name}: 'from' takes no variables, quotes or escapes"
            hint = "name a stage: FROM the image with its variables AS a name, and copy from that name"
            raise InputError.of(message, self.where(instruction.line), hint)
        if instruction.keyword == "COPY" and _NUMBER.fullmatch(name):
            if not 0 <= int(name) < len(self.dockerfile.stages):
                message = f"--from={name}: there is no stage of that number"
                hint = f"the stages are numbered from 0 to {len(self.dockerfile.stages) - 1}"
                raise InputError.of(message, self.where(instruction.line), hint)
            return int(name)
        return self.names.get(name.lower(), -1)

    def _earlier(self, instruction: Instruction, other: int, index: int) -> None:
        if other < index:
            return
        name = self.dockerfile.stages[other].name or str(other)
        if other == index:
            message, hint = f"the stage '{name}' takes files from itself", "name another stage or an image"
        else:
            line = self.dockerfile.stages[other].instruction.line
            message = f"the stage '{name}' is used before it is defined"
            hint = f"move the stage at line {line} in front of this one"
        raise InputError.of(message, self.where(instruction.line), hint)


def origins(instruction: Instruction) -> list[str]:
    """What a COPY or RUN names with `from=`; a malformed mount names nothing."""
    if not instruction.flags:
        return []
    if instruction.keyword == "COPY":
        return [flag[7:] for flag in instruction.flags if flag.startswith("--from=") and len(flag) > 7]
    if instruction.keyword != "RUN":
        return []
    try:
        found = [origin(flag[8:]) for flag in instruction.flags if flag.startswith("--mount=")]
    except ValueError:
        return []
    return [name for name in found if name]


def layout(dockerfile: Dockerfile, args: Mapping[str, str], target: str, platform: str) -> Layout:
    """Lay the stages out. Raises InputError."""
    stages = dockerfile.stages
    stage_name = target or stages[-1].name
    predefined = platform_arguments(platform, stage_name, args)
    outer = global_scope(dockerfile.preamble, args, predefined, dockerfile.path, dockerfile.escape)
    names: dict[str, int] = {}
    footings = []
    for stage in stages:
        footings.append(_footing(dockerfile, stage, outer, names))
        if stage.name:
            names[stage.name] = stage.index
    plan = Layout(dockerfile, args, outer, tuple(footings), names, _target(dockerfile, target, names))
    _no_ring(plan)
    return plan


def _no_ring(plan: Layout) -> None:
    """Raise InputError if stages take files from each other in a ring, reached or not, as BuildKit does."""
    taken = {
        stage.index: {other: one for one in stage.body for other in plan.stages_used(one)}
        for stage in plan.dockerfile.stages
        if any(one.flags for one in stage.body)
    }
    if all(other < index for index, found in taken.items() for other in found):
        return
    try:
        TopologicalSorter(taken).prepare()
    except CycleError as ring:
        giver, taker, *_ = ring.args[1]
        name = plan.dockerfile.stages[taker].name or str(taker)
        message = f"the stage '{name}' takes files from itself, in the end"
        where = plan.where(taken[taker][giver].line)
        raise InputError.of(message, where, "break the ring of stages") from None


def _target(dockerfile: Dockerfile, target: str, names: Mapping[str, int]) -> int:
    if not target:
        return len(dockerfile.stages) - 1
    if target.lower() in names:
        return names[target.lower()]
    if _NUMBER.fullmatch(target) and 0 <= int(target) < len(dockerfile.stages):
        return int(target)
    known = ", ".join(name for name in names) or "none has a name"
    raise InputError.of(f"there is no stage '{target}'", dockerfile.path, f"the stages are: {known}")


def _footing(dockerfile: Dockerfile, stage: Stage, outer: Scope, names: Mapping[str, int]) -> Footing:
    where = f"{dockerfile.path}:{stage.instruction.line}"
    try:
        base = outer.expand(stage.base)
        platform = outer.expand(stage.platform).text
    except ShellError as problem:
        raise InputError.of(f"FROM {stage.base}: {problem}", where) from None
    _must_be_reference(base, stage, where)
    if stage.platform and not platform:
        raise InputError.of(
            f"--platform={stage.platform} is empty after substitution", where, "give it a value"
        )
    below = names.get(base.text, -1)
    if below < 0 and base.text.lower() in names:
        message = f"FROM {base.text}: the stage is called '{base.text.lower()}', and FROM minds the case"
        raise InputError.of(message, where, f"write FROM {base.text.lower()}")
    return Footing(base.text, below, platform)


def _must_be_reference(base: Expansion, stage: Stage, where: str) -> None:
    if base.text and (not base.missing or _REFERENCE.fullmatch(base.text)):
        return
    if not base.missing:
        raise InputError.of(f"FROM {stage.base} is empty after substitution", where, "give its ARG a value")
    names = list(dict.fromkeys(base.missing))
    given = ", ".join(f'{name} = "..."' for name in names)
    quoted = ", ".join(f"'{name}'" for name in names)
    message = f"FROM {stage.base}: {quoted} {'has' if len(names) == 1 else 'have'} no value here"
    hint = f"give it a value with args = {{ {given} }} under [tree.<tree>.images.<image>] in stacks.toml"
    raise InputError.of(message, where, hint)
