"""Writing a Sync answer (MS-ASCMD 2.2.3.29.2).

* Nothing to tell is an empty body, never an empty Collections: iOS crashes on that (quirk 4).
* MoreAvailable stands between Status and Commands, the only place Windows Mobile takes it (quirk 3); containers
  without content are left out.
"""

from __future__ import annotations

from typing import Final

from app.eas.commands.sync.collect import Reply
from app.eas.folders import CLASSES, server_id
from app.eas.versions import CLASS_IN_COLLECTION_UNTIL, Version
from app.usm.model import ChangeKind, ServerChange
from app.wbxml.element import Element

_TAGS: Final = {
    ChangeKind.ADD: "AirSync:Add",
    ChangeKind.CHANGE: "AirSync:Change",
    ChangeKind.DELETE: "AirSync:Delete",
    ChangeKind.FORGET: "AirSync:SoftDelete",
}


def write(replies: list[Reply], version: Version) -> Element | None:
    """The answer, ``None`` for an empty one."""
    if not replies:
        return None
    collections = [_collection(reply, version) for reply in replies]
    return Element("AirSync:Sync", children=[Element("AirSync:Collections", children=collections)])


def _collection(reply: Reply, version: Version) -> Element:
    folder = reply.job.folder
    has_class = version <= CLASS_IN_COLLECTION_UNTIL
    commands = [_command(change, folder.number) for change in reply.changes]
    return Element(
        "AirSync:Collection",
        children=[
            Element("AirSync:Class", CLASSES[folder.content]) if has_class else None,
            Element("AirSync:SyncKey", reply.key),
            Element("AirSync:CollectionId", reply.job.wanted.id),
            Element("AirSync:Status", str(reply.status.value)),
            Element("AirSync:MoreAvailable") if reply.more else None,
            Element("AirSync:Responses", children=reply.responses) if reply.responses else None,
            Element("AirSync:Commands", children=commands) if commands else None,
        ],
    )


def _command(change: ServerChange, folder: int) -> Element:
    name = Element("AirSync:ServerId", server_id(folder, change.item_id))
    return Element(_TAGS[change.kind], children=[name, change.payload])
