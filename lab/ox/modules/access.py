"""Which folder a call means, and whether its user may do there what it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lab.ox.errors import fault
from lab.ox.storage import folders, rights
from lab.ox.storage.folders import Folder
from lab.ox.storage.objects import Stored
from lab.ox.storage.users import User
from lab.ox.web.call import number


@dataclass(frozen=True, slots=True)
class Codes:
    """The error codes of one module of objects. ``see``: for a folder that the user does not see."""

    wrong_module: str
    read: str
    create: str
    write: str
    delete: str
    see: str = "FLD-0003"


CONTACT_CODES = Codes("CON-0103", "CON-0104", "CON-0112", "CON-0176", "CON-0169")
TASK_CODES = Codes("TSK-0006", "TSK-0023", "TSK-0025", "TSK-0033", "TSK-0014", "TSK-0046")


def folder_number(value: Any) -> int:
    """A folder's id given as number, text or ``con://0/31``."""
    return number(str(value).rpartition("/")[2], "folder")


def object_number(value: Any) -> int:
    """An object's id given as number or text."""
    return number(value, "id")


def open_folder(connection: sa.Connection, user: User, value: Any, module: str, codes: Codes) -> Folder:
    """The folder of an id: it must exist, hold such objects and be visible."""
    folder_id = folder_number(value)
    folder = folders.load(connection, user, folder_id)
    if folder is None:
        raise fault("FLD-0008", folder_id, 0)
    if folder.module != module:
        raise fault(codes.wrong_module, folder_id)
    if not rights.field(folder.own_rights, "folder"):
        raise fault(codes.see, folder_id, user.id, user.cid)
    return folder


def may_read(folder: Folder, user: User, stored: Stored) -> bool:
    """Whether the user may see an object of the folder."""
    return rights.allows(folder.own_rights, "read", stored.created_by == user.id)


def must_list(folder: Folder, codes: Codes) -> None:
    """Refuse to list a folder whose objects the user may not read at all."""
    if not rights.field(folder.own_rights, "read"):
        raise fault(codes.read, folder.id)


def must_create(folder: Folder, codes: Codes) -> None:
    """Refuse to create where the user may not."""
    if rights.field(folder.own_rights, "folder") < rights.CREATE:
        raise fault(codes.create, folder.id)


def must_write(folder: Folder, user: User, stored: Stored, codes: Codes) -> None:
    """Refuse to change what the user may not."""
    if not rights.allows(folder.own_rights, "write", stored.created_by == user.id):
        raise fault(codes.write, stored.id, folder.id)


def must_delete(folder: Folder, user: User, stored: Stored, codes: Codes) -> None:
    """Refuse to delete what the user may not."""
    if not rights.allows(folder.own_rights, "delete", stored.created_by == user.id):
        raise fault(codes.delete, stored.id, folder.id)
