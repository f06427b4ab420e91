"""A wait as a phone's: what lies between gives up earlier than it should, or does not (MS-ASCMD 2.2.1.13, Ping).

The phone is made up for it: it takes the policy, looks for a folder that it can hold whole within a few requests, and
waits for changes of that one. It changes nothing in the mailbox. The service remembers it as a device whose id begins
like those of the deployment's checks, which nobody counts.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from app.administration.findings import Finding, ok, warning, wrong
from app.usm.model import Credentials
from app.wbxml import Element, WbxmlError, decode, encode

if TYPE_CHECKING:
    from app.administration.doctor.outside import Site

DEVICE: Final = "USMDEPLOYCHECKDOCTOR"
VERSION: Final = "12.1"
"""The version with the fewest formalities."""

POLICY: Final = "MS-EAS-Provisioning-WBXML"
FOLDERS: Final = ("7", "10", "3", "4", "9", "8", "12", "2")
"""Types of folders (MS-ASCMD 2.2.3.186.3), the ones with few items first."""
ROUNDS: Final = 4
"""So many requests may one folder take."""
TRIED: Final = 8

GRACE: Final = 30
"""Seconds that the answer may take beyond the wait itself."""

_NO_CHANGE, _CHANGE, _BOUNDS = "1", "2", "5"
_CLASSES: Final = {"7": "Tasks", "8": "Calendar", "9": "Contacts", "10": "Notes"}


class Refused(Exception):
    """The server, or somebody before it, did not answer as it should; says what."""


class _Phone:
    """The made-up phone."""

    def __init__(self, site: Site, login: str) -> None:
        self._site = site
        self._query = f"User={quote(login, safe='')}&DeviceId={DEVICE}&DeviceType=DeploymentCheck"
        self._policy_key = "0"

    def ask(self, command: str, document: Element, seconds: float = 0) -> Element | None:
        """One command; ``None`` for an empty answer. Raises :class:`Refused`, ``OSError``, ``HTTPException``."""
        path = f"{self._site.path}?Cmd={command}&{self._query}"
        headers = {
            "MS-ASProtocolVersion": VERSION,
            "X-MS-PolicyKey": self._policy_key,
            "Content-Type": "application/vnd.ms-sync.wbxml",
        }
        status, body = self._site.post(path, encode(document), headers, seconds)
        if status != http.client.OK:
            raise Refused(f"{command} is answered with HTTP status {status}")
        try:
            return decode(body) if body else None
        except WbxmlError as error:
            raise Refused(f"{command} is answered by somebody else: {error}") from error

    def take_policy(self) -> None:
        """As far as there is one."""
        kind = Element("Provision:PolicyType", POLICY)
        for status in (None, Element("Provision:Status", "1")):
            key = Element("Provision:PolicyKey", self._policy_key) if status else None
            policy = Element("Provision:Policy", None, [kind, key, status])
            policies = Element("Provision:Policies", None, [policy])
            answer = self.ask("Provision", Element("Provision:Provision", None, [policies]))
            found = _below(answer, "Provision:Policies", "Provision:Policy", "Provision:PolicyKey")
            if found is None:
                return
            self._policy_key = found.text

    def folders(self) -> list[tuple[str, str]]:
        """Number and type of those that can be waited for, the smallest first as far as the type tells."""
        key = Element("FolderHierarchy:SyncKey", "0")
        answer = self.ask("FolderSync", Element("FolderHierarchy:FolderSync", None, [key]))
        changes = _below(answer, "FolderHierarchy:Changes")
        rows = changes.find_all("FolderHierarchy:Add") if changes else []
        found = [
            (row.text_of("FolderHierarchy:ServerId") or "", row.text_of("FolderHierarchy:Type") or "")
            for row in rows
        ]
        wanted = [(number, kind) for number, kind in found if kind in FOLDERS]
        return sorted(wanted, key=lambda each: FOLDERS.index(each[1]))

    def holds(self, number: str, kind: str) -> bool:
        """Whether the phone holds the whole folder after a few requests."""
        key = "0"
        for _ in range(ROUNDS):
            collection = [
                Element("AirSync:Class", _CLASSES.get(kind, "Email")),
                Element("AirSync:SyncKey", key),
                Element("AirSync:CollectionId", number),
            ]
            if key != "0":
                collection += [Element("AirSync:GetChanges"), Element("AirSync:WindowSize", "512")]
            collections = Element(
                "AirSync:Collections", None, [Element("AirSync:Collection", None, collection)]
            )
            answer = self.ask("Sync", Element("AirSync:Sync", None, [collections]))
            if answer is None:
                return True
            found = _below(answer, "AirSync:Collections", "AirSync:Collection")
            if found is None or found.text_of("AirSync:Status") != "1":
                return False
            if key != "0" and found.find("AirSync:MoreAvailable") is None:
                return True
            key = found.text_of("AirSync:SyncKey") or "0"
        return False

    def wait(self, number: str, kind: str, seconds: int) -> Element | None:
        """Ping."""
        about = [Element("Ping:Id", number), Element("Ping:Class", _CLASSES.get(kind, "Email"))]
        folders = Element("Ping:Folders", None, [Element("Ping:Folder", None, about)])
        document = Element("Ping:Ping", None, [Element("Ping:HeartbeatInterval", str(seconds)), folders])
        return self.ask("Ping", document, seconds + GRACE)


def probe(site: Site, credentials: Credentials, seconds: int) -> Finding:
    """Wait so long as a phone does, and say what became of it."""
    phone = _Phone(site, credentials.login)
    try:
        phone.take_policy()
        folder = next(_held(phone), None)
    except (Refused, OSError, http.client.HTTPException) as error:
        return wrong("heartbeat", f"the probe did not get as far as waiting: {error or type(error).__name__}")
    if folder is None:
        return warning(
            "heartbeat", "the probe found no folder small enough to wait for", "name a user with less mail"
        )
    begun = time.monotonic()
    try:
        answer = phone.wait(*folder, seconds)
    except (Refused, OSError, http.client.HTTPException) as error:
        took = time.monotonic() - begun
        return wrong(
            "heartbeat",
            f"a wait of {seconds} s was cut off after {took:.0f} s: {error or type(error).__name__}",
            f"some proxy or firewall on the way waits no longer: let it, or set max_heartbeat below {took:.0f}",
        )
    return _told(answer, seconds, time.monotonic() - begun)


def _held(phone: _Phone) -> Iterator[tuple[str, str]]:
    for number, kind in phone.folders()[:TRIED]:
        if phone.holds(number, kind):
            yield number, kind


def _told(answer: Element | None, seconds: int, took: float) -> Finding:
    status = answer.text_of("Ping:Status") if answer else ""
    if status == _NO_CHANGE:
        return ok("heartbeat", f"a wait of {seconds} s was answered after {took:.0f} s")
    if status == _CHANGE:
        return warning(
            "heartbeat",
            f"the wait ended after {took:.0f} s, as something changed: no proxy cut it off before",
        )
    if status == _BOUNDS:
        limit = answer.text_of("Ping:HeartbeatInterval") if answer else ""
        return warning("heartbeat", f"phones may wait {limit} s at most, not {seconds}", "probe with that")
    return wrong("heartbeat", f"Ping is answered with status {status}", "the log of the service says why")


def _below(element: Element | None, *names: str) -> Element | None:
    for name in names:
        element = element.find(name) if element is not None else None
    return element
