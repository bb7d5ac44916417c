"""The examples of docs/smoke.md are read as they stand."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline import config
from pipeline.config import PROBES
from pipeline.outcome import Result

TEXT = (Path(__file__).parent.parent / "docs/smoke.md").read_text()


def test_the_example_is_a_stacks_toml() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    found = config.parse(f'[tree.notebooks]\npath = "images"\n[variant.cpu]\n{example}', "stacks.toml")
    assert len(found.smokes) == 4
    assert found.variants[1].gpu_probe == "cuda"
    assert found.sharing.any_gpu
    settings = {name for smoke in found.smokes for name in smoke.__slots__ if getattr(smoke, name)}
    assert settings == set(found.smokes[0].__slots__)


def test_every_probe_and_every_result_is_explained() -> None:
    assert set(re.findall(r"(?m)^\| `([a-z-]+)` \| ", TEXT)) >= set(PROBES)
    assert set(re.findall(r"(?m)^- \*\*(\w+)\*\*: ", TEXT)) == {str(result) for result in Result}
