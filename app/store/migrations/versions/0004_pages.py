"""Sessions of the web pages, ``usmPageSession``, and what is kept of a user whatever the device, ``usmUserField``.

A program of the version before does not know them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0004"
down_revision = "0003"

SESSIONS = "usmPageSession"
USED = "usmPageSession_used"
FIELDS = "usmUserField"
OPTIONS: dict[str, Any] = {
    f"{kind}_{option}": value
    for kind in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    """Make what is missing: MariaDB keeps each of these though the next one was never reached."""
    looked = sa.inspect(op.get_bind())
    if not looked.has_table(SESSIONS):
        op.create_table(
            SESSIONS,
            sa.Column("cid", _unsigned(), nullable=False, autoincrement=False),
            sa.Column("id", _text(64), nullable=False),
            sa.Column("user", _unsigned(), nullable=False),
            sa.Column("created", sa.BigInteger(), nullable=False),
            sa.Column("last_used", sa.BigInteger(), nullable=False),
            sa.Column("sealed", _bytes(), nullable=False),
            sa.PrimaryKeyConstraint("cid", "id"),
            **OPTIONS,
        )
    if USED not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(SESSIONS)}:
        op.create_index(USED, SESSIONS, ["last_used"])
    if not looked.has_table(FIELDS):
        op.create_table(
            FIELDS,
            sa.Column("cid", _unsigned(), nullable=False, autoincrement=False),
            sa.Column("user", _unsigned(), nullable=False, autoincrement=False),
            sa.Column("field", _text(128), nullable=False),
            sa.Column("value", _long_text(), nullable=False),
            sa.PrimaryKeyConstraint("cid", "user", "field"),
            **OPTIONS,
        )


def _unsigned() -> TypeEngine[int]:
    number: TypeEngine[int] = sa.Integer()
    return number.with_variant(mysql.INTEGER(unsigned=True), "mysql", "mariadb")


def _text(length: int) -> TypeEngine[str]:
    text: TypeEngine[str] = sa.String(length)
    return text.with_variant(
        mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
    )


def _long_text() -> TypeEngine[str]:
    text: TypeEngine[str] = sa.Text()
    return text.with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")


def _bytes() -> TypeEngine[bytes]:
    data: TypeEngine[bytes] = sa.LargeBinary()
    return data.with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
