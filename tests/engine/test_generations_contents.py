"""What changed between generations, told by another machine, and what a registry may forget."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from engine.workshop import ROOT, Workshop
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.adapters.registry import Registry

pytestmark = pytest.mark.engine
PACKAGE = """Package: tinier
Status: install ok installed
Architecture: all
Version: {}
Maintainer: x
Description: x

"""


def stack(workshop: Workshop) -> dict[str, str]:
    """base > child, in which a package's version is a file; gives the environment to run in."""
    workshop.image(
        "base",
        f"FROM {ROOT}\nCOPY status /tmp/status\nRUN cat /tmp/status >> /var/lib/dpkg/status\n",
        {"status": PACKAGE.format("1.0")},
    )
    workshop.image("child", f"FROM jupyter/base\nENV NONCE={workshop.nonce}\n")
    workshop.more('[names]\ntags = ["latest", "{date}"]\n[[smoke]]\nrun = ["true"]')
    return {"STACKBUILD_REGISTRY": workshop.registry}


def publish(workshop: Workshop, env: dict[str, str]) -> Any:
    return workshop.run("--publish", "--allow-unsmoked", "--format", "json", env=env).json()


def there(name: str) -> bool:
    try:
        return bool(Engine().find_root(name).digest)
    except NotFoundError:
        return False


def said_of(workshop: Workshop, image: str) -> int:
    """How many verdicts the registry has on an image's builds."""
    return sum(tag.startswith("v-") for tag in Registry().tags(f"{workshop.registry}/{image}"))


def key_name(workshop: Workshop, image: str) -> str:
    key = workshop.plan()["default"]["images"][image]["key"]
    return f"{workshop.registry}/{image}:k-{key[:32]}"


def test_what_came_with_the_last_generation_and_what_may_go_with_the_one_before(workshop: Workshop) -> None:
    env = stack(workshop)
    publish(workshop, env)
    assert "no generation before" in workshop.run("changes", env=env, code=2).err
    first = key_name(workshop, "base")
    status = workshop.images / "base/status"
    status.write_text(PACKAGE.format("1.1"))
    publish(workshop, env)

    # another machine knows what the registry keeps, and nothing else
    shutil.rmtree(workshop.root / ".stackbuild")
    said = workshop.run("changes", env=env).out
    assert "apt   tinier  1.0 → 1.1  base, child" in said
    found = workshop.run("changes", "1", "2", "--format", "json", env=env).json()
    assert set(found["variants"]["default"]["images"]) == {"base", "child"}
    assert "no generation '7'" in workshop.run("changes", "7", env=env, code=2).err

    # a build that nothing names: everything else stays
    status.write_text(PACKAGE.format("1.2"))
    workshop.run(env=env)
    unnamed = [key_name(workshop, image) for image in ("base", "child")]
    assert workshop.run("prune", "--registry", "--format", "json", env=env).json()["manifests"] == []
    status.write_text(PACKAGE.format("1.1"))
    listed = workshop.run("prune", "--registry", env=env)
    for name in unnamed:
        assert name.rpartition(":")[2] in listed.out
        assert there(name)
    assert "--yes does it" in listed.err
    # a name of an earlier night, which has been on its build ever since
    night = f"{workshop.registry}/base:2020-01-01"
    build = Registry().manifest(first)
    assert build
    Registry().put(night, build)
    assert said_of(workshop, "child") == 3
    workshop.run("prune", "--registry", "--yes", env=env)
    assert not any(map(there, unnamed))
    for name in (first, night, key_name(workshop, "base"), f"{workshop.registry}/child:latest"):
        assert there(name)
    assert said_of(workshop, "child") == 2

    # what was removed is pushed again as soon as it is wanted again
    status.write_text(PACKAGE.format("1.2"))
    workshop.run(env=env)
    assert all(map(there, unnamed))
    status.write_text(PACKAGE.format("1.1"))
    workshop.more("[retention]\ngenerations = 1")
    listed = workshop.run("prune", "--registry", env=env)
    assert f"/base  2020-01-01, {first.rpartition(':')[2]}\n" in listed.out
    workshop.run("prune", "--registry", "--yes", env=env)
    assert not any(map(there, (first, night, *unnamed)))
    assert said_of(workshop, "child") == 1
    assert there(key_name(workshop, "base"))
    assert there(f"{workshop.registry}/child:latest")
    generations = workshop.run("generations", "--all", "--format", "json", env=env).json()
    assert [one["number"] for one in generations["generations"]] == [2]
    assert workshop.run("prune", "--registry", "--format", "json", env=env).json()["manifests"] == []
    assert publish(workshop, env)["outcomes"] == []
