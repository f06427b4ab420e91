"""Finding again a message that was moved or sent, when the answer that would have told its new place never came.

A message gets another id in each folder, so it is known by its Message-ID (RFC 5322 3.6.4). These questions are asked
only after something went wrong, but for :func:`traces`, which costs one call for each folder that messages leave.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import Any, Final

from app.ox.access import leaf
from app.ox.client import Answer, Call, OxClient
from app.ox.errors import Scope
from app.ox.mapping import mail as mapping
from app.usm.errors import ItemError, SourceUnavailable, UsmError
from app.usm.model import Outgoing, Written
from app.usm.pieces import beginning

_log = logging.getLogger(__name__)

_SENT: Final = ("mail/folder/sent", "modules/mail/defaultFolder/sent")

_QUESTIONS: Final = 20
"""Searches in one call."""

_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_LONGEST_HEADER: Final = 256 * 1024
"""Bytes of a header that are read."""


def message_id(message: Outgoing) -> str:
    """The Message-ID of a message, made of its mark where it has none; ``""`` without either."""
    # The header alone: of a large message even looking for its lines takes many times its memory.
    head = BytesHeaderParser(policy=compat32).parsebytes(
        _BLANK_LINE.split(beginning(message.mime)[:_LONGEST_HEADER], maxsplit=1)[0]
    )
    named = "".join(str(head.get("Message-ID", "")).split())
    return named or (f"<{message.mark}@usm.invalid>" if message.mark else "")


def traces(client: OxClient, folder: str, ids: Sequence[str]) -> dict[str, str]:
    """Message → its Message-ID; one that has none cannot be traced and is absent."""
    columns = f"{mapping.ID},Message-ID"
    entries = [{"folder": folder, "id": item_id} for item_id in ids]
    answer = client.put("mail", "list", entries, {"columns": columns}, Scope.READ, repeatable=True)
    rows = answer.data if isinstance(answer.data, list) else []
    found = {}
    for row in rows:
        if isinstance(row, list) and len(row) > 1 and row[0] is not None and (name := _line(row[1])):
            found[str(row[0])] = name
    return found


def find_moved(client: OxClient, folder: str, names: Sequence[str]) -> dict[str, Written]:
    """Message-ID → the message of that name in a folder."""
    calls = _questions([(folder, name) for name in names])
    found = {}
    for name, answer in zip(names, client.multiple(calls, repeatable=True), strict=True):
        data = _data(answer)
        if data.get("id") is not None:
            found[name] = Written(str(data["id"]), mapping.stamp(data.get("flags"), data.get("color_label")))
    return found


def find_anywhere(client: OxClient, folders: Sequence[str], names: Sequence[str]) -> set[str]:
    """Which Message-IDs are in any of these folders; one call for twenty questions. A folder that cannot be searched
    does not spoil the search of the others. Raises ``SourceUnavailable`` where none can be."""
    questions = [(folder, name) for folder in folders for name in names]
    found: set[str] = set()
    failures: list[UsmError] = []
    for start in range(0, len(questions), _QUESTIONS):
        part = questions[start : start + _QUESTIONS]
        for (_, name), answer in zip(part, client.multiple(_questions(part), repeatable=True), strict=True):
            if isinstance(answer, SourceUnavailable):
                failures.append(answer)
            elif isinstance(answer, Answer) and isinstance(answer.data, dict) and answer.data.get("id"):
                found.add(name)
    if failures:
        _log.warning("%d of %d searches for a message fail: %s", len(failures), len(questions), failures[0])
        if len(failures) == len(questions):
            raise failures[0]
    return found


def find_sent(client: OxClient, message: Outgoing) -> bool | None:
    """Whether a message is in the folder of sent ones; ``None`` for one of which no copy is kept there."""
    name = message_id(message)
    folder = sent_folder(client)
    if not message.copy or not name or not folder:
        return None
    return name in find_moved(client, folder, [name])


def sent_folder(client: OxClient) -> str:
    """Where the sent messages are, ``""`` where OX does not tell."""
    return next((str(path) for path in (leaf(client, name) for name in _SENT) if path), "")


def _questions(asked: Sequence[tuple[str, str]]) -> list[Call]:
    params = {"unseen": "true", "view": "text"}
    return [
        Call("mail", "get", {**params, "folder": folder, "message_id": name}, scope=Scope.READ)
        for folder, name in asked
    ]


def _data(answer: Answer | UsmError) -> dict[str, Any]:
    if isinstance(answer, ItemError):
        return {}
    if isinstance(answer, UsmError):
        raise answer
    return answer.fields


def _line(value: object) -> str:
    return "".join(value.split()) if isinstance(value, str) else ""
