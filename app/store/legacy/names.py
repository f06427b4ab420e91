"""What an earlier USM product left in a schema, by name: the guide's list, in the order in which the guide drops it.

The order matters: the other tables may refer to ``USMSession``, which therefore goes last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.store.tables import VERSION_TABLE, metadata


@dataclass(frozen=True, slots=True)
class Kind:
    """Tables and procedures of one product, each in the order in which they are dropped. ``name`` stands in files,
    ``word`` in messages."""

    name: str
    word: str
    tables: tuple[str, ...]
    procedures: tuple[str, ...] = ()


LEGACY: Final = Kind(
    "legacy",
    "an earlier USM product",
    tables=(
        "USMSessionFields",
        "sequence_usmSessionId",
        "USMDataStorage",
        "usmIdMapping",
        "sequence_usmIdMapping",
        "easUIDMapping",
        "USMSession",
    ),
    procedures=("get_sequence_usmIdMapping_id", "get_sequence_usmSessionId_id"),
)
"""The earlier product: our beta, or the vendor's."""

OURS: Final = Kind(
    "ours",
    "this program",
    tables=(*(table.name for table in reversed(metadata.sorted_tables)), VERSION_TABLE),
)
"""This program's own tables. The version table, by which they are told from the earlier product's, goes last."""

KINDS: Final = {kind.name: kind for kind in (LEGACY, OURS)}
