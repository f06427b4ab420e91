"""What each kind of request does: a net under ``bench/requests.py`` that needs no quiet machine.

Nothing here is timed. Counted are statements to the database, transactions, calls to OX, bytes
that are written, and calls of functions, in Python and below. The numbers are the same on any machine. Functions have
room for half as many again; what goes beyond that has got a good deal dearer than it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import event

from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.store import SingleDatabase, SqlStateStore, reading
from app.wbxml import Element, encode
from tests.eas.phone import Phone, World, tree
from tests.ox.canned import BASE, CannedOx, Seen, standard

INBOX = "default0/INBOX"
OTHERS = tuple(f"default0/More{number}" for number in range(4))
OWNER = 403710016
MAILS = 200
TEXT = "Zeile eines Briefes, so lang wie andere auch.\r\n" * 100


@dataclass
class Counts:
    """What one request did. ``transactions``: how many began; ``written``: bytes of the parameters of what writes."""

    statements: int = 0
    transactions: int = 0
    written: int = 0
    ox: int = 0
    functions: int = 0

    def within(self, most: Counts) -> bool:
        return all(getattr(self, name) <= getattr(most, name) for name in self.__dataclass_fields__)


BOUNDS = {
    "no-change Sync": Counts(2, 0, 0, 1, 2_250),
    "no-change Sync of 200 more mails": Counts(2, 0, 0, 1, 2_250),
    "FolderSync": Counts(2, 0, 0, 1, 1_950),
    "Ping": Counts(2, 0, 0, 1, 2_150),
    "Ping of five folders": Counts(2, 0, 0, 1, 3_450),
    "first window of 100 mails": Counts(7, 1, 2_000, 3, 100_000),
}
"""Functions are bounded with room, the rest exactly: one statement or call more is seen."""


def size(parameters: object) -> int:
    """Bytes of what goes to the database."""
    if isinstance(parameters, list | tuple):
        return sum(map(size, parameters))
    if isinstance(parameters, dict):
        return size(list(parameters.values()))
    return len(parameters) if isinstance(parameters, str | bytes | memoryview) else 8


class Mailbox:
    """An OX with an inbox and four other folders of the same messages."""

    def __init__(self, count: int) -> None:
        self.rows = [[str(number), 1_700_000_000_000 - number, 32, 0] for number in range(count)]

    def answer_to(self, ox: CannedOx) -> None:
        root = ["default0", "1", "E-Mail", "mail", 7, True, OWNER, 0, None]
        inbox = [INBOX, "default0", "INBOX", "mail", 7, False, OWNER, 7, None]

        more = [[name, "default0", name[9:], "mail", 7, False, OWNER, 0, None] for name in OTHERS]

        def visible(seen: Seen) -> Any:
            return {
                "data": {"private": [root, inbox, *more] if seen.params["content_type"] == "mail" else []}
            }

        ox.on("folders?allVisible", visible)
        ox.on("mail?all", lambda seen: {"data": self.rows})
        ox.on("mail?examine", lambda seen: {"data": self.counted()})
        ox.on("mail?get", self.message)

    def counted(self) -> dict[str, int]:
        return {"validity": 1, "next": 1000, "total": len(self.rows), "unread": 0}

    def message(self, seen: Seen) -> Any:
        part = {"id": "1", "content_type": "text/plain", "content": TEXT, "disp": "inline"}
        return {
            "data": {
                "id": seen.params["id"],
                "subject": f"Nummer {seen.params['id']}",
                "from": [["Berta Brömse", "berta@example.org"]],
                "to": [["Anton", "anton@example.org"]],
                "received_date": 1_700_000_000_000,
                "flags": 32,
                "attachments": [part],
            }
        }


class Bench:
    """A phone before the whole way of a request, from its bytes to OX and the database, both within this process."""

    def __init__(self) -> None:
        self.ox = standard()
        self.mailbox = Mailbox(MAILS)
        self.mailbox.answer_to(self.ox)
        self.databases = SingleDatabase("sqlite://")
        self.world = World()
        self.world.provider = OxSourceProvider(OxSettings(BASE), self.world.clock, self.ox)  # type: ignore[assignment]
        self.world.store = SqlStateStore(self.databases)  # type: ignore[assignment]
        self.phone: Phone = self.world.phone()

    def counted(self, command: str, request: Element) -> Counts:
        """What a request did, asked for the second time: what is made once in a process is made by then."""
        body = encode(request)
        self.phone.raw(command, body)
        counts = Counts()
        execute = reading.execute

        def read(engine: Any, connection: Any, sql: str, arguments: Any) -> Any:
            counts.statements += 1
            return execute(engine, connection, sql, arguments)

        def written(_c: object, _k: object, statement: str, parameters: object, *_: object) -> None:
            is_begin = statement.startswith("BEGIN")
            counts.transactions += is_begin
            counts.statements += not is_begin
            if statement.startswith(("INSERT", "UPDATE")):
                counts.written += size(parameters)

        def called(_frame: object, what: str, _arg: object) -> None:
            counts.functions += what in ("call", "c_call")

        engine = self.databases.engine(1)
        calls = len(self.ox.calls)
        event.listen(engine, "before_cursor_execute", written)
        before = sys.getprofile()
        try:
            with patch.object(reading, "execute", read):
                sys.setprofile(called)
                answer = self.phone.raw(command, body)
        finally:
            sys.setprofile(before)
            event.remove(engine, "before_cursor_execute", written)
        assert answer.status == 200
        counts.ox = len(self.ox.calls) - calls
        return counts

    def sync(self) -> Element:
        """The Sync that the phone would send next."""
        return tree("AirSync:Sync", ("Collections", self.phone.collection(INBOX, ("WindowSize", "100"))))


@pytest.fixture(scope="module")
def bench() -> Bench:
    bench = Bench()
    bench.phone.start()
    return bench


def everything(bench: Bench, folder: str = INBOX) -> None:
    """Bring all messages to the phone."""
    bench.phone.sync(folder, key="0")
    while bench.phone.sync(folder, ("WindowSize", "512")).root is not None:
        pass


def no_change(bench: Bench) -> Counts:
    everything(bench)
    return bench.counted("Sync", bench.sync())


def no_change_of_more(bench: Bench) -> Counts:
    bench.mailbox.rows = Mailbox(2 * MAILS).rows
    everything(bench)
    return bench.counted("Sync", bench.sync())


def folder_sync(bench: Bench) -> Counts:
    key = bench.phone.folder_sync().text("FolderHierarchy:SyncKey")
    return bench.counted("FolderSync", tree("FolderHierarchy:FolderSync", ("SyncKey", key)))


def ping(bench: Bench) -> Counts:
    everything(bench)
    folder = ("Folder", ("Id", bench.phone.number(INBOX)), ("Class", "Email"))
    return bench.counted("Ping", tree("Ping:Ping", ("HeartbeatInterval", "480"), ("Folders", folder)))


def ping_of_five(bench: Bench) -> Counts:
    bench.mailbox.rows = Mailbox(20).rows
    folders = (INBOX, *OTHERS)
    for each in folders:
        everything(bench, each)
    named = [("Folder", ("Id", bench.phone.number(each)), ("Class", "Email")) for each in folders]
    return bench.counted("Ping", tree("Ping:Ping", ("HeartbeatInterval", "480"), ("Folders", *named)))


def first_window(bench: Bench) -> Counts:
    bench.phone.sync(INBOX, key="0")
    return bench.counted("Sync", bench.sync())


KINDS: dict[str, Callable[[Bench], Counts]] = {
    "no-change Sync": no_change,
    "no-change Sync of 200 more mails": no_change_of_more,
    "FolderSync": folder_sync,
    "Ping": ping,
    "Ping of five folders": ping_of_five,
    "first window of 100 mails": first_window,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_does_no_more_than_it_did(bench: Bench, kind: str) -> None:
    bench.mailbox.rows = Mailbox(MAILS).rows
    counts = KINDS[kind](bench)
    assert counts.within(BOUNDS[kind]), f"{kind}: {counts}, at most {BOUNDS[kind]}"
