"""The mail store: folders with UIDs and UIDVALIDITY, messages with flags. It stands in for an IMAP server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.database.groupware import mail, mail_folder, mail_source, next_id
from lab.ox.mime import headers, parts

ANSWERED, DELETED, DRAFT, FLAGGED, RECENT, SEEN = 1, 2, 4, 8, 16, 32
USER, SPAM, FORWARDED, READ_ACK = 64, 128, 256, 512
SETTABLE = ANSWERED | DELETED | DRAFT | FLAGGED | SEEN | SPAM | FORWARDED | READ_ACK
# No statement takes more ids than that.
_CHUNK = 500
ACCOUNT = "default0"
INBOX = "INBOX"
# Kind of folder → value of column 316.
STANDARD_TYPES = {"inbox": 7, "drafts": 9, "sent": 10, "spam": 11, "trash": 12}
# Text of X-Priority or Importance → priority, 3 is normal.
_PRIORITIES = {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "high": 1, "normal": 3, "low": 5, "urgent": 1}


@dataclass(frozen=True, slots=True)
class MailFolder:
    """One mail folder. ``kind``: inbox, drafts, sent, spam, trash or empty."""

    id: int
    fullname: str
    kind: str
    subscribed: bool
    uidvalidity: int
    uidnext: int
    changed: int

    @property
    def title(self) -> str:
        """The last part of the name."""
        return self.fullname.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The name of the folder above, empty at the top."""
        return self.fullname.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Mail:
    """One message without its source. ``head``: addresses, subject … as the API shows them. ``keywords``: flags of the
    user's own."""

    uid: int
    received: int
    sent: int | None
    flags: int
    color: int
    size: int
    message_id: str | None
    head: Mapping[str, Any]
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many mails a folder holds."""

    total: int
    unread: int
    recent: int
    deleted: int


def folders(connection: sa.Connection, cid: int, user_id: int) -> list[MailFolder]:
    """All mail folders of a user, INBOX first, then by name."""
    table = mail_folder
    rows = connection.execute(
        sa.select(table).where(table.c.cid == cid, table.c.user == user_id, table.c.deleted == sa.false())
    )
    found = [_folder(row) for row in rows]
    return sorted(found, key=lambda folder: (not folder.fullname.startswith(INBOX), folder.fullname))


def find_folder(connection: sa.Connection, cid: int, user_id: int, fullname: str) -> MailFolder | None:
    """A folder by its full name; INBOX in any case of letters."""
    name = INBOX if fullname.upper() == INBOX else fullname
    table = mail_folder
    row = connection.execute(
        sa.select(table).where(
            table.c.cid == cid,
            table.c.user == user_id,
            table.c.fullname == name,
            table.c.deleted == sa.false(),
        )
    ).first()
    return _folder(row) if row else None


def standard_folder(connection: sa.Connection, cid: int, user_id: int, kind: str) -> MailFolder | None:
    """The user's folder of a kind."""
    table = mail_folder
    row = connection.execute(
        sa.select(table).where(
            table.c.cid == cid, table.c.user == user_id, table.c.kind == kind, table.c.deleted == sa.false()
        )
    ).first()
    return _folder(row) if row else None


def create_folder(
    connection: sa.Connection, cid: int, user_id: int, fullname: str, kind: str = ""
) -> MailFolder:
    """Make a folder. Its UIDVALIDITY differs from every earlier one of the same name."""
    now = clock.stamp()
    table = mail_folder
    before = connection.execute(
        sa.select(sa.func.max(table.c.uidvalidity)).where(
            table.c.cid == cid, table.c.user == user_id, table.c.fullname == fullname
        )
    ).scalar()
    folder = MailFolder(
        id=next_id(connection, "mail_service", cid),
        fullname=fullname,
        kind=kind,
        subscribed=True,
        uidvalidity=max(now // 1000, (before or 0) + 1),
        uidnext=1,
        changed=now,
    )
    connection.execute(mail_folder.insert(), [folder_row(cid, user_id, folder)])
    return folder


def rename_folder(
    connection: sa.Connection, cid: int, user_id: int, folder: MailFolder, fullname: str
) -> None:
    """Give a folder and all below it a new name. The old ids are gone, the new ones hold the same mails."""
    below = [each for each in folders(connection, cid, user_id) if _is_below(each, folder)]
    for each in [folder, *below]:
        renamed = fullname + each.fullname[len(folder.fullname) :]
        now = clock.stamp()
        connection.execute(
            _one(mail_folder.update(), cid, user_id, each.id).values(fullname=renamed, changed=now)
        )
        tombstone = folder_row(
            cid,
            user_id,
            MailFolder(
                next_id(connection, "mail_service", cid), each.fullname, "", False, each.uidvalidity, 0, now
            ),
        )
        connection.execute(mail_folder.insert(), [{**tombstone, "deleted": True}])


def subscribe(connection: sa.Connection, cid: int, user_id: int, folder: MailFolder, wanted: bool) -> None:
    """Say whether the user wants to see a folder."""
    connection.execute(
        _one(mail_folder.update(), cid, user_id, folder.id).values(subscribed=wanted, changed=clock.stamp())
    )


def delete_folder(connection: sa.Connection, cid: int, user_id: int, folder: MailFolder) -> None:
    """Delete a folder with its mails and all below it; a tombstone stays."""
    below = [each for each in folders(connection, cid, user_id) if _is_below(each, folder)]
    for each in [folder, *below]:
        clear(connection, cid, user_id, each)
        connection.execute(
            _one(mail_folder.update(), cid, user_id, each.id).values(deleted=True, changed=clock.stamp())
        )


def gone_since(connection: sa.Connection, cid: int, user_id: int, since: int) -> list[tuple[str, int]]:
    """Names of folders that went after a moment and are not back, with when."""
    table = mail_folder
    present = {folder.fullname for folder in folders(connection, cid, user_id)}
    rows = connection.execute(
        sa.select(table.c.fullname, table.c.changed)
        .where(
            table.c.cid == cid, table.c.user == user_id, table.c.deleted == sa.true(), table.c.changed > since
        )
        .order_by(table.c.changed)
    )
    return [(row.fullname, row.changed) for row in rows if row.fullname not in present]


def counts(connection: sa.Connection, cid: int, user_id: int) -> dict[int, Counts]:
    """Folder id → counts, of all folders that hold mails."""

    def flag(bit: int, wanted: bool) -> Any:
        is_set = mail.c.flags.op("&")(bit) != 0
        return sa.func.sum(sa.case((is_set if wanted else sa.not_(is_set), 1), else_=0))

    rows = connection.execute(
        sa.select(
            mail.c.folder,
            sa.func.count().label("total"),
            flag(SEEN, False).label("unread"),
            flag(RECENT, True).label("recent"),
            flag(DELETED, True).label("deleted"),
        )
        .where(mail.c.cid == cid, mail.c.user == user_id)
        .group_by(mail.c.folder)
    )
    return {row.folder: Counts(row.total, int(row.unread), int(row.recent), int(row.deleted)) for row in rows}


def in_folder(connection: sa.Connection, cid: int, user_id: int, folder: MailFolder) -> list[Mail]:
    """All mails of a folder by UID."""
    rows = connection.execute(_mails(cid, user_id, folder).order_by(mail.c.uid))
    return [_mail(row) for row in rows]


def load(
    connection: sa.Connection, cid: int, user_id: int, folder: MailFolder, uids: Sequence[int]
) -> dict[int, Mail]:
    """Some mails of a folder; those that are gone are absent."""
    found: dict[int, Mail] = {}
    for at in range(0, len(uids), _CHUNK):
        chosen = _mails(cid, user_id, folder).where(mail.c.uid.in_(list(uids[at : at + _CHUNK])))
        found |= {row.uid: _mail(row) for row in connection.execute(chosen)}
    return found


def find_message_id(
    connection: sa.Connection, cid: int, user_id: int, folder: MailFolder, message_id: str
) -> int | None:
    """The UID of the mail with this Message-ID."""
    return connection.execute(
        sa.select(mail.c.uid).where(
            mail.c.cid == cid,
            mail.c.user == user_id,
            mail.c.folder == folder.id,
            mail.c.message_id == message_id.strip("<> "),
        )
    ).scalar()


def source(connection: sa.Connection, cid: int, user_id: int, folder: MailFolder, uid: int) -> bytes | None:
    """The bytes of a mail."""
    table = mail_source
    raw = connection.execute(
        sa.select(table.c.raw).where(
            table.c.cid == cid, table.c.user == user_id, table.c.folder == folder.id, table.c.uid == uid
        )
    ).scalar()
    return None if raw is None else bytes(raw)


def append(
    connection: sa.Connection,
    cid: int,
    user_id: int,
    folder: MailFolder,
    messages: Sequence[tuple[bytes, int, int]],
) -> list[int]:
    """Add messages (bytes, flags, received in ms UTC) to a folder; returns their UIDs."""
    table = mail_folder
    connection.execute(
        _one(table.update(), cid, user_id, folder.id).values(uidnext=table.c.uidnext + len(messages))
    )
    newest = connection.execute(_one(sa.select(table.c.uidnext), cid, user_id, folder.id)).scalar_one()
    first = newest - len(messages)
    key = {"cid": cid, "user": user_id, "folder": folder.id}
    rows, sources = [], []
    for uid, (raw, flags, received) in enumerate(messages, first):
        state = {"flags": flags, "color": 0, "keywords": "", "received": received}
        rows.append({**key, "uid": uid, **index(raw), **state})
        sources.append({**key, "uid": uid, "raw": raw})
    if rows:
        connection.execute(mail.insert(), rows)
        connection.execute(mail_source.insert(), sources)
    return list(range(first, newest))


def index(raw: bytes) -> dict[str, Any]:
    """What the list of mails shows of a message: the columns ``sent``, ``size``, ``message_id`` and ``head``."""
    message = BytesHeaderParser(policy=compat32).parsebytes(raw)
    priority = (
        headers.text_header(message, "X-Priority") or headers.text_header(message, "Importance") or ""
    )[:8]
    head = {
        "from": headers.addresses(message, "From"),
        "to": headers.addresses(message, "To"),
        "cc": headers.addresses(message, "Cc"),
        "bcc": headers.addresses(message, "Bcc"),
        "subject": headers.text_header(message, "Subject"),
        "content_type": message.get_content_type(),
        "attachment": parts.has_attachment(message),
        "priority": _PRIORITIES.get(priority.strip().split(" ")[0].lower(), 3),
        "disp_notification_to": headers.text_header(message, "Disposition-Notification-To"),
    }
    message_id = (headers.text_header(message, "Message-ID") or "").strip("<> ")[:255]
    return {
        "sent": headers.moment(message, "Date"),
        "size": len(raw),
        "message_id": message_id or None,
        "head": json.dumps(head, ensure_ascii=False),
    }


def set_flags(
    connection: sa.Connection,
    cid: int,
    user_id: int,
    folder: MailFolder,
    uids: Sequence[int] | None,
    add: int = 0,
    remove: int = 0,
    color: int | None = None,
) -> None:
    """Change flags and colour of some mails, or of all (``uids`` is ``None``)."""
    chosen = mail.update().where(mail.c.cid == cid, mail.c.user == user_id, mail.c.folder == folder.id)
    if uids is not None:
        chosen = chosen.where(mail.c.uid.in_(list(uids)))
    kept = mail.c.flags.op("&")(~remove & 0x3FF) if remove else mail.c.flags
    values: dict[str, Any] = {"flags": sa.type_coerce(kept, sa.Integer).op("|")(add)}
    if color is not None:
        values["color"] = color
    connection.execute(chosen.values(**values))


def set_keywords(
    connection: sa.Connection,
    cid: int,
    user_id: int,
    folder: MailFolder,
    uids: Sequence[int],
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
) -> None:
    """Add and remove keywords of some mails; they are compared without regard to case, as IMAP does."""
    dropped = {word.lower() for word in remove}
    for uid, found in load(connection, cid, user_id, folder, uids).items():
        kept = {word.lower(): word for word in found.keywords if word.lower() not in dropped}
        for word in add:
            kept.setdefault(word.lower(), word)
        connection.execute(
            mail.update()
            .where(mail.c.cid == cid, mail.c.user == user_id, mail.c.folder == folder.id, mail.c.uid == uid)
            .values(keywords=" ".join(kept.values()))
        )


def copy(
    connection: sa.Connection, cid: int, user_id: int, folder: MailFolder, uid: int, target: MailFolder
) -> int | None:
    """Copy a mail with its flags; returns the new UID, ``None`` when the mail is gone."""
    found = load(connection, cid, user_id, folder, [uid]).get(uid)
    raw = source(connection, cid, user_id, folder, uid)
    if found is None or raw is None:
        return None
    new_uid = append(connection, cid, user_id, target, [(raw, found.flags, found.received)])[0]
    if found.color:
        set_flags(connection, cid, user_id, target, [new_uid], color=found.color)
    if found.keywords:
        set_keywords(connection, cid, user_id, target, [new_uid], add=found.keywords)
    return new_uid


def expunge(
    connection: sa.Connection, cid: int, user_id: int, folder: MailFolder, uids: Sequence[int]
) -> None:
    """Delete mails for good."""
    for table in (mail, mail_source):
        for at in range(0, len(uids), _CHUNK):
            connection.execute(
                table.delete().where(
                    table.c.cid == cid,
                    table.c.user == user_id,
                    table.c.folder == folder.id,
                    table.c.uid.in_(list(uids[at : at + _CHUNK])),
                )
            )


def clear(connection: sa.Connection, cid: int, user_id: int, folder: MailFolder) -> None:
    """Delete all mails of a folder for good."""
    for table in (mail, mail_source):
        connection.execute(
            table.delete().where(table.c.cid == cid, table.c.user == user_id, table.c.folder == folder.id)
        )


def folder_row(cid: int, user_id: int, folder: MailFolder) -> dict[str, Any]:
    """The row of a mail folder."""
    return {
        "cid": cid,
        "user": user_id,
        "id": folder.id,
        "fullname": folder.fullname,
        "kind": folder.kind,
        "subscribed": folder.subscribed,
        "uidvalidity": folder.uidvalidity,
        "uidnext": folder.uidnext,
        "changed": folder.changed,
        "deleted": False,
    }


def _one(statement: Any, cid: int, user_id: int, folder_id: int) -> Any:
    table = mail_folder
    return statement.where(table.c.cid == cid, table.c.user == user_id, table.c.id == folder_id)


def _mails(cid: int, user_id: int, folder: MailFolder) -> sa.Select[Any]:
    return sa.select(mail).where(mail.c.cid == cid, mail.c.user == user_id, mail.c.folder == folder.id)


def _is_below(folder: MailFolder, above: MailFolder) -> bool:
    return folder.fullname.startswith(above.fullname + "/")


def _folder(row: Any) -> MailFolder:
    return MailFolder(
        row.id, row.fullname, row.kind, bool(row.subscribed), row.uidvalidity, row.uidnext, row.changed
    )


def _mail(row: Any) -> Mail:
    return Mail(
        row.uid,
        row.received,
        row.sent,
        row.flags,
        row.color,
        row.size,
        row.message_id,
        json.loads(row.head),
        tuple(row.keywords.split()),
    )
