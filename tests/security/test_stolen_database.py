"""A copy of the whole database, taken in the middle of a busy life: it opens no mailbox, no session and no phone.

The copy is searched for every secret that was used, in any of the forms in which a program might write it; and every
value that is sealed is tried with everything in the copy that could be a key.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from falcon import testing
from sqlalchemy import create_engine, inspect, text

from app.config import Settings
from app.main import create_app, databases
from app.ox import sessions as ox_sessions
from app.store import sealed
from app.store.app_passwords import AppPasswords
from app.store.tables import page_sessions
from app.wbxml import Element, decode, encode
from app.web.application import Application
from tests.eas.phone import tree
from tests.mariadb import MariaDbServer, is_installed
from tests.ox.standin import StandIn, make_data
from tests.pages.conftest import PASSWORD, Person
from tests.security.conftest import ALIAS, basic

LOGIN = "anton@example.org"
RECOVERY = "4711-recovery-of-the-phone"
KEY = bytes(range(100, 132))
POLICY = {"DevicePasswordEnabled": "1", "PasswordRecoveryEnabled": "1"}
WRONG = "a-wrong-password-of-somebody"
LONGEST = 64
"""Bytes of a value in which a key is looked for; the state of a folder is longer."""


@dataclass
class Life:
    """What was done, and what is secret about it. ``rows``: every value of every row, by table and column."""

    secrets: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[str, str, Any]] = field(default_factory=list)
    sealed: list[tuple[str, bytes]] = field(default_factory=list)
    """What is sealed: where it stands, and the value."""

    @property
    def values(self) -> Iterator[bytes]:
        for _, _, value in self.rows:
            yield value if isinstance(value, bytes) else str(value).encode()


class Phone:
    """Somebody's phone, without a network."""

    def __init__(self, app: Application, device: str, password: str = PASSWORD) -> None:
        self._app = app
        self._device = device
        self._headers = {
            **basic(LOGIN, password),
            "X-Forwarded-For": "192.0.2.9",
            "X-Forwarded-Proto": "https",
            "MS-ASProtocolVersion": "14.1",
            "Content-Type": "application/vnd.ms-sync.wbxml",
            "User-Agent": "Test/1.0",
        }

    def command(self, request: Element) -> Element | None:
        name = request.name.partition(":")[2]
        query = f"Cmd={name}&User={LOGIN}&DeviceId={self._device}&DeviceType=Phone"
        environ = testing.create_environ(
            ALIAS, query_string=query, method="POST", port=8010, body=encode(request), headers=self._headers
        )
        environ["wsgi.input_terminated"] = True
        started = testing.StartResponseMock()
        content = b"".join(self._app(environ, started))
        self.status = int(started.status.split()[0])
        return decode(content) if content and self.status == 200 else None

    def synchronise(self) -> None:
        """Folders, contacts and mails, twice; and the recovery password."""
        folders = self.command(tree("FolderHierarchy:FolderSync", ("SyncKey", "0")))
        assert folders is not None
        added = [each for each in folders.find("FolderHierarchy:Changes") or () if each.name.endswith(":Add")]
        for each in added[:4]:
            key = "0"
            for _ in range(2):
                collection = (("SyncKey", key), ("CollectionId", each.text_of("FolderHierarchy:ServerId")))
                answer = self.command(tree("AirSync:Sync", ("Collections", ("Collection", *collection))))
                found = answer and answer.find("AirSync:Collections")
                key = (found and found.children[0].text_of("AirSync:SyncKey")) or key
        told = self.command(tree("Settings:Settings", ("DevicePassword", ("Set", ("Password", RECOVERY)))))
        assert told is not None
        assert told.text_of("Settings:Status") == "1"


def live(settings: Settings, sessions: list[Any]) -> Life:
    """A busy life of phones and pages."""
    app = create_app(settings)
    found = Life()
    try:
        Phone(app, "stolen1").synchronise()
        wrong = Phone(app, "stolen1", WRONG)
        wrong.command(tree("FolderHierarchy:FolderSync", ("SyncKey", "0")))
        assert wrong.status == 401
        store = databases(settings)
        person = Person(SimpleNamespace(app=app))  # type: ignore[arg-type]
        assert person.sign_in().status_code == 303, person.page
        person.get("/usm/app-passwords")
        made = person.post("/usm/app-passwords", {"label": "my phone", "password": PASSWORD})
        page = person.follow(made)
        shown = page.partition('<code class="secret"')[2].partition(">")[2].partition("<")[0]
        assert shown.startswith("usm1-")
        with_app_password = Phone(app, "stolen2", shown)
        with_app_password.synchronise()
        # One is made and not yet shown: it waits in the session.
        person.post("/usm/app-passwords", {"label": "another", "password": PASSWORD})
        found.secrets = {
            "password": PASSWORD,
            "wrong password": WRONG,
            "app password": shown,
            "secret of the app password": shown.split("-", 2)[2],
            "recovery password": RECOVERY,
            "key of the installation": KEY.hex(),
            **{f"cookie {name}": value.partition(".")[2] or value for name, value in person.cookies.items()},
            **{f"OX session {number}": each.id for number, each in enumerate(sessions)},
            **{
                f"OX cookie {number} {name}": value
                for number, each in enumerate(sessions)
                for name, value in cookies_of(each)
            },
        }
        found.rows = list(dump(settings.database_url))
        found.sealed = list(sealed_values(found.rows))
        # All of that is a secret indeed: whoever has it gets in.
        assert person.get("/usm/").status_code == 200
        assert {each.label for each in AppPasswords(store, None).listed(1)} == {"my phone", "another"}  # type: ignore[arg-type]
    finally:
        app.close()
    return found


def cookies_of(session: Any) -> Iterator[tuple[str, str]]:
    for part in session.cookies.header().split("; "):
        name, _, value = part.partition("=")
        if len(value) > 8:
            yield name, value


def dump(url: str) -> Iterator[tuple[str, str, Any]]:
    """Every value of every row of every table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            quoted = engine.dialect.identifier_preparer.quote(table)
            for row in connection.execute(text(f"SELECT * FROM {quoted}")).mappings():
                yield from ((table, column, value) for column, value in row.items() if value is not None)
    engine.dispose()


def sealed_values(rows: Iterable[tuple[str, str, Any]]) -> Iterator[tuple[str, bytes]]:
    for table, column, value in rows:
        if column == "sealed":
            yield f"{table}.{column}", bytes(value)
        elif isinstance(value, str) and sealed.is_sealed(value):
            yield f"{table}.{column}", base64.b64decode(value.rpartition(":")[2])


@pytest.fixture(scope="module")
def ox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    server = StandIn(make_data(tmp_path_factory.mktemp("stolen-ox"), "empty"), "7")
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def life(
    request: pytest.FixtureRequest, ox: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Life]:
    opened: list[Any] = []
    login = ox_sessions.login

    def noted(*words: Any) -> Any:
        session, envelope = login(*words)
        opened.append(session)
        return session, envelope

    def begin(url: str) -> Life:
        folder = tmp_path_factory.mktemp("stolen")
        return live(
            Settings(
                ox_url=ox.url,
                database_url=url,
                etc=folder,
                secret_keys=(KEY,),
                policy=POLICY,
                provisioning="off",
                trace_directory=str(folder / "traces"),
            ),
            opened,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ox_sessions, "login", noted)
        if request.param == "sqlite":
            yield begin(f"sqlite:///{tmp_path_factory.mktemp('state') / 'state.sqlite'}")
            return
        if not is_installed():
            pytest.skip("Debian's package mariadb-server-core is not installed; make test installs it")
        with MariaDbServer() as server, server.database() as name:
            yield begin(server.url(name))


FORMS: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    "plain": lambda raw: (raw, raw.lower(), raw.upper(), raw[::-1]),
    "without dashes": lambda raw: (raw.replace(b"-", b""),),
    "UTF-16": lambda raw: (raw.decode().encode("utf-16-le"), raw.decode().encode("utf-16-be")),
    # Wherever it begins in what is encoded, the middle of it is one of these three.
    "Base64": lambda raw: (
        base64.b64encode(bytes(shift) + raw)[4 if shift else 0 : -4] for shift in range(3)
    ),
    "hexadecimal": lambda raw: (raw.hex().encode(), raw.hex().upper().encode()),
    "JSON": lambda raw: (json.dumps(raw.decode()).encode(),),
    "a digest that anybody can make": lambda raw: (
        form
        for name in ("md5", "sha1", "sha256", "sha512")
        for digest in (hashlib.new(name, raw).digest(),)
        for form in (digest, digest.hex().encode(), base64.b64encode(digest))
    ),
    "a digest with the name": lambda raw: (
        form
        for name in ("md5", "sha1", "sha256")
        for joined in (LOGIN.encode() + raw, LOGIN.encode() + b":" + raw, raw + LOGIN.encode())
        for digest in (hashlib.new(name, joined).digest(),)
        for form in (digest, digest.hex().encode(), base64.b64encode(digest))
    ),
    "a checksum": lambda raw: (str(zlib.crc32(raw)).encode(),) if len(raw) > 8 else (),
}


def opened(value: bytes) -> bytes:
    """What is compressed is looked at as it was before."""
    for wrapper in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        try:
            return value + b"\0" + zlib.decompress(value, wrapper)
        except zlib.error:
            continue
    return value


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_is_in_it_in_any_form(life: Life, form: str) -> None:
    assert len(life.secrets) > 8
    haystack = b"\n".join(opened(value) for value in life.values)
    for name, secret in life.secrets.items():
        for needle in FORMS[form](secret.encode()):
            assert len(needle) < 5 or needle not in haystack, f"{name} is there, as {form}"


def test_it_is_the_copy_of_a_busy_life(life: Life) -> None:
    """Or there would be nothing to find."""
    tables = {table for table, _, _ in life.rows}
    assert {"USMSession", "USMDataStorage"} <= tables
    assert {where.partition(".")[2] for where, _ in life.sealed} == {"sealed", "value"}
    # Two app passwords, the session of the pages, the recovery passwords of two phones.
    assert len(life.sealed) >= 5
    assert any(LOGIN.encode() in value for value in life.values)


def test_nothing_in_it_opens_what_is_sealed(life: Life) -> None:
    """Whatever has the length of a key, and the digest of everything else."""
    keys = {bytes(sealed.KEY), b"\xff" * sealed.KEY}
    for value in set(life.values):
        forms = [value, hashlib.sha256(value).digest()]
        for read in (bytes.fromhex, base64.b64decode):
            with suppress(ValueError):
                forms.append(read(value.decode()))  # type: ignore[operator]
        for form in forms:
            last = min(len(form) - sealed.KEY, LONGEST)
            keys |= {form[at : at + sealed.KEY] for at in range(last + 1)}
    assert len(keys) > 50
    for where, value in life.sealed:
        for key, owner in itertools.product(keys, owners_of(life)):
            assert not opens(key, value, owner), where


def opens(key: bytes, value: bytes, owner: bytes) -> bool:
    try:
        sealed.unseal(key, value, owner)
    except sealed.Unreadable:
        return False
    return True


def owners_of(life: Life) -> list[bytes]:
    """Whom what is sealed could belong to, as it is signed along."""
    ids = {value for table, column, value in life.rows if column == "id" and isinstance(value, str)}
    devices = {value for _, column, value in life.rows if column == "device"}
    fields = {value for _, column, value in life.rows if column == "field"}
    return [
        *(f"1\0{name}".encode() for name in ids),
        *(f"1\0{name}\0{LOGIN}".encode() for name in ids),
        *(f"1\0003\0EAS\0{device}\0{name}".encode() for device in devices for name in fields),
    ]


def test_the_right_keys_open_it(life: Life) -> None:
    """So the test above tries what could succeed: the recovery password, with the key that is not in the copy."""
    found = [
        sealed.unseal(KEY, value, owner)
        for _, value in life.sealed
        for owner in owners_of(life)
        if opens(KEY, value, owner)
    ]
    assert found == [RECOVERY] * 2


def test_the_name_of_a_row_is_not_what_a_browser_has(life: Life) -> None:
    names = {value for table, column, value in life.rows if column == "id" and table == page_sessions.name}
    assert names
    assert not names & set(life.secrets.values())
