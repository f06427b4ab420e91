"""The first set of tables.

Each table is made only if it is missing, and with all its keys at once: MariaDB keeps what a migration did before it
was killed.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

OPTIONS: dict[str, Any] = {
    f"{kind}_{option}": value
    for kind in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def either(portable: TypeEngine[Any], special: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type for SQLite and that for MariaDB as one."""
    return portable.with_variant(special, "mysql", "mariadb")


def unsigned() -> TypeEngine[Any]:
    """The groupware's type for ids of contexts and users."""
    return either(sa.Integer(), mysql.INTEGER(unsigned=True))


def identifier(length: int) -> TypeEngine[Any]:
    """A text that is compared byte by byte."""
    return either(sa.String(length), mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"))


def long_text() -> TypeEngine[Any]:
    """A text without a length worth naming."""
    return either(sa.Text(), mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"))


def key(name: str, kind: TypeEngine[Any]) -> sa.Column[Any]:
    """A column of a primary key."""
    return sa.Column(name, kind, nullable=False, autoincrement=False)


def value(name: str, kind: TypeEngine[Any]) -> sa.Column[Any]:
    """Any other column."""
    return sa.Column(name, kind, nullable=False)


def of_session(table: str) -> sa.ForeignKeyConstraint:
    """Rows that go with their session."""
    return sa.ForeignKeyConstraint(
        ["cid", "session"], ["USMSession.cid", "USMSession.id"], name=f"{table}_session", ondelete="CASCADE"
    )


def upgrade() -> None:
    """Make the five tables."""
    op.create_table(
        "USMSession",
        key("cid", unsigned()),
        key("id", sa.BigInteger()),
        value("user", unsigned()),
        value("protocol", identifier(32)),
        value("device", identifier(128)),
        value("created", sa.BigInteger()),
        value("last_used", sa.BigInteger()),
        sa.PrimaryKeyConstraint("cid", "id"),
        sa.UniqueConstraint("cid", "user", "protocol", "device", name="USMSession_device"),
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "USMSessionFields",
        key("cid", unsigned()),
        key("session", sa.BigInteger()),
        key("field", identifier(128)),
        value("value", long_text()),
        sa.PrimaryKeyConstraint("cid", "session", "field"),
        of_session("USMSessionFields"),
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "USMDataStorage",
        key("cid", unsigned()),
        key("session", sa.BigInteger()),
        key("folder", sa.Integer()),
        key("counter", sa.BigInteger()),
        key("block", sa.Integer()),
        value("entries", sa.Integer()),
        value("data", either(sa.LargeBinary(), mysql.MEDIUMBLOB())),
        sa.PrimaryKeyConstraint("cid", "session", "folder", "counter", "block"),
        of_session("USMDataStorage"),
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "usmIdMapping",
        key("cid", unsigned()),
        key("session", sa.BigInteger()),
        key("number", sa.Integer()),
        value("digest", identifier(64)),
        value("content", identifier(16)),
        value("folder", long_text()),
        sa.PrimaryKeyConstraint("cid", "session", "number"),
        sa.UniqueConstraint("cid", "session", "digest", name="usmIdMapping_digest"),
        of_session("usmIdMapping"),
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "easUIDMapping",
        key("cid", unsigned()),
        key("session", sa.BigInteger()),
        key("digest", identifier(64)),
        value("uid", long_text()),
        value("folder", sa.Integer()),
        value("item", long_text()),
        sa.PrimaryKeyConstraint("cid", "session", "digest"),
        of_session("easUIDMapping"),
        if_not_exists=True,
        **OPTIONS,
    )
