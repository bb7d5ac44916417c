"""One registry's HTTP, secured and signed in as docker does it; its failures become errors of ours here."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import BadStatusLine, IncompleteRead
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from pipeline import digest
from pipeline.adapters.credentials import HUB, Credentials, Login
from pipeline.adapters.patience import TemporaryError, patiently
from pipeline.adapters.registry.trust import context, is_loopback
from pipeline.adapters.registry.words import NO_JSON, said, storage
from pipeline.errors import UnreachableError

MOST_BYTES = 32 << 20
TOGETHER = 16
TIMEOUT = 30.0
# a credential helper is a process of its own: it is not asked for every request
LOGIN_AGE = 60.0
# redirects are followed; all else that may be tried again is so by who asks, with the wait that is asked for
REDIRECTS = urllib3.Retry(3, connect=0, read=0, status=0, other=0, respect_retry_after_header=False)
_PART = re.compile(r'(\w+)="([^"]*)"')
_TROUBLE = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: its status, its headers by lower-case name, and its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Host:
    """A registry's host, with one login for all its repositories."""

    def __init__(self, name: str, credentials: Credentials, timeout: float = TIMEOUT) -> None:
        self.name = name
        self._credentials = credentials
        self._lock = threading.Lock()
        self._base = ""
        self._basic = False
        self._bearer: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, float]] = {}
        self._known: tuple[Login | None, float] = (None, 0.0)
        self._address = "registry-1.docker.io" if name == HUB else name
        settings: dict[str, Any] = {
            "maxsize": TOGETHER,
            "retries": False,
            "timeout": urllib3.Timeout(connect=min(timeout, 10.0), read=timeout),
            "ssl_context": context(name),
        }
        proxy = "" if urllib.request.proxy_bypass(self._address) else urllib.request.getproxies().get("https")
        self._pool = urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)

    @patiently
    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Ask as `once` does, and again where the trouble may pass."""
        return self.once(method, path, body, headers)

    @patiently
    def fetch(self, path: str, expected: str, headers: Mapping[str, str] | None = None) -> Response:
        """Get what has this digest ("": whatever the registry says it has), and verify it."""
        response = self.once("GET", path, None, headers)
        where = expected or response.headers.get("docker-content-digest", "")
        if response.status != 404 and where not in {"", f"sha256:{digest.of_bytes(response.body)}"}:
            raise TemporaryError.of(f"the registry {self.name} sends something else than '{where}'")
        return response

    def once(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Ask for a path below `/v2/`, or for a whole address that the registry has named.

        Gives answers of success and 404; raises UnreachableError for all others, TemporaryError among them.
        """
        url = urljoin(f"{self._root()}/v2/", path)
        scope = _scope(url, method)
        sent = dict(headers or {})
        response = self._send(method, url, body, {**sent, **self._signed(url, scope)})
        if response.status == 401:
            response = self._send(method, url, body, {**sent, **self._challenged(response, url, scope)})
        if response.status < 300 or response.status == 404:
            return response
        raise self._refusal(response)

    def _root(self) -> str:
        """`https://…`, and what the host asks of us; docker speaks plain HTTP to a loopback without TLS.

        It is asked once, before anything else: of many requests at once each would be turned away first.
        """
        with self._lock:
            if not self._base:
                base = f"https://{self._address}"
                try:
                    answer = self._send("GET", f"{base}/v2/", None, {})
                except UnreachableError:
                    if not is_loopback(self.name):
                        raise
                    base = f"http://{self._address}"
                    answer = self._send("GET", f"{base}/v2/", None, {})
                self._note_challenge(answer)
                self._base = base
        return self._base

    def _note_challenge(self, response: Response) -> str:
        """Remember what a 401 asks for; gives its kind, in lower case."""
        kind, _, rest = response.headers.get("www-authenticate", "").partition(" ")
        if response.status == 401 and kind.lower() == "bearer":
            self._bearer = dict(_PART.findall(rest))
        elif response.status == 401 and kind.lower() == "basic":
            self._basic = True
        return kind.lower()

    def _send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        try:
            # a redirect to a store elsewhere goes without our login
            answer = self._pool.request(
                method, url, body=body, headers=headers, preload_content=False,
                redirect=method in {"GET", "HEAD"}, retries=REDIRECTS,
            )  # fmt: skip
            data = answer.read(MOST_BYTES)
            answer.release_conn()
        except SSLError as error:
            hint = f"put its authority's certificate into /etc/docker/certs.d/{self.name}/ca.crt"
            raise UnreachableError.of(
                f"the registry {self.name} cannot be trusted: {_innermost(error)}", hint=hint
            ) from None
        except (HTTPError, OSError) as error:
            message = f"the registry {self.name} does not answer: {_innermost(error)}"
            hint = "check its address, and that this machine reaches it"
            raise TemporaryError.of(message, hint=hint) from None
        return Response(answer.status, {name.lower(): text for name, text in answer.headers.items()}, data)

    def _signed(self, url: str, scope: str) -> dict[str, str]:
        """The header that this host has asked for before."""
        if urlsplit(url).netloc != urlsplit(self._base).netloc:
            return {}
        token, until = self._tokens.get(scope, ("", 0.0))
        if token and time.monotonic() < until:
            return {"Authorization": f"Bearer {token}"}
        if self._bearer:
            return {"Authorization": f"Bearer {self._token(scope)}"}
        login = self._login() if self._basic else None
        return {"Authorization": login.basic} if login and login.password else {}

    def _challenged(self, response: Response, url: str, scope: str) -> dict[str, str]:
        """The header that a 401 asks for."""
        if urlsplit(url).netloc != urlsplit(self._base).netloc:
            raise self._refusal(response)
        refused = self._basic
        kind = self._note_challenge(response)
        if kind == "bearer":
            self._tokens.pop(scope, None)
            return {"Authorization": f"Bearer {self._token(scope)}"}
        login = self._login(anew=refused)
        if kind != "basic" or login is None or not login.password:
            raise self._refusal(response)
        return {"Authorization": login.basic}

    def _login(self, *, anew: bool = False) -> Login | None:
        with self._lock:
            login, until = self._known
            if anew or time.monotonic() > until:
                login = self._credentials.of(self.name)
                self._known = (login, time.monotonic() + LOGIN_AGE)
        return login

    def _token(self, scope: str) -> str:
        """A token for a scope, from the service that the registry names."""
        realm, service = self._bearer.get("realm", ""), self._bearer.get("service", "")
        if urlsplit(realm).scheme != "https" and not self._base.startswith("http://"):
            message = f"the registry {self.name} wants the login sent to '{realm}', which is not secure"
            raise UnreachableError.of(message)
        login = self._login()
        words = {"service": service, **({"scope": scope} if scope else {})}
        if login and login.identity:
            words |= {
                "grant_type": "refresh_token",
                "refresh_token": login.identity,
                "client_id": "stackbuild",
            }
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            response = self._send("POST", realm, urlencode(words).encode(), form)
        else:
            signed = {"Authorization": login.basic} if login else {}
            response = self._send("GET", f"{realm}?{urlencode(words)}", None, signed)
        if response.status != 200:
            raise self._refusal(response)
        try:
            value = json.loads(response.body)
            token = str(value.get("token") or value["access_token"])
        except (*NO_JSON, KeyError, AttributeError) as error:
            raise UnreachableError.of(f"the registry {self.name} gives no token") from error
        self._tokens[scope] = (token, time.monotonic() + 0.8 * float(value.get("expires_in") or 60))
        return token

    def _refusal(self, response: Response) -> UnreachableError:
        text = said(response.status, response.body)
        what, todo = storage(response.body)
        if what:
            message = f"the registry {self.name} cannot write: {what} ({response.status})"
            return UnreachableError.of(message, hint=todo)
        if response.status in _TROUBLE:
            text += _asked(response.headers.get("retry-after", ""))
            message = f"the registry {self.name} is in trouble: {text}"
            return TemporaryError.of(message, hint="try again later")
        message = f"the registry {self.name} refuses: {text}"
        hints = {401: f"docker login {self.name}", 403: f"docker login {self.name}", 405: "is it read-only?"}
        return UnreachableError.of(message, hint=hints.get(response.status, ""))


def _asked(header: str) -> str:
    """For how long a registry asks to be left alone (Retry-After: seconds, or a date), in words."""
    if header.isdecimal():
        return f" (retry-after: {header} s)"
    with contextlib.suppress(ValueError):
        seconds = parsedate_to_datetime(header).timestamp() - time.time()
        return f" (retry-after: {seconds:.0f} s)" if seconds > 0 else ""
    return ""


def _scope(url: str, method: str) -> str:
    """What a token must allow; an upload, too, goes on at an address in its repository."""
    found = re.match(r"/v2/(.+)/(?:manifests|blobs|tags)/", urlsplit(url).path)
    actions = {"GET": "pull", "HEAD": "pull", "DELETE": "pull,delete"}.get(method, "pull,push")
    return f"repository:{found[1]}:{actions}" if found else ""


def _innermost(error: BaseException) -> str:
    """The reason inside of urllib3's, in one line."""
    seen: set[BaseException] = set()
    while error not in seen:
        seen.add(error)
        error = next((one for one in _within(error) if isinstance(one, BaseException)), error)
    text = str(getattr(error, "strerror", None) or error)
    if type(error) is BadStatusLine:
        text = f"it does not speak HTTP, and begins with '{ascii(text)[1:41]}'"
    if isinstance(error, IncompleteRead):
        # the answer itself in Python's, how much there was of it in urllib3's
        partial: Any = error.partial
        there = partial if isinstance(partial, int) else len(partial)
        text = f"its answer was cut off after {there} bytes"
    return re.sub(r"<[^>]*>:?\s*", "", " ".join(text.split())).strip(" ()") or type(error).__name__


def _within(error: BaseException) -> tuple[object, ...]:
    """Where an error may have its reason: a connection that was cut short has it among its words."""
    return (getattr(error, "reason", None), error.__cause__, *error.args)
