"""Storing, importing and sending mails (http-api section 8.1, ``new`` and ``import``)."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.database.groupware import outbox
from lab.ox.errors import OXError, fault
from lab.ox.mime import headers, parts
from lab.ox.modules.folder_tree import open_mail_folder
from lab.ox.storage import mail, users
from lab.ox.storage.mail import MailFolder
from lab.ox.storage.platform import Platform
from lab.ox.web import envelope
from lab.ox.web.call import Answer, Call, Result

_RECIPIENT_FIELDS = ("To", "Cc", "Bcc")


def new(call: Call) -> Result:
    """A mail as RFC 5322 text. With ``folder`` it is only stored; without, it is sent and copied to Sent."""
    raw = _message_bytes(call)
    folder_id = call.params.get("folder")
    if folder_id:
        with call.write() as connection:
            folder = open_mail_folder(call, connection, folder_id)
            return Answer(_store(call, connection, folder, raw, call.integer("flags", 0)))
    return Answer(_send(call, raw))


def import_(call: Call) -> Result:
    """Store one or more mails in a folder; one entry of the answer for each."""
    messages = [upload.data for upload in call.files] or ([call.body] if call.body else [])
    if not messages:
        raise fault("SVL-0023")
    flags = call.integer("flags", 0)
    answers: list[Any] = []
    with call.write() as connection:
        folder = open_mail_folder(call, connection, call.need("folder"))
        for raw in messages:
            try:
                answers.append(_store(call, connection, folder, _checked(raw), flags))
            except OXError as error:
                answers.append(envelope.of_error(error))
    return Answer(answers)


def deliver(
    platform: Platform, cid: int, user_id: int, raw: bytes, received: int | None = None
) -> int | None:
    """Put a mail into a user's INBOX; returns its UID, ``None`` when the user has none."""
    with platform.write(cid) as connection:
        inbox = mail.standard_folder(connection, cid, user_id, "inbox")
        if inbox is None:
            return None
        return mail.append(connection, cid, user_id, inbox, [(raw, mail.RECENT, received or clock.now_ms())])[
            0
        ]


def _message_bytes(call: Call) -> bytes:
    if call.form:
        raise fault("SVL-0010", "json_0", "the stand-in takes whole messages only")
    if call.files:
        return _checked(call.files[0].data)
    return _checked(call.body)


def _checked(raw: bytes) -> bytes:
    if not raw.strip():
        raise fault("MSG-0012")
    return raw


def _store(
    call: Call, connection: sa.Connection, folder: MailFolder, raw: bytes, flags: int
) -> dict[str, str]:
    kept = flags & mail.SETTABLE
    uid = mail.append(connection, call.cid, call.user.id, folder, [(raw, kept, clock.now_ms())])[0]
    return {"folder_id": f"{mail.ACCOUNT}/{folder.fullname}", "id": str(uid)}


def _send(call: Call, raw: bytes) -> dict[str, str]:
    message = parts.parse(raw)
    recipients = _recipients(message)
    if not recipients:
        raise fault("MSG-0014")
    bare = without_bcc(raw)
    outside = [
        address for address in recipients if not _deliver_inside(call.groupware.platform, address, bare)
    ]
    with call.write() as connection:
        if outside:
            connection.execute(
                outbox.insert(),
                [
                    {
                        "cid": call.cid,
                        "user": call.user.id,
                        "sent": clock.now_ms(),
                        "recipients": json.dumps(outside),
                        "raw": bare,
                    }
                ],
            )
        sent = mail.standard_folder(connection, call.cid, call.user.id, "sent")
        if sent is None:
            raise fault("IMAP-1002", "Sent")
        return _store(call, connection, sent, raw, mail.SEEN)


def _recipients(message: Message) -> list[str]:
    found: dict[str, str] = {}
    for name in _RECIPIENT_FIELDS:
        for _, address in headers.addresses(message, name):
            if address and "@" in address:
                found.setdefault(address.casefold(), address)
    return list(found.values())


def _deliver_inside(platform: Platform, address: str, raw: bytes) -> bool:
    found = platform.resolve(address)
    if found is None:
        return False
    cid, _, names = found
    with platform.read(cid) as connection:
        user_id = users.find_user_id(connection, cid, names)
    return user_id is not None and deliver(platform, cid, user_id, raw) is not None


def without_bcc(raw: bytes) -> bytes:
    """The message as its recipients get it."""
    head, separator, body = _split_head(raw)
    kept: list[bytes] = []
    dropping = False
    for line in head.splitlines(keepends=True):
        if line[:1] not in (b" ", b"\t"):
            dropping = line.lower().startswith(b"bcc:")
        if not dropping:
            kept.append(line)
    return b"".join(kept) + separator + body


def _split_head(raw: bytes) -> tuple[bytes, bytes, bytes]:
    for end in (b"\r\n\r\n", b"\n\n"):
        at = raw.find(end)
        if at >= 0:
            half = len(end) // 2
            return raw[: at + half], raw[at + half : at + 2 * half], raw[at + 2 * half :]
    return raw, b"", b""
