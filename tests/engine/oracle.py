"""A small tree in memory, random edits of it, and what BuildKit executes of it when layers are warm.

The tree is shaped like the embedded one; its images are made of files alone, so that a step costs little. The
oracle knows nothing of stackbuild: it resolves references by itself, makes each image of each edited tree a
stage of one long Dockerfile, each context a named one, and reads from BuildKit's progress which steps were
not cached. Equal contexts have one name, so that equal steps are one step.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

PARENTS = {
    "base-notebook": "",
    "minimal-notebook": "base-notebook",
    "r-notebook": "minimal-notebook",
    "scipy-notebook": "minimal-notebook",
    "datascience-notebook": "scipy-notebook",
    "pyspark-notebook": "scipy-notebook",
    "all-spark-notebook": "pyspark-notebook",
    "tensorflow-notebook": "scipy-notebook",
}
ROOTS = ("lab/root:1", "lab/root:2")
CONFIG = """\
[project]
name = "oracle"

[tree.lab]
path = "images"
refs = ["jupyter/{image}"]

[variant.plain]
overlays = ["swap"]
"""
OVERLAY = """\
description = "another root"

[[root]]
from = "lab/root:*"
to = "lab/root:1"
"""
DOCKERFILE = """\
# {name}, of files alone
ARG {argument}={parent}
FROM ${argument}

LABEL maintainer="lab"
ARG LEVEL=1
ENV MODE_{number}=plain
# what is copied, and nothing else
COPY setup.sh conf *.cfg \\
    /opt/$LEVEL/$MODE_{number}/
USER 1000
"""


@dataclass(frozen=True, slots=True)
class File:
    """A file, or a link where there is a target, or else an empty folder."""

    text: str = ""
    executable: bool = False
    target: str = ""
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Stack:
    """The files of every image by path, its arguments, the root that the overlay swaps in, and the pins."""

    images: Mapping[str, Mapping[str, File]]
    args: Mapping[str, Mapping[str, str]]
    overlay: str
    pins: Mapping[str, str]
    note: str = ""

    def with_file(self, image: str, path: str, file: File | None) -> Stack:
        """With a file changed, added or, for None, gone."""
        files = {name: old for name, old in self.images[image].items() if name != path}
        return replace(self, images={**self.images, image: {**files, **({path: file} if file else {})}})

    def write(self, folder: Path) -> None:
        """The stack as a project that stackbuild takes."""
        text = CONFIG
        for image, args in self.args.items():
            pairs = ", ".join(f'{name} = "{value}"' for name, value in args.items())
            text += f"\n[tree.lab.images.{image}]\nargs = {{ {pairs} }}\n"
        (folder / "overlays").mkdir(parents=True)
        (folder / "stacks.toml").write_text(text)
        (folder / "overlays/swap.toml").write_text(self.overlay)
        lock = "".join(f'\n[root."{name}"]\ndigest = "sha256:{pin}"\n' for name, pin in self.pins.items())
        (folder / "stacks.lock").write_text(f"# {self.note}\nformat = 1\n{lock}")
        for image, files in self.images.items():
            write_files(folder / "images" / image, files)


def write_files(folder: Path, files: Mapping[str, File]) -> None:
    """Write an image's folder."""
    folder.mkdir(parents=True)
    for path, file in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.target:
            place.symlink_to(file.target)
        elif file.folder:
            place.mkdir(exist_ok=True)
        else:
            place.write_text(file.text)
            place.chmod(0o755 if file.executable else 0o644)


def stack(nonce: str) -> Stack:
    """The tree that edits begin with; the nonce keeps its layers apart from those of other tests."""
    images = {}
    for number, (name, parent) in enumerate(PARENTS.items()):
        argument = "BASE_CONTAINER" if parent else "ROOT_CONTAINER"
        text = DOCKERFILE.format(
            name=name, number=number, argument=argument, parent=f"jupyter/{parent}" if parent else ROOTS[1]
        )
        if name == "r-notebook":
            text += "COPY <<EOF /opt/inline\nfirst line\n\n# no comment\nEOF\n"
        if name == "pyspark-notebook":
            text += "COPY . /opt/all/\n"
        images[name] = {
            "Dockerfile": File(text),
            "README.md": File("what nothing copies\n"),
            "setup.sh": File(f"echo {name} {nonce}\n", executable=True),
            "conf/first.conf": File("first = 1\n"),
            "conf/deep/second.conf": File("second = 2\n"),
            "conf/link": File(target="first.conf"),
            "one.cfg": File("one\n"),
            "other/ignored": File("nobody reads this\n"),
            ".dockerignore": File("README.md\nDockerfile\nother\n.dockerignore\n"),
        }
    pins = {root: hashlib.sha256(f"{root} {nonce}".encode()).hexdigest() for root in ROOTS}
    return Stack(images, {"scipy-notebook": {"LEVEL": "7"}}, OVERLAY, pins)


def below(image: str) -> set[str]:
    """An image and all that stands on it."""
    found = {image}
    for name, parent in PARENTS.items():
        if parent in found:
            found.add(name)
    return found


def _name(files: Mapping[str, File]) -> str:
    """A context's name, which says all that is in it."""
    said = json.dumps([(path, repr(file)) for path, file in sorted(files.items())])
    return f"c{hashlib.sha256(said.encode()).hexdigest()[:20]}"


def _root(of: Stack) -> str:
    """The digest that the lowest image stands on: the overlay's root, as the lock pins it."""
    (edit,) = tomllib.loads(of.overlay)["root"]
    return of.pins[edit["to"]]


def _stages(of: Stack, mark: str) -> Iterator[tuple[str, list[str]]]:
    """Each image as a stage, by the stage's name."""
    for image, files in of.images.items():
        parent = PARENTS[image]
        base = f"{mark}--{parent}" if parent else f"root-{_root(of)[:20]}"
        text = files["Dockerfile"].text
        text = re.sub(r"^ARG (BASE|ROOT)_CONTAINER=.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"(?im)^FROM +\S+", f"FROM {base} AS {mark}--{image}", text)
        for name, value in of.args.get(image, {}).items():
            text = re.sub(rf"(?m)^ARG {name}=.*$", f"ARG {name}={value}", text)
        text = re.sub(r"(?im)^COPY (?!<<)", f"COPY --from={_name(files)} ", text)
        yield f"{mark}--{image}", text.splitlines()


def executed(stacks: Sequence[Stack], folder: Path) -> list[set[str]]:
    """For each tree the images of which BuildKit executes something; the first is the one without edits."""
    folder.mkdir()
    contexts: dict[str, Path] = {}
    lines: list[str] = []
    for pin in dict.fromkeys(_root(of) for of in stacks):
        lines += [f"FROM scratch AS root-{pin[:20]}", "COPY <<EOF /root", pin, "EOF"]
    wanted: list[str] = []
    seen: dict[str, str] = {}
    for number, of in enumerate(stacks):
        for files in of.images.values():
            name = _name(files)
            if name not in contexts:
                contexts[name] = folder / name
                write_files(contexts[name], files)
        for stage, text in _stages(of, f"t{number}"):
            lines += text
            image = stage.partition("--")[2]
            # a leaf whose whole line is as it was needs no second look: equal steps are one step
            above = seen.get(f"t{number}--{PARENTS[image]}", "")
            seen[stage] = above + "\n".join(text).replace(f"t{number}--", "")
            if image not in PARENTS.values() and (number == 0 or seen[stage] != seen[f"t0--{image}"]):
                wanted.append(stage)
    lines += ["FROM scratch", *(f"COPY --from={stage} /opt/1 /{stage}" for stage in wanted)]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    ran = _ran(folder, contexts)
    return [{image for image in PARENTS if f"t{number}--{image}" in ran} for number in range(len(stacks))]


def _ran(folder: Path, contexts: Mapping[str, Path]) -> set[str]:
    """The stages of which a step was executed."""
    line = ["docker", "buildx", "build", "--builder=default", "--progress=rawjson", "--provenance=false"]
    line += [f"--build-context={name}={path}" for name, path in contexts.items()]
    empty = folder / "empty"
    empty.mkdir()
    line += ["--output=type=cacheonly", "--file", str(folder / "Dockerfile"), str(empty)]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    steps: dict[str, dict[str, object]] = {}
    for step in _steps(done.stderr):
        steps.setdefault(str(step["digest"]), {}).update(step)
    found = set()
    for step in steps.values():
        stage = re.match(r"\[(t\d+--[a-z-]+) ", str(step["name"]))
        if stage and step.get("completed") and not step.get("cached"):
            found.add(stage[1])
    return found


def _steps(said: str) -> Iterator[dict[str, object]]:
    """Every word on a step, out of JSON values one after the other."""
    decoder = json.JSONDecoder()
    at = said.find("{")
    while at >= 0:
        value, end = decoder.raw_decode(said, at)
        yield from value.get("vertexes") or ()
        at = said.find("{", end)
