"""What a person types to find mail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eas import kql
from app.usm.queries import AllOf, AnyOf, Condition, Mark, Marked, Not, Place, Received, Words

MS = timedelta(milliseconds=1)
DAY = timedelta(days=1)


def day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


def words(*texts: str) -> Condition:
    found = tuple(map(Words, texts))
    return found[0] if len(found) == 1 else AllOf(found)


READ = [
    ("plan", words("plan")),
    ("plan lunch", words("plan", "lunch")),
    ("plan AND lunch", words("plan", "lunch")),
    ('"plan  B" lunch', words("plan B", "lunch")),
    ('"never closed', words("never closed")),
    ("pla*", words("pla")),
    ("plan OR lunch", AnyOf((Words("plan"), Words("lunch")))),
    ("a b OR c", AnyOf((words("a", "b"), Words("c")))),
    ("a (b OR c)", AllOf((Words("a"), AnyOf((Words("b"), Words("c")))))),
    ("NOT plan", Not(Words("plan"))),
    ("a -b", AllOf((Words("a"), Not(Words("b"))))),
    ("NOT (a b)", Not(words("a", "b"))),
    ("from:zoe", Words("zoe", Place.SENDER)),
    ('from:"Zoë Quist"', Words("Zoë Quist", Place.SENDER)),
    ("From=zoe", Words("zoe", Place.SENDER)),
    ("subject:a subject:b", AnyOf((Words("a", Place.SUBJECT), Words("b", Place.SUBJECT)))),
    (
        "subject:a from:b subject:c",
        AllOf((Words("a", Place.SUBJECT), Words("b", Place.SENDER), Words("c", Place.SUBJECT))),
    ),
    (
        "recipients:b",
        AnyOf((Words("b", Place.TO), Words("b", Place.CC), Words("b", Place.BCC))),
    ),
    (
        "subject:(a -b OR c isread:no)",
        AnyOf(
            (
                AllOf((Words("a", Place.SUBJECT), Not(Words("b", Place.SUBJECT)))),
                AllOf((Words("c", Place.SUBJECT), Not(Marked(Mark.READ)))),
            )
        ),
    ),
    ("subject:(from:a)", Words("a", Place.SENDER)),
    ("subject:()", None),
    ("hasattachment:true", Marked(Mark.FILES)),
    ("isread:FALSE", Not(Marked(Mark.READ))),
    ("isflagged:maybe", Words("isflagged:maybe")),
    ("read>true", Words("read>true")),
    ("received:2024-01-02", Received(day(2) - MS, day(3))),
    ("received=2024-01-02", Received(day(2) - MS, day(3))),
    ("received>2024-01-02", Received(after=day(3) - MS)),
    ("received>=2024-1-2", Received(after=day(2) - MS)),
    ("sent<2024-01-02T10:00:00Z", Received(before=day(2))),
    ("date<=2024-01-02", Received(before=day(3))),
    ("received:2024-01-02..2024-01-04", Received(day(2) - MS, day(5))),
    ("received:2024-02-30", Words("received:2024-02-30")),
    ("received:today", Words("received:today")),
    ("received:0001-01-01", Words("received:0001-01-01")),
    ("received:2024-01-02..x", Words("received:2024-01-02..x")),
    ("Re: plan", words("Re:", "plan")),
    ("https://example.org/", Words("https://example.org/")),
    ("from:", Words("from:")),
    ("a ) b ( c", words("a", "b", "c")),
    ("OR", None),
    ("a OR", Words("a")),
    ("NOT", None),
    ("NOT AND", None),
    ("- a", words("-", "a")),
    ('-"" NOT "" a', Words("a")),
    ("( )", None),
    ("", None),
    ('""', None),
    ("(" * 30 + "a" + ")" * 30, Words("a")),
]


@pytest.mark.requirement("MS-ASCMD", 3704, 6659100904, 6659100910, 6659100913)
@pytest.mark.parametrize(("text", "expected"), READ, ids=[text[:40] for text, _ in READ])
def test_it_means(text: str, expected: Condition | None) -> None:
    if expected is None:
        assert kql.condition(text) is None
        return
    assert _flat(kql.condition(text)) == _flat(expected)


def _flat(condition: Condition | None) -> object:
    """Without "all" within "all": how words were put together does not matter."""
    if isinstance(condition, AllOf):
        parts: list[object] = []
        for part in map(_flat, condition.parts):
            parts += part[1] if isinstance(part, tuple) and part[0] == "all" else [part]
        return ("all", parts)
    if isinstance(condition, AnyOf):
        return ("any", [_flat(part) for part in condition.parts])
    return ("not", _flat(condition.part)) if isinstance(condition, Not) else condition


def test_only_so_many_words_count() -> None:
    found = kql.condition(" ".join(f"w{number}" for number in range(500)))
    assert isinstance(found, AllOf)
    assert len(found.parts) == kql.MAX_TERMS


@given(
    st.lists(
        st.sampled_from(["a", "from:", "from:b", "(", ")", "OR", "AND", "NOT", '"', "-", "received:", " "])
    )
)
def test_nothing_that_is_typed_fails(pieces: list[str]) -> None:
    kql.condition(" ".join(pieces))
    kql.condition("".join(pieces))
