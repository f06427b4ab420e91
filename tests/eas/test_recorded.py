"""Recorded requests get the recorded answers, byte for byte, in every version.

Where one differs on purpose, ``make exchanges`` records anew, and the difference in ``tests/fixtures/exchanges`` is
what a reviewer looks at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pytest

from app.eas.dispatch import ENTRIES
from app.eas.versions import BY_TEXT, COMMANDS
from app.wbxml import Element, decode
from tests.eas.exchanges import Entry, Event, Exchange, Message, read, shown, written
from tests.eas.recording import VERSIONS, Scene, command_of, head, path, recorded
from tests.schemas import validate

WBXML = "application/vnd.ms-sync.wbxml"
GOOD: dict[str, Collection[str]] = {"MoveItems": ("3",), "Ping": ("1", "2")}
"""Statuses that are none of a failure, where 1 is not the only one."""
NEVER_FAILS = {"GetHierarchy"}
"""It asks for nothing that there could not be, and its answer has no Status."""


def kept(version: str) -> list[Entry]:
    return read(path(version).read_text(encoding="utf-8"))


def exchanges(version: str) -> list[Exchange]:
    return [entry for entry in kept(version) if isinstance(entry, Exchange)]


def served(version: str) -> set[str]:
    return {name for name in ENTRIES if COMMANDS[name].exists_in(BY_TEXT[version])}


def document(answer: Message) -> Element | None:
    has_one = answer.body and answer.header("Content-Type") == WBXML
    return decode(answer.body) if has_one else None


def statuses(element: Element) -> Iterator[str]:
    if element.name.endswith(":Status"):
        yield element.text
    for child in element:
        yield from statuses(child)


def failed(exchange: Exchange) -> bool:
    root = document(exchange.answer)
    found = {} if root is None else set(statuses(root))
    return exchange.answer.first != "200" or any(
        each not in GOOD.get(exchange.command, ("1",)) for each in found
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_asked_is_answered_as_it_was(version: str) -> None:
    scene = Scene()
    for entry in kept(version):
        if isinstance(entry, Event):
            scene.happen(entry.name)
            continue
        answer = scene.ask(entry.request)
        assert shown(Exchange(entry.title, entry.request, answer)) == shown(entry), "see `make exchanges`"
        root = document(answer)
        if root is not None:
            validate(root, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_command_of_a_version_is_there_when_it_succeeds_and_when_it_fails(version: str) -> None:
    found = exchanges(version)
    assert {each.command for each in found} >= served(version)
    assert {each.command for each in found if not failed(each)} >= served(version) | {"OPTIONS"}
    assert {each.command for each in found if failed(each)} >= served(version) - NEVER_FAILS
    assert [each.command for each in found] == [command_of(each.request) for each in found]


def test_every_version_has_its_file_and_no_other_has_one() -> None:
    assert set(VERSIONS) == set(BY_TEXT)
    assert {each.name for each in path("2.5").parent.iterdir()} == {path(each).name for each in VERSIONS}


@pytest.mark.parametrize("version", ["2.5", "14.0", "16.1"])
def test_recording_anew_tells_the_same_story(version: str) -> None:
    """What the phone sends may have changed since; what it is about has not."""

    def told(entries: list[Entry]) -> list[str]:
        return [entry.name if isinstance(entry, Event) else entry.title for entry in entries]

    assert told(recorded(version)) == told(kept(version))


def test_a_file_is_read_as_it_was_written() -> None:
    for version in VERSIONS:
        text = path(version).read_text(encoding="utf-8")
        assert written(head(version), read(text)) == text
    odd = Exchange(
        "Sync: x: y",
        Message("POST Cmd=Sync", (("A", "b: c"), ("Content-Type", "text/plain")), b"== a\n\n200\n!! b\n"),
        Message("200", (("Content-Type", WBXML),), bytes(range(256))),
    )
    empty = Exchange("OPTIONS: z", Message("OPTIONS"), Message("401"))
    assert read(written("Head", [odd, Event("it happens"), empty])) == [odd, Event("it happens"), empty]
