"""Messages about meetings (RFC 5546, 6047): what a planner has to tell, as mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr, formatdate, make_msgid

from lab.ox.calendar import ical
from lab.ox.calendar.event import ACCEPTED, DECLINED, NONE, TENTATIVE, Event
from lab.ox.calendar.ical import Person
from lab.ox.calendar.planner import CANCEL, REPLY, Notice

_ANSWERS = {ACCEPTED: "Accepted", DECLINED: "Declined", TENTATIVE: "Tentative", NONE: "Undecided"}


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one recipient."""

    sender: str
    recipient: str
    raw: bytes


def letters(
    notice: Notice, people: Mapping[int, Person], internal: bool, external: bool, comment: str = ""
) -> list[Letter]:
    """The mails of a notice. ``people``: all users of it by id. ``internal`` and ``external``: whether users, and
    whether people outside, get one."""
    event = notice.event
    if notice.actor not in people or not event.is_meeting:
        return []
    sender = people[notice.actor]
    to = [people[each].mail for each in notice.users if internal and each in people]
    to += list(notice.externals) if external else []
    if not to:
        return []
    method = notice.method
    only = None
    if method == REPLY:
        member = event.member(notice.actor)
        reply = member.reply if member else DECLINED
        only = Person(sender.mail, sender.name, reply)
        comment = comment or (member.message if member else "")
    text = ical.calendar(
        method, [event, *(notice.exceptions if method != REPLY else ())], people, only, comment
    )
    subject = _subject(method, event, only)
    return [Letter(sender.mail, each, _mail(sender, each, subject, method, text, comment)) for each in to]


def _subject(method: str, event: Event, only: Person | None) -> str:
    title = str(event.fields.get("title", ""))
    if only is not None:
        return f"{_ANSWERS[only.reply]}: {title}"
    if method == CANCEL:
        return f"Appointment canceled: {title}"
    return f"Appointment changed: {title}" if event.fields.get("sequence") else f"New appointment: {title}"


def _mail(sender: Person, recipient: str, subject: str, method: str, text: str, comment: str) -> bytes:
    message = EmailMessage()
    message["From"] = formataddr((sender.name, sender.mail))
    message["To"] = recipient
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.mail.rpartition("@")[2])
    message.set_content(comment or subject)
    message.add_alternative(text.encode(), "text", "calendar", params={"method": method, "charset": "UTF-8"})
    part = list(message.iter_parts())[-1]
    del part["Content-Disposition"]
    return message.as_bytes(policy=SMTP)
