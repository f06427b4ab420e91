"""Conditions of a search: what they demand, and what holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.usm.queries import (
    AllOf,
    AnyOf,
    Conversation,
    Mark,
    Marked,
    Not,
    Origin,
    Person,
    Place,
    Received,
    Words,
    alternatives,
    judge_texts,
    verdict,
)

A, B, C = Words("a"), Words("bb"), Words("ccc")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def known(**values: bool | None):
    return lambda leaf: values.get(leaf.text)


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (A, {"a": True}, True),
        (A, {}, None),
        (Not(A), {"a": True}, False),
        (Not(A), {}, None),
        (AllOf((A, B)), {"a": True, "bb": True}, True),
        (AllOf((A, B)), {"a": True}, None),
        (AllOf((A, B)), {"bb": False}, False),
        (AnyOf((A, B)), {"a": True}, True),
        (AnyOf((A, B)), {"a": False}, None),
        (AnyOf((A, B)), {"a": False, "bb": False}, False),
        (AllOf((A, Not(AnyOf((B, C))))), {"a": True, "bb": False, "ccc": False}, True),
    ],
)
def test_what_holds_where_not_all_is_known(condition, values, expected) -> None:
    assert verdict(condition, known(**values)) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (A, ("a",)),
        (Not(A), ()),
        (Received(), ()),
        (Marked(Mark.READ), ()),
        (Conversation(lambda name: True), ()),
        (AllOf((A, C)), ("ccc",)),
        (AllOf((Received(), B)), ("bb",)),
        (AllOf((AnyOf((A, B)), C)), ("ccc",)),
        (AllOf((Not(A), Received())), ()),
        (AnyOf((A, B, A)), ("a", "bb")),
        (AnyOf((A, Received())), ()),
    ],
)
def test_words_of_which_one_must_be_there(condition, expected) -> None:
    assert alternatives(condition) == expected


def test_texts_are_looked_through_whatever_their_case() -> None:
    judge = judge_texts({Place.SUBJECT: "Große PLÄNE", Place.TEXT: "mittags"}, NOON)
    assert judge(Words("pläne"))
    assert judge(Words("GROSSE", Place.SUBJECT))
    assert judge(Words("mittag"))
    assert not judge(Words("pläne", Place.TEXT))
    assert not judge(Words("pläne", Place.SENDER))
    assert judge(Received(after=NOON - timedelta(1)))
    assert not judge(Marked(Mark.READ))


def test_moments_lie_within_or_not() -> None:
    hour = timedelta(hours=1)
    assert Received(NOON - hour, NOON + hour).holds(NOON)
    assert Received().holds(NOON)
    assert not Received(after=NOON).holds(NOON)
    assert not Received(before=NOON).holds(NOON)
    assert not Received().holds(None)


def test_a_person_is_called_by_the_name_or_else_the_address() -> None:
    person = Person(Origin.CONTACTS, {"email2": "b@example.org", "email3": "c@example.org"})
    assert (person.name, person.mail) == ("b@example.org", "b@example.org")
    assert person.mails == ("b@example.org", "c@example.org")
    nobody = Person(Origin.CONTACTS, {"display_name": "Desk"})
    assert (nobody.name, nobody.mail) == ("Desk", "")
