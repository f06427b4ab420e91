"""The three versions that the lab's phones speak, and a world for each test."""

from __future__ import annotations

import pytest

from app.eas.versions import Version
from tests.eas.phone import Phone, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=[Version.V12_1, Version.V14_1, Version.V16_1], ids=lambda version: version.text)
def version(request: pytest.FixtureRequest) -> Version:
    return Version(request.param)


@pytest.fixture
def phone(world: World, version: Version) -> Phone:
    return world.phone(version)
