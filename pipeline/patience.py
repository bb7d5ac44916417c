"""What is worth another try: passing troubles of networks and engines, and how long to wait for their end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that may soon be over: what, and for how many seconds the other side asks to be left alone.

    With `engine` it is the engine that is gone, and another try makes sense once it is back.
    """

    what: str
    after: float = 0.0
    engine: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How much patience there is: tries of one task, further tries of a whole run, and waits in seconds.

    Who asks to be left alone for longer than `longest` is not waited for. `engine` is how long an engine that
    is gone may take to come back, `answer` how long a registry may take over one request of ours, and
    `silence` how long it may say nothing to a pull, a push or a build that fetches.
    """

    tries: int = 5
    retries: int = 40
    first: float = 1.0
    longest: float = 60.0
    engine: float = 60.0
    answer: float = 30.0
    silence: float = 120.0

    def pause(self, number: int, trouble: Trouble, chance: float) -> float:
        """How long to wait after try `number` (from 1).

        The wait doubles from try to try, and is never shorter than what was asked for; `chance`, from 0 to 1,
        is a fourth of it, so that many do not come back at once.
        """
        wait: float = min(self.longest, self.first * 2.0 ** (number - 1))
        return trouble.after + wait * chance / 4 if trouble.after > wait else wait * (0.75 + chance / 4)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a build ended: BuildKit's own words; where a RUN failed, its exit code, command and last lines."""

    words: str
    exit_code: int = 0
    command: str = ""
    tail: tuple[str, ...] = ()


STATUS = r"(?:408|425|429|50[0234]|52[0-7])"
# what curl, and all that is built on it, says of a network: 60, a wrong certificate, is none of it
CURL = r"(?:6|7|16|18|28|35|52|55|56|92)"
_UNKNOWN = r"(?!.*(?:Name or service not known|CERTIFICATE_VERIFY_FAILED))"

# The reviewed table: what each tool says, on one line, of a trouble that may pass. Each is recorded from the
# tool itself (tests/troubles) where that could be run, or else from its source (conda, mamba, dnf, apk, R).
_SIGNS: tuple[tuple[str, str], ...] = (
    (
        "apt",
        rf"^[EW]: Failed to fetch \S+ +(?:{STATUS} |Connection (?:failed|timed out)|Could not connect"
        r"|Unable to connect|Cannot initiate the connection|Temporary failure resolving"
        r"|Error reading from server|Undetermined Error|Hash Sum mismatch|File has unexpected size"
        r"|Clearsigned file isn't valid|.*Connection reset)",
    ),
    ("pip", rf"Retrying \(Retry\(total=0,.*after connection broken by {_UNKNOWN}"),
    ("pip", rf"\(Caused by ResponseError\('too many {STATUS} error"),
    (
        "pip",
        r"\(Caused by (?:ProtocolError|ReadTimeoutError|ConnectTimeoutError|NewConnectionError|SSLError)"
        rf"{_UNKNOWN}",
    ),
    ("pip", rf"HTTP error {STATUS} while getting"),
    ("pip", r"^pip\._vendor\.\S*(?:ReadTimeoutError|ProtocolError|IncompleteRead|ConnectionError)\b"),
    ("pip", r"Wheel '.*' located at \S*/pip-\S+ is invalid|error: incomplete-download"),
    ("conda", rf"CondaHTTPError: HTTP (?:000 CONNECTION FAILED|{STATUS} )"),
    ("conda", r"ChecksumMismatchError|Downloaded bytes did not match Content-Length"),
    ("mamba", rf"[Dd]ownload error \({CURL}\)|[Tt]ransfer finalized, status: {STATUS}\b"),
    ("npm", rf"\bcode E{STATUS}\b|\bnetwork timeout at: "),
    ("npm", r"\b(?:ECONNRESET|ECONNREFUSED|ETIMEDOUT|ESOCKETTIMEDOUT|ERR_SOCKET_TIMEOUT|EAI_AGAIN)\b"),
    ("curl", rf"curl: \((?:{CURL}\) |22\) The requested URL returned error: {STATUS})"),
    ("wget", rf"\bERROR {STATUS}: |^wget: server returned error: HTTP/\S+ {STATUS}"),
    (
        "wget",
        r"Read error \(.*\) in headers|Connection closed at byte \d+\. Giving up|^wget: download timed out"
        r"|failed: (?:Connection (?:refused|timed out|reset)|Temporary failure|Network is unreachable)"
        r"|^wget: can't connect to remote host .*: (?:Connection|Operation|Host|Network)",
    ),
    (
        "git",
        rf"^fatal: unable to access '.*': (?:The requested URL returned error: {STATUS}|Recv failure"
        r"|Send failure|Could not resolve host|Failed to connect|Operation (?:too slow|timed out)|Empty reply"
        r"|transfer closed|.*(?:SSL_connect|SSL_read|gnutls_handshake|GnuTLS recv|TLS connect error))",
    ),
    ("git", rf"^error: RPC failed; (?:curl {CURL}|HTTP {STATUS})\b|^fatal: early EOF"),
    ("git", r"^fatal: the remote end hung up|fetch-pack: unexpected disconnect"),
    (
        "git",
        r"^ssh: connect to host .*(?:timed out|refused)|^kex_exchange_identification: .*(?:closed|reset)",
    ),
    ("dnf", rf"Curl error \({CURL}\)|Status code: {STATUS} for "),
    ("apk", r"temporary error \(try again later\)"),
    ("R", rf"cannot open URL .*: HTTP status was '{STATUS} "),
)
SIGNS = tuple((tool, re.compile(pattern)) for tool, pattern in _SIGNS)
# what a later line says of an earlier trouble: that it was overcome, or is not what ended the step
OVERRULED = re.compile(
    r"\bWill retry in\b|Retrying\.\Z|: fatal error: |: error: |\berror\[E\d+\]|^make(?:\[\d+\])?: \*\*\* "
    r"|^error: command .* failed|^(?:\S+\.)?(?:SyntaxError|ModuleNotFoundError|ImportError)\b"
    r"|No space left on device|\bPermission denied\b|: FAILED\Z|did NOT match\Z|\bKilled\Z"
)
# a tool that was told to be silent says it by its exit code alone
SILENT = {"curl": {5, 6, 7, 18, 28, 35, 52, 55, 56, 92}, "wget": {4}}

# what BuildKit and the engine say of a registry or a download of their own
_WORDS = re.compile(
    r"connection re(?:set|fused)|broken pipe|\beof\b|i/o timeout|handshake timeout|timeout exceeded"
    r"|deadline exceeded"
    rf"|toomanyrequests|too many requests|\b429\b|(?:status|response)[^\n]*: {STATUS}\b"
    rf"|invalid response status {STATUS}\b|internal server error|bad gateway|service unavailable"
    r"|gateway time-?out|temporary failure in name resolution|server misbehaving|short read"
    r"|failed size validation|use of closed network connection"
    # an upload that a registry has lost, or got as another client's was under way
    r"|blob upload (?:unknown|invalid)|blob unknown to registry|digest (?:invalid|did not match)",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"unauthorized|denied|forbidden|\b40[134]\b|not found|x509|no such host|manifest unknown", re.IGNORECASE
)
_BUSY = re.compile(rf": {STATUS}\b|toomanyrequests", re.IGNORECASE)
_ENGINE = re.compile(
    r"no docker engine answers|the engine is gone|cannot connect to the docker daemon|error during connect"
    r"|error reading from server|transport is closing|closing transport|use of closed network connection"
    r"|code = unavailable|no active session",
    re.IGNORECASE,
)
_ASKED = re.compile(r"retry[- ]?after\W{0,3}(\d+(?:\.\d+)?)\s*(µs|us|ms|s|m)?", re.IGNORECASE)
_SECONDS = {"µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "": 1.0}


def asked_wait(text: str) -> float:
    """For how many seconds a text asks to be left alone, in HTTP's words (Retry-After); 0 if it does not."""
    found = _ASKED.search(text)
    return float(found[1]) * _SECONDS[(found[2] or "").lower()] if found else 0.0


def of_words(text: str) -> Trouble | None:
    """The passing trouble that the engine, or BuildKit itself, speaks of; None for one that will stay."""
    if _ENGINE.search(text):
        return Trouble("the engine is gone", engine=True)
    if _REFUSED.search(text) and not _BUSY.search(text):
        return None
    return Trouble(_short(text), asked_wait(text)) if _WORDS.search(text) else None


def of_log(lines: Iterable[str]) -> Trouble | None:
    """The passing trouble that the end of a command's output speaks of, looked for from the last line up."""
    last = list(lines)
    for line in reversed(last):
        if OVERRULED.search(line):
            return None
        for tool, sign in SIGNS:
            if sign.search(line):
                return Trouble(_short(f"{tool}: {line}"), asked_wait("\n".join(last)))
    return None


def of_build(ending: Ending) -> Trouble | None:
    """The passing trouble that a build ended in, None for everything that another try would not mend."""
    if not ending.exit_code:
        return of_words(ending.words)
    if ending.exit_code == 137:
        return None
    if any(line.strip() for line in ending.tail):
        return of_log(ending.tail)
    for tool, codes in SILENT.items():
        if ending.exit_code in codes and re.search(rf"\b{tool}\b", ending.command):
            return Trouble(f"{tool}: exit code {ending.exit_code}, which is a network's trouble")
    return None


def _short(text: str, most: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
