"""There and back, on every generation of OX: items with all that OX can hold go to a phone, one field is edited there,
and only that field differs afterwards, in OX as in the eyes of another phone.

Items are made by OX's own API with every column set, also those that no device knows. For each field that a device may
change there is one item; the phone sends it whole, as phones do, with the tags of that field as they are edited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.eas.schema.classes import CLASSES
from app.eas.versions import Version
from app.ox.source import MODULES
from app.usm.content import FIELDS
from app.usm.model import Body, BodyKind, ContentType
from app.wbxml import Element
from lab.device import Change, Phone
from lab.ox.columns.contacts import CONTACT_COLUMNS
from tests.end_to_end.stack import Stack, message
from tests.house.coverage_document import ox_names, place, rendered
from tests.ox.standin import WebUser
from tests.samples import BASE, LINES, NEEDED, SAMPLES, START

GENERATIONS = ("6", "7", "8")
VERSIONS = {"6": Version.V12_1, "7": Version.V14_1, "8": Version.V16_1}
"""Each generation with another version: every pair of content and version is tried elsewhere."""

OF_EVERY_CHANGE = frozenset(
    {"last_modified", "last_modified_utc", "lastModified", "modified_by", "modifiedBy", "timestamp", "flags"}
)
"""What every change changes, and what chronos only repeats in other words (``flags``)."""

TEXTS = tuple(text.replace("😀", "☺") for text in LINES)
"""The databases of generations 6 and 7 have no characters beyond the first plane."""

LATER = "yomi"
"""Fields that generation 6 does not know begin so."""

NOT_SENT = frozenset({"AirSyncBase:NativeBodyType"})
"""Tags that only a server sends."""


def ms(*day: int) -> int:
    """A Date or Time of OX."""
    return int(datetime(*day, tzinfo=UTC).timestamp()) * 1000  # type: ignore[arg-type, misc]


@pytest.fixture(scope="module", params=GENERATIONS)
def generation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stack(generation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp(f"trips{generation}"), seed="empty", generation=generation)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def web(stack: Stack, generation: str) -> Iterator[WebUser]:
    user = WebUser(SimpleNamespace(url=stack.ox_url), "anton@example.org")  # type: ignore[arg-type]
    yield user
    user.close()


@pytest.fixture
def phones(stack: Stack, generation: str) -> Iterator[Callable[[], Phone]]:
    made: list[Phone] = []

    def new() -> Phone:
        version = VERSIONS[generation].text
        made.append(stack.phone("anton", version=version, device_id=f"trip{len(made)}{id(made) % 10**8}"))
        made[-1].provision()
        made[-1].folder_sync()
        return made[-1]

    yield new
    for phone in made:
        phone.close()
    assert [anomaly for phone in made for anomaly in phone.anomalies] == []


# -- what OX holds -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """One content type before a generation. ``values``: of one item, all that OX can hold, in another kind for each
    number. ``also``: what OX changes of itself with a field."""

    content: ContentType
    module: str
    folder_type: int
    values: Callable[[int], Mapping[str, Any]]
    fields: Sequence[str]
    also: Mapping[str, frozenset[str]] = field(default_factory=dict)


def contact(number: int) -> dict[str, Any]:
    text = TEXTS[number % len(TEXTS)]
    values: dict[str, Any] = {}
    for column in CONTACT_COLUMNS:
        if (
            not column.writable
            or column.kind in ("json", "bool")
            or column.name in ("uid", "default_address")
        ):
            continue
        if column.kind == "text":
            values[column.name] = f"{text} {column.name}"[: column.size]
        elif column.kind == "date":
            values[column.name] = (ms(1960, 2, 29), ms(1969, 12, 31), ms(2024, 2, 29))[number % 3]
        else:
            values[column.name] = 3
    mails = {f"email{place}": f"mail{place}.{number}@example.org" for place in (1, 2, 3)}
    names = dict.fromkeys(("display_name", "file_as"), f"{text} {number}")
    return {**values, **mails, **names, "note": f"{text}\nsecond line", "categories": "one,Größe"}


def task(number: int) -> dict[str, Any]:
    text = TEXTS[number % len(TEXTS)]
    return {
        "title": f"{text} {number}",
        "note": f"{text}\nsecond line",
        "start_date": (ms(2024, 2, 29), ms(2031, 3, 30))[number % 2],
        "end_date": ms(2031, 10, 26),
        "alarm": ms(2031, 3, 27, 7),
        "priority": number % 3 + 1,
        "private_flag": bool(number % 2),
        "categories": "one,Größe",
        "status": (1, 2, 4, 5)[number % 4],
        "percent_completed": (0, 30, 0, 50)[number % 4],
        "color_label": number % 10,
        "target_duration": 90,
        "actual_duration": 30,
        "target_costs": 12.5,
        "actual_costs": 7.25,
        "currency": "EUR",
        "trip_meter": text,
        "billing_information": text,
        "companies": text,
        **_RULES[number % len(_RULES)],
    }


_RULES: Sequence[Mapping[str, Any]] = (
    {},
    {"recurrence_type": 1, "interval": 2},
    {"recurrence_type": 2, "interval": 1, "days": 2 | 8, "occurrences": 5},
    {"recurrence_type": 3, "interval": 1, "day_in_month": 28, "until": ms(2032, 12, 31)},
    {"recurrence_type": 4, "interval": 1, "day_in_month": 28, "month": 2},
)


def appointment(number: int) -> dict[str, Any]:
    text = TEXTS[number % len(TEXTS)]
    begins = {"start_date": ms(2031, 3, 28, 9), "end_date": ms(2031, 3, 28, 10), "full_time": False}
    if number % 4 == 3:
        begins = {"start_date": ms(2031, 3, 28), "end_date": ms(2031, 3, 29), "full_time": True}
    return {
        **begins,
        "title": f"{text} {number}",
        "location": text,
        "note": f"{text}\nsecond line",
        "alarm": (0, 15, 1440)[number % 3],
        "shown_as": number % 4 + 1,
        "private_flag": False,
        "categories": "one,Größe",
        "color_label": number % 10,
        "timezone": "Europe/Berlin",
        "ignore_conflicts": True,
        **_RULES[number % len(_RULES)],
    }


def event(number: int) -> dict[str, Any]:
    text = TEXTS[number % len(TEXTS)]
    rules = (None, "FREQ=DAILY;INTERVAL=2", "FREQ=WEEKLY;BYDAY=FR;COUNT=5", "FREQ=MONTHLY;BYMONTHDAY=28")
    times: dict[str, Any] = {
        "startDate": {"value": "20310328T100000", "tzid": "Europe/Berlin"},
        "endDate": {"value": "20310328T110000", "tzid": "Europe/Berlin"},
    }
    if number % 5 == 4:
        times = {"startDate": {"value": "20310328"}, "endDate": {"value": "20310329"}}
    rule = rules[number % len(rules)]
    return {
        **times,
        **({"rrule": rule} if rule else {}),
        "summary": f"{text} {number}",
        "location": text,
        "description": f"{text}\nsecond line",
        "categories": ["one", "Größe"],
        "class": ("PUBLIC", "CONFIDENTIAL", "PRIVATE")[(number + 1) % 3],
        "transp": ("OPAQUE", "TRANSPARENT")[number % 2],
        "color": "#ff0000",
        "url": "https://example.org/",
        "geo": {"lat": 52.5, "long": 13.4},
        "extendedProperties": {"X-SOMETHING": {"value": text}},
        "alarms": [{"action": "DISPLAY", "trigger": {"duration": "-PT15M", "related": "START"}}],
    }


CONTACTS = Kind(
    ContentType.CONTACTS,
    "contacts",
    9,
    contact,
    [name for name in FIELDS[ContentType.CONTACTS] if name not in ("file_as", "picture")],
    {
        "display_name": frozenset({"file_as"}),
        **{
            f"{place}_{part}": frozenset({f"address{place.title()}"})
            for place in ("home", "business", "other")
            for part in ("street", "city", "state", "postal_code", "country")
        },
    },
)
_STATES = frozenset({"status", "percent_completed", "date_completed"})
TASKS = Kind(
    ContentType.TASKS,
    "tasks",
    7,
    task,
    [name for name in FIELDS[ContentType.TASKS] if name != "completed"],
    {
        "start": frozenset({"start_time"}),
        "due": frozenset({"end_time"}),
        "complete": _STATES,
    },
)
_CHANGED = (
    *("subject", "location", "body", "reminder", "categories"),
    *("start", "busy", "sensitivity", "end", "recurrence"),
)
_MOVED = frozenset({"sequence"})
"""Whoever takes part in a meeting must hear of it (RFC 5545 3.8.7.4)."""
_TIMES = dict.fromkeys(("start", "end", "recurrence"), _MOVED)
APPOINTMENTS = Kind(ContentType.CALENDAR, "calendar", 8, appointment, _CHANGED, _TIMES)
EVENTS = Kind(
    ContentType.CALENDAR,
    "chronos",
    8,
    event,
    _CHANGED,
    {**_TIMES, "busy": frozenset({"extendedProperties"}), "reminder": frozenset({"attendees"})},
)
KINDS = {
    "6": (CONTACTS, TASKS, APPOINTMENTS),
    "7": (CONTACTS, TASKS, APPOINTMENTS),
    "8": (CONTACTS, TASKS, EVENTS),
}
NAMES = ("contacts", "tasks", "calendar")


class Shelf:
    """The items of one kind in OX, as OX's own web interface sees them."""

    def __init__(self, web: WebUser, kind: Kind, folder: str) -> None:
        self.web = web
        self.kind = kind
        self.folder = folder

    def create(self, values: Mapping[str, Any]) -> str:
        if self.kind.module == "chronos":
            made = self.web.call("PUT", "chronos", "new", {"event": dict(values)}, folder=self.folder)
            return str(made["created"][0]["id"])
        body = {**values, "folder_id": self.folder}
        return str(self.web.call("PUT", self.kind.module, "new", body)["id"])

    def get(self, item: str) -> dict[str, Any]:
        return dict(self.web.call("GET", self.kind.module, "get", id=item, folder=self.folder))


def shelf(web: WebUser, kind: Kind) -> Shelf:
    leaf = {"contacts": "contacts", "tasks": "tasks", "calendar": "calendar", "chronos": "calendar"}[
        kind.module
    ]
    answer = web.http.get(
        f"{web.ox.url}config/folder/{leaf}", params={"session": web.session, "timezone": "UTC"}, timeout=20
    ).json()
    folder = str(answer["data"])
    return Shelf(web, kind, f"cal://0/{folder}" if kind.module == "chronos" else folder)


# -- what the phone does -------------------------------------------------------------------------------------


def edited(content: ContentType, name: str, version: Version, held: Sequence[Element]) -> list[Element]:
    """All that the phone holds of an item, with the tags of one field as they look with another value."""
    without = {**BASE[content], **NEEDED.get((content, name), {})}
    before = {element.name: element for element in rendered(content, without, version)}
    for sample in _others(content, name):
        after = rendered(content, {**without, name: sample}, version)
        changed = {each.name: each for each in after if before.get(each.name) != each}
        current = {each.name: each for each in held}
        if changed and any(current.get(tag) != element for tag, element in changed.items()):
            kept = [each for each in held if each.name not in changed]
            return [*kept, *changed.values()]
    raise AssertionError(f"no way to edit {name}")


def _others(content: ContentType, name: str) -> Iterator[Any]:
    kind = FIELDS[content][name]
    if kind is str:
        yield "edited@example.org" if name.startswith("email") else "edited on the phone"
    elif kind is Body:
        yield Body(BodyKind.TEXT, "edited\non the phone")
    elif kind is date:
        yield date(2031, 3, 31)
    elif kind is datetime and name in ("start", "end"):
        yield START + {"start": -timedelta(minutes=30), "end": timedelta(hours=2)}[name]
    yield from SAMPLES[content][name]


def sendable(elements: Sequence[Element]) -> list[Element]:
    """As a phone sends them: a body without what only a server says of it."""
    sent = []
    for element in elements:
        if element.name in NOT_SENT:
            continue
        if element.name == "AirSyncBase:Body":
            told = {"AirSyncBase:Type", "AirSyncBase:Data"}
            element = Element(element.name, children=[child for child in element if child.name in told])
        sent.append(element)
    return sent


def shown(item: Element) -> dict[str, str]:
    """Tag → what it holds, of a whole item."""
    return {element.name: repr(element) for element in item if element.name != "Calendar:DtStamp"}


def names_of(kind: Kind, name: str) -> set[str]:
    """What a field is called in OX."""
    said = ox_names(kind.content, kind.module)[name]
    return set(re.findall(r"[A-Za-z][\w-]+", said)) | set(kind.also.get(name, ()))


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    return {
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    } - OF_EVERY_CHANGE


def pair(phone: Phone, content: ContentType, folder_type: int) -> tuple[str, dict[str, Element]]:
    folder = phone.folder_of_type(folder_type).server_id
    phone.sync_all(folder, body_type=1)
    return folder, dict(phone.items(folder))


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_only_what_was_edited_on_the_phone_differs(
    generation: str, stack: Stack, web: WebUser, phones: Callable[[], Phone], number: int
) -> None:
    kind = KINDS[generation][number]
    version = VERSIONS[generation]
    fields = [
        name
        for name in kind.fields
        if place(kind.content, name).taken and not (generation == "6" and name.startswith(LATER))
    ]
    assert len(fields) >= 7
    box = shelf(web, kind)
    made = {name: box.create(kind.values(at)) for at, name in enumerate(fields)}
    before = {name: box.get(item) for name, item in made.items()}

    phone, other = phones(), phones()
    folder, held = pair(phone, kind.content, kind.folder_type)
    _, seen = pair(other, kind.content, kind.folder_type)
    ids = {name: _server_id(held, box, item) for name, item in made.items()}
    assert {name: shown(held[item]) for name, item in ids.items()} == {
        name: shown(seen[item]) for name, item in ids.items()
    }

    changes = [
        Change(
            "Change", ids[name], fields=sendable(edited(kind.content, name, version, list(held[ids[name]])))
        )
        for name in fields
    ]
    result = phone.sync(folder, changes=changes)
    assert {status for status in result.statuses.values() if status != 1} == set()

    faults = []
    for name, item in made.items():
        differs = differing(before[name], box.get(item))
        if not differs <= names_of(kind, name):
            faults.append(f"{name} was edited, and {sorted(differs - names_of(kind, name))} differ")
        if not differs:
            faults.append(f"{name} was edited, and nothing differs")
    assert faults == []

    _, now = pair(other, kind.content, kind.folder_type)
    for name, item in ids.items():
        changed = differing(shown(seen[item]), shown(now[item]))
        tags = set(place(kind.content, name).tags) | {"AirSyncBase:Body"}
        assert changed, f"{name} was edited, and another phone does not see it"
        assert changed <= tags | _FOLLOW.get(name, set()), (
            f"{name} was edited, and another phone sees {changed}"
        )


_FOLLOW: Mapping[str, set[str]] = {"complete": {"Tasks:DateCompleted"}, "start": {"Tasks:Recurrence"}}
"""What another phone sees besides the field itself."""


def _server_id(held: Mapping[str, Element], box: Shelf, item: str) -> str:
    """The phone's name for an item of OX: by its title, which no other has."""
    title = {"contacts": "display_name", "tasks": "title", "calendar": "title", "chronos": "summary"}[
        box.kind.module
    ]
    tag = {"contacts": "Contacts:FileAs", "tasks": "Tasks:Subject"}.get(box.kind.module, "Calendar:Subject")
    wanted = box.get(item)[title]
    found = [name for name, each in held.items() if each.text_of(tag) == wanted]
    assert len(found) == 1, (wanted, [each.text_of(tag) for each in held.values()])
    return found[0]


# -- mail ----------------------------------------------------------------------------------------------------

SEEN, FLAGGED = 32, 8


@pytest.mark.parametrize("flags", [0, 1, 8, 32, 1 | 8 | 32, 32 | 256], ids=str)
def test_a_flag_set_on_the_phone_leaves_the_others(
    generation: str, stack: Stack, web: WebUser, phones: Callable[[], Phone], flags: int
) -> None:
    """Answered, forwarded and the colour stay as they are."""
    inbox = "default0/INBOX"
    ids = {}
    for name in ("read", "flag"):
        subject = f"{name} of {flags}"
        mail = message(subject).as_bytes()
        answer = stack.control("POST", "deliver", data=mail, params={"login": "anton@example.org"})
        ids[name] = (str(answer["id"]), subject)
        web.call("PUT", "mail", "update", {"flags": flags, "value": True}, id=ids[name][0], folder=inbox)
        web.call("PUT", "mail", "update", {"color_label": 3}, id=ids[name][0], folder=inbox)

    def marks(name: str) -> tuple[int, int]:
        row = web.call("PUT", "mail", "list", [{"id": ids[name][0], "folder": inbox}], columns="611,102")[0]
        return row[0], row[1]

    before = {name: marks(name) for name in ids}
    phone = phones()
    folder, held = pair(phone, ContentType.MAIL, 2)
    by_subject = {item.text_of("Email:Subject"): name for name, item in held.items()}
    was = held[by_subject[ids["read"][1]]]
    assert was.text_of("Email:Read") == ("1" if flags & SEEN else "0")
    status = was.find("Email:Flag")
    assert (status is not None and status.text_of("Email:Status") == "2") == bool(flags & FLAGGED)
    flag = Element("Email:Flag") if flags & FLAGGED else _flag()
    phone.sync(
        folder,
        changes=[
            Change(
                "Change",
                by_subject[ids["read"][1]],
                fields=[Element("Email:Read", "0" if flags & SEEN else "1")],
            ),
            Change("Change", by_subject[ids["flag"][1]], fields=[flag]),
        ],
    )
    assert marks("read") == (before["read"][0] ^ SEEN, before["read"][1])
    assert marks("flag") == (before["flag"][0] ^ FLAGGED, before["flag"][1])


def _flag() -> Element:
    children = [Element("Email:Status", "2"), Element("Email:FlagType", "for Follow Up")]
    return Element("Email:Flag", children=children)


def test_every_content_type_that_is_synchronised_has_its_round_trip() -> None:
    tried = {kind.content for kinds in KINDS.values() for kind in kinds} | {ContentType.MAIL}
    assert set(CLASSES) & set(MODULES) - tried <= {ContentType.NOTES}


# -- series with people and exceptions -----------------------------------------------------------------------

GUEST = "zoe@example.com"


def test_people_and_exceptions_stay_when_a_series_is_renamed_on_the_phone(
    generation: str, stack: Stack, web: WebUser, phones: Callable[[], Phone]
) -> None:
    kind = KINDS[generation][2]
    box = shelf(web, kind)
    series, exceptions = _series(box)
    before, own = box.get(series), [box.get(each) for each in exceptions]
    phone = phones()
    folder, held = pair(phone, kind.content, kind.folder_type)
    server_id = _server_id(held, box, series)
    assert GUEST in repr(held[server_id])
    assert "moved out" in repr(held[server_id])
    version = VERSIONS[generation]
    subject = Element("Calendar:Subject", "renamed")
    # From 16.0 on a phone sends no exceptions with the series: each is an item to it.
    left_out = {"Calendar:Exceptions"} if version >= Version.V16_0 else set()
    rest = [
        each for each in held[server_id] if each.name not in {"Calendar:Subject", *left_out, *_SERVERS_OWN}
    ]
    result = phone.change_item(folder, server_id, sendable([subject, *rest]))
    assert {status for status in result.statuses.values() if status != 1} == set()
    after = box.get(series)
    title = "summary" if kind.module == "chronos" else "title"
    assert after[title] == "renamed"
    assert differing(before, after) <= {title, "sequence"}
    for one, each in zip(own, exceptions, strict=True):
        assert differing(one, box.get(each)) <= {"sequence"}


_SERVERS_OWN = frozenset({"Calendar:ResponseType", "Calendar:AppointmentReplyTime"})
"""Tags that a phone never sends."""


def _series(box: Shelf) -> tuple[str, list[str]]:
    """A daily meeting with a guest, one occurrence moved and one taken out; the ids of it and of the exception."""
    if box.kind.module == "chronos":
        return _chronos_series(box)
    people = [{"type": 5, "mail": GUEST, "display_name": "Zoë Quist"}]
    values = {**appointment(1), "title": "daily", "participants": people, "recurrence_type": 1, "interval": 1}
    series = box.create(values)
    moved = {
        "title": "moved out",
        "start_date": ms(2031, 3, 31, 15),
        "end_date": ms(2031, 3, 31, 16),
        "recurrence_position": 4,
        "ignore_conflicts": True,
    }
    stamp = {"id": series, "folder": box.folder, "timestamp": 2**53}
    exception = str(box.web.call("PUT", "calendar", "update", moved, **stamp)["id"])
    gone = {"id": int(series), "folder": int(box.folder), "recurrence_position": 6}
    box.web.call("PUT", "calendar", "delete", gone, timestamp=2**53)
    return series, [exception]


def _chronos_series(box: Shelf) -> tuple[str, list[str]]:
    me = {
        "cuType": "INDIVIDUAL",
        "uri": "mailto:anton@example.org",
        "email": "anton@example.org",
        "entity": _me(box),
    }
    guest = {"cuType": "INDIVIDUAL", "cn": "Zoë Quist", "uri": f"mailto:{GUEST}", "email": GUEST}
    series = box.create({**event(0), "summary": "daily", "rrule": "FREQ=DAILY", "attendees": [me, guest]})
    changed = {
        "summary": "moved out",
        "startDate": {"value": "20310331T170000", "tzid": "Europe/Berlin"},
        "endDate": {"value": "20310331T180000", "tzid": "Europe/Berlin"},
    }
    where = {"id": series, "folder": box.folder, "timestamp": 2**53}
    at = "Europe/Berlin:20310331T100000"
    done = box.web.call("PUT", "chronos", "update", {"event": changed}, recurrenceId=at, **where)
    exception = str(done["created"][0]["id"])
    gone = [{"id": series, "folder": box.folder, "recurrenceId": "Europe/Berlin:20310402T100000"}]
    box.web.call("PUT", "chronos", "delete", gone, timestamp=2**53)
    return series, [exception]


def _me(box: Shelf) -> int:
    path = f"{box.web.ox.url}config/identifier"
    return int(box.web.http.get(path, params={"session": box.web.session}, timeout=20).json()["data"])
