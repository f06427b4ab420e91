"""The package is built once for all tests."""

from pathlib import Path

import pytest

from tests.packaging.deb import Deb


@pytest.fixture(scope="session")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Deb:
    folder: Path = tmp_path_factory.mktemp("package")
    return Deb.build(folder)
