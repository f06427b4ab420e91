"""Layers are kept under the fingerprint of what they are made from."""

import dataclasses

import pytest

from lab import base
from lab.base import Recipe
from lab.plan import CACHE


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recipe]:
    made = {
        "base": Recipe("base", "true"),
        "web": Recipe("web", "true", "base"),
        "db": Recipe("db", "true", "base"),
    }
    monkeypatch.setattr(base, "recipe", made.__getitem__)
    return made


def test_a_changed_recipe_gives_a_new_layer(recipes: dict[str, Recipe]) -> None:
    before = base.layer("web")
    recipes["web"] = dataclasses.replace(recipes["web"], script="false")
    assert base.layer("web") != before


def test_a_change_below_gives_a_new_layer_above(recipes: dict[str, Recipe]) -> None:
    before = (base.layer("base"), base.layer("web"), base.layer("db"))
    recipes["base"] = dataclasses.replace(recipes["base"], script="false")
    after = (base.layer("base"), base.layer("web"), base.layer("db"))
    assert not set(before) & set(after)


def test_a_change_beside_leaves_a_layer_alone(recipes: dict[str, Recipe]) -> None:
    before = base.layer("web")
    recipes["db"] = dataclasses.replace(recipes["db"], script="false")
    assert base.layer("web") == before


def test_the_uppermost_layer_comes_first(recipes: dict[str, Recipe]) -> None:
    assert base.layers_of("web") == [base.layer("web"), base.layer("base")]


def test_overlay_options_hold_no_path_of_the_clone() -> None:
    lower = base.layers_of("web")
    upper = CACHE.parent / "oxlab/hosts/web1/upper"
    options = base.overlay_options(lower, upper, upper.with_name("work"))
    assert str(CACHE.parent.parent) not in options
    assert "upperdir=oxlab/hosts/web1/upper" in options
