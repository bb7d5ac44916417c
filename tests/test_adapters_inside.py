"""How the containers that are asked what a build would install reach the network: as the build does."""

from __future__ import annotations

import pytest

from pipeline.adapters import inside
from pipeline.ports import Means


def test_a_script_that_is_not_online_has_no_network() -> None:
    assert inside.surroundings(None) == {"network_mode": "none"}


def test_a_script_that_is_online_has_the_network_hosts_and_proxies_of_builds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.lab:1")
    means = Means(
        network="host",
        hosts=(("index.lab", "10.0.0.7"),),
        proxies=(("HTTP_PROXY", "http://proxy.lab:1"), ("HTTPS_PROXY", None), ("NO_PROXY", None)),
    )
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert inside.surroundings(means) == {
        "network_mode": "host",
        "extra_hosts": {"index.lab": "10.0.0.7"},
        "environment": {"HTTP_PROXY": "http://proxy.lab:1", "HTTPS_PROXY": "http://user:secret@proxy.lab:1"},
    }
    assert inside.surroundings(Means())["network_mode"] == "bridge"
