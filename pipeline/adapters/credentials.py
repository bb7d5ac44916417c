"""Who we are to a registry: from a named environment variable, docker's configuration or its helpers."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from typing import Any

from pipeline.adapters import dockerconfig
from pipeline.errors import UnreachableError

HUB = "docker.io"
# user for a secret that names none: registries that take tokens do not look at it
ANYBODY = "token"


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, or a token to get tokens with; never shown, not even by mistake."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    identity: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The header of basic authentication."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    @property
    def for_engine(self) -> dict[str, str]:
        """What the engine's API takes along with a push or pull."""
        if self.identity:
            return {"identitytoken": self.identity}
        return {"username": self.user, "password": self.password}


class Credentials:
    """The logins of this machine's user.

    `variable` is the environment variable for `registry`: `USER:SECRET`, or a secret alone. Read when asked
    for, kept by nobody.
    """

    def __init__(self, registry: str = "", variable: str = "") -> None:
        self._host = registry.partition("/")[0]
        self._variable = variable

    def from_environment(self, host: str) -> Login | None:
        """The login that the variable holds for this registry."""
        secret = os.environ.get(self._variable, "") if self._variable and host == self._host else ""
        if not secret:
            return None
        user, colon, password = secret.partition(":")
        return Login(user, password) if colon else Login(ANYBODY, secret)

    def of(self, host: str) -> Login | None:
        """The login for a registry, None where docker has none.

        Raises UnreachableError for a helper that is broken.
        """
        return self.from_environment(host) or _written(host) or _docker(host)


def _written(host: str) -> Login | None:
    """What docker's configuration says in so many words of a host that no helper is asked for.

    None for everything else, which is docker's client to find out: it knows all the ways, and takes as long
    to import as a run that finds nothing to do.
    """
    try:
        config = dockerconfig.read() or {}
        entry = config["auths"][host]
        if config.get("credsStore") or config.get("credHelpers") or "identitytoken" in entry:
            return None
        user, _, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Login(user, password) if password else None


def _docker(host: str) -> Login | None:
    from docker import auth  # noqa: PLC0415 (only where a registry is asked)
    from docker.errors import DockerException  # noqa: PLC0415 (docker is slow to import)

    try:
        # the stubs do not know that a registry may be given
        config: Any = auth.load_config()
        found: dict[str, str] = config.resolve_authconfig(None if host == HUB else host) or {}
    except (DockerException, OSError, ValueError) as error:
        # what a helper prints may hold anything: its name is enough
        hint = f"docker login {host}"
        message = f"docker's credentials for {host} cannot be read: {type(error).__name__}"
        raise UnreachableError.of(message, hint=hint) from None
    identity = found.get("IdentityToken") or found.get("identitytoken") or ""
    user = found.get("username") or found.get("Username") or ""
    password = found.get("password") or found.get("Password") or found.get("Secret") or ""
    return Login(user, password, identity) if identity or password else None
