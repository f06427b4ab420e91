"""Contacts (``facts``: HTTP API section 5).

A device's change is laid over the contact as it is now and only what differs is written. Distribution lists stay in
OX: no device knows them, and one that got them as persons would destroy them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app.ox import mending, pictures
from app.ox.client import FORCE, Answer, Call, good
from app.ox.errors import Refusal, Rejected
from app.ox.mapping import contact as mapping
from app.ox.mending import Draft
from app.ox.module import Context, Found, Question, in_parts, json_id
from app.ox.objects import Objects, id_of, stamp_of
from app.usm.errors import ItemConflict, ItemGone, ItemUnreadable, UsmError
from app.usm.model import BodyKind, ContentType, Download, Item, Listing, Written

_MODULE: Final = "contacts"
_NO_PICTURE: Final = "CON-0158"
"""What OX says of a picture whose kind it does not know."""
_LISTED: Final = (mapping.ID, mapping.LAST_MODIFIED, mapping.IS_LIST)


class Contacts:
    """The contacts of one user."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._settings = context.settings
        self._user = context.access.user
        self._legacy = context.access.legacy
        self._columns = mapping.columns(self._legacy)
        self._objects = Objects(context, _MODULE, "contact")

    # -- reading ---------------------------------------------------------------------------------------------

    def listing(self, folder: str, since: datetime | None) -> Question:
        """All contacts; they have no time, so ``since`` leaves none out."""
        return Question(self._objects.asks_all(folder, _LISTED), _listing)

    def read(self, folder: str, ids: Sequence[str], bodies: Sequence[BodyKind]) -> Found:
        """One call, and one more for each contact with a picture."""
        return in_parts(ids, self._settings.contacts_per_call, lambda part: self._read(folder, part))

    def find_created(self, folder: str, uids: Sequence[str]) -> dict[str, Written]:
        """By their ``uid``; one call."""
        return self._objects.marked(folder, uids)

    def probes(self, folder: str) -> list[Call]:
        """What changed lately."""
        return self._objects.probes(folder)

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """A hash of it."""
        return self._objects.fingerprint(answers)

    def agrees(self, probed: Sequence[Answer], listed: Answer) -> bool:
        """By what changed lately."""
        return self._objects.agrees(probed, listed)

    def _read(self, folder: str, ids: Sequence[str]) -> Found:
        rows = self._objects.some(folder, ids, self._columns)
        return {id_of(row): self._item(row) for row in rows}

    def _item(self, row: Mapping[int, Any]) -> Item | Exception:
        try:
            fields = mapping.fields_of(row)
        except (ValueError, TypeError, AttributeError) as error:
            return ItemUnreadable(f"contact {id_of(row)}: {error}")
        if row[mapping.PICTURES] and (picture := self._picture(row[mapping.PICTURE_URL])) is not None:
            fields[mapping.PICTURE] = picture
        return Item(id_of(row), stamp_of(row), ContentType.CONTACTS, fields)

    def _picture(self, url: Any) -> bytes | None:
        """A contact without its picture is better than no contact."""
        return pictures.fetch(self._client, url, self._settings.picture_bytes)

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Written:
        """OX needs a name to show; it is made of the others where the device gives none."""
        named = dict(fields)
        if not named.get("display_name"):
            named["display_name"] = mapping.display_name(named)
        body = mapping.body_of({field: value for field, value in named.items() if value}, self._legacy)
        body |= {"folder_id": json_id(folder), "uid": uid}
        answer, altered = self._write("new", Draft(body, fields.get(mapping.PICTURE)), {})
        return replace(self._objects.created(folder, answer), altered=altered)

    def update(
        self,
        folder: str,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        """A look at the contact as it is, and what differs. A shown name that was made of the others follows them; one
        that somebody chose stays."""
        rows = self._objects.some(folder, [item_id], self._columns)
        if not rows:
            raise ItemGone(f"contact {item_id} is gone")
        if stamp is not None and stamp_of(rows[0]) != stamp:
            raise ItemConflict(f"contact {item_id} was changed meanwhile")
        before = mapping.fields_of(rows[0])
        wanted = mapping.differing(fields, before)
        body = mapping.body_of(wanted, self._legacy)
        if "display_name" not in fields and mapping.NAMING & wanted.keys():
            body |= _renamed(wanted, before)
        picture = fields.get(mapping.PICTURE)
        if mapping.PICTURE in fields and not picture and rows[0][mapping.PICTURES]:
            body["image1"] = None
        if not body and not picture:
            return Written(item_id, stamp_of(rows[0]))
        params = {"id": item_id, "folder": folder, "timestamp": stamp or FORCE}
        answer, altered = self._write("update", Draft(body, picture), params)
        return replace(self._objects.written(folder, item_id, answer), altered=altered)

    def delete(
        self,
        folder: str,
        item_id: str,
        stamp: str | None,
        to_trash: bool,
        occurrence: datetime | None = None,
    ) -> None:
        """For good."""
        self._objects.delete(folder, item_id, stamp)

    def move(self, folder: str, item_id: str, target: str) -> Written:
        """The contact keeps its id."""
        return self._objects.move(folder, item_id, target)

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """None: no device asks for those of a contact."""
        raise ItemGone(f"contact {item_id} has no attachment {attachment_id}")

    def _write(self, action: str, draft: Draft, params: Mapping[str, str]) -> tuple[Answer, bool]:
        """OX's answer, and whether a detail that it minds had to be left out."""
        return mending.stored(
            lambda better: self._send(action, better, params),
            draft,
            mapping.NAMES,
            f"a contact of user {self._user.user_id}",
        )

    def _send(self, action: str, draft: Draft, params: Mapping[str, str]) -> Answer:
        if not draft.picture:
            return self._client.put(_MODULE, action, draft.body, params)
        content_type = pictures.content_type(draft.picture)
        if content_type is None:
            raise Rejected.because(Refusal(_NO_PICTURE, "", "a picture must be JPEG, PNG, GIF or BMP"))
        file = (f"picture.{content_type.removeprefix('image/')}", draft.picture, content_type)
        full = {**draft.body, "image1_content_type": content_type}
        return self._client.upload(_MODULE, action, full, file, params)


def _listing(answer: Answer | UsmError) -> Listing:
    rows = good(answer).rows(_LISTED)
    return Listing({id_of(row): stamp_of(row) for row in rows if not row[mapping.IS_LIST]})


def _renamed(fields: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The ``display_name`` to write with changed names, if any."""
    shown = before.get("display_name", "")
    named = {field: value for field, value in before.items() if field != "display_name"}
    if named.get("file_as") == shown:
        named.pop("file_as", None)  # OX makes one of the shown name where there is none
    if shown and shown != mapping.display_name(named):
        return {}
    now = mapping.display_name({**named, **fields})
    return {"display_name": now} if now and now != shown else {}
