"""What a server holds of a large message in memory while it is answered, forwarded or sent: blocks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from mmap import ACCESS_READ, mmap

import pytest

from app.eas import itip
from app.eas.versions import Version
from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.pieces import Pieces
from app.wbxml import encode
from tests.eas.phone import Phone, Reply, World, tree
from tests.ox.canned import BASE, standard
from tests.ox.piped import DIGEST, DRAFTS, INBOX, LINES, Piped, files, lines, measured, original

MAIL = b"To: berta@example.org\r\nSubject: Plan\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nge\xc3\xa4ndert\r\n"


def begun(
    version: Version, mime: Callable[[], Iterator[bytes]] = original, **settings: int
) -> tuple[Phone, Piped]:
    """A phone whose user's data are in an OX."""
    ox = Piped(standard().answers, mime)
    world = World()
    world.provider = OxSourceProvider(OxSettings(BASE, **settings), world.clock, ox)  # type: ignore
    return world.phone(version).start(INBOX), ox


def about(phone: Phone, command: str) -> Reply:
    number = phone.number(INBOX)
    source = ("Source", ("FolderId", number), ("ItemId", f"{number}:5"))
    return phone.send(command, tree(f"ComposeMail:{command}", ("ClientId", "c1"), source, ("Mime", MAIL)))


def test_a_large_message_is_forwarded() -> None:
    phone, ox = begun(Version.V16_1)
    assert measured(lambda: about(phone, "SmartForward")).root is None
    made = ox.got()
    assert files(made) == [DIGEST]
    assert made["Subject"] == "Plan"
    assert {"geändert", "Stimmtä"} <= set(made.get_body().get_content().split())


def test_a_large_message_is_answered() -> None:
    phone, ox = begun(Version.V14_1)
    assert measured(lambda: about(phone, "SmartReply")).root is None
    (seen,) = ox.made("mail?new")
    assert b"Stimmt" in seen.body


def test_a_message_that_is_too_large_is_not_forwarded() -> None:
    phone, ox = begun(Version.V14_1, sent_bytes=2**20)
    assert measured(lambda: about(phone, "SmartForward")).status == "122"
    assert (ox.taken, ox.made("mail?new")) == ([], [])


def in_a_file(data: bytes) -> mmap:
    """A body as the web keeps a large one."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return mmap(file.fileno(), len(data), access=ACCESS_READ)


def large_mail() -> bytes:
    """What a device sends: the same file."""
    return b"To: berta@example.org\r\n" + b"".join(original())


@pytest.mark.parametrize("command", ["SendMail", "SmartForward"])
def test_a_device_sends_a_large_message(command: str) -> None:
    phone, ox = begun(Version.V14_1)
    number = phone.number(INBOX)
    source = ("Source", ("FolderId", number), ("ItemId", f"{number}:5")) if command != "SendMail" else None
    root = tree(f"ComposeMail:{command}", ("ClientId", "c1"), source, ("Mime", large_mail()))
    ox.mime = lambda: iter([MAIL])
    content = in_a_file(encode(root))
    assert measured(lambda: phone.reply(phone.raw(command, content))).root is None
    assert files(ox.got()) == [DIGEST]


def test_a_device_of_old_sends_a_large_message() -> None:
    phone, ox = begun(Version.V12_1)
    phone.headers["content-type"] = "message/rfc822"
    content = in_a_file(large_mail())
    assert measured(lambda: phone.raw("SendMail", content)).status == 200
    assert files(ox.got()) == [DIGEST]


def test_a_device_adds_a_large_file_to_a_draft() -> None:
    phone, ox = begun(Version.V16_1)
    ox.on("mail?all", {"data": []})
    phone.sync(DRAFTS, key="0")
    data = b"".join(line * LINES for line in lines())[: 8 * 1024 * 1024]
    file = (
        "AirSyncBase:Add",
        ("ClientId", "f1"),
        ("Content", data),
        ("DisplayName", "a.pdf"),
        ("Method", "1"),
    )
    words = ("Email:To", "berta@example.org"), ("Email:Subject", "Plan"), ("AirSyncBase:Attachments", file)
    add = ("Add", ("ClientId", "c1"), ("ApplicationData", *words, ("Email2:IsDraft", "1")))
    number = phone.number(DRAFTS)
    collection = ("Collection", ("SyncKey", phone.keys[number]), ("CollectionId", number), ("Commands", add))
    content = in_a_file(encode(tree("AirSync:Sync", ("Collections", collection))))
    reply = measured(lambda: phone.reply(phone.raw("Sync", content)))
    assert reply.one("AirSync:Add").text_of("AirSync:Status") == "1"
    assert files(ox.got()) == [sha256(data).hexdigest()]


def test_a_large_body_of_another_command_is_read_as_any_other() -> None:
    phone = World().phone(Version.V14_1)
    root = tree("Settings:Settings", ("DeviceInformation", ("Set", ("Model", b"x" * 200_000))))
    assert phone.raw("Settings", in_a_file(encode(root))).status == 200


def test_a_large_message_is_no_mere_reply_to_an_invitation() -> None:
    assert itip.state_of(Pieces((b"To: a@example.org\r\n\r\n",))) is None
