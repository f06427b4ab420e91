"""Canned answers of a server, as trees."""

from __future__ import annotations

from collections.abc import Mapping

from app.wbxml import Element


def tree(name: str, *children: Element | None) -> Element:
    return Element(name, None, children)


def policy(key: str | None, *, status: str = "1", settings: Mapping[str, str] | None = None) -> Element:
    data = None
    if settings is not None:
        rows = [Element(f"Provision:{tag}", value) for tag, value in settings.items()]
        data = tree("Provision:Data", tree("Provision:EASProvisionDoc", *rows))
    return tree(
        "Provision:Provision",
        Element("Provision:Status", "1"),
        tree(
            "Provision:Policies",
            tree(
                "Provision:Policy",
                Element("Provision:PolicyType", "MS-EAS-Provisioning-WBXML"),
                Element("Provision:Status", status),
                Element("Provision:PolicyKey", key) if key else None,
                data,
            ),
        ),
    )


PROVISIONED = (policy("111", settings={"DevicePasswordEnabled": "0"}), policy("4294967295"))

SETTINGS = tree(
    "Settings:Settings",
    Element("Settings:Status", "1"),
    tree("Settings:DeviceInformation", Element("Settings:Status", "1")),
)


def folder(kind: str, server_id: str, parent: str, name: str, folder_type: int) -> Element:
    return tree(
        f"FolderHierarchy:{kind}",
        Element("FolderHierarchy:ServerId", server_id),
        Element("FolderHierarchy:ParentId", parent),
        Element("FolderHierarchy:DisplayName", name),
        Element("FolderHierarchy:Type", str(folder_type)),
    )


def folder_delete(server_id: str) -> Element:
    return tree("FolderHierarchy:Delete", Element("FolderHierarchy:ServerId", server_id))


def folders(key: str, *changes: Element, count: int | None = None) -> Element:
    return tree(
        "FolderHierarchy:FolderSync",
        Element("FolderHierarchy:Status", "1"),
        Element("FolderHierarchy:SyncKey", key),
        tree(
            "FolderHierarchy:Changes",
            Element("FolderHierarchy:Count", str(len(changes) if count is None else count)),
            *changes,
        ),
    )


HIERARCHY = folders(
    "h1",
    folder("Add", "m", "0", "Inbox", 2),
    folder("Add", "c", "0", "Contacts", 9),
    folder("Add", "p", "m", "Projects", 12),
)


def status(name: str, value: int) -> Element:
    return tree(name, Element(f"{name.partition(':')[0]}:Status", str(value)))


def item(kind: str, server_id: str, *fields: Element) -> Element:
    data = None if "Delete" in kind else tree("AirSync:ApplicationData", *fields)
    return tree(f"AirSync:{kind}", Element("AirSync:ServerId", server_id), data)


def response(
    kind: str, item_status: int, *, client_id: str = "", server_id: str = "", data: Element | None = None
) -> Element:
    return tree(
        f"AirSync:{kind}",
        Element("AirSync:ClientId", client_id) if client_id else None,
        Element("AirSync:ServerId", server_id) if server_id else None,
        Element("AirSync:Status", str(item_status)),
        data,
    )


def sync(
    collection_id: str,
    key: str,
    *commands: Element,
    responses: tuple[Element, ...] = (),
    more: bool = False,
    collection_status: int = 1,
) -> Element:
    collection = tree(
        "AirSync:Collection",
        Element("AirSync:SyncKey", key),
        Element("AirSync:CollectionId", collection_id),
        Element("AirSync:Status", str(collection_status)),
        Element("AirSync:MoreAvailable") if more else None,
        tree("AirSync:Responses", *responses) if responses else None,
        tree("AirSync:Commands", *commands) if commands else None,
    )
    return tree("AirSync:Sync", tree("AirSync:Collections", collection))


def estimate(collection_id: str, count: int) -> Element:
    return tree(
        "GetItemEstimate:GetItemEstimate",
        tree(
            "GetItemEstimate:Response",
            Element("GetItemEstimate:Status", "1"),
            tree(
                "GetItemEstimate:Collection",
                Element("GetItemEstimate:CollectionId", collection_id),
                Element("GetItemEstimate:Estimate", str(count)),
            ),
        ),
    )


def ping(value: int, *changed: str, heartbeat: int | None = None) -> Element:
    return tree(
        "Ping:Ping",
        Element("Ping:Status", str(value)),
        tree("Ping:Folders", *(Element("Ping:Folder", server_id) for server_id in changed))
        if changed
        else None,
        Element("Ping:HeartbeatInterval", str(heartbeat)) if heartbeat else None,
    )
