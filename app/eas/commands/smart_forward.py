"""SmartForward: a message to which the server adds another one with all that hangs on it (MS-ASCMD 2.2.1.18)."""

from __future__ import annotations

from typing import Final

from app.eas import compose, sending
from app.eas.answer import Answer
from app.eas.call import Call

NAME: Final = "SmartForward"


def handle(call: Call) -> Answer:
    """Send it above the original, which is marked as forwarded."""
    return sending.send_about(call, compose.forwarded, is_answer=False)
