"""The response envelope (http-api section 1.1)."""

from __future__ import annotations

import itertools
import json
import os
import time
from typing import Any

from lab.ox.errors import CATEGORIES, OXError
from lab.ox.web.call import Answer

CONTENT_TYPE = "text/javascript; charset=UTF-8"
_serial = itertools.count(1)
_process = f"{os.getpid() % 100000}{int(time.time()) % 1000000}"


def of_answer(answer: Answer) -> dict[str, Any]:
    """The envelope of an answer. Without an error the first warning fills the error keys."""
    envelope: dict[str, Any] = {}
    if answer.data is not None:
        envelope["data"] = answer.data
    if answer.timestamp is not None:
        envelope["timestamp"] = answer.timestamp
    if answer.warnings:
        warnings = [of_error(warning) for warning in answer.warnings]
        envelope["warnings"] = warnings[0] if len(warnings) == 1 else warnings
        envelope |= warnings[0]
    return envelope


def of_error(error: OXError) -> dict[str, Any]:
    """The envelope of an error."""
    envelope: dict[str, Any] = {
        "error": error.text,
        "error_params": [str(param) for param in error.params],
        "error_id": f"-{_process}-{next(_serial)}",
        "error_desc": error.text,
        "code": error.code,
        "categories": error.categories[0] if len(error.categories) == 1 else list(error.categories),
    }
    if error.categories[0] in CATEGORIES:
        envelope["category"] = CATEGORIES[error.categories[0]]
    return envelope | error.extra


def dump(value: Any) -> bytes:
    """JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def html(value: Any, action: str) -> bytes:
    """The page that answers an upload: a script with the envelope in it."""
    script = dump(value).replace(b"</", b"<\\/")
    callback = "".join(letter for letter in action if letter.isalnum() or letter == "_")
    return b"".join(
        (
            b'<!DOCTYPE html><html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8">',
            f'<script type="text/javascript">(parent["callback_{callback}"] || window.opener && '.encode(),
            f'window.opener["callback_{callback}"])('.encode(),
            script,
            b")</script></head></html>",
        )
    )
