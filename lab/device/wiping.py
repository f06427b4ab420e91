"""An order to wipe, as a phone hears and answers it (MS-ASPROV 3.1.5.1.2.2 and .3)."""

from __future__ import annotations

from app.wbxml import Element

ORDERED = 140
"""The status by which any command tells of an order; before 14.0 it looks like the wish for a policy."""

ORDERS = {"Provision:RemoteWipe": "device", "Provision:AccountOnlyRemoteWipe": "account"}

DONE, FAILED = 1, 2


def ordered(answer: Element) -> str | None:
    """The name of the element that orders a wipe; ``None`` where an answer to Provision has none."""
    return next((name for name in ORDERS if answer.find(name) is not None), None)


def question() -> Element:
    """What a phone sends that was told of an order."""
    return Element("Provision:Provision")


def acknowledgement(order: str, status: int) -> Element:
    """What a phone says of an order: ``DONE`` or ``FAILED``."""
    return Element(
        "Provision:Provision", None, [Element(order, None, [Element("Provision:Status", str(status))])]
    )
