"""Whom we trust: the system's authorities, those docker has for a registry, and those of SSL_CERT_DIR."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
from pathlib import Path

CERTS = Path("/etc/docker/certs.d")
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+\Z")


def is_loopback(host: str) -> bool:
    """Whether docker takes a registry as insecure because of its name: any certificate, or plain HTTP."""
    name = host.rpartition(":")[0] if re.search(r":\d+\Z", host) else host
    return name == "localhost" or name.startswith("127.") or name == "[::1]"


def context(host: str) -> ssl.SSLContext:
    """What a connection to a registry is secured with, as docker and buildx would."""
    made = ssl.create_default_context()
    for folder in filter(None, os.environ.get("SSL_CERT_DIR", "").split(":")):
        _add_folder(made, Path(folder))
    own = CERTS / host
    with contextlib.suppress(OSError):
        for path in sorted(own.iterdir()):
            if path.suffix == ".crt":
                _add(made, path)
            elif path.suffix == ".cert":
                made.load_cert_chain(path, path.with_suffix(".key"))
    if is_loopback(host):
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _add_folder(made: ssl.SSLContext, folder: Path) -> None:
    """Every certificate of a folder; OpenSSL looks into one that is hashed when it needs to."""
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return
    if any(_HASHED.match(path.name) for path in files):
        made.load_verify_locations(capath=folder)
        return
    for path in files:
        _add(made, path)


def _add(made: ssl.SSLContext, path: Path) -> None:
    # as in Go, a file that holds no certificate is passed over
    with contextlib.suppress(OSError, ssl.SSLError):
        made.load_verify_locations(path)
