"""The tables in which sessions live, as SQLAlchemy Core sees them.

Rules:

* The tables stand among those of the groupware, in a schema shared by many contexts. Every row begins with the
  ``cid`` of its context, so that the tools which move, dump or delete a context take its rows along.
* ``USMSession`` has one row per (context, user, protocol, device). Everything else hangs on it by a foreign key and
  goes when it goes.
* Identifiers compare byte by byte (``utf8mb4_bin``, SQLite's ``BINARY``): a device or folder id in other letters is
  another one. Ids of unlimited length are found by their digest, since an index holds only so many bytes.
* A session's number is drawn at random: no sequence to lock, and a number never comes back for another session.
* The tables are made and changed by :mod:`app.store.migrations` only; these definitions say how they look at its head.

Moments are whole milliseconds since 1970-01-01 UTC, as in the groupware's own tables.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

VERSION_TABLE: Final = "usmSchemaVersion"
"""Alembic's version table; its usual name could belong to somebody else in this schema."""

PROTOCOL_LENGTH: Final = 32
DEVICE_LENGTH: Final = 128
STANDING_LENGTH: Final = 16
FIELD_LENGTH: Final = 128

HEAD_BLOCK: Final = -1
"""``USMDataStorage.block`` of the row that makes a counter a kept key."""
JOURNAL_BLOCK: Final = -2
"""``USMDataStorage.block`` of a folder's journal; its counter is 0."""

metadata = MetaData()

_MYSQL: Final = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_INNODB: Final[dict[str, Any]] = _MYSQL | {
    name.replace("mysql", "mariadb"): value for name, value in _MYSQL.items()
}


def _either(portable: TypeEngine[Any], special: TypeEngine[Any]) -> TypeEngine[Any]:
    return portable.with_variant(special, "mysql", "mariadb")


def _unsigned() -> TypeEngine[Any]:
    return _either(Integer(), mysql.INTEGER(unsigned=True))


def _identifier(length: int) -> TypeEngine[Any]:
    return _either(String(length), mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"))


def _text() -> TypeEngine[Any]:
    return _either(Text(), mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"))


def _bytes() -> TypeEngine[Any]:
    return _either(LargeBinary(), mysql.MEDIUMBLOB())


def _short_bytes() -> TypeEngine[Any]:
    return _either(LargeBinary(), mysql.VARBINARY(1024))


def _of_session(name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["cid", "session"], ["USMSession.cid", "USMSession.id"], name=name, ondelete="CASCADE"
    )


sessions: Final = Table(
    "USMSession",
    metadata,
    Column("cid", _unsigned(), nullable=False, autoincrement=False),
    Column("id", BigInteger, nullable=False, autoincrement=False),
    Column("user", _unsigned(), nullable=False),
    Column("protocol", _identifier(PROTOCOL_LENGTH), nullable=False),
    Column("device", _identifier(DEVICE_LENGTH), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger, nullable=False),
    Column("standing", _identifier(STANDING_LENGTH), nullable=True),
    Column("decided", BigInteger, nullable=True),
    PrimaryKeyConstraint("cid", "id"),
    UniqueConstraint("cid", "user", "protocol", "device", name="USMSession_device"),
    Index("USMSession_decided", "decided"),
    **_INNODB,
)
"""Who syncs: one user on one device over one protocol. ``standing``: what an administrator decided of the device, and
when (``decided``); see :mod:`app.usm.devices`. A device that is summoned has ``decided`` without a standing, too."""

fields: Final = Table(
    "USMSessionFields",
    metadata,
    Column("cid", _unsigned(), nullable=False, autoincrement=False),
    Column("session", BigInteger, nullable=False, autoincrement=False),
    Column("field", _identifier(FIELD_LENGTH), nullable=False),
    Column("value", _text(), nullable=False),
    PrimaryKeyConstraint("cid", "session", "field"),
    _of_session("USMSessionFields_session"),
    **_INNODB,
)
"""What a protocol remembers of a session."""

storage: Final = Table(
    "USMDataStorage",
    metadata,
    Column("cid", _unsigned(), nullable=False, autoincrement=False),
    Column("session", BigInteger, nullable=False, autoincrement=False),
    Column("folder", Integer, nullable=False, autoincrement=False),
    Column("counter", BigInteger, nullable=False, autoincrement=False),
    Column("block", Integer, nullable=False, autoincrement=False),
    Column("entries", Integer, nullable=False),
    Column("data", _bytes(), nullable=False),
    PrimaryKeyConstraint("cid", "session", "folder", "counter", "block"),
    _of_session("USMDataStorage_session"),
    **_INNODB,
)
"""What a device is known to hold: see :mod:`app.store.layers`. ``entries``: number of items in ``data``."""

folders: Final = Table(
    "usmIdMapping",
    metadata,
    Column("cid", _unsigned(), nullable=False, autoincrement=False),
    Column("session", BigInteger, nullable=False, autoincrement=False),
    Column("number", Integer, nullable=False, autoincrement=False),
    Column("digest", _identifier(64), nullable=False),
    Column("content", _identifier(16), nullable=False),
    Column("folder", _text(), nullable=False),
    PrimaryKeyConstraint("cid", "session", "number"),
    UniqueConstraint("cid", "session", "digest", name="usmIdMapping_digest"),
    _of_session("usmIdMapping_session"),
    **_INNODB,
)
"""The source's folder ids and the short numbers that a device knows them by. ``digest``: SHA-256 of the id."""

calendar_uids: Final = Table(
    "easUIDMapping",
    metadata,
    Column("cid", _unsigned(), nullable=False, autoincrement=False),
    Column("session", BigInteger, nullable=False, autoincrement=False),
    Column("digest", _identifier(64), nullable=False),
    Column("uid", _text(), nullable=False),
    Column("folder", Integer, nullable=False),
    Column("item", _text(), nullable=False),
    PrimaryKeyConstraint("cid", "session", "digest"),
    _of_session("easUIDMapping_session"),
    **_INNODB,
)
"""The UID that a device gave a calendar item, and the item. ``digest``: SHA-256 of the UID."""

app_passwords: Final = Table(
    "usmAppPassword",
    metadata,
    Column("cid", _unsigned(), nullable=False, autoincrement=False),
    Column("id", _identifier(16), nullable=False),
    Column("user", _unsigned(), nullable=False),
    Column("login", _identifier(255), nullable=False),
    Column("label", _identifier(128), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger, nullable=True),
    Column("salt", _short_bytes(), nullable=False),
    Column("verifier", _short_bytes(), nullable=False),
    Column("sealed", _short_bytes(), nullable=False),
    PrimaryKeyConstraint("cid", "id"),
    **_INNODB,
)
"""Passwords of single devices: see :mod:`app.store.app_passwords`."""

page_sessions: Final = Table(
    "usmPageSession",
    metadata,
    Column("cid", _unsigned(), nullable=False, autoincrement=False),
    Column("id", _identifier(64), nullable=False),
    Column("user", _unsigned(), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger, nullable=False),
    Column("sealed", _bytes(), nullable=False),
    PrimaryKeyConstraint("cid", "id"),
    Index("usmPageSession_used", "last_used"),
    **_INNODB,
)
"""Who is signed in to the web pages: see :mod:`app.store.page_sessions`. ``id``: a digest of the browser's token."""

user_fields: Final = Table(
    "usmUserField",
    metadata,
    Column("cid", _unsigned(), nullable=False, autoincrement=False),
    Column("user", _unsigned(), nullable=False, autoincrement=False),
    Column("field", _identifier(FIELD_LENGTH), nullable=False),
    Column("value", _text(), nullable=False),
    PrimaryKeyConstraint("cid", "user", "field"),
    **_INNODB,
)
"""What is kept of a user, whatever the device."""

traces: Final = Table(
    "usmTrace",
    metadata,
    Column("cid", _unsigned(), nullable=False, autoincrement=False),
    Column("id", _identifier(16), nullable=False),
    Column("user", _unsigned(), nullable=False),
    Column("device", _identifier(DEVICE_LENGTH), nullable=False),
    Column("login", _identifier(255), nullable=False),
    Column("bodies", Integer, nullable=False),
    Column("begun", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    PrimaryKeyConstraint("cid", "id"),
    **_INNODB,
)
"""Whose requests are written down now: see :mod:`app.store.traces`. Used in one schema only, the first by its name."""
