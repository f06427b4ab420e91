"""Autodiscover: from an address of mail to the address of ActiveSync (MS-ASCMD 2.2.1.1, MS-OXDSCLI 2.2.4).

The request and its answer are XML, not WBXML, and know no versions. Rules

* What is asked for counts, not what it is called: the schema of the answer decides, blanks and letter case do not.
* A request without a document is one for ActiveSync: old Android devices send none (quirk 55).
* The answer is about the user who asks, whatever the address: there is no other mailbox to open.
* No document type, no entity, no network: a request cannot make the server read or build anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

MOBILESYNC: Final = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
"""The schema of an answer for ActiveSync."""
ENVELOPE: Final = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
"""The schema around every answer, and of one that is an error."""
XML_TYPE: Final = "text/xml; charset=utf-8"
CULTURE: Final = "en:us"

PROTOCOL_ERROR: Final = 2
"""A Status, told under Action (MS-ASCMD 2.2.3.177.1); the other two are codes of the service around it."""
INVALID_REQUEST: Final = 600
NO_SUCH_SCHEMA: Final = 601
MESSAGES: Final = {
    PROTOCOL_ERROR: "The address of mail is none",
    INVALID_REQUEST: "Invalid Request",
    NO_SUCH_SCHEMA: "Provider is not available",
}
"""MS-OXDSCLI 2.2.4.1.1.1.5, in the words that clients know."""

MAX_ADDRESS: Final = 320

_UNTOLD: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to tell (2.2), such as a name in OX may hold."""


class AutodiscoverError(Exception):
    """A request that cannot be answered; ``code`` is one of :data:`MESSAGES`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Account:
    """What an answer tells: ``address`` is the user's own, ``url`` that of ActiveSync."""

    address: str
    name: str
    url: str


def read(body: bytes) -> str:
    """The address in a request, ``""`` where it names none. Raises :class:`AutodiscoverError`."""
    if not body.strip():
        return ""
    requests = _all(_parsed(body), "Request")
    if len(requests) != 1:
        raise AutodiscoverError(INVALID_REQUEST, f"{len(requests)} times Request in the document")
    request = requests[0]
    wanted = _text(request, "AcceptableResponseSchema")
    if not wanted:
        raise AutodiscoverError(INVALID_REQUEST, "no AcceptableResponseSchema")
    if wanted.lower().rstrip("/") != MOBILESYNC:
        raise AutodiscoverError(NO_SUCH_SCHEMA, f"schema {wanted[:200]!r} is not that of ActiveSync")
    address = _text(request, "EMailAddress")
    if not address:
        raise AutodiscoverError(INVALID_REQUEST, "no EMailAddress")
    if len(address) > MAX_ADDRESS or not address.isprintable() or " " in address:
        raise AutodiscoverError(PROTOCOL_ERROR, "an EMailAddress that cannot be one")
    return address


def settings(account: Account) -> bytes:
    """The answer for a user: where ActiveSync is (MS-ASCMD 2.2.3.153.1)."""
    url = ("Url", account.url)
    return _document(
        _element(
            MOBILESYNC,
            "Response",
            ("Culture", CULTURE),
            ("User", (("DisplayName", account.name), ("EMailAddress", account.address))),
            ("Action", (("Settings", (("Server", (("Type", "MobileSync"), url, ("Name", account.url))),)),)),
        )
    )


def failure(error: AutodiscoverError, clock: str, number: int) -> bytes:
    """The answer to a request that cannot be answered. ``clock``: the time of day; ``number``: under which the request
    is found in the log."""
    if error.code == PROTOCOL_ERROR:
        status, message = ("Status", str(error.code)), ("Message", MESSAGES[error.code])
        action = ("Action", (("Error", (status, message, ("DebugData", str(error)))),))
        return _document(_element(MOBILESYNC, "Response", ("Culture", CULTURE), action))
    response = _element(
        ENVELOPE,
        "Response",
        ("Error", (("ErrorCode", str(error.code)), ("Message", MESSAGES[error.code]), ("DebugData", ""))),
    )
    response[0].set("Time", clock)
    response[0].set("Id", str(number))
    return _document(response)


def _parsed(body: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise AutodiscoverError(INVALID_REQUEST, f"no XML: {error}") from error
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        raise AutodiscoverError(INVALID_REQUEST, "a document type is not taken")
    return root


def _all(parent: etree._Element, name: str) -> list[etree._Element]:
    """The children of this name in whatever namespace: devices disagree about that of the request."""
    named = (child for child in parent if isinstance(child.tag, str))
    return [child for child in named if etree.QName(child).localname.lower() == name.lower()]


def _text(parent: etree._Element, name: str) -> str:
    found = _all(parent, name)
    return (found[0].text or "").strip() if found else ""


_Tree = tuple[str, object]


def _element(namespace: str, name: str, *children: _Tree) -> etree._Element:
    element = etree.Element(f"{{{namespace}}}{name}", nsmap=_default(namespace))
    _fill(element, namespace, children)
    return element


def _fill(parent: etree._Element, namespace: str, children: Iterable[_Tree]) -> None:
    for name, content in children:
        child = etree.SubElement(parent, f"{{{namespace}}}{name}")
        if isinstance(content, tuple):
            _fill(child, namespace, content)
        else:
            child.text = _UNTOLD.sub("", str(content))


def _document(response: etree._Element) -> bytes:
    root = etree.Element(f"{{{ENVELOPE}}}Autodiscover", nsmap=_default(ENVELOPE))
    root.append(response)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _default(namespace: str) -> Any:
    """No prefixes: some devices read names as they stand."""
    return {None: namespace}
