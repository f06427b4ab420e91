"""What a device does to messages: flags of every kind, drafts with files, and what is refused, in every version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.eas.schema.email import conversation_id
from app.eas.versions import ADVERTISED, Version
from app.usm.content import Meeting, MeetingMessage
from app.usm.errors import SourceUnavailable
from app.usm.model import Attachment
from tests.eas.calendars import MEETING, START
from tests.eas.phone import INBOX, Phone, Reply, World, known, plain

BEGIN, END = "2026-03-01T08:00:00.000Z", "2026-03-02T08:00:00.000Z"
DATES = (
    ("Tasks:StartDate", BEGIN),
    ("Tasks:UtcStartDate", BEGIN),
    ("Tasks:DueDate", END),
    ("Tasks:UtcDueDate", END),
)
ORDER = (("Tasks:OrdinalDate", BEGIN), ("Tasks:SubOrdinalDate", "5555555"))
REMINDER = (("Tasks:ReminderSet", 1), ("Tasks:ReminderTime", BEGIN))
DONE = (("CompleteTime", END), ("Tasks:DateCompleted", END))
ACTIVE = (("Status", 2), ("FlagType", "Flag for follow up"))
FLAGS = {
    "a task": (True, ("Tasks:Subject", "Plan"), *ACTIVE, *DATES, *REMINDER, *ORDER),
    "new dates": (True, *ACTIVE, *DATES, ("Tasks:ReminderSet", 0)),
    "new words": (True, ("Tasks:Subject", "Other"), *ACTIVE),
    "without a reminder": (True, *ACTIVE, *DATES),
    "done": (False, ("Status", 1), *DONE),
    "active again, done once": (True, ("Status", 2), *DONE),
    "cleared": (False, ("Status", 0)),
    "empty": (False,),
}
MODERN = [version for version in ADVERTISED if version >= Version.V12_0]
DRAFTING = [version for version in ADVERTISED if version >= Version.V16_0]


def change(item: str, *data: object) -> tuple[object, ...]:
    return ("Change", ("ServerId", item), ("ApplicationData", *data))


def holding(version: Version, **fields: object) -> tuple[Phone, str, str]:
    """A phone with one message: it, the message's id in the source, and its ServerId."""
    phone = World().phone(version).start(INBOX)
    item = phone.world.source.put(INBOX, {"subject": "x", **fields})
    phone.sync(INBOX)
    return phone, item, f"{phone.number(INBOX)}:{item}"


def statuses(reply: Reply) -> list[str | None]:
    return [each.text_of("AirSync:Status") for each in reply.one("AirSync:Responses")]


@pytest.mark.requirement("MS-ASEMAIL", 87, 89, 91, 334, 358, 359, 692, 693, 700, 701, 942, 943, 1072, 8900)
@pytest.mark.parametrize("version", MODERN)
@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_in_all_its_states_is_taken(name: str, version: Version) -> None:
    expected, *children = FLAGS[name]
    phone, item, server_id = holding(version, flagged=not expected)
    reply = phone.commands(INBOX, change(server_id, ("Email:Flag", *children)))
    assert not reply.all("AirSync:Responses")
    assert known(reply) == []
    assert phone.world.source.items[INBOX][item].fields["flagged"] is expected


@pytest.mark.requirement("MS-ASEMAIL", 470, 1058)
@pytest.mark.parametrize("message", [MeetingMessage.REQUEST, MeetingMessage.ACCEPTED])
@pytest.mark.parametrize("version", MODERN)
def test_a_flag_needs_no_type(message: MeetingMessage, version: Version) -> None:
    phone, item, server_id = holding(version, meeting=Meeting(message, "x", MEETING))
    assert not phone.commands(INBOX, change(server_id, ("Email:Flag", ("Status", 2)))).all(
        "AirSync:Responses"
    )
    assert phone.world.source.items[INBOX][item].fields["flagged"] is True


@pytest.mark.requirement("MS-ASEMAIL", 531)
@pytest.mark.parametrize("version", MODERN)
def test_what_a_mail_tells_of_a_meeting_is_told_once(version: Version) -> None:
    told = Meeting(MeetingMessage.REQUEST, "x", MEETING)
    phone, item, _ = holding(version, meeting=told)
    phone.world.source.marks |= {"meeting"}
    phone.world.source.touch(INBOX, item, {"meeting": replace(told, occurrence=START), "read": True})
    data = phone.sync(INBOX).one("AirSync:ApplicationData")
    assert plain(data) == [("Read", "1")]


@pytest.mark.requirement("MS-ASEMAIL", 231, 802, 804, 811, 827, 844, 878, 879)
@pytest.mark.parametrize("version", ADVERTISED)
def test_no_mail_is_of_another_account_or_a_voice_mail(version: Version) -> None:
    phone = World().phone(version).start(INBOX)
    files = (Attachment("2", "message.wav", 1000, "audio/wav"),)
    phone.world.source.put(INBOX, {"subject": "Voice mail", "attachments": files})
    reply = phone.sync(INBOX)
    voice = {f"Email2:{name}" for name in ("UmAttDuration", "UmAttOrder", "UmCallerID", "UmUserNotes")}
    assert reply.text("Email:MessageClass") == "IPM.Note"
    assert not {"Email2:AccountId", *voice} & {element.name for element in reply.everything()}


# -- drafts --------------------------------------------------------------------------------------------------

FILE = ("ClientId", "f"), ("Method", 1), ("Content", b"abc"), ("DisplayName", "a.txt")


def draft(*data: object) -> tuple[object, ...]:
    return ("Add", ("ClientId", "c"), ("ApplicationData", ("Email:Subject", "Plan"), *data))


@pytest.mark.requirement("MS-ASEMAIL", 1184, 1190, 11850, 11910)
@pytest.mark.parametrize("version", DRAFTING)
def test_the_answer_to_a_draft_tells_its_conversation(version: Version) -> None:
    phone = World().phone(version).start(INBOX)
    answer = phone.commands(INBOX, draft()).one("AirSync:Responses").children[0]
    [data] = answer.find_all("AirSync:ApplicationData")
    name = answer.text_of("AirSync:ServerId") or ""
    assert plain(data) == [("ConversationId", conversation_id(name)), ("ConversationIndex", bytes(5))]


def test_a_draft_is_stored_though_nobody_can_tell_its_conversation() -> None:
    phone = World().phone(Version.V16_1).start(INBOX)

    def fail(name: str) -> None:
        if name == "read":
            raise SourceUnavailable("down")

    phone.world.source.before = fail
    assert statuses(phone.commands(INBOX, draft())) == ["1"]
    phone.world.source.before = lambda name: None
    phone.world.source.unreadable |= {str(number) for number in range(9)}
    assert statuses(phone.commands(INBOX, draft())) == ["1"]
    assert len(phone.world.source.items[INBOX]) == 2


@pytest.mark.requirement("MS-ASAIRS", 1086)
@pytest.mark.requirement("MS-ASEMAIL", 1393)
@pytest.mark.parametrize("version", DRAFTING)
def test_a_draft_gets_files_loses_them_and_goes_out(version: Version) -> None:
    phone = World().phone(version).start(INBOX)
    source = phone.world.source
    added = phone.commands(INBOX, draft(("AirSyncBase:Attachments", ("Add", *FILE))))
    assert statuses(added) == ["1"]
    [item] = source.items[INBOX]
    [upload] = source.items[INBOX][item].fields["add_attachments"]
    assert (upload.name, upload.data) == ("a.txt", b"abc")
    source.items[INBOX][item].fields["draft"] = True
    gone = ("AirSyncBase:Attachments", ("Delete", ("FileReference", f"{phone.number(INBOX)}:{item}:2")))
    phone.commands(INBOX, change(f"{phone.number(INBOX)}:{item}", gone))
    [item] = source.items[INBOX]
    assert source.items[INBOX][item].fields["remove_attachments"] == ("2",)
    reply = phone.commands(INBOX, change(f"{phone.number(INBOX)}:{item}", ("Email2:Send",)))
    assert not reply.all("AirSync:Responses")
    assert len(source.sent) == 1
    assert not source.items[INBOX]
