"""Messages (``facts``: HTTP API section 8).

A message never changes, only its flags do; so the stamp is the flags, and a stamp that is out of date is no
conflict: each flag is written by itself. Nothing here marks a message as read (``unseen=true``).

HTML is asked for with ``view=raw``: the other views rewrite links to pictures within the message for a browser, so
that no device would find them. Devices show HTML as they show that of any other mail server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app.ox.client import Answer, Call
from app.ox.errors import Scope, TooLarge
from app.ox.mapping import mail as mapping
from app.ox.mapping.values import instant
from app.ox.module import Context, Found, in_parts
from app.usm.errors import (
    FolderGone,
    ItemError,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    SourceUnavailable,
    UsmError,
)
from app.usm.model import Body, BodyKind, ContentType, Download, Item, Listing, Outgoing, Written

_MODULE: Final = "mail"
_LISTED: Final = (mapping.ID, mapping.RECEIVED, mapping.FLAGS)
_FLAGGED: Final = (mapping.ID, mapping.FLAGS)
_NEWEST: Final = {
    "columns": "600,611",
    "sort": 610,
    "order": "desc",
    "left_hand_limit": 0,
    "right_hand_limit": 1,
}
_VIEWS: Final[Mapping[BodyKind, str]] = {BodyKind.TEXT: "text", BodyKind.HTML: "raw"}


class Mail:
    """The messages of one user."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._settings = context.settings
        self._traits = context.traits

    # -- reading ---------------------------------------------------------------------------------------------

    def listing(self, folder: str, since: datetime | None) -> Listing:
        """Newest first; messages that are marked as deleted are not told of."""
        params = {"folder": folder, "columns": _joined(_LISTED), "sort": mapping.RECEIVED, "order": "desc"}
        answer = self._client.get(_MODULE, "all", params)
        stamps, outside = {}, set()
        for row in answer.rows(_LISTED):
            item_id, received, flags = (
                str(row[mapping.ID]),
                instant(row[mapping.RECEIVED]),
                row[mapping.FLAGS],
            )
            if isinstance(flags, int) and flags & mapping.DELETED:
                continue
            if since is not None and received is not None and received < since:
                outside.add(item_id)
            else:
                stamps[item_id] = mapping.stamp(flags)
        return Listing(stamps, frozenset(outside))

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
        """None: a device creates no messages."""
        return {}

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
        first = answers[0].data if isinstance(answers[0].data, dict) else {}
        if len(answers) == 1:
            names: tuple[str, ...] = ("validity", "next", "total", "unread")
            return ".".join(str(first.get(name)) for name in names)
        return f"{first.get('total')}.{first.get('unread')}.{answers[1].data}"

    def _read(self, folder: str, ids: Sequence[str], view: str, bodies: Sequence[BodyKind]) -> Found:
        params = {"folder": folder, "view": view, "unseen": "true"}
        calls = [Call(_MODULE, "get", {**params, "id": item_id}, scope=Scope.READ) for item_id in ids]
        found: Found = {}
        for item_id, answer in zip(ids, self._client.multiple(calls, repeatable=True), strict=True):
            if isinstance(answer, ItemGone):
                continue
            if isinstance(answer, SourceUnavailable | FolderGone):
                raise answer
            found[item_id] = self._item(item_id, answer, bodies)
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
        return Item(item_id, mapping.stamp(answer.data.get("flags")), ContentType.MAIL, fields)

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
        """Refused: devices send messages by other commands."""
        raise ItemRefused("messages cannot be created in a folder")

    def update(
        self,
        folder: str,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        """Set and clear flags; one call, whose last part tells whether the message is there at all.

        The new stamp is the device's own view: a flag that somebody else changed meanwhile still differs from it,
        and reaches the device by the next listing.
        """
        unknown = [field for field, value in fields.items() if field not in mapping.WRITABLE and value]
        if unknown:
            raise ItemRefused(f"a message's {', '.join(sorted(unknown))} cannot be changed")
        wanted = {bit: bool(fields[field]) for field, bit in mapping.WRITABLE.items() if field in fields}
        calls = [
            self._flag(folder, item_id, wanted, value) for value in (True, False) if value in wanted.values()
        ]
        entry = {"folder": folder, "id": item_id}
        calls.append(Call(_MODULE, "list", {"columns": _joined(_FLAGGED)}, [entry], Scope.WRITE))
        rows = _only_rows(self._client.multiple(calls))
        if not rows:
            raise ItemGone(f"message {item_id} is gone")
        flags = rows[0][mapping.FLAGS] if stamp is None else _flags(stamp)
        for bit, value in wanted.items():
            flags = flags | bit if value else flags & ~bit
        return Written(item_id, mapping.stamp(flags))

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
        moved = answer.data.get("id") if isinstance(answer.data, dict) else None
        if moved is None:
            raise SourceUnavailable("OX moves a message without telling its new id", in_doubt=True)
        entry = {"folder": target, "id": str(moved)}
        calls = [Call(_MODULE, "list", {"columns": _joined(_FLAGGED)}, [entry], Scope.READ)]
        rows = _only_rows(self._client.multiple(calls))
        return Written(str(moved), mapping.stamp(rows[0][mapping.FLAGS] if rows else 0))

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """A part of the message."""
        params = {
            "action": "attachment",
            "folder": folder,
            "id": item_id,
            "attachment": attachment_id,
            "save": "1",
        }
        data = self._client.download(_MODULE, params, self._settings.message_bytes)
        return Download(iter((data,)), size=len(data))

    def mime(self, folder: str, item_id: str) -> bytes:
        """The bytes as they came."""
        params = {
            "action": "get",
            "folder": folder,
            "id": item_id,
            "src": "1",
            "save": "1",
            "unseen": "true",
        }
        try:
            return self._client.download(_MODULE, params, self._settings.message_bytes)
        except TooLarge as error:
            raise ItemUnreadable(f"message {item_id}: {error}") from error

    def send(self, message: Outgoing) -> None:
        """Sent and copied by OX; the original's state follows."""
        raise ItemRefused("messages cannot be sent yet")

    def _flag(self, folder: str, item_id: str, wanted: Mapping[int, bool], value: bool) -> Call:
        """The form of the flags that all generations take; ``set_flags`` is known from 7.8 on only."""
        bits = sum(bit for bit, wish in wanted.items() if wish is value)
        return Call(
            _MODULE,
            "update",
            {"folder": folder, "id": item_id},
            {"flags": bits, "value": value},
            Scope.WRITE,
        )


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


def _flags(stamp: str) -> int:
    return int(stamp) if stamp.isascii() and stamp.isdigit() else 0


def _joined(columns: Sequence[int]) -> str:
    return ",".join(map(str, columns))
