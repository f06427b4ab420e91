"""The stores that must all keep the same contract, and a MariaDB server for those that need one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import delete

from app.store import Databases, SingleDatabase, SqlStateStore, open_databases
from app.store.migrations import migrate
from app.store.sealed import Ring
from app.store.tables import sessions
from app.usm.model import SessionId
from app.usm.ports import StateStore
from tests.fakes.store import MemoryStore
from tests.mariadb import MariaDbServer, is_installed
from tests.store.groupware import Groupware


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    """One server for all tests of the session; each test makes databases of its own in it."""
    if not is_installed():
        pytest.skip("Debian's package mariadb-server-core is not installed; make test installs it")
    with MariaDbServer() as server:
        yield server


@pytest.fixture
def mariadb_url(mariadb: MariaDbServer) -> Iterator[str]:
    """The URL of an empty database."""
    with mariadb.database() as name:
        yield mariadb.url(name)


@pytest.fixture
def groupware(mariadb: MariaDbServer, tmp_path: Path) -> Iterator[Groupware]:
    """A configuration database with three contexts in two schemas."""
    with Groupware.made(mariadb, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def used_mariadb_url(mariadb: MariaDbServer) -> Iterator[str]:
    """The URL of a database that the tests of the store share; making tables takes longer than emptying them."""
    with mariadb.database() as name:
        yield mariadb.url(name)


@pytest.fixture(scope="session")
def used_groupware(mariadb: MariaDbServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groupware]:
    """Like ``groupware``, shared by the tests of the store."""
    with Groupware.made(mariadb, tmp_path_factory.mktemp("etc")) as made:
        yield made


def emptied(databases: Databases) -> None:
    """Remove what an earlier test left."""
    for schema in databases.schemas():
        migrate(databases.unprepared(schema).migration_engine(), schema.name)
        databases.unprepared(schema).write(lambda connection: connection.execute(delete(sessions)))


@pytest.fixture
def session() -> SessionId:
    """A session of context 1."""
    return SessionId(1, 3, "EAS", "APPL1234567890")


SQL_STORES = (
    "sqlite memory",
    "sqlite file",
    pytest.param("mariadb", marks=pytest.mark.mariadb),
    pytest.param("configdb", marks=pytest.mark.mariadb),
)
STORES = ("fake", *SQL_STORES)

RING = Ring([bytes(range(32))])

OpenStore = Callable[[], StateStore]


@pytest.fixture
def open_stores(request: pytest.FixtureRequest) -> Iterator[Callable[[str], OpenStore]]:
    """Kind of store → a function that opens it: all that it opens share one database, as nodes do."""
    with ExitStack() as stack:

        def choose(kind: str) -> OpenStore:
            if kind == "fake":
                fake = MemoryStore()
                return lambda: fake
            if kind == "sqlite memory":
                memory = SingleDatabase("sqlite://")
                stack.callback(memory.close)
                return lambda: SqlStateStore(memory, lock_timeout=0.3, ring=RING)
            if kind == "configdb":
                etc = request.getfixturevalue("used_groupware").etc
                emptied(opened(None, etc))
                return lambda: SqlStateStore(opened(None, etc), lock_timeout=0.3, ring=RING)
            if kind == "mariadb":
                url = request.getfixturevalue("used_mariadb_url")
                emptied(opened(url))
            else:
                url = f"sqlite:///{request.getfixturevalue('tmp_path') / 'state.db'}"
            return lambda: SqlStateStore(opened(url), lock_timeout=0.3, ring=RING)

        def opened(url: str | None, etc: Path | None = None) -> Databases:
            databases = open_databases(url, etc)
            stack.callback(databases.close)
            return databases

        yield choose


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, open_stores: Callable[[str], OpenStore]) -> StateStore:
    """Each kind of store in turn."""
    return open_stores(request.param)()


@pytest.fixture(params=SQL_STORES)
def open_sql_store(request: pytest.FixtureRequest, open_stores: Callable[[str], OpenStore]) -> OpenStore:
    """Opens the same SQL store as often as it is called, as several nodes would."""
    return open_stores(request.param)


@pytest.fixture
def sql_store(open_sql_store: OpenStore) -> StateStore:
    """Each kind of SQL store in turn."""
    return open_sql_store()
