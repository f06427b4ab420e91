"""OX's values and ours (``app.ox.mapping``)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ox.mapping import contact, folder, values
from app.usm.content import CONTACT_FIELDS
from app.usm.errors import ItemRefused
from app.usm.model import Body, BodyKind, ContentType


@pytest.mark.parametrize("value", [None, "", " ", "\x00\x07", {}, [], True])
def test_what_holds_nothing_is_absent(value):
    assert values.line(value) is None


@pytest.mark.parametrize("value", [None, "", True, "12", 1.5, 10**20])
def test_what_is_no_day_or_moment_is_absent(value):
    assert values.day(value) is None
    assert values.instant(value) is None


def test_text_keeps_lines_and_loses_control_characters():
    assert values.text("a\r\nb\rc\td\x00\x1b\x85\ud800\ufffe€😀") == "a\nb\nc\td€😀"


def test_a_line_has_no_line_ends():
    assert values.line(" Jo\r\n  Ann\t") == "Jo Ann"


def test_numbers_where_text_belongs_are_text():
    assert values.line(4711) == "4711"


@pytest.mark.parametrize("day", [date(1850, 2, 28), date(1969, 12, 31), date(1970, 1, 1), date(2096, 2, 29)])
def test_days_survive(day):
    assert values.day(values.from_day(day)) == day


def test_a_day_that_ox_keeps_with_an_hour_is_that_day():
    assert values.day(values.from_day(date(1960, 5, 5)) + 3_600_000) == date(1960, 5, 5)


def test_a_moment_is_utc():
    assert values.instant(1_700_000_000_123) == datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)


def test_a_note_is_plain_text_whatever_the_device_sends():
    assert values.from_note(Body(BodyKind.TEXT, "a\r\nb")) == "a\nb"
    assert values.from_note(Body(BodyKind.HTML, "<p>a &amp; b</p>")).strip() == "a & b"
    with pytest.raises(ItemRefused):
        values.from_note(Body(BodyKind.MIME, mime=b"x"))


def test_every_contact_field_has_its_row():
    assert set(contact.BY_FIELD) | {contact.PICTURE} == set(CONTACT_FIELDS)


def test_no_column_or_name_is_used_twice():
    assert len({row.column for row in contact.ROWS}) == len(contact.ROWS)
    assert len({row.name for row in contact.ROWS}) == len(contact.ROWS)


WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)
STRATEGIES = {
    str: WORDS,
    date: st.dates(date(1800, 1, 1), date(2200, 1, 1)),
    tuple: st.lists(WORDS, min_size=1, max_size=4).map(tuple),
    Body: st.text(max_size=40).map(lambda text: Body(BodyKind.TEXT, text)),
}


@given(
    st.fixed_dictionaries(
        {}, optional={field: STRATEGIES[kind] for field, kind in CONTACT_FIELDS.items() if kind in STRATEGIES}
    )
)
def test_writing_what_was_read_changes_nothing_more(fields):
    def through(given):
        body = contact.body_of(given, legacy=False)
        return contact.fields_of({row.column: body.get(row.name) for row in contact.ROWS})

    once = through(fields)
    assert through(once) == once
    assert once.keys() <= fields.keys()


def test_a_cleared_field_is_null_and_a_field_that_is_not_named_is_not_there():
    body = contact.body_of(
        {"first_name": None, "note": None, "birthday": None, "home_city": ""}, legacy=False
    )
    assert body == {"first_name": None, "note": None, "birthday": None, "city_home": None}


def test_generation_6_is_not_asked_for_columns_it_does_not_know():
    assert not {616, 617, 618} & set(contact.columns(legacy=True))
    assert contact.body_of({"yomi_company": "x"}, legacy=True) == {}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"file_as": "Doe, Jane", "company": "ACME"}, "Doe, Jane"),
        (
            {"first_name": "Jane", "middle_name": "Q", "last_name": "Doe", "file_as": "Doe, Jane"},
            "Jane Q Doe",
        ),
        ({"company": "ACME"}, "ACME"),
        ({"email1": "a@example.org"}, "a@example.org"),
        ({}, ""),
    ],
)
def test_a_contact_without_a_name_to_show_gets_one_from_its_others(fields, name):
    assert contact.display_name(fields) == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([row.column for row in contact.ROWS]), JSON, max_size=10))
def test_whatever_ox_answers_a_contact_has_values_of_its_types(row):
    fields = contact.fields_of(row)
    assert all(isinstance(value, CONTACT_FIELDS[field]) for field, value in fields.items())


@given(st.dictionaries(st.sampled_from(folder.COLUMNS), JSON))
def test_whatever_ox_answers_a_folder_is_one(row):
    made = folder.folder_of({**dict.fromkeys(folder.COLUMNS), **row}, ContentType.CONTACTS, None)
    assert all(ord(letter) >= 32 for letter in made.title)
    assert isinstance(made.writable, bool)
    folder.readable(row)
