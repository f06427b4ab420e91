"""Changes of appointments by a user, by the rules of scheduling.

Whoever owns the calendar an appointment is made in organizes it and has accepted. A change of its times asks everybody
else anew and counts the sequence up. A change of one occurrence makes an exception, an appointment of its own; the
series changes with it. Deleting by the organizer deletes for all; deleting by somebody else only declines.

A planner works within one transaction and for one user. What others should be told is gathered in ``notices``, to be
sent when the transaction is over.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import sqlalchemy as sa

from lab.ox.calendar import attendees, recurrence, store
from lab.ox.calendar.attendees import Guests
from lab.ox.calendar.event import ACCEPTED, DECLINED, NONE, PRIVATE, Event, Member
from lab.ox.calendar.faults import calendar_fault, changed
from lab.ox.calendar.folder_view import FolderView
from lab.ox.calendar.recurrence import Series, zone_of
from lab.ox.errors import OXError, fault
from lab.ox.generation import Generation
from lab.ox.storage import attachments, folders, rights, users
from lab.ox.storage.attachments import APPOINTMENT
from lab.ox.storage.users import User

REQUEST, CANCEL, REPLY = "REQUEST", "CANCEL", "REPLY"
# A change of these asks everybody anew.
_TIMES = ("start_date", "end_date", "full_time", "rrule", "timezone")
_OF_SERIES = ("rrule", "deleted")


class _Same:
    """Stands for what is not to change."""


SAME: Final = _Same()


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become of an appointment. ``fields``: by name, ``None`` to unset. ``guests``: everybody who is to take
    part, ``None`` for no change. ``alarms``: the calendar user's own. ``folder``: where it is to move."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    guests: Guests | None = None
    alarms: Sequence[Mapping[str, Any]] | _Same = SAME
    folder: FolderView | None = None

    @property
    def is_personal(self) -> bool:
        """Whether it concerns nobody but the calendar user, unless it moves to somebody else."""
        return not self.fields and self.guests is None


@dataclass(frozen=True, slots=True)
class Notice:
    """What others are to be told. ``actor``: the calendar user by whom it happened. ``users`` and ``externals``: to
    whom. ``exceptions``: of a series, those it has."""

    method: str
    event: Event
    actor: int
    users: tuple[int, ...] = ()
    externals: tuple[str, ...] = ()
    exceptions: tuple[Event, ...] = ()


class Planner:
    """Changes appointments for a user. ``created``, ``updated`` and ``deleted`` tell what came of it.
    ``for_organizer``: who organizes an appointment, somebody outside, has said so by mail."""

    def __init__(
        self, connection: sa.Connection, user: User, generation: Generation, for_organizer: bool = False
    ) -> None:
        self.for_organizer = for_organizer
        self.connection = connection
        self.user = user
        self.generation = generation
        self.created: list[Event] = []
        self.updated: list[Event] = []
        self.deleted: list[Event] = []
        self.notices: list[Notice] = []
        self.stamp = 0

    def create(self, view: FolderView, wish: Wish, uid: str = "") -> Event:
        """A new appointment."""
        if rights.field(view.folder.own_rights, "folder") < rights.CREATE:
            raise self._fault("create", view.folder.id)
        fields = {name: value for name, value in wish.fields.items() if value is not None}
        if uid and store.by_uid(self.connection, self._cid, uid):
            raise self._fault("uid", uid)
        fields = self._checked(view, fields)
        guests = self._with_owner(view, wish.guests or Guests())
        fields |= self._guest_fields(guests, {})
        members = attendees.members_of(self.connection, self._cid, guests, (), view.is_public)
        owner = view.calendar_user
        fields["organizer"] = self._organizer(fields.get("organizer"), owner)
        fields.setdefault("sequence", 0)
        own = ACCEPTED if fields["organizer"].get("entity") == owner else NONE
        members = [
            replace(
                each,
                folder=each.folder if view.is_public else view.folder.id,
                reply=guests.replies.get(owner, own),
                alarms=self._alarms(wish, each),
            )
            if each.user == owner
            else each
            for each in members
        ]
        self._check_private(view, fields, members)
        event = store.insert(
            self.connection,
            self._cid,
            self.user.id,
            view.folder.id,
            uid or str(uuid.uuid4()),
            fields,
            members,
        )
        self._done(self.created, event)
        self._tell(REQUEST, event, owner)
        return event

    def change(self, view: FolderView, event: Event, wish: Wish, since: int | None = None) -> Event:
        """Change an appointment, a whole series or an exception. ``since``: its change stamp as the client knows it."""
        self._must_write(view, event, wish)
        self.check_stamp(event, since)
        if event.is_exception and wish.fields.get("rrule"):
            raise self._fault("series from exception", event.id)
        fields = _merged(event.fields, wish.fields)
        fields = self._checked(view, fields)
        moved = any(fields.get(name) != event.fields.get(name) for name in _TIMES)
        after = replace(event, fields=fields)
        if wish.guests is not None:
            after = self._with_guests(view, after, wish.guests)
        if wish.alarms is not SAME:
            after = _with_member(
                after, view.calendar_user, lambda each: replace(each, alarms=self._alarms(wish, each))
            )
        if moved and not self.for_organizer:
            after = _asked_anew(after, view.calendar_user)
        if wish.folder is not None and wish.folder.folder.id != view.folder.id:
            after = self._moved(view, wish.folder, after)
        self._check_private(wish.folder or view, after.fields, after.members)
        if event.is_series and moved:
            after = self._with_kept_exceptions(event, after)
        saved = store.save(self.connection, self._cid, self.user.id, event, after)
        self._done(self.updated, saved)
        self._tell_of_change(view, event, saved, wish)
        return saved

    def change_occurrence(
        self, view: FolderView, series: Event, original: int, wish: Wish, since: int | None = None
    ) -> Event:
        """Change one occurrence of a series, which makes it an exception unless it is one. ``original``: when the
        series lets it begin."""
        existing = self.exception(series, original)
        if existing is not None:
            return self.change(
                view, existing, wish, None if since is None else max(since, existing.last_modified)
            )
        self._must_write(view, series, wish)
        self.check_stamp(series, since)
        if wish.fields.get("rrule"):
            raise self._fault("series from exception", series.id)
        if wish.folder is not None and wish.folder.folder.id != view.folder.id:
            raise self._fault("move occurrence")
        template = self.occurrence(series, original)
        fields = self._checked(view, _merged(template.fields, wish.fields))
        after = replace(template, fields=fields)
        if wish.guests is not None:
            after = self._with_guests(view, after, wish.guests)
        if wish.alarms is not SAME:
            after = _with_member(
                after, view.calendar_user, lambda each: replace(each, alarms=self._alarms(wish, each))
            )
        moved = any(fields.get(name) != template.fields.get(name) for name in _TIMES)
        if moved and not self.for_organizer:
            after = _asked_anew(after, view.calendar_user)
        made = self._insert_exception(series, after)
        self._tell_of_change(view, template, made, wish)
        return made

    def delete(self, view: FolderView, event: Event, since: int | None = None) -> None:
        """Delete an appointment, a series with its exceptions, or an exception; for somebody who does not organize
        it, decline and lose sight of it."""
        self._must_delete(view, event)
        self.check_stamp(event, since)
        if not self.organizes(view, event):
            self._withdraw(view, event)
            return
        if event.is_exception:
            series = store.load(self.connection, self._cid, event.series or 0)
            if series is not None:
                self._delete_exception(view, series, event)
                return
        exceptions = self.exceptions(event)
        self._tell(CANCEL, event, view.calendar_user)
        for each in (*exceptions, event):
            self.stamp = store.remove(self.connection, self._cid, each)
            self.deleted.append(each)

    def delete_occurrence(
        self, view: FolderView, series: Event, original: int, since: int | None = None
    ) -> None:
        """Delete one occurrence of a series, whether changed or not. With the last one the series goes."""
        existing = self.exception(series, original)
        if existing is not None:
            self.delete(view, existing, None if since is None else max(since, existing.last_modified))
            return
        self._must_delete(view, series)
        self.check_stamp(series, since)
        template = self.occurrence(series, original)
        if not self.organizes(view, series):
            made = self._insert_exception(series, template)
            self._withdraw(view, made)
            return
        self._drop_occurrence(view, series, original, template)

    def move(self, view: FolderView, event: Event, target: FolderView, since: int | None = None) -> Event:
        """Move a single appointment to another calendar."""
        return self.change(view, event, Wish(folder=target), since)

    def change_future(
        self, view: FolderView, series: Event, original: int, wish: Wish, since: int | None = None
    ) -> Event:
        """Change a series from one occurrence on: the series ends before it, and another begins with it, which takes
        the later exceptions over."""
        if original == series.start:
            return self.change(view, series, wish, since)
        self._must_write(view, series, wish)
        self.check_stamp(series, since)
        start = self.occurrence(series, original)
        position = Series.of(series).position(original) or 1
        rule = recurrence.parsed(series.fields["rrule"])
        if "COUNT" in rule:
            rule["COUNT"] = str(int(rule["COUNT"]) - position + 1)
        later = [each for each in series.fields.get("deleted") or () if each >= original]
        fields = {**start.fields, "rrule": recurrence.unparsed(rule), "deleted": later}
        del fields["original"]
        fields = self._checked(view, _merged(fields, wish.fields))
        uid = str(uuid.uuid4())
        made = store.insert(
            self.connection, self._cid, self.user.id, series.folder, uid, fields, series.members
        )
        for each in self.exceptions(series):
            if each.fields["original"] >= original:
                moved = replace(each, series=made.id, uid=uid)
                self._done(self.updated, store.save(self.connection, self._cid, self.user.id, each, moved))
        if wish.guests is not None or wish.alarms is not SAME:
            made = self.change(view, made, Wish(guests=wish.guests, alarms=wish.alarms))
        self._end_before(series, original)
        self._done(self.created, made)
        self._tell(REQUEST, made, view.calendar_user)
        return made

    def delete_future(self, view: FolderView, series: Event, original: int, since: int | None = None) -> None:
        """End a series before one of its occurrences."""
        if original == series.start or not self.organizes(view, series):
            self.delete(view, series, since)
            return
        self._must_delete(view, series)
        self.check_stamp(series, since)
        for each in self.exceptions(series):
            if each.fields["original"] >= original:
                self.stamp = store.remove(self.connection, self._cid, each)
                self.deleted.append(each)
        self._tell(REQUEST, self._end_before(series, original), view.calendar_user)

    def _end_before(self, series: Event, original: int) -> Event:
        rule = recurrence.parsed(series.fields["rrule"])
        rule.pop("COUNT", None)
        rule["UNTIL"] = recurrence.moment_text(original - 1000, series.fields)
        earlier = [each for each in series.fields.get("deleted") or () if each < original]
        self._touch(series, rrule=recurrence.unparsed(rule), deleted=earlier)
        return self.updated[-1]

    def confirm(
        self,
        view: FolderView,
        event: Event,
        user_id: int,
        reply: int,
        message: str | None,
        original: int | None = None,
        alarms: Sequence[Mapping[str, Any]] | _Same = SAME,
    ) -> Event:
        """Store a user's answer, to one occurrence with ``original``; whoever organizes it is told."""
        if original is not None:
            existing = self.exception(event, original)
            event = existing or self.except_one(event, original)
        member = event.member(user_id)
        if member is None:
            raise self._fault("no attendee", user_id)
        # Whoever answers sees the appointment, even after having deleted it.
        kept = member.message if message is None else message
        answered = replace(member, reply=reply, message=kept, hidden=False)
        if not isinstance(alarms, _Same):
            answered = replace(answered, alarms=tuple(alarms))
        after = _with_member(event, user_id, lambda _: answered)
        saved = store.save(self.connection, self._cid, self.user.id, event, after)
        self._done(self.updated, saved)
        if (answered.reply, answered.message) != (member.reply, member.message):
            self._reply(saved, user_id)
        return saved

    def confirm_external(self, event: Event, mail: str, reply: int, message: str) -> Event:
        """Store the answer of somebody outside."""
        found = [dict(each) for each in event.fields.get("externals") or ()]
        mine = next((each for each in found if each["mail"].lower() == mail.lower()), None)
        if mine is None:
            raise self._fault("no attendee", mail)
        mine |= {"reply": reply, "message": message}
        after = replace(event, fields={**event.fields, "externals": found})
        saved = store.save(self.connection, self._cid, self.user.id, event, after)
        self._done(self.updated, saved)
        return saved

    def note_answer(self, event: Event, mail: str, reply: int, message: str) -> Event:
        """Store an answer that came by mail from somebody outside, or from a user."""
        user_id = attendees.user_of_mail(self.connection, self._cid, mail)
        if user_id is None:
            return self.confirm_external(event, mail, reply, message)
        member = event.member(user_id)
        if member is None:
            raise self._fault("no attendee", mail)
        after = _with_member(event, user_id, lambda each: replace(each, reply=reply, message=message))
        saved = store.save(self.connection, self._cid, self.user.id, event, after)
        self._done(self.updated, saved)
        return saved

    def join(self, event: Event, user_id: int, folder: int) -> Event:
        """Let a user take part in what others of the context have been invited to."""
        after = replace(event, members=(*event.members, Member(user_id, folder)))
        saved = store.save(self.connection, self._cid, self.user.id, event, after)
        self._done(self.updated, saved)
        return saved

    def except_one(self, series: Event, original: int) -> Event:
        """Make an exception of one occurrence as it is."""
        return self._insert_exception(series, self.occurrence(series, original))

    def organizes(self, view: FolderView, event: Event) -> bool:
        """Whether who looks at the folder may decide about the appointment for all."""
        if view.is_public or self.for_organizer:
            return True
        organizer = event.fields.get("organizer") or {}
        if organizer.get("entity"):
            return bool(organizer["entity"] == view.calendar_user)
        return not organizer.get("mail") or event.member(view.calendar_user) is None

    def exceptions(self, series: Event) -> list[Event]:
        """The changed occurrences of a series."""
        if not series.is_series:
            return []
        return store.exceptions(self.connection, self._cid, [series.id]).get(series.id, [])

    def exception(self, series: Event, original: int) -> Event | None:
        """The changed occurrence that would begin then."""
        return next((each for each in self.exceptions(series) if each.fields["original"] == original), None)

    def occurrence(self, series: Event, original: int) -> Event:
        """One occurrence as the series makes it. Raises when there is none."""
        if original in (series.fields.get("deleted") or ()) or Series.of(series).position(original) is None:
            raise self._fault("no occurrence", original)
        return as_occurrence(series, original)

    def check_stamp(self, event: Event, since: int | None) -> None:
        """Refuse to change what has changed since the client saw it."""
        if since is not None and event.last_modified > since:
            raise changed(self.generation, event.id)

    # What is checked

    @property
    def _cid(self) -> int:
        return self.user.cid

    def _fault(self, what: str, *params: Any) -> OXError:
        return calendar_fault(self.generation, what, *params)

    def _must_write(self, view: FolderView, event: Event, wish: Wish) -> None:
        if not view.may("write", event):
            raise self._fault("write", view.folder.id)
        if wish.is_personal or self.organizes(view, event):
            return
        organizer = event.fields.get("organizer") or {}
        if self.generation.number >= 8 or not organizer.get("entity"):
            raise self._fault("organizer", view.folder.id)

    def _must_delete(self, view: FolderView, event: Event) -> None:
        if not view.may("delete", event):
            raise self._fault("delete", view.folder.id)

    def _checked(self, view: FolderView, fields: dict[str, Any]) -> dict[str, Any]:
        if fields.get("start_date") is None:
            raise self._fault("start")
        if fields.get("end_date") is None:
            raise self._fault("end")
        if not fields.get("title") and self.generation.number < 8:
            raise self._fault("title")
        if fields["end_date"] < fields["start_date"]:
            raise self._fault("end before start")
        if fields.get("class") == PRIVATE and view.is_public:
            raise self._fault("private in public")
        fields.setdefault("timezone", self.user.timezone)
        return self._on_first_occurrence(fields) if fields.get("rrule") else fields

    def _on_first_occurrence(self, fields: dict[str, Any]) -> dict[str, Any]:
        """A series begins with its first occurrence, whatever start was given."""
        try:
            first = Series(fields["start_date"], fields["rrule"], zone_of(fields)).first()
        except (ValueError, TypeError, KeyError) as error:
            raise fault("CAL-4223", f"{fields['rrule']} ({error})") from None
        if first is None:
            raise self._fault("series end", fields["rrule"])
        shift = first - fields["start_date"]
        return {**fields, "start_date": first, "end_date": fields["end_date"] + shift}

    def _check_private(self, view: FolderView, fields: Mapping[str, Any], members: Sequence[Member]) -> None:
        if fields.get("class") != PRIVATE:
            return
        if view.is_public:
            raise self._fault("private in public")
        others = len(members) > 1 or fields.get("externals") or fields.get("resources")
        if others and self.generation.number < 8:
            raise fault("APP-0023")

    # Who takes part

    def _organizer(self, given: Mapping[str, Any] | None, owner: int) -> dict[str, Any]:
        """Who organizes a new appointment: whoever is named, else who owns the calendar."""
        mail = str((given or {}).get("mail") or "")
        entity = (given or {}).get("entity") or attendees.user_of_mail(self.connection, self._cid, mail)
        if given and mail and not entity:
            return dict(given)
        found = users.load_user(self.connection, self._cid, int(entity or owner)) or self.user
        made = attendees.as_organizer(found)
        return made if found.id == self.user.id else {**made, "sent_by": self.user.mail}

    def _with_owner(self, view: FolderView, guests: Guests) -> Guests:
        guests = attendees.without_insiders(self.connection, self._cid, guests)
        if view.is_public and (guests.users or guests.groups):
            return guests
        return replace(guests, users={view.calendar_user: "REQ-PARTICIPANT", **guests.users})

    def _guest_fields(self, guests: Guests, before: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "groups": list(guests.groups),
            "resources": list(guests.resources),
            "externals": attendees.merged_externals(before.get("externals") or (), guests.externals),
        }

    def _with_guests(self, view: FolderView, event: Event, guests: Guests) -> Event:
        guests = attendees.without_insiders(self.connection, self._cid, guests)
        public = all(member.folder is None for member in event.members) and view.is_public
        members = attendees.members_of(self.connection, self._cid, guests, event.members, public)
        owner = view.calendar_user
        if not view.is_public and owner not in {each.user for each in members}:
            raise self._fault("owner", owner)
        if owner in guests.replies:
            answered = guests.replies[owner]
            members = [replace(each, reply=answered) if each.user == owner else each for each in members]
        return replace(
            event,
            fields={**event.fields, **self._guest_fields(guests, event.fields)},
            members=tuple(members),
        )

    def _alarms(self, wish: Wish, member: Member) -> tuple[Mapping[str, Any], ...]:
        return member.alarms if isinstance(wish.alarms, _Same) else tuple(wish.alarms)

    def _moved(self, source: FolderView, target: FolderView, event: Event) -> Event:
        if event.is_series:
            raise self._fault("move series", event.id)
        if event.is_exception:
            raise self._fault("move occurrence", event.id)
        if rights.field(target.folder.own_rights, "folder") < rights.CREATE:
            raise self._fault("create", target.folder.id)
        self._must_delete(source, event)
        owner = target.calendar_user
        if not target.is_public and not source.is_public and owner == source.calendar_user:
            # Nobody else sees it elsewhere than before.
            made_here = event.folder == source.folder.id
            moved = _with_member(event, owner, lambda each: replace(each, folder=target.folder.id))
            return replace(moved, folder=target.folder.id) if made_here else moved
        if not self.organizes(source, event):
            raise self._fault("organizer", source.folder.id)
        if target.is_public:
            members = tuple(replace(each, folder=None) for each in event.members)
            return replace(event, folder=target.folder.id, members=members)
        kept = [each for each in event.members if source.is_public or each.user != source.calendar_user]
        if owner not in {each.user for each in kept}:
            kept.append(Member(owner, target.folder.id, ACCEPTED))
        members = tuple(
            replace(each, folder=target.folder.id) if each.user == owner else self._at_home(each)
            for each in kept
        )
        organizer = self._organizer(None, owner)
        return replace(
            event, folder=target.folder.id, members=members, fields={**event.fields, "organizer": organizer}
        )

    def _at_home(self, member: Member) -> Member:
        """A member who sees the appointment in the own default calendar, unless elsewhere already."""
        if member.folder is not None:
            return member
        user = users.load_user(self.connection, self._cid, member.user)
        default = folders.default_folder(self.connection, user, "calendar") if user else None
        return replace(member, folder=default)

    # Series and their exceptions

    def _insert_exception(self, series: Event, template: Event) -> Event:
        made = store.insert(
            self.connection,
            self._cid,
            self.user.id,
            series.folder,
            series.uid,
            template.fields,
            template.members,
            series.id,
        )
        if self.generation.number >= 8:
            files = (APPOINTMENT, series.id, made.id)
            attachments.copy_all(self.connection, self._cid, self.user.id, *files)
        self._done(self.created, made)
        self._touch(series)
        return made

    def _touch(self, series: Event, **fields: Any) -> None:
        after = replace(series, fields={**series.fields, **fields})
        self._done(self.updated, store.save(self.connection, self._cid, self.user.id, series, after))

    def _delete_exception(self, view: FolderView, series: Event, exception: Event) -> None:
        self.stamp = store.remove(self.connection, self._cid, exception)
        self.deleted.append(exception)
        self._drop_occurrence(view, series, exception.fields["original"], exception)

    def _drop_occurrence(self, view: FolderView, series: Event, original: int, gone: Event) -> None:
        self._tell(CANCEL, gone, view.calendar_user)
        deleted = sorted({*(series.fields.get("deleted") or ()), original})
        if self._is_over(series, deleted):
            self.stamp = store.remove(self.connection, self._cid, series)
            self.deleted.append(series)
            return
        self._touch(series, deleted=deleted)

    def _is_over(self, series: Event, deleted: Sequence[int]) -> bool:
        """Whether nothing is left of a series."""
        if self.exceptions(series):
            return False
        gone = set(deleted)
        return all(moment in gone for _, moment in Series.of(series))

    def _with_kept_exceptions(self, before: Event, after: Event) -> Event:
        """What becomes of the exceptions when the times of a series change: they follow its start, and those that
        are no longer occurrences go."""
        shift = after.start - before.start
        exceptions = self.exceptions(before)
        deleted = before.fields.get("deleted") or ()
        if not after.is_series:
            for each in exceptions:
                self.stamp = store.remove(self.connection, self._cid, each)
                self.deleted.append(each)
            return replace(after, series=None, fields={**after.fields, "deleted": None})
        if after.full_time != before.full_time:
            shift = 0
        moments = _first_of(
            Series.of(after), [*deleted, *(each.fields["original"] for each in exceptions)], shift
        )
        for each in exceptions:
            original = moments.get(each.fields["original"])
            if original is None:
                self.stamp = store.remove(self.connection, self._cid, each)
                self.deleted.append(each)
            elif original != each.fields["original"]:
                changed_one = replace(each, fields={**each.fields, "original": original})
                self._done(
                    self.updated,
                    store.save(self.connection, self._cid, self.user.id, each, changed_one),
                )
        kept = sorted({moments[each] for each in deleted if each in moments})
        return replace(after, fields={**after.fields, "deleted": kept})

    def _withdraw(self, view: FolderView, event: Event) -> None:
        """Decline for the owner of the folder, who does not see it any longer."""
        owner = view.calendar_user
        member = event.member(owner)
        if member is None:
            raise self._fault("delete", view.folder.id)
        for each in (*self.exceptions(event), event):
            if each.member(owner) is None:
                continue
            gone = _with_member(each, owner, lambda one: replace(one, hidden=True, reply=DECLINED))
            after = gone
            if self.generation.number < 8:
                after = replace(each, members=tuple(one for one in each.members if one.user != owner))
            if after.members:
                self.stamp = store.save(self.connection, self._cid, self.user.id, each, after).last_modified
            else:
                self.stamp = store.remove(self.connection, self._cid, each)
            self.deleted.append(each)
            if each.id == event.id:
                self._reply(replace(gone, last_modified=self.stamp), owner)

    # What others are told

    def _done(self, which: list[Event], event: Event) -> None:
        which[:] = [*(each for each in which if each.id != event.id), event]
        self.stamp = max(self.stamp, event.last_modified)

    def _tell(self, method: str, event: Event, actor: int) -> None:
        self.notices.append(
            Notice(
                method,
                event,
                actor,
                users=tuple(each.user for each in event.members if each.user != actor and not each.hidden),
                externals=_mails(event),
                exceptions=tuple(self.exceptions(event)),
            )
        )

    def _tell_of_change(self, view: FolderView, before: Event, after: Event, wish: Wish) -> None:
        if wish.is_personal:
            return
        actor = view.calendar_user
        self._tell(REQUEST, after, actor)
        staying = {each.user for each in after.members}
        users = tuple(each.user for each in before.members if each.user not in staying and each.user != actor)
        externals = tuple(mail for mail in _mails(before) if mail not in _mails(after))
        if users or externals:
            self.notices.append(Notice(CANCEL, before, actor, users, externals))

    def _reply(self, event: Event, user_id: int) -> None:
        organizer = event.fields.get("organizer") or {}
        if organizer.get("entity") == user_id or not organizer.get("mail"):
            return
        if organizer.get("entity"):
            self.notices.append(Notice(REPLY, event, user_id, users=(organizer["entity"],)))
        else:
            self.notices.append(Notice(REPLY, event, user_id, externals=(organizer["mail"],)))


def as_occurrence(series: Event, original: int) -> Event:
    """One occurrence as the series makes it, with the id of the series."""
    duration = series.end - series.start
    fields = {name: value for name, value in series.fields.items() if name not in _OF_SERIES}
    fields |= {"start_date": original, "end_date": original + duration, "original": original}
    return replace(series, fields=fields)


def _merged(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**before, **wanted}
    return {name: value for name, value in merged.items() if value is not None}


def _with_member(event: Event, user_id: int, change: Callable[[Member], Member]) -> Event:
    members = list(event.members)
    if event.member(user_id) is None:
        members.append(Member(user_id, None))
    return replace(event, members=tuple(change(each) if each.user == user_id else each for each in members))


def _asked_anew(event: Event, owner: int) -> Event:
    """All answers but the owner's are void."""
    externals = [{**each, "reply": NONE} for each in event.fields.get("externals") or ()]
    fields = {**event.fields, "externals": externals, "sequence": event.fields.get("sequence", 0) + 1}
    members = (each if each.user == owner else replace(each, reply=NONE) for each in event.members)
    return replace(event, fields=fields, members=tuple(members))


def _first_of(series: Series, originals: Sequence[int], shift: int) -> dict[int, int]:
    """Old beginning → new one, for the occurrences that the series still has. A shift by the clock may differ by an
    hour or two where daylight-saving time begins or ends."""
    found: dict[int, int] = {}
    if not originals:
        return found
    last = max(originals) + shift + 7_200_000
    moments = [moment for _, moment in series.between(0, last + 1, 0)] if last > 0 else []
    known = set(moments)
    for original in originals:
        for slack in (0, -3_600_000, 3_600_000):
            if original + shift + slack in known:
                found[original] = original + shift + slack
                break
    return found


def _mails(event: Event) -> tuple[str, ...]:
    return tuple(str(each["mail"]) for each in event.fields.get("externals") or ())
