"""What the tests of calendars share: an empty calendar, people, moments and mails."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from typing import Any
from zoneinfo import ZoneInfo

import requests

from tests.standin.client import FAR_FUTURE, Client, Server

HOUR = 3_600_000
DAY = 24 * HOUR
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo | None = None) -> int:
    """A moment like ``2031-03-24 09:00`` in ms UTC; by a clock in Berlin unless told."""
    moment = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=zone or BERLIN)
    return int(moment.timestamp() * 1000)


def day(text: str) -> int:
    """A Date like ``2031-03-24``."""
    return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)


@contextmanager
def calendar_folder(ox: Client, title: str = "Contract calendar") -> Iterator[str]:
    """An empty calendar of the user's own, gone afterwards."""
    body = {"title": title, "module": "calendar"}
    made = ox.put("folders", "new", body, folder_id=str(ox.config("folder/calendar")), tree=0)
    assert "error" not in made, made
    yield str(made["data"])
    ox.put("folders", "delete", [str(made["data"])], timestamp=2**62, tree=0)


@contextmanager
def session(server: Server, login: str = "") -> Iterator[Client]:
    """A session of a user, of the one under test unless told."""
    client = server.client(login)
    assert client.session, client.answer
    yield client
    client.send("GET", "login", "logout")


def empty(ox: Client, folder: str) -> None:
    """Take everything out of a calendar."""
    answer = ox.put("folders", "clear", [folder], tree=0)
    assert answer["data"] == [], answer


def new(ox: Client, folder: Any, **fields: Any) -> tuple[Any, int]:
    """Make an appointment on 24 March 2031; its id and change stamp. Moments are UTC."""
    start = at("2031-03-24 09:00")
    body = {
        "folder_id": folder,
        "title": "Contract",
        "start_date": start,
        "end_date": fields.get("start_date", start) + HOUR,
        "timezone": "Europe/Berlin",
        "ignore_conflicts": True,
        **fields,
    }
    made = ox.put("calendar", "new", body, timezone="UTC")
    assert "id" in made.get("data", {}), made
    return made["data"]["id"], made["timestamp"]


def get(ox: Client, folder: Any, identity: Any, **params: Any) -> dict[str, Any]:
    """One appointment in full."""
    shown = ox.get("calendar", "get", id=identity, folder=folder, **{"timezone": "UTC", **params})
    assert "error" not in shown, shown
    return dict(shown["data"])


def update(ox: Client, folder: Any, identity: Any, body: Any, timestamp: int = FAR_FUTURE) -> Any:
    """Change an appointment; the whole answer."""
    body = {"ignore_conflicts": True, **body}
    return ox.put("calendar", "update", body, id=identity, folder=folder, timestamp=timestamp, timezone="UTC")


def delete(ox: Client, folder: Any, identity: Any, timestamp: int = FAR_FUTURE, **more: Any) -> Any:
    """Delete an appointment or one occurrence; the whole answer."""
    entry = {"id": identity, "folder": folder, **more}
    body = entry if ox.server.generation == 6 else [entry]
    return ox.put("calendar", "delete", body, timestamp=timestamp)


def updates(ox: Client, folder: Any, since: int, columns: str = "1", **params: Any) -> Any:
    """What changed in a folder; the whole answer."""
    params = {"timezone": "UTC", **params}
    return ox.get("calendar", "updates", folder=folder, columns=columns, timestamp=since, **params)


def starts(ox: Client, folder: Any, first: str, last: str, columns: str = "201") -> list[Any]:
    """The rows of everything that happens in a folder in a span of days, by start."""
    rows = ox.get(
        "calendar", "all", folder=folder, columns=columns, start=day(first), end=day(last), timezone="UTC",
        sort=201, order="asc",
    )  # fmt: skip
    assert "error" not in rows, rows
    return list(rows["data"])


def user_id(ox: Client) -> int:
    """The id of the user of a session."""
    return int(ox.config("identifier"))


def own_calendar(ox: Client) -> str:
    """The user's default calendar."""
    return str(ox.config("folder/calendar"))


def invitations(ox: Client, words: str) -> list[Message]:
    """The mails in INBOX whose subject holds some words and that have a calendar part, the newest first."""
    rows = ox.get("mail", "all", folder="default0/INBOX", columns="600,607", sort=610, order="desc")["data"]
    found = []
    for uid, subject in rows[:30]:
        if words in (subject or ""):
            raw = ox.send("GET", "mail", "get", id=uid, folder="default0/INBOX", src=1, unseen="true").json()
            found.append(message_from_bytes(raw["data"].encode("utf-8", "surrogateescape")))
    return found


def calendar_part(message: Message) -> Message:
    """The part with the calendar."""
    return next(part for part in message.walk() if part.get_content_type() == "text/calendar")


def calendar_lines(message: Message) -> list[str]:
    """The lines of the calendar in a mail, unfolded."""
    payload = calendar_part(message).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n ", "").split("\r\n")


def sent_outside(ox: Client, words: str) -> list[tuple[list[str], Message]]:
    """What has gone to addresses outside: recipients and message, of those whose subject holds some words."""
    http = requests.Session()
    http.trust_env = False
    found = []
    for entry in http.get(f"{ox.server.root}/lab/outbox", timeout=30).json():
        message = message_from_bytes(base64.b64decode(entry["message"]))
        if words in str(message["Subject"]):
            found.append((entry["recipients"], message))
    return found


def deliver(ox: Client, login: str, raw: str) -> str:
    """Put a mail into a user's INBOX; its id."""
    http = requests.Session()
    http.trust_env = False
    reply = http.post(f"{ox.server.root}/lab/deliver", params={"login": login}, data=raw.encode(), timeout=30)
    return str(reply.json()["id"])
