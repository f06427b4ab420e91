"""The appointments of one user, series with their exceptions as one item each (``facts``: HTTP API sections 6 and 7).

Rules
* An item is a single appointment, or a series with all its exceptions; its id is the master's. An exception whose
  series the user does not see is an item of its own.
* A stamp is OX's timestamp of the item and, for a series with exceptions, a hash of theirs: it changes with any of
  them.
* OX has two modules for the same appointments. Which one there is, is asked once and remembered.
* Only what differs is written. A device of an older protocol sends everything each time, and OX counts a series whose
  times are written, be they the same, as a new one, whose exceptions and replies are void.
* An exception that a device does not mention stays; the device gets it again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final

from app.ox.access import leaf
from app.ox.calendar import mending
from app.ox.calendar.api import UID_TAKEN, Api, Stored
from app.ox.calendar.chronos import Chronos
from app.ox.calendar.invitation import Invitation, find
from app.ox.calendar.legacy import Legacy
from app.ox.client import Answer, Call, good
from app.ox.errors import Rejected, Unsupported
from app.ox.mapping.calendar_event import Event, Head, Series, by_rule, likenesses, same_attendees
from app.ox.mapping.values import earliest_inside
from app.ox.module import Context, Found, Question, in_parts
from app.usm.content import Attachment, Occurrence, Reply, Upload
from app.usm.errors import (
    ItemConflict,
    ItemError,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    SourceUnavailable,
    UsmError,
)
from app.usm.model import BodyKind, ContentType, Download, Item, Listing, Written
from app.usm.pieces import stored

_log = logging.getLogger(__name__)

_PART: Final = 100
"""So many items are read with one call."""
_FIXED: Final = frozenset({"recurrence", "exceptions", "uid", "time_zone", "sensitivity"})
"""What an occurrence cannot have of its own."""
_INHERITED: Final = ("start", "end", "all_day", "subject", "location", "busy", "reminder")
"""What an exception has of its series unless a device says otherwise; of the rest, silence says nothing."""
_HANDED_DOWN: Final = frozenset({"subject", "location", "body", "busy", "reminder", "categories"})
"""What an exception takes over when its series changes."""


class Calendar:
    """The appointments of one user."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._apis: dict[bool, Api] = {}
        self._exceptions: dict[str, dict[str, list[str]]] = {}
        """Folder → series → its exceptions."""

    # -- reading ---------------------------------------------------------------------------------------------

    def listing(self, folder: str, since: datetime | None) -> Question:
        """The latest first, series that go on before all; one call. ``since`` leaves out what ended before."""
        api = self._api()
        return Question(api.asks_heads(folder), partial(self._listing, api, folder, since))

    def _listing(self, api: Api, folder: str, since: datetime | None, answer: Answer | UsmError) -> Listing:
        groups = self._groups(self._shown(api, folder, answer))
        stamps, outside = {}, set()
        earliest = earliest_inside(since)
        timed = [(_ends(heads), item_id, heads) for item_id, heads in groups.items()]
        for ends, item_id, heads in sorted(timed, key=itemgetter(0), reverse=True):
            if ends < earliest:
                outside.add(item_id)
            elif len(heads) == 1:
                stamps[item_id] = str(heads[0].modified)
            else:
                stamps[item_id] = _stamp(item_id, {head.id: head.modified for head in heads})
        return Listing(stamps, frozenset(outside))

    def read(self, folder: str, ids: Sequence[str], bodies: Sequence[BodyKind]) -> Found:
        """One call for many items; one more when the folder was not listed before."""
        return in_parts(ids, _PART, lambda part: self._read(folder, part))

    def find_created(self, folder: str, uids: Sequence[str]) -> dict[str, Written]:
        """By their ``uid``; one call."""
        wanted = set(uids)
        heads = self._heads(folder) if wanted else []
        groups = self._groups(heads)
        return {
            head.uid: Written(head.id, _stamp(head.id, {each.id: each.modified for each in groups[head.id]}))
            for head in heads
            if head.uid in wanted and not head.is_exception
        }

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download:
        """A file of the item or one of its exceptions."""
        event_id, _, file = attachment_id.partition(".")
        if not file:
            raise ItemGone(f"appointment {item_id} has no file {attachment_id}")
        try:
            return self._api().attachment(folder, event_id, file)
        except ItemUnreadable as error:
            raise ItemGone(f"appointment {item_id}: {error}") from error

    def probes(self, folder: str) -> list[Call]:
        """What changed lately; the first time in a process one call more."""
        return self._api().probes(folder)

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """A hash of it."""
        return self._api().fingerprint(answers)

    def agrees(self, probed: Sequence[Answer], listed: Answer) -> bool:
        """By what changed lately."""
        return self._api().agrees(probed, listed)

    @property
    def is_chronos(self) -> bool:
        """Which of the two modules there is; the first time in a process one call."""
        traits = self._context.traits
        if self._context.access.legacy:
            return False
        if traits.chronos is None:
            traits.chronos = self._has_chronos()
        return traits.chronos

    def _api(self) -> Api:
        newer = self.is_chronos
        if newer not in self._apis:
            self._apis[newer] = Chronos(self._context) if newer else Legacy(self._context)
        return self._apis[newer]

    def _has_chronos(self) -> bool:
        """Ask for next to nothing. Any answer but "unknown module" shows that the module is there."""
        params = {
            "folder": "cal://0/0",
            "fields": "id",
            "rangeStart": "19700101T000000Z",
            "rangeEnd": "19700102T000000Z",
        }
        try:
            self._context.client.get("chronos", "all", params)
        except Unsupported:
            return False
        except SourceUnavailable:
            raise
        except UsmError:
            pass
        return True

    def _heads(self, folder: str) -> list[Head]:
        api = self._api()
        return self._shown(api, folder, *self._context.client.together([api.asks_heads(folder)]))

    def _shown(self, api: Api, folder: str, answer: Answer | UsmError) -> list[Head]:
        if isinstance(answer, Unsupported):
            self._context.traits.chronos = None  # another OX answers now: ask anew
        heads = api.heads(good(answer))
        known: dict[str, list[str]] = {}
        for head in heads:
            if head.is_exception:
                known.setdefault(head.series, []).append(head.id)
        self._exceptions[folder] = known
        return heads

    def _groups(self, heads: Iterable[Head]) -> dict[str, list[Head]]:
        """Item → the appointments it is made of."""
        groups: dict[str, list[Head]] = {}
        exceptions = []
        for head in heads:
            if head.is_exception:
                exceptions.append(head)
            else:
                groups[head.id] = [head]
        for head in exceptions:
            groups.setdefault(head.series if head.series in groups else head.id, []).append(head)
        return groups

    def _known(self, folder: str, item_id: str) -> list[str]:
        if folder not in self._exceptions:
            self._heads(folder)
        return self._exceptions[folder].get(item_id, [])

    def _events(self, folder: str, ids: Sequence[str]) -> dict[str, Event | Exception]:
        """These items and their exceptions. OX answers nothing at all when one of them is gone: a single item is then
        looked for among those of the folder, several are left to who asks for fewer."""
        wanted = self._with_exceptions(folder, ids)
        try:
            return self._api().events(folder, wanted)
        except ItemError:
            if len(ids) > 1:
                raise
            if ids[0] not in {head.id for head in self._heads(folder)}:
                return {}
            living = self._with_exceptions(folder, ids)
            if living == wanted:
                raise
            return self._api().events(folder, living)

    def _with_exceptions(self, folder: str, ids: Sequence[str]) -> list[str]:
        return [*ids, *(each for item_id in ids for each in self._known(folder, item_id))]

    def _read(self, folder: str, ids: Sequence[str]) -> Found:
        events = self._events(folder, ids)
        found: Found = {}
        for item_id in ids:
            event = events.get(item_id)
            if isinstance(event, Event):
                found[item_id] = self._item(folder, event, events)
            elif event is not None:
                found[item_id] = event
        return found

    def _item(self, folder: str, master: Event, events: Mapping[str, Event | Exception]) -> Item | Exception:
        series = self._series_of(folder, master, events)
        fields = series.fields()
        return Item(master.id, _stamp_of(series), ContentType.CALENDAR, fields)

    def _series_of(self, folder: str, master: Event, events: Mapping[str, Event | Exception]) -> Series:
        found = (events.get(item_id) for item_id in self._known(folder, master.id))
        return Series(master, tuple(each for each in found if isinstance(each, Event)))

    def _series(self, folder: str, item_id: str, anew: bool = False) -> Series:
        """The item as OX has it now. Raises ``ItemGone``, ``ItemUnreadable``."""
        if anew:
            self._heads(folder)
        events = self._events(folder, [item_id])
        master = events.get(item_id)
        if master is None:
            raise ItemGone(f"appointment {item_id} is gone")
        if not isinstance(master, Event):
            raise master
        series = self._series_of(folder, master, events)
        shown = {each.original for each in series.exceptions}
        if not anew and not shown.issuperset(master.changed):
            return self._series(folder, item_id, anew=True)
        return series

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Written:
        """Under the ``uid`` that the device gave it, else the one given here. Where the device's is taken by an
        appointment of this folder, that is the same one, made by a request that did not come to its end: it is
        completed. Taken elsewhere, it is left to that appointment."""
        named = {name: value for name, value in fields.items() if value is not None}
        named.setdefault("subject", mending.UNTITLED)
        own = named.pop("uid", "")
        if named.get("start") is None or named.get("end") is None:
            raise ItemRefused("an appointment needs a start and an end")
        altered = "subject" not in fields
        try:
            stored = self._api().create(folder, named, own or uid)
        except Rejected as error:
            if not own or error.refusal.code not in UID_TAKEN:
                raise
            there = {head.uid: head.id for head in self._heads(folder) if not head.is_exception}
            if own in there:
                _log.warning("appointment %s is there already and is completed", there[own])
                return self._complete(folder, there[own], named)
            stored, altered = self._api().create(folder, named, uid), True
        altered |= stored.altered
        rest = {name: named[name] for name in ("exceptions", "add_attachments") if named.get(name)}
        if not rest:
            return self._written(folder, stored, altered)
        series = self._series(folder, stored.id)
        altered |= self._with_the_rest(folder, series, rest)
        return self._current(folder, stored.id, altered)

    def update(
        self,
        folder: str,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        """Read, compare, write what differs."""
        series = self._series(folder, item_id)
        _check(series, stamp)
        if occurrence is not None:
            altered = self._change_occurrence(folder, series, occurrence, fields)
            return self._current(folder, item_id, altered)
        return self._change(folder, series, fields, force=stamp is None)

    def delete(
        self,
        folder: str,
        item_id: str,
        stamp: str | None,
        to_trash: bool,
        occurrence: datetime | None = None,
    ) -> None:
        """For good: there is no trash for appointments. OX tells those who are invited."""
        if occurrence is None and stamp is None:
            self._api().delete(folder, item_id, None)
            return
        series = self._series(folder, item_id)
        _check(series, stamp)
        if occurrence is None:
            self._api().delete(folder, item_id, series.master.modified)
        else:
            self._delete_occurrence(folder, series, occurrence)

    def move(self, folder: str, item_id: str, target: str) -> Written:
        """The item keeps its id."""
        known = self._known(folder, item_id)
        self._api().move(folder, item_id, target)
        self._exceptions.setdefault(target, {})[item_id] = known
        return self._current(target, item_id, altered=False)

    def reply(
        self, folder: str, item_id: str, reply: Reply, comment: str, occurrence: datetime | None
    ) -> str:
        """To an appointment."""
        series = self._series(folder, item_id)
        exception = series.exception(occurrence) if occurrence is not None else None
        if exception is not None:
            self._api().confirm(folder, exception, reply, comment, None)
        else:
            self._api().confirm(folder, series.master, reply, comment, occurrence)
        self._exceptions.pop(folder, None)  # the reply to an occurrence makes one
        return item_id

    def answer(self, mail_folder: str, mail: str, reply: Reply, comment: str) -> str:
        """To a message that invites."""
        invitation = find(self._context, mail_folder, mail)
        api = self._api()
        try:
            found = api.answer(mail_folder, mail, invitation.part, reply, comment)
        except Unsupported:
            return self._confirm(invitation, reply, comment)
        return found or api.resolve(invitation.uid)

    def _confirm(self, invitation: Invitation, reply: Reply, comment: str) -> str:
        """For an OX that reads no invitations out of mail: what its own users invite to is in the calendar already."""
        folder = leaf(self._context.client, "folder/calendar")
        item_id = self._api().resolve(invitation.uid) if invitation.uid else ""
        if not item_id or folder is None:
            raise ItemRefused("this OX cannot store an invitation that came by mail")
        return self.reply(str(folder), item_id, reply, comment, None)

    # -- the steps of a change -------------------------------------------------------------------------------

    def _change(self, folder: str, series: Series, fields: Mapping[str, Any], force: bool) -> Written:
        api, master = self._api(), series.master
        own = {name: value for name, value in fields.items() if name not in ("exceptions", "uid")}
        if master.repeats and "recurrence" not in master.fields and own.get("recurrence") is None:
            own.pop("recurrence", None)  # a rule that no device can be told
        altered = _without_guests_of_others(master, own)
        untitled = "subject" in own and not own["subject"]
        if untitled:
            own["subject"] = mending.UNTITLED
        stored = api.change(folder, master, own, force)
        altered |= stored.altered or untitled
        rest = {
            name: fields[name]
            for name in ("exceptions", "add_attachments", "remove_attachments")
            if fields.get(name)
        }
        had_exceptions = bool(series.exceptions or master.deleted or master.changed)
        if stored.times and had_exceptions:
            altered = True  # OX keeps some of them, and moves them along
        if rest or (stored.wrote and series.exceptions):
            before = series
            if stored.wrote:
                series = self._series(folder, master.id, anew=stored.times and had_exceptions)
            if stored.wrote and "exceptions" not in fields:
                altered |= self._hand_down(folder, before, series, own)
            altered |= self._with_the_rest(folder, series, rest)
        elif not series.exceptions and not stored.times:
            return self._written(folder, stored, altered)
        return self._current(folder, master.id, altered)

    def _hand_down(self, folder: str, before: Series, now: Series, fields: Mapping[str, Any]) -> bool:
        """What a device changes of a series, it changes of all occurrences that had it from the series; the newer
        module of OX sees to that itself. Whether any of them stays behind."""
        altered = False
        old = {each.id: each.fields for each in before.exceptions}
        for exception in now.exceptions:
            was = old.get(exception.id, {})
            inherited = {
                name: value
                for name, value in fields.items()
                if name in _HANDED_DOWN and was.get(name) == before.master.fields.get(name)
            }
            try:
                self._api().change(folder, exception, inherited, force=True)
            except ItemError as error:
                _log.warning("an occurrence of appointment %s stays as it is: %s", now.master.id, error)
                altered = True
        return altered

    def _complete(self, folder: str, item_id: str, fields: Mapping[str, Any]) -> Written:
        series = self._series(folder, item_id)
        wanted = dict(fields)
        there = {(file.name, file.size) for file in series.master.fields.get("attachments", ())}
        files: Sequence[Upload] = wanted.pop("add_attachments", ())
        missing = tuple(file for file in files if (file.name, stored(file.data).size) not in there)
        written = self._change(folder, series, {**wanted, "add_attachments": missing}, force=True)
        return Written(written.id, written.stamp, altered=True)

    def _with_the_rest(self, folder: str, series: Series, rest: Mapping[str, Any]) -> bool:
        """Exceptions and files; whether anything came out otherwise than wanted. One that OX refuses does not stop the
        others."""
        altered = False
        for occurrence in rest.get("exceptions", ()):
            try:
                altered |= self._apply(folder, series, occurrence)
            except ItemConflict:
                raise
            except ItemError as error:
                _log.warning("an occurrence of appointment %s stays as it is: %s", series.master.id, error)
                altered = True
            series = self._refreshed(folder, series)
        if "exceptions" in rest:
            mentioned = {each.original for each in rest["exceptions"]}
            there = {each.original for each in series.exceptions} | set(series.master.deleted)
            altered |= not there <= mentioned
        if rest.get("remove_attachments"):
            self._detach(folder, series, rest["remove_attachments"])
            series = self._series(folder, series.master.id)
        if rest.get("add_attachments"):
            self._api().attach(folder, series.master, rest["add_attachments"])
        return altered

    def _apply(self, folder: str, series: Series, wanted: Occurrence) -> bool:
        """Make one occurrence what a device says it is."""
        if wanted.deleted:
            self._delete_occurrence(folder, series, wanted.original)
            return False
        fields = dict(wanted.fields)
        exception = series.exception(wanted.original)
        if exception is not None:
            made = by_rule(series.master, wanted.original)
            fields = {**{name: made.get(name) for name in _INHERITED}, **fields}
        return self._change_occurrence(folder, series, wanted.original, fields)

    def _change_occurrence(
        self, folder: str, series: Series, original: datetime, fields: Mapping[str, Any]
    ) -> bool:
        """Whether it came out otherwise than wanted."""
        api, master = self._api(), series.master
        own = {name: value for name, value in fields.items() if name not in _FIXED}
        if "subject" in own and not own["subject"]:
            own["subject"] = mending.UNTITLED
        guests = _without_guests_of_others(master, own)
        fixed = guests or any(
            fields[name] != master.fields.get(name) for name in ("sensitivity",) if name in fields
        )
        exception = series.exception(original)
        if exception is not None:
            stored = api.change(folder, exception, own, force=False)
            event = exception
        else:
            if not master.repeats or original in master.deleted:
                raise ItemRefused(f"appointment {master.id} has no occurrence at {original}")
            stored = api.change_occurrence(folder, master, original, own)
            if stored.wrote:
                self._exceptions.setdefault(folder, {}).setdefault(master.id, []).append(stored.id)
            event = master
        self._files_of_occurrence(folder, event, stored, own)
        return stored.altered or fixed

    def _files_of_occurrence(
        self, folder: str, event: Event, stored: Stored, fields: Mapping[str, Any]
    ) -> None:
        """Files of an exception that there is by now."""
        added, removed = fields.get("add_attachments"), fields.get("remove_attachments")
        if not (added or removed) or (stored.id == event.id and not event.is_exception):
            return
        now = self._api().events(folder, [stored.id]).get(stored.id)
        if isinstance(now, Event):
            if removed:
                self._api().detach(folder, now, _files_of(now, event, removed))
            if added:
                self._api().attach(folder, now, added)

    def _delete_occurrence(self, folder: str, series: Series, original: datetime) -> None:
        """Nothing happens to one that is gone already."""
        master, exception = series.master, series.exception(original)
        if exception is not None:
            self._api().delete(folder, exception.id, exception.modified)
        elif original not in (*master.deleted, *master.changed):
            if not master.repeats:
                raise ItemRefused(f"appointment {master.id} is no series")
            self._api().delete_occurrence(folder, master, original)

    def _refreshed(self, folder: str, series: Series) -> Series:
        """After an occurrence was written: OX changes the timestamps of the others with it."""
        return self._series(folder, series.master.id)

    def _detach(self, folder: str, series: Series, ids: Sequence[str]) -> None:
        by_event: dict[str, list[str]] = {}
        for each in ids:
            event_id, _, file = each.partition(".")
            by_event.setdefault(event_id, []).append(file)
        for event in (series.master, *series.exceptions):
            if event.id in by_event:
                self._api().detach(folder, event, by_event[event.id])

    def _written(self, folder: str, stored: Stored, altered: bool) -> Written:
        if stored.modified:
            return Written(stored.id, _stamp(stored.id, {stored.id: stored.modified}), altered)
        return self._current(folder, stored.id, altered)

    def _current(self, folder: str, item_id: str, altered: bool) -> Written:
        """The item's stamp as it is now."""
        try:
            modified = self._api().modified(folder, self._with_exceptions(folder, [item_id]))
        except ItemError:
            # OX answers nothing at all when one of them is gone.
            group = self._groups(self._heads(folder)).get(item_id, ())
            modified = {head.id: head.modified for head in group}
        if item_id not in modified:
            raise ItemGone(f"appointment {item_id} is gone")
        return Written(item_id, _stamp(item_id, modified), altered)


def _ends(heads: Sequence[Head]) -> float:
    """When the last of them does, in milliseconds since 1970."""
    if len(heads) == 1:
        return math.inf if heads[0].ends is None else heads[0].ends
    return max(math.inf if head.ends is None else head.ends for head in heads)


def _stamp(item_id: str, modified: Mapping[str, int]) -> str:
    """``modified``: appointment → timestamp, of the item and its exceptions."""
    others = sorted(f"{each}:{moment}" for each, moment in modified.items() if each != item_id)
    if not others:
        return str(modified[item_id])
    return f"{modified[item_id]}-{blake2b('|'.join(others).encode(), digest_size=6).hexdigest()}"


def _stamp_of(series: Series) -> str:
    events = (series.master, *series.exceptions)
    return _stamp(series.master.id, {event.id: event.modified for event in events})


def _files_of(event: Event, series: Event, ids: Sequence[str]) -> list[str]:
    """The files of an exception that a device means by these ids. What it knows of the series, is by another id one
    of the exception's own."""
    own: Sequence[Attachment] = event.fields.get("attachments", ())
    meant = [file for file in series.fields.get("attachments", ()) if file.id in ids]
    alike = [file.id for file in own if likenesses([file])[0] in likenesses(meant)]
    wanted = (each.partition(".") for each in dict.fromkeys((*ids, *alike)))
    return [file for event_id, _, file in wanted if event_id == event.id]


def _without_guests_of_others(master: Event, fields: dict[str, Any]) -> bool:
    """Who comes to a meeting is its organizer's to say; some devices leave their owner out of those who do. Whether
    anything was left out of ``fields``."""
    if "attendees" not in fields or master.fields.get("organized") is not False:
        return False
    return not same_attendees(fields.pop("attendees"), master.fields.get("attendees"))


def _check(series: Series, stamp: str | None) -> None:
    if stamp is not None and stamp != _stamp_of(series):
        raise ItemConflict(f"appointment {series.master.id} was changed meanwhile")
