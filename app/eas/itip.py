"""Replies to invitations as mails: iTIP in a message (RFC 5546 3.2.3, RFC 6047).

What a reply repeats of the meeting comes from the invitation itself where the device answers a mail, and else from the
appointment. An invitation without an organizer's address, and one that cannot be read, gets no reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

from icalendar import Calendar, Component, Event, vCalAddress

from app.eas import original
from app.eas.schema.text import line
from app.usm import charsets
from app.usm.content import Address, Reply
from app.usm.letters import parsed
from app.usm.pieces import Text

STATES: Final[Mapping[Reply, str]] = {
    Reply.ACCEPTED: "ACCEPTED",
    Reply.TENTATIVE: "TENTATIVE",
    Reply.DECLINED: "DECLINED",
}
"""PARTSTAT (RFC 5545 3.2.12)."""
TITLES: Final[Mapping[Reply, str]] = {
    Reply.ACCEPTED: "Accepted",
    Reply.TENTATIVE: "Tentative",
    Reply.DECLINED: "Declined",
}
PROPOSAL: Final = "New time proposed"
PRODUCT: Final = "-//Open-Xchange USM//EAS//EN"
LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a calendar that is read."""
REPEATED: Final = ("UID", "SEQUENCE", "RECURRENCE-ID", "SUMMARY", "LOCATION", "DTSTART", "DTEND", "DURATION")
"""Properties of the invitation that a reply has too."""
_MAIL: Final = re.compile(r"[!#-'*+\-/-9=?A-Z^-~.]+@[A-Za-z0-9.\-]+")
"""Addresses that a header can hold as they are."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What there is to answer. ``event``: the properties that a reply repeats; ``zones``: those that they name;
    ``invited``: the addresses and names of the attendees."""

    organizer: Address
    event: Event
    zones: tuple[Component, ...] = ()
    invited: tuple[Address, ...] = ()

    @property
    def subject(self) -> str:
        """What the meeting is about."""
        return line(str(self.event.get("SUMMARY") or ""))

    @property
    def all_day(self) -> bool:
        """Whether it lasts whole days."""
        return not isinstance(getattr(self.event.get("DTSTART"), "dt", None), datetime)


@dataclass(frozen=True, slots=True)
class Answer:
    """``senders``: the user's addresses, the default first. ``occurrence``: the one of a series that it is about;
    ``proposed``: the beginning and end that would suit the user better."""

    reply: Reply
    senders: Sequence[str]
    name: str
    now: datetime
    comment: str = ""
    occurrence: datetime | None = None
    proposed: tuple[datetime, datetime] | None = None


def from_message(mime: bytes) -> Invitation | None:
    """The invitation in a message; ``None`` where there is none."""
    for calendar in _calendars(mime):
        if str(calendar.get("METHOD") or "").strip().upper() != "REQUEST":
            continue
        event = next(iter(calendar.walk("VEVENT")), None)
        organizer = None if event is None else _address(event.get("ORGANIZER"))
        if event is None or organizer is None:
            continue
        repeated = Event()
        for name in REPEATED:
            for value in _values(event, name)[:1]:
                repeated.add(name, value)
        invited = tuple(filter(None, map(_address, _values(event, "ATTENDEE"))))
        return Invitation(organizer, repeated, tuple(calendar.walk("VTIMEZONE")), invited)
    return None


def state_of(mime: Text) -> tuple[str, str] | None:
    """UID and PARTSTAT of a message that is itself a reply, ``None`` for any other, for one in which the user says
    something (COMMENT), and for one that is too large to be nothing else."""
    if not isinstance(mime, bytes):
        return None
    for calendar in _calendars(mime):
        event = next(iter(calendar.walk("VEVENT")), None)
        if event is None or str(calendar.get("METHOD") or "").strip().upper() != "REPLY":
            continue
        if any(str(value).strip() for value in _values(event, "COMMENT")):
            return None
        for attendee in _values(event, "ATTENDEE"):
            state = str(getattr(attendee, "params", {}).get("PARTSTAT", "")).upper()
            return str(event.get("UID") or ""), state
    return None


def _calendars(mime: bytes) -> Iterator[Any]:
    for part in original.leaves(parsed(mime)):
        if part.get_content_type() not in ("text/calendar", "application/ics"):
            continue
        data = part.get_payload(decode=True)
        if not isinstance(data, bytes) or len(data) > LARGEST:
            continue
        try:
            yield Calendar.from_ical(charsets.decode(data, "utf-8"))
        except (ValueError, KeyError, IndexError, AttributeError):
            continue


def _values(event: Any, name: str) -> list[Any]:
    found = event.get(name)
    return found if isinstance(found, list) else [] if found is None else [found]


def is_mail(text: str) -> bool:
    """Whether a text is an address that a header can hold as it is."""
    return _MAIL.fullmatch(text) is not None


def _address(value: Any) -> Address | None:
    """The address behind a ``mailto:``."""
    text = line(str(value or ""))
    mail = text[7:] if text[:7].lower() == "mailto:" else text
    name = line(str(getattr(value, "params", {}).get("CN", "")).strip('"'))
    return Address(mail, name) if _MAIL.fullmatch(mail) else None


def from_fields(fields: Mapping[str, Any]) -> Invitation | None:
    """The invitation behind an appointment; ``None`` where nobody invites or nothing says when."""
    organizer: Address | None = fields.get("organizer")
    uid, start = fields.get("uid"), fields.get("start")
    if organizer is None or not _MAIL.fullmatch(organizer.mail) or not uid or start is None:
        return None
    event = Event()
    event.add("UID", uid)
    for name, field in (("SUMMARY", "subject"), ("LOCATION", "location")):
        if fields.get(field):
            event.add(name, fields[field])
    for name, moment in (("DTSTART", start), ("DTEND", fields.get("end"))):
        if moment is not None:
            event.add(name, moment.date() if fields.get("all_day") else moment.astimezone(UTC))
    attendees = fields.get("attendees") or ()
    return Invitation(organizer, event, invited=tuple(Address(each.mail, each.name) for each in attendees))


def compose(invitation: Invitation, answer: Answer) -> bytes | None:
    """The message that tells the organizer; ``None`` where the user has no address to write from."""
    sender = _sender(invitation, answer)
    if sender is None:
        return None
    message = EmailMessage(policy=SMTP)
    title = PROPOSAL if answer.proposed else TITLES[answer.reply]
    message["From"] = _mailbox(sender)
    message["To"] = _mailbox(invitation.organizer)
    message["Subject"] = _words(f"{title}: {invitation.subject}")
    message["Date"] = format_datetime(answer.now)
    message.set_content(answer.comment or f"{title}: {invitation.subject}\n", cte="base64")
    calendar = _calendar(invitation, answer, sender)
    method = str(calendar["METHOD"])
    text = calendar.to_ical().decode()
    message.add_alternative(text, subtype="calendar", params={"method": method}, cte="base64")
    return message.as_bytes()


def _sender(invitation: Invitation, answer: Answer) -> Address | None:
    """The user as invited; under the default address where it was another that was."""
    own = {sender.casefold(): sender for sender in answer.senders if _MAIL.fullmatch(sender)}
    invited = next((each for each in invitation.invited if each.mail.casefold() in own), None)
    if invited is not None:
        return Address(own[invited.mail.casefold()], invited.name or answer.name)
    return Address(next(iter(own.values())), answer.name) if own else None


def _mailbox(address: Address) -> HeaderAddress:
    local, _, domain = address.mail.rpartition("@")
    return HeaderAddress(_words(address.name), local, domain)


def _words(text: str) -> str:
    """On one line, as Unicode counts lines."""
    return " ".join(line(text).split())


def _calendar(invitation: Invitation, answer: Answer, sender: Address) -> Calendar:
    calendar = Calendar()
    calendar.add("PRODID", PRODUCT)
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", "COUNTER" if answer.proposed else "REPLY")
    for zone in invitation.zones:
        calendar.add_component(zone)
    calendar.add_component(_event(invitation, answer, sender))
    return calendar


def _event(invitation: Invitation, answer: Answer, sender: Address) -> Event:
    event = Event()
    for name, value in invitation.event.items():
        event.add(name, value)
    event.add("DTSTAMP", answer.now.astimezone(UTC))
    event.add("ORGANIZER", person(invitation.organizer))
    attendee = person(sender)
    attendee.params["PARTSTAT"] = STATES[answer.reply]
    event.add("ATTENDEE", attendee)
    if answer.comment.strip():
        event.add("COMMENT", answer.comment.strip())
    if answer.occurrence is not None and "RECURRENCE-ID" not in event:
        moment = answer.occurrence.astimezone(UTC)
        event.add("RECURRENCE-ID", moment.date() if invitation.all_day else moment)
        # Beginning and end are those of the first occurrence, and would say something else.
        for name in ("DTSTART", "DTEND", "DURATION"):
            event.pop(name, None)
        event.add("DTSTART", moment.date() if invitation.all_day else moment)
    if answer.proposed:
        for name in ("DTSTART", "DTEND", "DURATION"):
            event.pop(name, None)
        for name, moment in zip(("DTSTART", "DTEND"), answer.proposed, strict=True):
            event.add(name, moment.astimezone(UTC))
    return event


def person(address: Address) -> vCalAddress:
    """An address as calendars have it."""
    person = vCalAddress(f"mailto:{address.mail}")
    if address.name:
        person.params["CN"] = address.name
    return person
