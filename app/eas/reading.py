"""Reading typed values out of a document; what does not fit is :class:`~app.eas.errors.Malformed`."""

from __future__ import annotations

from collections.abc import Sequence

from app.eas.errors import Malformed
from app.eas.folders import MAX_ID
from app.wbxml.element import Element


def whole(element: Element, low: int, high: int) -> int:
    """A whole number in a range (MS-ASDTYPE 2.6)."""
    text = element.text.strip()
    # int() would take more than the standard: signs, blanks, underscores, digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Malformed(f"{element.name} is {text[:40]!r}, not a whole number")
    number = int(text)
    if not low <= number <= high:
        raise Malformed(f"{element.name} is {number}, not between {low} and {high}")
    return number


def boolean(element: Element) -> bool:
    """0 or 1; an empty tag is true (MS-ASDTYPE 2.1)."""
    text = element.text.strip()
    if text not in ("", "0", "1"):
        raise Malformed(f"{element.name} is {text[:40]!r}, not 0 or 1")
    return text != "0"


def only(parent: Element, name: str) -> Element | None:
    """The child of this name, of which there may be one at most."""
    found = parent.find_all(name)
    if len(found) > 1:
        raise Malformed(f"{parent.name} has {len(found)} times {name}")
    return found[0] if found else None


def required(parent: Element, name: str) -> Element:
    """The child of this name, of which there must be one."""
    child = only(parent, name)
    if child is None:
        raise Malformed(f"{parent.name} lacks {name}")
    return child


def identifier(parent: Element, name: str) -> str:
    """The text of the one child of this name, which is an id or a key (MS-ASCMD 3.1.5.10)."""
    text = required(parent, name).text.strip()
    if not 0 < len(text) <= MAX_ID:
        raise Malformed(f"{name} has {len(text)} characters, not 1 to {MAX_ID}")
    return text


def in_order(parent: Element, names: Sequence[str], repeatable: Sequence[str] = ()) -> None:
    """Children with these names come in this order, each once unless repeatable; others are not looked at."""
    rank = {name: position for position, name in enumerate(names)}
    last = -1
    for child in parent:
        position = rank.get(child.name)
        if position is None:
            continue
        if position < last or (position == last and child.name not in repeatable):
            raise Malformed(f"{child.name} is out of order in {parent.name}")
        last = position
