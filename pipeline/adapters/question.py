"""A question to an engine on a unix socket, asked without docker's client, which takes long to import."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlencode

SCHEME = "unix://"
SECONDS = 60.0
CHUNK = 1 << 16


class AbsentError(LookupError):
    """What was asked about is not there: a 404 and nothing else."""


def ask(address: str, path: str, **query: object) -> Any | None:
    """The JSON that the engine answers to a GET; lists and objects of the query go as JSON.

    None for whatever is not plainly an answer: then docker's own client shall ask, and say what is wrong.
    Raises AbsentError for a 404.
    """
    if not address.startswith(SCHEME):
        return None
    words = {name: json.dumps(value) for name, value in query.items()}
    request = f"GET {path}?{urlencode(words)} HTTP/1.0\r\nHost: docker\r\n\r\n"
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(SECONDS)
            line.connect(address.removeprefix(SCHEME))
            line.sendall(request.encode("ascii"))
            answer = b"".join(iter(lambda: line.recv(CHUNK), b""))
    except OSError:
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.lower().split(b"\r\n")
    # a server of HTTP/1.1 may still send its answer in pieces
    code = b"".join(status.split()[1:2])
    if code == b"404" and b"no such" in body.lower():
        raise AbsentError(path)
    if code != b"200" or any(field.startswith(b"transfer-encoding") for field in fields):
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None
