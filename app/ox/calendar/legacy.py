"""The ``calendar`` module, native up to 7.8.4 (``facts``: HTTP API section 6).

Rules of this OX
* An occurrence is changed and deleted by its position in the series; only OX counts it as OX does, so it is asked for.
* Times and rule of a series are written together.
* An answer with ``conflicts`` and without an id is no success: nothing was stored. ``ignore_conflicts`` avoids it, but
  for resources, without which the appointment is stored then.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app.ox.calendar import itip, mending
from app.ox.calendar.api import SPAN, Stored
from app.ox.calendar.people import Directory
from app.ox.client import FORCE, Answer, Call
from app.ox.errors import Scope
from app.ox.mapping import calendar as mapping
from app.ox.mapping import values
from app.ox.mapping.calendar_event import DAY, Event, Head, by_rule, milliseconds, same_attendees
from app.ox.module import Context, json_id
from app.ox.objects import Objects
from app.usm.content import Attendee, Reply, Upload
from app.usm.errors import ItemConflict, ItemError, ItemGone, ItemRefused, ItemUnreadable, SourceUnavailable
from app.usm.model import Attachment, Download

_log = logging.getLogger(__name__)

_MODULE: Final = "calendar"
_APPOINTMENT: Final = 1
"""What module ``attachment`` calls an appointment."""
_FILE: Final = (1, 803, 804, 805)
"""Id, name, size and type of a file."""
_STATE: Final = (mapping.ID, mapping.LAST_MODIFIED)
_PLACE: Final = (mapping.ID, mapping.START, mapping.SERIES, mapping.POSITION, mapping.DATE_POSITION)
_MATTERS: Final = frozenset({"title", "location", "note", "start_date", "recurrence_type"})
"""What those who are invited must hear of; OX tells nobody without being told to."""
_SETTLED: Final[Mapping[str, Any]] = {"ignore_conflicts": True}


class Legacy:
    """The appointments of one user by the ``calendar`` module; see :class:`app.ox.calendar.api.Api`."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._settings = context.settings
        self._user = context.access.user
        self._single_delete = context.access.legacy
        self._directory = Directory(context.client, context.access.user)
        self._objects = Objects(context, _MODULE, "appointment")

    # -- reading ---------------------------------------------------------------------------------------------

    def asks_heads(self, folder: str) -> Call:
        """See the protocol."""
        start, end = SPAN
        params = {
            "folder": folder,
            "columns": _joined(mapping.HEAD),
            "start": start,
            "end": end,
            "recurrence_master": "true",
        }
        return Call(_MODULE, "all", params)

    def heads(self, answer: Answer) -> list[Head]:
        """See the protocol."""
        return mapping.heads(answer.lists(len(mapping.HEAD)))

    def events(self, folder: str, ids: Sequence[str]) -> dict[str, Event | Exception]:
        """See the protocol; one call for each appointment with files, and one for all people who are new."""
        rows = {str(row[mapping.ID]): row for row in self._rows(folder, ids, mapping.COLUMNS)}
        people = self._directory.of_rows(rows.values())
        found = {item: self._event(folder, row, people) for item, row in rows.items()}
        for item, event in found.items():
            if isinstance(event, Event) and event.is_exception:
                found[item] = _placed(event, found.get(event.series))
        return found

    def modified(self, folder: str, ids: Sequence[str]) -> dict[str, int]:
        """See the protocol."""
        rows = self._rows(folder, ids, _STATE)
        return {str(row[mapping.ID]): row[mapping.LAST_MODIFIED] or 0 for row in rows}

    def resolve(self, uid: str) -> str:
        """See the protocol."""
        try:
            data = self._client.get(_MODULE, "resolveuid", {"uid": uid}, Scope.READ).data
        except ItemError:
            return ""
        return _answered_id(data)

    def probes(self, folder: str) -> list[Call]:
        """What changed lately, exceptions included."""
        asked = self._objects.probes(folder)
        return [replace(call, params={**call.params, "recurrence_master": "true"}) for call in asked]

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """A hash of it."""
        return self._objects.fingerprint(answers)

    def agrees(self, probed: Sequence[Answer], listed: Answer) -> bool:
        """By what changed lately."""
        return self._objects.agrees(probed, listed)

    def _rows(self, folder: str, ids: Sequence[str], columns: Sequence[int]) -> list[dict[int, Any]]:
        body = [{"id": json_id(item), "folder": json_id(folder)} for item in ids]
        params = {"columns": _joined(columns), "recurrence_master": "true"}
        answer = self._client.put(_MODULE, "list", body, params, Scope.READ, repeatable=True)
        return [row for row in answer.rows(columns) if row[mapping.ID] is not None]

    def _event(self, folder: str, row: Mapping[int, Any], people: mapping.People) -> Event | Exception:
        try:
            event = mapping.event(row, people)
        except (ValueError, TypeError, AttributeError) as error:
            return ItemUnreadable(f"appointment {row[mapping.ID]}: {error}")
        if row[mapping.ATTACHMENTS]:
            files = self._files(folder, event.id)
            return replace(event, fields={**event.fields, "attachments": files}) if files else event
        return event

    def _files(self, folder: str, item_id: str) -> tuple[Attachment, ...]:
        params = {"folder": folder, "attached": item_id, "module": _APPOINTMENT, "columns": _joined(_FILE)}
        rows = self._client.get("attachment", "all", params, Scope.READ).rows(_FILE)[
            : self._settings.attachments
        ]
        return tuple(
            Attachment(
                f"{item_id}.{row[1]}",
                values.line(row[803]) or "",
                row[804] if isinstance(row[804], int) else 0,
                str(row[805] or "application/octet-stream"),
            )
            for row in rows
        )

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Stored:
        """See the protocol."""
        body = mapping.body_of(fields) | mapping.times_of({}, fields)
        if fields.get("recurrence") is not None:
            body |= mapping.rule_of(fields["recurrence"])
        body = {name: value for name, value in body.items() if value is not None}
        if fields.get("attendees"):
            body |= self._participants(fields["attendees"], {})
        body |= {"folder_id": json_id(folder), "uid": uid, **_SETTLED}
        return self._store("new", body, {})

    def change(self, folder: str, event: Event, fields: Mapping[str, Any], force: bool) -> Stored:
        """See the protocol."""
        body = self._changes(event, fields)
        if not body:
            return Stored(event.id, event.modified, wrote=False)
        times = "start_date" in body
        params = self._addressed(folder, event, force)
        return replace(self._store("update", {**body, **_SETTLED}, params), times=times)

    def change_occurrence(
        self, folder: str, master: Event, original: datetime, fields: Mapping[str, Any]
    ) -> Stored:
        """See the protocol. The times of an exception are always written: OX has none for it yet."""
        made = replace(master, fields=by_rule(master, original), repeats=False)
        body = self._changes(made, fields)
        if not body:
            return Stored(master.id, master.modified, wrote=False)
        position = self._position(folder, master, original)
        body = {**mapping.times_of(made.fields, fields), **body, **position, **_SETTLED}
        return self._store("update", body, self._addressed(folder, master, force=False))

    def delete(self, folder: str, item_id: str, modified: int | None) -> None:
        """See the protocol."""
        self._delete(folder, item_id, modified, {})

    def delete_occurrence(self, folder: str, master: Event, original: datetime) -> None:
        """See the protocol. ``pos`` is the position's name in the documentation, the other one that in OX."""
        place = self._position(folder, master, original)
        self._delete(folder, master.id, master.modified, {**place, "pos": place["recurrence_position"]})

    def move(self, folder: str, item_id: str, target: str) -> None:
        """See the protocol."""
        params = {"id": item_id, "folder": folder, "timestamp": FORCE}
        self._store("update", {"folder_id": json_id(target), **_SETTLED}, params)

    def confirm(
        self, folder: str, event: Event, reply: Reply, comment: str, original: datetime | None
    ) -> None:
        """See the protocol."""
        params: dict[str, Any] = {"id": event.id, "folder": folder, "timestamp": FORCE}
        if original is not None:
            params["occurrence"] = self._position(folder, event, original)["recurrence_position"]
        body = {"confirmation": mapping.REPLIES.write(reply), "confirmmessage": values.clean(comment)}
        self._client.put(_MODULE, "confirm", body, params)

    def answer(self, mail_folder: str, mail: str, part: str, reply: Reply, comment: str) -> str:
        """See the protocol."""
        return itip.answer(self._client, _MODULE, (mail_folder, mail, part), reply, comment)

    def attach(self, folder: str, event: Event, files: Sequence[Upload]) -> None:
        """See the protocol; one call each."""
        about = {"module": _APPOINTMENT, "attached": json_id(event.id), "folder": json_id(folder)}
        for file in files:
            part = (values.clean(file.name) or "file", file.data, file.content_type)
            self._client.upload("attachment", "attach", about, part, number="_0")

    def detach(self, folder: str, event: Event, ids: Sequence[str]) -> None:
        """See the protocol."""
        params = {"module": _APPOINTMENT, "attached": event.id, "folder": folder}
        self._client.put("attachment", "detach", [json_id(each) for each in ids], params)

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """See the protocol."""
        params = {"action": "document", "module": _APPOINTMENT, "folder": folder}
        params |= {"attached": item_id, "id": attachment_id}
        return self._client.fetch("attachment", params, self._settings.message_bytes)

    def _changes(self, event: Event, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = mapping.changes(event, fields)
        attendees = fields.get("attendees")
        if "attendees" in fields and not same_attendees(attendees, event.fields.get("attendees")):
            body |= self._participants(attendees or (), event.raw)
        if event.fields.get("organized") and body.keys() & _MATTERS:
            body["notification"] = True
        return body

    def _participants(self, attendees: Sequence[Attendee], before: Mapping[str, Any]) -> dict[str, Any]:
        """With them go the invitations: OX sends none without being told to."""
        found = self._directory.by_mail(attendee.mail for attendee in attendees)
        people = self._directory.people()
        written = mapping.participants_of(attendees, before, people, found)
        return {"participants": written, "notification": True}

    def _addressed(self, folder: str, event: Event, force: bool) -> dict[str, Any]:
        return {"id": event.id, "folder": folder, "timestamp": FORCE if force else event.modified}

    def _position(self, folder: str, master: Event, original: datetime) -> dict[str, Any]:
        """How OX names an occurrence. Raises ``ItemRefused`` where there is none."""
        params = {
            "folder": folder,
            "columns": _joined(_PLACE),
            "start": milliseconds(original - DAY),
            "end": milliseconds(original + DAY * 2),
        }
        wanted = milliseconds(original)
        for row in self._client.get(_MODULE, "all", params).rows(_PLACE):
            if str(row[mapping.ID]) == master.id and row[mapping.START] == wanted and row[mapping.POSITION]:
                return {"recurrence_position": row[mapping.POSITION]}
        raise ItemRefused(f"appointment {master.id} has no occurrence at {original:%Y-%m-%dT%H:%MZ}")

    def _store(self, action: str, body: Mapping[str, Any], params: Mapping[str, Any]) -> Stored:
        answer, altered = mending.stored(
            lambda draft: self._client.put(_MODULE, action, draft, params), body, mapping.NAMES
        )
        if _has_conflicts(answer.data):
            participants = [each for each in body.get("participants", ()) if each["type"] != mapping.RESOURCE]
            _log.warning("an appointment of user %d is stored without its resources", self._user.user_id)
            answer = self._client.put(_MODULE, action, {**body, "participants": participants}, params)
            altered = True
            if _has_conflicts(answer.data):
                raise ItemRefused("OX stores no appointment at a time when others are")
        item_id = _answered_id(answer.data) or str(params.get("id") or "")
        if not item_id:
            raise SourceUnavailable("OX stores an appointment without telling its id", in_doubt=True)
        return Stored(item_id, answer.timestamp or 0, altered=altered)

    def _delete(self, folder: str, item_id: str, modified: int | None, place: Mapping[str, Any]) -> None:
        one = {"id": json_id(item_id), "folder": json_id(folder), **place}
        body = one if self._single_delete else [one]
        params = {"timestamp": FORCE if modified is None else modified}
        answer = self._client.put(_MODULE, "delete", body, params)
        if answer.data:
            if not self.modified(folder, [item_id]):
                raise ItemGone(f"appointment {item_id} is gone")
            raise ItemConflict(f"appointment {item_id} was changed meanwhile and is not deleted")


def _placed(exception: Event, master: Event | Exception | None) -> Event:
    """The exception with its ``original``, which takes its series to know."""
    if not isinstance(master, Event):
        return exception
    return replace(exception, original=mapping.original(master, exception))


def _has_conflicts(data: Any) -> bool:
    return isinstance(data, dict) and "id" not in data and bool(data.get("conflicts"))


def _answered_id(data: Any) -> str:
    return str(data["id"]) if isinstance(data, dict) and data.get("id") else ""


def _joined(columns: Sequence[int]) -> str:
    return ",".join(map(str, columns))
