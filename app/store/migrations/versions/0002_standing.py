"""What an administrator decided of a device: two columns of ``USMSession`` and an index over the decisions.

Both are empty for nearly all devices, and a program of the version before leaves them so.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

TABLE = "USMSession"
INDEX = "USMSession_decided"


def upgrade() -> None:
    """Add what is missing: MariaDB keeps each of the three though the next one was never reached."""
    looked = sa.inspect(op.get_bind())
    there = {column["name"] for column in looked.get_columns(TABLE)}
    text = sa.String(16).with_variant(
        mysql.VARCHAR(16, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
    )
    if "standing" not in there:
        op.add_column(TABLE, sa.Column("standing", text, nullable=True))
    if "decided" not in there:
        op.add_column(TABLE, sa.Column("decided", sa.BigInteger(), nullable=True))
    if INDEX not in {index["name"] for index in looked.get_indexes(TABLE)}:
        op.create_index(INDEX, TABLE, ["decided"])
