"""What a server holds of a large message in memory while it is answered, forwarded or sent: blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.eas.versions import Version
from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from tests.eas.phone import Phone, Reply, World, tree
from tests.ox.canned import BASE, standard
from tests.ox.piped import DIGEST, INBOX, Piped, files, measured, original

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
