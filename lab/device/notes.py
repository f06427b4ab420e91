"""Notes as a phone's owner writes them (MS-ASNOTE 2.2.2)."""

from __future__ import annotations

from collections.abc import Sequence

from app.wbxml import Element
from lab.device.tasks import plain_body


def note(subject: str, text: str | None = None, *, categories: Sequence[str] = ()) -> list[Element]:
    """All that a phone sends of a note, whether it is new or changed."""
    elements = [Element("Notes:Subject", subject), Element("Notes:MessageClass", "IPM.StickyNote")]
    if categories:
        children = [Element("Notes:Category", category) for category in categories]
        elements.append(Element("Notes:Categories", children=children))
    if text is not None:
        elements.append(plain_body(text))
    return elements
