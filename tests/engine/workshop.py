"""Small projects for a real engine: written, built by the real command, and cleaned away."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from pipeline.run.asking import Asked
from pipeline.run.building import run_plan

ROOT = "debian:bookworm"
NONCE = "io.stackbuild.test"
# a place for mounts that nobody else sees
MOUNTS = ("unshare", "--mount", *(("--map-root-user",) if os.geteuid() else ()))
COMMAND = (sys.executable, "-m", "pipeline")
SOURCE = Path(__file__).parent.parent.parent
TOML = """
[project]
name = "workshop"

[tree.notebooks]
path = "images"
refs = ["jupyter/{image}"]
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that is over."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json.loads(self.out)


class Running:
    """A command that runs in a session of its own, as in a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.process = process
        self._out = out
        self._err = err

    def said(self) -> str:
        """What it has said on standard error so far."""
        return self._err.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """A signal to the whole process group, as a terminal sends it."""
        os.killpg(self.process.pid, number)

    def wait(self, timeout: float = 60) -> Ran:
        """Let it end."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"does not end within {timeout} s; said:\n{self.said()}") from None
        return Ran(code, self._out.read_text(errors="replace"), self.said())


def until(true: Callable[[], object], what: str, timeout: float = 120) -> None:
    """Wait until something is true."""
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.05)


def fingerprint(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything about every file below a folder that a command could have changed."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content = b""
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        name = os.fsencode(path.relative_to(folder)).decode("utf-8", "surrogateescape")
        found[name] = (status.st_mode, status.st_mtime_ns, hashlib.sha256(content).hexdigest())
    return found


class Workshop:
    """A project in a folder, whose images carry a label that no other project's do."""

    def __init__(self, root: Path, client: docker.DockerClient, registry: str) -> None:
        self.root = root
        self.images = root / "images"
        self.images.mkdir(parents=True)
        self.client = client
        self.api: Any = client.api
        self.nonce = uuid.uuid4().hex
        self.registry = f"{registry}/t-{self.nonce[:12]}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "STACKBUILD_REGISTRY"},
            "PYTHONPATH": str(SOURCE),
            "XDG_STATE_HOME": str(root / "xdg-state"),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self.toml(TOML)

    # writing

    def toml(self, text: str) -> None:
        """Write stacks.toml."""
        (self.root / "stacks.toml").write_text(text)

    def more(self, text: str) -> None:
        """Add to stacks.toml."""
        with (self.root / "stacks.toml").open("a") as file:
            file.write(f"\n{text}\n")

    def image(self, name: str, dockerfile: str, files: Mapping[str, str | bytes] | None = None) -> Path:
        """Write an image's folder; its Dockerfile gets the label of this project at its end."""
        folder = self.images / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Dockerfile").write_text(f"{dockerfile.strip()}\nLABEL {NONCE}={self.nonce}\n")
        for path, content in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    # running

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        within: Sequence[str] = (),
    ) -> Running:
        """Start a command, within another one where that is given."""
        number = len(self._started)
        out, err = self.root.parent / f"out-{number}", self.root.parent / f"err-{number}"
        with out.open("wb") as output, err.open("wb") as error:
            process = subprocess.Popen(
                [*within, *COMMAND, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=error,
                cwd=cwd or self.root,
                env={**self.environment, **(env or {})},
                start_new_session=True,
            )
        self._started.append(process)
        return Running(process, out, err)

    def run(
        self,
        *arguments: str,
        code: int = 0,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        within: Sequence[str] = (),
    ) -> Ran:
        """Run a command, which must end with this exit code and never with a traceback."""
        ran = self.start(*arguments, env=env, cwd=cwd, within=within).wait(120)
        assert ran.code == code, f"exit code {ran.code}, expected {code}\n{ran.out}\n{ran.err}"
        assert "Traceback" not in ran.err + ran.out
        assert "stackbuild itself failed" not in ran.err, ran.err
        return ran

    # looking

    def plan(self, **asked: Any) -> Any:
        """What `plan --format json` says, without the time that it takes to start a process."""
        return run_plan(Asked(jobs=1, file=str(self.root / "stacks.toml"), **asked)).to_json()["variants"]

    def actions(self, variant: str = "default", **asked: Any) -> dict[str, str]:
        """What a plan would do about each image."""
        return {name: step["action"] for name, step in self.plan(**asked)[variant]["images"].items()}

    def local(self, image: str, variant: str = "default") -> str:
        """What the engine calls an image's present build."""
        return f"stackbuild.local/{image}:k-{self.plan()[variant]['images'][image]['key'][:32]}"

    def ids(self, variant: str = "default") -> dict[str, str]:
        """The id of each image's present build."""
        images = self.plan()[variant]["images"]
        names = {name: f"stackbuild.local/{name}:k-{step['key'][:32]}" for name, step in images.items()}
        return {name: str(self.api.inspect_image(local)["Id"]) for name, local in names.items()}

    def members(self, image: str, folder: str) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
        """What lies below a folder of an image, as in a tar, and the content of files."""
        container = self.api.create_container(image, command=["none"])["Id"]
        try:
            parts, _ = self.api.get_archive(container, folder)
            archive = io.BytesIO(b"".join(parts))
        finally:
            self.api.remove_container(container, force=True)
        found = {}
        with tarfile.open(fileobj=archive) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isreg() else None
                found[member.name] = (member, file.read() if file else b"")
        return found

    def text(self, image: str, path: str, variant: str = "default") -> str:
        """A file of an image's present build."""
        ((_, content),) = self.members(self.local(image, variant), path).values()
        return content.decode()

    # images that are none of ours

    def by_hand(self, dockerfile: str, tag: str, files: Mapping[str, bytes] | None = None) -> str:
        """Build an image with docker alone."""
        with tempfile.TemporaryDirectory() as folder:
            for path, content in {**(files or {}), "Dockerfile": dockerfile.encode()}.items():
                (Path(folder) / path).write_bytes(content)
            line = ["docker", "buildx", "build", "--builder=default", "--load", "--provenance=false"]
            line += [f"--label={NONCE}={self.nonce}", f"--tag={tag}", folder]
            subprocess.run(line, check=True, capture_output=True)
        return tag

    def decoy(self, tag: str, files: Mapping[str, bytes]) -> str:
        """An image of files under a name that may be somebody else's."""
        return self.by_hand("FROM scratch\n" + "".join(f"COPY {path} /\n" for path in files), tag, files)

    def push(self, tag: str) -> None:
        """Push an image with docker alone."""
        subprocess.run(["docker", "push", "--quiet", tag], check=True, capture_output=True)

    # cleaning

    def containers(self) -> list[str]:
        """The containers that run, or have been left behind, on images of this project."""
        mine = {str(image.id) for image in self._images()}
        found = self.client.containers.list(all=True, ignore_removed=True)
        return [str(one.id) for one in found if one.attrs.get("ImageID", one.attrs.get("Image")) in mine]

    def processes(self, mark: str = "") -> list[int]:
        """This project's processes, in builds and containers too, by a mark in their command lines."""
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                if folder.name.isdecimal() and self.nonce in line and mark in line:
                    found.append(int(folder.name))
        return found

    def _images(self) -> Iterator[Any]:
        yield from self.client.images.list(filters={"label": f"{NONCE}={self.nonce}"}, all=True)

    def forget(self, *images: str) -> None:
        """Remove images of this project from the engine, by all of their names."""
        for image in self._images():
            if not images or image.labels.get("io.stackbuild.image") in images:
                with contextlib.suppress(docker.errors.DockerException):
                    self.client.images.remove(image.id, force=True)

    def close(self) -> None:
        """End and remove everything that this project has started or made."""
        for process in self._started:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        # a build outlives the command that was killed
        for process_id in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        for identity in self.containers():
            with contextlib.suppress(docker.errors.DockerException):
                self.api.remove_container(identity, force=True)
        self.forget()
