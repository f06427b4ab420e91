"""The code pages against the requirement sheet's tables, and the checks that guard them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.wbxml.code_page import CodePage, check_pages
from app.wbxml.pages import PAGES

TABLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "codepages.json"
WELL_ATTESTED = 3


@pytest.fixture(scope="module")
def tables() -> dict:
    if not TABLES.exists():
        pytest.skip(f"{TABLES} is not there")
    return json.loads(TABLES.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_the_standards_table(page: CodePage, tables: dict) -> None:
    table = tables[str(page.number)]
    assert page.name == table["name"]
    assert {tag: token for token, tag in page.tags} == table["tokens"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_legacy_tags_are_those_that_three_codecs_know(page: CodePage, tables: dict) -> None:
    legacy = tables[str(page.number)].get("legacy", {})
    attested = {tag: row["token"] for tag, row in legacy.items() if len(row["sources"]) >= WELL_ATTESTED}
    assert {tag: token for token, tag in page.legacy} == attested


def test_there_are_26_pages_with_586_tags() -> None:
    assert [page.number for page in PAGES] == list(range(26))
    assert sum(len(page.tags) for page in PAGES) == 586


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        (CodePage(1, "Wrong", ()), "stands at place 0"),
        (CodePage(0, "Wrong", ((0x04, "Low"),)), "0x04 of Low is not a tag token"),
        (CodePage(0, "Wrong", ((0x40, "High"),)), "0x40 of High is not a tag token"),
        (CodePage(0, "Wrong", ((0x05, "One"), (0x05, "Two"))), "0x05 or tag Two is there twice"),
        (CodePage(0, "Wrong", ((0x05, "One"),), ((0x06, "One"),)), "0x06 or tag One is there twice"),
    ],
)
def test_a_wrong_table_is_refused(page: CodePage, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_pages([page])
