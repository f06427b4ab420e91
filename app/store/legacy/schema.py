"""What is in a schema: which tables and procedures, and what they hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.store.legacy.errors import LegacyError
from app.store.legacy.names import LEGACY, OURS, Kind
from app.store.tables import VERSION_TABLE


@dataclass(frozen=True, slots=True)
class Found:
    """What a schema has. ``legacy`` and ``ours`` name tables, ``procedures`` those of the earlier product, all in the
    order of dropping. ``version``: Open-Xchange's number for the schema, ``None`` in a schema that is not
    Open-Xchange's."""

    legacy: tuple[str, ...]
    ours: tuple[str, ...]
    procedures: tuple[str, ...]
    version: int | None

    @property
    def is_legacy(self) -> bool:
        """Whether anything of an earlier product is there."""
        return bool(self.legacy or self.procedures)

    def tables(self, kind: Kind) -> tuple[str, ...]:
        """The tables of a product."""
        return self.legacy if kind is LEGACY else self.ours


@dataclass(frozen=True, slots=True)
class Table:
    """What a table is and holds: number of rows, the server's checksum of them, and the statement that makes it."""

    rows: int
    checksum: int
    create: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """The statement that makes a procedure, and the settings of the session that made it."""

    create: str
    sql_mode: str
    charset: str
    collation: str


def look(connection: Connection) -> Found:
    """Which of the tables and procedures are in the default schema.

    Where our version table is, the tables with our names are ours; what we have no such name for is the earlier
    product's all the same.
    """
    tables = set(
        connection.scalars(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
        )
    )
    routines = set(
        connection.scalars(
            text(
                "SELECT routine_name FROM information_schema.routines"
                " WHERE routine_schema = DATABASE() AND routine_type = 'PROCEDURE'"
            )
        )
    )
    mine = VERSION_TABLE in tables
    return Found(
        legacy=tuple(name for name in LEGACY.tables if name in tables and not (mine and name in OURS.tables)),
        ours=tuple(name for name in OURS.tables if name in tables) if mine else (),
        procedures=tuple(name for name in LEGACY.procedures if name in routines),
        version=_version(connection) if "version" in tables else None,
    )


def _version(connection: Connection) -> int | None:
    found = connection.execute(
        text(
            "SELECT COUNT(*) FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = 'version' AND column_name = 'version'"
        )
    ).scalar_one()
    value = connection.scalar(text("SELECT MAX(version) FROM version")) if found else None
    return None if value is None else int(value)


def quoted(name: str, schema: str = "") -> str:
    """A name as it stands in a statement. ``schema``: another one than the default."""
    own = f"`{name.replace('`', '``')}`"
    return f"{quoted(schema)}.{own}" if schema else own


def run(connection: Connection, statement: str) -> None:
    """Run a statement as it is written, whatever signs are in it."""
    connection.exec_driver_sql(statement.replace("%", "%%"))


def rows(connection: Connection, name: str, schema: str = "") -> int:
    """The number of rows of a table."""
    query = text(f"SELECT COUNT(*) FROM {quoted(name, schema)}")  # noqa: S608  # nosec B608 # quoted() is for names
    return int(connection.execute(query).scalar_one())


def measure(connection: Connection, names: Iterable[str], schema: str = "") -> dict[str, Table]:
    """Each of these tables as it is now; every row is read. ``schema``: another one than the default."""
    return {name: _measure(connection, name, schema) for name in names}


def _measure(connection: Connection, name: str, schema: str) -> Table:
    table = quoted(name, schema)
    create = connection.exec_driver_sql(f"SHOW CREATE TABLE {table}").one()[1]
    count = rows(connection, name, schema)
    checksum = connection.exec_driver_sql(f"CHECKSUM TABLE {table} EXTENDED").one()[1]
    if checksum is None:
        raise LegacyError(f"the table {table} cannot be read; CHECK TABLE tells what is wrong with it")
    return Table(count, int(checksum), str(create))


def procedures(connection: Connection, names: Iterable[str], schema: str = "") -> dict[str, Procedure]:
    """Each of these procedures as it is now."""
    return {name: _procedure(connection, name, schema) for name in names}


def _procedure(connection: Connection, name: str, schema: str) -> Procedure:
    row = connection.exec_driver_sql(f"SHOW CREATE PROCEDURE {quoted(name, schema)}").mappings().one()
    if row["Create Procedure"] is None:
        raise LegacyError(
            f"the procedure {name} belongs to another database user, so it cannot be read: give the user of"
            " configdb.properties the right SELECT on mysql.proc (MariaDB), or SHOW_ROUTINE (MySQL 8)"
        )
    return Procedure(
        create=str(row["Create Procedure"]),
        sql_mode=str(row["sql_mode"]),
        charset=str(row["character_set_client"]),
        collation=str(row["collation_connection"]),
    )


def make_procedure(connection: Connection, procedure: Procedure, schema: str) -> None:
    """Make a procedure in a schema, as the session did that made it first."""
    charset = procedure.charset if procedure.create.isascii() else "utf8mb4"
    before = connection.exec_driver_sql("SELECT @@sql_mode, DATABASE()").one()
    try:
        run(connection, f"USE {quoted(schema)}")
        run(connection, f"SET NAMES {charset}")
        if charset == procedure.charset:
            run(connection, f"SET collation_connection = {procedure.collation}")
        run(connection, f"SET SESSION sql_mode = '{procedure.sql_mode}'")
        run(connection, procedure.create)
    finally:
        run(connection, f"SET SESSION sql_mode = '{before[0]}'")
        run(connection, "SET NAMES utf8mb4")
        run(connection, f"USE {quoted(before[1])}")


def size(connection: Connection, names: Collection[str]) -> int:
    """About how many bytes the rows of these tables take."""
    query = text(
        "SELECT table_name, data_length FROM information_schema.tables WHERE table_schema = DATABASE()"
    )
    return sum(int(length or 0) for name, length in connection.execute(query) if name in names)


def referring(connection: Connection, names: Collection[str]) -> list[str]:
    """Tables beside these that refer to one of them, as ``table (constraint)``."""
    query = text(
        "SELECT DISTINCT table_name, referenced_table_name, constraint_name FROM information_schema.key_column_usage"
        " WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE()"
    )
    return [
        f"{table} ({constraint})"
        for table, referenced, constraint in connection.execute(query)
        if referenced in names and table not in names
    ]


def server_version(connection: Connection) -> str:
    """The server's name for its version."""
    return str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())
