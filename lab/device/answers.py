"""Reading an answer: what must be there is, or ``BadAnswer`` says what is missing."""

from __future__ import annotations

from app.wbxml import Element
from lab.device.errors import BadAnswer


def number(element: Element, name: str, default: int | None = None) -> int:
    """The child ``name`` as a number; ``BadAnswer`` where it is none."""
    text = element.text_of(name)
    if text is None and default is not None:
        return default
    if text is None or not text.isdecimal():
        raise BadAnswer(f"{name} in {element.name} is {text!r}, not a number")
    return int(text)


def required(element: Element, name: str) -> str:
    text = element.text_of(name)
    if not text:
        raise BadAnswer(f"{element.name} has no {name}")
    return text
