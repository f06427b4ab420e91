"""Messages (``facts``: HTTP API section 8).

A message never changes, only its flags and its colour do; so the stamp is these, and a stamp that is out of date is
no conflict: each flag is written by itself. Nothing here marks a message as read (``unseen=true``). Drafts are another
matter: :mod:`app.ox.mail_drafts`.

A message is sent by ``new`` without a folder: OX delivers it, takes the Bcc out of what others get, and keeps one copy
among the sent messages. Where none is wanted that copy is deleted.

HTML is asked for with ``view=raw``: the other views rewrite links to pictures within the message for a browser, so
that no device would find them. Devices show HTML as they show that of any other mail server.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, Final, TypeVar

from app.ox import tracing
from app.ox.access import leaf
from app.ox.client import Answer, Call, Params, good
from app.ox.errors import Scope, TooLarge
from app.ox.mail_drafts import Drafts, mark
from app.ox.mapping import conversation, mail_draft
from app.ox.mapping import mail as mapping
from app.ox.mapping.mail_meeting import LARGEST, is_calendar, meeting_of
from app.ox.mapping.values import earliest_inside, instant
from app.ox.module import Context, Found, Question, in_parts
from app.usm.errors import (
    FolderGone,
    ItemError,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    SourceUnavailable,
    UsmError,
)
from app.usm.model import (
    Body,
    BodyKind,
    ContentType,
    Download,
    FolderRef,
    Item,
    Listing,
    Outgoing,
    Written,
)
from app.usm.pieces import Stored, Text, beginning, with_beginning

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_MODULE: Final = "mail"
_LISTED: Final = (mapping.ID, mapping.RECEIVED, mapping.FLAGS, mapping.COLOR)
_ID_AT, _FLAGS_AT = map(_LISTED.index, (mapping.ID, mapping.FLAGS))
_LINKS: Final = ("Message-ID", "References", "In-Reply-To")
_LINKED: Final = (*_LISTED, -1, -2, -3)
"""The columns of a listing with these header fields, which have no numbers of their own."""
_FLAGGED: Final = (mapping.ID, mapping.FLAGS, mapping.COLOR)
_SENDERS: Final = ("modules/mail/addresses", "mail/addresses")
_NEWEST: Final = {
    "columns": "600,611",
    "sort": 610,
    "order": "desc",
    "left_hand_limit": 0,
    "right_hand_limit": 1,
}
_VIEWS: Final[Mapping[BodyKind, str]] = {BodyKind.TEXT: "text", BodyKind.HTML: "raw"}


@dataclass(frozen=True, slots=True)
class _Listed:
    """A message as a listing tells of it."""

    id: str
    received: datetime | None
    stamp: str

    def is_before(self, since: datetime | None) -> bool:
        return since is not None and self.received is not None and self.received < since


def _listed(row: Mapping[int, Any]) -> _Listed | None:
    """``None`` for a message that is marked as deleted."""
    flags = row[mapping.FLAGS]
    if mapping.has_flag(flags, mapping.DELETED):
        return None
    stamp = mapping.stamp(flags, row[mapping.COLOR])
    return _Listed(str(row[mapping.ID]), instant(row[mapping.RECEIVED]), stamp)


class Mail:
    """The messages of one user."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._settings = context.settings
        self._traits = context.traits
        self._user = context.access.user
        self._drafts = Drafts(self._client, self._user, context.clock, self.send, self.stored_mime)

    # -- reading ---------------------------------------------------------------------------------------------

    def listing(self, folder: str, since: datetime | None) -> Question:
        """Newest first; messages that are marked as deleted are not told of."""
        return Question(_asks_all(folder, _joined(_LISTED)), partial(_listing, since))

    def conversations(self, folder: str, since: datetime) -> Question:
        """The same, where an older message of a conversation that has a newer one is not outside. Still one call; OX
        reads some header fields of all messages for it, so it is asked for only where a device wants that."""
        columns = ",".join((*map(str, _LISTED), *_LINKS))
        return Question(_asks_all(folder, columns), partial(_with_conversations, since))

    def read(self, folder: str, ids: Sequence[str], bodies: Sequence[BodyKind]) -> Found:
        """One call for many messages; one more for each that is wanted as MIME: all of them when MIME comes first
        among the forms, only signed and encrypted ones when it comes later."""
        kinds = [kind for kind in bodies if kind in _VIEWS] or [BodyKind.TEXT]
        view = _VIEWS[kinds[0]]
        found = in_parts(
            ids, self._settings.mails_per_call, lambda part: self._read(folder, part, view, bodies)
        )
        for item_id, item in found.items():
            if isinstance(item, Item) and _wants_mime(item, bodies):
                found[item_id] = self._with_mime(folder, item, bodies)
        return found

    def find_created(self, folder: str, uids: Sequence[str]) -> dict[str, Written]:
        """Drafts by their Message-ID, or by their mark if somebody wrote on them since, and those that went out at once
        among the sent messages."""
        found = tracing.find_moved(self._client, folder, [mark(uid) for uid in uids])
        created = {uid: found[mark(uid)] for uid in uids if mark(uid) in found}
        created |= self._drafts.find_changed(folder, [uid for uid in uids if uid not in created])
        return created | self._drafts.find_sent([uid for uid in uids if uid not in created])

    def find_anywhere(self, folders: Sequence[str], uids: Sequence[str]) -> set[str]:
        """Which of these are in any of these folders, as drafts or sent."""
        names = {name: uid for uid in uids for name in self._drafts.names(uid)}
        return {names[name] for name in tracing.find_anywhere(self._client, folders, list(names))}

    def probes(self, folder: str) -> list[Call]:
        """``examine``; where OX has none, the counters of the folder and its newest message."""
        if self._traits.examine:
            return [Call(_MODULE, "examine", {"folder": folder})]
        return [
            Call("folders", "get", {"id": folder, "tree": "0"}),
            Call(_MODULE, "all", {"folder": folder, **_NEWEST}),
        ]

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """Validity, next id, total and unread; or total, unread and the newest message."""
        first = answers[0].fields
        if len(answers) == 1:
            names: tuple[str, ...] = ("validity", "next", "total", "unread")
            return ".".join(str(first.get(name)) for name in names)
        return f"{first.get('total')}.{first.get('unread')}.{answers[1].data}"

    def agrees(self, probed: Sequence[Answer], listed: Answer) -> bool:
        """By total and unread, and the newest message where that was asked for. The first columns of a listing are
        those of :data:`_LISTED`."""
        counted = probed[0].fields
        rows = [row for row in listed.data if isinstance(row, list)]
        unread = sum(
            times
            for flags, times in Counter(map(itemgetter(_FLAGS_AT), rows)).items()
            if not mapping.has_flag(flags, mapping.SEEN)
        )
        newest = [[row[_ID_AT], row[_FLAGS_AT]] for row in rows[:1]]
        return (
            counted.get("total") == len(rows)
            and counted.get("unread") == unread
            and all(answer.data == newest for answer in probed[1:])
        )

    def _read(self, folder: str, ids: Sequence[str], view: str, bodies: Sequence[BodyKind]) -> Found:
        params = {"folder": folder, "view": view, "unseen": "true"}
        calls = [Call(_MODULE, "get", {**params, "id": item_id}, scope=Scope.READ) for item_id in ids]
        found: Found = {}
        for item_id, answer in zip(ids, self._client.multiple(calls, repeatable=True), strict=True):
            if isinstance(answer, ItemGone):
                continue
            if isinstance(answer, SourceUnavailable | FolderGone):
                raise answer
            item = found[item_id] = self._item(item_id, answer, bodies)
            if isinstance(item, Item) and isinstance(answer, Answer):
                found[item_id] = self._with_meeting(folder, item, answer.data)
        return found

    def _item(self, item_id: str, answer: Answer | UsmError, bodies: Sequence[BodyKind]) -> Item | Exception:
        if isinstance(answer, UsmError):
            return ItemUnreadable(f"message {item_id}: {answer}")
        if not isinstance(answer.data, dict) or str(answer.data.get("id", item_id)) != item_id:
            return ItemUnreadable(f"message {item_id}: OX answers something else")
        try:
            fields = mapping.fields_of(answer.data, bodies, self._settings.attachments)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            return ItemUnreadable(f"message {item_id}: {error}")
        stamp = mapping.stamp(answer.data.get("flags"), answer.data.get("color_label"))
        return Item(item_id, stamp, ContentType.MAIL, fields)

    def _with_meeting(self, folder: str, item: Item, message: Mapping[str, Any]) -> Item:
        """The item with what its calendar part tells; one call for a message that has such a part. A part without a
        name of its own is nothing but the invitation, and no file."""
        part = next(filter(is_calendar, mapping.parts(message)), None)
        if part is None or part.get("id") is None:
            return item
        part_id = str(part["id"])
        params = {"action": "attachment", "folder": folder, "id": item.id, "attachment": part_id, "save": "1"}
        try:
            meeting = meeting_of(self._client.download(_MODULE, params, LARGEST))
        except (ItemError, TooLarge):
            return item
        if meeting is None:
            return item
        files = item.fields.get("attachments") or ()
        if not part.get("filename"):
            files = tuple(file for file in files if file.id != part_id)
        fields = {**item.fields, "meeting": meeting, "attachments": files or None}
        return replace(item, fields={field: value for field, value in fields.items() if value is not None})

    def _with_mime(self, folder: str, item: Item, bodies: Sequence[BodyKind]) -> Item | Exception:
        """The item with its bytes as they came. A message too large for that keeps the body it has if the device
        takes one of another form."""
        try:
            mime = self.mime(folder, item.id)
        except ItemError as error:
            return item if len(bodies) > 1 else ItemUnreadable(f"message {item.id}: {error}")
        body = Body(BodyKind.MIME, mime=mime, native=item.fields["body"].native)
        return replace(item, fields={**item.fields, "body": body})

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Written:
        """A draft; any other message is sent, and not stored."""
        return self._drafts.create(folder, fields, uid)

    def update(
        self,
        folder: str,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        """Set and clear flags and the colour; one call, whose last part tells whether the message is there at all.

        The new stamp is the device's own view: a flag that somebody else changed meanwhile still differs from it,
        and reaches the device by the next listing. What OX has no place for sends the message back to the device.
        """
        if "send" in fields or mail_draft.FIELDS & fields.keys():
            return self._change_draft(folder, item_id, fields)
        unknown = [field for field in fields if field not in mapping.WRITABLE and field != "categories"]
        if unknown:
            raise ItemRefused(f"a message's {', '.join(sorted(unknown))} cannot be changed")
        wanted = {bit: bool(fields[field]) for field, bit in mapping.WRITABLE.items() if field in fields}
        entry = {"folder": folder, "id": item_id}
        calls = [Call(_MODULE, "update", entry, body, Scope.WRITE) for body in _updates(wanted, fields)]
        calls.append(Call(_MODULE, "list", {"columns": _joined(_FLAGGED)}, [entry], Scope.WRITE))
        rows = _only_rows(self._client.multiple(calls))
        if not rows:
            raise ItemGone(f"message {item_id} is gone")
        row = rows[0]
        flags, color = mapping.marks(stamp or mapping.stamp(row[mapping.FLAGS], row[mapping.COLOR]))
        for bit, value in wanted.items():
            flags = flags | bit if value else flags & ~bit
        altered = False
        if "categories" in fields:
            named = tuple(fields["categories"] or ())
            color = mapping.color(named)
            altered = named != (mapping.category(color) or ())
        return Written(item_id, mapping.stamp(flags, color), altered)

    def _change_draft(self, folder: str, item_id: str, fields: Mapping[str, Any]) -> Written:
        """Raises ``ItemRefused`` for a message that is none."""
        entry = {"folder": folder, "id": item_id}
        call = Call(_MODULE, "list", {"columns": _joined(_FLAGGED)}, [entry], Scope.WRITE)
        rows = _only_rows(self._client.multiple([call], repeatable=True))
        if rows and not (rows[0][mapping.FLAGS] or 0) & mapping.DRAFT:
            raise ItemRefused(f"message {item_id} is no draft, and cannot be changed")
        return self._drafts.update(folder, item_id, fields)

    def delete(
        self,
        folder: str,
        item_id: str,
        stamp: str | None,
        to_trash: bool,
        occurrence: datetime | None = None,
    ) -> None:
        """To the trash or for good; in the trash always for good."""
        params = {} if to_trash else {"harddelete": "1"}
        body = [{"folder": folder, "id": item_id}]
        answer = self._client.put(_MODULE, "delete", body, params)
        if answer.data:
            raise ItemRefused(f"message {item_id} cannot be deleted")

    def move(self, folder: str, item_id: str, target: str) -> Written:
        """The message gets another id; its flags stay."""
        params = {"folder": folder, "id": item_id}
        answer = self._client.put(_MODULE, "update", {"folder_id": target}, params)
        moved = answer.fields.get("id")
        if moved is None:
            raise SourceUnavailable("OX moves a message without telling its new id", in_doubt=True)
        entry = {"folder": target, "id": str(moved)}
        calls = [Call(_MODULE, "list", {"columns": _joined(_FLAGGED)}, [entry], Scope.READ)]
        rows = _only_rows(self._client.multiple(calls))
        if not rows:
            return Written(str(moved), mapping.stamp(0), altered=True)
        return Written(str(moved), mapping.stamp(rows[0][mapping.FLAGS], rows[0][mapping.COLOR]))

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """A part of the message."""
        params = {
            "action": "attachment",
            "folder": folder,
            "id": item_id,
            "attachment": attachment_id,
            "save": "1",
        }
        try:
            return self._client.fetch(_MODULE, params, self._settings.attachment_bytes)
        except TooLarge as error:
            raise ItemUnreadable(f"attachment {attachment_id} of message {item_id}: {error}") from error
        except ItemUnreadable as error:
            raise ItemGone(f"attachment {attachment_id} of message {item_id}: {error}") from error

    def mime(self, folder: str, item_id: str) -> bytes:
        """The bytes as they came."""
        return self._source(folder, item_id, self._client.download, self._settings.message_bytes)

    def stored_mime(self, folder: str, item_id: str) -> Stored:
        """The same in a temporary file."""
        return self._source(folder, item_id, self._client.store, self._settings.sent_bytes)

    def _source(self, folder: str, item_id: str, load: Callable[[str, Params, int], _T], limit: int) -> _T:
        params = {
            "action": "get",
            "folder": folder,
            "id": item_id,
            "src": "1",
            "save": "1",
            "unseen": "true",
        }
        try:
            return load(_MODULE, params, limit)
        except TooLarge as error:
            raise ItemUnreadable(f"message {item_id}: {error}") from error

    def send(self, message: Outgoing) -> None:
        """Sent and copied by OX; the original's state follows. Raises ``ItemRefused`` for what OX will not send."""
        answer = self._client.send_text(_MODULE, "new", mail_draft.in_ascii(_named(message)))
        calls = [_flag(folder.id, item_id, bit) for (folder, item_id), bit in _originals(message)]
        copy = _copy(answer.data)
        if copy is not None and not message.copy:
            calls.append(Call(_MODULE, "delete", {"harddelete": "1"}, [copy], Scope.WRITE))
        try:
            for each in self._client.multiple(calls):
                if isinstance(each, UsmError):
                    raise each
        except UsmError as error:
            _log.warning("a message of %s was sent, but not all is done: %s", self._user.login, error)

    def senders(self) -> tuple[str, ...]:
        """The default address, then the others of the user."""
        found = [self._user.mail]
        for path in _SENDERS:
            addresses = leaf(self._client, path)
            if isinstance(addresses, list):
                found += [str(address) for address in addresses]
                break
        return tuple(dict.fromkeys(address for address in found if "@" in address))

    def empty(self, folder: str, subfolders: bool) -> None:
        """Where to, OX decides as for a single message: into the trash, and for good what is there already."""
        if subfolders:
            params = {"parent": folder, "columns": "1", "tree": "0"}
            below = [str(row[0]) for row in self._client.get("folders", "list", params).data or ()]
            if below:
                self._client.put("folders", "delete", below, {"tree": "0"}, Scope.WRITE)
        self._client.put(_MODULE, "clear", [folder], scope=Scope.FOLDER)


def _updates(wanted: Mapping[int, bool], fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The bodies of ``update``, in the form that all generations take; ``set_flags`` is known from 7.8 on only."""
    bodies: list[dict[str, Any]] = []
    for value in (True, False):
        bits = sum(bit for bit, wish in wanted.items() if wish is value)
        if bits:
            bodies.append({"flags": bits, "value": value})
    if "categories" in fields:
        bodies.append({"color_label": mapping.color(fields["categories"] or ())})
    return bodies


def _named(message: Outgoing) -> Text:
    """The message with the Message-ID by which it is found again."""
    name = tracing.message_id(message)
    head = beginning(message.mime)[: 64 * 1024].lower()
    if not name or head.startswith(b"message-id:") or b"\nmessage-id:" in head.partition(b"\r\n\r\n")[0]:
        return message.mime
    return with_beginning(message.mime, f"Message-ID: {name}\r\n".encode("ascii", "replace"))


def _originals(message: Outgoing) -> list[tuple[tuple[FolderRef, str], int]]:
    pairs = ((message.answers, mapping.ANSWERED), (message.forwards, mapping.FORWARDED))
    return [(original, bit) for original, bit in pairs if original is not None]


def _flag(folder: str, item_id: str, bit: int) -> Call:
    return Call(
        _MODULE, "update", {"folder": folder, "id": item_id}, {"flags": bit, "value": True}, Scope.WRITE
    )


def _copy(data: Any) -> dict[str, str] | None:
    """Where OX put the copy of a message it sent: an object, or a path in newer answers."""
    if isinstance(data, dict) and data.get("id") is not None and data.get("folder_id"):
        return {"folder": str(data["folder_id"]), "id": str(data["id"])}
    if isinstance(data, str) and "/" in data:
        folder, _, item_id = data.rpartition("/")
        return {"folder": folder, "id": item_id}
    return None


def _asks_all(folder: str, columns: str) -> Call:
    params = {"folder": folder, "columns": columns, "sort": mapping.RECEIVED, "order": "desc"}
    return Call(_MODULE, "all", params)


class _Stamps(dict[tuple[Any, Any], str]):
    """Flags and colour of a message → its stamp, ``""`` for one that is marked as deleted. Made for one listing, in
    which there are many messages and few kinds of them."""

    def __missing__(self, marks: tuple[Any, Any]) -> str:
        flags, color = marks
        gone = mapping.has_flag(flags, mapping.DELETED)
        self[marks] = found = "" if gone else mapping.stamp(flags, color)
        return found


def _listing(since: datetime | None, answer: Answer | UsmError) -> Listing:
    earliest = earliest_inside(since)
    stamps, outside, marked = {}, [], _Stamps()
    # Each request of a device passes by here with all messages of the folder: no objects for single ones.
    for item_id, received, flags, color in good(answer).lists(len(_LISTED)):
        stamp = marked[flags, color]
        if not stamp:
            continue
        if type(received) is int and received < earliest:
            outside.append(str(item_id))
        else:
            stamps[str(item_id)] = stamp
    return Listing(stamps, frozenset(outside).difference(stamps))


def _with_conversations(since: datetime, answer: Answer | UsmError) -> Listing:
    messages, names = [], {}
    for row in good(answer).rows(_LINKED):
        found = _listed(row)
        if found is not None:
            messages.append(found)
            names[found.id] = conversation.name(*(str(row[link] or "") for link in (-1, -2, -3)))
    alive = {names[each.id] for each in messages if not each.is_before(since)} - {None}
    stamps = {
        each.id: each.stamp for each in messages if not each.is_before(since) or names[each.id] in alive
    }
    return Listing(stamps, frozenset(each.id for each in messages if each.id not in stamps))


def _only_rows(answers: Sequence[Answer | UsmError]) -> list[dict[int, Any]]:
    """The rows of the one answer that has any; raises the first error among the answers.

    Not found by its place: OX gathers changes of flags and may do them, and answer them, after what follows them.
    """
    rows: list[dict[int, Any]] = []
    for answer in answers:
        if isinstance(answer, UsmError):
            raise answer
        if isinstance(answer.data, list):
            rows += [row for row in answer.rows(_FLAGGED) if row[mapping.ID] is not None]
    return rows


def _wants_mime(item: Item, bodies: Sequence[BodyKind]) -> bool:
    first = bool(bodies) and bodies[0] is BodyKind.MIME
    protected = bool(item.fields["signed"] or item.fields["encrypted"])
    return first or (BodyKind.MIME in bodies and protected)


def _joined(columns: Sequence[int]) -> str:
    return ",".join(map(str, columns))
