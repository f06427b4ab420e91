"""Nothing is stored that is not described: the inventory against tables, fields in the program, and the docs."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from app.administration import inventory
from app.administration.inventory import COLUMNS, ELSEWHERE, FIELDS, described
from app.store import personal
from app.store.tables import metadata
from app.usm.ports import STANDING

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "data-protection.md"
NO_FIELDS = {
    "usm.properties",
    "eas.properties",
    "usm.invalid",
    "usm.park",
    "usm.parked",
    "usm.audit",
    STANDING,
}
"""Texts in the program that begin like fields and are none; the standing is a column."""


def test_every_column_of_every_table_is_described_once() -> None:
    wanted = Counter(
        (table.name, column.name) for table in metadata.sorted_tables for column in table.columns
    )
    told = Counter((entry.place, name) for entry in COLUMNS for name in entry.names)
    keys = {pair for pair in told if pair[1] in ("cid", "session")}
    assert told.keys() == wanted.keys()
    assert {pair for pair, count in told.items() if count > 1} <= keys


def test_every_table_tells_whose_its_rows_are() -> None:
    """A table without one of these columns would be left out when data of a person are handed out or deleted."""
    of_nobody = set(metadata.sorted_tables) - {*personal.OF_USER, *personal.OF_SESSION}
    assert [table.name for table in of_nobody] == []
    assert all("cid" in table.c for table in metadata.sorted_tables)


def texts() -> set[str]:
    """All texts in the program that look like the name of a field, or like the beginning of one."""
    found = set()
    for layer in ("usm", "eas", "store", "web", "pages", "administration", "ox"):
        for path in (PROJECT / "app" / layer).rglob("*.py"):
            if path.name == "inventory.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    text = node.value
                    if text.startswith(("usm.", "eas.", "pages.")) and not text.strip(
                        "abcdefghijklmnopqrstuvwxyz._"
                    ):
                        found.add(text)
    return found - NO_FIELDS


def test_every_field_of_the_program_is_described() -> None:
    found = texts()
    assert len(found) > 20
    beginnings = [name for entry in FIELDS for name in entry.names]
    unknown = [
        text
        for text in sorted(found)
        if not described(text)
        and not (text.endswith(".") and any(name.startswith(text) for name in beginnings))
    ]
    assert unknown == []


@pytest.mark.parametrize("text", ["usm.secret.diary", "eas.recovery.copy", "eas.pings"])
def test_a_field_that_is_nowhere_described_is_noticed(text: str) -> None:
    assert not described(text)


def test_every_line_says_what_of_whom_and_how_long() -> None:
    for entry in (*COLUMNS, *FIELDS, *ELSEWHERE):
        assert entry.what, entry
        assert entry.until, entry


def test_the_document_shows_the_table() -> None:
    """``python -m tests.house.test_data_protection`` writes it anew."""
    assert table() in DOCUMENT.read_text()


BEGIN, END = "<!-- usmctl data inventory -->\n", "<!-- end -->\n"


def table() -> str:
    lines = ["| where | names | what | of | until |", "|---|---|---|---|---|"]
    for row in inventory.rows():
        names = ", ".join(f"`{name}`" for name in row["names"].split(", ") if name)
        place = row["place"] if " " in row["place"] else f"`{row['place']}`"
        lines.append(f"| {place} | {names} | {row['what']} | {row['of']} | {row['until']} |")
    return BEGIN + "\n".join(lines) + "\n" + END


if __name__ == "__main__":
    whole = DOCUMENT.read_text()
    before, _, rest = whole.partition(BEGIN)
    DOCUMENT.write_text(before + table() + rest.partition(END)[2])
