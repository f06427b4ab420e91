"""The package is built once for all tests."""

from pathlib import Path

import pytest

from tests.packaging.deb import Deb, snapshot


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def deb(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Deb:
    return Deb.build(sources, tmp_path_factory.mktemp("package"))
