"""Searching contacts, tasks, appointments and notes, as far as OX can (``facts``: HTTP API sections 4 to 7).

OX finds by one word; whether the whole condition holds is judged here, over the texts that come with what is found. A
condition that asks for no word finds nothing: dates and marks are those of messages. ``chronos`` has no search of its
own, so its appointments are listed and looked at; notes are few, and are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from app.ox.client import Answer, Call
from app.ox.errors import Scope, Unsupported
from app.ox.mapping import search as mapping
from app.ox.mapping.values import instant
from app.ox.module import Context, Module, json_id
from app.usm.errors import FolderGone, ItemError, UsmError
from app.usm.model import BodyKind, ContentType, FolderRef, Item
from app.usm.queries import Condition, Hit, Place, alternatives, judge_texts, verdict

MOST_WORDS: Final = 10
"""Searches that one condition comes down to, at most."""
MOST_NOTES: Final = 500

_ID, _CHANGED, _FOLDER, _LIST, _SERIES = 1, 6, 20, 602, 206
_SPAN: Final = ("19000101T000000Z", "22000101T000000Z")
_EVENT: Final = "id,folder,seriesId,lastModified,summary,description,location"
_CAL: Final = "cal://0/"


class ItemSearch:
    """One search among what is not mail. ``chronos``: asks which calendar module this OX has."""

    def __init__(
        self, context: Context, condition: Condition | None, notes: Module | None, chronos: Callable[[], bool]
    ) -> None:
        self._client = context.client
        self._condition = condition
        self._words = () if condition is None else alternatives(condition)[:MOST_WORDS]
        self._notes = notes
        self._chronos = chronos

    def run(self, content: ContentType, folders: Sequence[FolderRef]) -> Iterator[Hit]:
        """What is found in folders of one content; each item once."""
        if self._condition is None or not self._words:
            return
        search = {
            ContentType.CONTACTS: self._contacts,
            ContentType.TASKS: self._tasks,
            ContentType.CALENDAR: self._appointments,
            ContentType.NOTES: self._noted,
        }[content]
        seen: set[str] = set()
        for hit, texts in search(folders):
            name = f"{hit.folder.number}:{hit.item_id}"
            if name not in seen and verdict(self._condition, judge_texts(texts)):
                seen.add(name)
                yield hit

    def _contacts(self, folders: Sequence[FolderRef]) -> Iterator[tuple[Hit, dict[Place, str]]]:
        columns = (_ID, _CHANGED, _FOLDER, _LIST, *_named(mapping.CONTACT))
        bodies = [mapping.contact_search(word) for word in self._words]
        for row in self._found("contacts", columns, bodies):
            if not row[_LIST]:
                yield from _hit(row, folders, mapping.CONTACT)

    def _tasks(self, folders: Sequence[FolderRef]) -> Iterator[tuple[Hit, dict[Place, str]]]:
        columns = (_ID, _CHANGED, _FOLDER, *_named(mapping.TASK))
        bodies = [{"pattern": f"*{mapping.literal(word)}*"} for word in self._words]
        for row in self._found("tasks", columns, bodies):
            yield from _hit(row, folders, mapping.TASK)

    def _appointments(self, folders: Sequence[FolderRef]) -> Iterator[tuple[Hit, dict[Place, str]]]:
        if self._chronos():
            yield from self._events(folders)
            return
        columns = (_ID, _CHANGED, _FOLDER, _SERIES, *_named(mapping.APPOINTMENT))
        bodies = [{"pattern": f"*{mapping.literal(word)}*"} for word in self._words]
        for row in self._found("calendar", columns, bodies):
            # An exception is a part of its series.
            yield from _hit({**row, _ID: row[_SERIES] or row[_ID]}, folders, mapping.APPOINTMENT)

    def _events(self, folders: Sequence[FolderRef]) -> Iterator[tuple[Hit, dict[Place, str]]]:
        first, last = _SPAN
        params = {"fields": _EVENT, "rangeStart": first, "rangeEnd": last, "expand": "false"}
        calls = [
            Call("chronos", "all", {**params, "folder": _CAL + json_text(folder.id)}) for folder in folders
        ]
        for folder, answer in zip(folders, self._client.multiple(calls, repeatable=True), strict=True):
            for event in _objects(answer):
                item = str(event.get("seriesId") or event.get("id"))
                texts = mapping.texts_of(event, mapping.EVENT_FIELDS)
                yield Hit(folder, item, instant(event.get("lastModified"))), texts

    def _noted(self, folders: Sequence[FolderRef]) -> Iterator[tuple[Hit, dict[Place, str]]]:
        if self._notes is None:
            return
        for folder in folders:
            listing = self._notes.listing(folder.id, None).ask(self._client)
            ids = list(listing.stamps)[:MOST_NOTES]
            for item_id, note in self._notes.read(folder.id, ids, (BodyKind.TEXT,)).items():
                if isinstance(note, Item):
                    body = note.fields.get("body")
                    texts = {
                        Place.SUBJECT: str(note.fields.get("subject") or ""),
                        Place.TEXT: body.text if body else "",
                    }
                    yield Hit(folder, item_id, note.fields.get("modified")), texts

    def _found(
        self, module: str, columns: Sequence[int], bodies: Sequence[Mapping[str, Any]]
    ) -> Iterator[dict[int, Any]]:
        params = {"columns": ",".join(map(str, columns))}
        calls = [Call(module, "search", params, dict(body), Scope.READ) for body in bodies]
        for answer in self._client.multiple(calls, repeatable=True):
            if isinstance(answer, UsmError):
                _pass(answer)
            else:
                yield from answer.rows(columns)


def json_text(folder: str) -> str:
    """The number of a folder of the user's own calendar account."""
    return folder.removeprefix(_CAL)


def _named(places: Mapping[Place, tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(column for columns in places.values() for column in columns)


def _hit(
    row: Mapping[int, Any], folders: Sequence[FolderRef], places: Mapping[Place, tuple[int, ...]]
) -> Iterator[tuple[Hit, dict[Place, str]]]:
    for folder in folders:
        if json_id(folder.id) == json_id(str(row[_FOLDER])):
            yield Hit(folder, str(row[_ID]), instant(row[_CHANGED])), mapping.texts_of(row, places)


def _objects(answer: Answer | UsmError) -> list[dict[str, Any]]:
    if isinstance(answer, UsmError):
        _pass(answer)
        return []
    return [each for each in answer.data or () if isinstance(each, dict)]


def _pass(error: UsmError) -> None:
    """A folder that is gone, or a text that is too short for OX, finds nothing. Raises anything else."""
    if not isinstance(error, FolderGone | ItemError | Unsupported):
        raise error
