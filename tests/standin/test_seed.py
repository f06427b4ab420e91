"""What is there after ``init`` is what ``expected`` says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from lab.ox.database import configdb, groupware
from lab.ox.database.servers import CONFIGDB, DatabaseServer
from lab.ox.process import StandIn
from lab.ox.seed import Expected, expected, mails, people
from lab.ox.seed.populate import populate
from tests.standin.client import Client, Server
from tests.standin.conftest import several

_LOGINS = ["anton@example.org", "emil@example.org", "gustav@example.org"]


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[Callable[[int], StandIn]]:
    """Stand-ins that no other tests have written to."""
    with several() as of:
        yield of


def _client(stand_ins: Callable[[int], StandIn], login: str) -> Client:
    stand_in = stand_ins(8)
    return Server(stand_in.url, login, stand_in.password, 8, stand_in.root).client()


def _mail_rows(client: Client, folder: str, columns: str) -> list[list[Any]]:
    rows: list[list[Any]] = client.get("mail", "all", folder=folder, columns=columns, timezone="UTC")["data"]
    return rows


@pytest.mark.parametrize("login", _LOGINS)
def test_the_folders_hold_what_is_expected(stand_ins: Callable[[int], StandIn], login: str) -> None:
    client, wanted = _client(stand_ins, login), expected(login)
    for name, count in wanted.mail_folders.items():
        assert len(_mail_rows(client, f"default0/{name}", "600")) == count, name
    names = client.get("contacts", "all", folder=client.config("folder/contacts"), columns="500,1")["data"]
    assert tuple(name or "" for name, _ in names) == wanted.contacts
    assert len(wanted.contacts) >= 100
    assert len(wanted.inbox) >= 200
    assert wanted.appointments >= 50
    assert wanted.tasks >= 30


@pytest.mark.parametrize("login", _LOGINS[:1])
def test_the_subjects_are_read_as_expected(stand_ins: Callable[[int], StandIn], login: str) -> None:
    client, wanted = _client(stand_ins, login), expected(login)
    rows = _mail_rows(client, "default0/INBOX", "607,611")[: len(wanted.inbox)]
    found = [(subject, bool(flags & 32), bool(flags & 8)) for subject, flags in rows]
    assert found == [(mail.subject, mail.seen, mail.flagged) for mail in wanted.inbox]


def test_every_mail_can_be_read_in_every_view(stand_ins: Callable[[int], StandIn]) -> None:
    client = _client(stand_ins, "dora@example.org")
    for (identity,) in _mail_rows(client, "default0/INBOX", "600"):
        for view in ("raw", "text", "html", "noimg"):
            params = {"folder": "default0/INBOX", "id": identity, "view": view, "unseen": "true"}
            assert "error" not in client.get("mail", "get", **params), (identity, view)


def test_received_dates_spread_over_the_last_months(stand_ins: Callable[[int], StandIn]) -> None:
    client = _client(stand_ins, "friedrich@example.org")
    dates = [row[0] for row in _mail_rows(client, "default0/INBOX", "610")]
    now = time.time() * 1000
    assert dates == sorted(dates)
    assert now - dates[0] > 120 * 86_400_000
    assert now - dates[-1] < 7 * 86_400_000
    assert max(dates) < now


def test_every_shape_is_there(stand_ins: Callable[[int], StandIn]) -> None:
    assert {mail.shape for mail in expected("anton@example.org").inbox} == set(mails.SHAPES) - {"sized"}


def test_the_same_seed_makes_the_same_mails() -> None:
    person = people()[0]
    plan = mails.plan(person)
    assert [mails.make(person, mail, 1e9) for mail in plan] == [
        mails.make(person, mail, 1e9) for mail in plan
    ]
    assert mails.plan(person) == plan


def test_contacts_have_pictures_lists_and_every_field(stand_ins: Callable[[int], StandIn]) -> None:
    client = _client(stand_ins, "berta@example.org")
    folder = client.config("folder/contacts")
    rows = client.get("contacts", "all", folder=folder, columns="596,602,518,511")["data"]
    assert sum(row[0] for row in rows) >= 5
    assert sum(row[1] for row in rows) >= 2
    assert max(len(row[2] or "") for row in rows) >= 20_000
    assert min(row[3] or 0 for row in rows) < -2_000_000_000_000
    identity = client.get("contacts", "all", folder=folder, columns="1,500")["data"][0][0]
    everything = client.get("contacts", "get", id=identity, folder=folder)["data"]
    assert len(everything) > 110


def test_an_empty_seed_holds_only_standard_folders(tmp_path: Path) -> None:
    databases = DatabaseServer(f"sqlite:///{tmp_path}")
    populate(databases, "empty")
    with databases.read("oxdatabase_5") as connection:
        for table in (groupware.mail, groupware.OBJECTS["calendar"][0], groupware.OBJECTS["tasks"][0]):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
        contacts = groupware.OBJECTS["contacts"][0]
        assert {row.fid for row in connection.execute(sa.select(contacts))} == {6}


def test_the_large_seed_gives_anton_a_large_mailbox(tmp_path: Path) -> None:
    databases = DatabaseServer(f"sqlite:///{tmp_path}")
    begun = time.monotonic()
    populate(databases, "large")
    assert time.monotonic() - begun < 60
    wanted: Expected = expected("anton@example.org", "large")
    assert (len(wanted.inbox), len(wanted.contacts), wanted.appointments, wanted.tasks) == (
        1000,
        200,
        200,
        50,
    )
    with databases.read("oxdatabase_5") as connection:
        mail = groupware.mail
        sizes = connection.execute(
            sa.select(mail.c.size).where(mail.c.cid == 1, mail.c.user == 3, mail.c.folder == 1)
        ).scalars()
        found = list(sizes)
        dates = groupware.OBJECTS["calendar"][0]
        mine = connection.execute(
            sa.select(sa.func.count()).where(dates.c.cid == 1, dates.c.created_by == 3)
        ).scalar()
    assert len(found) == 1000
    assert min(found) >= 800
    assert 60_000 < max(found) <= 102_400
    assert mine == 200


def test_numbered_users_fill_up_two_contexts_and_can_log_in() -> None:
    with StandIn(seed="small", users=14, generation=7) as stand_in:
        logins = [person.login for person in stand_in.users]
        assert len(logins) == 14
        server = Server(stand_in.url, "", stand_in.password, 7)
        for login in ("user0001@example.org", "user0002@example.org"):
            client = server.client(login)
            assert client.answer["context_id"] == (1 if login == "user0001@example.org" else 2)
            assert len(_mail_rows(client, "default0/INBOX", "600")) == 20


def test_init_is_idempotent_and_finishes_what_was_interrupted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}"
    databases = DatabaseServer(url)
    assert populate(databases, "empty") is True
    assert populate(databases, "empty") is False
    with databases.write(CONFIGDB) as connection:
        for table in (configdb.context, configdb.login2context, configdb.context_server2db_pool):
            connection.execute(table.delete())
    assert populate(databases, "empty") is True
    with databases.read(CONFIGDB) as connection:
        assert [context.cid for context in configdb.load_contexts(connection)] == [1, 2, 3]


def test_the_configdb_leads_from_a_context_to_its_schema(tmp_path: Path) -> None:
    databases = DatabaseServer(f"sqlite:///{tmp_path}")
    populate(databases, "empty", server_names=["here"])
    with databases.read(CONFIGDB) as connection:
        found = connection.execute(
            sa.text(
                "SELECT c.cid, p.db_schema, d.url FROM context c JOIN context_server2db_pool p ON p.cid = c.cid "
                "JOIN server s ON s.server_id = p.server_id AND s.name = 'here' "
                "JOIN db_pool d ON d.db_pool_id = p.write_db_pool_id ORDER BY c.cid"
            )
        ).all()
    assert [(row.cid, row.db_schema) for row in found] == [
        (1, "oxdatabase_5"),
        (2, "oxdatabase_6"),
        (3, "oxdatabase_6"),
    ]
    assert all(row.url.startswith("jdbc:") for row in found)
