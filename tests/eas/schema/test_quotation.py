"""What of a message is its author's own (``app.eas.schema.quotation``)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eas.schema.quotation import own


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes.\n\nOn Monday Anna wrote:\n> Coming?\n> Anna\n", "Yes."),
        ("Yes.\n> Coming?\n\n", "Yes."),
        ("> Coming?\nYes.\n", "> Coming?\nYes.\n"),
        ("Yes.\n-----Original Message-----\nFrom: Anna\n\nComing?", "Yes."),
        ("Yes.\n----- Ursprüngliche Nachricht -----\nVon: Anna", "Yes."),
        ("nothing is quoted here\n", "nothing is quoted here\n"),
        ("> only\n> a quotation\n", "> only\n> a quotation\n"),
        ("-----Original Message-----\nFrom: Anna", "-----Original Message-----\nFrom: Anna"),
        ("", ""),
    ],
)
def test_the_own_part_of_a_text(text: str, expected: str) -> None:
    assert own(text, is_html=False) == expected


def page(body: str) -> str:
    return f"<html><body>{body}</body></html>"


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>Yes.</p><blockquote type='cite'>Coming?</blockquote>", "<p>Yes.</p>"),
        ("<p>Yes.</p><div class='gmail_quote'>On Monday<blockquote>C?</blockquote></div>", "<p>Yes.</p>"),
        ("<p>Yes.</p><div class='x moz-cite-prefix'>On:</div><blockquote>C?</blockquote>\n", "<p>Yes.</p>"),
        ("<div>Yes.<div id='appendonsend'></div><hr><p>Coming?</p></div>", "<div>Yes.</div>"),
        ("<p>Yes.</p><div id='divRplyFwdMsg'>From: Anna</div>Coming?", "<p>Yes.</p>"),
    ],
)
def test_the_own_part_of_html(markup: str, expected: str) -> None:
    assert own(page(markup), is_html=True) == page(expected)


@pytest.mark.parametrize(
    "markup",
    [
        "<p>nothing is quoted here</p>",
        "<blockquote>Coming?</blockquote><p>Yes.</p>",
        "<div><blockquote>Coming?</blockquote></div>Yes.",
        "<div><blockquote>Coming?</blockquote>Yes.</div>",
        "<blockquote>Coming?</blockquote><i></i>Yes.",
        "<blockquote>all of it</blockquote>",
        "<!-- blockquote --> gmail_quote",
    ],
)
def test_html_that_stays_whole(markup: str) -> None:
    assert own(page(markup), is_html=True) == page(markup)


def test_an_answer_below_a_first_quotation_keeps_it() -> None:
    markup = page("<blockquote>One?</blockquote>Yes.<blockquote>Two?</blockquote>")
    assert own(markup, is_html=True) == page("<blockquote>One?</blockquote>Yes.")


@pytest.mark.parametrize("markup", ["<?xml version='1.0' encoding='utf-8'?><blockquote>", "<blockquote\0>"])
def test_markup_that_no_parser_takes_stays_as_it_is(markup: str) -> None:
    assert own(markup, is_html=True) == markup


@given(st.text("<>/ =\"'abdiov\nblockquotegmail_quote&;"), st.booleans())
def test_any_text_has_an_own_part(text: str, is_html: bool) -> None:
    assert isinstance(own(f"<blockquote>{text}", is_html), str)
