"""Conditions of ``mail?action=search`` as functions over mails (http-api section 8.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from lab.ox.errors import fault
from lab.ox.mime import html, parts
from lab.ox.storage import mail
from lab.ox.storage.mail import Mail, MailFolder
from lab.ox.web.call import Call, number
from lab.ox.zones import from_time

Match = Callable[[sa.Connection, MailFolder, Mail], bool]

_COLUMN_NAMES = {603: "from", 604: "to", 605: "cc", 606: "bcc", 607: "subject"}
_TEXTS = ("from", "to", "cc", "bcc", "subject", "content_type", "content", "disp")
_NUMBERS = ("received_date", "sent_date", "size", "flags", "priority", "color_label")


def any_of(patterns: Sequence[Mapping[str, Any]]) -> Match:
    """Mails that hold one of some patterns, each in a column; all mails when there are none."""
    wanted = [
        (_COLUMN_NAMES.get(number(each.get("col"), "col"), ""), str(each["pattern"])) for each in patterns
    ]

    def matches(_connection: sa.Connection, _folder: MailFolder, found: Mail) -> bool:
        return not wanted or any(
            text.strip("*").casefold() in str(found.head.get(name, "")).casefold() for name, text in wanted
        )

    return matches


def condition(call: Call, written: Any) -> Match:
    """A condition: ``["and"|"or"|"not", …]``, or ``["="|"<>"|"<"|">"…, {"field": F}, value]``; the operands of a
    comparison may stand the other way round. SVL-0010 for anything else."""
    if not isinstance(written, list) or not written:
        raise fault("SVL-0010", "filter", written)
    operator = str(written[0]).lower()
    if operator in ("and", "or", "not"):
        below = [condition(call, each) for each in written[1:]]
        return _all(below) if operator == "and" else _any(below) if operator == "or" else _none(below)
    if len(written) != 3:
        raise fault("SVL-0010", "filter", written)
    operands = [each for each in written[1:] if isinstance(each, dict)]
    values = [each for each in written[1:] if not isinstance(each, dict)]
    if len(operands) != 1 or len(values) != 1:
        raise fault("SVL-0010", "filter", written)
    if "attachment" in operands[0]:
        return partial(_has_file, call, str(values[0]))
    field = str(operands[0].get("field"))
    if field in _TEXTS:
        return partial(_holds_text, call, field, str(values[0]), operator in ("<>", "!="))
    if field in _NUMBERS:
        value = number(values[0], field)
        if field.endswith("_date"):
            value = from_time(value, call.zone) or 0
        return partial(_compares, field, operator, value)
    raise fault("SVL-0010", "field", field)


def _all(below: Sequence[Match]) -> Match:
    return lambda connection, folder, found: all(each(connection, folder, found) for each in below)


def _any(below: Sequence[Match]) -> Match:
    return lambda connection, folder, found: any(each(connection, folder, found) for each in below)


def _none(below: Sequence[Match]) -> Match:
    return lambda connection, folder, found: not any(each(connection, folder, found) for each in below)


def _holds_text(
    call: Call,
    field: str,
    text: str,
    negated: bool,
    connection: sa.Connection,
    folder: MailFolder,
    found: Mail,
) -> bool:
    if field == "content":
        message = parts.parse(mail.source(connection, call.cid, call.user.id, folder, found.uid) or b"")
        taken = parts.take_apart(message)
        whole = (taken.plain.text if taken.plain else "") + (
            html.to_text(taken.html.text) if taken.html else ""
        )
    else:
        value = found.head.get(field) or ""
        if isinstance(value, list):
            value = " ".join(f"{name or ''} <{address}>" for name, address in value)
        whole = str(value)
    return (text.strip("*").casefold() in whole.casefold()) != negated


def _has_file(call: Call, name: str, connection: sa.Connection, folder: MailFolder, found: Mail) -> bool:
    message = parts.parse(mail.source(connection, call.cid, call.user.id, folder, found.uid) or b"")
    wanted = name.strip("*").casefold()
    return any(
        wanted in (leaf.filename or "").casefold() for leaf in parts.leaves(message) if leaf.is_attachment
    )


def _compares(
    field: str, operator: str, value: int, _connection: sa.Connection, _folder: MailFolder, found: Mail
) -> bool:
    have = {
        "received_date": found.received,
        "sent_date": found.sent,
        "size": found.size,
        "flags": found.flags,
        "color_label": found.color,
        "priority": found.head.get("priority"),
    }[field]
    if have is None:
        return False
    have = int(have)
    if field == "flags" and operator == "=":
        return have & value == value
    compared = {
        "=": have == value,
        "<>": have != value,
        "!=": have != value,
        "<": have < value,
        ">": have > value,
        "<=": have <= value,
        ">=": have >= value,
    }
    if operator not in compared:
        raise fault("SVL-0010", "operator", operator)
    return compared[operator]
