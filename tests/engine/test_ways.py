"""A build asked of the engine itself, and the same one through a client: nobody can tell them apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from test_adapters_context import order, states

from engine.workshop import ROOT, Workshop
from pipeline.adapters.buildx import Buildx
from pipeline.adapters.direct import Direct
from pipeline.adapters.engine import Engine
from pipeline.adapters.progress import Progress
from pipeline.ports import BuildOrder, Means, Word

pytestmark = pytest.mark.engine

DOCKERFILE = """FROM {root} AS tools
COPY a /a
FROM {root}
ARG WHO
ENV WHO=$WHO
WORKDIR /work
COPY --from=tools /a /work/
COPY sub /work/
RUN echo "$WHO" > who && cat who && grep -c pypi.lab /etc/hosts
"""


@pytest.fixture
def what(tmp_path: Path, workshop: Workshop) -> BuildOrder:
    """A build with some of everything."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b").write_text(workshop.nonce)
    (tmp_path / "a").write_text(workshop.nonce)
    return replace(
        order(tmp_path, *states(tmp_path, "a", "sub/b")),
        dockerfile=DOCKERFILE.format(root=ROOT).encode(),
        args=(("WHO", "$(id) 'me'"),),
        labels=(("io.stackbuild.test", workshop.nonce),),
        means=Means(hosts=(("pypi.lab", "10.0.0.7"),), proxies=(("HTTP_PROXY", "http://p:1"),)),
    )


def built(
    run: Callable[[BuildOrder, Progress], bool], what: BuildOrder, log: Path
) -> tuple[bool, Progress, list[Word]]:
    """Build, and give what came of it and what people were told."""
    told: list[Word] = []
    with log.open("w") as file:
        progress = Progress(file, told.append)
        return run(what, progress), progress, told


def test_both_ways_make_the_same_image_and_share_their_layers(
    what: BuildOrder, workshop: Workshop, tmp_path: Path
) -> None:
    engine = Engine()
    ways = {
        "direct": Direct(engine.address, engine.has).run,
        "buildx": Buildx(engine.builder, tmp_path / "contexts", 120.0).run,
    }
    found = {}
    for name, run in ways.items():
        tag = f"stackbuild-test/{workshop.nonce}:{name}"
        went, progress, _ = built(run, replace(what, tags=(tag,)), tmp_path / name)
        assert went, progress.error
        image = workshop.api.inspect_image(tag)
        found[name] = (image["Config"], image["RootFS"], image["Architecture"], image["Os"])
    assert found["direct"] == found["buildx"]
    assert found["direct"][0]["Env"][-1] == "WHO=$(id) 'me'"
    logs = {name: (tmp_path / name).read_text() for name in ways}
    assert "\n$(id) 'me'\n1\n" in logs["direct"]
    # the second one finds all layers of the first
    assert sum(line.endswith(": CACHED") for line in logs["buildx"].splitlines()) >= 4


def test_both_ways_fail_with_the_same_words(what: BuildOrder, workshop: Workshop, tmp_path: Path) -> None:
    engine = Engine()
    nonce = workshop.nonce
    failing = replace(what, dockerfile=f"FROM {ROOT}\nRUN echo {nonce} && exit 7\n".encode())
    missing = replace(what, dockerfile=f"FROM {ROOT}\nRUN : {nonce}\nCOPY none /\n".encode())
    direct, buildx = Direct(engine.address, engine.has), Buildx(engine.builder, tmp_path / "contexts", 120.0)
    for one in (failing, missing):
        (mine, here, _), (theirs, there, _) = (
            built(way.run, one, tmp_path / "log") for way in (direct, buildx)
        )
        assert not mine
        assert not theirs
        assert here.error == there.error
        assert here.ending == there.ending
        assert here.tail == there.tail
        assert here.step == there.step != ""
