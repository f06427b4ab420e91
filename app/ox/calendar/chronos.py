"""The ``chronos`` module, native from 7.10 on (``facts``: HTTP API section 7).

Rules of this OX
* An optimistic lock compares ``timestamp``, which every event has.
* Conflicts with other appointments are looked for only when asked; nobody asks.
* Lists within an event (attendees, alarms, attachments, extended properties) are written as a whole.
* Series with exceptions: when the rule changes, OX drops the exceptions that no longer fit, and moves the others along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from app.ox.access import leaf
from app.ox.calendar import itip, mending
from app.ox.calendar.api import SPAN, Stored
from app.ox.client import FORCE, Answer, Call
from app.ox.errors import Refusal, Scope, translate
from app.ox.errors import refusal as refusal_of
from app.ox.mapping import calendar_chronos as mapping
from app.ox.mapping import time_zone, values
from app.ox.mapping.calendar_event import Event, Head, by_rule
from app.ox.module import Context
from app.ox.objects import Objects, same_changes
from app.usm.content import Reply, Upload
from app.usm.errors import ItemError, ItemUnreadable, SourceUnavailable
from app.usm.model import Download

_MODULE: Final = "chronos"
_PREFIX: Final = "cal://0/"
"""What stands before the number of a folder of the user's own account."""
_STATE: Final = ("id", "timestamp", "lastModified")
_FEW: Final = ",".join(_STATE)
_AS_THE_WEB: Final[Mapping[str, str]] = {"checkConflicts": "false", "sendInternalNotifications": "true"}
"""Nothing stands in the way of an appointment, and those who are invited hear of it, colleagues by mail as well."""


class Chronos:
    """The appointments of one user by the ``chronos`` module; see :class:`app.ox.calendar.api.Api`."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._settings = context.settings
        self._user = context.access.user
        self._objects = Objects(context, _MODULE, "appointment")
        self._zone = ""

    # -- reading ---------------------------------------------------------------------------------------------

    def asks_heads(self, folder: str) -> Call:
        """See the protocol."""
        start, end = (values.day(moment) for moment in SPAN)
        assert start is not None and end is not None  # noqa: S101, PT018  # nosec B101 # both are days
        params = {
            "folder": _folder(folder),
            "fields": ",".join(mapping.HEAD),
            "rangeStart": mapping.day_text(start),
            "rangeEnd": mapping.day_text(end),
            "expand": "false",
        }
        return Call(_MODULE, "all", params)

    def heads(self, answer: Answer) -> list[Head]:
        """See the protocol."""
        return [mapping.head(raw) for raw in _listed(answer.data)]

    def events(self, folder: str, ids: Sequence[str]) -> dict[str, Event | Exception]:
        """See the protocol; one call."""
        found: dict[str, Event | Exception] = {}
        for raw in self._list(folder, ids, mapping.FIELDS):
            try:
                found[str(raw["id"])] = mapping.event(raw, self._user.user_id)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                found[str(raw["id"])] = ItemUnreadable(f"appointment {raw['id']}: {error}")
        return found

    def modified(self, folder: str, ids: Sequence[str]) -> dict[str, int]:
        """See the protocol."""
        return {str(raw["id"]): mapping.modified(raw) for raw in self._list(folder, ids, _STATE)}

    def resolve(self, uid: str) -> str:
        """See the protocol."""
        try:
            data = self._client.get(_MODULE, "resolve", {"id": uid, "fields": _FEW}, Scope.READ).data
        except ItemError:
            return ""
        found = _listed(data if isinstance(data, list) else [data])
        return str(found[0]["id"]) if found else ""

    def probes(self, folder: str) -> list[Call]:
        """What changed lately."""
        params = {"folder": _folder(folder), "fields": _FEW, "expand": "false"}
        return [
            Call(_MODULE, call.action, {**params, "timestamp": call.params["timestamp"]})
            for call in self._objects.probes(folder)
        ]

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """A hash of the ids and times of what changed."""
        data = answers[0].fields
        rows = [
            f"{kind}.{each['id']}.{mapping.modified(each)}.{each.get('recurrenceId', '')}"
            for kind in ("newAndModified", "deleted")
            for each in _listed(data.get(kind))
        ]
        return blake2b("|".join(sorted(rows)).encode(), digest_size=12).hexdigest()

    def agrees(self, probed: Sequence[Answer], listed: Answer) -> bool:
        """By what changed lately. An occurrence that is gone goes by the id of its series, which has changed then."""
        data = probed[0].fields
        changed = {str(each["id"]): mapping.modified(each) for each in _listed(data.get("newAndModified"))}
        gone = {str(each["id"]) for each in _listed(data.get("deleted")) if not each.get("recurrenceId")}
        heads = {str(each["id"]): mapping.modified(each) for each in _listed(listed.data)}
        return same_changes(changed, gone, heads, self._objects.since())

    def _list(self, folder: str, ids: Sequence[str], fields: Sequence[str]) -> list[Mapping[str, Any]]:
        body = [{"folder": _folder(folder), "id": item} for item in ids]
        params = {"fields": ",".join(fields)}
        answer = self._client.put(_MODULE, "list", body, params, Scope.READ, repeatable=True)
        return _listed(answer.data)

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Stored:
        """See the protocol."""
        zone = self._own_zone(fields)
        body = mapping.body_of(fields, {}, fields["start"]) | mapping.times_of({}, fields, zone)
        if fields.get("recurrence") is not None:
            body["rrule"] = mapping.rule_text({}, {**fields, "time_zone": fields.get("time_zone") or zone})
        if fields.get("attendees"):
            body |= mapping.attendees_of(fields["attendees"], {}, self._user.user_id, self._user.mail)
        body = {name: value for name, value in body.items() if value is not None} | {"uid": uid}
        params = {"folder": _folder(folder), **_AS_THE_WEB}
        return self._store("new", body, params, lambda draft: draft)

    def change(self, folder: str, event: Event, fields: Mapping[str, Any], force: bool) -> Stored:
        """See the protocol."""
        body = mapping.changes(event, fields, self._user.user_id, self._user.mail)
        if not body:
            return Stored(event.id, event.modified, wrote=False)
        times = bool(body.keys() & {"startDate", "rrule"})
        return replace(self._update(folder, event, body, {}, force), times=times)

    def change_occurrence(
        self, folder: str, master: Event, original: datetime, fields: Mapping[str, Any]
    ) -> Stored:
        """See the protocol. Alarms of the series go over to the exception."""
        made = replace(master, fields=by_rule(master, original), repeats=False)
        body = mapping.changes(made, fields, self._user.user_id, self._user.mail)
        if not body:
            return Stored(master.id, master.modified, wrote=False)
        return self._update(folder, master, body, self._named(master, original))

    def delete(self, folder: str, item_id: str, modified: int | None) -> None:
        """See the protocol."""
        self._delete(folder, {"id": item_id}, modified)

    def delete_occurrence(self, folder: str, master: Event, original: datetime) -> None:
        """See the protocol."""
        self._delete(folder, {"id": master.id, **self._named(master, original)}, master.modified)

    def move(self, folder: str, item_id: str, target: str) -> None:
        """See the protocol."""
        params = {"folder": _folder(folder), "id": item_id, "targetFolder": _folder(target)}
        self._client.put(_MODULE, "move", {}, {**params, "timestamp": FORCE, **_AS_THE_WEB})

    def confirm(
        self, folder: str, event: Event, reply: Reply, comment: str, original: datetime | None
    ) -> None:
        """See the protocol."""
        params = {"folder": _folder(folder), "id": event.id, "timestamp": FORCE, **_AS_THE_WEB}
        if original is not None:
            params |= self._named(event, original)
        attendee: dict[str, Any] = {"entity": self._user.user_id, "partStat": mapping.REPLIES[reply]}
        if comment:
            attendee["comment"] = values.clean(comment)
        self._client.put(_MODULE, "updateAttendee", {"attendee": attendee}, params)

    def answer(self, mail_folder: str, mail: str, part: str, reply: Reply, comment: str) -> str:
        """See the protocol."""
        return itip.answer(self._client, _MODULE, (mail_folder, mail, part), reply, comment)

    def attach(self, folder: str, event: Event, files: Sequence[Upload]) -> None:
        """See the protocol; one call each, which names all files that stay."""
        kept = list(_kept(event, ()))
        for file in files:
            part = (values.clean(file.name) or "file", file.data, file.content_type)
            new = {"filename": part[0], "fmtType": part[2], "uri": "cid:file_0"}
            body = {"event": {"id": event.id, "attachments": [*kept, new]}}
            params = {
                "folder": _folder(folder),
                "id": event.id,
                "timestamp": FORCE,
                "checkConflicts": "false",
            }
            answer = self._client.upload(_MODULE, "update", body, part, params, number="_0")
            kept = [
                {"managedId": each["managedId"]}
                for raw in _results(answer.data, "updated")
                for each in _entries(raw.get("attachments"))
            ]

    def detach(self, folder: str, event: Event, ids: Sequence[str]) -> None:
        """See the protocol."""
        body = {"attachments": list(_kept(event, ids)) or None}
        self._update(folder, event, body, {}, force=True)

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """See the protocol."""
        params = {"action": "getAttachment", "folder": _folder(folder)}
        params |= {"id": item_id, "managedId": attachment_id}
        return self._client.fetch(_MODULE, params, self._settings.message_bytes)

    def _own_zone(self, fields: Mapping[str, Any]) -> str:
        """Where an appointment lives whose device does not say: where the user does. One call a request, if any."""
        if time_zone.find(fields.get("time_zone")) is not None or fields.get("all_day"):
            return "UTC"
        if not self._zone:
            found = leaf(self._client, "timezone")
            self._zone = found if time_zone.find(found) is not None else "UTC"
        return self._zone

    def _named(self, master: Event, original: datetime) -> dict[str, str]:
        return {"recurrenceId": mapping.occurrence_text(original, bool(master.fields["all_day"]))}

    def _update(
        self,
        folder: str,
        event: Event,
        body: Mapping[str, Any],
        named: Mapping[str, str],
        force: bool = False,
    ) -> Stored:
        params = {"folder": _folder(folder), "id": event.id, **_AS_THE_WEB, **named}
        params["timestamp"] = FORCE if force else str(event.modified)
        stored = self._store("update", body, params, lambda draft: {"event": draft})
        return stored if stored.id else replace(stored, id=event.id)

    def _store(
        self,
        action: str,
        body: Mapping[str, Any],
        params: Mapping[str, Any],
        wrap: Callable[[Mapping[str, Any]], Any],
    ) -> Stored:
        answer, altered = mending.stored(
            lambda draft: self._client.put(_MODULE, action, wrap(draft), params), body, {}
        )
        created = _results(answer.data, "created")
        found = created or _results(answer.data, "updated")
        mine = [each for each in found if created or str(each["id"]) == params.get("id")]
        if action == "new" and not mine:
            raise SourceUnavailable("OX stores an appointment without telling its id", in_doubt=True)
        if not mine:
            return Stored("", answer.timestamp or 0, altered=altered)
        return Stored(str(mine[0]["id"]), mapping.modified(mine[0]), altered=altered)

    def _delete(self, folder: str, named: Mapping[str, str], modified: int | None) -> None:
        body = {"events": [{"folder": _folder(folder), **named}]}
        params = {"timestamp": FORCE if modified is None else modified, "fields": _FEW}
        answer = self._client.put(_MODULE, "delete", body, params)
        for each in answer.data if isinstance(answer.data, list) else ():
            error = each.get("error") if isinstance(each, dict) else None
            if error:
                raise _failure(each if isinstance(error, str) else error)


def _failure(envelope: Mapping[str, Any]) -> Exception:
    refusal = refusal_of(envelope) or Refusal("", "ERROR", "an appointment is not deleted")
    return translate(refusal, Scope.WRITE)


def _folder(folder: str) -> str:
    return folder if "://" in folder else f"{_PREFIX}{folder}"


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in _entries(value) if each.get("id")]


def _results(data: Any, kind: str) -> list[Mapping[str, Any]]:
    """What a write made of events."""
    return _listed(data.get(kind)) if isinstance(data, dict) else []


def _kept(event: Event, without: Sequence[str]) -> list[dict[str, Any]]:
    """The files of an event, as a write names those that stay."""
    return [
        {"managedId": each["managedId"]}
        for each in _entries(event.raw.get("attachments"))
        if each.get("managedId") and str(each["managedId"]) not in without
    ]
