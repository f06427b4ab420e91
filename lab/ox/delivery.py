"""What SMTP and a mail server would do between the users of the installation and the world outside.

An address inside is a user's login, mail address or alias. An address of a domain that users have, but nobody's own,
is refused at once and nobody gets the message. What goes to other domains or to a resource, which has no mailbox here,
is kept in the outbox, where tests find it; below ``.invalid`` there is nobody (RFC 2606), and the sender gets a report
of that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.parser import HeaderParser
from email.policy import SMTP
from email.utils import formatdate, make_msgid

import sqlalchemy as sa

from lab.ox import clock, vacation
from lab.ox.database.groupware import outbox, resource, user, user_attribute
from lab.ox.storage import mail, users
from lab.ox.storage.platform import Platform

# What the server says it takes (RFC 1870).
MAX_BYTES = 50 << 20
_NOWHERE = ".invalid"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Whose INBOX an address leads to."""

    cid: int
    user_id: int


@dataclass(frozen=True, slots=True)
class Route:
    """Where the recipients of a message are: inside, outside, or nowhere at all."""

    inside: tuple[Mailbox, ...]
    outside: tuple[str, ...]
    refused: tuple[str, ...]


def route(platform: Platform, recipients: Iterable[str]) -> Route:
    """Find the way to each recipient. Two addresses of one user are one mailbox."""
    inside: dict[Mailbox, None] = {}
    outside: list[str] = []
    refused: list[str] = []
    domains = local_domains(platform)
    for address in recipients:
        found = mailbox(platform, address)
        if found is not None:
            inside[found] = None
        elif address.rpartition("@")[2].lower() in domains and not _is_resource(platform, address):
            refused.append(address)
        else:
            outside.append(address)
    return Route(tuple(inside), tuple(outside), tuple(refused))


def mailbox(platform: Platform, address: str) -> Mailbox | None:
    """The user of an address: login, mail address or alias, in any case of letters."""
    wanted = address.lower()
    found = platform.resolve(wanted)
    if found is not None:
        cid, _, names = found
        with platform.read(cid) as connection:
            user_id = users.find_user_id(connection, cid, names)
        if user_id is not None:
            return Mailbox(cid, user_id)
    alias = user_attribute
    own = sa.select(user.c.cid, user.c.id).where(sa.func.lower(user.c.mail) == wanted)
    other = sa.select(alias.c.cid, alias.c.id).where(
        alias.c.name == "alias", sa.func.lower(alias.c.value) == wanted
    )
    for schema in platform.schemas():
        with platform.databases.read(schema) as connection:
            row = connection.execute(sa.union_all(own, other)).first()
        if row is not None:
            return Mailbox(row.cid, row.id)
    return None


def local_domains(platform: Platform) -> set[str]:
    """The domains that users have addresses in."""
    found: set[str] = set()
    for schema in platform.schemas():
        with platform.databases.read(schema) as connection:
            rows = connection.execute(sa.select(user.c.mailDomain).distinct()).scalars()
            found |= {str(domain).lower() for domain in rows if domain}
    return found


def _is_resource(platform: Platform, address: str) -> bool:
    wanted = sa.select(resource.c.id).where(sa.func.lower(resource.c.mail) == address.lower())
    for schema in platform.schemas():
        with platform.databases.read(schema) as connection:
            if connection.execute(wanted).first() is not None:
                return True
    return False


def submit(platform: Platform, sender: Mailbox, sender_address: str, way: Route, raw: bytes) -> None:
    """Bring a message to the recipients that :func:`route` found. ``raw``: as they get it, without Bcc."""
    for target in way.inside:
        deliver(platform, target, raw)
    if way.outside:
        with platform.write(sender.cid) as connection:
            connection.execute(
                outbox.insert(),
                [
                    {
                        "cid": sender.cid,
                        "user": sender.user_id,
                        "sent": clock.now_ms(),
                        "recipients": json.dumps(list(way.outside)),
                        "raw": raw,
                    }
                ],
            )
    unknown = [address for address in way.outside if address.lower().endswith(_NOWHERE)]
    if unknown:
        deliver(platform, sender, _report(sender_address, unknown, raw))


def deliver(platform: Platform, target: Mailbox, raw: bytes, received: int | None = None) -> int | None:
    """Put a message into a user's INBOX; returns its UID, ``None`` when the user has none. Who is away answers."""
    with platform.write(target.cid) as connection:
        inbox = mail.standard_folder(connection, target.cid, target.user_id, "inbox")
        if inbox is None:
            return None
        message = (raw, mail.RECENT, received or clock.now_ms())
        uid = mail.append(connection, target.cid, target.user_id, inbox, [message])[0]
        owner = users.load_user(connection, target.cid, target.user_id)
        reply = vacation.answer(connection, owner, raw) if owner else None
    if owner and reply:
        submit(platform, target, owner.mail, route(platform, [reply.recipient]), reply.raw)
    return uid


def _report(sender: str, unknown: list[str], raw: bytes) -> bytes:
    """A delivery status notification (RFC 3464) with the header of the message that came back."""
    report = MIMEMultipart("report")
    report.set_param("report-type", "delivery-status")
    report["From"] = "Mail Delivery System <MAILER-DAEMON@example.org>"
    report["To"] = sender
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Date"] = formatdate()
    report["Message-ID"] = make_msgid(domain="example.org")
    report["Auto-Submitted"] = "auto-replied"
    report.attach(MIMEText("These recipients could not be reached:\n\n" + "\n".join(unknown) + "\n"))
    status = Message()
    status["Content-Type"] = "message/delivery-status"
    fields = ["Reporting-MTA: dns; mail.example.org\n"]
    fields += [f"Final-Recipient: rfc822; {address}\nAction: failed\nStatus: 5.1.2\n" for address in unknown]
    status.set_payload([HeaderParser().parsestr(each) for each in fields])
    report.attach(status)
    head = EmailMessage()
    head["Content-Type"] = "text/rfc822-headers; charset=utf-8"
    head.set_payload(raw.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace").replace("\r\n", "\n") + "\n")
    report.attach(head)
    return report.as_bytes(policy=SMTP)
