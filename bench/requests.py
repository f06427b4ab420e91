"""What a request costs the worker that answers it: seconds of a processor, medians of several runs.

``python -m bench.requests``: see :mod:`bench.serving` for what runs. A phone of the lab sets itself up, then the same
bytes are sent again and again over one connection, as a phone does that asks for news. First Syncs are done by new
devices each time, set up outside the measured part. With ``--long`` 100,000 requests of three kinds, and some that are
torn, are sent instead, and the worker's memory is compared.

Of a Ping is counted what comes again all day: many phones, each with a connection that has carried a request before and
is kept, send the same Ping as the time before, one after the other, and no older one of theirs waits. Counted in one
row is all that the worker does until the last of them is parked; in another all that it does from there until each was
answered at the end of its heartbeat. What a worker does in the same time when nobody asks for anything is taken off.
Setting up the connection, and hanging up, is in neither. ``--ping`` measures these rows alone.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import secrets
import statistics
import sys
import time
from base64 import b64encode
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from typing import Final
from urllib.parse import urlsplit

from app.wbxml import Element, decode, encode
from bench.figures import Figure, tell
from bench.serving import Serving, serving
from lab.device import documents
from lab.device.documents import SyncOptions, SyncRequest
from lab.device.phone import Phone

RUNS: Final = 5
REQUESTS: Final = 40
"""Of a kind in a run."""
PARKED: Final = 60
"""Devices that park in a run."""
PARK: Final = 15
"""Seconds that they ask for: longer than it takes until all are parked."""
PARKING: Final = (f"com.openexchange.usm.eas.ping.min_heartbeat={PARK // 3}",)
"""The setting that allows that."""
PACE: Final = 0.005
"""Seconds between two of them, about what one takes: as with the requests of the other rows, and on a node that has
work. Hardly anybody waits for a connection of the database that another has."""
IDLE: Final = 4.0
"""Seconds for which a worker that nobody asks is watched."""
EXPIRED: Final = "1"
REST: Final = 0.3
"""Seconds without any use of the processor after which all of them are parked."""
INBOX, CALENDAR, CONTACTS, TASKS, SENT = 2, 8, 9, 7, 5
FIVE: Final = (INBOX, CALENDAR, CONTACTS, TASKS, SENT)
TEXT: Final = SyncOptions(body_type=1, truncation=5120)
LONG: Final = 100_000
SAMPLES: Final = 10


class Wire:
    """One connection of a phone that is set up, without anything that would take time between two requests."""

    def __init__(self, phone: Phone, password: str, compressed: bool = False) -> None:
        self._address = urlsplit(phone.transport.url)
        self._phone = phone
        login = b64encode(f"{phone.login}:{password}".encode()).decode()
        self._more = {"Authorization": f"Basic {login}", "Content-Type": "application/vnd.ms-sync.wbxml"}
        if compressed:
            self._more["Accept-Encoding"] = "gzip"
        self._connection = http.client.HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=120
        )

    def begin(self, command: str, body: bytes) -> None:
        """Send a request, and do not wait for its answer."""
        query, headers = self._phone.transport.addressed(command, {})
        self._connection.request("POST", f"{self._address.path}?{query}", body, {**headers, **self._more})

    def ask(self, command: str, body: bytes) -> bytes:
        """The body of the answer. Raises ``SystemExit`` for any status but 200."""
        self.begin(command, body)
        return self.end(command)

    def end(self, command: str) -> bytes:
        """The body of the answer to what was begun. Raises ``SystemExit`` for any status but 200."""
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            sys.exit(f"{command} was answered with HTTP status {answer.status}")
        return content

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def phone_of(service: Serving, user: int) -> Phone:
    """A new device of a user, provisioned, that knows its folders."""
    who = service.users[user]
    phone = Phone(service.url, who["login"], who["password"], device_id=f"bench{secrets.token_hex(10)}")
    phone.provision()
    phone.folder_sync()
    phone.close()
    return phone


def wire_of(service: Serving, phone: Phone, compressed: bool = False) -> Wire:
    """A connection of a device."""
    password = next(who["password"] for who in service.users if who["login"] == phone.login)
    return Wire(phone, password, compressed)


def sync_request(phone: Phone, folder_type: int, window: int = 100) -> bytes:
    """A Sync of a folder with the key that the phone holds, in plain text."""
    collection = phone.collection(phone.folder_of_type(folder_type).server_id)
    options = TEXT if folder_type in (INBOX, SENT) else SyncOptions()
    return encode(
        documents.sync(
            SyncRequest(
                phone.version,
                collection.collection_id,
                collection.content_class,
                collection.sync_key,
                window=window,
                options=options,
            )
        )
    )


def synchronised(phone: Phone, folder_types: Sequence[int]) -> Phone:
    """The phone, with all that is in these folders."""
    for each in folder_types:
        is_mail = each in (INBOX, SENT)
        phone.sync_all(
            phone.folder_of_type(each).server_id,
            window=100,
            body_type=1 if is_mail else None,
            truncation=5120 if is_mail else None,
        )
    phone.close()
    return phone


def repeated(service: Serving, phone: Phone, command: str, body: bytes, expected: bytes | None) -> float:
    """Milliseconds that one such request costs. ``expected``: what each answer must be."""
    wire = wire_of(service, phone)
    first = wire.ask(command, body)
    if expected is not None and first != expected:
        sys.exit(f"{command} has news: {decode(first)}")
    costs = []
    for _ in range(RUNS):
        before = service.cpu()
        for _ in range(REQUESTS):
            if wire.ask(command, body) != first:
                sys.exit(f"{command} is not answered twice in the same way")
        costs.append((service.cpu() - before) / REQUESTS)
    wire.close()
    return 1000 * statistics.median(costs)


def first_sync(service: Serving, folder_type: int, ids: Collection[str], compressed: bool = False) -> float:
    """Seconds that a new device's first Sync of a folder with these items costs, from key 0 to the last window."""
    costs = []
    for _ in range(RUNS):
        phone = phone_of(service, 0)
        collection = phone.collection(phone.folder_of_type(folder_type).server_id)
        wire = wire_of(service, phone, compressed)
        before = service.cpu()
        rounds, answers = 0, []
        more = True
        while more:
            answer = wire.ask("Sync", sync_request(phone, folder_type))
            tree = decode(_plain(answer))
            answers.append(tree)
            changed = _collection(tree)
            collection.sync_key = changed.text_of("AirSync:SyncKey") or ""
            more = rounds == 0 or changed.find("AirSync:MoreAvailable") is not None
            rounds += 1
        costs.append(service.cpu() - before)
        wire.close()
        came = [name for tree in answers for name in _added(_collection(tree))]
        if sorted(came) != sorted(ids):
            sys.exit(f"the first Sync brings {len(came)} items, not those {len(ids)} that are there")
    return statistics.median(costs)


def _plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


def _collection(tree: Element) -> Element:
    collections = tree.find("AirSync:Collections")
    found = collections.find("AirSync:Collection") if collections is not None else None
    if found is None:
        sys.exit(f"Sync is answered without a collection: {tree}")
    return found


def _added(collection: Element) -> Iterator[str]:
    for command in collection.find("AirSync:Commands") or ():
        yield command.text_of("AirSync:ServerId") or ""


def parking(
    service: Serving, phones: Sequence[Phone], folder_types: Sequence[int], runs: int = RUNS
) -> tuple[float, float]:
    """Milliseconds that a Ping costs until it is parked, and from there to its end; the phones have all of these
    folders. See the module for what is counted."""
    parks, ends = [], []
    bodies = [_ping_request(phone, folder_types) for phone in phones]
    with ExitStack() as stack:
        wires = [wire_of(service, phone) for phone in phones]
        for phone, wire in zip(phones, wires, strict=True):
            stack.callback(wire.close)
            wire.ask("FolderSync", encode(documents.folder_sync(phone.hierarchy_key)))
        share = _idle(service)
        for _ in range(runs + 1):
            before, began = _settled(service), time.monotonic()
            for wire, body in zip(wires, bodies, strict=True):
                wire.begin("Ping", body)
                time.sleep(PACE)
            parked, since = _settled(service), time.monotonic()
            parks.append((parked - before - share * (since - began)) / len(phones))
            for wire in wires:
                if (status := _status(wire.end("Ping"))) != EXPIRED:
                    sys.exit(f"a Ping without news is answered with status {status}")
            ended = _settled(service)
            ends.append((ended - parked - share * (time.monotonic() - since)) / len(phones))
    # In the first round it is remembered what they ask for.
    return 1000 * statistics.median(parks[1:]), 1000 * statistics.median(ends[1:])


def _idle(service: Serving) -> float:
    """What share of a processor the worker uses when nobody asks for anything."""
    before = _settled(service)
    time.sleep(IDLE)
    return (service.cpu() - before) / IDLE


def _ping_request(phone: Phone, folder_types: Sequence[int]) -> bytes:
    rows = [(phone.folder_of_type(each).server_id, _class(phone, each)) for each in folder_types]
    document = documents.ping(PARK, rows)
    assert document is not None, "it names folders"
    return encode(document)


def _status(body: bytes) -> str | None:
    return decode(body).text_of("Ping:Status")


def parking_figures(service: Serving, crowd: Sequence[Phone]) -> list[Figure]:
    """The rows about Ping."""
    inbox, inbox_end = parking(service, crowd, (INBOX,))
    five, five_end = parking(service, crowd, FIVE)
    return [
        Figure("Ping of the Inbox until it is parked", inbox, "ms", ("at most", 2.5)),
        Figure("... its end", inbox_end, "ms"),
        Figure("Ping of five folders until it is parked", five, "ms"),
        Figure("... its end", five_end, "ms"),
    ]


def crowd_of(service: Serving) -> list[Phone]:
    """Phones that hold five folders."""
    return [synchronised(phone_of(service, -1 - number % 20), FIVE) for number in range(PARKED)]


def _class(phone: Phone, folder_type: int) -> str:
    return phone.folder_of_type(folder_type).content_class or "Email"


def _settled(service: Serving) -> float:
    """The seconds used when the worker has come to rest."""
    used = -1.0
    while (now := service.cpu()) - used > 0.005:
        used = now
        time.sleep(REST)
    return now


def figures(service: Serving) -> list[Figure]:
    """All rows."""
    many = synchronised(phone_of(service, 0), (INBOX, CONTACTS, CALENDAR))
    few = synchronised(phone_of(service, 1), (INBOX,))
    crowd = crowd_of(service)
    folder_sync = encode(documents.folder_sync(many.hierarchy_key))

    def silent(phone: Phone, folder_type: int) -> float:
        return repeated(service, phone, "Sync", sync_request(phone, folder_type), b"")

    held = {each: many.items(many.folder_of_type(each).server_id) for each in (INBOX, CONTACTS, CALENDAR)}
    mails = first_sync(service, INBOX, held[INBOX])
    zipped = first_sync(service, INBOX, held[INBOX], compressed=True)
    contacts = first_sync(service, CONTACTS, held[CONTACTS]) / len(held[CONTACTS])
    events = first_sync(service, CALENDAR, held[CALENDAR]) / len(held[CALENDAR])
    return [
        Figure("no-change Sync, Inbox of 1,000", silent(many, INBOX), "ms", ("at most", 2.5)),
        Figure("no-change Sync, Inbox of 225", silent(few, INBOX), "ms", ("at most", 2.5)),
        Figure("no-change Sync, 200 contacts", silent(many, CONTACTS), "ms", ("at most", 2.5)),
        Figure("no-change Sync, 200 events", silent(many, CALENDAR), "ms", ("at most", 2.5)),
        Figure(
            "FolderSync without news",
            repeated(service, many, "FolderSync", folder_sync, None),
            "ms",
            ("at most", 2.5),
        ),
        *parking_figures(service, crowd),
        Figure(
            f"first Sync of {len(held[INBOX]):,} mails, text of 5,120 bytes", mails, "s", ("at most", 0.6)
        ),
        Figure("... in gzip", zipped, "s"),
        Figure(
            f"first Sync of {len(held[CONTACTS])} contacts, each", 1000 * contacts, "ms", ("at most", 0.2)
        ),
        Figure(f"first Sync of {len(held[CALENDAR])} events, each", 1000 * events, "ms", ("at most", 0.5)),
    ]


def long(service: Serving, requests: int) -> list[Figure]:
    """What becomes of the worker's memory over so many requests; one in four is no WBXML."""
    phones = [synchronised(phone_of(service, number), (INBOX, CONTACTS)) for number in (0, 1, 2, 3)]
    turns: list[tuple[Wire, str, bytes]] = []
    for phone in phones:
        wire = wire_of(service, phone)
        sync, contacts = sync_request(phone, INBOX), sync_request(phone, CONTACTS)
        folder_sync = encode(documents.folder_sync(phone.hierarchy_key))
        estimate = encode(
            documents.get_item_estimate(
                SyncRequest(
                    phone.version,
                    phone.folder_of_type(INBOX).server_id,
                    "Email",
                    phone.collection(phone.folder_of_type(INBOX).server_id).sync_key,
                )
            )
        )
        wrong = sync.replace(b"{", b"<")[:-3]
        for command, body in (
            ("Sync", sync),
            ("FolderSync", folder_sync),
            ("Sync", contacts),
            ("GetItemEstimate", estimate),
            ("Sync", wrong),
        ):
            turns.append((wire, command, body))
    memory = []
    step = requests // SAMPLES
    for number in range(requests + 1):
        if number % step == 0:
            memory.append(service.memory())
        wire, command, body = turns[number % len(turns)]
        wire.ask(command, body)
    # What is asked for the first time fills what is made once; the first sample is not the base.
    return [
        Figure(f"memory after {step:,} requests", memory[1], "MB"),
        Figure(f"memory after {requests:,} requests", memory[-1], "MB"),
        Figure("... grown by", 100 * (memory[-1] / memory[1] - 1), "%", ("at most", 5.0)),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.requests", description=__doc__)
    parser.add_argument("--state", choices=("mariadb", "sqlite"), default="mariadb", help="(mariadb)")
    parser.add_argument("--long", action="store_true", help="the worker's memory over 100,000 requests")
    parser.add_argument("--ping", action="store_true", help="only what a Ping costs")
    parser.add_argument("--requests", type=int, default=LONG, metavar="N", help="with --long (100,000)")
    chosen = parser.parse_args(arguments)
    with serving(chosen.state, users=40, settings=PARKING) as service:
        if chosen.long:
            return tell("requests-long", long(service, chosen.requests))
        if chosen.ping:
            return tell("requests-ping", parking_figures(service, crowd_of(service)))
        return tell("requests" if chosen.state == "mariadb" else f"requests-{chosen.state}", figures(service))


if __name__ == "__main__":
    sys.exit(main())
