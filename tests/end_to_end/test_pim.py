"""Tasks, notes, contacts and folders on a phone and at OX's web interface, on every generation of OX."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from app.wbxml import Element
from lab.device import CommandFailed, Phone, folders
from lab.device.notes import note
from lab.device.tasks import INCOMPLETE, task
from tests.end_to_end.stack import Stack
from tests.ox.standin import PNG, WebUser

TASKS, CALENDAR, CONTACTS, NOTES = 7, 8, 9, 10
REFUSED = 6
DAY = date(2026, 12, 1)
DAY_MS = 1796083200000
NOTES_FOLDER = "default0/Notes"
NAMED = "X-Universally-Unique-Identifier"

_devices = itertools.count(1)


@pytest.fixture(scope="module", params=["6", "7", "8"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp(f"pim{request.param}"), generation=request.param)
    try:
        made.start()
        yield made
        assert "Traceback" not in made.app.text()
    finally:
        made.stop()


@pytest.fixture
def generation(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["stack"])


@pytest.fixture
def web(stack: Stack) -> Iterator[WebUser]:
    user = WebUser(SimpleNamespace(url=stack.ox_url), "anton@example.org")  # type: ignore[arg-type]
    yield user
    user.close()


@pytest.fixture
def phone(stack: Stack) -> Iterator[Phone]:
    made = stack.phone("anton", version="16.1", device_id=f"pim{next(_devices):029d}")
    made.provision()
    made.folder_sync()
    yield made
    made.close()
    assert made.anomalies == []


def opened(phone: Phone, folder_type: int, **wishes: Any) -> str:
    """The default folder of a type, synchronised."""
    folder = phone.folder_of_type(folder_type).server_id
    phone.sync_all(folder, body_type=1, **wishes)
    return folder


def ox_id(server_id: str) -> str:
    return server_id.partition(":")[2]


def nothing_new(phone: Phone, folder: str) -> bool:
    return phone.sync(folder, body_type=1).from_server == 0


# -- tasks ---------------------------------------------------------------------------------------------------

_VOLATILE = ("last_modified", "last_modified_utc", "modified_by")


def stored(web: WebUser, module: str, folder: str, item: str) -> dict[str, Any]:
    found = dict(web.call("GET", module, "get", folder=folder, id=item))
    return {name: value for name, value in found.items() if name not in _VOLATILE}


def default_folder(web: WebUser, module: str) -> str:
    return str(web.call("GET", f"config/folder/{module}", ""))


def test_a_phones_change_of_a_task_leaves_all_else_in_ox_as_it_was(phone: Phone, web: WebUser) -> None:
    place = default_folder(web, "tasks")
    body = {
        "folder_id": int(place),
        "title": "Angebot",
        "note": "Zeile 1\nZeile 2",
        "status": 4,
        "percent_completed": 30,
        "priority": 3,
        "start_date": DAY_MS,
        "end_date": DAY_MS + 86_400_000,
        "alarm": DAY_MS + 30_600_000,
        "categories": "Kunde,wichtig",
        "target_costs": 12,
        "target_duration": "90",
        "billing_information": "Konto 7",
        "trip_meter": "12 km",
        "participants": [{"id": 3, "type": 1}, {"type": 5, "mail": "x@example.com", "display_name": "X"}],
    }
    item = str(web.call("PUT", "tasks", "new", body)["id"])
    before = stored(web, "tasks", place, item)
    folder = opened(phone, TASKS)
    server_id = f"{folder}:{item}"
    told = phone.items(folder)[server_id]
    assert told.text_of("Tasks:DueDate") == "2026-12-02T00:00:00.000Z"
    assert told.text_of("Tasks:ReminderTime") == "2026-12-01T08:30:00.000Z"
    assert told.text_of("Tasks:Complete") == "0"

    fields = [
        Element("Tasks:Subject", "Angebot 2") if child.name == "Tasks:Subject" else child
        for child in told
        if child.name != "AirSyncBase:NativeBodyType"
    ]
    phone.change_item(folder, server_id, fields)
    after = stored(web, "tasks", place, item)
    assert {name for name in after if after[name] != before.get(name)} == {"title"}
    assert after.keys() == before.keys()
    assert nothing_new(phone, folder)

    body = {"note": "neu", "percent_completed": 60, "status": 2}
    web.call("PUT", "tasks", "update", body, folder=place, id=item, timestamp=2**53)
    assert phone.sync(folder, body_type=1).changed == [server_id]
    assert phone.items(folder)[server_id].find("AirSyncBase:Body").text_of("AirSyncBase:Data") == "neu"  # type: ignore[union-attr]


def test_a_task_is_done_on_the_phone_and_leaves_it_if_it_wants_open_ones(phone: Phone, web: WebUser) -> None:
    place = default_folder(web, "tasks")
    folder = opened(phone, TASKS, filter_type=INCOMPLETE)
    assert {item.text_of("Tasks:Complete") for item in phone.items(folder).values()} == {"0"}
    server_id = phone.add_item(folder, task("Milk", due=DAY, categories=("home",), text="two litres"))
    when = datetime(2026, 11, 30, 9, tzinfo=UTC)
    phone.change_item(folder, server_id, task("Milk", due=DAY, completed=when, categories=("home",)))
    after = stored(web, "tasks", place, ox_id(server_id))
    assert (after["status"], after["percent_completed"], after["note"]) == (3, 100, "two litres")
    assert phone.sync(folder, body_type=1, filter_type=INCOMPLETE).soft_deleted == [server_id]
    # Whoever wants all of them has it as done.
    assert phone.sync_all(folder, body_type=1, filter_type=0).added
    assert phone.items(folder)[server_id].text_of("Tasks:Complete") == "1"
    phone.change_item(folder, server_id, task("Milk", due=DAY))
    assert stored(web, "tasks", place, ox_id(server_id))["status"] == 1
    phone.delete_item(folder, server_id)
    assert nothing_new(phone, folder)


def test_a_series_of_tasks_goes_both_ways(phone: Phone, web: WebUser) -> None:
    place = default_folder(web, "tasks")
    folder = opened(phone, TASKS)
    weekly = [("Type", "1"), ("Interval", "2"), ("DayOfWeek", "4"), ("Occurrences", "5")]
    server_id = phone.add_item(folder, task("Report", start=DAY, due=DAY, recurrence=weekly))
    after = stored(web, "tasks", place, ox_id(server_id))
    assert [after[name] for name in ("recurrence_type", "interval", "days", "occurrences")] == [2, 2, 4, 5]
    body = {"recurrence_type": 3, "interval": 1, "day_in_month": 1, "days": None, "occurrences": None}
    web.call("PUT", "tasks", "update", body, folder=place, id=ox_id(server_id), timestamp=2**53)
    phone.sync_all(folder, body_type=1)
    rule = phone.items(folder)[server_id].find("Tasks:Recurrence")
    assert rule is not None
    assert (rule.text_of("Tasks:Type"), rule.text_of("Tasks:DayOfMonth")) == ("2", "1")
    assert rule.text_of("Tasks:Start") == "2026-12-01T00:00:00.000Z"


def test_a_task_of_a_series_that_is_done_is_followed_by_the_next(phone: Phone) -> None:
    folder = opened(phone, TASKS)
    weekly = [("Type", "1"), ("Interval", "1"), ("DayOfWeek", "4")]
    server_id = phone.add_item(folder, task("Bins", start=DAY, due=DAY, recurrence=weekly))
    when = datetime(2026, 12, 1, 9, tzinfo=UTC)
    phone.change_item(folder, server_id, task("Bins", start=DAY, due=DAY, completed=when, recurrence=weekly))
    phone.sync_all(folder, body_type=1)
    there = [item for item in phone.items(folder).values() if item.text_of("Tasks:Subject") == "Bins"]
    assert sorted(
        (item.text_of("Tasks:Complete"), (item.text_of("Tasks:DueDate") or "")[:10]) for item in there
    ) == [("0", "2026-12-08"), ("1", "2026-12-01")]


# -- notes ---------------------------------------------------------------------------------------------------


def messages(web: WebUser) -> dict[str, str]:
    """The names of notes → their messages."""
    rows = web.call("GET", "mail", "all", folder=NOTES_FOLDER, columns=f"600,{NAMED}")
    return {name: item for item, name in rows}


def store(web: WebUser, name: str, subject: str, text: str) -> None:
    """What an IMAP client does with a note: a new message under its name, and the old one goes."""
    old = messages(web).get(name)
    source = (
        f"Subject: {subject}\r\nX-Uniform-Type-Identifier: com.apple.mail-note\r\n{NAMED}: {name}\r\n"
        f"Date: Tue, 1 Dec 2026 08:30:00 +0000\r\nContent-Type: text/html\r\n\r\n{text}\r\n"
    )
    params = {"action": "new", "session": web.session, "folder": NOTES_FOLDER, "flags": "32"}
    headers = {"Content-Type": "message/rfc822"}
    answer: requests.Response = web.http.put(
        f"{web.ox.url}mail", params=params, data=source, headers=headers, timeout=20
    )
    assert "error" not in answer.text, answer.text
    if old is not None:
        web.call("PUT", "mail", "delete", [{"folder": NOTES_FOLDER, "id": old}], harddelete=1)


def test_notes_go_both_ways_and_keep_their_ids(phone: Phone, web: WebUser) -> None:
    folder = opened(phone, NOTES)
    server_id = phone.add_item(folder, note("Ideas", "one\ntwo", categories=("blue",)))
    name = ox_id(server_id)
    assert name in messages(web)
    assert nothing_new(phone, folder)

    phone.change_item(folder, server_id, note("Ideas", "one\ntwo\nthree", categories=("blue",)))
    assert list(messages(web)).count(name) == 1
    assert nothing_new(phone, folder)

    store(web, name, "Ideas", "<p>one</p><p>four</p>")
    assert phone.sync(folder, body_type=1).changed == [server_id]
    told = phone.items(folder)[server_id]
    assert told.text_of("Notes:LastModifiedDate") == "20261201T083000Z"
    body = told.find("AirSyncBase:Body")
    assert body is not None
    assert (body.text_of("AirSyncBase:Data") or "").split() == ["one", "four"]

    store(web, "5E1B7C2A-0000-4000-8000-000000000001", "Theirs", "<b>x</b>")
    assert len(phone.sync(folder, body_type=1).added) == 1

    phone.delete_item(folder, server_id)
    assert name not in messages(web)
    web.call(
        "PUT", "mail", "delete", [{"folder": NOTES_FOLDER, "id": item} for item in messages(web).values()]
    )
    assert len(phone.sync(folder, body_type=1).deleted) == 1
    assert phone.items(folder) == {}


def test_the_folder_of_notes_is_no_folder_of_mail(phone: Phone) -> None:
    assert [folder.type for folder in phone.folders.values() if folder.name == "Notes"] == [NOTES]


# -- contacts ------------------------------------------------------------------------------------------------


OX_TEXTS = re.findall(
    r"\w+",
    """
    display_name file_as title first_name second_name last_name suffix nickname company department position
    employee_type room_number manager_name assistant_name spouse_name marital_status number_of_children profession note
    street_home postal_code_home city_home state_home country_home street_business postal_code_business city_business
    state_business country_business street_other postal_code_other city_other state_other country_other
    number_of_employees sales_volume tax_id commercial_register branches business_category info telephone_business1
    telephone_business2 fax_business telephone_callback telephone_car telephone_company telephone_home1 telephone_home2
    fax_home cellular_telephone1 cellular_telephone2 telephone_other fax_other url telephone_isdn telephone_pager
    telephone_primary telephone_radio telephone_telex telephone_ttytdd instant_messenger1 instant_messenger2
    telephone_ip telephone_assistant
    """,
)


def test_a_phones_change_of_a_contact_leaves_all_else_in_ox_as_it_was(phone: Phone, web: WebUser) -> None:
    place = default_folder(web, "contacts")
    body: dict[str, Any] = {name: f"the {name.replace('_', ' ')}" for name in OX_TEXTS}
    body |= {f"userfield{number:02d}": f"own {number}" for number in range(1, 21)}
    body |= {f"email{number}": f"a{number}@example.org" for number in (1, 2, 3)}
    body |= {"birthday": 320630400000, "anniversary": 951782400000, "categories": "a,b", "color_label": 3}
    body |= {"folder_id": int(place), "image1_content_type": "image/png"}
    answer = web.http.post(
        f"{web.ox.url}contacts",
        params={"action": "new", "session": web.session},
        data={"json": json.dumps(body)},
        files={"file": ("p.png", PNG, "image/png")},
        timeout=20,
    )
    item = re.findall(r'"id":\s*"?(\d+)', answer.text)[0]
    before = stored(web, "contacts", place, item)
    folder = opened(phone, CONTACTS)
    server_id = f"{folder}:{item}"
    told = phone.items(folder)[server_id]
    assert base64.b64decode(told.text_of("Contacts:Picture") or "") == PNG
    changed = {"Contacts:JobTitle": "Chef", "Contacts:Birthday": "1981-03-01T11:59:00.000Z"}
    fields = [
        Element(child.name, changed[child.name]) if child.name in changed else child
        for child in told
        if child.name not in ("AirSyncBase:NativeBodyType", "Contacts:Picture")
    ]
    phone.change_item(folder, server_id, fields)
    after = stored(web, "contacts", place, item)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"position", "birthday"}
    assert nothing_new(phone, folder)

    phone.change_item(folder, server_id, [*fields, Element("Contacts:Picture", "")])
    assert not stored(web, "contacts", place, item).get("image1_url")
    phone.delete_item(folder, server_id)


def shared(phone: Phone, title: str) -> str:
    found = [folder for folder in phone.folders.values() if folder.name == title]
    assert len(found) == 1, sorted(folder.name for folder in phone.folders.values())
    phone.sync_all(found[0].server_id, body_type=1)
    return found[0].server_id


def test_a_folder_that_is_shared_for_reading_names_its_owner_and_stays_as_it_is(phone: Phone) -> None:
    folder = shared(phone, "Team (Berta Björnsen)")
    before = dict(phone.items(folder))
    assert before
    server_id = next(iter(before))
    with pytest.raises(CommandFailed) as refused:
        phone.add_contact(folder, {"Contacts:FirstName": "Eva"})
    assert refused.value.status == REFUSED
    phone.collection(folder).outbox.clear()
    with pytest.raises(CommandFailed):
        phone.change_item(folder, server_id, {"Contacts:FirstName": "Eva", "Contacts:FileAs": "Eva"})
    phone.collection(folder).outbox.clear()
    assert phone.delete_item(folder, server_id).added == [server_id]
    phone.sync_all(folder, body_type=1)
    assert {name: str(item) for name, item in phone.items(folder).items()} == {
        name: str(item) for name, item in before.items()
    }


def test_distribution_lists_are_left_alone(phone: Phone, web: WebUser) -> None:
    place = default_folder(web, "contacts")
    member = {"mail": "x@example.com", "mail_field": 0, "display_name": "X"}
    body = {
        "folder_id": int(place),
        "display_name": "Everybody",
        "mark_as_distributionlist": True,
        "distribution_list": [member],
    }
    item = str(web.call("PUT", "contacts", "new", body)["id"])
    before = stored(web, "contacts", place, item)
    folder = opened(phone, CONTACTS)
    assert f"{folder}:{item}" not in phone.items(folder)
    for server_id in list(phone.items(folder))[:2]:
        phone.delete_item(folder, server_id)
    assert stored(web, "contacts", place, item) == before


# -- folders -------------------------------------------------------------------------------------------------


def test_a_phones_folders_are_in_ox_and_not_told_to_it_again(phone: Phone, web: WebUser) -> None:
    made = folders.create_folder(phone, "Reisen")
    below = folders.create_folder(phone, "2026", parent=made)
    people = folders.create_folder(phone, "Freunde", folder_type=folders.CONTACTS)
    assert phone.folder_sync().added == []
    phone.sync_all(below, body_type=1)
    phone.sync_all(people, body_type=1)
    contact = phone.add_contact(people, {"Contacts:FirstName": "Eva", "Contacts:FileAs": "Eva"})
    folders.change_folder(phone, made, name="Fahrten")
    folders.change_folder(phone, people, name="Bekannte")
    changes = phone.folder_sync()
    assert (changes.added, changes.updated, changes.deleted) == ([], [], [])
    assert web.call("GET", "folders", "get", id="default0/Fahrten/2026", tree="0")["title"] == "2026"
    assert nothing_new(phone, below)
    assert contact in phone.items(people)
    with pytest.raises(CommandFailed) as taken:
        folders.create_folder(phone, "fahrten")
    assert taken.value.status == 2
    with pytest.raises(CommandFailed) as special:
        folders.delete_folder(phone, phone.folder_of_type(CONTACTS).server_id)
    assert special.value.status == 3
    folders.delete_folder(phone, people)
    folders.delete_folder(phone, made)
    changes = phone.folder_sync()
    # OX keeps what is deleted in the trash, for the phone as folders of their own.
    assert {phone.folders[each].name for each in changes.added} == {"Fahrten", "2026"}
    assert (changes.updated, changes.deleted) == ([], [])


def test_a_folder_that_is_renamed_in_ox_stays_the_same_where_ox_tells(
    phone: Phone, web: WebUser, generation: str
) -> None:
    made = folders.create_folder(phone, "Alt")
    web.call("PUT", "mail", "copy", {"folder_id": "default0/Alt"}, folder="default0/INBOX", id=_any_mail(web))
    phone.sync_all(made, body_type=1)
    held = set(phone.items(made))
    assert len(held) == 1
    web.call("PUT", "folders", "update", {"title": "Neu"}, id="default0/Alt", tree="0")
    changes = phone.folder_sync()
    if generation == "6":
        assert (len(changes.added), changes.deleted) == (1, [made])
    else:
        assert (changes.added, changes.updated, changes.deleted) == ([], [made], [])
        assert phone.folders[made].name == "Neu"
        assert nothing_new(phone, made)
        assert set(phone.items(made)) == held
    web.call("PUT", "folders", "delete", ["default0/Neu"], tree="0", hardDelete="true")
    phone.folder_sync()


def _any_mail(web: WebUser) -> str:
    rows = web.call("GET", "mail", "all", folder="default0/INBOX", columns="600")
    return str(rows[0][0])


def test_a_folder_shared_for_writing_takes_what_a_phone_makes(phone: Phone, web: WebUser) -> None:
    folder = shared(phone, "Projekt (Berta Björnsen)")
    server_id = phone.add_item(folder, task("From anton", due=DAY))
    assert nothing_new(phone, folder)
    phone.change_item(folder, server_id, task("From anton!", due=DAY))
    phone.delete_item(folder, server_id)
    assert nothing_new(phone, folder)
    with pytest.raises(CommandFailed):
        folders.change_folder(phone, folder, name="Mine now")
    changes = phone.folder_sync()
    assert (changes.added, changes.updated, changes.deleted) == ([], [], [])
