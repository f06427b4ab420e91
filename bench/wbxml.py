"""How fast WBXML is read and written: MB of WBXML a second of one processor, medians of several runs.

``python -m bench.wbxml``: one process, no input or output. Two kinds of documents, because they cost what their tags
cost, and not what their bytes do: windows of mails are mostly long strings, folders and contacts mostly tags. The
documents are made by rule, of names and texts as long as real ones, some of them outside of ASCII.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from app.wbxml import Element, decode, encode
from bench.figures import Figure, tell

RUNS: Final = 7
SECONDS: Final = 0.5
"""How long each run takes about."""
WINDOW: Final = 100
CONTACTS: Final = 200
FOLDERS: Final = 1000
TEXT: Final = 5120


def _leaves(**values: str) -> list[Element]:
    return [Element(name.replace("_", ":", 1), value) for name, value in values.items()]


def _sync(items: Iterator[Element]) -> Element:
    head = [Element("AirSync:SyncKey", "0123456789abcdef-17"), Element("AirSync:CollectionId", "5")]
    commands = Element(
        "AirSync:Commands",
        None,
        [
            Element("AirSync:Add", None, [Element("AirSync:ServerId", f"5:{1000 + number}"), item])
            for number, item in enumerate(items)
        ],
    )
    collection = Element("AirSync:Collection", None, [*head, Element("AirSync:Status", "1"), commands])
    return Element("AirSync:Sync", None, [Element("AirSync:Collections", None, [collection])])


def mails(count: int = WINDOW) -> Element:
    """A window of mails in plain text."""

    def one(number: int) -> Element:
        text = f"Zeile {number} eines Briefes mit Umlauten: ä, ö und ü.\r\n" * 200
        body = [
            *_leaves(AirSyncBase_Type="1", AirSyncBase_EstimatedDataSize="10000", AirSyncBase_Truncated="1"),
            Element("AirSyncBase:Data", text[:TEXT]),
        ]
        fields = _leaves(
            Email_To='"Anton Ahlers" <anton@example.org>',
            Email_From=f'"Berta Brömse" <berta.{number}@example.org>',
            Email_Subject=f"Bericht Nummer {number} über die Lage",
            Email_DateReceived="2026-11-23T04:20:20.000Z",
            Email_DisplayTo="Anton Ahlers",
            Email_ThreadTopic=f"Bericht Nummer {number} über die Lage",
            Email_Importance="1",
            Email_Read="0",
        )
        more = _leaves(
            Email_MessageClass="IPM.Note",
            Email_InternetCPID="65001",
            Email_ContentClass="urn:content-classes:message",
            AirSyncBase_NativeBodyType="1",
        )
        conversation = [
            Element("Email2:ConversationId", bytes(16)),
            Element("Email2:ConversationIndex", bytes(5)),
        ]
        return Element(
            "AirSync:ApplicationData",
            None,
            [*fields, Element("AirSyncBase:Body", None, body), *more, *conversation],
        )

    return _sync(map(one, range(count)))


def contacts(count: int = CONTACTS) -> Element:
    """A window of contacts with most fields."""

    def one(number: int) -> Element:
        return Element(
            "AirSync:ApplicationData",
            None,
            _leaves(
                Contacts_FirstName="Zoë",
                Contacts_LastName=f"Müller-{number}",
                Contacts_FileAs=f"Müller-{number}, Zoë",
                Contacts_Email1Address=f'"Zoë" <zoe.{number}@example.org>',
                Contacts_BusinessPhoneNumber=f"+49 30 5551{number}",
                Contacts_MobilePhoneNumber=f"+49 171 5551{number}",
                Contacts_HomePhoneNumber=f"030/5552{number}",
                Contacts_CompanyName="Beispiel GmbH",
                Contacts_JobTitle="Leiterin",
                Contacts_BusinessAddressStreet=f"Lange Straße {number}",
                Contacts_BusinessAddressPostalCode="10115",
                Contacts_BusinessAddressCity="Berlin",
                Contacts_Birthday="1980-02-29T00:00:00.000Z",
                Contacts2_NickName="Zo",
            ),
        )

    return _sync(map(one, range(count)))


def folders(count: int = FOLDERS) -> Element:
    """The answer to a first FolderSync."""
    rows = [
        Element(
            "FolderHierarchy:Add",
            None,
            _leaves(
                FolderHierarchy_ServerId=str(number),
                FolderHierarchy_ParentId=str(number // 10),
                FolderHierarchy_DisplayName=f"Ordner {number}",
                FolderHierarchy_Type="12",
            ),
        )
        for number in range(1, count + 1)
    ]
    changes = Element("FolderHierarchy:Changes", None, [Element("FolderHierarchy:Count", str(count)), *rows])
    return Element(
        "FolderHierarchy:FolderSync",
        None,
        [*_leaves(FolderHierarchy_Status="1", FolderHierarchy_SyncKey="0123456789abcdef-2"), changes],
    )


DOCUMENTS: Final[Sequence[tuple[str, Callable[[], Element], float]]] = (
    (f"{WINDOW} mails of {TEXT:,} bytes", mails, 20.0),
    (f"{CONTACTS} contacts", contacts, 3.0),
    (f"FolderSync of {FOLDERS:,}", folders, 3.0),
)
"""What is measured, and the MB a second that are wanted of it in both directions."""


def speed(work: Callable[[], object], size: int) -> float:
    """MB of ``size`` bytes each that are worked through in a second of a processor."""
    began = time.process_time()
    work()
    repeats = max(1, int(SECONDS / max(time.process_time() - began, 1e-6)))
    speeds = []
    for _ in range(RUNS):
        began = time.process_time()
        for _ in range(repeats):
            work()
        speeds.append(size * repeats / 1e6 / (time.process_time() - began))
    return statistics.median(speeds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell; exits with 1 if a target is missed."""
    argparse.ArgumentParser(prog="python -m bench.wbxml", description=__doc__).parse_args(arguments)
    rows = []
    for name, make, target in DOCUMENTS:
        tree = make()
        data = encode(tree)
        if decode(data) != tree:
            sys.exit(f"{name}: what is read is not what was written")
        for verb, work in (
            ("read", lambda data=data: decode(data)),
            ("write", lambda tree=tree: encode(tree)),
        ):
            rows.append(Figure(f"{verb} {name}", speed(work, len(data)), "MB/s", ("at least", target)))
    return tell("wbxml", rows)


if __name__ == "__main__":
    sys.exit(main())
