"""SendMail: a new message (MS-ASCMD 2.2.1.17)."""

from __future__ import annotations

from typing import Final

from app.eas import sending
from app.eas.answer import Answer
from app.eas.call import Call

NAME: Final = "SendMail"


def handle(call: Call) -> Answer:
    """Send it, and keep a copy where the device wishes one."""
    return sending.send(call)
