"""Files that hang on items, by the names under which devices ask for them (``app/eas/schema/attachment.py``)."""

from __future__ import annotations

from urllib.parse import unquote

from app.eas import streams
from app.eas.call import Call
from app.eas.folders import folder_number, item_id
from app.usm.errors import FolderGone, ItemGone
from app.usm.model import Download


def open_file(call: Call, reference: str) -> Download:
    """The file of a FileReference, with its size. It is looked up among the user's own items, so that a reference opens
    nothing that its owner may not see. Raises ``ItemGone``, ``ItemUnreadable``."""
    item_name, _, part = reference.strip().rpartition(":")
    number = folder_number(item_name.partition(":")[0])
    item = item_id(number or 0, item_name)
    if number is None or item is None or not part:
        raise ItemGone(f"{reference[:80]!r} is no FileReference")
    try:
        return streams.sized(call.session.attachment(number, item, unquote(part)))
    except FolderGone as error:
        raise ItemGone(str(error)) from error
