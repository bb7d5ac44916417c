"""The variables that a Dockerfile sees: build arguments, platform, environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.dockerfile.model import Instruction
from pipeline.dockerfile.shell import ShellError, expand
from pipeline.errors import InputError

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Values that double with every line are stopped here.
_LONGEST_VALUE = 1 << 20
_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "armhf": "arm",
    "armel": "arm",
}
_NOT_IN_ENVIRONMENT = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})


@dataclass(frozen=True, slots=True)
class Expansion:
    r"""A word after substitution: names that had no value, and whether one may have a value not known here.

    In `text`, such a value is `\0`.
    """

    text: str
    missing: tuple[str, ...] = ()
    unknown: bool = False


@dataclass(slots=True)
class Scope:
    """Names and values; None is a value that is not known.

    `open_` scopes stand on an image whose environment is not known: any name may have a value there.
    """

    escape: str
    values: dict[str, str | None] = field(default_factory=dict)
    open_: bool = False

    def copy(self) -> Scope:
        """A scope that can go its own way."""
        return Scope(self.escape, dict(self.values), self.open_)

    def below(self, kept: Scope) -> Scope:
        """What a stage sees that stands on this one: its ARGs too, but what its image `kept` comes first."""
        values = dict.fromkeys(self.values, None) if kept.open_ else self.values
        return Scope(self.escape, {**values, **kept.values}, self.open_ or kept.open_)

    def expand(self, word: str) -> Expansion:
        """Substitute. Raises ShellError."""
        if (
            "$" not in word
            and "'" not in word
            and '"' not in word
            and self.escape not in word
            and word.isascii()
        ):
            return Expansion(word)
        missing: list[str] = []
        unknown = False
        length = 0

        def lookup(name: str) -> str | None:
            nonlocal unknown, length
            value = self.values.get(name)
            if value is not None:
                length += len(value)
                if length > _LONGEST_VALUE:
                    raise ShellError("the variables in it make it too long")
                return value
            if name in self.values or self.open_:
                unknown = True
                return "\0"
            missing.append(name)
            return None

        return Expansion(expand(word, lookup, self.escape), tuple(missing), unknown)

    def take(self, name: str, word: str) -> None:
        """Give `name` the value that `word` has in this scope. Raises ShellError."""
        found = self.expand(word)
        self.values[name] = None if found.unknown else found.text


def platform_arguments(platform: str, stage: str, args: Mapping[str, str]) -> dict[str, str | None]:
    """The arguments that BuildKit declares by itself: TARGETPLATFORM, BUILDARCH and the like.

    The builder's own platform is taken to be `platform`; `args` can say otherwise, as in BuildKit.
    """
    system, _, rest = (platform or "linux/amd64").partition("/")
    machine, _, variant = rest.partition("/")
    machine = machine.lower()
    if machine in {"armhf", "arm"} and not variant:
        variant = "v7"
    elif machine == "armel":
        variant = "v6"
    machine = _ARCHITECTURES.get(machine, machine)
    if (machine, variant) in {("arm64", "v8"), ("arm64", "8"), ("amd64", "v1")}:
        variant = ""
    whole = "/".join(part for part in (system, machine, variant) if part)
    values = {}
    for side in ("BUILD", "TARGET"):
        values[f"{side}PLATFORM"] = whole
        values[f"{side}OS"] = system
        values[f"{side}OSVERSION"] = ""
        values[f"{side}ARCH"] = machine
        values[f"{side}VARIANT"] = variant
    values["TARGETSTAGE"] = stage or "default"
    return {name: args.get(name, value) for name, value in values.items()}


def global_scope(
    preamble: Iterable[Instruction],
    args: Mapping[str, str],
    predefined: Mapping[str, str | None],
    where: str,
    escape: str,
) -> Scope:
    """What FROM sees. Raises InputError for a default that BuildKit refuses."""
    scope = Scope(escape, dict(predefined))
    for instruction in preamble:
        for name, default in instruction.pairs():
            try:
                if name in args:
                    scope.values[name] = args[name]
                elif default is not None:
                    scope.take(name, default)
            except ShellError as problem:
                raise InputError.of(f"ARG {name}: {problem}", f"{where}:{instruction.line}") from None
    return scope


def declare(instruction: Instruction, scope: Scope, args: Mapping[str, str], outer: Scope) -> None:
    """Let a stage's ARG take effect. Raises ShellError."""
    for name, default in instruction.pairs():
        if name in _NOT_IN_ENVIRONMENT:
            continue
        if name in args:
            scope.values[name] = args[name]
        elif default is not None:
            scope.take(name, default)
        elif name in outer.values:
            scope.values[name] = outer.values[name]


def environment(instruction: Instruction, scope: Scope) -> dict[str, str | None]:
    """What an ENV sets; every value sees the scope as it was before. Raises ShellError."""
    found: dict[str, str | None] = {}
    for name, word in instruction.pairs():
        key, value = scope.expand(name), scope.expand(word or "")
        if key.unknown:
            scope.open_ = True
        else:
            found[key.text] = None if value.unknown else value.text
    return found
