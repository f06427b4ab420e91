"""App passwords: what they open, and what a copy of the database does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from app.store import SingleDatabase
from app.store.app_passwords import AppPasswords
from app.store.tables import app_passwords as table
from app.usm.errors import AccessDenied, StoreUnavailable
from app.usm.model import Credentials, User
from tests.fakes.clock import ManualClock

ANTON = User(1, 3, "anton@example.org")
SECRET = "geheim ä€:)"
KINDS = ["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)]


@pytest.fixture(params=KINDS)
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SingleDatabase]:
    if request.param == "mariadb":
        url = str(request.getfixturevalue("mariadb_url"))
    else:
        url = f"sqlite:///{tmp_path / 'state.db'}"
    made = SingleDatabase(url)
    yield made
    made.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def keys(databases: SingleDatabase, clock: ManualClock) -> AppPasswords:
    return AppPasswords(databases, clock)


def test_an_app_password_gives_the_password_that_ox_takes(keys: AppPasswords) -> None:
    made = keys.add(ANTON, SECRET, "phone")
    assert re.fullmatch(r"usm1(-[a-z2-7]{5}){5}", made)
    assert keys.resolve(Credentials("anton@example.org", made)) == Credentials("anton@example.org", SECRET)
    assert keys.is_valid(Credentials("anton@example.org", made))


@pytest.mark.parametrize("password", ["", "x", "ä" * 255, " " * 62, "a\0b"])
def test_any_password_comes_back_as_it_was(keys: AppPasswords, password: str) -> None:
    made = keys.add(ANTON, password, "phone")
    assert keys.resolve(Credentials(ANTON.login, made)).password == password


@pytest.mark.parametrize("typed", [str.upper, lambda text: f" {text} ", lambda text: text.replace("-", "- ")])
def test_it_may_be_typed_as_people_type(keys: AppPasswords, typed: object) -> None:
    made = keys.add(ANTON, SECRET, "phone")
    assert keys.resolve(Credentials("Anton@Example.ORG", typed(made))).password == SECRET  # type: ignore[operator]


@pytest.mark.parametrize("password", ["secret", "usm1-abc", "usm-abcde-abcde-abcde-abcde-abcde", ""])
def test_other_passwords_are_left_alone_without_asking_the_database(password: str) -> None:
    keys = AppPasswords(None, ManualClock())  # type: ignore[arg-type]
    assert keys.resolve(Credentials("anton", password)) == Credentials("anton", password)
    assert keys.is_valid(Credentials("anton", password))


def test_a_token_is_no_app_password_whatever_it_looks_like() -> None:
    keys = AppPasswords(None, ManualClock())  # type: ignore[arg-type]
    token = Credentials("", "usm1-abcde-abcde-abcde-abcde-abcde", is_token=True)
    assert keys.resolve(token) is token
    assert keys.is_valid(token)


def test_it_opens_its_own_users_mailbox_only(keys: AppPasswords) -> None:
    made = keys.add(ANTON, SECRET, "phone")
    with pytest.raises(AccessDenied):
        keys.resolve(Credentials("berta@example.org", made))


def test_a_wrong_letter_or_another_context_is_refused(keys: AppPasswords) -> None:
    made = keys.add(ANTON, SECRET, "phone")
    other = made[:-1] + ("a" if made[-1] != "a" else "b")
    for wrong in (other, made.replace("usm1-", "usm2-"), "usm1-aaaaa-aaaaa-aaaaa-aaaaa-aaaaa"):
        with pytest.raises(AccessDenied) as caught:
            keys.resolve(Credentials(ANTON.login, wrong))
        assert wrong not in str(caught.value)


def test_what_was_taken_back_is_gone(keys: AppPasswords) -> None:
    made, kept = keys.add(ANTON, SECRET, "phone"), keys.add(ANTON, SECRET, "tablet")
    first = made.split("-")[1]
    assert {found.id for found in keys.listed(1)} == {first, kept.split("-")[1]}
    assert keys.revoke(1, first)
    assert not keys.revoke(1, first)
    gone = Credentials(ANTON.login, made)
    assert not keys.is_valid(gone)
    with pytest.raises(AccessDenied):
        keys.resolve(gone)
    assert keys.resolve(Credentials(ANTON.login, kept)).password == SECRET


def test_an_administrator_sees_whose_they_are_and_when_they_were_used(
    keys: AppPasswords, clock: ManualClock
) -> None:
    made = keys.add(ANTON, SECRET, "Anton's phone ☎")
    (found,) = keys.listed(1)
    assert (found.context_id, found.user_id, found.login) == (1, 3, ANTON.login)
    assert found.label == "Anton's phone ☎"
    assert found.last_used is None
    assert abs(found.created - clock.now()) < timedelta(seconds=1)
    clock.advance(3600)
    keys.resolve(Credentials(ANTON.login, made))
    (found,) = keys.listed(1)
    assert found.last_used is not None
    assert found.last_used - found.created == timedelta(hours=1)
    assert keys.listed(2) == []
    assert keys.contexts() == [1]


def test_a_copy_of_the_database_opens_nothing(databases: SingleDatabase, keys: AppPasswords) -> None:
    made = keys.add(ANTON, "the-very-secret", "phone")
    keys.add(ANTON, "the-very-secret", "tablet")
    with databases.engine(1).connect() as connection:
        rows = [tuple(row) for row in connection.execute(text("SELECT * FROM usmAppPassword"))]
    dump = b"".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
    )
    assert b"the-very-secret" not in dump
    for group in made.split("-")[2:]:
        assert group.encode() not in dump
    salts, sealed = {row[-3] for row in rows}, {row[-1] for row in rows}
    assert len(salts) == len(sealed) == 2


def test_the_length_of_a_password_does_not_show(databases: SingleDatabase, keys: AppPasswords) -> None:
    for password in ("a", "b" * 60):
        keys.add(ANTON, password, "phone")
    with databases.engine(1).connect() as connection:
        sizes = {len(row.sealed) for row in connection.execute(table.select())}
    assert len(sizes) == 1


def test_a_row_of_another_user_cannot_be_put_in_place(databases: SingleDatabase, keys: AppPasswords) -> None:
    made = keys.add(User(1, 4, "eve@example.org"), SECRET, "phone")
    with databases.engine(1).begin() as connection:
        connection.execute(update(table).values(login=ANTON.login, user=3))
    with pytest.raises(AccessDenied, match="tampered"):
        keys.resolve(Credentials(ANTON.login, made))


BEFORE = {
    "password": "usm1-abcde-fghij-klmno-pqrst-uvwxy",
    "salt": bytes(range(16)),
    "verifier": bytes.fromhex("733d22658debcbe9dabb9eb76d8996a4cab10b5903eb3e2c8fc1efe8e70640ec"),
    "sealed": bytes.fromhex(
        "f06c19e995021c7f46a473b224b07fcbeb74a15b0d889cc2574e6c1a5f4a557a741e9a1571b99a70535839b150d73b23"
        "bbc9327e5566d8fc0ff831c930cdf5a7750abff310135aabb57033895daf9f607772169fe86ae2daf426e5a3023a6ae1"
    ),
}
"""An app password as the first version of this program kept it, for Anton."""


def make_before(databases: SingleDatabase) -> str:
    values = dict(BEFORE)
    password = str(values.pop("password"))
    about = {"cid": 1, "id": "abcde", "user": 3, "login": ANTON.login, "label": "phone", "created": 0}
    databases.database(1).write(lambda db: db.execute(table.insert().values(**about, **values)))
    return password


def test_what_the_first_version_kept_opens_and_stays_as_it_is(
    databases: SingleDatabase, keys: AppPasswords
) -> None:
    credentials = Credentials(ANTON.login, make_before(databases))
    assert keys.resolve(credentials).password == SECRET
    with databases.engine(1).connect() as connection:
        (row,) = connection.execute(table.select())
    assert (row.salt, row.verifier, row.sealed) == (BEFORE["salt"], BEFORE["verifier"], BEFORE["sealed"])
    assert row.last_used is not None
    with pytest.raises(AccessDenied, match="wrong"):
        keys.resolve(Credentials(ANTON.login, credentials.password[:-1] + "z"))


def test_what_is_made_now_is_in_the_form_of_all_secrets(
    databases: SingleDatabase, keys: AppPasswords
) -> None:
    keys.add(ANTON, SECRET, "phone")
    with databases.engine(1).connect() as connection:
        (row,) = connection.execute(table.select())
    assert (len(row.sealed), row.sealed[0]) == (64 + 29, 1)


def test_what_the_first_version_kept_cannot_be_put_in_anothers_place(
    databases: SingleDatabase, keys: AppPasswords
) -> None:
    password = make_before(databases)
    with databases.engine(1).begin() as connection:
        connection.execute(update(table).values(login="berta@example.org"))
    with pytest.raises(AccessDenied, match="tampered"):
        keys.resolve(Credentials("berta@example.org", password))


@pytest.mark.parametrize(
    ("user", "password", "label"),
    [
        (ANTON, "x", "l" * 129),
        (User(1, 3, "l" * 256), "x", "phone"),
        (ANTON, "x" * 513, "phone"),
    ],
)
def test_what_does_not_fit_is_refused(keys: AppPasswords, user: User, password: str, label: str) -> None:
    with pytest.raises(ValueError, match="may have"):
        keys.add(user, password, label)


def test_a_database_that_cannot_note_the_use_lets_the_user_in(
    keys: AppPasswords, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = keys.add(ANTON, SECRET, "phone")

    def fail(named: object) -> None:
        raise StoreUnavailable("read only")

    monkeypatch.setattr(keys, "_touch", fail)
    assert keys.resolve(Credentials(ANTON.login, made)).password == SECRET
