"""Is an answer what the standard's schemas allow? Microsoft's response schemas, read by libxml2.

``validate`` takes the bytes of an answer or its tree and raises ``AssertionError`` with all that is wrong, each
with the path of the element. Beside the schemas it checks that every tag exists in the protocol version spoken.
Without the schemas beside the checkout (``../shared/data``) it does nothing; ``available`` tells.

The schemas describe 14.0 and later: the ``Class`` that earlier versions have in a ``Collection``, and the tags that
were dropped after 2.5, are taken out first. An empty answer (nothing new in a Sync, a mail sent) is no document, and
right as it is.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path

from lxml import etree

from app.wbxml import Element, WbxmlError, decode

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ENTRY = DATA / "eas-schemas" / "all.xsd"
TABLES = DATA / "codepages.json"

VERSIONS = ("2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1")
CLASS_IN_COLLECTION = VERSIONS[:3]
CLASSES = {"AirSync:Collection": "AirSync:Class", "GetItemEstimate:Collection": "GetItemEstimate:Class"}
TEXT_POLICY = "2.5"
# The code page's name is that of the page table; the schema of page 16 spells it otherwise.
NAMESPACES = {"Gal": "GAL"}


def available() -> bool:
    """Whether the schemas are there."""
    return ENTRY.exists() and TABLES.exists()


def validate(answer: bytes | Element, version: str) -> None:
    """Raise ``AssertionError`` unless ``answer`` is a right answer in protocol ``version`` (``"14.1"``)."""
    assert version in VERSIONS, f"{version!r} is not a protocol version"
    if not available() or answer == b"":
        return
    root = _tree(answer)
    faults = _tags_of_other_versions(root, version)
    document = _xml(root, version)
    schema = _schema()
    if not schema.validate(document):
        faults += [f"{error.path}: {error.message}" for error in schema.error_log]
    assert not faults, _report(root, version, faults, document)


def _tree(answer: bytes | Element) -> Element:
    if isinstance(answer, Element):
        return answer
    try:
        return decode(answer)
    except WbxmlError as error:
        raise AssertionError(f"the answer is not WBXML: {error}: {answer[:80].hex(' ')}") from error


def _report(root: Element, version: str, faults: list[str], document: etree._Element) -> str:
    shown = etree.tostring(document, pretty_print=True, encoding="unicode")
    return "\n".join([f"{root.name} is not a right answer in {version}:", *faults[:20], shown[:4000]])


def _xml(root: Element, version: str) -> etree._Element:
    top = etree.Element(_qualified(root.name))
    todo = [(root, top)]
    while todo:
        element, node = todo.pop()
        _set_text(element, node)
        for child in element:
            if version in CLASS_IN_COLLECTION and CLASSES.get(element.name) == child.name:
                continue
            if version == TEXT_POLICY and child.name == "Provision:Data" and not child.children:
                continue  # MS-ASPROV 2.2.2.24.2
            if child.name in _legacy():
                continue  # that it is in no later version is looked at apart
            todo.append((child, etree.SubElement(node, _qualified(child.name))))
    return top


def _qualified(name: str) -> str:
    page, tag = name.split(":")
    return f"{{{NAMESPACES.get(page, page)}}}{tag}"


def _set_text(element: Element, node: etree._Element) -> None:
    if isinstance(element.value, bytes):
        node.text = base64.b64encode(element.value).decode()
    elif element.value is not None:
        try:
            node.text = element.value
        except ValueError as error:
            raise AssertionError(f"{element.name}: {error}: {element.value[:200]!r}") from error


def _tags_of_other_versions(root: Element, version: str) -> list[str]:
    ranges = _ranges()
    place = VERSIONS.index(version)
    faults: dict[str, None] = {}
    todo = [root]
    while todo:
        element = todo.pop()
        todo += element.children
        first, last = ranges.get(element.name, (len(VERSIONS), -1))
        if not first <= place <= last:
            faults[f"{element.name} does not exist in {version}"] = None
    return list(faults)


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(ENTRY)))


@cache
def _legacy() -> frozenset[str]:
    pages = json.loads(TABLES.read_text()).values()
    return frozenset(f"{page['name']}:{tag}" for page in pages for tag in page.get("legacy", {}))


@cache
def _ranges() -> dict[str, tuple[int, int]]:
    """Name -> places in VERSIONS of the first and the last version that knows it."""
    ranges = {}
    for page in json.loads(TABLES.read_text()).values():
        for tag, listed in page["versions"].items():
            versions = VERSIONS if listed == "All" else listed.split(", ")
            first, last = VERSIONS.index(versions[0]), VERSIONS.index(versions[-1])
            # Two rows of the sheet end with 16.0; nothing was taken away with 16.1.
            ranges[f"{page['name']}:{tag}"] = (first, len(VERSIONS) - 1 if versions[-1] == "16.0" else last)
        for tag in page.get("legacy", {}):
            ranges[f"{page['name']}:{tag}"] = (0, VERSIONS.index("2.5"))
    return ranges
