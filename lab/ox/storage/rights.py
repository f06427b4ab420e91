"""Folder permissions as bits: folder, read, write, delete of 7 bits each, and one for the administrator.

Each field: 0 none, 1 own (folder: see), 2 all (folder: create objects), 4 (folder: create sub-folders), 64 all.
"""

from __future__ import annotations

from dataclasses import dataclass

SEE, CREATE, SUBFOLDERS, FULL = 1, 2, 4, 64
NONE, OWN, ALL = 0, 1, 2
_ADMIN_BIT = 1 << 28


@dataclass(frozen=True, slots=True)
class Permission:
    """What one user or group may do in a folder."""

    entity: int
    group: bool
    folder: int
    read: int
    write: int
    delete: int
    admin: bool

    @property
    def bits(self) -> int:
        """The packed number."""
        packed = self.folder | self.read << 7 | self.write << 14 | self.delete << 21
        return packed | (_ADMIN_BIT if self.admin else 0)

    @classmethod
    def unpacked(cls, entity: int, group: bool, bits: int) -> Permission:
        """The reverse of :attr:`bits`."""
        folder, read, write, delete = (bits >> 7 * n & 127 for n in range(4))
        return cls(entity, group, folder, read, write, delete, bool(bits & _ADMIN_BIT))


def owner(entity: int) -> Permission:
    """Everything: 403710016."""
    return Permission(entity, False, FULL, FULL, FULL, FULL, True)


def merged(permissions: list[Permission]) -> int:
    """What several permissions allow together."""
    if not permissions:
        return 0
    return Permission(
        0,
        False,
        max(each.folder for each in permissions),
        max(each.read for each in permissions),
        max(each.write for each in permissions),
        max(each.delete for each in permissions),
        any(each.admin for each in permissions),
    ).bits


def field(bits: int, which: str) -> int:
    """One field of a packed number: folder, read, write or delete."""
    return bits >> 7 * ("folder", "read", "write", "delete").index(which) & 127


def allows(bits: int, which: str, own: bool) -> bool:
    """Whether an object may be read, changed or deleted; ``own``: the user made it."""
    level = field(bits, which)
    return level >= ALL or (own and level >= OWN)
