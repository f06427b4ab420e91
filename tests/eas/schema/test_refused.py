"""What a device must not do to messages; nothing of it is carried out, so it shows no element to be supported."""

from __future__ import annotations

import pytest

from app.eas.versions import ADVERTISED, Version
from tests.eas.phone import INBOX
from tests.eas.schema.test_flags import ACTIVE, FILE, MODERN, change, holding, statuses

REFUSED = {
    "Read": ("Email:Read", "yes"),
    "Status": ("Email:Flag", ("Status", 3)),
    "ReminderSet without ReminderTime": ("Email:Flag", *ACTIVE, ("Tasks:ReminderSet", 1)),
    "ReminderTime": ("Email:Flag", *ACTIVE, ("Tasks:ReminderSet", 1), ("Tasks:ReminderTime", "")),
    "Sender": ("Email2:Sender", "me@example.org"),
    "ReceivedAsBcc": ("Email2:ReceivedAsBcc", 1),
    "UmCallerID": ("Email2:UmCallerID", "1"),
    "UmUserNotes": ("Email2:UmUserNotes", "x"),
    "AccountId": ("Email2:AccountId", "x"),
}


@pytest.mark.requirement("MS-ASEMAIL", 643, 648, 702, 723, 757, 817, 835)
@pytest.mark.parametrize("version", [version for version in ADVERTISED if version >= Version.V14_0])
@pytest.mark.parametrize("name", REFUSED)
def test_what_a_device_must_not_change_is_status_6(name: str, version: Version) -> None:
    phone, item, server_id = holding(version)
    before = dict(phone.world.source.items[INBOX][item].fields)
    assert statuses(phone.commands(INBOX, change(server_id, REFUSED[name]))) == ["6"]
    assert phone.world.source.items[INBOX][item].fields == before


@pytest.mark.requirement("MS-ASAIRS", 1083, 1084, 1085, 1167, 1168, 1169)
@pytest.mark.parametrize("version", [version for version in MODERN if version < Version.V16_0])
def test_before_16_0_a_device_changes_no_files(version: Version) -> None:
    phone, item, server_id = holding(version, draft=True)
    for part in (("Add", *FILE), ("Delete", ("FileReference", f"{server_id}:2"))):
        assert statuses(phone.commands(INBOX, change(server_id, ("AirSyncBase:Attachments", part)))) == ["6"]
    assert item in phone.world.source.items[INBOX]
    assert not {"add_attachments", "remove_attachments"} & phone.world.source.items[INBOX][item].fields.keys()
