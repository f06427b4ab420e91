"""What an error says, where it must not quote."""

from __future__ import annotations

import pytest

from app.usm.errors import ItemUnreadable, unquoted


def number(text: str) -> None:
    int(text)


def test_what_somebody_wrote_is_left_out_of_an_error() -> None:
    with pytest.raises(ValueError, match="Dinner") as caught:
        number("Dinner's 'secret' place")
    assert unquoted(caught.value).startswith("invalid literal for int() with base 10: ")
    assert "Dinner" not in unquoted(caught.value)
    assert "secret" not in unquoted(caught.value)


def test_what_is_said_without_quotes_stays() -> None:
    assert unquoted(ItemUnreadable("contact 5: a series in month 13")) == "contact 5: a series in month 13"


def test_an_error_without_words_is_told_by_its_name() -> None:
    assert unquoted(ValueError()) == "ValueError"
