"""The publication of a second generation to a real registry, which can be had again and again."""

from __future__ import annotations

import json
import shutil
import struct
import threading
from pathlib import Path

from engine.faulty import FINE, Fault, Faulty
from engine.workshop import Workshop
from pipeline.adapters.registry import Registry
from pipeline.errors import UnreachableError
from pipeline.outcome import Failed, Pushed
from pipeline.run.asking import Asked
from pipeline.run.building import Built, run_build

UPLOAD, RECORDS = "/blobs/uploads/", "/stackbuild-"
IMAGES = ("base", "good", "bad")


def program(code: int) -> bytes:
    """A static program for Linux on x86-64 that ends with this code, so that a probe needs no root image."""
    start = 0x400000
    # mov edi, code; mov eax, exit; syscall
    text = b"\xbf" + struct.pack("<I", code) + b"\xb8\x3c\0\0\0\x0f\x05"
    size = 64 + 56 + len(text)
    header = b"\x7fELF\2\1\1" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, start + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, start, start, size, size, 4096) + text


class Publication:
    """base > good, base > bad: `bad` passes in the first generation and fails in the second.

    The first is in the registry, the second is built and judged here and nowhere else; every `again` is that
    moment again. The registry that the command is told of is a proxy's before the one that keeps it all.
    """

    def __init__(self, workshop: Workshop, proxy: Faulty, upstream: str, storage: Path) -> None:
        self.workshop = workshop
        self.proxy = proxy
        self.upstream = upstream
        self._storage = storage
        self.options = ("--registry", f"{proxy.address}/team", "--publish", "--format", "json")
        self._prepare()

    def _prepare(self) -> None:
        workshop = self.workshop
        workshop.more('[names]\ntags = ["latest"]')
        workshop.more(
            '[retry]\nfirst_wait = "10ms"\nlongest_wait = "50ms"\ntries = 2\nanswer = "3s"\nsilence = "3s"'
        )
        workshop.more('[[smoke]]\nimages = ["good"]\nrun = ["/pass"]')
        workshop.more('[[smoke]]\nimages = ["bad"]\nrun = ["/verdict"]')
        files: dict[str, str | bytes] = {"who": workshop.nonce, "pass": program(0)}
        workshop.image("base", "FROM scratch\nCOPY --chmod=755 who pass /", files)
        workshop.image("good", "FROM jupyter/base\nCOPY who /good", {"who": "1"})
        workshop.image("bad", "FROM jupyter/base\nCOPY --chmod=755 verdict /", {"verdict": program(0)})
        workshop.run(*self.options)
        self.first = self.names()
        assert all(self.first.values())
        (workshop.images / "base/who").write_text(f"{workshop.nonce} again")
        (workshop.images / "bad/verdict").write_bytes(program(1))
        # built, judged and looked into, and pushed to another place
        workshop.run("--registry", f"{self.upstream}/elsewhere", code=1)
        for folder, kept in self._folders():
            shutil.copytree(folder, kept, symlinks=True)
        self.proxy.asked.clear()
        workshop.run(*self.options, code=1)
        self.asked = tuple(self.proxy.asked)
        self.second = self.names()
        assert [image for image in IMAGES if self.second[image] == self.first[image]] == ["bad"]

    def _folders(self) -> list[tuple[Path, Path]]:
        """What a publication changes, and where it is kept as it was."""
        there = (self.workshop.root / ".stackbuild", self._storage)
        return [(folder, self._storage.with_name(f"kept{folder.name}")) for folder in there]

    def again(self) -> None:
        """Everything as it was before the second generation was published."""
        for folder, kept in self._folders():
            shutil.rmtree(folder)
            shutil.copytree(kept, folder, symlinks=True)

    def first_of(self, start: str) -> int:
        """The number of the first request that begins like this."""
        return next(n for n, asked in enumerate(self.asked) if asked.startswith(start))

    def names(self) -> dict[str, str]:
        """Where each image's name leads ("" for nowhere); all tags lead to what is there, whole."""
        registry, found = Registry(), {}
        for image in IMAGES:
            repository = f"{self.upstream}/team/{image}"
            tags = registry.tags(repository)
            there = registry.manifests(f"{repository}:{tag}" for tag in tags)
            for tag in tags:
                value = json.loads(there[f"{repository}:{tag}"].body)
                for part in (value["config"], *value["layers"]):
                    assert registry.blob(repository, part["digest"]), f"{image}:{tag} lacks a part"
            latest = there.get(f"{repository}:latest")
            found[image] = latest.digest if latest else ""
        return found

    def is_sound(self) -> None:
        """Every name is on a build that has passed, and a child's is not ahead of its parent's."""
        names = self.names()
        assert names["bad"] == self.first["bad"]
        for image in ("base", "good"):
            assert names[image] in {self.first[image], self.second[image]}
        assert names["good"] == self.first["good"] or names["base"] == self.second["base"]

    def here(self, address: str = "") -> Built:
        """Publish in this process, which saves the start of another."""
        file, registry = self.workshop.root / "stacks.toml", f"{address or self.proxy.address}/team"
        return run_build(Asked(2, file=str(file), registry=registry, publish=True, quiet=True))

    def complaint(self, address: str = "") -> str:
        """The same where it does not come to its end: what is said of that, with exit code 3."""
        try:
            done = self.here(address).done
        except UnreachableError as error:
            return str(error)
        if done.cut:
            assert isinstance(done.cut, UnreachableError)
            return str(done.cut)
        failed = [one for one in done.outcomes if isinstance(one, Failed)]
        assert {one.exit_code for one in failed} == {3}
        return "\n".join(f"{one.message}\n  hint: {one.hint}" for one in failed)

    def goes_on(self) -> None:
        """The next run completes it, and builds nothing for that."""
        outcomes = self.here().done.outcomes
        assert all(isinstance(outcome, Pushed) for outcome in outcomes), outcomes
        assert self.names() == self.second


class At:
    """A behaviour: what goes wrong with the request of a number, and with all after it where it lasts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.disarm()

    def arm(self, number: int, fault: Fault, *, lasting: bool = False) -> None:
        """From now on requests count."""
        with self._lock:
            self._number, self._fault, self._lasting = number, fault, lasting
            self.seen = 0

    def disarm(self) -> None:
        """Nothing goes wrong any more."""
        self.arm(-1, FINE)

    def __call__(self, _method: str, path: str) -> Fault:
        with self._lock:
            number, self.seen = self.seen, self.seen + 1
            # the engine begins an upload again five times, each time after a longer wait
            lasts = self._lasting and (UPLOAD not in path or RECORDS in path)
            hit = number == self._number or (lasts and number > self._number >= 0)
            return self._fault if hit else FINE
