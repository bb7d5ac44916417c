"""stacks.toml, section by section."""

from pipeline.config.freshness import Fresh
from pipeline.config.names import DEFAULT_TAGS, TagField, value_of
from pipeline.config.project import DEFAULT_PLATFORM, Config, Variant, for_tree, parse
from pipeline.config.smokes import DEFAULT_TIMEOUT, Smoke
from pipeline.config.trees import ImageSettings, TreeConfig

__all__ = [
    "DEFAULT_PLATFORM",
    "DEFAULT_TAGS",
    "DEFAULT_TIMEOUT",
    "Config",
    "Fresh",
    "ImageSettings",
    "Smoke",
    "TagField",
    "TreeConfig",
    "Variant",
    "for_tree",
    "parse",
    "value_of",
]
