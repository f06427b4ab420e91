"""The document of what becomes of each field is made from the tables as they are."""

from __future__ import annotations

import re

import pytest

from app.eas.schema.classes import CLASSES
from app.eas.versions import COMMANDS
from app.ox.source import MODULES
from app.usm.content import FIELDS
from app.usm.model import ContentType
from tests.house import coverage_document
from tests.house.coverage_document import (
    COMPOSED,
    DOCUMENT,
    OX_MODULES,
    PROJECT,
    document,
    kept,
    ox_names,
    place,
    share,
)
from tests.samples import missing


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == document(kept()), "run: make coverage-doc"


def test_every_field_has_a_sample() -> None:
    assert missing() == []


def test_it_ends_with_how_much_is_tested() -> None:
    last = DOCUMENT.read_text().splitlines()[-1]
    found = re.fullmatch(r"(\d+) % tested: (\d+) of (\d+) tags and commands of the code pages in use\.", last)
    assert found
    done, total = share(kept())
    assert [int(number) for number in found.groups()] == [done * 100 // total, done, total]
    assert 0 < done <= total


def test_what_was_exercised_is_of_the_standard() -> None:
    known = {tag for tags in coverage_document.standard().values() for tag in tags} | COMMANDS.keys()
    legacy = {f"{page.name}:{tag}" for page in coverage_document.PAGES for _, tag in page.legacy}
    assert set(kept()) - legacy <= known


@pytest.mark.parametrize("content", CLASSES, ids=str)
def test_every_field_of_a_class_is_something_in_ox(content: ContentType) -> None:
    """In each of the modules that hold it; but for those that are only ever asked of OX by another call."""
    if content not in MODULES:
        pytest.skip("no module of OX is read for it yet")
    named = {field for module in OX_MODULES[content] for field in ox_names(content, module)}
    assert set(FIELDS[content]) - named <= {"send"}


@pytest.mark.parametrize(("content", "module"), COMPOSED, ids=str)
def test_what_is_said_of_ox_stands_in_the_mapping(content: ContentType, module: str) -> None:
    """The words of the explanations that look like OX's names are in the code: of the application, or of the stand-in
    for what the application has by its column's number only."""
    folders = (PROJECT / "app" / "ox", PROJECT / "lab" / "ox")
    sources = "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    words = {
        word
        for text in COMPOSED[content, module].values()
        for word in re.findall(r"[a-z]+(?:_[a-z]+)+|[a-z]+[A-Z]\w+", text)
    }
    assert [word for word in sorted(words) if f'"{word}"' not in sources] == []


def test_a_field_is_found_by_what_it_changes() -> None:
    found = place(ContentType.CONTACTS, "children")
    assert found.tags == ("Contacts:Children", "Contacts:Child")
    assert found.sent
    assert found.taken
    assert not place(ContentType.MAIL, "received").taken


def test_fields_of_later_versions_begin_there() -> None:
    since = place(ContentType.MAIL, "draft").since
    assert since is not None
    assert since.text == "16.0"
