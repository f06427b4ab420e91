"""Layers as pure values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.store.layers import (
    BLOCK,
    GROWTH,
    LAYERS,
    from_blocks,
    pack,
    to_blocks,
    to_merge,
    unpack,
    without_removed,
)

LAYER = st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=8), max_size=20)


@given(LAYER)
def test_a_layer_comes_back_from_its_blocks(layer: dict[str, str | None]) -> None:
    assert from_blocks(data for _, data in to_blocks(layer)) == layer


@given(st.lists(LAYER, max_size=6))
def test_layers_cover_each_other_in_order(layers: list[dict[str, str | None]]) -> None:
    expected: dict[str, str | None] = {}
    for layer in layers:
        expected |= layer
    blocks = [data for layer in layers for _, data in to_blocks(layer)]
    assert from_blocks(blocks) == expected
    assert None not in without_removed(expected).values()


def test_large_layers_are_cut() -> None:
    layer = {str(number): "1" for number in range(2 * BLOCK + 1)}
    blocks = to_blocks(layer)
    assert [entries for entries, _ in blocks] == [BLOCK, BLOCK, 1]
    assert from_blocks(data for _, data in blocks) == layer
    assert to_blocks({}) == []


@given(st.lists(st.integers(1, 100_000), max_size=30))
def test_merging_leaves_few_layers_that_grow_downwards(sizes: list[int]) -> None:
    merged = to_merge(sizes)
    if len(sizes) <= LAYERS:
        assert merged == 0
        return
    assert 2 <= merged <= len(sizes)
    left = [*sizes[: len(sizes) - merged], sum(sizes[len(sizes) - merged :])]
    assert len(left) < len(sizes)
    if len(left) > 1:
        # What lies below is left alone because it is large.
        assert all(size >= GROWTH * sum(left[place + 1 :]) for place, size in enumerate(left[:-2]))


@given(st.text())
def test_any_text_survives_packing(text: str) -> None:
    assert unpack(pack([text, "\ud800"])) == [text, "\ud800"]
