"""Persisted folders over GraphQL and REST, on one set of rules. ARCHITECTURE.md describes the modules."""

from importlib.metadata import version

__version__ = version("persisted-folders-gateway")
