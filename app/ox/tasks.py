"""Tasks (``facts``: HTTP API section 4).

A device's change is laid over the task as it is now and only what differs is written: so the percentage, states that no
device knows ("waiting", "deferred"), participants, costs and times of day live through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from app.ox import mending
from app.ox.client import FORCE, Answer, Call, good
from app.ox.mapping import task as mapping
from app.ox.mending import Draft
from app.ox.module import Context, Found, Question, in_parts, json_id
from app.ox.objects import ID, LAST_MODIFIED, Objects, id_of, stamp_of
from app.usm.errors import ItemConflict, ItemGone, ItemUnreadable, UsmError
from app.usm.model import BodyKind, ContentType, Download, Item, Listing, Written

_MODULE: Final = "tasks"
_LISTED: Final = (ID, LAST_MODIFIED, mapping.STATUS, mapping.COMPLETED)
_READ: Final = (ID, LAST_MODIFIED, *mapping.COLUMNS)


class Tasks:
    """The tasks of one user."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._settings = context.settings
        self._clock = context.clock
        self._user = context.access.user
        self._objects = Objects(context, _MODULE, "task")

    # -- reading ---------------------------------------------------------------------------------------------

    def listing(self, folder: str, since: datetime | None) -> Question:
        """What is still to be done is always in; what is done, if it was completed after ``since``."""
        return Question(self._objects.asks_all(folder, _LISTED), partial(_listing, since))

    def read(self, folder: str, ids: Sequence[str], bodies: Sequence[BodyKind]) -> Found:
        """One call for many."""
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
        return {id_of(row): _item(row) for row in self._objects.some(folder, ids, _READ)}

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Written:
        """One call."""
        change = mapping.change(fields, {}, self._clock.now())
        body = {name: value for name, value in change.body.items() if value is not None}
        body |= {"folder_id": json_id(folder), "uid": uid}
        answer, altered = self._write("new", body, {})
        return replace(self._objects.created(folder, answer), altered=altered or not change.exact)

    def update(
        self,
        folder: str,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        """Two calls: a look at the task as it is, and what differs."""
        rows = self._objects.some(folder, [item_id], _READ)
        if not rows:
            raise ItemGone(f"task {item_id} is gone")
        if stamp is not None and stamp_of(rows[0]) != stamp:
            raise ItemConflict(f"task {item_id} was changed meanwhile")
        change = mapping.change(fields, mapping.fields_of(rows[0]), self._clock.now())
        if not change.body:
            return Written(item_id, stamp_of(rows[0]), altered=not change.exact)
        params = {"id": item_id, "folder": folder, "timestamp": stamp or FORCE}
        answer, altered = self._write("update", change.body, params)
        return replace(self._objects.written(folder, item_id, answer), altered=altered or not change.exact)

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
        """The task keeps its id."""
        return self._objects.move(folder, item_id, target)

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """None: no device asks for those of a task."""
        raise ItemGone(f"task {item_id} has no attachment {attachment_id}")

    def _write(self, action: str, body: Mapping[str, Any], params: Mapping[str, str]) -> tuple[Answer, bool]:
        """OX's answer, and whether a detail that it minds had to be left out."""
        return mending.stored(
            lambda draft: self._client.put(_MODULE, action, draft.body, params),
            Draft(body),
            mapping.NAMES,
            f"a task of user {self._user.user_id}",
        )


def _listing(since: datetime | None, answer: Answer | UsmError) -> Listing:
    stamps, outside = {}, set()
    for row in good(answer).rows(_LISTED):
        if since is not None and mapping.done(row) and _completed_before(row, since):
            outside.add(id_of(row))
        else:
            stamps[id_of(row)] = stamp_of(row)
    return Listing(stamps, frozenset(outside))


def _item(row: Mapping[int, Any]) -> Item | Exception:
    try:
        fields = mapping.fields_of(row)
    except (ValueError, TypeError, AttributeError) as error:
        return ItemUnreadable(f"task {id_of(row)}: {error}")
    return Item(id_of(row), stamp_of(row), ContentType.TASKS, fields)


def _completed_before(row: Mapping[int, Any], since: datetime) -> bool:
    """A task that is done, though nobody knows when, was done long ago."""
    moment = mapping.completed(row)
    return moment is None or moment < since
