"""Signatures by `cosign`, which takes its passwords and identities from its own environment."""

from __future__ import annotations

import shutil
import subprocess

from pipeline.errors import FailedError, UnreachableError

TIMEOUT = 300


def path() -> str:
    """Where cosign is; "" where it is not."""
    return shutil.which("cosign") or ""


def signature_name(source: str) -> str:
    """Where cosign keeps the signatures of `registry/image@sha256:…`."""
    repository, _, digest = source.partition("@")
    return f"{repository}:{digest.replace(':', '-')}.sig"


def sign(source: str, key: str) -> None:
    """Sign an image of a registry by its digest; `key` says where the key is, "" for keyless.

    Raises UnreachableError where there is no cosign, FailedError where it does not sign.
    """
    program = path()
    if not program:
        hint = "install cosign, or remove [sign] from stacks.toml"
        raise UnreachableError.of("images are to be signed, and there is no `cosign` on PATH", hint=hint)
    line = [program, "sign", "--yes", *(["--key", key] if key else []), source]
    try:
        done = subprocess.run(
            line, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise FailedError.of(f"cosign does not finish signing '{source}'") from error
    except OSError as error:
        raise UnreachableError.of(f"`cosign` cannot be run: {error.strerror}") from error
    if done.returncode:
        said = [text.strip() for text in done.stderr.splitlines() if text.strip()]
        why = said[-1][:300] if said else f"exit {done.returncode}"
        raise FailedError.of(f"cosign does not sign '{source}': {why}")
