"""Storing, importing and sending mails (http-api section 8.1, ``new`` and ``import``).

A message is sent to all of its recipients or to none: when the mail server refuses one of them, nothing is sent and
nothing is kept. Only addresses of the user's own may stand in From.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from email.utils import formataddr, formatdate, make_msgid
from typing import Any

import sqlalchemy as sa

from lab.ox import clock, delivery
from lab.ox.delivery import Mailbox
from lab.ox.errors import OXError, fault
from lab.ox.mime import compose, headers, parts
from lab.ox.modules.folder_tree import open_mail_folder
from lab.ox.storage import mail
from lab.ox.storage.mail import MailFolder
from lab.ox.web import envelope
from lab.ox.web.call import Answer, Call, Result, number

_RECIPIENT_FIELDS = ("To", "Cc", "Bcc")
# What ``sendtype`` says of the message that ``msgref`` names.
_REPLY, _FORWARD, _DRAFT_EDIT, _DRAFT = 1, 2, 3, 4
_REFERENCE_FLAGS = {_REPLY: mail.ANSWERED, _FORWARD: mail.FORWARDED}


def new(call: Call) -> Result:
    """A mail as RFC 5322 text (PUT), or as JSON with files (POST). With ``folder`` a text is only stored; without, it
    is sent and copied to Sent."""
    if call.form or call.files:
        return _new_from_parts(call)
    raw = _checked(call.body)
    folder_id = call.params.get("folder")
    if folder_id:
        with call.write() as connection:
            folder = open_mail_folder(call, connection, folder_id)
            return Answer(_store(call, connection, folder, raw, call.integer("flags", 0)))
    return Answer(_send(call, raw))


def import_(call: Call) -> Result:
    """Store one or more mails in a folder; one entry of the answer for each. Without ``force`` each must come from an
    address of the user."""
    messages = [upload.data for upload in call.files] or ([call.body] if call.body else [])
    if not messages:
        raise fault("SVL-0023")
    flags = call.integer("flags", 0)
    answers: list[Any] = []
    with call.write() as connection:
        folder = open_mail_folder(call, connection, call.need("folder"))
        for raw in messages:
            try:
                message = parts.parse(_checked(raw))
                if not call.flag("force"):
                    _sender(call, message)
                answers.append(_store(call, connection, folder, raw, flags))
            except OXError as error:
                answers.append(envelope.of_error(error))
    return Answer(answers)


def _new_from_parts(call: Call) -> Result:
    """A message described in JSON; the answer is the path of the stored copy."""
    described = call.json_object()
    kind = number(described.get("sendtype") or 0, "sendtype")
    described.setdefault("from", call.user.mail)
    files = _referenced(call, described)
    files += [compose.File(each.filename, each.content_type, each.data) for each in call.files]
    raw = compose.message(described, files)
    reference = str(described.get("msgref") or "")
    if number(described.get("flags") or 0, "flags") & mail.DRAFT or kind == _DRAFT:
        with call.write() as connection:
            drafts = mail.standard_folder(connection, call.cid, call.user.id, "drafts")
            if drafts is None:
                raise fault("IMAP-1002", "Drafts")
            if reference:
                _remove(call, connection, reference)
            stored = _store(call, connection, drafts, raw, mail.DRAFT | mail.SEEN)
    else:
        stored = _send(call, raw)
        if reference:
            with call.write() as connection:
                _mark(call, connection, reference, kind)
    return Answer(f"{stored['folder_id']}/{stored['id']}")


def _referenced(call: Call, described: Mapping[str, Any]) -> list[compose.File]:
    """What entries of ``attachments`` after the text take from other mails: a part, or the whole of one."""
    found = []
    entries = described.get("attachments") or []
    for entry in entries[1:] if isinstance(entries, list) else []:
        reference = str(entry.get("msgref") or described.get("msgref") or "")
        if not reference:
            continue
        folder_id, uid = _reference(reference)
        with call.read() as connection:
            folder = open_mail_folder(call, connection, folder_id)
            raw = mail.source(connection, call.cid, call.user.id, folder, uid)
        if raw is None:
            raise fault("MSG-0032", uid, folder_id)
        if entry.get("id") in (None, ""):
            found.append(compose.File("", "message/rfc822", raw))
            continue
        leaf = parts.find(parts.parse(raw), str(entry["id"]))
        if leaf is None:
            raise fault("MSG-0034", entry["id"], uid)
        found.append(compose.File(leaf.filename or "", leaf.content_type, leaf.data))
    return found


def _reference(text: str) -> tuple[str, int]:
    """``default0/INBOX/12`` → folder and id."""
    folder_id, _, uid = text.rpartition("/")
    return folder_id, number(uid, "msgref")


def _mark(call: Call, connection: sa.Connection, reference: str, kind: int) -> None:
    """Note in a mail that it was answered or forwarded; a draft that was sent is gone."""
    if kind == _DRAFT_EDIT:
        _remove(call, connection, reference)
    elif kind in _REFERENCE_FLAGS:
        folder_id, uid = _reference(reference)
        folder = open_mail_folder(call, connection, folder_id)
        mail.set_flags(connection, call.cid, call.user.id, folder, [uid], add=_REFERENCE_FLAGS[kind])


def _remove(call: Call, connection: sa.Connection, reference: str) -> None:
    folder_id, uid = _reference(reference)
    folder = open_mail_folder(call, connection, folder_id)
    mail.expunge(connection, call.cid, call.user.id, folder, [uid])


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
    sender = _sender(call, message)
    recipients = _recipients(message)
    if not recipients:
        raise fault("MSG-0014")
    if len(raw) > delivery.MAX_BYTES:
        raise fault("MSG-1012", f"552 5.3.4 Message size exceeds fixed limit {delivery.MAX_BYTES}")
    complete = _completed(call, message, raw)
    platform = call.groupware.platform
    way = delivery.route(platform, recipients)
    if way.refused:
        raise fault("MSG-1013", ", ".join(way.refused), "550 5.1.1 User unknown")
    delivery.submit(platform, Mailbox(call.cid, call.user.id), sender, way, without_bcc(complete))
    with call.write() as connection:
        sent = mail.standard_folder(connection, call.cid, call.user.id, "sent")
        if sent is None:
            raise fault("IMAP-1002", "Sent")
        return _store(call, connection, sent, complete, mail.SEEN)


def _sender(call: Call, message: Message) -> str:
    """The address that a message comes from, the user's own when it names none. MSG-0056 for a foreign one."""
    user = call.user
    found = [address for _, address in headers.addresses(message, "From") if address]
    if not found:
        return user.mail
    own = {address.lower() for address in (user.mail, *user.aliases)}
    if found[0].lower() not in own:
        raise fault("MSG-0056", found[0])
    return found[0]


def _completed(call: Call, message: Message, raw: bytes) -> bytes:
    """The message with the fields that a server adds when they are missing; the rest stays as it is."""
    fields = {
        "From": formataddr((call.user.display_name, call.user.mail)),
        "Date": formatdate(localtime=False),
        "Message-ID": make_msgid(domain=call.user.mail.rpartition("@")[2]),
    }
    added = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if not message.get(name))
    return added.encode("ascii") + raw


def _recipients(message: Message) -> list[str]:
    found: dict[str, str] = {}
    for name in _RECIPIENT_FIELDS:
        for _, address in headers.addresses(message, name):
            if address and "@" in address:
                found.setdefault(address.casefold(), address)
    return list(found.values())


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
