"""Drafts: written on a device, kept by OX, sent from there.

OX changes no message. A draft that changes is stored as a new one, and the old one is deleted; it has another id then.
That this happens once, whatever gets lost on the way, is written into the drafts themselves: a new draft's Message-ID
is the mark of what it was made for, and what it was created for stays in a header field of its own while people write
on it. So one look at the folder tells whether a change was made before and only its answer was lost; and one look at
the sent messages whether a draft went out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from app.ox import tracing
from app.ox.access import leaf
from app.ox.client import OxClient
from app.ox.errors import Scope
from app.ox.mapping import mail as mapping
from app.ox.mapping import mail_draft
from app.usm.content import Address, Upload
from app.usm.errors import ItemGone, ItemRefused, SourceUnavailable, UsmError
from app.usm.model import Body, BodyKind, Outgoing, User, Written
from app.usm.pieces import Text
from app.usm.ports import Clock

_log = logging.getLogger(__name__)

_FOLDER: Final = ("mail/folder/drafts", "modules/mail/defaultFolder/drafts")
_COLUMNS: Final = (mapping.ID, mapping.FLAGS, mapping.COLOR)
_DOMAIN: Final = "usm.invalid"


@dataclass(frozen=True, slots=True)
class _Found:
    """A draft as a look at its folder tells of it. ``name``: its Message-ID, or another header field."""

    flags: int
    color: int
    name: str


class Drafts:
    """The drafts of one user. ``send`` sends a message, ``source`` reads one by folder and id."""

    def __init__(self, client: OxClient, user: User, clock: Clock, send: Any, source: Any) -> None:
        self._client = client
        self._user = user
        self._clock = clock
        self._send = send
        self._source = source

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Written:
        """Store a new draft, marked with ``uid``, or send it at once. Raises ``ItemRefused`` in any folder but that of
        drafts."""
        if folder != self._folder():
            raise ItemRefused(f"{folder} is not the folder of drafts: messages are sent, not stored there")
        if fields.get("send"):
            _, name = self.names(uid)
            self._send(Outgoing(mail_draft.compose(None, fields, self._sender(), name, self._now())))
            return Written("", "")
        flags, color = _marks(_Found(mapping.SEEN, mapping.NO_COLOR, ""), fields)
        text = mail_draft.compose(None, fields, self._sender(), mark(uid), self._now(), uid)
        made = self._store(folder, text, flags)
        self._color(folder, made, color)
        # Of files the device must learn the names, and of a whole message what it says.
        body = fields.get("body")
        whole = isinstance(body, Body) and body.kind is BodyKind.MIME
        return Written(made, mapping.stamp(flags, color), bool(fields.get("add_attachments")) or whole)

    def names(self, uid: str) -> tuple[str, str]:
        """The Message-IDs of a draft that was created with this mark, and of one that went out at once."""
        return mark(uid), mark(f"s.{uid}", self._user.mail)

    def find_changed(self, folder: str, uids: Sequence[str]) -> dict[str, Written]:
        """Which of these were created here, and somebody wrote on them since; one call."""
        found = self._look(folder, mail_draft.MARK_HEADER) if uids else {}
        drafts = ((each.name, item_id, each) for item_id, each in found.items() if each.name in uids)
        return {uid: Written(item_id, mapping.stamp(each.flags, each.color)) for uid, item_id, each in drafts}

    def find_sent(self, uids: Sequence[str]) -> dict[str, Written]:
        """Which of these went out at once, and are among the sent messages: uid → an item that is there no more."""
        names = {self.names(uid)[1]: uid for uid in uids}
        folder = tracing.sent_folder(self._client) if names else ""
        found = tracing.find_moved(self._client, folder, list(names)) if folder else {}
        return {names[name]: Written("", "") for name in found}

    def update(self, folder: str, item_id: str, fields: Mapping[str, Any]) -> Written:
        """Change a draft, or send it as it is after the change."""
        if fields.get("send"):
            return self._go_out(folder, item_id, fields)
        begun, whole = f"d.{_digest(folder, item_id)}.", f"d.{_digest(folder, item_id)}.{_content(fields)}"
        found = self._look(folder)
        made = [each for each, draft in found.items() if draft.name.startswith(f"<{begun}")]
        done = next((each for each in made if found[each].name == mark(whole)), None)
        before = found.get(item_id)
        if before is None:
            if done is None:
                raise ItemGone(f"draft {item_id} is gone")
            return Written(done, mapping.stamp(found[done].flags, found[done].color))
        flags, color = _marks(before, fields)
        if done is None:
            old = self._source(folder, item_id)
            text = mail_draft.compose(old, fields, self._sender(), mark(whole), self._now())
            done = self._store(folder, text, flags)
            self._color(folder, done, color)
        self._destroy(folder, [item_id, *(each for each in made if each != done)])
        return Written(done, mapping.stamp(flags, color))

    def _go_out(self, folder: str, item_id: str, fields: Mapping[str, Any]) -> Written:
        """Once: the message is looked for among the sent ones before it is sent."""
        name = mark(f"s.{_digest(folder, item_id)}", self._user.mail)
        if tracing.find_sent(self._client, Outgoing(f"Message-ID: {name}\r\n\r\n".encode())) is not True:
            before = self._source(folder, item_id)
            self._send(Outgoing(mail_draft.compose(before, fields, self._sender(), name, self._now())))
        try:
            self._destroy(folder, [item_id])
        except UsmError as error:
            _log.warning("draft %s of %s was sent, but is still there: %s", item_id, self._user.login, error)
        return Written("", "")

    # -- calls -----------------------------------------------------------------------------------------------

    def _folder(self) -> str:
        return next((str(path) for path in (leaf(self._client, name) for name in _FOLDER) if path), "")

    def _look(self, folder: str, header: str = "Message-ID") -> dict[str, _Found]:
        columns = ",".join((*map(str, _COLUMNS), header))
        answer = self._client.get(
            "mail", "all", {"folder": folder, "columns": columns, "sort": "610", "order": "desc"}
        )
        return {
            str(row[0]): _Found(_int(row[1]), _int(row[2]), "".join(str(row[3] or "").split()))
            for row in answer.lists(len(_COLUMNS) + 1)
        }

    def _store(self, folder: str, text: Text, flags: int) -> str:
        params = {"folder": folder, "flags": flags}
        answer = self._client.send_text("mail", "new", text, params)
        made = answer.fields.get("id")
        if made is None:
            raise SourceUnavailable("OX stores a draft without telling its id", in_doubt=True)
        return str(made).rsplit("/", 1)[-1]

    def _color(self, folder: str, item_id: str, color: int) -> None:
        if color:
            self._client.put("mail", "update", {"color_label": color}, {"folder": folder, "id": item_id})

    def _destroy(self, folder: str, ids: list[str]) -> None:
        entries = [{"folder": folder, "id": item_id} for item_id in ids]
        self._client.put("mail", "delete", entries, {"harddelete": "1"}, Scope.WRITE)

    def _sender(self) -> Address | None:
        return Address(self._user.mail, self._user.name) if self._user.mail else None

    def _now(self) -> datetime:
        return self._clock.now()


def mark(text: str, mail: str = "") -> str:
    """A Message-ID that stands for a text; in the domain of ``mail`` where the message leaves the house."""
    return f"<{text}@{mail.rpartition('@')[2] or _DOMAIN}>"


def _digest(*texts: str) -> str:
    return blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _content(fields: Mapping[str, Any]) -> str:
    """Differs when what a device wants of a draft differs; the bytes of its files count."""
    uploads = [each for each in fields.get("add_attachments") or () if isinstance(each, Upload)]
    wanted = repr(sorted(fields.items(), key=lambda pair: pair[0]))
    return _digest(wanted, *(each.digest for each in uploads))


def _marks(draft: _Found, fields: Mapping[str, Any]) -> tuple[int, int]:
    """The flags and the colour of a draft after a change."""
    flags, color = draft.flags & mapping.TOLD | mapping.DRAFT, draft.color
    for field, bit in mapping.WRITABLE.items():
        if field in fields:
            flags = flags | bit if fields[field] else flags & ~bit
    if "categories" in fields:
        color = mapping.color(fields["categories"] or ())
    return flags, color


def _int(value: Any) -> int:
    return value if isinstance(value, int) else 0
