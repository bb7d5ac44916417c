"""What is in images that were really built."""

from __future__ import annotations

import pytest

from engine.workshop import ROOT, Workshop

pytestmark = pytest.mark.engine
DPKG = """Package: tinier
Status: install ok installed
Architecture: all
Version: 1.2-3
Maintainer: x
Description: x

"""


def test_a_manifest_lists_what_is_installed_and_how_large_the_layers_are(workshop: Workshop) -> None:
    workshop.image(
        "one",
        f"FROM {ROOT}\n"
        f"RUN head -c 300000 /dev/zero > /large # {workshop.nonce}\n"
        "COPY status /tmp/status\nRUN cat /tmp/status >> /var/lib/dpkg/status\n"
        "COPY numpy.json /opt/conda/conda-meta/numpy-base-2.2.6-py312_0.json\n"
        'ENTRYPOINT ["false"]\nUSER 1000',
        {"status": DPKG, "numpy.json": "{}"},
    )
    workshop.image("mute", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    assert "not in the engine" in workshop.run("manifest", "one", code=2).err
    workshop.run()
    images = workshop.run("manifest", "--format", "json").json()["variants"]["default"]["images"]
    one, mute = images["one"], images["mute"]
    assert one["packages"]["apt"]["tinier"] == "1.2-3"
    assert len(one["packages"]["apt"]) > 50
    assert one["packages"]["conda"] == {"numpy-base": "2.2.6"}
    assert 300_000 in [layer["size"] for layer in one["layers"]]
    assert sum(layer["size"] for layer in one["layers"]) == one["size"]
    assert one["image_id"] == workshop.ids()["one"]
    assert mute["packages"] == {}
    assert "no shell" in mute["note"]
    assert workshop.containers() == []
    # it is remembered by image id: what is asked again is not run again
    assert workshop.run("manifest", "--format", "json").json()["variants"]["default"]["images"] == images
