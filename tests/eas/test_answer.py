"""What an answer says of itself for those who count answers."""

from __future__ import annotations

import pytest

from app.eas import answer
from app.eas.answer import Answer
from app.eas.status import Common
from app.eas.versions import NEWEST, OLDEST, Version
from app.wbxml import Element
from tests.eas.phone import tree

COLLECTIONS = (
    "Collections",
    ("Collection", ("SyncKey", "1"), ("Status", "1"), ("Commands", ("Add", ("Status", "6")))),
    ("Collection", ("SyncKey", "0"), ("Status", "3")),
)


@pytest.mark.parametrize(
    ("root", "told"),
    [
        (tree("Ping:Ping", ("Status", "2")), (2,)),
        (tree("AirSync:Sync", ("Status", "12"), COLLECTIONS), (12,)),
        (tree("AirSync:Sync", COLLECTIONS), (1, 3)),
        (tree("Move:MoveItems", ("Response", ("Status", "3")), ("Response", ("Status", "1"))), (3, 1)),
        (tree("FolderHierarchy:Folders", ("Folder", ("DisplayName", "Inbox"))), ()),
    ],
)
def test_the_statuses_of_a_document_are_those_of_the_whole_or_else_of_its_parts(
    root: Element, told: tuple[int, ...]
) -> None:
    assert answer.statuses(root) == told
    assert answer.whole(Answer(root)).statuses == told
    assert answer.whole(Answer(root, parts=())).statuses == told
    assert answer.document(root).statuses == told


def test_an_empty_answer_has_no_status() -> None:
    assert answer.whole(Answer(None)).statuses == answer.plain(200).statuses == ()


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("status", [Common.INVALID_CONTENT, Common.RETRY_LATER, Common.REMOTE_WIPE])
def test_a_failure_tells_its_status_also_where_http_stands_in_for_it(
    version: Version, status: Common
) -> None:
    assert answer.failure("Sync", version, status, has_key=False).statuses == (status,)
