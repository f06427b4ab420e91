"""Hundreds of kinds of malformed requests, each with the answers that the rules allow (MS-ASHTTP 2.2.2, MS-ASCMD
2.2.2). All are made from right ones, and always the same."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from app.wbxml import Element, encode
from lab.device import documents
from lab.device.documents import SyncOptions, SyncRequest
from lab.device.query import Identity, base64_query, plain_query
from lab.device.state import Change

IN_DOCUMENT = frozenset({200})
"""A document with a Status other than 1."""
BAD = frozenset({400})
UNSUPPORTED = frozenset({501})
BAD_OR_IN_DOCUMENT = BAD | IN_DOCUMENT
ANYTHING_ORDERLY = frozenset({200, 400, 403, 449, 501, 505})

HEAD = b"\x03\x01\x6a\x00"
"""WBXML 1.3, public id 1, UTF-8, no string table."""


@dataclass(frozen=True)
class Kind:
    """One kind. ``must_fail``: with status 200, the document has to say so. ``headers`` that are ``None`` are left out;
    ``query`` may need the phone's policy key and is therefore made late."""

    name: str
    statuses: frozenset[int]
    version: str = "14.1"
    command: str = "FolderSync"
    method: str = "POST"
    query: Callable[[Identity, int], str] | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes = b""
    with_credentials: bool = True
    must_fail: bool = True


def kinds() -> list[Kind]:
    """All of them; no two with the same name."""
    made = [
        *_plain_queries(),
        *_base64_queries(),
        *_headers(),
        *_authorizations(),
        *_methods(),
        *_raw_bodies(),
        *_trees(),
        *_cut_bodies(),
        *_flipped_bodies(),
    ]
    assert len({kind.name for kind in made}) == len(made)
    return made


# --- the query -------------------------------------------------------------------------------------------------


def _fixed(text: str) -> Callable[[Identity, int], str]:
    return lambda identity, key: text


def _plain_queries() -> Iterator[Kind]:
    rest = "User=anton&DeviceId=bad1&DeviceType=Phone"
    for name in (
        "",
        "Nothing",
        "sync;",
        "Sync%00",
        "FolderSync%0D%0AX: y",
        "..",
        "%FF%FE",
        "Sync,Ping",
        "S" * 3000,
    ):
        yield Kind(f"plain: command {name[:20]!r}", UNSUPPORTED, query=_fixed(f"Cmd={name}&{rest}"))
    ids = (
        "",
        "%20",
        "a%00b",
        "a%0Ab",
        "a,b",
        "a'b",
        "a%22b",
        "a/b",
        "a%5Cb",
        "a%3Cb",
        "a;b",
        "%E2%82%AC",
        "x" * 33,
        "x" * 4000,
    )
    for text in ids:
        query = f"Cmd=FolderSync&User=anton&DeviceId={text}&DeviceType=Phone"
        yield Kind(f"plain: device id {text[:20]!r} {len(text)}", BAD_OR_IN_DOCUMENT, query=_fixed(query))
        yield Kind(f"plain 12.1: device id {text[:20]!r} {len(text)}", BAD, "12.1", query=_fixed(query))
    yield Kind("plain: no device id", BAD_OR_IN_DOCUMENT, query=_fixed("Cmd=FolderSync&User=anton"))
    yield Kind("plain: command only", BAD_OR_IN_DOCUMENT, query=_fixed("Cmd=FolderSync"))
    yield Kind("plain: separators only", BAD, query=_fixed("&&&==&=&"))
    yield Kind("plain: percent signs", BAD, query=_fixed("%%%zz%"))


def _base64_queries() -> Iterator[Kind]:
    identity = Identity("anton@example.org", "bad2", "Phone", "14.1")
    right = base64.b64decode(base64_query(identity, "FolderSync", {}, 0))
    for length in range(len(right)):
        text = base64.b64encode(right[:length]).decode()
        yield Kind(f"base64: cut to {length} bytes", BAD_OR_IN_DOCUMENT, query=_fixed(text))
    for number in (0, 1, 20, 119, 122, 142, 200, 255):
        text = base64.b64encode(bytes([number]) + right[1:]).decode()
        yield Kind(f"base64: version {number}", BAD, query=_fixed(text))
    yield Kind(
        "base64: version 1.0", frozenset({505}), query=_fixed(base64.b64encode(b"\x0a" + right[1:]).decode())
    )
    for code in (5, 6, 7, 8, 24, 25, 100, 255):
        text = base64.b64encode(right[:1] + bytes([code]) + right[2:]).decode()
        yield Kind(f"base64: command {code}", UNSUPPORTED, query=_fixed(text))
    for length in (1, 2, 3, 5, 255):
        device_id_end = 4 + 1 + right[4]
        text = base64.b64encode(
            right[:device_id_end] + bytes([length]) + b"k" * length + right[device_id_end + 1 :]
        )
        yield Kind(f"base64: policy key of {length} bytes", BAD, query=_fixed(text.decode()))
    for text in ("!", "====", "AAAA!AAA", "A", "jQkJ BAAA*", "{}", "%00%01"):
        yield Kind(f"base64: {text!r}", BAD, query=_fixed(text))
    tagged = right + bytes([8, 200]) + b"short"
    yield Kind("base64: parameter longer than the rest", BAD, query=_fixed(base64.b64encode(tagged).decode()))


# --- headers and methods ---------------------------------------------------------------------------------------


def _headers() -> Iterator[Kind]:
    for text in (
        "",
        "abc",
        "14",
        "14.1.1",
        "14.5",
        "99.9",
        "-1",
        "14.1,16.1",
        "٣.٤",
        "0x10",
        "2.0",
        "1.1",
    ):
        encoded = text.encode("utf-8").decode("latin-1")
        yield Kind(f"version {text!r}", BAD, headers={"MS-ASProtocolVersion": encoded})
    yield Kind("version 1.0", frozenset({505}), headers={"MS-ASProtocolVersion": "1.0"})
    yield Kind("no version", BAD, headers={"MS-ASProtocolVersion": None})
    for text in ("abc", "-1", "99999999999999", "1.5", "0x1", "1 1", "4711"):
        yield Kind(f"policy key {text!r}", IN_DOCUMENT, headers={"X-MS-PolicyKey": text})
        yield Kind(
            f"12.1: policy key {text!r}", frozenset({403, 449}), "12.1", headers={"X-MS-PolicyKey": text}
        )
    for text in (
        "text/plain",
        "application/json",
        "text/xml",
        "multipart/form-data; boundary=x",
        "message/rfc822",
        "/",
        "x" * 500,
    ):
        yield Kind(
            f"content type {text[:30]!r}",
            BAD_OR_IN_DOCUMENT,
            headers={"Content-Type": text},
            body=_folder_sync("0"),
        )
    for text in ("gzip", "deflate", "br", "compress", "x-unknown", "gzip, gzip"):
        is_known = text in ("gzip", "deflate")
        yield Kind(
            f"content coding {text!r}",
            frozenset({400 if is_known else 415}),
            headers={"Content-Encoding": text},
            body=_folder_sync("0"),
        )


def _authorizations() -> Iterator[Kind]:
    texts = (
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YQ",
        "Basic Og==",
        "Basic OnNlY3JldA==",
        "Bearer x",
        "Digest a=b",
        "basic",
        "x" * 2000,
    )
    for text in (*texts, "Basic " + "QUJD" * 900, "Basic " + base64.b64encode(b"anton\0:secret").decode()):
        yield Kind(
            f"authorization {text[:24]!r} {len(text)}",
            frozenset({401}),
            headers={"Authorization": text},
            with_credentials=False,
        )
    yield Kind("no authorization", frozenset({401}), with_credentials=False)


def _methods() -> Iterator[Kind]:
    for method in (
        "GET",
        "HEAD",
        "PUT",
        "DELETE",
        "PATCH",
        "TRACE",
        "PROPFIND",
        "REPORT",
        "BREW",
        "X-Y",
    ):
        yield Kind(f"method {method}", UNSUPPORTED | BAD, method=method, must_fail=False)


# --- the body --------------------------------------------------------------------------------------------------


def _folder_sync(key: str) -> bytes:
    return encode(documents.folder_sync(key))


def _raw_bodies() -> Iterator[Kind]:
    right = _folder_sync("0")
    bodies = {
        "text": b"hello",
        "XML": b"<?xml version='1.0'?><FolderSync xmlns='FolderHierarchy'/>",
        "JSON": b'{"SyncKey": 0}',
        "zeros": bytes(64),
        "ones": b"\xff" * 64,
        "one byte": b"\x03",
        "head only": HEAD,
        "WBXML 1.0": b"\x00" + right[1:],
        "WBXML 9": b"\x09" + right[1:],
        "string table": b"\x03\x01\x6a\x05abcde" + right[4:],
        "endless string table": b"\x03\x01\x6a\xff\xff\xff\xff\x7f" + right[4:],
        "endless number": b"\x03\x01\x6a" + b"\xff" * 100,
        "charset UTF-16": b"\x03\x01\x87\x78\x00" + right[4:],
        "page 255": HEAD + b"\x00\xff\x56\x01",
        "page switch at the end": HEAD + b"\x00",
        "unknown tag": HEAD + b"\x00\x07\x7f\x01",
        "attributes": HEAD + b"\x00\x07\xd6\x01",
        "literal": HEAD + b"\x00\x07\x44\x00\x01",
        "entity": HEAD + b"\x00\x07\x56\x52\x02\x20\x01\x01",
        "processing instruction": HEAD + b"\x43\x04\x01",
        "extension": HEAD + b"\x00\x07\x56\x52\x40abc\x00\x01\x01",
        "end without begin": HEAD + b"\x01\x01\x01",
        "two roots": right + right[4:],
        "something after the end": right + b"\x00",
        "text before the root": HEAD + b"\x03abc\x00\x00\x07\x16",
        "string without its end": HEAD + b"\x00\x07\x56\x52\x03abc",
        "string that is no UTF-8": HEAD + b"\x00\x07\x56\x52\x03\xff\xfe\x00\x01\x01",
        "opaque longer than the rest": HEAD + b"\x00\x07\x56\x52\xc3\x84\x80\x80\x00abc\x01\x01",
        "deeply nested": HEAD + b"\x00\x07" + b"\x56" * 50_000,
        "deeply nested and closed": HEAD + b"\x00\x07" + b"\x56" * 20_000 + b"\x01" * 20_000,
        "many page switches": HEAD + b"\x00\x07" * 50_000,
        "a great many tags": HEAD + b"\x00\x07\x56" + b"\x12" * 300_000 + b"\x01",
    }
    for name, body in bodies.items():
        yield Kind(f"body: {name}", BAD_OR_IN_DOCUMENT, body=body)
        yield Kind(f"12.1 body: {name}", BAD_OR_IN_DOCUMENT, "12.1", body=body)


def _trees() -> Iterator[Kind]:
    def tree(name: str, *children: Element, value: str | None = None) -> Element:
        return Element(name, value, children)

    folder = "FolderHierarchy"

    def key(text: str) -> Element:
        return tree(f"{folder}:SyncKey", value=text)

    for text in ("", "-1", "abc", "{0}1", "0x", "1" * 300, "{" + "a" * 60 + "}1", "4711", "1.0", "\u0663"):
        yield Kind(f"FolderSync: key {text[:16]!r}", IN_DOCUMENT, body=_folder_sync(text))
    trees = {
        "empty root": tree(f"{folder}:FolderSync"),
        "root with a text": tree(f"{folder}:FolderSync", value="0"),
        "two keys": tree(
            f"{folder}:FolderSync", tree(f"{folder}:SyncKey", value="0"), tree(f"{folder}:SyncKey", value="1")
        ),
        "key with children": tree(
            f"{folder}:FolderSync", tree(f"{folder}:SyncKey", tree(f"{folder}:Status", value="1"))
        ),
        "another page's key": tree(f"{folder}:FolderSync", tree("AirSync:SyncKey", value="0")),
        "another command's root": tree("AirSync:Sync", tree("AirSync:Collections")),
    }
    for name, root in trees.items():
        yield Kind(f"FolderSync: {name}", BAD_OR_IN_DOCUMENT, body=encode(root))
    yield from _sync_trees(tree)
    yield from _ping_trees(tree)


def _sync_trees(tree: Callable[..., Element]) -> Iterator[Kind]:
    def collection(*more: Element, key: str = "0", number: str = "1") -> Element:
        inner = [tree("AirSync:SyncKey", value=key), tree("AirSync:CollectionId", value=number), *more]
        return tree("AirSync:Sync", tree("AirSync:Collections", tree("AirSync:Collection", *inner)))

    def leaf(name: str, text: str) -> Element:
        return tree(f"AirSync:{name}", value=text)

    def sync(*collections: Element) -> Element:
        return tree("AirSync:Sync", tree("AirSync:Collections", *collections))

    for number in ("", "0", "-1", "99999", "abc", "1" * 100, "../1", "1:2"):
        yield Kind(
            f"Sync: collection {number[:12]!r}",
            IN_DOCUMENT,
            command="Sync",
            body=encode(collection(number=number)),
        )
    for key in ("", "abc", "-1", "{x}7", "99999999999"):
        yield Kind(f"Sync: key {key!r}", IN_DOCUMENT, command="Sync", body=encode(collection(key=key)))
    roots = {
        "no collections": tree("AirSync:Sync", leaf("WindowSize", "5")),
        "empty collections": tree("AirSync:Sync", tree("AirSync:Collections")),
        "empty collection": tree("AirSync:Sync", tree("AirSync:Collections", tree("AirSync:Collection"))),
        "no key": tree(
            "AirSync:Sync", tree("AirSync:Collections", tree("AirSync:Collection", leaf("CollectionId", "1")))
        ),
        "no collection id": tree(
            "AirSync:Sync", tree("AirSync:Collections", tree("AirSync:Collection", leaf("SyncKey", "0")))
        ),
        "wait and heartbeat": _with(collection(), leaf("Wait", "1"), leaf("HeartbeatInterval", "60")),
        "wait 0": _with(collection(), leaf("Wait", "0")),
        "wait 60": _with(collection(), leaf("Wait", "60")),
        "wait that is no number": _with(collection(), leaf("Wait", "soon")),
        "heartbeat 3541": _with(collection(), leaf("HeartbeatInterval", "3541")),
        "window that is no number": collection(leaf("WindowSize", "many"), key="{x}1"),
        "window below 0": collection(leaf("WindowSize", "-1"), key="{x}1"),
        "commands with key 0": collection(
            tree("AirSync:Commands", tree("AirSync:Delete", leaf("ServerId", "1:1")))
        ),
        "get changes with key 0": collection(leaf("GetChanges", "1")),
        "unknown filter": collection(tree("AirSync:Options", leaf("FilterType", "99")), key="{x}1"),
        "301 collections": tree(
            "AirSync:Sync",
            tree(
                "AirSync:Collections",
                *[
                    tree("AirSync:Collection", leaf("SyncKey", "0"), leaf("CollectionId", str(number)))
                    for number in range(1, 302)
                ],
            ),
        ),
        "too many commands": collection(
            tree(
                "AirSync:Commands", *[tree("AirSync:Delete", leaf("ServerId", f"1:{n}")) for n in range(2000)]
            ),
            key="{x}1",
        ),
    }
    for name, root in roots.items():
        yield Kind(f"Sync: {name}", BAD_OR_IN_DOCUMENT, command="Sync", body=encode(root))
        yield Kind(f"12.1 Sync: {name}", BAD_OR_IN_DOCUMENT, "12.1", command="Sync", body=encode(root))


def _with(root: Element, *more: Element) -> Element:
    return Element(root.name, None, [*root.children, *more])


def _ping_trees(tree: Callable[..., Element]) -> Iterator[Kind]:
    def ping(heartbeat: str | None, *folders: Element) -> bytes:
        head = [] if heartbeat is None else [tree("Ping:HeartbeatInterval", value=heartbeat)]
        return encode(tree("Ping:Ping", *head, *([tree("Ping:Folders", *folders)] if folders else [])))

    def folder(number: str) -> Element:
        return tree("Ping:Folder", tree("Ping:Id", value=number), tree("Ping:Class", value="Email"))

    inbox = folder("1")
    for heartbeat in ("", "0", "-5", "abc", "99999", "1" * 50, "60.5"):
        yield Kind(
            f"Ping: heartbeat {heartbeat[:12]!r}", IN_DOCUMENT, command="Ping", body=ping(heartbeat, inbox)
        )
    bodies = {
        "nothing at all": b"",
        "no folders": ping("60"),
        "empty folder": ping("60", tree("Ping:Folder")),
        "folder without class": ping("60", tree("Ping:Folder", tree("Ping:Id", value="99999"))),
        "unknown folder": ping(
            "60", tree("Ping:Folder", tree("Ping:Id", value="99999"), tree("Ping:Class", value="Email"))
        ),
        "301 folders": ping("60", *[inbox] * 301),
    }
    for name, body in bodies.items():
        yield Kind(f"Ping: {name}", IN_DOCUMENT, command="Ping", body=body)


def _right_bodies() -> Mapping[str, bytes]:
    """A right body of each command; none that the server could hold back or that changes anything."""
    options = SyncOptions(filter_type=0, body_type=1, truncation=500, conflict=1)
    change = Change("Change", "1:999999", fields=(Element("Email:Read", "1"),))
    sync = SyncRequest(
        version="14.1",
        collection_id="1",
        content_class="Email",
        sync_key="{aaaaaaaaaaaaaaaa}1",
        window=10,
        get_changes=True,
        deletes_as_moves=True,
        options=options,
        changes=(change,),
    )
    about = {"Model": "Bad phone", "OS": "BadOS", "UserAgent": "Bad/1.0"}
    return {
        "FolderSync": _folder_sync("0"),
        "Sync": encode(documents.sync(sync)),
        "GetItemEstimate": encode(documents.get_item_estimate(sync)),
        "Provision": encode(documents.ask_for_policy("14.1", about)),
        "Settings": encode(documents.settings(documents.device_information(about))),
    }


def _cut_bodies() -> Iterator[Kind]:
    for command, body in _right_bodies().items():
        step = max(1, len(body) // 24)
        for length in range(1, len(body), step):
            yield Kind(
                f"{command}: cut to {length} bytes", BAD_OR_IN_DOCUMENT, command=command, body=body[:length]
            )


def _flipped_bodies() -> Iterator[Kind]:
    for command, body in _right_bodies().items():
        draw = random.Random(command)
        for number in range(30):
            position = draw.randrange(4, len(body))
            changed = bytes([body[position] ^ (1 << draw.randrange(8))])
            flipped = body[:position] + changed + body[position + 1 :]
            yield Kind(
                f"{command}: bit {number} flipped at {position}",
                ANYTHING_ORDERLY,
                command=command,
                body=flipped,
                must_fail=False,
            )


def address(kind: Kind, identity: Identity, policy_key: int) -> str:
    """The query of a kind: its own, or the right one."""
    if kind.query is not None:
        return kind.query(identity, policy_key)
    return plain_query(identity, kind.command, {})
