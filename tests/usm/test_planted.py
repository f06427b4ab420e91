"""Each planted bug is found: by the lives of `test_lives`, as many as the CI tries, or by the test that is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import pytest
from hypothesis import Phase

from app.usm.errors import UsmError
from tests.usm import mutants
from tests.usm.conftest import World
from tests.usm.machine import live
from tests.usm.mutants import FOUND_BY_LIVES, FOUND_BY_TESTS, Plant
from tests.usm.test_lives import LIVES

GRIEF = (Exception, pytest.fail.Exception)


@pytest.mark.parametrize("plant", FOUND_BY_LIVES, ids=lambda plant: plant.__name__)
def test_the_lives_find_a_planted_bug(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, UsmError, KeyError)):
        live(LIVES, (Phase.generate,), always_the_same=True)


@pytest.mark.parametrize("plant", FOUND_BY_TESTS, ids=lambda plant: plant.__name__)
def test_the_named_test_finds_a_planted_bug(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    test, given = FOUND_BY_TESTS[plant]
    attempt(test, given)
    plant(monkeypatch)
    with pytest.raises(GRIEF):
        attempt(test, given)


def attempt(test: Callable[..., None], given: Mapping[str, Any]) -> None:
    """Run a test with what its fixtures would give it."""
    world = World()
    made = {"key": world.session().folders("0").key} if "key" in signature(test).parameters else {}
    test(world=world, **made, **given)


def test_every_planted_bug_has_somebody_who_finds_it() -> None:
    planted = {
        value for value in vars(mutants).values() if getattr(value, "__module__", "") == mutants.__name__
    }
    assert planted == {*FOUND_BY_LIVES, *FOUND_BY_TESTS}
    assert not set(FOUND_BY_LIVES) & FOUND_BY_TESTS.keys()
