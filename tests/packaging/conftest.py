"""The packages are built once for all tests."""

import shutil
from pathlib import Path

import pytest

from tests.packaging.deb import Deb, snapshot
from tests.packaging.rpm import Rpm


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def deb(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Deb:
    return Deb.build(sources, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def rpm(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Rpm:
    if shutil.which("rpmbuild") is None:
        pytest.skip("there is no rpmbuild: `make package` installs it")
    return Rpm.build(sources, tmp_path_factory.mktemp("rpm"))
