"""Why no engine answers, in words that a person can act on."""

from __future__ import annotations

import re

from pipeline.adapters.patience import TemporaryError
from pipeline.errors import StackbuildError, UnreachableError

DOCTOR = "start it, or say where it is with DOCKER_HOST; `stackbuild doctor` looks further"
_WRAPPED = "Error while fetching server API version: "
_ADDRESS = "write DOCKER_HOST like unix:///var/run/docker.sock or tcp://host:2376"
# what helps where waiting does not, by what is said
_HINTS = (
    ("permission denied", "this user may not use it: join the group 'docker', or run as root"),
    ("paramiko package", "pip install paramiko, or forward the engine's socket with `ssh -L` and name that"),
    ("invalid bind address", _ADDRESS),
    ("protocol is not implemented", _ADDRESS),
    ("port could not be cast", _ADDRESS),
    ("client_cert", "DOCKER_TLS_VERIFY wants certificates: DOCKER_CERT_PATH says in which folder they are"),
)


def of(address: str, error: Exception) -> StackbuildError:
    """The error for an engine that does not answer, or that cannot even be asked."""
    why = _why(error)
    message = f"no docker engine answers at {address}: {why}"
    said = f"{why} {error}".lower()
    for words, hint in _HINTS:
        if words in said:
            return UnreachableError.of(message, hint=hint)
    return TemporaryError.of(message, hint=DOCTOR)


def _why(error: Exception) -> str:
    """The innermost reason, which requests and docker wrap in several layers of their own."""
    inner: BaseException = error
    while below := inner.__cause__ or inner.__context__:
        inner = below
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    found = re.search(r"Error\(\d+, '([^']+)'\)", str(error))
    if found:
        return found[1].lower()
    # a server of something else may send a whole page
    return str(error).removeprefix(_WRAPPED).partition("\n")[0]
