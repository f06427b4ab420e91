"""Items that have more than a phone shows, on every generation of OX: what hangs on them, what other programs wrote
into them, what no device knows. A phone edits one thing, and nothing else differs."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from typing import Any

import pytest

from app.wbxml import Element
from lab.device import Phone, calendar
from lab.device.calendar_items import Change
from lab.device.mail import fetch_file
from lab.device.notes import note
from lab.device.tasks import task
from tests.end_to_end.mail_world import MailWorld, before
from tests.ox.standin import PNG, WebUser

TASKS, CALENDAR, CONTACTS, NOTES = 7, 8, 9, 10
NOTES_FOLDER = "default0/Notes"
KIND, NAMED = "X-Uniform-Type-Identifier", "X-Universally-Unique-Identifier"
NAME = "5E1B7C2A-0000-4000-8000-00000000000A"
OF_EVERY_CHANGE = frozenset(
    {
        "last_modified",
        "last_modified_utc",
        "lastModified",
        "modified_by",
        "modifiedBy",
        "timestamp",
        "sequence",
    }
)
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkQBADs=")


@pytest.fixture(scope="module", params=["6", "7", "8"])
def running(
    request: pytest.FixtureRequest, seed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MailWorld]:
    folder = tmp_path_factory.mktemp(f"richer{request.param}") / "data"
    with before(str(request.param), seed, folder) as world:
        yield world


@pytest.fixture
def world(running: MailWorld) -> Iterator[MailWorld]:
    yield running
    assert running.odd() == []


@pytest.fixture
def phone(world: MailWorld) -> Phone:
    return world.phone()


@pytest.fixture
def web(world: MailWorld) -> WebUser:
    return world.web()


def opened(phone: Phone, kind: int) -> str:
    folder = phone.folder_of_type(kind).server_id
    phone.sync_all(folder, body_type=1)
    return folder


def default_folder(web: WebUser, module: str) -> str:
    return str(web.call("GET", f"config/folder/{module}", ""))


def differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    } - OF_EVERY_CHANGE


def whole(held: Element, **changed: str) -> list[Element]:
    """An item as a phone up to 14.1 sends it, with some tags changed; pictures are left out, as phones do that have not
    touched them."""
    tags = {name.replace("_", ":", 1): value for name, value in changed.items()}
    return [
        *(
            each
            for each in held
            if each.name not in tags and each.name not in ("AirSyncBase:NativeBodyType", "Contacts:Picture")
        ),
        *(Element(name, value) for name, value in tags.items()),
    ]


# -- notes ---------------------------------------------------------------------------------------------------


def rich_note() -> bytes:
    """A note of another program: HTML with a picture, a file, and fields of its own in the header."""
    message = EmailMessage(policy=SMTP)
    message["From"] = "Anton <anton@example.org>"
    message["Subject"] = "Rich"
    message["Date"] = "Tue, 1 Dec 2026 08:30:00 +0000"
    message["X-Mail-Created-Date"] = "Mon, 30 Nov 2026 08:30:00 +0000"
    message[KIND], message[NAMED] = "com.apple.mail-note", NAME
    message["X-Other-Program"] = "its own"
    message["Keywords"] = "blue"
    message.set_content('<p>one <b>two</b> <img src="cid:dot"></p>', subtype="html")
    message.add_related(PNG, "image", "png", cid="<dot>", filename="dot.png", disposition="inline")
    message.make_mixed()
    message.add_attachment(b"a,b\n", "text", "csv", filename="table.csv")
    return message.as_bytes()


def stored_note(web: WebUser) -> EmailMessage:
    rows = web.call("GET", "mail", "all", folder=NOTES_FOLDER, columns=f"600,{NAMED}")
    (item,) = [item for item, name in rows if name == NAME]
    params = {
        "action": "get",
        "session": web.session,
        "folder": NOTES_FOLDER,
        "id": item,
        "src": "1",
        "save": "1",
    }
    parsed: Any = message_from_bytes(
        web.http.get(f"{web.ox.url}mail", params=params, timeout=20).content, policy=default
    )
    return parsed


def parts(message: EmailMessage) -> dict[str, bytes]:
    """What a message is made of, but for its HTML."""
    return {
        f"{part.get_content_type()} {part.get_filename()} {part['Content-ID']}": part.get_payload(decode=True)
        for part in message.walk()
        if not part.is_multipart() and part.get_content_type() != "text/html"
    }


def headers(message: EmailMessage) -> dict[str, str]:
    left_out = ("date", "message-id", "x-usm-replaces", "content-type", "mime-version")
    return {name.lower(): str(value) for name, value in message.items() if name.lower() not in left_out}


def test_a_note_of_another_program_keeps_what_a_phone_does_not_show(phone: Phone, web: WebUser) -> None:
    folder = opened(phone, NOTES)
    first = phone.add_item(folder, note("First", "makes the folder"))
    params = {"action": "new", "session": web.session, "folder": NOTES_FOLDER, "flags": "32"}
    web.http.put(f"{web.ox.url}mail", params=params, data=rich_note(), timeout=20)
    phone.sync_all(folder, body_type=1)
    item = f"{folder}:{NAME}"
    before = stored_note(web)
    assert len(parts(before)) == 2
    html = before.get_body(("html",))
    assert html is not None

    blue = Element("Notes:Categories", children=[Element("Notes:Category", "blue")])
    phone.change_item(folder, item, [Element("Notes:Subject", "Renamed"), blue])
    after = stored_note(web)
    assert differing(dict(headers(before)), dict(headers(after))) == {"subject"}
    assert parts(after) == parts(before)
    same = after.get_body(("html",))
    assert same is not None
    assert same.get_content().strip() == html.get_content().strip()

    body = phone.items(folder)[item].find("AirSyncBase:Body")
    assert body is not None
    said = Element(
        body.name, children=[each for each in body if each.name in ("AirSyncBase:Type", "AirSyncBase:Data")]
    )
    phone.change_item(folder, item, [Element("Notes:Subject", "Again"), blue, said])
    same = stored_note(web).get_body(("html",))
    assert same is not None
    assert same.get_content().strip() == html.get_content().strip()

    phone.change_item(folder, item, note("Again", "other words", categories=("blue",)))
    last = stored_note(web)
    assert differing(dict(headers(after)), dict(headers(last))) == {"subject"}
    assert parts(before).items() <= parts(last).items()
    words = last.get_body(("plain", "html"))
    assert words is not None
    assert words.get_content().strip() == "other words"
    for each in (item, first):
        phone.delete_item(folder, each)


# -- contacts ------------------------------------------------------------------------------------------------


def picture(web: WebUser, contact: dict[str, Any]) -> bytes:
    url = str(contact["image1_url"])
    root = web.ox.url.split("/", 3)
    return bytes(
        web.http.get(f"{root[0]}//{root[2]}{url}", params={"session": web.session}, timeout=20).content
    )


def test_a_picture_stays_until_the_phone_sends_another(phone: Phone, web: WebUser) -> None:
    place = default_folder(web, "contacts")
    body = {
        "folder_id": int(place),
        "display_name": "Pic",
        "last_name": "Pic",
        "image1_content_type": "image/png",
    }
    files = {"file": ("p.png", io.BytesIO(PNG), "image/png")}
    params = {"action": "new", "session": web.session}
    web.http.post(
        f"{web.ox.url}contacts", params=params, data={"json": json.dumps(body)}, files=files, timeout=20
    )
    folder = opened(phone, CONTACTS)
    (item,) = [
        name for name, each in phone.items(folder).items() if each.text_of("Contacts:LastName") == "Pic"
    ]
    ox_id = item.partition(":")[2]

    def stored() -> dict[str, Any]:
        return dict(web.call("GET", "contacts", "get", folder=place, id=ox_id))

    before = stored()
    assert picture(web, before) == PNG
    phone.change_item(folder, item, whole(phone.items(folder)[item], Contacts_JobTitle="Chef"))
    after = stored()
    assert picture(web, after) == PNG
    assert {name for name in differing(before, after) if "image" not in name} == {"position"}

    data = phone.items(folder)[item]
    new = Element("Contacts:Picture", base64.b64encode(GIF).decode())
    phone.change_item(folder, item, [*whole(data), new])
    last = stored()
    assert picture(web, last) == GIF
    assert {name for name in differing(after, last) if "image" not in name} == set()
    phone.delete_item(folder, item)


def test_a_distribution_list_outlives_what_a_phone_does_to_its_members(phone: Phone, web: WebUser) -> None:
    place = default_folder(web, "contacts")
    folder = opened(phone, CONTACTS)
    member = phone.add_contact(
        folder,
        {"Contacts:FirstName": "Eva", "Contacts:FileAs": "Eva", "Contacts:Email1Address": "eva@example.org"},
    )
    ox_id = member.partition(":")[2]
    entries = [
        {"id": int(ox_id), "folder_id": int(place), "mail_field": 1, "mail": "eva@example.org"},
        {"mail": "x@example.com", "mail_field": 0, "display_name": "X"},
    ]
    body = {
        "folder_id": int(place),
        "display_name": "All",
        "mark_as_distributionlist": True,
        "distribution_list": entries,
    }
    listed = str(web.call("PUT", "contacts", "new", body)["id"])

    def stored() -> dict[str, Any]:
        return dict(web.call("GET", "contacts", "get", folder=place, id=listed))

    before = stored()
    assert len(before["distribution_list"]) == 2
    assert phone.sync(folder, body_type=1).from_server == 0
    phone.change_item(folder, member, whole(phone.items(folder)[member], Contacts_JobTitle="Chef"))
    phone.delete_item(folder, member)
    after = stored()
    assert after["mark_as_distributionlist"] is True
    assert {each["mail"] for each in after["distribution_list"]} == {"eva@example.org", "x@example.com"}
    assert differing(before, after) <= {"distribution_list", "number_of_distribution_list"}


# -- tasks ---------------------------------------------------------------------------------------------------


def test_when_a_task_was_done_is_the_phones_to_say(phone: Phone, web: WebUser) -> None:
    place = default_folder(web, "tasks")
    body = {
        "folder_id": int(place), "title": "Done", "status": 2, "percent_completed": 40, "note": "n",
        "target_costs": 12, "billing_information": "Konto 7", "categories": "a,b", "priority": 3,
    }  # fmt: skip
    ox_id = str(web.call("PUT", "tasks", "new", body)["id"])
    folder = opened(phone, TASKS)
    item = f"{folder}:{ox_id}"

    def stored() -> dict[str, Any]:
        return dict(web.call("GET", "tasks", "get", folder=place, id=ox_id))

    def done(when: datetime | None) -> list[Element]:
        return task("Done", importance=2, completed=when, categories=("a", "b"), text="n")

    before = stored()
    first = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
    phone.change_item(folder, item, done(first))
    after = stored()
    assert differing(before, after) == {"status", "percent_completed", "date_completed"}
    assert (after["status"], after["percent_completed"]) == (3, 100)
    assert abs(after["date_completed"] - int(first.timestamp() * 1000)) < 86_400_000

    phone.change_item(folder, item, done(first - timedelta(days=3)))
    last = stored()
    assert differing(after, last) == {"date_completed"}
    assert after["date_completed"] - last["date_completed"] == 3 * 86_400_000

    phone.change_item(folder, item, done(None))
    assert differing(before, stored()) <= {"status", "percent_completed"}
    phone.delete_item(folder, item)


# -- calendar ------------------------------------------------------------------------------------------------


FILES = {"plan.txt": b"der Plan", "ü.bin": bytes(range(256))}


def test_files_of_an_appointment_stay_through_edits(world: MailWorld, phone: Phone, web: WebUser) -> None:
    folder = opened(phone, CALENDAR)
    start = datetime(2031, 3, 10, 9, tzinfo=UTC)
    event = Change(subject="Files", start=start, end=start + timedelta(hours=1), add_files=FILES)
    item = calendar.add_event(phone, folder, event)
    phone.sync_all(folder, body_type=1)

    def files() -> dict[str, bytes]:
        """By another phone, in full."""
        other = world.phone(device_type="Other")
        opened(other, CALENDAR)
        held = calendar.events(other, other.folder_of_type(CALENDAR).server_id)
        (found,) = [each for each in held.values() if each.start == start]
        return {name: fetch_file(other, reference).data for name, reference in found.files.items()}

    assert files() == FILES
    calendar.change_event(phone, folder, item, Change(subject="Renamed", location="Room 1"))
    assert files() == FILES
    old = world.phone(version="14.1")
    opened(old, CALENDAR)
    calendar.change_event(old, folder, item, Change(subject="Old phone"))
    assert files() == FILES
    phone.sync_all(folder, body_type=1)
    references = calendar.events(phone, folder)[item].files
    change = Change(remove_files=[references["plan.txt"]], add_files={"new.txt": b"neu"})
    calendar.change_event(phone, folder, item, change)
    assert files() == {"ü.bin": FILES["ü.bin"], "new.txt": b"neu"}
    phone.sync_all(folder, body_type=1)
    phone.delete_item(folder, item)


def test_an_item_of_whole_days_with_a_file_keeps_its_days(phone: Phone) -> None:
    folder = opened(phone, CALENDAR)
    days = Change(subject="Days", start=date(2031, 4, 1), end=date(2031, 4, 3), add_files={"a.txt": b"a"})
    item = calendar.add_event(phone, folder, days)
    phone.sync_all(folder, body_type=1)
    calendar.change_event(phone, folder, item, Change(subject="Other days"))
    phone.sync_all(folder, body_type=1)
    event = calendar.events(phone, folder)[item]
    assert (event.start, event.end, set(event.files)) == (date(2031, 4, 1), date(2031, 4, 3), {"a.txt"})
    phone.delete_item(folder, item)
