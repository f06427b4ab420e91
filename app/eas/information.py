"""What a device tells of itself: DeviceInformation, in Provision as in Settings (MS-ASCMD 2.2.3.45)."""

from __future__ import annotations

from typing import Final

from app.eas import memory
from app.eas.errors import Malformed
from app.eas.memory import Memory
from app.eas.reading import only, required
from app.eas.schema.text import line
from app.wbxml.element import Element

NAMES: Final = (
    "Model",
    "IMEI",
    "FriendlyName",
    "OS",
    "OSLanguage",
    "PhoneNumber",
    "UserAgent",
    "EnableOutboundSMS",
    "MobileOperator",
)
MAX_LENGTH: Final = 1024


def read(element: Element) -> dict[str, str]:
    """The values by name, of ``Settings:DeviceInformation``. Raises ``Malformed`` without a Set or for a value
    that is too long."""
    wanted = required(element, "Settings:Set")
    values = {}
    for name in NAMES:
        child = only(wanted, f"Settings:{name}")
        if child is None:
            continue
        if len(child.text) > MAX_LENGTH:
            raise Malformed(
                f"{name} of the device has {len(child.text)} characters, {MAX_LENGTH} are the most"
            )
        values[name] = line(child.text)
    return values


def keep(values: dict[str, str], remembered: Memory) -> None:
    """Remember them; an empty value forgets."""
    remembered.write({memory.DEVICE + name: value or None for name, value in values.items()})


def answer(status: int) -> Element:
    """The answer to a Set."""
    return Element("Settings:DeviceInformation", children=[Element("Settings:Status", str(status))])
