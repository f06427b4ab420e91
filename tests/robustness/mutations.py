"""How good requests become bad ones: by rule, on the tree, in the bytes and in the head; the same dice, the same ones.

Most stay valid WBXML, so that they get past the reader: tokens swapped and of wrong pages, elements lost, doubled and
nested too deep, values without sense and of huge length, keys of another time. Others are broken as bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final
from urllib.parse import quote

from app.wbxml import Element, encode
from app.wbxml.pages import PAGES
from tests.robustness.samples import MAIL, WBXML, Sample

NAMES: Final = sorted(name for page in PAGES for name in page.names.values())
VALUES: Final[tuple[str | bytes | None, ...]] = (
    None,
    "",
    " ",
    "0",
    "-1",
    "1",
    "2",
    "4294967296",
    "9" * 400,
    "1e3",
    "٤",
    "nonsense",
    "0-0",
    "99-1",
    "1:1:1:1",
    "../../etc/passwd",
    "default0/INBOX",
    "2026-13-45T99:99:99.000Z",
    "0001-01-01T00:00:00.000Z",
    "99991231T235959Z",
    "%00%ff",
    "=?utf-8?b?????=",
    "<html><body>" * 200,
    "{'a': 1}",
    "\t\r\n",
    "😀" * 300,
    "x" * 70_000,
    b"",
    b"\x00\x01\xff" * 50,
    b"\xff" * 70_000,
)
KEYS: Final = (
    "0",
    "1",
    "-1",
    "0000000000000001-1",
    "0000000000000001-99999999999999999999",
    "-",
    "x" * 64,
    "0-0",
)
VERSIONS: Final = ("2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1", "1.0", "99", "", "14,1")


@dataclass(frozen=True)
class Request:
    """What goes to the server."""

    command: str
    query: str
    headers: dict[str, str]
    body: bytes


class Mutator:
    """Makes requests of samples, as the dice fall."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._of_tree: tuple[Callable[[list[Element]], None], ...] = (
            self._lose,
            self._double,
            self._rename,
            self._rename_like_another,
            self._revalue,
            self._revalue,
            self._rekey,
            self._nest,
            self._swap,
            self._transplant,
            self._shuffle,
        )

    def request(self, command: str, sample: Sample) -> Request:
        """A mutated request of this command."""
        body = self._body(sample)
        version = self._dice.choice(VERSIONS[:7]) if self._odds(0.95) else self._dice.choice(VERSIONS)
        headers = {"MS-ASProtocolVersion": version, "Content-Type": sample.content_type}
        if self._odds(0.05):
            headers["X-MS-PolicyKey"] = self._dice.choice(("0", "1", "-5", "x", "9" * 30))
        if self._odds(0.04):
            headers["Content-Type"] = self._dice.choice(
                (WBXML, MAIL, "text/plain", "", "application/x;;=", "\xff")
            )
        query = {"Cmd": command, "User": "anton", "DeviceId": "phone1", "DeviceType": "Phone", **sample.query}
        if self._odds(0.08):
            name = self._dice.choice([*query, "SaveInSent", "CollectionId", "ItemId", "Occurrence", "LongId"])
            query[name] = str(self._dice.choice(VALUES[:22]))
        if self._odds(0.02):
            query["Cmd"] = self._dice.choice(("Sync", "Nonsense", "", "CreateCollection", "Ping"))
        text = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        return Request(query["Cmd"], text, headers, body)

    def _odds(self, share: float) -> bool:
        return self._dice.random() < share

    def _body(self, sample: Sample) -> bytes:
        if sample.document is None:
            return sample.body if self._odds(0.5) else self._dice.randbytes(self._dice.randrange(200))
        root = _copy(sample.document)
        for _ in range(self._dice.choice((0, 1, 1, 1, 2, 3, 6))):
            self._dice.choice(self._of_tree)(list(_all(root)))
        try:
            data = encode(root)
        except (
            ValueError,
            KeyError,
        ):  # what WBXML cannot carry: the tree as far as it goes, as bytes of noise
            data = b"\x03\x01\x6a\x00" + self._dice.randbytes(60)
        return self._bytes(data) if self._odds(0.25) else data

    # -- the tree ------------------------------------------------------------------------------------------------

    def _lose(self, elements: list[Element]) -> None:
        parent = self._dice.choice(elements)
        if parent.children:
            del parent.children[self._dice.randrange(len(parent.children))]

    def _double(self, elements: list[Element]) -> None:
        parent = self._dice.choice(elements)
        if parent.children:
            child = self._dice.choice(parent.children)
            parent.children += [_copy(child) for _ in range(self._dice.choice((1, 1, 2, 40)))]

    def _rename(self, elements: list[Element]) -> None:
        self._dice.choice(elements).name = self._dice.choice(NAMES)

    def _rename_like_another(self, elements: list[Element]) -> None:
        one, other = self._dice.choice(elements), self._dice.choice(elements)
        one.name, other.name = other.name, one.name

    def _revalue(self, elements: list[Element]) -> None:
        self._dice.choice(_leaves(elements)).value = self._dice.choice(VALUES)

    def _rekey(self, elements: list[Element]) -> None:
        for element in _leaves(elements):
            if element.name.endswith(("Key", "Id")):
                element.value = self._dice.choice(KEYS)

    def _nest(self, elements: list[Element]) -> None:
        element = self._dice.choice(elements)
        for _ in range(self._dice.choice((1, 2, 5, 30, 60))):
            element.children = [Element(element.name, element.value, element.children)]
            element.value = None

    def _swap(self, elements: list[Element]) -> None:
        leaves = _leaves(elements)
        one, other = self._dice.choice(leaves), self._dice.choice(leaves)
        one.value, other.value = other.value, one.value

    def _transplant(self, elements: list[Element]) -> None:
        moved, target = _copy(self._dice.choice(elements)), self._dice.choice(elements)
        target.children.append(moved)
        target.value = None

    def _shuffle(self, elements: list[Element]) -> None:
        self._dice.shuffle(self._dice.choice(elements).children)

    # -- the bytes -----------------------------------------------------------------------------------------------

    def _bytes(self, data: bytes) -> bytes:
        place = self._dice.randrange(4, len(data) + 1)
        before, after = data[:place], data[place:]
        match self._dice.randrange(9):
            case 0:
                return before
            case 1:  # a page that is none, or another one
                return before + bytes((0, self._dice.randrange(30))) + after
            case 2:  # a length beyond all measure
                return (
                    before
                    + b"\xc3"
                    + self._dice.choice((b"\xff\xff\xff\x7f", b"\x8f\xff\xff\xff\x7f"))
                    + after
                )
            case 3:  # a length that never ends
                return before + b"\xc3" + b"\x80" * 200 + after
            case 4:  # a text that never ends
                return before + b"\x03" + b"x" * 5000
            case 5:  # a tag that opens and never ends
                return before + bytes((self._dice.randrange(0x45, 0x80),)) * self._dice.choice(
                    (1, 300, 20_000)
                )
            case 6:
                return bytes(self._dice.randrange(256) if self._odds(0.03) else byte for byte in data)
            case 7:  # a table of strings, another charset, another version
                return self._dice.randbytes(3) + b"\x05abcd\0" + data[4:]
            case _:
                return before + self._dice.randbytes(self._dice.randrange(1, 60)) + after


def _all(root: Element) -> list[Element]:
    found, todo = [], [root]
    while todo and len(found) < 3000:
        element = todo.pop()
        found.append(element)
        todo += element.children
    return found


def _leaves(elements: list[Element]) -> list[Element]:
    return [element for element in elements if not element.children]


def _copy(element: Element) -> Element:
    return Element(element.name, element.value, [_copy(child) for child in element.children])
