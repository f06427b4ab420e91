"""HTML that keeps a parser busy, and HTML that people write."""

from __future__ import annotations

import pytest

from app.usm.markup import MOST, tame

MANY = " ".join(f'a{number}="b"' for number in range(MOST + 1))
BARE = " ".join(f"a{number}" for number in range(MOST + 1))


@pytest.mark.parametrize(
    "markup",
    [
        "",
        "no tag at all",
        '<p class="x">text</p>',
        f'<img src="data:image/png;base64,{"A" * 5000}" alt="a > b">',
        f"<img alt='{BARE} {MANY}'>",
        f"<a href={'x' * 1000}>link</a>",
        f'<p title="{" ".join(["word"] * 500)}">text</p>',
        f"<p>{BARE} {MANY}</p>",
        " ".join(f'a{number}="b"' for number in range(1000)),
        f"<p {' '.join(BARE.split()[:MOST])}>text</p>",
        "<",
        "< p a b c>",
    ],
)
def test_what_people_write_stays_as_it_is(markup: str) -> None:
    assert tame(markup) == markup


@pytest.mark.parametrize(
    "rest",
    [
        MANY,
        BARE,
        MANY.replace('"', "'"),
        MANY.replace('"', ""),
        MANY.replace(" ", "/"),
        MANY.replace(" ", "\n"),
        MANY.replace("=", " = "),
        # What looks like the end of the tag, and is none.
        f"x='>' {MANY}",
        f'y=">" {BARE}',
        f'" {MANY}',
        f"' {BARE}",
        MANY.replace('"b"', '"<p>"'),
    ],
)
@pytest.mark.parametrize("end", [">text</p>", ""])
def test_a_tag_with_more_attributes_than_anybody_writes_has_none(rest: str, end: str) -> None:
    assert tame(f"<i>before</i><p {rest}{end}") == f"<i>before</i><p{end}"


@pytest.mark.parametrize(
    "piece", ["<p ", "<p a='", '<p a="', "a=b ", "<p a=", "= ", "'\"", "<a b=c/", "<p =\n"]
)
def test_no_text_is_dear(piece: str) -> None:
    """A search that goes back over the text would not end in the time of a test."""
    assert len(tame("<p x " + piece * 200_000)) <= 200_000 * len(piece) + 5
