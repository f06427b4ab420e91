"""``/calendar/itip`` and ``/chronos/itip``: what to do with an invitation, answer or cancellation that came by mail.

The body names the mail's folder, its id and the part that holds ``text/calendar``. An appointment whose organizer is
outside is stored with the first answer; one of a user of the same context is there already and only the answer is
noted. Either way the organizer gets a mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from lab.ox.calendar import conflicts, ical, store
from lab.ox.calendar.attendees import Guests
from lab.ox.calendar.event import ACCEPTED, DECLINED, NONE, REQUIRED, TENTATIVE, Event, Member
from lab.ox.calendar.folder_view import FolderView
from lab.ox.calendar.ical import Component, Person, Reader
from lab.ox.calendar.planner import CANCEL, REPLY, REQUEST, Planner, Wish
from lab.ox.errors import HttpError, fault
from lab.ox.mime import parts
from lab.ox.modules import calendar_delivery
from lab.ox.modules.mail import source_of
from lab.ox.storage import folders
from lab.ox.web.call import Answer, Call, Result, number

DATA_SOURCE = "com.openexchange.mail.ical"
_CONVERSION = "com.openexchange.mail.conversion"
# What an update takes away when the message does not have it.
_OPTIONAL = ("location", "note", "class", "rrule", "deleted")
# How a module shows events of a folder.
Show = Callable[[Call, sa.Connection, FolderView, Sequence[Event]], list[dict[str, Any]]]
# action → the answer it gives
REPLIES = {
    "accept": ACCEPTED,
    "accept_and_ignore_conflicts": ACCEPTED,
    "tentative": TENTATIVE,
    "decline": DECLINED,
}
APPLIED = ("update", "delete")


class Message:
    """The message in a mail, in the light of what the user's calendar holds."""

    def __init__(self, call: Call, connection: sa.Connection, text: str) -> None:
        whole = ical.parse(text)
        if whole is None:
            raise fault("SVL-0010", "body", "the part holds no calendar")
        self._call = call
        self._connection = connection
        self._reader = Reader(whole, text, call.user.timezone)
        self.method = self._reader.method
        default = folders.default_folder(connection, call.user, "calendar")
        folder = folders.load(connection, call.user, default or 0)
        if folder is None or not self._reader.events:
            raise fault("SVL-0010", "body", "no event, or no calendar to put it into")
        self.view = FolderView(folder, call.user)
        self.planner = Planner(connection, call.user, call.generation, for_organizer=True)

    @property
    def components(self) -> list[Component]:
        """The events, those that are no exceptions first."""
        return sorted(self._reader.events, key=lambda each: each.first("RECURRENCE-ID") is not None)

    @property
    def uid(self) -> str:
        """The UID of the events."""
        return self.components[0].text("UID")

    def fields(self, component: Component) -> dict[str, Any]:
        """An event's fields as they are stored."""
        try:
            found = self._reader.fields(component)
        except (ValueError, OverflowError) as error:
            raise fault("SVL-0010", "body", error) from None
        organizer, _ = ical.people_of(component)
        if organizer is not None and organizer.mail:
            found["organizer"] = {
                name: value for name, value in (("mail", organizer.mail), ("name", organizer.name)) if value
            }
        return found

    def guests(self, component: Component) -> Guests:
        """Who takes part."""
        externals = [
            {"mail": each.mail, "name": each.name, "reply": each.reply, "role": each.role, "kind": each.kind}
            for each in ical.people_of(component)[1]
        ]
        return Guests(users={self._call.user.id: REQUIRED}, externals=tuple(externals))

    def stored(self) -> Event | None:
        """The appointment or series of the UID if the user takes part in it."""
        for event in store.by_uid(self._connection, self._call.cid, self.uid):
            if not event.is_exception and event.member(self._call.user.id):
                return event
        return None

    def place(self, event: Event) -> FolderView:
        """The user's view of the folder that shows the user's part of an event."""
        member = event.member(self._call.user.id)
        folder_id = member.folder if member and member.folder is not None else event.folder
        folder = folders.load(self._connection, self._call.user, folder_id)
        return FolderView(folder, self._call.user) if folder else self.view

    def is_outside(self, event: Event) -> bool:
        """Whether the organizer is none of the context's users."""
        return not (event.fields.get("organizer") or {}).get("entity")

    def store_request(self) -> Event:
        """Store what the request says, as far as it is new; returns what it is about."""
        event = self.stored()
        for component in self.components:
            fields = self.fields(component)
            original = fields.pop("original", None)
            if event is None:
                event = self._created(component, fields, original)
            elif self.is_outside(event):
                event = self._updated(event, component, fields, original)
        assert event is not None
        # Nobody is told of what everybody has been told already.
        self.planner.notices.clear()
        return event

    def _created(self, component: Component, fields: Mapping[str, Any], original: int | None) -> Event:
        # An invitation to one occurrence of an unknown series is an appointment of its own.
        wish = Wish(fields=fields, guests=self.guests(component))
        known = store.by_uid(self._connection, self._call.cid, self.uid)
        if not known or original is not None:
            return self.planner.create(self.view, wish, "" if known else self.uid)
        # A colleague has it already: the user joins.
        return self.planner.join(known[0], self._call.user.id, self.view.folder.id)

    def _updated(
        self, event: Event, component: Component, fields: dict[str, Any], original: int | None
    ) -> Event:
        target = event
        if original is not None and event.is_series:
            target = self.planner.exception(event, original) or event
        if fields.get("sequence", 0) < target.fields.get("sequence", 0):
            return event
        fields.pop("organizer", None)
        wanted = {**dict.fromkeys(_OPTIONAL), **fields}
        place = self.place(event)
        if original is not None and event.is_series:
            for name in ("rrule", "deleted"):
                wanted.pop(name)
            self.planner.change_occurrence(place, event, original, Wish(fields=wanted))
            return store.load(self._connection, self._call.cid, event.id) or event
        if all(target.fields.get(name) == value for name, value in wanted.items()):
            return event
        return self.planner.change(place, event, Wish(fields=wanted))

    def original(self, event: Event) -> int | None:
        """The occurrence that the message is about when it is about only one."""
        component = self.components[0]
        if not event.is_series or component.first("RECURRENCE-ID") is None:
            return None
        return self.fields(component).get("original")


def action(show: Show, noun: str, name: str) -> Callable[[Call], Result]:
    """The handler of an action, for a module that shows events in its way and calls them ``noun``."""

    def handle(call: Call) -> Result:
        if call.params.get("dataSource") != DATA_SOURCE:
            raise fault("SVL-0010", "dataSource", call.params.get("dataSource"))
        text = _text(call)
        if name == "analyze":
            with call.read() as connection:
                return Answer([_analysis(call, connection, text, show, noun)])
        with call.write() as connection:
            message = Message(call, connection, text)
            events = _applied(call, message, name)
            shown = show(call, connection, message.view if not events else message.place(events[0]), events)
            planner = message.planner
        calendar_delivery.send(call, planner.notices, internal=True, comment=call.params.get("message", ""))
        return Answer(shown, planner.stamp)

    return handle


def _applied(call: Call, message: Message, name: str) -> list[Event]:
    if name in REPLIES:
        if message.method not in (REQUEST, "PUBLISH", "ADD"):
            raise fault("SVL-0010", "body", f"{name} of {message.method}")
        event = message.store_request()
        original = message.original(event)
        comment = call.params.get("message")
        answered = message.planner.confirm(
            message.place(event), event, call.user.id, REPLIES[name], comment, original
        )
        return [answered]
    if message.method == REPLY:
        return _answers_noted(message)
    if message.method == CANCEL:
        return _cancelled(message)
    return [message.store_request()]


def _answers_noted(message: Message) -> list[Event]:
    event = message.stored()
    if event is None:
        raise fault("SVL-0010", "body", "the appointment is not there")
    for component in message.components:
        target = event
        original = message.fields(component).get("original")
        if original is not None and event.is_series:
            target = message.planner.exception(event, original) or message.planner.except_one(event, original)
        for person in ical.people_of(component)[1]:
            target = message.planner.note_answer(target, person.mail, person.reply, component.text("COMMENT"))
        event = target
    return [event]


def _cancelled(message: Message) -> list[Event]:
    event = message.stored()
    if event is None:
        return []
    original = message.original(event)
    place = message.place(event)
    if original is not None:
        message.planner.delete_occurrence(place, event, original)
    else:
        message.planner.delete(place, event)
    message.planner.notices.clear()
    return []


def _analysis(call: Call, connection: sa.Connection, text: str, show: Show, noun: str) -> dict[str, Any]:
    message = Message(call, connection, text)
    stored = message.stored()
    component = message.components[0]
    fields = message.fields(component)
    proposed = Event(
        id=stored.id if stored else 0,
        folder=message.view.folder.id,
        uid=message.uid,
        series=None,
        created_by=call.user.id,
        modified_by=call.user.id,
        creation_date=0,
        last_modified=0,
        fields={"full_time": False, **fields, **_outsiders(ical.people_of(component)[1])},
        members=(Member(call.user.id, message.view.folder.id, NONE),),
    )
    new, current, deleted = (f"{which}{noun}" for which in ("new", "current", "deleted"))
    change: dict[str, Any] = {"type": "update" if stored else "create", "diffDescription": []}
    shown = show(call, connection, message.view, [proposed])[0]
    if message.method == CANCEL:
        change["type"] = "delete"
        if stored:
            change[deleted] = show(call, connection, message.place(stored), [stored])[0]
    else:
        change[new] = shown
        if stored:
            change[current] = show(call, connection, message.place(stored), [stored])[0]
    found = _in_the_way(call, connection, message, stored, fields)
    if found:
        change["conflicts"] = show(call, connection, message.view, found)
    return {
        "uid": message.uid,
        "actions": _actions(message, stored, bool(found)),
        "annotations": [],
        "changes": [change],
    }


def _actions(message: Message, stored: Event | None, has_conflicts: bool) -> list[str]:
    sequence = message.fields(message.components[0]).get("sequence", 0)
    if stored and sequence < stored.fields.get("sequence", 0) and message.method != REPLY:
        return ["ignore"]
    if message.method == REPLY:
        return ["update"] if stored else ["ignore"]
    if message.method == CANCEL:
        return ["delete"] if stored else ["ignore"]
    accept = "accept_and_ignore_conflicts" if has_conflicts else "accept"
    return [accept, "tentative", "decline"]


def _in_the_way(
    call: Call, connection: sa.Connection, message: Message, stored: Event | None, fields: Mapping[str, Any]
) -> list[Event]:
    if message.method not in (REQUEST, "PUBLISH", "ADD"):
        return []
    ignored = [stored.id] if stored else []
    found = conflicts.find(connection, call.cid, fields, [call.user.id], call.user.timezone, ignored)
    return [conflict.event for conflict in found if conflict.users]


def _outsiders(people: Sequence[Person]) -> dict[str, Any]:
    return {"externals": [{"mail": each.mail, "name": each.name, "reply": each.reply} for each in people]}


def _text(call: Call) -> str:
    """The text of the calendar part that the body names."""
    body = call.json_object()
    folder = body.get(f"{_CONVERSION}.fullname")
    uid = number(body.get(f"{_CONVERSION}.mailid"), f"{_CONVERSION}.mailid")
    wanted = str(body.get(f"{_CONVERSION}.sequenceid") or "")
    if not folder:
        raise fault("SVL-0002", f"{_CONVERSION}.fullname")
    leaf = parts.find(parts.parse(source_of(call, str(folder), uid)), wanted)
    if leaf is None:
        raise fault("MSG-0034", wanted, uid)
    return leaf.text


def below(
    own: Mapping[str, Callable[[Call], Result]], show: Show, noun: str
) -> dict[str, Callable[[Call], Result]]:
    """The actions of a module with those of ``itip`` below it: the path of a call says which one is meant."""
    itip = {name: action(show, noun, name) for name in ("analyze", *REPLIES, *APPLIED)}

    def chosen(name: str) -> Callable[[Call], Result]:
        def handle(call: Call) -> Result:
            path = [part for part in call.path if part]
            if path == ["itip"] and name in itip:
                return itip[name](call)
            if path or name not in own:
                raise HttpError(404, "Unknown module")
            return own[name](call)

        return handle

    return {name: chosen(name) for name in {**own, **itip}}
