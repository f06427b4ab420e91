"""Passwords of single devices: ``usmAppPassword``. A program of the version before does not know them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"

TABLE = "usmAppPassword"
OPTIONS: dict[str, Any] = {
    f"{kind}_{option}": value
    for kind in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    """Make the table if it is missing."""
    if sa.inspect(op.get_bind()).has_table(TABLE):
        return
    number: TypeEngine[int] = sa.Integer()
    unsigned = number.with_variant(mysql.INTEGER(unsigned=True), "mysql", "mariadb")
    op.create_table(
        TABLE,
        sa.Column("cid", unsigned, nullable=False, autoincrement=False),
        sa.Column("id", _text(16), nullable=False),
        sa.Column("user", unsigned, nullable=False),
        sa.Column("login", _text(255), nullable=False),
        sa.Column("label", _text(128), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_used", sa.BigInteger(), nullable=True),
        sa.Column("salt", _bytes(), nullable=False),
        sa.Column("verifier", _bytes(), nullable=False),
        sa.Column("sealed", _bytes(), nullable=False),
        sa.PrimaryKeyConstraint("cid", "id"),
        **OPTIONS,
    )


def _text(length: int) -> TypeEngine[str]:
    text: TypeEngine[str] = sa.String(length)
    return text.with_variant(
        mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
    )


def _bytes() -> TypeEngine[bytes]:
    data: TypeEngine[bytes] = sa.LargeBinary()
    return data.with_variant(mysql.VARBINARY(1024), "mysql", "mariadb")
