"""The whole application on a stand-in OX, and people who look at its pages: without a network of their own, through the
same door as Apache."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from falcon import testing
from sqlalchemy import text

from app.config import Settings
from app.eas import memory
from app.eas.policy import fingerprint
from app.eas.request import PROTOCOL
from app.main import create_app, databases, eas_settings
from app.store.database import Databases
from app.store.state import SqlStateStore
from app.store.tables import metadata
from app.usm.devices import AGENT, DEVICE_TYPE, LOGIN
from app.usm.model import SessionId
from app.web.application import Application
from tests.ox.standin import StandIn, make_data
from tests.pages.chromium import chromium, served  # noqa: F401  (a fixture)

HOST = "usm.example.org"
PASSWORD = "secret"
CONTEXT = 1
USERS = {"anton": 3, "berta": 4}


@dataclass
class Office:
    """The application, its state, and its OX."""

    app: Application
    settings: Settings
    store: SqlStateStore
    ox: StandIn
    databases: Databases

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with self.databases.engine(CONTEXT).begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    def device(self, user: str, device_id: str, **fields: str) -> SessionId:
        """A device that was seen."""
        session = SessionId(CONTEXT, USERS[user], PROTOCOL, device_id)
        about = {LOGIN: f"{user}@example.org", DEVICE_TYPE: "iPhone", AGENT: "Apple-iPhone15C2/2201.1"}
        about[memory.POLICY_APPLIED] = fingerprint(eas_settings(self.settings).policy)
        self.store.write_fields(session, {**about, **fields})
        return session


@dataclass
class Person:
    """A browser with its cookies, and the page that it shows."""

    office: Office
    tls: bool = True
    address: str = "192.0.2.7"
    language: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)
    set: list[Any] = field(default_factory=list)
    page: str = ""

    def get(self, path: str, **headers: str) -> testing.Result:
        """Look at a page; follows nothing."""
        return self._ask("GET", path, "", headers)

    def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> testing.Result:
        """Send a form with the proof of the page that is shown for it."""
        proof = {"proof": self.proof(path), **(fields or {})}
        pairs = [
            (name, each)
            for name, value in proof.items()
            for each in ([value] if isinstance(value, str) else value)
        ]
        return self._ask("POST", path, urlencode(pairs), headers)

    def follow(self, result: testing.Result) -> str:
        """Where an answer leads to; its page."""
        assert result.status_code == 303, result.text
        return self.get(result.headers["location"]).text

    def sign_in(self, login: str = "anton@example.org", password: str = PASSWORD) -> testing.Result:
        """Sign in by the form."""
        self.get("/usm/sign-in")
        return self.post("/usm/sign-in", {"login": login, "password": password})

    def proof(self, path: str) -> str:
        """The proof in the form of the shown page that leads there; any other one where there is no such form."""
        found = re.search(
            rf'action="{re.escape(path)}"[^>]*>\s*<input type="hidden" name="proof" value="([^"]*)"',
            self.page,
        )
        return found[1] if found else next(iter(re.findall(r'name="proof" value="([^"]*)"', self.page)), "")

    @property
    def seen(self) -> str:
        """What a person reads: the page without its marks."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.page)).split())

    def _ask(self, method: str, path: str, body: str, headers: dict[str, str]) -> testing.Result:
        given = {
            "Host": HOST,
            "X-Forwarded-For": self.address,
            "X-Forwarded-Proto": "https" if self.tls else "http",
            "Accept-Language": self.language,
            **(
                {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
                if self.cookies
                else {}
            ),
            **({"Content-Type": "application/x-www-form-urlencoded"} if body else {}),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        path, _, query = path.partition("?")
        result = testing.TestClient(self.office.app).simulate_request(
            method, path, query_string=query, body=body, headers=given, port=8010, remote_addr="127.0.0.1"
        )
        for name, cookie in result.cookies.items():
            if cookie.expires is not None and cookie.expires.year == 1970:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = cookie.value
        self.set = list(result.cookies.values())
        if result.status_code != 303:
            self.page = result.text
        return result


@pytest.fixture(scope="session")
def pages_ox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    server = StandIn(make_data(tmp_path_factory.mktemp("pages-ox"), "empty"), "7")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def pages_office(pages_ox: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("pages")
    settings = Settings(
        ox_url=pages_ox.url,
        database_url=f"sqlite:///{folder / 'state.sqlite'}",
        etc=folder,
        trace_directory=str(folder / "traces"),
    )
    app = create_app(settings)
    opened = databases(settings)
    yield Office(app, settings, SqlStateStore(opened), pages_ox, opened)
    app.close()
    opened.close()


@pytest.fixture
def office(pages_office: Office) -> Office:
    """In which nobody has done anything yet."""
    pages_office.ox.calm()
    pages_office.ox.forget_calls()
    with pages_office.databases.engine(CONTEXT).begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    return pages_office


@pytest.fixture
def anton(office: Office) -> Person:
    """Signed in."""
    person = Person(office)
    assert person.sign_in().status_code == 303, person.page
    return person


@pytest.fixture(scope="session")
def pages_url(pages_office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Where the users' pages and ActiveSync are served with TLS, and the certificate."""
    folder = tmp_path_factory.mktemp("tls")
    with served(pages_office.app, folder, pages_office.settings.listen_port) as url:
        yield url, folder / "certificate.pem"
