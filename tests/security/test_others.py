"""What belongs to somebody else is not to be had by its name, and what a stranger sends by mail breaks nothing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import EmailMessage

import pytest
import requests

from app.wbxml import Element, encode
from lab.device import Phone, mail
from lab.device.errors import CommandFailed, ServerUnavailable
from tests.eas.phone import tree
from tests.end_to_end.stack import message, wait_until
from tests.security.conftest import ALIAS, Attacked
from tests.usm.test_letters import letters, nested

INBOX, CONTACTS = 2, 9
SECRET = "Xanthippe"
"""A word that stands in nothing but what belongs to anton."""

_numbers = itertools.count(1)


@pytest.fixture
def phone(attacked: Attacked) -> Iterator[Callable[..., Phone]]:
    """Makes phones that know their folders."""
    phones: list[Phone] = []

    def make(login: str, version: str = "14.1") -> Phone:
        made = attacked.phone(login, version=version, device_id=f"others{next(_numbers)}")
        phones.append(made)
        let_in(made)
        made.folder_sync()
        return made

    yield make
    for each in phones:
        each.close()


def let_in(phone: Phone) -> None:
    """Once the name is no longer paused, for what was tried with it before."""
    for _ in range(10):
        try:
            phone.provision()
            return
        except ServerUnavailable as refused:
            time.sleep(refused.retry_after or 1)
    phone.provision()


def deliver(attacked: Attacked, raw: bytes, login: str = "anton") -> None:
    answer = requests.post(
        f"http://127.0.0.1:{attacked.ox_port}/lab/deliver",
        params={"login": f"{login}@example.org"},
        data=raw,
        timeout=20,
    )
    assert answer.status_code == 200, answer.text


def synchronised(phone: Phone, folder_type: int, subject: str) -> tuple[str, Element]:
    """The name and the fields of a mail with this subject, once it is there."""
    folder = phone.folder_of_type(folder_type).server_id
    found: list[tuple[str, Element]] = []

    def is_there() -> bool:
        phone.sync_all(folder)
        found[:] = [
            (name, item)
            for name, item in phone.items(folder).items()
            if item.text_of("Email:Subject") == subject
        ]
        return bool(found)

    assert wait_until(is_there, 20)
    return found[0]


def asked_for(reference: str, server_id: str) -> Iterator[tuple[str, Element]]:
    """Every way to name an item or a file that is not one's own."""
    folder = server_id.partition(":")[0]
    fetch = ("Store", "Mailbox")
    yield (
        "a file",
        tree("ItemOperations:ItemOperations", ("Fetch", fetch, ("AirSyncBase:FileReference", reference))),
    )
    item = (("AirSync:CollectionId", folder), ("AirSync:ServerId", server_id))
    yield "an item", tree("ItemOperations:ItemOperations", ("Fetch", fetch, *item))
    yield (
        "by search",
        tree("ItemOperations:ItemOperations", ("Fetch", fetch, ("Search:LongId", f"RgAAAAD{server_id}"))),
    )
    yield (
        "to move it",
        tree("Move:MoveItems", ("Move", ("SrcMsgId", server_id), ("SrcFldId", folder), ("DstFldId", "1"))),
    )
    yield (
        "to answer it",
        tree(
            "ComposeMail:SmartForward",
            ("ClientId", f"steal{next(_numbers)}"),
            ("Source", ("FolderId", folder), ("ItemId", server_id)),
            ("Mime", b"To: dora@example.org\r\nSubject: stolen\r\n\r\nx"),
        ),
    )
    yield (
        "to estimate it",
        tree(
            "GetItemEstimate:GetItemEstimate",
            ("Collections", ("Collection", ("AirSync:SyncKey", "1"), ("CollectionId", folder))),
        ),
    )


def test_a_name_opens_nothing_of_another_user(attacked: Attacked, phone: Callable[..., Phone]) -> None:
    letter = message(f"{SECRET} one", f"{SECRET} in the text")
    letter.add_attachment(
        f"{SECRET} in a file".encode(), "application", "octet-stream", filename="secret.bin"
    )
    deliver(attacked, letter.as_bytes())
    owner, thief = phone("anton"), phone("dora")
    server_id, item = synchronised(owner, INBOX, f"{SECRET} one")
    [reference] = mail.references(item).values()
    assert mail.fetch_file(owner, reference).data == f"{SECRET} in a file".encode()
    thief.sync_all(thief.folder_of_type(INBOX).server_id)
    for what, request in asked_for(reference, server_id):
        answer = thief.raw(encode(request), command=request.name.partition(":")[2])
        assert answer.status in (200, 400, 404), what
        assert SECRET.encode() not in answer.body, what
    thief.sync_all(thief.folder_of_type(INBOX).server_id)
    held = thief.items(thief.folder_of_type(INBOX).server_id).values()
    assert not any(SECRET in str(each) for each in held)
    # The owner still has it where it was.
    owner.sync_all(owner.folder_of_type(INBOX).server_id)
    assert server_id in owner.items(owner.folder_of_type(INBOX).server_id)


@pytest.mark.parametrize("user", ["anton", "anton@example.org", "../anton", "1/3"])
def test_the_user_in_the_address_counts_for_nothing(
    attacked: Attacked, phone: Callable[..., Phone], user: str
) -> None:
    """Who asks is told by the password alone (MS-ASHTTP 2.2.1.1.1.1.2)."""
    phone("dora")
    before = len(attacked.app.text())
    answer = attacked.ask(
        "dora@example.org",
        method="POST",
        path=f"{ALIAS}?Cmd=FolderSync&User={user}&DeviceId=x{next(_numbers)}&DeviceType=Phone",
        headers={"MS-ASProtocolVersion": "14.1", "Content-Type": "application/vnd.ms-sync.wbxml"},
        data=encode(tree("FolderHierarchy:FolderSync", ("SyncKey", "0"))),
    )
    assert answer.status_code == 200
    assert wait_until(lambda: ": FolderSync executed" in attacked.app.text()[before:])
    [line] = [line for line in attacked.app.text()[before:].splitlines() if ": FolderSync executed" in line]
    assert ":dora@example.org:EAS:x" in line


@pytest.mark.parametrize(
    "text",
    ["' OR '1'='1", '"; DROP TABLE USMSession; --', "a\\' UNION SELECT 1 --", "%", "_", "\\", "x' /*"],
)
def test_what_means_something_to_a_database_means_nothing(attacked: Attacked, text: str) -> None:
    """As a name, a device, a folder, an item and a key."""
    assert attacked.ask(f"{text}@example.org", "x").status_code in (401, 503)
    headers = {"MS-ASProtocolVersion": "14.1", "Content-Type": "application/vnd.ms-sync.wbxml"}
    collection = (
        "Collection",
        ("SyncKey", text),
        ("CollectionId", text),
        ("Commands", ("Delete", ("ServerId", text))),
    )
    for request in (
        tree("FolderHierarchy:FolderSync", ("SyncKey", text)),
        tree("AirSync:Sync", ("Collections", collection)),
        tree("Move:MoveItems", ("Move", ("SrcMsgId", text), ("SrcFldId", text), ("DstFldId", text))),
    ):
        name = request.name.partition(":")[2]
        query = requests.models.PreparedRequest()
        query.prepare_url(
            f"http://x{ALIAS}", {"Cmd": name, "User": text, "DeviceId": text, "DeviceType": text}
        )
        answer = attacked.ask(
            "dora@example.org",
            method="POST",
            path=str(query.url).removeprefix("http://x"),
            headers=headers,
            data=encode(request),
        )
        assert answer.status_code in (200, 400), answer.status_code
    assert attacked.ask("dora@example.org", device="after").status_code == 200


# -- letters from strangers -----------------------------------------------------------------------------------------


def with_many(count: int) -> bytes:
    """Parts side by side."""
    letter = EmailMessage()
    letter["Subject"], letter["From"] = "many", "x@example.com"
    letter.set_content("x")
    letter.make_mixed()
    raw = letter.as_bytes()
    boundary = letter.get_boundary() or ""
    part = f"--{boundary}\r\nContent-Type: text/plain\r\n\r\nx\r\n".encode()
    return raw.replace(f"--{boundary}--".encode(), part * count + f"--{boundary}--".encode())


@pytest.mark.parametrize(
    ("subject", "raw"),
    [("nested", nested(100)), ("letters", letters(100)), ("many", with_many(150))],
    ids=["parts within parts", "letters within letters", "parts side by side"],
)
def test_a_letter_that_is_a_bomb_harms_nobody(
    attacked: Attacked, phone: Callable[..., Phone], subject: str, raw: bytes
) -> None:
    """It comes, or it is left out; what lies beside it comes in any case, and no request fails."""
    deliver(attacked, raw, "berta")
    deliver(attacked, message(f"after {subject}").as_bytes(), "berta")
    owner = phone("berta")
    synchronised(owner, INBOX, f"after {subject}")
    inbox = owner.folder_of_type(INBOX).server_id
    for name in list(owner.items(inbox)):
        for more in ({"mime": True}, {"body_type": 1}):
            # A status of its own is an answer; that of HTTP is 200.
            with suppress(CommandFailed):
                mail.fetch_item(owner, name, **more)
        answer = owner.raw(
            encode(
                tree(
                    "ComposeMail:SmartForward",
                    ("ClientId", f"bomb{next(_numbers)}"),
                    ("Source", ("FolderId", inbox), ("ItemId", name)),
                    ("Mime", b"To: berta@example.org\r\nSubject: fwd\r\n\r\nx"),
                )
            ),
            command="SmartForward",
        )
        assert answer.status == 200
