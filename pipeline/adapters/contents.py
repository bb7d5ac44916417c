"""What built images hold, asked of the engine and of the images themselves, and remembered by image id."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import subprocess
import time
from collections.abc import Mapping

from pipeline import freshness, manifest, refs
from pipeline.adapters import plugin
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.adapters.inside import Answer, CannotRunError, Inside, Script
from pipeline.adapters.state import State
from pipeline.freshness import Question
from pipeline.manifest import Layer, Manifest
from pipeline.ports import Means

TIMEOUT = 120.0
PATIENCE = 600.0
LINE = 120


class Contents:
    """The manifests of images in one engine."""

    def __init__(self, engine: Engine, state: State) -> None:
        self._engine = engine
        self._state = state
        self.inside = Inside(engine)

    def known(self, image_id: str) -> Manifest | None:
        """The manifest of an image that was looked into before."""
        for (text,) in self._state.rows("select manifest from manifests where image_id = ?", image_id):
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                return Manifest.from_json(json.loads(str(text)))
        return None

    def look(self, image: str, key: str, image_id: str) -> Manifest:
        """The manifest of an image that the engine holds.

        Raises NotFoundError where it does not, and UnreachableError when the engine goes away.
        """
        if known := self.known(image_id):
            return known
        size = self._engine.product(image_id).size
        found = Manifest(image, key, image_id, size, self._layers(image_id), *self._packages(image_id))
        row = (image_id, json.dumps(found.to_json()), time.time())
        self._state.change("insert or replace into manifests values (?, ?, ?)", [row])
        return found

    def of_root(self, reference: str, pinned: str) -> Manifest:
        """The manifest of a root image, fetched where the engine does not hold it.

        Raises NotFoundError where its registry has it no more, and UnreachableError.
        """
        try:
            image_id = self._engine.product(pinned).image_id
        except NotFoundError:
            with self._engine.mapped(refs.parse(pinned).registry):
                image_id = str(self._engine.client.images.pull(pinned).id)
        return self.look(reference, "", image_id)

    def ask(self, image_id: str, question: Question, means: Means) -> Answer:
        """Ask a manager in an image, with the network as builds have it, what it would install now.

        Raises CannotRunError where the image runs nothing, and UnreachableError when the engine goes away.
        """
        text = {"apt": freshness.APT, "pip": freshness.PIP, "conda": freshness.CONDA}[question.manager]
        script = Script(
            text, question.words, PATIENCE, means, root=question.manager == "apt", files=question.files
        )
        return self.inside.run(image_id, script)

    def acted_on(self, image: str, answer: str) -> bool:
        """Whether an image has been built again for this very answer."""
        return bool(self._state.rows("select 1 from answered where image = ? and answer = ?", image, answer))

    def note_answers(self, answers: Mapping[str, str]) -> None:
        """Remember what images are built again for."""
        rows = [(image, answer, time.time()) for image, answer in answers.items()]
        self._state.change("insert or replace into answered values (?, ?, ?)", rows)

    def _packages(self, image_id: str) -> tuple[dict[str, dict[str, str]], str]:
        try:
            answer = self.inside.run(image_id, Script(manifest.SCRIPT, timeout=TIMEOUT))
            return manifest.packages(answer.out), ""
        except CannotRunError:
            return {}, manifest.MUTE
        except ValueError:
            return {}, "its packages could not be listed"

    def _layers(self, image_id: str) -> tuple[Layer, ...]:
        with self._engine.mapped():
            history = self._engine.api.history(image_id)
        # the engine names the newest first
        return tuple(
            Layer(" ".join(str(one.get("CreatedBy", "")).split())[:LINE], int(one["Size"]))
            for one in reversed(history)
            if one.get("Size")
        )


def made_at(name: str) -> float:
    """When the image of this name on a registry was made, in Unix time; 0 where that cannot be read."""
    line = [*plugin.buildx(), "imagetools", "inspect", "--format", "{{json .Image}}", name]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired, KeyError, TypeError, ValueError):
        done = subprocess.run(line, capture_output=True, timeout=60, check=False)
        found = json.loads(done.stdout)
        text = str(found["created"]) if "created" in found else str(next(iter(found.values()))["created"])
        # Python takes six digits of a second, docker writes nine
        text = re.sub(r"(\.\d{6})\d*", r"\1", text)
        return max(0.0, datetime.datetime.fromisoformat(text).timestamp())
    return 0.0
