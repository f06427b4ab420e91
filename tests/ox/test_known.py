"""Answers of OX that need not be read again (``app.ox.client.Check``)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.ox.source import OxSource
from app.usm.errors import FolderGone, SourceUnavailable
from app.usm.model import ContentType, FolderRef
from app.usm.ports import Wish, never
from tests.ox import test_folders
from tests.ox.canned import CannedOx, Reply, error
from tests.ox.conftest import CONTACTS, INBOX

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ROWS = [["7", 1_700_000_000_000, 32, 0], ["8", 1_800_000_000_000, 0, 0]]
COUNTED = {"validity": 1, "next": 9, "total": 2, "unread": 1}
ALL = [Wish(CONTACTS), Wish(INBOX)]


@pytest.fixture
def source(canned: CannedOx, canned_source: Callable[[], OxSource]) -> OxSource:
    canned.on("mail?all", {"data": ROWS})
    canned.on("mail?examine", {"data": COUNTED})
    canned.on("contacts?all", {"data": [[1, 10, None]], "timestamp": 10})
    canned.on("folders?get", {"data": {"total": 1}})
    return canned_source()


def tag_of(source: OxSource, wish: Wish) -> bytes:
    listing = source.listing_unless(wish, never)
    assert listing is not None
    assert listing.tag
    return listing.tag


@pytest.mark.parametrize("wish", [Wish(INBOX), Wish(CONTACTS), Wish(INBOX, NOON, conversations=True)])
def test_a_listing_that_is_known_is_one_call_and_not_read(
    source: OxSource, canned: CannedOx, wish: Wish
) -> None:
    canned.on(
        "mail?all", {"data": [[*row, "", "", ""] for row in ROWS]} if wish.conversations else {"data": ROWS}
    )
    tag = tag_of(source, wish)
    canned.calls.clear()
    assert source.listing_unless(wish, lambda found: found == tag) is None
    assert len(canned.calls) == 1


def test_a_listing_with_a_tag_is_the_usual_one(source: OxSource) -> None:
    assert source.listing_unless(Wish(INBOX), never) == source.listing(INBOX, None)


OTHERS: dict[str, tuple[Wish, list[list[Any]]]] = {
    "a mark": (Wish(INBOX), [[*ROWS[0][:2], 0, 0], ROWS[1]]),
    "another order": (Wish(INBOX), ROWS[::-1]),
    "one less": (Wish(INBOX), ROWS[1:]),
    "another time span": (Wish(INBOX, NOON), ROWS),
    "another folder": (Wish(FolderRef(1, "default0/Sent", ContentType.MAIL)), ROWS),
    "another number": (Wish(FolderRef(9, INBOX.id, ContentType.MAIL)), ROWS),
}


@pytest.mark.parametrize("other", OTHERS)
def test_any_difference_makes_another_tag(source: OxSource, canned: CannedOx, other: str) -> None:
    tag = tag_of(source, Wish(INBOX))
    wish, rows = OTHERS[other]
    canned.on("mail?all", {"data": rows})
    assert tag_of(source, wish) != tag


def test_a_new_session_changes_nothing(source: OxSource, canned: CannedOx) -> None:
    tag = tag_of(source, Wish(INBOX))

    forgotten = [error("SES-0203")]
    canned.on("mail?all", lambda seen: forgotten.pop() if forgotten else {"data": ROWS})
    assert source.listing_unless(Wish(INBOX), lambda found: found == tag) is None
    assert len(canned.made("login?login")) == 1  # besides the first one, which is not counted


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error("IMAP-1002"), FolderGone),
        (Reply(b"<html>"), SourceUnavailable),
        (Reply({}, 503), SourceUnavailable),
    ],
)
def test_what_is_no_listing_has_no_tag(
    source: OxSource, canned: CannedOx, answer: Any, raised: type[Exception]
) -> None:
    canned.on("mail?all", answer)
    with pytest.raises(raised):
        source.listing_unless(Wish(INBOX), never)


def test_a_survey_that_is_known_is_one_call_and_not_read(source: OxSource, canned: CannedOx) -> None:
    survey = source.survey_unless(ALL, [], never)
    assert survey is not None
    assert survey.tag
    canned.calls.clear()
    assert source.survey_unless(ALL, [], lambda found: found == survey.tag) is None
    assert len(canned.made("multiple?")) == 1
    for wishes, others in ((ALL[:1], [INBOX]), (ALL[::-1], []), ([Wish(CONTACTS), Wish(INBOX, NOON)], [])):
        other = source.survey_unless(wishes, others, never)
        assert other is not None
        assert other.tag != survey.tag


@pytest.mark.parametrize("changed", [{"unread": 0}, {"next": 10}])
def test_a_survey_after_a_change_has_another_tag(
    source: OxSource, canned: CannedOx, changed: dict[str, int]
) -> None:
    survey = source.survey_unless(ALL, [], never)
    canned.on("mail?examine", {"data": {**COUNTED, **changed}})
    other = source.survey_unless(ALL, [], never)
    assert survey is not None
    assert other is not None
    assert other.tag != survey.tag


def test_a_survey_in_the_middle_of_a_change_has_no_tag(source: OxSource, canned: CannedOx) -> None:
    canned.on("mail?examine", {"data": {**COUNTED, "total": 3}})
    survey = source.survey_unless([Wish(INBOX)], [], never)
    assert survey is not None
    assert not survey.tag


def tag_of_folders(source: OxSource) -> bytes:
    tree = source.folders_unless(never)
    assert tree is not None
    assert tree.folders == source.folders()
    return tree.tag


def test_folders_that_are_known_are_one_call_and_not_read(source: OxSource, canned: CannedOx) -> None:
    canned.on("folders?allVisible", test_folders.visible())
    tag = tag_of_folders(source)
    assert tag
    canned.calls.clear()
    assert source.folders_unless(lambda found: found == tag) is None
    assert len(canned.calls) == 1
    canned.on("folders?allVisible", test_folders.visible(mail=(test_folders.INBOX,)))
    assert tag_of_folders(source) != tag


@pytest.mark.parametrize("rows", [{"contacts": [test_folders.row("33", "1", "Mine", "contacts", 1)]}])
def test_folders_that_take_more_than_one_call_have_no_tag(
    source: OxSource, canned: CannedOx, rows: dict[str, Any]
) -> None:
    canned.on("folders?allVisible", test_folders.visible(**rows))
    canned.on("config/folder/contacts", {"data": 33})
    assert not tag_of_folders(source)


def test_folders_that_are_walked_have_no_tag(source: OxSource, canned: CannedOx) -> None:
    canned.on("folders?allVisible", error("SVL-0001"))
    canned.on("folders?list", lambda seen: {"data": test_folders.TREE[seen.params["parent"]]})
    for _ in range(2):
        assert not tag_of_folders(source)
