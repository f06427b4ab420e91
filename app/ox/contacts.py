"""Contacts (``facts``: HTTP API section 5).

A stamp is the item's ``last_modified_utc``, which is also what OX wants to see before it lets a change happen.
Distribution lists stay in OX: no device knows them, and one that got them as persons would destroy them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import parse_qsl

from app.ox import mending
from app.ox.client import FORCE, Answer, Call
from app.ox.errors import Refusal, Rejected, Scope, TooLarge, Unsupported
from app.ox.mapping import contact as mapping
from app.ox.mending import Draft
from app.ox.module import Context, Found, in_parts, json_id
from app.usm.errors import ItemConflict, ItemError, ItemGone, ItemUnreadable, SourceUnavailable
from app.usm.model import BodyKind, ContentType, Download, Item, Listing, Written

_log = logging.getLogger(__name__)

_MODULE: Final = "contacts"
_NO_PICTURE: Final = "CON-0158"
"""What OX says of a picture whose kind it does not know."""
_LISTED: Final = (mapping.ID, mapping.LAST_MODIFIED, mapping.IS_LIST)
_MARKED: Final = (mapping.ID, mapping.LAST_MODIFIED, mapping.UID)
_NAMED: Final = ("display_name", *sorted(mapping.NAMING))

_PICTURE_TYPES: Final = (
    (b"\xff\xd8", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_IMAGE_URL: Final = re.compile(r"/(image/[^?#]*)\?([^#]*)")
_DAY: Final = 86_400


class Contacts:
    """The contacts of one user."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._settings = context.settings
        self._clock = context.clock
        self._user = context.access.user
        self._legacy = context.access.legacy
        self._columns = mapping.columns(self._legacy)

    # -- reading ---------------------------------------------------------------------------------------------

    def listing(self, folder: str, since: datetime | None) -> Listing:
        """All contacts; they have no time, so ``since`` leaves none out."""
        rows = self._all(folder, _LISTED)
        return Listing({_id(row): _stamp(row) for row in rows if not row[mapping.IS_LIST]})

    def read(self, folder: str, ids: Sequence[str], bodies: Sequence[BodyKind]) -> Found:
        """One call, and one more for each contact with a picture."""
        return in_parts(ids, self._settings.contacts_per_call, lambda part: self._read(folder, part))

    def find_created(self, folder: str, uids: Sequence[str]) -> dict[str, Written]:
        """By their ``uid``; one call."""
        wanted = set(uids)
        rows = self._all(folder, _MARKED) if wanted else []
        return {
            str(row[mapping.UID]): Written(_id(row), _stamp(row))
            for row in rows
            if row[mapping.UID] in wanted
        }

    def probes(self, folder: str) -> list[Call]:
        """What changed since the beginning of a day of the user's own: few rows, whatever the folder holds, and the
        same answer whoever asks. The days of different users begin at different times, as changes of yesterday
        leave the view then, and the waiting devices look once in vain."""
        offset = self._user.user_id * 7919 % _DAY
        today = (int(self._clock.now().timestamp()) - offset) // _DAY
        since = ((today - 1) * _DAY + offset) * 1000
        params = {"folder": folder, "columns": "1,6", "timestamp": since, "ignore": "false"}
        return [Call(_MODULE, "updates", params)]

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """A hash of the ids and times of what changed."""
        rows = answers[0].data if isinstance(answers[0].data, list) else []
        text = "|".join(sorted(str(row) for row in rows))
        return blake2b(text.encode(), digest_size=12).hexdigest()

    def _all(self, folder: str, columns: Sequence[int]) -> list[dict[int, Any]]:
        ids = ",".join(map(str, columns))
        return self._client.get(_MODULE, "all", {"folder": folder, "columns": ids}).rows(columns)

    def _list(self, folder: str, ids: Sequence[str], columns: Sequence[int]) -> list[dict[int, Any]]:
        body = [{"id": json_id(item), "folder": json_id(folder)} for item in ids]
        params = {"columns": ",".join(map(str, columns))}
        answer = self._client.put(_MODULE, "list", body, params, Scope.READ, repeatable=True)
        return answer.rows(columns)

    def _read(self, folder: str, ids: Sequence[str]) -> Found:
        rows = self._list(folder, ids, self._columns)
        return {_id(row): self._item(row) for row in rows if row[mapping.ID] is not None}

    def _item(self, row: Mapping[int, Any]) -> Item | Exception:
        try:
            fields = mapping.fields_of(row)
        except (ValueError, TypeError, AttributeError) as error:
            return ItemUnreadable(f"contact {_id(row)}: {error}")
        if row[mapping.PICTURES] and (picture := self._picture(row[mapping.PICTURE_URL])) is not None:
            fields[mapping.PICTURE] = picture
        return Item(_id(row), _stamp(row), ContentType.CONTACTS, fields)

    def _picture(self, url: Any) -> bytes | None:
        """The picture behind an ``image1_url``. Only its part from ``image/`` on is used: host and prefix are those
        that a browser needs."""
        found = _IMAGE_URL.search(url) if isinstance(url, str) else None
        if found is None:
            return None
        try:
            picture = self._client.download(found[1], dict(parse_qsl(found[2])), self._settings.picture_bytes)
        except (ItemError, TooLarge, Unsupported):
            return None  # a contact without its picture is better than no contact
        return picture if _picture_type(picture) else None

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Written:
        """OX needs a name to show; it is made of the others where the device gives none."""
        named = dict(fields)
        if not named.get("display_name"):
            named["display_name"] = mapping.display_name(named)
        body = mapping.body_of({field: value for field, value in named.items() if value}, self._legacy)
        body |= {"folder_id": json_id(folder), "uid": uid}
        answer, altered = self._write("new", Draft(body, fields.get(mapping.PICTURE)), {})
        item_id = answer.data.get("id") if isinstance(answer.data, dict) else None
        if item_id is None:
            raise SourceUnavailable("OX stores a contact without telling its id", in_doubt=True)
        return replace(self._written(folder, str(item_id), answer), altered=altered)

    def update(
        self,
        folder: str,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        """A shown name that was made of the others follows them; one that somebody chose stays."""
        body = mapping.body_of(fields, self._legacy)
        if "display_name" not in fields and mapping.NAMING & fields.keys():
            body |= self._renamed(folder, item_id, fields)
        picture = fields.get(mapping.PICTURE)
        if mapping.PICTURE in fields and not picture:
            body["image1"] = None
        if not body and not picture:
            return self._current(folder, item_id)
        params = {"id": item_id, "folder": folder, "timestamp": stamp or FORCE}
        answer, altered = self._write("update", Draft(body, picture), params)
        return replace(self._written(folder, item_id, answer), altered=altered)

    def delete(
        self,
        folder: str,
        item_id: str,
        stamp: str | None,
        to_trash: bool,
        occurrence: datetime | None = None,
    ) -> None:
        """For good: there is no trash for contacts. Generation 6 takes one object and no array."""
        one = {"id": json_id(item_id), "folder": json_id(folder)}
        body = one if self._legacy else [one]
        answer = self._client.put(_MODULE, "delete", body, {"timestamp": stamp or FORCE})
        if answer.data:
            self._current(folder, item_id)
            raise ItemConflict(f"contact {item_id} was changed meanwhile and is not deleted")

    def move(self, folder: str, item_id: str, target: str) -> Written:
        """The contact keeps its id."""
        params = {"id": item_id, "folder": folder, "timestamp": FORCE}
        answer = self._client.put(_MODULE, "update", {"folder_id": json_id(target)}, params)
        return self._written(target, item_id, answer)

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """None: no device asks for those of a contact."""
        raise ItemGone(f"contact {item_id} has no attachment {attachment_id}")

    def _write(self, action: str, draft: Draft, params: Mapping[str, str]) -> tuple[Answer, bool]:
        """OX's answer, and whether a detail that it minds had to be left out."""
        wanted = draft
        for _ in range(mending.ROUNDS):
            try:
                return self._send(action, draft, params), draft is not wanted
            except Rejected as error:
                better = mending.mended(draft, error.refusal)
                if better is None:
                    raise
                _log.warning("a contact of user %d is stored without a detail: %s", self._user.user_id, error)
                draft = better
        return self._send(action, draft, params), True

    def _send(self, action: str, draft: Draft, params: Mapping[str, str]) -> Answer:
        if not draft.picture:
            return self._client.put(_MODULE, action, draft.body, params)
        content_type = _picture_type(draft.picture)
        if content_type is None:
            raise Rejected.because(Refusal(_NO_PICTURE, "", "a picture must be JPEG, PNG, GIF or BMP"))
        file = (f"picture.{content_type.removeprefix('image/')}", draft.picture, content_type)
        full = {**draft.body, "image1_content_type": content_type}
        return self._client.upload(_MODULE, action, full, file, params)

    def _renamed(self, folder: str, item_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The ``display_name`` to write with changed names, if any."""
        columns = tuple(mapping.BY_FIELD[field].column for field in _NAMED)
        rows = self._list(folder, [item_id], columns)
        if not rows:
            raise ItemGone(f"contact {item_id} is gone")
        before = mapping.fields_of(rows[0])
        shown = before.pop("display_name", "")
        if before.get("file_as") == shown:
            del before["file_as"]  # OX makes one of the shown name where there is none
        if shown and shown != mapping.display_name(before):
            return {}
        now = mapping.display_name({**before, **fields})
        return {"display_name": now} if now and now != shown else {}

    def _written(self, folder: str, item_id: str, answer: Answer) -> Written:
        if answer.timestamp:
            return Written(item_id, str(answer.timestamp))
        return self._current(folder, item_id)

    def _current(self, folder: str, item_id: str) -> Written:
        rows = self._list(folder, [item_id], (mapping.ID, mapping.LAST_MODIFIED))
        if not rows:
            raise ItemGone(f"contact {item_id} is gone")
        return Written(item_id, _stamp(rows[0]))


def _id(row: Mapping[int, Any]) -> str:
    return str(row[mapping.ID])


def _stamp(row: Mapping[int, Any]) -> str:
    return str(row[mapping.LAST_MODIFIED] or 0)


def _picture_type(picture: bytes) -> str | None:
    return next((name for magic, name in _PICTURE_TYPES if picture.startswith(magic)), None)
