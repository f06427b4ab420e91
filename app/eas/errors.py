"""How a request can fail inside the protocol; each failure knows the rule by which it is answered.

EasError            the request line or its headers are wrong: carries the whole answer
StatusError         the command ends with this Status
DeviceRefused       the same, because of the device and not of what it asks
Throttled           the device asks too often: HTTP 503
Malformed           the command's document breaks the standard: the command's own Status for that
ConversionError     one item's data make no sense: Status 6 for this item
"""

from __future__ import annotations

from enum import StrEnum

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


class Why(StrEnum):
    """Why a device is refused; the words of the metrics."""

    BLOCKED = "blocked"
    QUARANTINED = "quarantined"
    WIPE = "wipe"
    WIPED = "wiped"
    TOO_MANY = "too_many_devices"
    THROTTLED = "throttled"


class DeviceRefused(StatusError):
    """The device may not synchronise, whatever it asks."""

    def __init__(self, status: int, why: Why, message: str) -> None:
        super().__init__(status, message)
        self.why = why


class Throttled(Exception):
    """The device asks too often. ``reason`` is that of X-MS-ASThrottle, ``retry_after`` in seconds."""

    def __init__(self, message: str, reason: str, retry_after: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class Malformed(Exception):
    """The document does not follow the standard: a missing element, a wrong order, a value out of range."""


class ConversionError(ValueError):
    """The data of one item cannot be converted."""
