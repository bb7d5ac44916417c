"""The images that a Dockerfile uses, and what it reads of its context."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.dockerfile.check import RefusedError, check
from pipeline.dockerfile.layout import Footing, Layout, layout, origins
from pipeline.dockerfile.model import Dockerfile, Instruction
from pipeline.dockerfile.mounts import mount
from pipeline.dockerfile.scope import DEFAULT_PATH, Scope, declare, environment
from pipeline.dockerfile.shell import ShellError
from pipeline.dockerfile.statements import heredoc_mark
from pipeline.errors import InputError

_SCRATCH = "scratch"
# Remote sources of ADD: an http(s) address, a git one, or git's user@host:path. (github.com/x/y is a path.)
_REMOTE = re.compile(r"(?:https?|git|ssh)://|[\w-]+@[\w.-]+:", re.ASCII)
_UNKNOWN = "\0"
_IGNORE_ONLY = re.compile(r"[\\\[\]{|}]")


@dataclass(frozen=True, slots=True)
class Use:
    """An image that a Dockerfile needs.

    `reference` is what BuildKit resolves, after substitution. `kind` is "from", "copy", "mount" or "onbuild".
    `base` is True for the one image that the target's chain of stages stands on.
    """

    reference: str
    kind: str
    line: int
    stage: int
    base: bool
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """What can be read of the main build context.

    `pattern` is a path below the context, in which Go's globs count; "" is everything. `whole` says that the
    source could not be resolved, so that anything may be read. `kind` is "copy", "add", "mount" or "onbuild".
    """

    pattern: str
    line: int
    whole: bool = False
    exclude: tuple[str, ...] = ()
    kind: str = "copy"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a build of one target of a Dockerfile needs.

    `declared` are the names of its ARGs, sorted; `stages` the indices of the stages it reaches.
    `onbuild_reads` and `onbuild_uses` are what its triggers will read of a child's context and use in a
    child's build; a name in the latter may also be one of the child's own stages.
    """

    uses: tuple[Use, ...]
    reads: tuple[Read, ...]
    declared: tuple[str, ...]
    stages: tuple[int, ...]
    onbuild_reads: tuple[Read, ...]
    onbuild_uses: tuple[Use, ...]


@dataclass(slots=True)
class _Found:
    uses: list[Use] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)


def facts(
    dockerfile: Dockerfile,
    args: Mapping[str, str],
    *,
    target: str = "",
    platform: str = "linux/amd64",
    inherited: Mapping[str, str] | None = None,
) -> Facts:
    """What a build with these arguments needs.

    `target` is a stage's name or number, "" for the last one. `inherited` is the environment of the image
    that the target stands on; without it, a variable that might come from there makes a source unresolved.
    Raises InputError.
    """
    plan = layout(dockerfile, args, target, platform)
    reached = plan.reached()
    found = _Found()
    scopes: dict[int, Scope] = {}
    # What an image keeps for its children: the ENV of its stages, without their ARGs.
    kept: dict[int, Scope] = {}
    declared = {name for one in dockerfile.preamble for name, _ in one.pairs()}
    bottom = plan.chain()[-1]
    root = plan.footings[bottom]
    for index in reached:
        footing = plan.footings[index]
        if footing.stage >= 0:
            kept[index] = kept[footing.stage].copy()
            scopes[index] = scopes[footing.stage].below(kept[index])
        else:
            scopes[index] = _ground(footing, inherited if footing == root else None, dockerfile.escape)
            kept[index] = scopes[index].copy()
        if footing.stage < 0 and footing.reference != _SCRATCH:
            line = dockerfile.stages[index].instruction.line
            base = index == bottom
            found.uses.append(Use(footing.reference, "from", line, index, base, footing.platform))
        for instruction, trigger in plan.commands(index):
            _examine(plan, instruction, index, scopes[index], found, trigger=trigger)
            if instruction.keyword == "ARG":
                declared.update(name for name, _ in instruction.pairs())
                _apply(plan, instruction, scopes[index], kept[index])
            elif instruction.keyword == "ENV":
                _apply(plan, instruction, scopes[index], kept[index])
    later = _triggers(plan, kept[plan.target])
    return Facts(
        tuple(found.uses),
        tuple(found.reads),
        tuple(sorted(declared)),
        reached,
        tuple(later.reads),
        tuple(later.uses),
    )


def _ground(footing: Footing, inherited: Mapping[str, str] | None, escape: str) -> Scope:
    """The environment that a stage finds in the image it stands on."""
    if footing.reference == _SCRATCH:
        return Scope(escape, {"PATH": DEFAULT_PATH})
    if inherited is None:
        return Scope(escape, {}, open_=True)
    return Scope(escape, {"PATH": DEFAULT_PATH, **inherited})


def _apply(plan: Layout, instruction: Instruction, scope: Scope, kept: Scope) -> None:
    try:
        if instruction.keyword == "ARG":
            declare(instruction, scope, plan.args, plan.outer)
        else:
            found = environment(instruction, scope)
            scope.values.update(found)
            kept.values.update(found)
            kept.open_ = kept.open_ or scope.open_
    except ShellError as problem:
        raise InputError.of(f"{instruction.keyword}: {problem}", plan.where(instruction.line)) from None


def _examine(
    plan: Layout, instruction: Instruction, index: int, scope: Scope, found: _Found, *, trigger: bool
) -> None:
    keyword = instruction.keyword
    try:
        if trigger:
            check(instruction)
        if keyword in {"COPY", "ADD"}:
            reads = _copied(instruction, scope)
        elif keyword == "RUN" and instruction.flags:
            reads = _mounted(instruction, scope)
        else:
            return
    except RefusedError as problem:
        raise InputError.of(str(problem), plan.where(instruction.line), problem.hint) from None
    except ValueError as problem:
        raise InputError.of(f"{keyword}: {problem}", plan.where(instruction.line)) from None
    if trigger:
        reads = [Read(read.pattern, read.line, read.whole, read.exclude, "onbuild") for read in reads]
    found.reads += reads
    kind = "onbuild" if trigger else "copy" if keyword == "COPY" else "mount"
    for name in origins(instruction):
        if name != _SCRATCH and plan.source(name, instruction) < 0:
            found.uses.append(Use(name, kind, instruction.line, index, False))


def _triggers(plan: Layout, kept: Scope) -> _Found:
    """What the target's own triggers will do in a child's build."""
    found = _Found()
    scope = kept.copy()
    for onbuild in plan.dockerfile.stages[plan.target].body:
        inner = onbuild.inner
        if inner is None:
            continue
        try:
            check(inner)
            if inner.keyword == "ARG":
                # Its value is the child's to give.
                scope.values.update(dict.fromkeys((name for name, _ in inner.pairs()), None))
            elif inner.keyword == "ENV":
                scope.values.update(environment(inner, scope))
            elif inner.keyword in {"COPY", "ADD"}:
                found.reads += _copied(inner, scope)
            elif inner.keyword == "RUN":
                found.reads += _mounted(inner, scope)
        except ValueError:  # no child can be built: BuildKit refuses the trigger there, not here
            continue
        for name in origins(inner):
            # A number is one of the child's stages; a variable is refused in the child's build.
            stage = inner.keyword == "COPY" and (name.isdecimal() or "$" in name)
            if name != _SCRATCH and not stage:
                found.uses.append(Use(name, "onbuild", onbuild.line, plan.target, False))
    found.reads = [Read(read.pattern, read.line, read.whole, read.exclude, "onbuild") for read in found.reads]
    return found


def _copied(instruction: Instruction, scope: Scope) -> list[Read]:
    """What a COPY or ADD reads of the context. Raises ValueError."""
    kind = instruction.keyword.lower()
    exclude: list[str] = []
    for flag in instruction.flags:
        name, _, value = flag.partition("=")
        if name == "--from" and kind == "copy" and value:
            return []
        if name == "--exclude":
            exclude.append(value)
    parents = any(flag.partition("=")[0] == "--parents" for flag in instruction.flags)
    if parents:
        exclude = []  # they would be relative to another folder; it costs little to read more
    reads = []
    for word in instruction.words()[:-1]:
        if "<<" in word and _is_heredoc(word):
            continue
        source = scope.expand(word)
        if _REMOTE.match(source.text):
            if kind == "copy":
                raise RefusedError(
                    f"the source '{word}' of a COPY is not a path", "use ADD for what is not in the context"
                )
            continue
        # With --parents these mean what they mean in an ignore file; it costs little to read more.
        if source.unknown or (parents and _IGNORE_ONLY.search(source.text)):
            reads.append(Read("", instruction.line, True, tuple(exclude), kind))
        else:
            reads.append(Read(clean(source.text), instruction.line, False, tuple(exclude), kind))
    return reads


def _is_heredoc(word: str) -> bool:
    try:
        return heredoc_mark(word) is not None
    except ShellError:
        return False


def _mounted(instruction: Instruction, scope: Scope) -> list[Read]:
    """What the bind mounts of a RUN read of the context. Raises ValueError."""
    reads = []
    for flag in instruction.flags:
        if not flag.startswith("--mount="):
            continue
        unknown = False

        def substitute(word: str) -> str:
            nonlocal unknown
            found = scope.expand(word)
            unknown = unknown or found.unknown
            return found.text

        try:
            found = mount(flag[8:], substitute)
        except ValueError:
            if not unknown:
                raise
            reads.append(Read("", instruction.line, True, (), "mount"))
            continue
        if found.type != "bind" or found.origin:
            continue
        whole = _UNKNOWN in found.source
        reads.append(Read("" if whole else clean(found.source), instruction.line, whole, (), "mount"))
    return reads


def clean(path: str) -> str:
    """A source below the context: no slash at either end, no `.` and no `..`; "" is the context itself."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)
