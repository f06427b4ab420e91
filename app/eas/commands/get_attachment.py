"""GetAttachment: a file of a message, as devices up to 12.1 ask for it (MS-ASCMD 2.2.1.8). The answer is the file."""

from __future__ import annotations

from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import StatusError
from app.eas.files import open_file
from app.eas.status import Compose
from app.usm.errors import ItemError, ItemUnreadable

NAME: Final = "GetAttachment"


def handle(call: Call) -> Answer:
    """The file of an AttachmentName, which is its FileReference. Raises ``StatusError`` that stands for HTTP 404 where
    there is none, for 413 where it is too large."""
    name = call.command.parameters.get("AttachmentName", "")
    try:
        return Answer(None, file=open_file(call, name))
    except ItemUnreadable as error:
        raise StatusError(Compose.TOO_LARGE, str(error)) from error
    except ItemError as error:
        raise StatusError(Compose.SOURCE_MISSING, str(error)) from error
