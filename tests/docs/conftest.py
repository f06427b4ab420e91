"""The package is the one that the packaging tests build."""

from tests.packaging.conftest import deb, sources

__all__ = ["deb", "sources"]
