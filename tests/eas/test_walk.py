"""What a new phone does, from the first request to the last, in each version."""

from __future__ import annotations

from datetime import UTC, datetime

from app.eas.versions import Version
from app.usm.content import Address
from app.usm.model import Attachment, Body, BodyKind
from tests.eas.phone import CONTACTS, INBOX, Phone, known, plain, tree


def test_a_new_phone_gets_policy_folders_contacts_and_mail_and_waits_for_more(phone: Phone) -> None:
    world = phone.world
    world.source.put(
        CONTACTS, {"display_name": "Berta Beispiel", "first_name": "Berta", "email1": "b@example.org"}
    )
    world.source.put(
        INBOX,
        {
            "subject": "Re: Hello",
            "from": (Address("berta@example.org", "Berta"),),
            "to": (Address("anton@example.org", "Anton"), Address("x@example.org")),
            "received": datetime(2026, 1, 10, 8, 30, tzinfo=UTC),
            "importance": 1,
            "read": False,
            "body": Body(BodyKind.HTML, "<p>Hi <b>there</b></p>", native=BodyKind.HTML),
            "attachments": (Attachment("2", "plan.pdf", 1234, "application/pdf"),),
        },
    )
    phone.provision()

    folders = phone.folder_sync()
    assert folders.status == "1"
    assert folders.text("FolderHierarchy:Count") == "4"

    for folder in (CONTACTS, INBOX):
        first = phone.sync(folder)
        assert not first.all("AirSync:Commands")

    preference = ("AirSyncBase:BodyPreference", ("Type", 2), ("TruncationSize", 5000))
    answer = phone.sync_many(
        phone.collection(CONTACTS, ("WindowSize", 10)),
        phone.collection(INBOX, ("WindowSize", 10), ("Options", ("FilterType", 3), preference)),
    )
    assert known(answer) == ["Add", "Add"]
    assert answer.text("Contacts:FileAs") == "Berta Beispiel"
    assert answer.text("Email:From") == '"Berta" <berta@example.org>'
    assert answer.text("Email:To") == '"Anton" <anton@example.org>, "x@example.org" <x@example.org>'
    assert answer.text("Email:ThreadTopic") == "Hello"

    quiet = phone.sync_many(phone.collection(CONTACTS), phone.collection(INBOX))
    assert quiet.http.status == 200
    assert quiet.root is None

    def delivered() -> frozenset[str]:
        world.source.put(INBOX, {"subject": "News"})
        return frozenset((INBOX,))

    world.waiter.events = [delivered]
    folder = ("Folder", ("Id", phone.number(INBOX)), ("Class", "Email"))
    ping = phone.send("Ping", tree("Ping:Ping", ("HeartbeatInterval", 600), ("Folders", folder)))
    assert ping.status == "2"
    assert ping.text("Ping:Folder") == phone.number(INBOX)
    assert known(phone.sync(INBOX)) == ["Add"]

    added = phone.commands(
        CONTACTS,
        (
            "Add",
            ("ClientId", "c1"),
            ("ApplicationData", ("Contacts:FirstName", "Carla"), ("Contacts:FileAs", "Carla C")),
        ),
    )
    assert plain(added.one("AirSync:Responses")) == [
        ("Add", [("ClientId", "c1"), ("ServerId", added.text("AirSync:ServerId")), ("Status", "1")])
    ]
    assert {entry.fields.get("first_name") for entry in world.source.items[CONTACTS].values()} == {
        "Berta",
        "Carla",
    }
    assert phone.version in Version
