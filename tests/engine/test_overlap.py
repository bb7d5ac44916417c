"""Builds, probes and pushes of different images go on beside each other."""

from __future__ import annotations

import pytest

from engine.workshop import ROOT, Workshop

pytestmark = pytest.mark.engine


def test_an_image_is_pushed_and_probed_while_what_stands_on_it_is_built(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("slow", "FROM jupyter/base\nRUN sleep 2\n")
    workshop.more('[[smoke]]\nimages = ["base"]\nrun = ["sleep", "0.1"]')
    said = workshop.run("--registry", workshop.registry, "--jobs", "2").err.splitlines()
    starts = [line.partition("  ")[0] for line in said]
    order = [starts.index(what) for what in ("built base", "built slow")]
    for what in ("pushed base", "passed base: sleep 0.1"):
        assert order[0] < starts.index(what) < order[1]
