"""No request, however wrong, brings down anything: each gets an answer below 500, or the 503 of a server that is busy.

``USM_REQUESTS`` is how many requests are made (``make test-robustness``: 100,000), ``USM_DICE`` what they are made of.
None takes longer than :data:`SLOW`, none raises anything, and after the first tenth memory does not grow.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from falcon import testing

from app.eas.dispatch import ENTRIES
from app.eas.versions import COMMANDS
from app.usm.model import Body, BodyKind
from app.wbxml import Element, decode, encode
from tests.eas.phone import tree
from tests.robustness.mutations import Mutator, Request
from tests.robustness.samples import REQUESTS, WBXML, Place, Sample
from tests.schemas import validate
from tests.usm.conftest import CONTACTS, INBOX
from tests.web.conftest import Front

COUNT = int(os.environ.get("USM_REQUESTS", "2500"))
DICE = os.environ.get("USM_DICE", "1")
PER_SERVER = 50
"""So many requests before the server and its data are made anew: what they add must not count as growth."""
VALIDATED = max(COUNT // 2500, 1)
"""Of so many answers one is compared with the schemas."""
SLOW = 5.0
"""Seconds."""
GROWTH = 24 * 2**20
"""Bytes by which a process may grow all the same: what is freed is not always given back."""


def served() -> tuple[Front, Place]:
    """A server, and a device that is in sync with it."""
    front = Front()
    mail = front.source.put(
        INBOX,
        {
            "subject": "Hello",
            "read": False,
            "body": Body(BodyKind.TEXT, "Hi"),
            "mime": b"Subject: Hello\r\n\r\nHi",
            "files": {"2": b"data"},
        },
    )
    person = front.source.put(CONTACTS, {"last_name": "Quist"})
    root = ask(front, "FolderSync", tree("FolderHierarchy:FolderSync", ("SyncKey", 0)))
    numbers = {
        each.text_of("FolderHierarchy:DisplayName"): int(each.text_of("FolderHierarchy:ServerId") or 0)
        for each in elements(root, "FolderHierarchy:Add")
    }
    inbox, contacts = numbers["INBOX"], numbers["Contacts"]
    keys = ["0", "0"]
    for _ in range(2):
        collections = [
            ("Collection", ("SyncKey", key), ("CollectionId", number))
            for key, number in zip(keys, (inbox, contacts), strict=True)
        ]
        answer = ask(front, "Sync", tree("AirSync:Sync", ("Collections", *collections)))
        keys = [key.text for key in elements(answer, "AirSync:SyncKey")]
    hierarchy = elements(root, "FolderHierarchy:SyncKey")[0].text
    place = Place(hierarchy, inbox, keys[0], f"{inbox}:{mail}", contacts, keys[1], f"{contacts}:{person}")
    return front, place


def ask(front: Front, command: str, document: Element) -> Element:
    """The answer's document."""
    answer = front.command(command, encode(document))
    assert answer.status_code == 200
    return decode(answer.content)


def elements(root: Element, name: str) -> list[Element]:
    """All of this name, wherever they are."""
    found = [root] if root.name == name else []
    for child in root:
        found += elements(child, name)
    return found


@pytest.fixture
def quiet() -> Iterator[None]:
    """Nobody reads what the server says of a hundred thousand requests."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def resident() -> int:
    """Bytes of memory that this process has."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def send(front: Front, request: Request) -> tuple[testing.Result, float]:
    """The answer, and the seconds it took."""
    begin = time.perf_counter()
    answer = front.command(request.command, request.body, query=request.query, headers=request.headers)
    _ = answer.content
    return answer, time.perf_counter() - begin


def test_every_command_served_has_a_sample() -> None:
    assert REQUESTS.keys() == ENTRIES.keys()


@pytest.mark.parametrize("command", sorted(REQUESTS))
def test_samples_are_good_requests(command: str) -> None:
    front, place = served()
    sample: Sample = REQUESTS[command](place)
    body = sample.body if sample.document is None else encode(sample.document)
    versions = ("2.5", "12.1", "14.1", "16.1")
    rule = COMMANDS[command]
    statuses = set()
    for version in versions:
        headers = {"MS-ASProtocolVersion": version, "Content-Type": sample.content_type}
        query = "".join(f"&{name}={value}" for name, value in sample.query.items())
        answer = front.command(
            command,
            body,
            headers=headers,
            query=f"Cmd={command}&User=anton&DeviceId=phone1&DeviceType=Phone{query}",
        )
        statuses.add(answer.status_code)
    assert 200 in statuses, rule


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("quiet")
def test_no_mutated_request_fails_hangs_or_leaks() -> None:
    statuses: Counter[int] = Counter()
    commands = sorted(REQUESTS)
    warm = 0
    for number in range(COUNT):
        batch = number // PER_SERVER
        if number % PER_SERVER == 0:
            dice = random.Random(f"{DICE}:{batch}")
            mutator = Mutator(dice)
            front, place = served()
            if batch == max(COUNT // 10, PER_SERVER) // PER_SERVER:
                warm = resident()
        command = dice.choice(commands)
        request = mutator.request(command, REQUESTS[command](place))
        answer, seconds = send(front, request)
        status = answer.status_code
        assert status < 500 or status in (501, 503, 505), f"{status} for request {number}: {request}"
        assert seconds < SLOW, f"{seconds:.1f} seconds for request {number}: {request}"
        version = request.headers["MS-ASProtocolVersion"]
        if number % VALIDATED == 0 and answer.headers.get("Content-Type") == WBXML:
            validate(answer.content, version)
        statuses[status] += 1
    assert resident() - warm < GROWTH, f"{(resident() - warm) >> 20} MiB more than after the first tenth"
    assert statuses[200] > COUNT / 3, f"most of them never got past the door: {statuses}"
