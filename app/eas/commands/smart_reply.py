"""SmartReply: an answer whose original the server quotes (MS-ASCMD 2.2.1.19)."""

from __future__ import annotations

from typing import Final

from app.eas import compose, sending
from app.eas.answer import Answer
from app.eas.call import Call

NAME: Final = "SmartReply"


def handle(call: Call) -> Answer:
    """Send it above the original, which is marked as answered."""
    return sending.send_about(call, compose.answered, is_answer=True)
