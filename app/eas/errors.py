"""How a request can fail inside the protocol; each failure knows the rule by which it is answered.

EasError            the request line or its headers are wrong: carries the whole answer
StatusError         the command ends with this Status
Malformed           the command's document breaks the standard: the command's own Status for that
ConversionError     one item's data make no sense: Status 6 for this item
"""

from __future__ import annotations

from app.eas.answer import EasResponse
from app.wbxml.element import Element


class EasError(Exception):
    """The request cannot even be read as a command. ``response`` is what to send."""

    def __init__(self, message: str, response: EasResponse) -> None:
        super().__init__(message)
        self.response = response


class StatusError(Exception):
    """The command ends with ``status`` in its root element; ``details`` follow the Status there."""

    def __init__(self, status: int, message: str, details: tuple[Element, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.details = details


class Malformed(Exception):
    """The document does not follow the standard: a missing element, a wrong order, a value out of range."""


class ConversionError(ValueError):
    """The data of one item cannot be converted."""
