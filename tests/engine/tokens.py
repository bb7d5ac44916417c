"""A server that gives out tokens for a registry, to whoever may have them."""

from __future__ import annotations

import base64
import http.server
import json
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SERVICE = "registry.example"
ISSUER = "tokens.example"
# for how long the registry takes a token that is over (docker/distribution, registry/auth/token, Leeway)
LEEWAY = 60


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Tokens:
    """`logins` are users' passwords, `identities` the tokens that stand for a user; both may be changed.

    `lifetime` is for how many seconds the registry takes a token; what it says of that itself is an hour.
    """

    def __init__(self, folder: Path) -> None:
        self.logins: dict[str, str] = {}
        self.identities: set[str] = set()
        self.lifetime = 3600
        self.given: list[str] = []
        self._key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        line = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=tokens",
        ]
        line += ["-keyout", str(self._key), "-out", str(self.certificate)]
        subprocess.run(line, check=True, capture_output=True)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                kind, _, secret = self.headers.get("Authorization", "").partition(" ")
                user, _, password = base64.b64decode(secret).decode().partition(":")
                knows = kind == "Basic" and outer.logins.get(user, "") == password != ""
                self._answer(parse_qs(urlsplit(self.path).query), "token" if knows else "")

            def do_POST(self) -> None:
                body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                knows = body.get("refresh_token", [""])[0] in outer.identities
                self._answer(body, "access_token" if knows else "")

            def _answer(self, asked: dict[str, list[str]], name: str) -> None:
                value = {name: outer.token(asked.get("scope", [])), "expires_in": 3600}
                refused = {"details": "incorrect username or password"}
                body = json.dumps(value if name else refused).encode()
                self.send_response(200 if name else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.realm = f"http://127.0.0.1:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def settings(self) -> str:
        """What a registry's configuration says of this server."""
        names = f"realm: '{self.realm}', service: {SERVICE}, issuer: {ISSUER}"
        return f"auth: {{token: {{{names}, rootcertbundle: '{self.certificate}'}}}}\n"

    def token(self, scopes: list[str]) -> str:
        """A token for what is asked for, signed."""
        access = []
        for scope in " ".join(scopes).split():
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": SERVICE, "sub": "", "jti": uuid.uuid4().hex, "access": access,
            "iat": now, "nbf": now - 3600, "exp": now + self.lifetime - LEEWAY,
        }  # fmt: skip
        pem = self.certificate.read_text().splitlines()
        header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(pem[1:-1])]}
        signed = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
        line = ["openssl", "dgst", "-sha256", "-sign", str(self._key)]
        signature = subprocess.run(line, input=signed.encode(), check=True, capture_output=True).stdout
        token = f"{signed}.{_text(signature)}"
        self.given.append(token)
        return token

    def close(self) -> None:
        """Give out nothing any more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def tokens(folder: Path) -> Iterator[Tokens]:
    """Such a server for the length of a test."""
    made = Tokens(folder)
    try:
        yield made
    finally:
        made.close()
