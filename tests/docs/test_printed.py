"""How a document's word is compared with what a command prints."""

from __future__ import annotations

import pytest

from tests.docs.blocks import WORDS
from tests.docs.printed import Different, compare, with_meaning


@pytest.mark.parametrize(
    ("told", "printed"),
    [
        ("a  b\n", "a       b  \n"),
        ("took … ms\n", "took 12 ms\n"),
        ("…\nlast\n", "one\ntwo\nlast\n"),
        ("first\n…\n", "first\n"),
        ("", ""),
        ("(1 + 1).\n", "(1 + 1).\n"),
    ],
)
def test_what_is_said_is_what_is_printed(told: str, printed: str) -> None:
    assert compare(told, printed, {}) == {}


@pytest.mark.parametrize(
    ("told", "printed"),
    [
        ("a\n", "a\nb\n"),
        ("a\n", "b\na\n"),
        ("a\n", "aa\n"),
        ("ab\n", "a b\n"),
        ("took … ms\n", "took 12\nms\n"),
        ("…\nlast\n", "last\nmore\n"),
        ("a.b\n", "axb\n"),
        ("", "a\n"),
        ("a\n", ""),
    ],
)
def test_what_is_different_is_seen(told: str, printed: str) -> None:
    with pytest.raises(Different):
        compare(told, printed, {})


def test_a_name_stands_for_one_word_from_then_on() -> None:
    meant = compare("id  TRACE\nagain TRACE\n", "id x7\nagain x7\n", {})
    assert meant == {"TRACE": "x7"}
    assert with_meaning("show TRACE --json", meant) == "show x7 --json"
    assert compare("TRACE ended\n", "x7 ended\n", meant) == meant
    with pytest.raises(Different):
        compare("TRACE ended\n", "x8 ended\n", meant)
    with pytest.raises(Different):
        compare("id  TRACE\nagain TRACE\n", "id x7\nagain x8\n", {})


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("sh", ("sh", "", None, None)),
        ("sh on ox1", ("sh", "on ox1", None, None)),
        ("sh on ox1 after beta", ("sh", "on ox1 after beta", None, None)),
        ("sh on ox1 once it rains", ("sh", "on ox1", "it rains", None)),
        ("sh on ox1, ends with 1", ("sh", "on ox1", None, "1")),
        ("sh on ox1 once it rains, ends with 3", ("sh", "on ox1", "it rains", "3")),
        ("python group_data/production.py", ("python", "group_data/production.py", None, None)),
    ],
)
def test_the_words_of_a_fence(words: str, parts: tuple[str | None, ...]) -> None:
    found = WORDS.fullmatch(words)
    assert found is not None
    assert found.group("kind", "where", "once", "status") == parts
