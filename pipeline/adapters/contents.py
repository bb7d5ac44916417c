"""What built images hold, asked of the engine and of the images themselves, and remembered by image id."""

from __future__ import annotations

import contextlib
import json
import time

from pipeline import manifest
from pipeline.adapters.engine import Engine
from pipeline.adapters.inside import CannotRunError, Inside, Script
from pipeline.adapters.state import State
from pipeline.manifest import Layer, Manifest

TIMEOUT = 120.0
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
