"""The answer of a mailbox whose owner is away, as Sieve's ``vacation`` gives it (RFC 5230).

It goes to senders that wrote to the owner by name, once in so many days, and never to what machines or lists send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.mime import headers, parts
from lab.ox.storage import documents
from lab.ox.storage.users import User
from lab.ox.zones import DAY_MS

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)
_BULK = ("bulk", "list", "junk")
_MACHINES = ("mailer-daemon", "postmaster", "noreply", "no-reply", "owner-", "listserv", "majordomo")


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to the one who has written."""

    recipient: str
    raw: bytes


def answer(connection: sa.Connection, owner: User, raw: bytes) -> Reply | None:
    """What the owner's active rule answers to a message; remembers to whom it was given."""
    rules = documents.load_all(connection, owner.cid, owner.id, documents.MAIL_FILTER)
    found = [
        (identity, rule, command)
        for identity, rule in sorted(rules.items(), key=lambda each: each[1]["position"])
        for command in rule["actioncmds"]
        if rule["active"] and command["id"] == "vacation" and _is_time(rule["test"])
    ]
    if not found:
        return None
    identity, _, command = found[0]
    message = parts.parse(raw)
    sender = _sender(message)
    own = {
        owner.mail.lower(),
        *map(str.lower, owner.aliases),
        *map(str.lower, command.get("addresses") or ()),
    }
    if sender is None or sender.lower() in own or not _is_named(message, own):
        return None
    sent = documents.load_all(connection, owner.cid, owner.id, documents.VACATION_SENT).get(identity) or {}
    now = clock.now_ms()
    if now - sent.get(sender.lower(), 0) < max(int(command["days"]), 1) * DAY_MS:
        return None
    sent[sender.lower()] = now
    documents.save(connection, owner.cid, owner.id, documents.VACATION_SENT, identity, sent)
    return Reply(sender, _reply(owner, command, message, sender))


def _is_time(test: Mapping[str, Any]) -> bool:
    """Whether the test of a rule holds now; of tests only ``true``, dates and their combination are known."""
    kind = test.get("id")
    if kind == "true":
        return True
    if kind in ("allof", "anyof"):
        below = [_is_time(each) for each in test.get("tests") or ()]
        return all(below) if kind == "allof" else any(below)
    if kind == "currentdate":
        day = int(test["datevalue"][0]) // DAY_MS
        today = (clock.now_ms() + _offset_ms(str(test.get("zone") or "+0000"))) // DAY_MS
        return {"ge": today >= day, "le": today <= day, "is": today == day}.get(
            str(test["comparison"]), False
        )
    return False


def _offset_ms(zone: str) -> int:
    """``+0200`` → milliseconds."""
    digits = zone.lstrip("+-")
    if len(digits) != 4 or not digits.isdigit():
        return 0
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return (-minutes if zone.startswith("-") else minutes) * 60_000


def _sender(message: Message) -> str | None:
    """Whom an answer goes to, ``None`` when there must be none."""
    submitted = (headers.text_header(message, "Auto-Submitted") or "no").lower()
    precedence = (headers.text_header(message, "Precedence") or "").lower()
    if submitted != "no" or precedence in _BULK:
        return None
    if any(str(name).lower().startswith("list-") for name in message):
        return None
    found = [address for _, address in headers.addresses(message, "From") if address and "@" in address]
    if not found or not _ADDRESS.fullmatch(found[0]):
        return None
    if any(found[0].lower().startswith(each) for each in _MACHINES):
        return None
    return found[0]


def _is_named(message: Message, own: set[str]) -> bool:
    named = [
        address.lower()
        for name in ("To", "Cc", "Bcc")
        for _, address in headers.addresses(message, name)
        if address
    ]
    return any(each in own for each in named)


def _reply(owner: User, command: Mapping[str, Any], message: Message, sender: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"] = _line(command.get("from") or owner.mail)
    made["To"] = sender
    subject = headers.text_header(message, "Subject") or ""
    made["Subject"] = _line(command.get("subject") or f"Auto: {subject}")
    made["Date"] = formatdate()
    made["Message-ID"] = make_msgid(domain=owner.mail.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-replied (vacation)"
    message_id = headers.text_header(message, "Message-ID")
    if message_id:
        made["In-Reply-To"] = _line(message_id)
    made.set_content(str(command["text"]))
    return made.as_bytes()


def _line(value: object) -> str:
    return " ".join(str(value).split())
