"""Writes ``docs/coverage.md``: what becomes of each field on either side, and how much of the protocol is tried.

``make coverage-doc`` (this module, run) runs the tests of the protocol with a recorder, keeps what they exercised in
``tests/house/exercised.json`` and writes the document. A house test fails when the document is not what the tables of
today make.

* **Field ↔ tags** is found out, not written down: an item with the field and one without are shown to a device of each
  version, and the tags that make the difference are the field's. What of them a device may send is found by letting the
  same tables read it again.
* **Field ↔ OX** is read from the rows of ``app/ox/mapping``; what no row can say stands in :data:`COMPOSED`.
* **Exercised** is a tag that went through the whole server, in a request or in an answer, during a test that passed.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import app.ox.mapping
from app.eas.dispatch import ENTRIES
from app.eas.errors import ConversionError
from app.eas.folders import SINCE
from app.eas.options import HTML, MIME, PLAIN, Options, Preference
from app.eas.schema.classes import CLASSES, View
from app.eas.versions import ADVERTISED, COMMANDS, Version
from app.usm.content import FIELDS
from app.usm.model import ContentType, Device, Item
from app.wbxml.element import Element
from app.wbxml.pages import PAGES
from tests.house import requirements
from tests.samples import BASE, NEEDED, SAMPLES

PROJECT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = PROJECT / "docs" / "coverage.md"
EXERCISED: Final = PROJECT / "tests" / "house" / "exercised.json"
TESTS: Final = "tests/eas"
RECORDER: Final = "tests.house.exercised"

TITLES: Final[Mapping[ContentType, str]] = {
    ContentType.MAIL: "Mail",
    ContentType.CALENDAR: "Calendar",
    ContentType.CONTACTS: "Contacts",
    ContentType.TASKS: "Tasks",
    ContentType.NOTES: "Notes",
}

REMARKS: Final[Mapping[ContentType, str]] = {
    ContentType.MAIL: "A device may change `read`, `flagged` and `categories`; of drafts the rest too, from 16.0 on.",
    ContentType.NOTES: "OX has no notes: they are messages of a mail folder, as IMAP clients keep them.",
}

OX_MODULES: Final[Mapping[ContentType, Mapping[str, str]]] = {
    ContentType.CONTACTS: {"contacts": "contact"},
    ContentType.CALENDAR: {"calendar": "calendar", "chronos": "calendar_chronos"},
    ContentType.TASKS: {"tasks": "task"},
    ContentType.MAIL: {"mail": "mail"},
    ContentType.NOTES: {"mail folder": "note"},
}
"""Content type → OX's module → the mapping of that."""

_RULE: Final = "recurrence_type, days, day_in_month, month, interval, until, occurrences"
COMPOSED: Final[Mapping[tuple[ContentType, str], Mapping[str, str]]] = {
    (ContentType.CONTACTS, "contacts"): {"picture": "image1, image1_url, number_of_images"},
    (ContentType.TASKS, "tasks"): {
        "complete": "status, percent_completed",
        "completed": "date_completed",
        "recurrence": _RULE,
    },
    (ContentType.CALENDAR, "calendar"): {
        "start": "start_date",
        "end": "end_date",
        "all_day": "full_time",
        "time_zone": "timezone",
        "recurrence": _RULE,
        "exceptions": "recurrence_date_position, change_exceptions, delete_exceptions",
        "organizer": "organizer, organizerId",
        "organized": "organizer, organizerId",
        "attendees": "participants, users, confirmations",
        "reply": "users (confirmation)",
        "attachments": "number_of_attachments, module attachment",
        "add_attachments": "module attachment",
        "remove_attachments": "module attachment",
    },
    (ContentType.CALENDAR, "chronos"): {
        "start": "startDate",
        "end": "endDate",
        "all_day": "startDate without a time",
        "time_zone": "startDate.tzid",
        "uid": "uid",
        "modified": "lastModified, timestamp",
        "recurrence": "rrule",
        "exceptions": "recurrenceId, changeExceptionDates, deleteExceptionDates",
        "organizer": "organizer",
        "organized": "organizer",
        "attendees": "attendees",
        "reply": "attendees.partStat",
        "cancelled": "status",
        "reminder": "alarms",
        "busy": "transp, X-MICROSOFT-CDO-BUSYSTATUS",
        "sensitivity": "class",
        "attachments": "attachments",
        "add_attachments": "attachments",
        "remove_attachments": "attachments",
    },
    (ContentType.MAIL, "mail"): {
        "subject": "subject",
        "sender": "headers (Sender)",
        "from": "from",
        "to": "to",
        "cc": "cc",
        "bcc": "bcc",
        "hidden": "headers (X-Original-To, Envelope-To, X-Envelope-To)",
        "reply_to": "headers (Reply-To)",
        "received": "received_date",
        "importance": "priority",
        "read": "flags (32)",
        "flagged": "flags (8)",
        "answered": "flags (1)",
        "forwarded": "flags (256)",
        "draft": "flags (4)",
        "message_id": "message_id",
        "conversation": "headers (References, In-Reply-To), message_id",
        "conversation_index": "headers (Thread-Index), sent_date",
        "size": "size",
        "categories": "color_label",
        "body": "attachments (text parts)",
        "attachments": "attachments, nested_msgs",
        "signed": "content_type",
        "encrypted": "content_type",
        "meeting": "part text/calendar",
        "add_attachments": "a new draft (autosave)",
        "remove_attachments": "a new draft (autosave)",
    },
    (ContentType.NOTES, "mail folder"): {
        "subject": "Subject",
        "body": "text part",
        "modified": "Date",
        "categories": "color_label",
    },
}

WHOLE: Final = Options(mime_support=0, preferences=(Preference(PLAIN), Preference(HTML), Preference(MIME)))


@dataclass(frozen=True)
class Place:
    """What a field is to a device: its tags, the first version that has them, and whether a device may send it."""

    tags: tuple[str, ...]
    since: Version | None
    sent: bool
    taken: bool


def view(version: Version) -> View:
    """A device that wants to see everything."""
    return View(1, Device("EAS", "phone", "Phone"), version, WHOLE)


def names_in(elements: Sequence[Element]) -> dict[str, str]:
    """Path → what it holds, of all elements and those below them."""
    found: dict[str, str] = {}
    todo = [(element.name, element) for element in elements]
    while todo:
        path, element = todo.pop(0)
        found[path] = found.get(path, "") + repr(element.value)
        todo += [(f"{path} {child.name}", child) for child in element]
    return found


def rendered(content: ContentType, fields: Mapping[str, Any], version: Version) -> list[Element]:
    return CLASSES[content].render(Item("1", "s", content, fields), view(version))


def place(content: ContentType, field: str) -> Place:
    """Where a field stands in what a device gets and sends."""
    tags: dict[str, None] = {}
    since: Version | None = None
    taken = False
    without = {**BASE[content], **NEEDED.get((content, field), {})}
    for version in (each for each in ADVERTISED if each >= SINCE.get(content, each)):
        for sample in SAMPLES[content][field]:
            try:
                before = rendered(content, without, version)
                after = rendered(content, {**without, field: sample}, version)
            except (ConversionError, LookupError, ValueError):
                continue
            changed = _difference(names_in(before), names_in(after))
            if changed and since is None:
                since = version
            tags |= dict.fromkeys(changed)
            taken = taken or field in _read(content, after, version)
    sent = since is not None
    if not sent and (elements := SENT_ONLY.get(field)) is not None:
        if field in _read(content, list(elements), SENT_ONLY_SINCE):
            since, taken = SENT_ONLY_SINCE, True
        tags = dict.fromkeys(path.split()[-1] for path in names_in(elements))
    return Place(tuple(tags), since, sent, taken)


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    changed = [path for path in after if after[path] != before.get(path)]
    return [name for name in dict.fromkeys(path.split()[-1] for path in changed) if name not in _ALWAYS]


def _element(name: str, *children: Element, value: str | bytes | None = None) -> Element:
    return Element(f"AirSyncBase:{name}", value, children)


SENT_ONLY: Final[Mapping[str, Sequence[Element]]] = {
    "send": [Element("Email2:Send")],
    "add_attachments": [
        _element(
            "Attachments",
            _element(
                "Add",
                _element("ClientId", value="1"),
                _element("DisplayName", value="a.txt"),
                _element("Content", value=b"text"),
                _element("Method", value="1"),
            ),
        )
    ],
    "remove_attachments": [
        _element("Attachments", _element("Delete", _element("FileReference", value="1:2:3")))
    ],
}
"""What only devices say, and how."""
SENT_ONLY_SINCE: Final = Version.V16_0

_ALWAYS: Final = frozenset(
    {
        "AirSyncBase:EstimatedDataSize",
        "AirSyncBase:Type",
        "AirSyncBase:NativeBodyType",
        "AirSyncBase:Truncated",
    }
)
"""Tags that follow the body and are no field."""


def _read(content: ContentType, elements: list[Element], version: Version) -> Mapping[str, Any]:
    """What the tables read of elements that a device may send: each by itself, as others may not be sent at all."""
    found: dict[str, Any] = {}
    for read in (CLASSES[content].read_change, CLASSES[content].read_new):
        for part in (elements, *([element] for element in elements)):
            try:
                fields = read(part, view(version))
            except (ConversionError, LookupError, ValueError):
                continue
            found |= {name: value for name, value in fields.items() if value is not None}
    return found


# -- OX ------------------------------------------------------------------------------------------------------


def rows_of(mapping: str) -> Iterator[tuple[str, str]]:
    """Field and OX's name of every row in a module of ``app/ox/mapping``."""
    names = {module.name for module in pkgutil.iter_modules(app.ox.mapping.__path__)}
    if mapping not in names:
        return
    module = importlib.import_module(f"app.ox.mapping.{mapping}")
    for row in getattr(module, "ROWS", ()):
        column = getattr(row, "column", None)
        yield row.field, f"{row.name} ({column})" if column is not None else row.name


@cache
def ox_names(content: ContentType, module: str) -> Mapping[str, str]:
    """Field → what it is called in one of OX's modules."""
    rows = dict(rows_of(OX_MODULES[content][module]))
    return {**COMPOSED.get((content, module), {}), **rows}


# -- the document --------------------------------------------------------------------------------------------


def document(exercised: Sequence[str]) -> str:
    """The whole document. ``exercised``: the tags and commands that tests exercised."""
    parts = [_INTRODUCTION, *_commands(exercised)]
    for content in TITLES:
        parts += _content(content)
    parts += requirements.render()
    parts += _pages(exercised)
    return "\n".join(parts) + "\n"


_INTRODUCTION: Final = """\
# Coverage

Made by `make coverage-doc` from the tables of the code; not to be edited. Versions served: {versions}.

How to read the tables of fields:

* *OX* is the name in OX's HTTP API, its column in brackets. A calendar has two: of the old module, and of the new one.
* *Tags* are those by which a device sees the field; *since* is the first version that has them.
* *Direction*: → goes to the device, ← is also taken from it, – is not shown to devices (it is kept as it is in OX).
""".format(versions=", ".join(version.text for version in ADVERTISED))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]


def _existing() -> list[str]:
    """The commands of the versions that are advertised."""
    return [name for name, rule in COMMANDS.items() if any(map(rule.exists_in, ADVERTISED))]


def _commands(exercised: Sequence[str]) -> list[str]:
    rows = []
    for name in _existing():
        rule = COMMANDS[name]
        marks = [
            "" if not rule.exists_in(version) else "yes" if name in ENTRIES else "no"
            for version in ADVERTISED
        ]
        rows.append([name, *marks, "yes" if name in exercised else ""])
    head = ["command", *(version.text for version in ADVERTISED), "tested"]
    return ["## Commands", "", "Empty: the version has no such command.", "", *_table(head, rows)]


def _content(content: ContentType) -> list[str]:
    if content not in CLASSES:
        return [f"## {TITLES[content]}", "", "Not synchronised.", ""]
    modules = list(OX_MODULES[content])
    rows = []
    for field in FIELDS[content]:
        found = place(content, field)
        ox = [ox_names(content, module).get(field, "") for module in modules]
        direction = (
            "→ ←" if found.sent and found.taken else "→" if found.sent else "←" if found.taken else "–"
        )
        since = found.since.text if found.since else ""
        rows.append([field, *ox, ", ".join(found.tags), since, direction])
    head = ["field", *(f"OX ({module})" for module in modules), "tags", "since", "direction"]
    remarks = [REMARKS[content], ""] if content in REMARKS else []
    return [f"## {TITLES[content]}", "", *remarks, *_table(head, rows)]


def standard() -> dict[str, list[str]]:
    """Page → the tags that the standard has in the versions served."""
    return {page.name: [f"{page.name}:{tag}" for _, tag in page.tags] for page in PAGES if page.tags}


def in_use(page: str, seen: set[str]) -> bool:
    """Whether anything of a code page is handled here. That of a command that is not served has no more than its
    refusal."""
    served = page not in COMMANDS or page in ENTRIES
    return served and bool(seen & set(standard()[page]))


def share(exercised: Sequence[str]) -> tuple[int, int]:
    """How many tags and commands are exercised, and how many there are: tags of the code pages in use here, and all
    commands of the standard."""
    seen = set(exercised)
    tags = [tag for page, tags in standard().items() if in_use(page, seen) for tag in tags]
    everything = [*tags, *_existing()]
    return sum(each in seen for each in everything), len(everything)


def _pages(exercised: Sequence[str]) -> list[str]:
    seen = set(exercised)
    rows, unused = [], []
    for page, tags in standard().items():
        if not in_use(page, seen):
            unused.append(page)
            continue
        rest = [tag.partition(":")[2] for tag in tags if tag not in seen]
        rows.append([page, f"{len(tags) - len(rest)} of {len(tags)}", ", ".join(rest)])
    done, total = share(exercised)
    return [
        "## Tags",
        "",
        "A tag counts as tested when it went through the whole server, in a request or in an answer, during a test of",
        f"`{TESTS}` that passed. Tags that no version served has any more are left out.",
        "",
        *_table(["code page", "tested", "not tested"], rows),
        f"Code pages of which nothing is in use: {', '.join(unused) or 'none'}.",
        "",
        "## Summary",
        "",
        f"{done * 100 // total} % tested: {done} of {total} tags and commands of the code pages in use.",
    ]


def kept() -> list[str]:
    """What the last recorded run of the tests exercised."""
    found: list[str] = json.loads(EXERCISED.read_text()) if EXERCISED.exists() else []
    return found


def record() -> None:
    """Run the protocol's tests with the recorder, which writes :data:`EXERCISED`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", RECORDER, TESTS]
    if subprocess.run(command, cwd=PROJECT, check=False).returncode:
        print(f"some tests of {TESTS} fail: what they exercise does not count", file=sys.stderr)


if __name__ == "__main__":
    if "--keep" not in sys.argv:
        record()
    DOCUMENT.write_text(document(kept()))
