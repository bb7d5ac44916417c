"""`[build]`: what helps builds along and is no part of what they make."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from pipeline import refs
from pipeline.tomlfile import Table, nearest

NETWORKS = ("default", "none", "host")
PROXIES = ("http", "https", "ftp", "all", "no")
# stands for the value that the variable of the usual name has where stackbuild runs
FROM_ENVIRONMENT = "env"
INLINE = "inline"
GATEWAY = "host-gateway"
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
_PROXY = re.compile(r"(?:https?|socks5h?)://(?P<who>[^/@]*@)?[\w.:\[\]-]+/?\Z")
_ELSEWHERE = 'where its value is, never the value: { env = "NAME" } or { file = "PATH" }'


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's id, the variable or the file that its value is in, and where that is declared."""

    id: str
    env: str = ""
    file: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Ssh:
    """What RUN --mount=type=ssh gets under an id: a key file, or the agent where `file` is ""."""

    id: str
    file: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How builds get at what they need; `{image}` in caches stands for the image's name.

    A cache is a registry's reference, a path that begins with `.`, `/` or `~`, or `inline`.
    """

    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    network: str = "default"
    hosts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Building:
    """All of `[build]`: for all images, and by glob for some, where the last that matches counts."""

    settings: Settings = Settings()
    images: tuple[tuple[str, Settings, str], ...] = ()
    secrets: tuple[Secret, ...] = ()
    ssh: tuple[Ssh, ...] = ()
    proxies: tuple[tuple[str, str], ...] = ()

    def of(self, image: str) -> Settings:
        """The settings for an image."""
        found = self.settings
        for glob, settings, _ in self.images:
            if fnmatchcase(image, glob):
                found = settings
        return found

    def with_secrets(self, more: tuple[Secret, ...]) -> Building:
        """With these as well, instead of those with the same id."""
        given = {secret.id for secret in more}
        return replace(self, secrets=(*(s for s in self.secrets if s.id not in given), *more))


def read_building(table: Table) -> Building:
    """All of the section."""
    common = _settings(table, Settings())
    images = []
    for glob, inner in table.tables("images"):
        images.append((glob, _settings(inner, common), inner.where))
        inner.close()
    building = Building(
        common,
        tuple(images),
        tuple(_secret(name, inner) for name, inner in table.tables("secrets", _ELSEWHERE)),
        tuple(_ssh(table)),
        tuple(_proxies(table)),
    )
    table.close()
    return building


def parse_secret(text: str) -> Secret:
    """A secret as the command line has it: `id=ID`, `id=ID,env=NAME` or `id=ID,src=PATH`.

    Raises ValueError, which repeats nothing: who mistakes the option may have written the value.
    """
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    if fields.keys() - {"id", "env", "src", "source", "type"}:
        raise ValueError("it takes 'id' with 'env' or 'src'")
    kind, file = fields.get("type", ""), fields.get("src", "") or fields.get("source", "")
    if kind not in {"", "env", "file"}:
        raise ValueError("its 'type' is 'env' or 'file'")
    if not _ID.match(fields.get("id", "")):
        raise ValueError("it needs an 'id' of letters, digits, '.', '_' and '-'")
    env = fields.get("env", "") or (file if kind == "env" else "")
    if not file and not env:
        env = fields["id"]
    if env and not _VARIABLE.match(env):
        raise ValueError("it needs 'src', or 'env' with the name of a variable")
    return Secret(fields["id"], env, "" if env else file, "--secret")


def _settings(table: Table, default: Settings) -> Settings:
    network = table.take("network", str, default.network)
    if network not in NETWORKS:
        hint = nearest(network, NETWORKS) or f"one of {', '.join(NETWORKS)}"
        table.problem(f"no network '{network}'", "network", hint)
    hosts = table.pairs("add-host") if table.has("add-host") else default.hosts
    table.take("add-host", dict, {})
    for name, address in hosts:
        if not _HOST.match(name):
            table.problem(f"'{name}' is no host name", "add-host")
        if address != GATEWAY and not _is_address(address):
            table.problem(f"'{address}' is no address", "add-host", f'an IP address, or "{GATEWAY}"')
    return Settings(
        _caches(table, "cache-from", default.cache_from),
        _caches(table, "cache-to", default.cache_to),
        network,
        hosts,
    )


def _caches(table: Table, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    caches = table.strings(key, default)
    for cache in caches if table.has(key) else ():
        if cache == INLINE and key == "cache-to":
            continue
        if cache == INLINE:
            table.problem("'inline' is where a cache goes, not where it comes from", key, "name the images")
        elif "{image}" not in cache:
            hint = "each image needs a cache of its own: write it like ../cache/{image}"
            table.problem(f"'{cache}' does not say where the image's name goes", key, hint)
        elif not is_path(cache) and (wrong := _no_reference(cache)):
            table.problem(f"cache '{cache}' {wrong}", key, "a path begins with './', '../', '/' or '~/'")
    return caches


def is_path(cache: str) -> bool:
    """Whether a cache is a folder, and no reference of a registry."""
    return cache.startswith(("./", "../", "/", "~/"))


def _no_reference(cache: str) -> str:
    try:
        refs.parse(cache.replace("{image}", "image"))
    except ValueError as error:
        return str(error)
    return ""


def _secret(name: str, table: Table) -> Secret:
    env, file = table.take("env", str, ""), table.take("file", str, "")
    if bool(env) == bool(file):
        table.problem(f"the secret '{name}' needs 'env' or 'file'", hint=_ELSEWHERE)
    if not _ID.match(name):
        table.problem(f"'{name}' is no id of a secret", hint="use letters, digits, '.', '_' and '-'")
    if env and not _VARIABLE.match(env):
        table.problem("'env' must be the name of a variable", "env", _ELSEWHERE)
    table.close()
    return Secret(name, env, file, table.where)


def _ssh(table: Table) -> list[Ssh]:
    found = []
    for text in table.strings("ssh"):
        name, equals, file = text.partition("=")
        if not _ID.match(name) or (equals and not file) or "," in file:
            table.problem(f"'{text}' is no ssh", "ssh", 'write it like "default", or "deploy=~/.ssh/deploy"')
        found.append(Ssh(name, file, table.at("ssh")))
    return found


def _proxies(table: Table) -> list[tuple[str, str]]:
    problem = table.problem
    found = []
    for name, value in table.pairs("proxies"):
        if name not in PROXIES:
            hint = nearest(name, PROXIES) or f"known here: {', '.join(PROXIES)}"
            problem(f"unknown proxy '{name}'", "proxies", hint)
        elif value != FROM_ENVIRONMENT and name != "no":
            match = _PROXY.match(value)
            if match is None:
                problem(
                    f"the {name} proxy is no address", "proxies", "write it like http://proxy.example:3128"
                )
            elif match["who"]:
                hint = f'put the address into the environment, and write {name} = "{FROM_ENVIRONMENT}"'
                problem(f"the {name} proxy holds credentials", "proxies", hint)
        found.append((name, value))
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
