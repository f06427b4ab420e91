"""A call to OX as people can read it, with or without what is personal: for traces.

Without it, of the parameters only those in :data:`SHOWN` are told and of bodies nothing but their size, their kind of
error, and for ``multiple`` what each entry asks. With it, parameters and bodies are told as well, shortened.
Session ids, passwords and tokens are told in no case (:data:`SECRET`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from app.ox.transport import Request

LONGEST: Final = 4000
"""Characters of a body that are shown."""

SECRET: Final = re.compile(
    r"(?i)passw|passphrase|secret|token|cookie|credential|^(?:public_?)?session|session_?id|^random$|^auth(?:id|orization)?$"
    r"|^altid$|^jsessionid$"
)
"""Names whose values are never told."""

SHOWN: Final = frozenset(
    [
        "action",
        "module",
        "columns",
        "sort",
        "order",
        "timezone",
        "collation",
        "limit",
        "left_hand_limit",
        "right_hand_limit",
        "timestamp",
        "start",
        "end",
        "ignore",
        "content_type",
        "tree",
        "all",
        "allowed_modules",
        "unseen",
        "view",
        "attachment",
        "max_size",
        "attached",
        "recurrence_master",
        "recurrence_id",
        "recurrence_position",
        "recurrenceId",
        "rangeStart",
        "rangeEnd",
        "expand",
        "extendedEntries",
        "fields",
        "edit",
        "mode",
        "delete_mode",
        "harddelete",
        "hardDelete",
        "useUnicode",
        "continue",
        "version",
        "client",
        "validity",
        "occurrence",
    ]
)
"""Parameters that say nothing personal."""
PLACES: Final = frozenset(
    ["folder", "id", "parent", "folder_id", "folderid", "src", "dest", "dest_folder", "parentId"]
)
"""Parameters that name a folder or an item. Numbers and the inbox are told; other names, which a user has given, by a
sign that stands for them."""

_PLAIN_PLACE: Final = re.compile(r"[0-9./:_-]*|(?:default[0-9]+(?:/INBOX)?)(?:/[0-9]+)?|cal://[0-9/]+")
_HIDDEN: Final = "[not shown]"


def params(given: Mapping[str, Any], personal: bool, sign: Callable[[str], str]) -> dict[str, str]:
    """The parameters of a call. ``sign`` gives what stands for the name of a place."""
    return {name: _value(name, str(value), personal, sign) for name, value in given.items()}


def _value(name: str, value: str, personal: bool, sign: Callable[[str], str]) -> str:
    if SECRET.search(name):
        return _HIDDEN
    if personal or name in SHOWN:
        return value[:LONGEST]
    if name in PLACES:
        return value if is_plain(value) else sign(value)
    return f"[{len(value)} characters]"


def is_plain(place: str) -> bool:
    """Whether the id of a folder or an item tells nothing that a user has thought up."""
    return bool(_PLAIN_PLACE.fullmatch(place))


def sent(request: Request, personal: bool, sign: Callable[[str], str]) -> dict[str, Any]:
    """What a request says besides its parameters."""
    data = request.data
    if data is None and not request.files:
        return {}
    if isinstance(data, Mapping):
        return {"fields": sorted(map(str, data))}
    if not isinstance(data, bytes):
        return {"bytes": getattr(data, "size", None)}
    told: dict[str, Any] = {"bytes": len(data)}
    body = _json(data)
    if request.path.endswith("multiple") and isinstance(body, list):
        told["calls"] = [_entry(each, personal, sign) for each in body if isinstance(each, dict)]
    if personal and body is not None:
        told["body"] = _text(body)
    return told


def _entry(entry: Mapping[str, Any], personal: bool, sign: Callable[[str], str]) -> dict[str, str]:
    return params({name: value for name, value in entry.items() if name != "data"}, personal, sign)


def answered(body: bytes, size: int, personal: bool) -> dict[str, Any]:
    """What an answer says. ``body``: its beginning, or all ``size`` bytes of it."""
    told: dict[str, Any] = {"bytes": size}
    read = _json(body) if len(body) == size else None
    if isinstance(read, dict):
        told |= _envelope(read)
    elif isinstance(read, list):
        told["answers"] = [_envelope(each) for each in read if isinstance(each, dict)]
    if personal and read is not None:
        told["body"] = _text(read)
    return told


def _envelope(envelope: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        name: envelope[name]
        for name in ("code", "categories", "category", "error_id", "timestamp")
        if name in envelope
    }
    data = envelope.get("data")
    return told | {"rows": len(data)} if isinstance(data, list) else told


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _text(body: Any) -> str:
    text = json.dumps(_without_secrets(body), ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _HIDDEN
            if SECRET.search(str(name)) and not isinstance(each, bool | None)
            else _without_secrets(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    return value
