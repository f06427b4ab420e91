"""Answers to invitations: stored once, told once, in mail and in the calendar, in every version."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from icalendar import Calendar

from app.eas import itip, memory, replies
from app.eas.memory import Memory
from app.eas.versions import ADVERTISED, Version
from app.usm.content import Address, Attendee, Meeting, MeetingMessage, Pattern, Recurrence, Reply
from app.usm.errors import ItemFailed, SourceUnavailable
from tests.eas.calendars import CALENDAR, MEETING, calendar_phone
from tests.eas.phone import CONTACTS, INBOX, Phone, plain, tree
from tests.eas.phone import Reply as Answered

UID = "4711@example.org"
INVITATION = f"""\
BEGIN:VCALENDAR
PRODID:-//Other//Calendar//EN
VERSION:2.0
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:{UID}
SEQUENCE:3
DTSTAMP:20260105T083000Z
DTSTART;TZID=Berlin:20260302T100000
DTEND;TZID=Berlin:20260302T110000
RRULE:FREQ=WEEKLY
SUMMARY:Plänung
ORGANIZER;CN="Berta Böll":mailto:berta@example.org
ATTENDEE;CN=Dora:mailto:dora@example.org
ATTENDEE;CN="Toni";PARTSTAT=NEEDS-ACTION:MAILTO:Anton@Example.org
DESCRIPTION:private words
END:VEVENT
END:VCALENDAR
"""


def mail(calendar: str = INVITATION, method: str = "REQUEST") -> bytes:
    message = EmailMessage()
    message["From"] = "berta@example.org"
    message["To"] = "anton@example.org"
    message["Subject"] = "Invitation"
    message.set_content("Please come.")
    message.add_alternative(calendar.encode(), "text", "calendar", params={"method": method}, cte="base64")
    return message.as_bytes()


@pytest.fixture(params=ADVERTISED, ids=lambda version: version.text)
def phone(request: pytest.FixtureRequest) -> Phone:
    return calendar_phone(Version(request.param))


def put_mail(phone: Phone, mime: bytes = b"", fixed: bool = False) -> str:
    """An invitation in the inbox; its ServerId."""
    fields = {
        "mime": mime or mail(),
        "meeting": Meeting(MeetingMessage.REQUEST, UID, MEETING, fixed=fixed),
    }
    return f"{phone.number(INBOX)}:{phone.world.source.put(INBOX, fields)}"


def put_appointment(phone: Phone, **fields: Any) -> str:
    return f"{phone.number(CALENDAR)}:{phone.world.source.put(CALENDAR, {**MEETING, **fields})}"


def answer(phone: Phone, *requests: tuple[object, ...]) -> Answered:
    children = [("Request", *request) for request in requests]
    return phone.send("MeetingResponse", tree("MeetingResponse:MeetingResponse", *children))


def respond(phone: Phone, name: str, reply: int, *more: object) -> dict[str, str]:
    """One answer; what came back."""
    request = (("UserResponse", reply), ("CollectionId", name.partition(":")[0]), ("RequestId", name), *more)
    content = plain(answer(phone, request).one("MeetingResponse:Result"))
    assert isinstance(content, list)
    return dict(content)


SEND = ("SendResponse",)


def sent(phone: Phone) -> list[Any]:
    """The messages that went out."""
    return [message_from_bytes(each.mime, policy=default) for each in phone.world.source.sent]


def calendar_of(message: Any) -> Any:
    [part] = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    assert part.get_param("method") in ("REPLY", "COUNTER")
    return Calendar.from_ical(part.get_content())


def event_of(message: Any) -> Any:
    [event] = calendar_of(message).walk("VEVENT")
    return event


@pytest.mark.requirement("MS-ASCMD", 7032)
@pytest.mark.requirement(
    "MS-ASCMD",
    828,
    3808,
    3843,
    5068,
    5071,
    5082,
    5085,
    5086,
    5089,
    5678,
    5790,
    5828,
    5868,
    5871,
)
@pytest.mark.requirement("MS-ASHTTP", 432, 433, 501)
@pytest.mark.requirement("MS-ASCMD", 266, 267, 830, 831, 834, 3807, 4180, 5374)
def test_an_invitation_by_mail_is_accepted(phone: Phone) -> None:
    name = put_mail(phone)
    item = name.partition(":")[2]
    assert respond(phone, name, 1) == {
        "RequestId": name,
        "Status": "1",
        "CalendarId": f"{phone.number(CALENDAR)}:appointment of {item}",
    }
    assert phone.world.source.replies == [(INBOX, item, Reply.ACCEPTED, "", None)]
    assert not sent(phone)


@pytest.mark.requirement("MS-ASCMD", 837, 5072, 5708)
@pytest.mark.parametrize(
    ("number", "reply"), [(1, Reply.ACCEPTED), (2, Reply.TENTATIVE), (3, Reply.DECLINED)]
)
def test_an_appointment_is_answered_too(phone: Phone, number: int, reply: Reply) -> None:
    name = put_appointment(phone)
    found = respond(phone, name, number)
    assert found["Status"] == "1"
    assert ("CalendarId" in found) is (reply is not Reply.DECLINED)
    assert phone.world.source.replies == [(CALENDAR, name.partition(":")[2], reply, "", None)]


def test_the_folder_of_the_item_counts_and_not_the_one_that_is_named(phone: Phone) -> None:
    name = put_mail(phone)
    request = (("UserResponse", 1), ("CollectionId", phone.number(CALENDAR)), ("RequestId", name))
    assert answer(phone, request).text("MeetingResponse:Status") == "1"
    assert phone.world.source.replies[0][0] == INBOX


def test_a_repeated_answer_is_stored_and_told_once(phone: Phone) -> None:
    name = put_mail(phone)
    first = respond(phone, name, 1, SEND)
    assert respond(phone, name, 1, SEND) == first
    assert len(phone.world.source.replies) == 1
    assert len(sent(phone)) == (1 if phone.version >= Version.V16_0 else 0)
    respond(phone, name, 3, SEND)
    respond(phone, name, 1, SEND)
    assert len(phone.world.source.replies) == 3


def test_a_mail_goes_out_from_16_0_and_only_if_the_device_asks(phone: Phone) -> None:
    respond(phone, put_mail(phone), 1)
    respond(phone, put_mail(phone), 2, SEND)
    messages = sent(phone)
    if phone.version < Version.V16_0:
        assert not messages
        return
    [message] = messages
    assert message["Subject"] == "Tentative: Plänung"
    assert message["To"] == "Berta Böll <berta@example.org>"
    assert message["From"] == "Toni <anton@example.org>"
    assert message["Date"].datetime == phone.world.clock.now().replace(microsecond=0)
    event = event_of(message)
    assert (str(event["UID"]), event["SEQUENCE"]) == (UID, 3)
    assert str(event["ORGANIZER"]) == "mailto:berta@example.org"
    assert str(event["ATTENDEE"]) == "mailto:anton@example.org"
    assert event["ATTENDEE"].params["PARTSTAT"] == "TENTATIVE"
    assert event["DTSTART"].dt.utctimetuple()[:5] == (2026, 3, 2, 9, 0)
    assert not {"RRULE", "DESCRIPTION", "COMMENT", "RECURRENCE-ID"} & set(event)
    assert len(calendar_of(message).walk("VTIMEZONE")) == 1
    assert calendar_of(message)["METHOD"] == "REPLY"


@pytest.fixture
def modern() -> Phone:
    return calendar_phone(Version.V16_1)


BODY = ("AirSyncBase:Body", ("Type", 1), ("Data", "I come läter.\r\nSorry."))


@pytest.mark.requirement("MS-ASCMD", 7115)
def test_what_the_user_says_is_stored_and_told(modern: Phone) -> None:
    respond(modern, put_mail(modern), 1, ("SendResponse", BODY))
    assert modern.world.source.replies[0][3] == "I come läter.\nSorry."
    [message] = sent(modern)
    assert message.get_body(("plain",)).get_content().split() == ["I", "come", "läter.", "Sorry."]
    assert str(event_of(message)["COMMENT"]) == "I come läter.\nSorry."


@pytest.mark.parametrize("content", [("Type", 4), ("Data", "x")])
def test_a_comment_of_no_use_is_none(modern: Phone, content: tuple[object, ...]) -> None:
    part = ("AirSyncBase:Body", content, ("Truncated", 1))
    assert respond(modern, put_mail(modern), 1, ("SendResponse", part))["Status"] == "1"
    assert modern.world.source.replies[0][3] == ""


@pytest.mark.requirement("MS-ASCMD", 5705)
def test_another_time_is_proposed(modern: Phone) -> None:
    times = ("ProposedStartTime", "20260303T090000Z"), ("ProposedEndTime", "20260303T100000Z")
    respond(modern, put_mail(modern), 2, ("SendResponse", *times))
    [message] = sent(modern)
    assert message["Subject"] == "New time proposed: Plänung"
    assert calendar_of(message)["METHOD"] == "COUNTER"
    event = event_of(message)
    assert event["DTSTART"].dt == datetime(2026, 3, 3, 9, tzinfo=UTC)
    assert event["DTEND"].dt == datetime(2026, 3, 3, 10, tzinfo=UTC)


@pytest.mark.requirement("MS-ASEMAIL", 389, 390)
def test_where_no_other_time_is_wanted_none_is_proposed(modern: Phone) -> None:
    times = ("ProposedStartTime", "20260303T090000Z"), ("ProposedEndTime", "20260303T100000Z")
    fixed = put_mail(modern, fixed=True)
    assert respond(modern, fixed, 2, ("SendResponse", *times))["Status"] == "2"
    assert modern.world.source.replies == sent(modern) == []
    assert respond(modern, fixed, 2, SEND)["Status"] == "1"
    assert calendar_of(sent(modern)[0])["METHOD"] == "REPLY"
    appointment = put_appointment(modern)
    assert respond(modern, appointment, 2, ("SendResponse", *times))["Status"] == "1"


@pytest.mark.parametrize(
    "times",
    [
        (("ProposedStartTime", "20260303T090000Z"),),
        (("ProposedStartTime", "20260303T090000Z"), ("ProposedEndTime", "20260303T080000Z")),
    ],
)
def test_half_a_proposal_is_none(modern: Phone, times: tuple[object, ...]) -> None:
    respond(modern, put_mail(modern), 2, ("SendResponse", *times))
    assert calendar_of(sent(modern)[0])["METHOD"] == "REPLY"


WEEKLY = Recurrence(Pattern.WEEKLY, weekdays=(0,))


@pytest.mark.requirement("MS-ASCMD", 3191)
def test_who_names_no_occurrence_answers_for_all_of_them(phone: Phone) -> None:
    name = put_appointment(phone, recurrence=WEEKLY)
    assert respond(phone, name, 1)["Status"] == "1"
    assert phone.world.source.replies[0][4] is None


@pytest.mark.requirement("MS-ASCMD", 5706, 5709)
@pytest.mark.requirement("MS-ASCMD", 6712, 6713)
def test_one_occurrence_is_answered_from_14_1(phone: Phone) -> None:
    name = put_appointment(phone, recurrence=WEEKLY)
    instance = "2026-03-09T09:00:00.000Z"
    request = (("UserResponse", 3), ("RequestId", name), ("InstanceId", instance), SEND)
    if phone.version < Version.V14_1:
        assert answer(phone, request).status == "2"
        return
    found = respond(phone, name, 3, ("InstanceId", instance), SEND)
    moment = datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert phone.world.source.replies[0][4] == moment
    assert found.get("InstanceId") == instance
    if phone.version >= Version.V16_0:
        event = event_of(sent(phone)[0])
        assert event["RECURRENCE-ID"].dt == event["DTSTART"].dt == moment
        assert "DTEND" not in event


@pytest.mark.requirement("MS-ASCMD", 4919)
@pytest.mark.requirement("MS-ASCMD", 3196, 4185)
def test_what_is_no_series_has_no_occurrences(modern: Phone) -> None:
    instance = ("InstanceId", "2026-03-09T09:00:00.000Z")
    assert respond(modern, put_appointment(modern), 1, instance)["Status"] == "146"
    assert respond(modern, put_mail(modern), 1, instance)["Status"] == "2"
    assert not modern.world.source.replies


@pytest.mark.requirement("MS-ASCMD", 4184)
def test_who_invites_has_nothing_to_answer(modern: Phone) -> None:
    assert respond(modern, put_appointment(modern, organized=True), 1)["Status"] == "2"
    assert not modern.world.source.replies


@pytest.mark.requirement("MS-ASCMD", 4177)
@pytest.mark.requirement("MS-ASCMD", 4189)
def test_a_source_that_fails_at_the_answer_is_told_apart(modern: Phone) -> None:
    def fail(name: str) -> None:
        if name == "reply":
            raise ItemFailed("another time")

    name = put_mail(modern)
    modern.world.source.before = fail
    assert respond(modern, name, 1)["Status"] == "3"


@pytest.mark.requirement("MS-ASCMD", 7036)
def test_an_item_is_named_once(modern: Phone) -> None:
    name = put_mail(modern)
    request = (("UserResponse", 1), tree("Search:LongId", name), ("RequestId", name))
    assert answer(modern, request).status == "2"


@pytest.mark.requirement("MS-ASCMD", 7113, 7114)
def test_another_time_goes_out_though_the_source_tells_the_organizer(modern: Phone) -> None:
    """What OX says of itself names no other time."""
    modern.world.source.tells_organizers = True
    respond(modern, put_mail(modern), 2, SEND)
    assert sent(modern) == []
    times = ("ProposedStartTime", "20260303T090000Z"), ("ProposedEndTime", "20260303T100000Z")
    respond(modern, put_mail(modern), 2, ("SendResponse", *times))
    [message] = sent(modern)
    assert calendar_of(message)["METHOD"] == "COUNTER"


def test_an_occurrence_of_whole_days_is_a_date(modern: Phone) -> None:
    day = {
        "start": datetime(2026, 3, 2, tzinfo=UTC),
        "end": datetime(2026, 3, 3, tzinfo=UTC),
        "all_day": True,
    }
    name = put_appointment(modern, recurrence=WEEKLY, **day)
    respond(modern, name, 1, ("InstanceId", "2026-03-09T00:00:00.000Z"), SEND)
    event = event_of(sent(modern)[0])
    assert event["RECURRENCE-ID"].dt == datetime(2026, 3, 9).date()


@pytest.mark.requirement("MS-ASCMD", 3195)
def test_an_instance_of_no_date_is_status_104(modern: Phone) -> None:
    assert respond(modern, put_mail(modern), 1, ("InstanceId", "tomorrow"))["Status"] == "104"
    assert not modern.world.source.replies


@pytest.mark.requirement("MS-ASCMD", 5707, 6061, 6062)
def test_the_reply_from_the_calendar_is_made_of_the_appointment(modern: Phone) -> None:
    respond(modern, put_appointment(modern), 1, SEND)
    [message] = sent(modern)
    event = event_of(message)
    assert (str(event["UID"]), str(event["SUMMARY"])) == (UID, "Planning")
    assert event["DTSTART"].dt == MEETING["start"]
    assert str(event["LOCATION"]) == "Room 1, Dortmund"
    assert event["ATTENDEE"].params["CN"] == "Anton"


@pytest.mark.parametrize(
    "fields",
    [{"organizer": None}, {"organizer": Address("nobody")}, {"uid": None}, {"start": None}],
)
def test_who_is_not_invited_by_anybody_tells_nobody(modern: Phone, fields: dict[str, Any]) -> None:
    assert respond(modern, put_appointment(modern, **fields), 1, SEND)["Status"] == "1"
    assert not sent(modern)


def test_an_appointment_of_few_words_is_answered(modern: Phone) -> None:
    few = {
        "subject": None,
        "location": None,
        "end": None,
        "organizer": Address("berta@example.org"),
        "attendees": (Attendee("x@example.org"),),
    }
    respond(modern, put_appointment(modern, **few), 1, SEND)
    [message] = sent(modern)
    assert message["From"] == "Anton <anton@example.org>"
    assert message["To"] == "berta@example.org"
    assert message["Subject"] == "Accepted:"


BROKEN = [
    mail(INVITATION.replace("METHOD:REQUEST", "METHOD:PUBLISH")),
    mail(INVITATION.replace("METHOD:REQUEST\n", "")),
    mail(INVITATION.replace('ORGANIZER;CN="Berta Böll":mailto:berta@example.org\n', "")),
    mail("BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n"),
    mail("BEGIN:VCALENDAR"),
    mail("nonsense"),
    mail(INVITATION.replace("mailto:berta@example.org", "mailto:b@d@[")),
    mail("x" * (itip.LARGEST + 1)),
    b"Subject: x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/calendar\r\n\r\n",
    b"no mail at all",
]


@pytest.mark.parametrize("mime", BROKEN, ids=range(len(BROKEN)))
def test_a_mail_that_invites_to_nothing_gets_no_reply(modern: Phone, mime: bytes) -> None:
    assert respond(modern, put_mail(modern, mime), 1, SEND)["Status"] == "1"
    assert not sent(modern)


def test_who_has_no_address_tells_nobody(modern: Phone) -> None:
    modern.world.source.senders = list  # type: ignore[method-assign]
    respond(modern, put_mail(modern), 1, SEND)
    assert len(sent(modern)) == 1
    invitation = itip.from_message(mail())
    assert invitation is not None
    assert (
        itip.compose(invitation, itip.Answer(Reply.ACCEPTED, (), "", datetime(2026, 1, 1, tzinfo=UTC)))
        is None
    )


def test_an_item_that_is_gone_is_no_invitation(phone: Phone) -> None:
    for name in (
        f"{phone.number(INBOX)}:99",
        f"{phone.number(CALENDAR)}:99",
        "99:1",
        "x",
        f"{phone.number(INBOX)}",
    ):
        assert respond(phone, name, 1, SEND) == {"RequestId": name, "Status": "2"}
    assert not sent(phone)


def test_a_contact_is_no_invitation(phone: Phone) -> None:
    name = f"{phone.number(CONTACTS)}:{phone.world.source.put(CONTACTS, {'last_name': 'A'})}"
    assert respond(phone, name, 1)["Status"] == "2"


def test_an_answer_that_fails_stops_no_other(phone: Phone) -> None:
    name = put_mail(phone)
    reply = answer(
        phone,
        (("UserResponse", 1), ("RequestId", "1:gone")),
        (("UserResponse", 1), ("RequestId", name)),
    )
    assert [element.text for element in reply.all("MeetingResponse:Status")] == ["2", "1"]


def test_the_result_of_a_search_is_answered_by_its_long_id(phone: Phone) -> None:
    name = put_mail(phone)
    found = plain(answer(phone, (("UserResponse", 3), ("Search:LongId", name))).one("MeetingResponse:Result"))
    assert found == [("Status", "1")]


@pytest.mark.parametrize(
    "requests",
    [
        (),
        ((("UserResponse", 1),),),
        ((("UserResponse", 4), ("RequestId", "1:1")),),
        ((("RequestId", "1:1"),),),
        ((("UserResponse", 1), ("RequestId", "1" * 65)),),
        ((("UserResponse", 1), ("RequestId", "1:1"), ("RequestId", "1:2")),),
        (
            (
                ("UserResponse", 1),
                ("RequestId", "1:1"),
                ("SendResponse", ("ProposedStartTime", "x"), ("ProposedEndTime", "x")),
            ),
        ),
    ],
)
def test_what_breaks_the_standard_is_status_2(phone: Phone, requests: Any) -> None:
    assert answer(phone, *requests).text("MeetingResponse:Status") == "2"


def test_another_element_breaks_the_standard(phone: Phone) -> None:
    root = tree("MeetingResponse:MeetingResponse", ("Result",))
    assert phone.send("MeetingResponse", root).text("MeetingResponse:Status") == "2"


@pytest.mark.requirement("MS-ASCMD", 5650)
def test_more_than_100_answers_are_too_many(modern: Phone) -> None:
    many = [(("UserResponse", 1), ("RequestId", "1:1"))] * 101
    assert answer(modern, *many).text("MeetingResponse:Status") == "103"


def test_a_source_that_fails_ends_the_request(modern: Phone) -> None:
    name = put_mail(modern)

    def fail(call: str) -> None:
        if call == "reply":
            raise SourceUnavailable("down")

    modern.world.source.before = fail
    request = tree(
        "MeetingResponse:MeetingResponse", ("Request", ("UserResponse", 1), ("RequestId", name), SEND)
    )
    assert modern.send("MeetingResponse", request).http.status == 503
    modern.world.source.before = lambda call: None
    assert respond(modern, name, 1, SEND)["Status"] == "1"
    assert len(modern.world.source.replies) == len(sent(modern)) == 1


def test_a_user_without_a_calendar_gets_no_calendar_id(modern: Phone) -> None:
    name = put_mail(modern)
    modern.world.source.tree = [folder for folder in modern.world.source.tree if folder.id != CALENDAR]
    assert respond(modern, name, 1) == {"RequestId": name, "Status": "1"}


def test_ios_that_sends_no_mail_itself_has_one_sent() -> None:
    for system, count in (("iOS 12.4.1 16G", 1), ("iOS 17.0", 1), ("iOS 12.3", 0), ("Android 14", 0)):
        phone = calendar_phone(Version.V14_1)
        Memory(phone.session()).write({f"{memory.DEVICE}OS": system})
        respond(phone, put_mail(phone), 1)
        assert len(sent(phone)) == count


# -- a source that tells the organizer itself -------------------------------------------------------------------


@pytest.fixture
def telling(phone: Phone) -> Phone:
    phone.world.source.tells_organizers = True
    return phone


def own_reply(state: str = "ACCEPTED", uid: str = UID, comment: str = "") -> bytes:
    """The mail that a device sends of itself."""
    more = f"COMMENT:{comment}\n" if comment else ""
    return mail(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nMETHOD:REPLY\nBEGIN:VEVENT\n"
        f"UID:{uid}\nDTSTAMP:20260101T000000Z\n{more}ATTENDEE;PARTSTAT={state}:mailto:anton@example.org\n"
        "END:VEVENT\nEND:VCALENDAR\n",
        "REPLY",
    )


def told(phone: Phone, mime: bytes) -> bool:
    return replies.is_told(Memory(phone.session()), mime, phone.world.clock.now())


def test_the_server_sends_nothing_where_the_source_does(telling: Phone) -> None:
    respond(telling, put_mail(telling), 1, SEND)
    respond(telling, put_appointment(telling), 1, SEND)
    assert len(telling.world.source.replies) == 2
    assert not sent(telling)


def test_the_mail_that_a_device_up_to_14_1_sends_is_swallowed(telling: Phone) -> None:
    assert not told(telling, own_reply())
    respond(telling, put_mail(telling), 1)
    old = telling.version < Version.V16_0
    assert told(telling, own_reply()) is old
    assert not told(telling, own_reply("DECLINED"))
    assert not told(telling, own_reply(uid="another"))
    assert not told(telling, own_reply(comment="I come later"))
    assert not told(telling, mail())
    assert not told(telling, b"no mail at all")
    telling.world.clock.advance(2 * 86400)
    assert not told(telling, own_reply())


def test_the_last_answer_counts(telling: Phone) -> None:
    name = put_appointment(telling)
    respond(telling, name, 1)
    respond(telling, name, 3)
    old = telling.version < Version.V16_0
    assert not told(telling, own_reply("ACCEPTED"))
    assert told(telling, own_reply("DECLINED")) is old


def test_only_so_many_answers_are_remembered() -> None:
    phone = calendar_phone(Version.V14_1)
    remembered, now = Memory(phone.session()), phone.world.clock.now()
    for number in range(replies.MOST + 1):
        replies.note(remembered, f"uid {number}", Reply.ACCEPTED, now)
    assert not replies.is_told(remembered, own_reply(uid="uid 0"), now)
    assert replies.is_told(remembered, own_reply(uid="UID 1"), now)


@pytest.mark.parametrize("left", ["[]", "{", '{"a": 1, "b": [1], "c": ["x", "y"]}'])
def test_what_cannot_be_remembered_counts_as_nothing(left: str) -> None:
    phone = calendar_phone(Version.V14_1)
    remembered = Memory(phone.session())
    remembered.write({memory.REPLIES: left})
    assert not replies.is_told(remembered, own_reply(), phone.world.clock.now())


def test_a_reply_that_names_nobody_is_no_reply() -> None:
    text = "BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nUID:x\nEND:VEVENT\nEND:VCALENDAR\n"
    assert itip.state_of(mail(text, "REPLY")) is None


@pytest.mark.requirement("MS-ASCMD", 268, 5091)
def test_the_device_may_still_send_what_is_no_repetition(telling: Phone) -> None:
    respond(telling, put_mail(telling), 1)
    if telling.version < Version.V14_0:
        return
    for number, mime in enumerate((own_reply(), own_reply("DECLINED"))):
        root = tree("ComposeMail:SendMail", ("ClientId", f"c{number}"), ("Mime", mime))
        assert telling.send("SendMail", root).root is None
    assert len(sent(telling)) == (1 if telling.version < Version.V16_0 else 2)
