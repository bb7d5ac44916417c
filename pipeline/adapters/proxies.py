"""The proxies that builds are given, with the values that the environment has for them."""

from __future__ import annotations

import os

from pipeline.ports import Means


def of(means: Means) -> dict[str, str]:
    """The proxies by the names of their variables; those that have no value anywhere are left out."""
    found = {name: os.environ.get(name) if value is None else value for name, value in means.proxies}
    return {name: value for name, value in found.items() if value is not None}
