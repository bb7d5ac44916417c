"""The private registry: what it has, and names moved on it."""

from pipeline.adapters.registry.registry import Registry

__all__ = ["Registry"]
