"""What is remembered of a collection: its options and the properties that the device knows (MS-ASCMD 2.2.3.29).

It is there from the collection's first Sync on; so its absence tells that a collection was never synchronised.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.eas import memory
from app.eas.memory import Memory
from app.eas.options import Options


@dataclass(frozen=True, slots=True)
class Collection:
    """``supported``: tags that the device named at its first Sync, ``None`` if it named none. ``conversations``:
    within its time span the device wants whole conversations."""

    options: Options = field(default_factory=Options)
    supported: frozenset[str] | None = None
    conversations: bool = False


def recall(folder: int, remembered: Memory) -> Collection | None:
    """``None`` for a collection that was never synchronised."""
    value = remembered.value(f"{memory.COLLECTION}{folder}")
    if not isinstance(value, dict):
        return None
    supported = value.get("supported")
    return Collection(
        Options.loads(value.get("options")),
        frozenset(map(str, supported)) if isinstance(supported, list) else None,
        value.get("conversations") is True,
    )


def keep(folder: int, collection: Collection, remembered: Memory) -> None:
    """Remember it for the next request."""
    supported = collection.supported
    remembered.write_value(
        f"{memory.COLLECTION}{folder}",
        {
            "options": collection.options.dumps(),
            "supported": None if supported is None else sorted(supported),
            "conversations": collection.conversations,
        },
    )
