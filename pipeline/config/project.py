"""stacks.toml: its text in, a checked configuration out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from pipeline import refs
from pipeline.config.attest import Attest, read_attest
from pipeline.config.building import Building, read_building
from pipeline.config.freshness import Fresh, read_fresh
from pipeline.config.limits import Resources, read_limits, read_retry
from pipeline.config.names import DEFAULT_TAGS, TagField, read_names
from pipeline.config.retention import Retention, read_retention
from pipeline.config.sharing import Sharing, read_sharing
from pipeline.config.sign import Sign, read_sign
from pipeline.config.smokes import GPU_PROBES, Smoke, read_smoke
from pipeline.config.trees import TreeConfig, read_tree
from pipeline.errors import InputError, Problem
from pipeline.patience import Patience
from pipeline.tomlfile import Document, Table, nearest

DEFAULT_PLATFORM = "linux/amd64"
OVERLAYS = "overlays"
DEFAULT_VARIANT = "default"
DEFAULT_GPU_PROBE = "gpu"
NO_PROBE = "none"

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*\Z")
_PLATFORM = re.compile(r"[a-z0-9_]+/[a-z0-9_]+(?:/[a-z0-9_]+)?\Z")


@dataclass(frozen=True, slots=True)
class Variant:
    """A named list of overlays over every tree."""

    name: str
    overlays: tuple[str, ...] = ()
    where: str = ""
    gpu_probe: str = DEFAULT_GPU_PROBE

    @property
    def default_probe(self) -> Smoke | None:
        """The probe of the leaves that stand on CUDA and have no GPU probe of their own."""
        if self.gpu_probe == NO_PROBE:
            return None
        return Smoke((), self.where, name="the GPU works", gpu=True, probe=self.gpu_probe)


@dataclass(frozen=True, slots=True)
class Config:
    """All of stacks.toml, defaults filled in; every value has been checked.

    `overlays` is the folder that they are in, relative to that of the file.
    """

    path: str
    project: str
    trees: tuple[TreeConfig, ...]
    registry: str = ""
    platform: str = DEFAULT_PLATFORM
    variants: tuple[Variant, ...] = (Variant(DEFAULT_VARIANT),)
    smokes: tuple[Smoke, ...] = ()
    tags: tuple[str, ...] = DEFAULT_TAGS
    limits: Resources = field(default_factory=Resources)
    patience: Patience = field(default_factory=Patience)
    fresh: Fresh = field(default_factory=Fresh)
    build: Building = field(default_factory=Building)
    tag_fields: tuple[TagField, ...] = ()
    credentials: str = ""
    attest: Attest = field(default_factory=Attest)
    sign: Sign = field(default_factory=Sign)
    sharing: Sharing = field(default_factory=Sharing)
    retention: Retention = field(default_factory=Retention)
    overlays: str = OVERLAYS
    variant_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variant_names", tuple(variant.name for variant in self.variants))

    def variant(self, name: str) -> Variant:
        """The variant of this name, or an error that names the ones there are."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        hint = nearest(name, self.variant_names) or f"there are: {', '.join(self.variant_names)}"
        raise InputError.of(f"no variant '{name}' in {self.path}", hint=hint)


def for_tree(path: str, name: str = "tree") -> Config:
    """The configuration of a run that has a tree and no stacks.toml."""
    return Config("(no stacks.toml)", "stack", (TreeConfig(name, "--tree", path),))


def parse(text: str, path: str) -> Config:
    """Check stacks.toml; `path` is for messages. Raises InputError with all problems at once."""
    document = Document(text, path)
    root = document.root
    project = root.table("project")
    name = project.take("name", str, "stack")
    if not _NAME.match(name):
        project.problem(f"'{name}' is no project name", "name", "use a-z, 0-9, '-', '_' and '.'")
    registry = _registry(project)
    platform = project.take("platform", str, DEFAULT_PLATFORM)
    if not _PLATFORM.match(platform):
        project.problem(f"'{platform}' is no platform", "platform", "write it like linux/amd64")
    credentials = _credentials(project)
    overlays = project.take("overlays", str, OVERLAYS)
    project.close()

    trees = tuple(read_tree(name, table) for name, table in root.tables("tree"))
    if not root.take("tree", dict, {}):
        document.problems.append(
            Problem("no tree is declared", f"{path}:1", 'add [tree.NAME] with path = "images"')
        )
    variants = tuple(_variant(name, table) for name, table in root.tables("variant"))
    variants = variants or (Variant(DEFAULT_VARIANT),)
    smokes = tuple(read_smoke(table, [variant.name for variant in variants]) for table in root.list("smoke"))
    tags, fields = read_names(root.table("names"))
    fresh = read_fresh(root.table("fresh"))
    attest = read_attest(root.table("attest"))
    sign = read_sign(root.table("sign"), given=root.has("sign"))
    build = read_building(root.table("build"))
    sharing, retention = read_sharing(root.table("verdicts")), read_retention(root.table("retention"))
    limits, patience = read_limits(root.table("limits")), read_retry(root.table("retry"))
    root.close("section")
    document.check()
    plain = Config(path, name, trees, registry, platform, variants, smokes, tags, limits, patience)
    plain = replace(plain, fresh=fresh, build=build, attest=attest, sign=sign, overlays=overlays)
    return replace(plain, tag_fields=fields, credentials=credentials, sharing=sharing, retention=retention)


def _credentials(project: Table) -> str:
    """The environment variable that holds the registry's login, never the login itself."""
    name = project.take("credentials", str, "")
    if name and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        # it may be a secret that was put into the wrong place: it is not repeated
        hint = 'name the variable here, like "STACKBUILD_REGISTRY_TOKEN", and put the login into it'
        project.problem("'credentials' is no name of an environment variable", "credentials", hint)
        return ""
    return name


def _registry(project: Table) -> str:
    text = project.take("registry", str, "").rstrip("/")
    if not text:
        return ""
    try:
        reference = refs.parse(f"{text}/image")
    except ValueError as error:
        project.problem(f"registry '{text}' {error}", "registry", "write it like registry.example/team")
        return ""
    if "://" in text or reference.tag or reference.digest:
        project.problem(f"registry '{text}' must be a host and a path", "registry")
    return text


def _variant(name: str, table: Table) -> Variant:
    if not _NAME.match(name):
        table.problem(f"'{name}' is no variant name", hint="use a-z, 0-9, '-', '_' and '.'")
    overlays = table.strings("overlays")
    for overlay in overlays:
        if overlays.count(overlay) > 1:
            table.problem(f"overlay '{overlay}' is listed twice", "overlays")
        if not _NAME.match(overlay):
            table.problem(
                f"'{overlay}' is no overlay name", "overlays", "overlays/NAME.toml is named by NAME alone"
            )
    probe = table.take("gpu_probe", str, DEFAULT_GPU_PROBE)
    if probe not in (*GPU_PROBES, NO_PROBE):
        hint = nearest(probe, GPU_PROBES) or f"there are: {', '.join((*GPU_PROBES, NO_PROBE))}"
        table.problem(f"'{probe}' is no GPU probe", "gpu_probe", hint)
        probe = DEFAULT_GPU_PROBE
    table.close()
    return Variant(name, overlays, table.where, probe)
