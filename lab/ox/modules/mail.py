"""``/mail``: reading, flags, moving, deleting (http-api section 8). Storing and sending: ``mail_new``."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import Message
from typing import Any

import sqlalchemy as sa

from lab.ox.columns.mail import MAIL_COLUMNS
from lab.ox.columns.table import shown
from lab.ox.errors import fault
from lab.ox.mime import headers, parts
from lab.ox.modules import mail_new, mail_search, rows
from lab.ox.modules.folder_tree import open_mail_folder
from lab.ox.storage import mail
from lab.ox.storage.mail import Counts, Mail, MailFolder
from lab.ox.web.call import Answer, Binary, Call, Result, number
from lab.ox.web.dispatch import Action, Module

_VIEWS = ("raw", "text", "textNoHtmlAttach", "html", "noimg", "document")
_MIN_SIZE = 10_000
_FLAG_COLUMNS = {
    "flag_seen": mail.SEEN,
    "flag_answered": mail.ANSWERED,
    "flag_forwarded": mail.FORWARDED,
    "flag_draft": mail.DRAFT,
    "flag_flagged": mail.FLAGGED,
}


def get_all(call: Call) -> Result:
    """The mails of a folder."""
    return _listing(call)


def get_list(call: Call) -> Result:
    """Some mails by folder and id; those that are gone are left out."""
    columns = _columns(call)
    data = []
    with call.read() as connection:
        totals = mail.counts(connection, call.cid, call.user.id)
        for folder_id, uids in _by_folder(call).items():
            folder = open_mail_folder(call, connection, folder_id)
            found = mail.load(connection, call.cid, call.user.id, folder, uids)
            data += [
                _row(call, connection, folder, found[uid], columns, totals) for uid in uids if uid in found
            ]
    return Answer(data)


def get(call: Call) -> Result:
    """One mail. It becomes seen unless ``unseen=true``. ``src=1``: its source; ``hdr=1``: its header."""
    folder_id = call.need("folder")
    with call.read() if call.flag("unseen") else call.write() as connection:
        folder = open_mail_folder(call, connection, folder_id)
        uid = _uid(call, connection, folder)
        found = mail.load(connection, call.cid, call.user.id, folder, [uid]).get(uid)
        raw = mail.source(connection, call.cid, call.user.id, folder, uid)
        if found is None or raw is None:
            raise fault("MSG-0032", uid, folder_id)
        if not call.flag("unseen") and not found.flags & mail.SEEN:
            mail.set_flags(connection, call.cid, call.user.id, folder, [uid], add=mail.SEEN)
            found = mail.load(connection, call.cid, call.user.id, folder, [uid])[uid]
        counts = mail.counts(connection, call.cid, call.user.id).get(folder.id)
    if call.flag("src"):
        if call.flag("save"):
            return Binary(raw, "application/octet-stream", "mail.eml")
        # What is not UTF-8 is lost on this way, as it is in the real server.
        return Answer(raw.decode("utf-8", "replace"))
    if call.flag("hdr"):
        head = raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].replace(b"\n", b"\r\n") + b"\r\n\r\n"
        return Answer(headers.guess_bytes(head))
    return Answer(_object(call, folder, found, raw, counts))


def attachment(call: Call) -> Result:
    """The bytes of one part."""
    raw = source_of(call, call.need("folder"), call.integer("id"))
    part_id, cid = call.params.get("attachment", ""), call.params.get("cid")
    if not part_id and not cid:
        raise fault("SVL-0002", "attachment")
    leaf = parts.find(parts.parse(raw), part_id, cid)
    if leaf is None:
        raise fault("MSG-0034", part_id or cid, call.need("id"))
    kind = "application/octet-stream" if call.flag("save") else leaf.content_type
    return Binary(leaf.data, kind, leaf.filename or f"part{leaf.id}")


def count(call: Call) -> Result:
    """How many mails a folder holds."""
    with call.read() as connection:
        folder = open_mail_folder(call, connection, call.need("folder"))
        counts = mail.counts(connection, call.cid, call.user.id).get(folder.id)
    return Answer(counts.total if counts else 0)


def examine(call: Call) -> Result:
    """A cheap test for changes."""
    with call.read() as connection:
        folder = open_mail_folder(call, connection, call.need("folder"))
        counts = mail.counts(connection, call.cid, call.user.id).get(folder.id, Counts(0, 0, 0, 0))
    return Answer(
        {
            "validity": str(folder.uidvalidity),
            "total": counts.total,
            "unread": counts.unread,
            "next": str(folder.uidnext),
        }
    )


def updates(call: Call) -> Result:
    """Always nothing: an IMAP folder knows no history."""
    with call.read() as connection:
        open_mail_folder(call, connection, call.need("folder"))
    _columns(call)
    return Answer([])


def update(call: Call) -> Result:
    """Change flags and colour, then move. Without an id the whole folder is meant."""
    body = call.json_object()
    folder_id = call.need("folder")
    add, remove = _flag_change(body, call.generation.flag_sets)
    color = number(body["color_label"], "color_label") if body.get("color_label") is not None else None
    if color is not None and not 0 <= color <= 10:
        raise fault("SVL-0010", "color_label", color)
    with call.write() as connection:
        folder = open_mail_folder(call, connection, folder_id)
        whole = not call.params.get("id") and not call.params.get("message_id")
        uid = 0 if whole else _uid(call, connection, folder)
        if not whole and uid not in mail.load(connection, call.cid, call.user.id, folder, [uid]):
            raise fault("MSG-0032", uid, folder_id)
        if add or remove or color is not None:
            mail.set_flags(
                connection, call.cid, call.user.id, folder, None if whole else [uid], add, remove, color
            )
        if not whole and call.generation.user_flags:
            words = [_keywords(body, name) for name in ("set_user_flags", "clear_user_flags")]
            mail.set_keywords(connection, call.cid, call.user.id, folder, [uid], *words)
        if whole or not body.get("folder_id") or body["folder_id"] == folder_id:
            return Answer({"folder_id": folder_id, "id": str(uid) if uid else None})
        target = open_mail_folder(call, connection, str(body["folder_id"]))
        moved = _move(call, connection, folder, uid, target)
    return Answer({"folder_id": str(body["folder_id"]), "id": str(moved)})


def copy(call: Call) -> Result:
    """Copy a mail to another folder."""
    target_id = str(call.json_object().get("folder_id") or "")
    if not target_id:
        raise fault("SVL-0002", "folder_id")
    with call.write() as connection:
        folder = open_mail_folder(call, connection, call.need("folder"))
        target = open_mail_folder(call, connection, target_id)
        made = mail.copy(connection, call.cid, call.user.id, folder, call.integer("id"), target)
        if made is None:
            raise fault("MSG-0032", call.need("id"), call.need("folder"))
    return Answer({"folder_id": target_id, "id": str(made)})


def delete(call: Call) -> Result:
    """Delete mails: into the trash, or for good with ``harddelete=1`` and for what is in the trash already. The
    answer lists those that were not deleted."""
    hard = call.flag("harddelete")
    with call.write() as connection:
        trash = mail.standard_folder(connection, call.cid, call.user.id, "trash")
        for folder_id, uids in _by_folder(call).items():
            folder = open_mail_folder(call, connection, folder_id)
            stored = mail.load(connection, call.cid, call.user.id, folder, uids)
            present = [uid for uid in uids if uid in stored]
            in_trash = trash is not None and (folder.fullname + "/").startswith(trash.fullname + "/")
            if not hard and trash is not None and not in_trash:
                for uid in present:
                    mail.copy(connection, call.cid, call.user.id, folder, uid, trash)
            mail.expunge(connection, call.cid, call.user.id, folder, present)
    return Answer([])


def all_seen(call: Call) -> Result:
    """Mark all mails of a folder as seen."""
    with call.write() as connection:
        folder = open_mail_folder(call, connection, call.need("folder"))
        mail.set_flags(connection, call.cid, call.user.id, folder, None, add=mail.SEEN)
    return Answer(True)


def clear(call: Call) -> Result:
    """Empty some folders: into the trash, for good when it is the trash."""
    with call.write() as connection:
        trash = mail.standard_folder(connection, call.cid, call.user.id, "trash")
        for value in call.json_array():
            folder = open_mail_folder(call, connection, str(value))
            in_trash = trash is None or (folder.fullname + "/").startswith(trash.fullname + "/")
            if trash is not None and not in_trash and not call.flag("harddelete"):
                for each in mail.in_folder(connection, call.cid, call.user.id, folder):
                    mail.copy(connection, call.cid, call.user.id, folder, each.uid, trash)
            mail.clear(connection, call.cid, call.user.id, folder)
    return Answer([])


def search(call: Call) -> Result:
    """Mails of a folder that meet a filter, ``{"filter": […]}`` or the bare array; the older shape of the body, an
    array of ``col`` and ``pattern``, finds what holds any of the patterns."""
    body = call.json()
    condition = body.get("filter") if isinstance(body, dict) else body
    if not isinstance(condition, list):
        raise fault("SVL-0009", "a filter is expected")
    if all(isinstance(each, dict) and "pattern" in each for each in condition):
        return _listing(call, mail_search.any_of(condition))
    return _listing(call, mail_search.condition(call, condition))


def source_of(call: Call, folder_id: str, uid: int) -> bytes:
    """The bytes of a mail; MSG-0032 when it is gone."""
    with call.read() as connection:
        folder = open_mail_folder(call, connection, folder_id)
        raw = mail.source(connection, call.cid, call.user.id, folder, uid)
    if raw is None:
        raise fault("MSG-0032", uid, folder_id)
    return raw


def _listing(call: Call, matches: Any = None) -> Result:
    columns = _columns(call)
    sorting = rows.sort_column(call, MAIL_COLUMNS) if call.params.get("sort") != "thread" else None
    with call.read() as connection:
        folder = open_mail_folder(call, connection, call.need("folder"))
        found = mail.in_folder(connection, call.cid, call.user.id, folder)
        if call.flag("unseen"):
            found = [each for each in found if not each.flags & mail.SEEN]
        if not call.flag("deleted", default=True):
            found = [each for each in found if not each.flags & mail.DELETED]
        if matches:
            found = [each for each in found if matches(connection, folder, each)]
        if sorting:
            name = sorting[0].name
            found = rows.ordered(found, lambda each: _values(folder, each).get(name), sorting[1])
        window = rows.cut(call, found)
        totals = mail.counts(connection, call.cid, call.user.id)
        data = [_row(call, connection, folder, each, columns, totals) for each in window]
    return Answer(data)


def _columns(call: Call) -> list[Any]:
    """Columns by number, or header fields by name; those of ``headers`` follow."""
    text = call.params.get("columns")
    if not text:
        raise fault("SVL-0002", "columns")
    names = [part.strip() for part in text.split(",") if part.strip()]
    names += [part.strip() for part in call.params.get("headers", "").split(",") if part.strip()]
    return [MAIL_COLUMNS.number(name) if name.isdigit() else name for name in names]


def _row(
    call: Call,
    connection: sa.Connection,
    folder: MailFolder,
    found: Mail,
    columns: Sequence[Any],
    totals: dict[int, Counts],
) -> list[Any]:
    values = _values(folder, found)
    counts = totals.get(folder.id, Counts(0, 0, 0, 0))
    values |= {
        "total": counts.total,
        "unread": counts.unread,
        "new": counts.recent,
        "deleted": counts.deleted,
    }
    named: Message | None = None
    row = []
    for column in columns:
        if isinstance(column, str):
            if named is None:
                raw = mail.source(connection, call.cid, call.user.id, folder, found.uid) or b""
                named = parts.parse(raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0] + b"\n\n")
            row.append(headers.text_header(named, column))
        else:
            row.append(shown(column, values.get(column.name), call.zone))
    return row


def _values(folder: MailFolder, found: Mail) -> dict[str, Any]:
    folder_id = f"{mail.ACCOUNT}/{folder.fullname}"
    return {
        **found.head,
        "id": str(found.uid),
        "folder_id": folder_id,
        "folder": folder_id,
        "size": found.size,
        "sent_date": found.sent,
        "received_date": found.received,
        "date": found.received,
        "flags": found.flags,
        "level": 0,
        "color_label": found.color,
        "account_name": "E-Mail",
        "account_id": 0,
        "original_id": str(found.uid),
        "original_folder_id": folder_id,
        **{name: bool(found.flags & bit) for name, bit in _FLAG_COLUMNS.items()},
    }


def _object(call: Call, folder: MailFolder, found: Mail, raw: bytes, counts: Counts | None) -> dict[str, Any]:
    view = call.params.get("view", "html")
    if view not in _VIEWS:
        raise fault("SVL-0010", "view", view)
    max_size = call.integer("max_size", 0)
    message = parts.parse(raw)
    folder_id = f"{mail.ACCOUNT}/{folder.fullname}"
    cid_url = f"/ajax/image/mail/picture?folder={folder_id}&id={found.uid}&uid="
    values = _values(folder, found)
    shown_mail = {
        column.name: shown(column, values[column.name], call.zone)
        for column in MAIL_COLUMNS
        if values.get(column.name) is not None and not column.name.startswith("flag_")
    }
    shown_mail |= {
        "unread": counts.unread if counts else 0,
        "user": [*([f"$cl_{found.color}"] if found.color else []), *found.keywords],
        "headers": headers.all_headers(message),
        **parts.shown(message, view, cid_url, max(max_size, _MIN_SIZE) if max_size else 0),
    }
    if call.flag("attach_src"):
        shown_mail["source"] = raw.decode("utf-8", "replace")
    marks = {mail.FORWARDED: "$Forwarded", mail.READ_ACK: "$MDNSent"}
    shown_mail["user"] += [word for bit, word in marks.items() if found.flags & bit]
    return shown_mail


def _uid(call: Call, connection: sa.Connection, folder: MailFolder) -> int:
    if call.params.get("id"):
        return call.integer("id")
    message_id = call.need("message_id")
    uid = mail.find_message_id(connection, call.cid, call.user.id, folder, message_id)
    if uid is None:
        raise fault("MSG-0032", message_id, call.need("folder"))
    return uid


def _by_folder(call: Call) -> dict[str, list[int]]:
    wanted: dict[str, list[int]] = {}
    for entry in call.json_array():
        if not isinstance(entry, dict) or "id" not in entry:
            raise fault("SVL-0009", "folder and id are expected")
        folder_id = str(entry.get("folder") or entry.get("folder_id") or "")
        wanted.setdefault(folder_id, []).append(number(entry["id"], "id"))
    return wanted


def _flag_change(body: dict[str, Any], sets: bool) -> tuple[int, int]:
    add = number(body.get("set_flags", 0), "set_flags") if sets else 0
    remove = number(body.get("clear_flags", 0), "clear_flags") if sets else 0
    if body.get("flags") is not None:
        bits = number(body["flags"], "flags")
        if str(body.get("value", "true")).lower() == "true":
            add |= bits
        else:
            remove |= bits
    return add & mail.SETTABLE, remove & mail.SETTABLE


def _keywords(body: dict[str, Any], name: str) -> list[str]:
    """A list of keywords; none of them may look like a flag of the system."""
    words = body.get(name) or []
    if not isinstance(words, list) or any(not isinstance(word, str) for word in words):
        raise fault("SVL-0010", name, words)
    bad = [word for word in words if word.startswith("\\") or not word.isascii() or " " in word]
    if bad:
        raise fault("MSG-0111", bad[0])
    return words


def _move(call: Call, connection: sa.Connection, folder: MailFolder, uid: int, target: MailFolder) -> int:
    moved = mail.copy(connection, call.cid, call.user.id, folder, uid, target)
    if moved is None:
        raise fault("MSG-0032", uid, folder.fullname)
    mail.expunge(connection, call.cid, call.user.id, folder, [uid])
    return moved


MODULE = Module(
    "mail",
    {
        "all": Action(get_all),
        "list": Action(get_list),
        "get": Action(get),
        "attachment": Action(attachment, in_multiple=False),
        "count": Action(count),
        "examine": Action(examine, since=7),
        "updates": Action(updates),
        "update": Action(update),
        "copy": Action(copy),
        "delete": Action(delete),
        "all_seen": Action(all_seen),
        "clear": Action(clear),
        "search": Action(search),
        "new": Action(mail_new.new, in_multiple=False),
        "import": Action(mail_new.import_, in_multiple=False),
    },
    right="webmail",
)
