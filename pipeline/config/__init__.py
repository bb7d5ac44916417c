"""stacks.toml, section by section."""

from pipeline.config.building import FROM_ENVIRONMENT, INLINE, Building, Secret, Ssh, is_path, parse_secret
from pipeline.config.freshness import Fresh
from pipeline.config.limits import Resources
from pipeline.config.names import DEFAULT_TAGS, TagField, value_of
from pipeline.config.project import DEFAULT_PLATFORM, Config, Variant, for_tree, parse
from pipeline.config.retention import Retention
from pipeline.config.smokes import DEFAULT_TIMEOUT, GPU_PROBES, PROBES, Smoke, called
from pipeline.config.trees import ImageSettings, TreeConfig

__all__ = [
    "DEFAULT_PLATFORM",
    "DEFAULT_TAGS",
    "DEFAULT_TIMEOUT",
    "FROM_ENVIRONMENT",
    "GPU_PROBES",
    "INLINE",
    "PROBES",
    "Building",
    "Config",
    "Fresh",
    "ImageSettings",
    "Resources",
    "Retention",
    "Secret",
    "Smoke",
    "Ssh",
    "TagField",
    "TreeConfig",
    "Variant",
    "called",
    "for_tree",
    "is_path",
    "parse",
    "parse_secret",
    "value_of",
]
