"""Meetings that a device forwards by naming people, from 16.0 on (MS-ASCMD 2.2.1.18, 2.2.3.78).

The device sends no message, and the server writes it: what the user says in Body, and the invitation. An invitation in
a mail is forwarded with the mail; of an appointment one is made, in the name of its organizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final

from icalendar import Calendar, vRecur

from app.eas import itip
from app.eas.errors import ConversionError, Malformed, StatusError
from app.eas.reading import only
from app.eas.schema import body
from app.eas.schema.text import line
from app.eas.status import Compose
from app.usm.content import LAST, Address, Pattern, Recurrence
from app.wbxml.element import Element

_PAGE: Final = "ComposeMail:"
FORWARDEES: Final = f"{_PAGE}Forwardees"
BODY: Final = "AirSyncBase:Body"
MOST: Final = 500
_APART: Final = (f"{_PAGE}Mime", f"{_PAGE}ReplaceMime")
"""Elements that do not go together with these."""
_PREFIX: Final = "FW: "
_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FREQUENCIES: Final[Mapping[Pattern, str]] = {
    Pattern.DAILY: "DAILY",
    Pattern.WEEKLY: "WEEKLY",
    Pattern.MONTHLY_BY_DAY: "MONTHLY",
    Pattern.MONTHLY_BY_WEEKDAY: "MONTHLY",
    Pattern.YEARLY_BY_DAY: "YEARLY",
    Pattern.YEARLY_BY_WEEKDAY: "YEARLY",
}


@dataclass(frozen=True, slots=True)
class Forwarding:
    """To whom a meeting goes, and what the user says of it."""

    people: tuple[Address, ...]
    text: str = ""


def read(root: Element) -> Forwarding | None:
    """What a SmartForward says of people, ``None`` where it says nothing. Raises ``StatusError`` 178 beside a message,
    179 for what cannot be read."""
    named, said = root.find(FORWARDEES), root.find(BODY)
    if named is None and said is None:
        return None
    for name in _APART:
        if root.find(name) is not None:
            raise StatusError(Compose.COMBINED, f"{name} beside Forwardees or Body")
    try:
        people = () if named is None else tuple(map(_person, named))
        text = None if said is None else body.read(said)
    except (Malformed, ConversionError, LookupError) as error:
        raise StatusError(Compose.UNPARSABLE, str(error)) from error
    if not 0 < len(people) <= MOST:
        raise StatusError(Compose.UNPARSABLE, f"{len(people)} forwardees, not 1 to {MOST}")
    return Forwarding(people, text.text.strip() if text else "")


def _person(element: Element) -> Address:
    mail = only(element, f"{_PAGE}Email")
    name = only(element, f"{_PAGE}Name")
    address = line(mail.text).strip() if mail is not None else ""
    if not itip.is_mail(address):
        raise Malformed("the address of a forwardee is none")
    return Address(address, line(name.text).strip() if name is not None else "")


def message(forwarding: Forwarding, subject: str) -> EmailMessage:
    """The message without what it forwards; the sender is filled in where messages are sent."""
    made = EmailMessage(policy=SMTP)
    made["To"] = tuple(map(_mailbox, forwarding.people))
    made["Subject"] = " ".join(f"{_PREFIX}{line(subject)}".split())
    made.set_content(f"{forwarding.text}\n", cte="base64")
    return made


def with_invitation(
    forwarding: Forwarding,
    fields: Mapping[str, Any],
    occurrence: datetime | None,
    user: Address,
    now: datetime,
) -> bytes:
    """The message with an invitation to an appointment, or to one occurrence of it. Without an organizer it is the
    user's own. Raises ``ConversionError`` for one that says too little."""
    organizer: Address | None = fields.get("organizer")
    if organizer is None or not itip.is_mail(organizer.mail):
        fields = {**fields, "organizer": user}
    invitation = itip.from_fields(fields)
    if invitation is None:
        raise ConversionError("an appointment without a beginning is not forwarded")
    calendar = Calendar()
    for name, value in (("PRODID", itip.PRODUCT), ("VERSION", "2.0"), ("METHOD", "REQUEST")):
        calendar.add(name, value)
    calendar.add_component(_event(invitation, forwarding, fields, occurrence, now))
    made = message(forwarding, invitation.subject)
    text = calendar.to_ical().decode()
    made.add_alternative(text, subtype="calendar", params={"method": "REQUEST"}, cte="base64")
    return made.as_bytes()


def _event(
    invitation: itip.Invitation,
    forwarding: Forwarding,
    fields: Mapping[str, Any],
    occurrence: datetime | None,
    now: datetime,
) -> Any:
    event = invitation.event
    event.add("DTSTAMP", now.astimezone(UTC))
    event.add("ORGANIZER", itip.person(invitation.organizer))
    for each in forwarding.people:
        attendee = itip.person(each)
        attendee.params["PARTSTAT"] = "NEEDS-ACTION"
        attendee.params["RSVP"] = "TRUE"
        event.add("ATTENDEE", attendee)
    if occurrence is not None:
        length = (fields.get("end") or fields["start"]) - fields["start"]
        for name in ("DTSTART", "DTEND"):
            event.pop(name, None)
        for name, moment in (
            ("RECURRENCE-ID", occurrence),
            ("DTSTART", occurrence),
            ("DTEND", occurrence + length),
        ):
            event.add(name, moment.date() if fields.get("all_day") else moment.astimezone(UTC))
    elif fields.get("recurrence") is not None:
        event.add("RRULE", rule(fields["recurrence"]))
    return event


def rule(recurrence: Recurrence) -> vRecur:
    """A recurrence as RFC 5545 3.3.10 has it."""
    days = [_DAYS[day] for day in recurrence.weekdays]
    place = -1 if recurrence.week == LAST else recurrence.week
    parts: dict[str, Any] = {
        "FREQ": _FREQUENCIES[recurrence.pattern],
        "INTERVAL": recurrence.interval,
        "COUNT": recurrence.count,
        "UNTIL": _last_moment(recurrence.until) if recurrence.count is None else None,
        "BYDAY": days,
        "BYSETPOS": place,
        "BYMONTHDAY": recurrence.day,
        "BYMONTH": recurrence.month,
    }
    return vRecur({name: value for name, value in parts.items() if value})


def _last_moment(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


def _mailbox(address: Address) -> HeaderAddress:
    local, _, domain = address.mail.rpartition("@")
    return HeaderAddress(" ".join(address.name.split()), local, domain)
