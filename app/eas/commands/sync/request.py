"""Reading a Sync request (MS-ASCMD 2.2.1.21, 2.2.3.29.2).

* The children of a Collection have one order, and it is enforced, as the standard demands; a Class, which only
  versions up to 12.1 have, may stand anywhere before the options.
* Whatever breaks the standard is :class:`~app.eas.errors.Malformed` and ends the whole request with Status 4.
* An item's data are not looked at here: what is wrong with them concerns that item alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from app.eas import options
from app.eas.errors import Malformed
from app.eas.folders import MAX_ID
from app.eas.options import Options
from app.eas.reading import boolean, identifier, in_order, only, whole
from app.eas.versions import NEWEST, Version
from app.wbxml.element import Element

START: Final = "0"
MAX_COMMANDS: Final = 200
"""Add, Change, Delete and Fetch together in one request (MS-ASCMD 3.1.5.10)."""
MAX_NUMBER: Final = 2**31 - 1

COLLECTION_ORDER: Final = tuple(
    f"AirSync:{name}"
    for name in (
        "SyncKey",
        "CollectionId",
        "Supported",
        "DeletesAsMoves",
        "GetChanges",
        "WindowSize",
        "ConversationMode",
        "Options",
        "Commands",
    )
)


@dataclass(frozen=True, slots=True)
class Command:
    """One Add, Change, Delete or Fetch: ``verb`` is its tag. ``data``: the children of ApplicationData; ``instance``:
    the InstanceId of the one occurrence of a series that it is about, ``""`` for the whole item."""

    verb: str
    client_id: str = ""
    server_id: str = ""
    item_class: str = ""
    data: tuple[Element, ...] = ()
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One collection of a request. ``None`` stands for what the request does not say. ``cached``: it stands in for
    a collection of the last request, which the device did not name again."""

    id: str
    key: str
    supported: frozenset[str] | None = None
    deletes_as_moves: bool = True
    get_changes: bool | None = None
    window: int | None = None
    conversation: bool | None = None
    options: Options | None = None
    commands: tuple[Command, ...] = ()
    cached: bool = False

    @property
    def starts(self) -> bool:
        """Whether the collection begins anew."""
        return self.key == START


@dataclass(frozen=True, slots=True)
class Request:
    """``wait``: Wait in minutes, ``heartbeat``: HeartbeatInterval in seconds; at most one of them is set."""

    collections: tuple[Wanted, ...]
    wait: int | None = None
    heartbeat: int | None = None
    window: int | None = None
    partial: bool = False


def read(root: Element, version: Version = NEWEST) -> Request:
    """Raises ``Malformed``, ``StatusError`` 164."""
    collections = only(root, "AirSync:Collections")
    wait = only(root, "AirSync:Wait")
    heartbeat = only(root, "AirSync:HeartbeatInterval")
    window = only(root, "AirSync:WindowSize")
    partial = only(root, "AirSync:Partial") is not None
    if wait is not None and heartbeat is not None:
        raise Malformed("Wait and HeartbeatInterval exclude each other")
    if collections is None and not (partial and (wait, heartbeat, window) != (None, None, None)):
        raise Malformed("Sync names no collections")
    wanted = tuple(_read_collection(each, version) for each in ([] if collections is None else collections))
    request = Request(
        collections=wanted,
        wait=None if wait is None else whole(wait, 0, MAX_NUMBER),
        heartbeat=None if heartbeat is None else whole(heartbeat, 0, MAX_NUMBER),
        window=None if window is None else whole(window, 0, MAX_NUMBER),
        # An empty list means the collections of the last request (Android, quirk 19).
        partial=partial or not wanted,
    )
    _check(request)
    return request


def _check(request: Request) -> None:
    ids = [wanted.id for wanted in request.collections]
    if len(set(ids)) < len(ids):
        raise Malformed("one collection is named twice")
    count = sum(len(wanted.commands) for wanted in request.collections)
    if count > MAX_COMMANDS:
        raise Malformed(f"{count} commands in one request, {MAX_COMMANDS} are the most")


def _read_collection(element: Element, version: Version) -> Wanted:
    if element.name != "AirSync:Collection":
        raise Malformed(f"{element.name} in Collections")
    in_order(element, COLLECTION_ORDER, repeatable=("AirSync:Options",))
    supported = element.find("AirSync:Supported")
    moves = element.find("AirSync:DeletesAsMoves")
    changes = element.find("AirSync:GetChanges")
    window = element.find("AirSync:WindowSize")
    conversation = element.find("AirSync:ConversationMode")
    commands = element.find("AirSync:Commands")
    wanted = Wanted(
        id=identifier(element, "AirSync:CollectionId"),
        key=identifier(element, "AirSync:SyncKey"),
        supported=None if supported is None else frozenset(child.name for child in supported),
        deletes_as_moves=moves is None or boolean(moves),
        get_changes=None if changes is None else boolean(changes),
        window=None if window is None else whole(window, 0, MAX_NUMBER),
        conversation=None if conversation is None else boolean(conversation),
        options=options.read(element.find_all("AirSync:Options"), version),
        commands=() if commands is None else tuple(map(_read_command, commands)),
    )
    if wanted.starts and (wanted.get_changes or wanted.commands):
        raise Malformed("with key 0 there is nothing to get or change yet")
    return wanted


def _read_command(element: Element) -> Command:
    verb = element.name.removeprefix("AirSync:")
    if verb not in ("Add", "Change", "Delete", "Fetch"):
        raise Malformed(f"{element.name} in Commands")
    data = only(element, "AirSync:ApplicationData")
    item_class = only(element, "AirSync:Class")
    command = Command(
        verb=verb,
        client_id=_id(element, "AirSync:ClientId"),
        server_id=_id(element, "AirSync:ServerId"),
        item_class="" if item_class is None else item_class.text.strip(),
        data=() if data is None else tuple(data),
        instance=_id(element, "AirSyncBase:InstanceId"),
    )
    # An Add with a ServerId is a change of the item that the device has; an empty one counts for nothing (quirk 37).
    if verb == "Add" and command.server_id:
        command = replace(command, verb="Change")
    if not (command.client_id if command.verb == "Add" else command.server_id):
        raise Malformed(f"{verb} without an id")
    if command.verb in ("Add", "Change") and data is None:
        raise Malformed(f"{verb} without ApplicationData")
    return command


def _id(element: Element, name: str) -> str:
    child = only(element, name)
    text = "" if child is None else child.text.strip()
    if len(text) > MAX_ID:
        raise Malformed(f"{name} has {len(text)} characters, {MAX_ID} are the most")
    return text
