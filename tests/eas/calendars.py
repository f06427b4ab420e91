"""A world with a calendar, for tests of appointments and meetings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from app.eas.versions import Version
from app.usm.content import Address, Attendee, AttendeeRole, Busy, Reply, Sensitivity
from app.usm.model import Attachment, Body, BodyKind, ContentType, Folder, FolderRole
from tests.eas.phone import Phone, World
from tests.fakes.source import STANDARD_FOLDERS, MemorySource

CALENDAR = "21"
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

MEETING: dict[str, Any] = {
    "subject": "Planning",
    "location": "Room 1, Dortmund",
    "body": Body(BodyKind.TEXT, "line one\nline two"),
    "start": START,
    "end": START + HOUR,
    "all_day": False,
    "time_zone": "Europe/Berlin",
    "uid": "4711@example.org",
    "modified": datetime(2026, 1, 5, 8, 30, tzinfo=UTC),
    "organizer": Address("berta@example.org", "Berta Böll"),
    "organized": False,
    "attendees": (
        Attendee("anton@example.org", "Anton", AttendeeRole.REQUIRED, Reply.ACCEPTED),
        Attendee("caesar@example.org", "", AttendeeRole.OPTIONAL, Reply.TENTATIVE),
        Attendee("dora@example.org", "Dora", AttendeeRole.REQUIRED, Reply.DECLINED),
        Attendee("room1@example.org", "Room 1", AttendeeRole.RESOURCE, Reply.NONE),
    ),
    "reply": Reply.ACCEPTED,
    "reminder": 15,
    "busy": Busy.AWAY,
    "sensitivity": Sensitivity.CONFIDENTIAL,
    "categories": ("one", "two"),
    "attachments": (Attachment("7", "plan.pdf", 12345, "application/pdf"),),
}
"""A meeting that somebody else organizes, with a value in every field that a single meeting has."""


def calendar_world(**settings: object) -> World:
    """A world whose user also has a calendar."""
    world = World(**settings)
    folder = Folder(CALENDAR, None, "Calendar", ContentType.CALENDAR, FolderRole.DEFAULT)
    world.source = MemorySource(folders=(*STANDARD_FOLDERS, folder))
    world.provider.sources = dict.fromkeys(world.provider.sources, world.source)
    return world


def calendar_phone(version: Version, world: World | None = None, **more: object) -> Phone:
    """A phone that has begun the calendar."""
    return (world or calendar_world()).phone(version, **more).start(CALENDAR)
