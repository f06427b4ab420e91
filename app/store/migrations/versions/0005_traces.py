"""What is traced now: ``usmTrace``. A program of the version before does not know it, and traces nothing."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"

TABLE = "usmTrace"
OPTIONS: dict[str, Any] = {
    f"{kind}_{option}": value
    for kind in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    """Make the table if it is missing."""
    if sa.inspect(op.get_bind()).has_table(TABLE):
        return
    op.create_table(
        TABLE,
        sa.Column("cid", _unsigned(), nullable=False, autoincrement=False),
        sa.Column("id", _text(16), nullable=False),
        sa.Column("user", _unsigned(), nullable=False),
        sa.Column("device", _text(128), nullable=False),
        sa.Column("login", _text(255), nullable=False),
        sa.Column("bodies", sa.Integer(), nullable=False),
        sa.Column("begun", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("cid", "id"),
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
