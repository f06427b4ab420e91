"""The configdb: which context lives in which schema of which server, and which login belongs to which context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, Text

metadata = MetaData()
_OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def _id(name: str, primary_key: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=False, autoincrement=False, primary_key=primary_key)


configdb_sequence = Table("configdb_sequence", metadata, _id("id"), **_OPTIONS)
db_pool = Table(
    "db_pool",
    metadata,
    _id("db_pool_id", primary_key=True),
    Column("url", String(255), nullable=False),
    Column("driver", String(128), nullable=False),
    Column("login", String(128), nullable=False),
    Column("password", String(128), nullable=False),
    Column("hardlimit", Integer),
    Column("max", Integer),
    Column("initial", Integer),
    Column("name", String(128), nullable=False),
    **_OPTIONS,
)
db_cluster = Table(
    "db_cluster",
    metadata,
    _id("cluster_id", primary_key=True),
    _id("read_db_pool_id"),
    _id("write_db_pool_id"),
    Column("weight", Integer),
    Column("max_units", Integer),
    **_OPTIONS,
)
reason_text = Table(
    "reason_text", metadata, _id("id", primary_key=True), Column("text", String(255)), **_OPTIONS
)
context = Table(
    "context",
    metadata,
    _id("cid", primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("enabled", Boolean),
    Column("reason_id", Integer),
    Column("filestore_id", Integer),
    Column("filestore_name", String(32)),
    Column("filestore_login", String(32)),
    Column("filestore_passwd", String(32)),
    Column("quota_max", sa.BigInteger),
    **_OPTIONS,
)
filestore = Table(
    "filestore",
    metadata,
    _id("id", primary_key=True),
    Column("uri", String(255), nullable=False),
    Column("size", sa.BigInteger, nullable=False),
    Column("max_context", Integer),
    **_OPTIONS,
)
server = Table(
    "server",
    metadata,
    _id("server_id", primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    **_OPTIONS,
)
login2context = Table(
    "login2context",
    metadata,
    _id("cid"),
    Column("login_info", String(128), primary_key=True),
    **_OPTIONS,
)
context_server2db_pool = Table(
    "context_server2db_pool",
    metadata,
    _id("cid", primary_key=True),
    _id("server_id", primary_key=True),
    _id("read_db_pool_id"),
    _id("write_db_pool_id"),
    Column("db_schema", String(32), nullable=False),
    **_OPTIONS,
)
# Not a table of OX: who may administer all contexts (OX keeps it in the file ``mpasswd``).
standin_setting = Table(
    "standin_setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    **_OPTIONS,
)


@dataclass(frozen=True, slots=True)
class Context:
    """One context: its id, name, state, schema and login mappings."""

    cid: int
    name: str
    enabled: bool
    schema: str
    mappings: tuple[str, ...] = ()
    filestore_id: int = 1
    quota_mb: int = 0


def find_context(connection: sa.Connection, login_info: str) -> int | None:
    """The context a login text is mapped to."""
    return connection.execute(
        sa.select(login2context.c.cid).where(login2context.c.login_info == login_info)
    ).scalar()


def load_contexts(connection: sa.Connection) -> list[Context]:
    """All contexts, by id."""
    mappings: dict[int, list[str]] = {}
    for row in connection.execute(sa.select(login2context).order_by(login2context.c.login_info)):
        mappings.setdefault(row.cid, []).append(row.login_info)
    schemas = {row.cid: row.db_schema for row in connection.execute(sa.select(context_server2db_pool))}
    return [
        Context(
            cid=row.cid,
            name=row.name,
            enabled=bool(row.enabled),
            schema=schemas[row.cid],
            mappings=tuple(mappings.get(row.cid, ())),
            filestore_id=row.filestore_id or 1,
            quota_mb=row.quota_max or 0,
        )
        for row in connection.execute(sa.select(context).order_by(context.c.cid))
        if row.cid in schemas
    ]
