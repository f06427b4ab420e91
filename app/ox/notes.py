"""Notes. OX has no module for them, so they lie where IMAP clients keep theirs, and are shared with these: as messages
in the folder "Notes" at the top of the mailbox (:mod:`app.ox.mapping.note`).

* The folder is made with the first note. Before, it is shown to devices and empty.
* An item's id is the note's own name, and the message that holds its newest version is its stamp. A change stores
  the new message first and deletes the old one then: whatever happens between them, the note is there, and once.
* Messages in that folder that are no notes are not touched, and not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from app.ox.client import Answer, Call, good
from app.ox.errors import Scope, TooLarge
from app.ox.mapping import folder as folder_mapping
from app.ox.mapping import mail as mail_mapping
from app.ox.mapping import note as mapping
from app.ox.module import Context, Found, Question, in_parts
from app.usm.errors import (
    FolderGone,
    ItemConflict,
    ItemError,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    SourceUnavailable,
    UsmError,
)
from app.usm.model import BodyKind, ContentType, Download, Item, Listing, Written

_MODULE: Final = "mail"
_HEADERS: Final = (mapping.KIND_HEADER, mapping.NAME_HEADER, mapping.REPLACES_HEADER)
_COLUMNS: Final = ",".join((str(mail_mapping.ID), str(mail_mapping.FLAGS), *_HEADERS))


@dataclass(frozen=True, slots=True)
class _Version:
    """One message of a note. ``replaces``: the one that it takes the place of."""

    message: str
    replaces: str


_Versions = dict[str, list[_Version]]
"""Note → its messages, the newest first."""


class Notes:
    """The notes of one user."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._settings = context.settings
        self._traits = context.traits
        self._clock = context.clock
        self._sender = context.access.user.mail
        self._newest: dict[str, dict[str, str]] = {}
        """Folder → note → message, as of the last look."""

    # -- reading ---------------------------------------------------------------------------------------------

    def listing(self, folder: str, since: datetime | None) -> Question:
        """All notes; they have no time that ``since`` could mean. One call, and one more after a change of ours that
        came to its end only by half."""
        return Question(_asks_all(folder), partial(self._listing, folder))

    def _listing(self, folder: str, answer: Answer | UsmError) -> Listing:
        versions = self._versions(folder, answer)
        leftover = [
            old.message
            for found in versions.values()
            for old in found[1:]
            if old.message in {each.replaces for each in found}
        ]
        if leftover:
            with suppress(ItemError):
                self._delete(folder, leftover)
        return Listing({name: found[0].message for name, found in versions.items()})

    def read(self, folder: str, ids: Sequence[str], bodies: Sequence[BodyKind]) -> Found:
        """One call for many."""
        if folder not in self._newest or any(name not in self._newest[folder] for name in ids):
            self._look(folder)
        return in_parts(ids, self._settings.mails_per_call, lambda part: self._read(folder, part, bodies))

    def find_created(self, folder: str, uids: Sequence[str]) -> dict[str, Written]:
        """By their names; one call."""
        versions = self._look(folder)
        return {uid: Written(uid, versions[uid][0].message) for uid in uids if uid in versions}

    def probes(self, folder: str) -> list[Call]:
        """What is asked of any folder of mail."""
        if self._traits.examine:
            return [Call(_MODULE, "examine", {"folder": folder})]
        newest = {"columns": "600", "sort": 610, "order": "desc", "left_hand_limit": 0, "right_hand_limit": 1}
        return [
            Call("folders", "get", {"id": folder, "tree": "0"}),
            Call(_MODULE, "all", {"folder": folder, **newest}),
        ]

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """Validity, next id and total; or total and the newest message."""
        first = answers[0].fields
        if len(answers) == 1:
            return ".".join(str(first.get(name)) for name in ("validity", "next", "total"))
        return f"{first.get('total')}.{answers[1].data}"

    def agrees(self, probed: Sequence[Answer], listed: Answer) -> bool:
        """By the total, and the newest message where that was asked for."""
        counted = probed[0].fields
        rows = listed.data if isinstance(listed.data, list) else []
        newest = [row[:1] for row in rows[:1]]
        return counted.get("total") == len(rows) and all(answer.data == newest for answer in probed[1:])

    def _look(self, folder: str) -> _Versions:
        """What the folder holds; nothing where it is not made yet. One call."""
        return self._versions(folder, *self._client.together([_asks_all(folder)]))

    def _versions(self, folder: str, answer: Answer | UsmError) -> _Versions:
        data = [] if isinstance(answer, FolderGone) else good(answer).data
        if not isinstance(data, list):
            raise SourceUnavailable(f"OX answers {type(data).__name__} where rows were asked for")
        found: _Versions = {}
        for row in data:
            if not isinstance(row, list) or len(row) != 2 + len(_HEADERS):
                raise SourceUnavailable("OX answers rows of another length than was asked for")
            message, flags, kind, name, replaces = row
            deleted = mail_mapping.has_flag(flags, mail_mapping.DELETED)
            if not deleted and mapping.is_note(kind):
                version = _Version(str(message), str(replaces or "").strip())
                found.setdefault(mapping.name_of(name, str(message)), []).append(version)
        for versions in found.values():
            versions.sort(key=_age)
        self._newest[folder] = {name: versions[0].message for name, versions in found.items()}
        return found

    def _read(self, folder: str, ids: Sequence[str], bodies: Sequence[BodyKind]) -> Found:
        newest = self._newest[folder]
        there = [name for name in ids if name in newest]
        kinds = [kind for kind in bodies if kind is not BodyKind.MIME] or [BodyKind.TEXT]
        view = "raw" if kinds[0] is BodyKind.HTML else "text"
        params = {"folder": folder, "view": view, "unseen": "true"}
        calls = [Call(_MODULE, "get", {**params, "id": newest[name]}, scope=Scope.READ) for name in there]
        found: Found = {}
        for name, answer in zip(there, self._client.multiple(calls, repeatable=True), strict=True):
            if isinstance(answer, ItemGone):
                continue
            if isinstance(answer, SourceUnavailable | FolderGone):
                raise answer
            found[name] = _item(name, newest[name], answer, kinds)
        return found

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Written:
        """One call, with the first note one or two more for its folder."""
        message = mapping.made(fields, uid, self._sender, self._clock.now())
        try:
            return self._store(folder, uid, message)
        except FolderGone:
            self._make(folder)
        return self._store(folder, uid, message)

    def update(
        self,
        folder: str,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        """Four calls: look, read, store the new version, delete the old one. A message that is too broken to be changed
        goes to the trash, and a new one is made of what can be read of it."""
        newest = self._current(folder, item_id, stamp)[0].message
        wanted = {field: value for field, value in fields.items() if field != "modified"}
        if not wanted:
            return Written(item_id, newest)
        source, now = self._source(folder, newest), self._clock.now()
        try:
            message, sound = mapping.changed(source, wanted, item_id, newest, now), True
        except ValueError:
            found = self._read(folder, [item_id], (BodyKind.HTML, BodyKind.TEXT)).get(item_id)
            before = found.fields if isinstance(found, Item) else {}
            message, sound = mapping.made({**before, **wanted}, item_id, self._sender, now), False
        written = self._store(folder, item_id, message)
        # What is left of the old version after a fault is found and deleted by the next listing.
        with suppress(ItemError):
            self._delete(folder, [newest], hard=sound)
        return written

    def delete(
        self,
        folder: str,
        item_id: str,
        stamp: str | None,
        to_trash: bool,
        occurrence: datetime | None = None,
    ) -> None:
        """All its versions; the newest may go to the trash."""
        versions = self._current(folder, item_id, stamp)
        older = [version.message for version in versions[1:]]
        if older:
            self._delete(folder, older)
        self._delete(folder, [versions[0].message], hard=not to_trash)

    def move(self, folder: str, item_id: str, target: str) -> Written:
        """The note keeps its name."""
        newest = self._current(folder, item_id, None)[0].message
        params = {"folder": folder, "id": newest}
        answer = self._client.put(_MODULE, "update", {"folder_id": target}, params)
        return self._stored(target, item_id, answer)

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """None: no device asks for those of a note."""
        raise ItemGone(f"note {item_id} has no attachment {attachment_id}")

    def _current(self, folder: str, item_id: str, stamp: str | None) -> list[_Version]:
        """The messages of a note, the newest first. Raises ``ItemGone``, ``ItemConflict``."""
        versions = self._look(folder).get(item_id)
        if not versions:
            raise ItemGone(f"note {item_id} is gone")
        if stamp is not None and versions[0].message != stamp:
            raise ItemConflict(f"note {item_id} was changed meanwhile")
        return versions

    def _source(self, folder: str, message: str) -> bytes:
        params = {"action": "get", "folder": folder, "id": message, "src": "1", "save": "1", "unseen": "true"}
        try:
            return self._client.download(_MODULE, params, self._settings.message_bytes)
        except TooLarge as error:
            raise ItemRefused(f"message {message}: {error}") from error

    def _store(self, folder: str, name: str, message: bytes) -> Written:
        params = {"folder": folder, "flags": mail_mapping.SEEN}
        return self._stored(folder, name, self._client.send_text(_MODULE, "new", message, params))

    def _stored(self, folder: str, name: str, answer: Answer) -> Written:
        message = answer.fields.get("id")
        if message is None:
            found = self._look(folder).get(name)
            if not found:
                raise SourceUnavailable("OX stores a note without telling its id", in_doubt=True)
            message = found[0].message
        self._newest.setdefault(folder, {})[name] = str(message)
        return Written(name, str(message))

    def _delete(self, folder: str, messages: Sequence[str], hard: bool = True) -> None:
        body = [{"folder": folder, "id": message} for message in messages]
        answer = self._client.put(_MODULE, "delete", body, {"harddelete": "1"} if hard else {})
        if answer.data:
            raise ItemRefused(f"messages {', '.join(messages)} cannot be deleted")

    def _make(self, folder: str) -> None:
        """Make the folder; that another device was faster does no harm."""
        place, _, title = folder.rpartition(folder_mapping.SEPARATOR)
        body = {"title": title, "module": "mail", "subscribed": True}
        with suppress(ItemError):
            self._client.put("folders", "new", body, {"folder_id": place, "tree": "0"})


def _age(version: _Version) -> tuple[int, int]:
    """IMAP numbers its messages in the order of their coming."""
    number = int(version.message) if version.message.isascii() and version.message.isdigit() else 0
    return (-number, len(version.message))


def _item(name: str, message: str, answer: Answer | UsmError, bodies: Sequence[BodyKind]) -> Item | Exception:
    if isinstance(answer, UsmError):
        return ItemUnreadable(f"note {name}: {answer}")
    if not isinstance(answer.data, dict) or str(answer.data.get("id", message)) != message:
        return ItemUnreadable(f"note {name}: OX answers something else")
    try:
        fields = mapping.fields_of(answer.data, bodies)
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        return ItemUnreadable(f"note {name}: {error}")
    return Item(name, message, ContentType.NOTES, fields)


def _asks_all(folder: str) -> Call:
    params = {"folder": folder, "columns": _COLUMNS, "sort": mail_mapping.RECEIVED, "order": "desc"}
    return Call(_MODULE, "all", params)
