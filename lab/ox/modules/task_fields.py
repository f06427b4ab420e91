"""Tasks between their stored form and the API's.

Stored are ``start_time``, ``end_time`` and ``full_time`` (then the two are Dates); ``users`` with the reply of each,
and ``alarms`` by user. What older clients know, ``start_date`` and ``end_date``, is the day of those moments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from lab.ox.columns.table import ColumnDef, ColumnTable
from lab.ox.columns.tasks import TASK_COLUMNS, TASK_COLUMNS_6
from lab.ox.errors import OXError, fault
from lab.ox.generation import Generation
from lab.ox.modules import task_series
from lab.ox.storage.objects import Stored
from lab.ox.storage.users import User
from lab.ox.zones import DAY_MS, from_time, to_time

USER, GROUP, RESOURCE, EXTERNAL = 1, 2, 3, 5
NOT_STARTED, DONE = 1, 3
_ENDS = {"start": "start_time", "end": "end_time"}


def columns(generation: Generation) -> ColumnTable:
    """The columns that a generation knows."""
    return TASK_COLUMNS_6 if generation.number == 6 else TASK_COLUMNS


def values(
    task: Stored,
    folder: int,
    user: User,
    names: Mapping[int, str],
    files: tuple[int, int] | None,
    generation: Generation,
    tz: ZoneInfo,
) -> dict[str, Any]:
    """Everything the API shows a user of a task, by JSON name, as it goes out. ``names``: of users; ``files``: how many
    and when the newest came."""
    fields = task.fields
    as_id = str if generation.text_ids else int
    shown = {name: value for name, value in fields.items() if name not in ("alarms", "users", "full_time")}
    shown |= {
        "id": as_id(task.id),
        "folder_id": as_id(folder),
        "created_by": task.created_by,
        "modified_by": task.modified_by,
        "creation_date": to_time(task.creation_date, tz),
        "last_modified": to_time(task.last_modified, tz),
        "last_modified_utc": task.last_modified,
        "number_of_attachments": files[0] if files else 0,
        "private_flag": bool(fields.get("private_flag")),
        "uid": task.uid,
        "participants": [_participant(each, names) for each in fields.get("participants") or ()],
        "users": [_user(each, names) for each in fields.get("users") or ()],
        "recurrence_type": fields.get("recurrence_type") or 0,
        "status": fields.get("status") or NOT_STARTED,
        "percent_completed": fields.get("percent_completed") or 0,
        "confirmations": [
            {
                "type": EXTERNAL,
                "mail": each.get("mail"),
                "display_name": each.get("display_name"),
                "status": each.get("confirmation") or 0,
                "message": each.get("confirmmessage") or "",
            }
            for each in fields.get("participants") or ()
            if each["type"] == EXTERNAL
        ],
    }
    if files:
        shown["lastModifiedOfNewestAttachmentUTC"] = files[1]
    alarm = (fields.get("alarms") or {}).get(str(user.id))
    if alarm is not None:
        shown["alarm"] = to_time(alarm, tz)
    whole_days = bool(fields.get("full_time", True))
    shown["full_time"] = whole_days
    for name, stored_name in _ENDS.items():
        moment = fields.get(stored_name)
        if moment is None:
            continue
        local = moment if whole_days else to_time(moment, tz)
        shown[stored_name] = local
        day = moment if whole_days else to_time(moment, ZoneInfo(user.timezone))
        shown[f"{name}_date"] = (day or 0) // DAY_MS * DAY_MS
    if generation.number == 6:
        for name in ("start_time", "end_time", "full_time"):
            shown.pop(name, None)
    return shown


def accepted(
    body: Mapping[str, Any], before: Mapping[str, Any], user: User, generation: Generation, tz: ZoneInfo
) -> dict[str, Any]:
    """The fields of a task after a body has been applied to them, without participants and users. Names that are no
    writable columns are passed over. Raises SVL-0010 and TSK errors."""
    fields = dict(before)
    too_long: list[tuple[ColumnDef, int]] = []
    table = columns(generation)
    for name, value in body.items():
        column = table.by_name.get(name)
        if column is None or not column.writable or name in ("participants", "notification", "alarm", "uid"):
            continue
        if name in ("start_date", "end_date", "start_time", "end_time", "full_time"):
            continue
        if value is None or value == "":
            fields.pop(name, None)
            continue
        fields[name] = _checked(column, value, generation)
        if column.kind == "text" and column.size and len(fields[name]) > column.size:
            too_long.append((column, len(fields[name])))
    if too_long:
        raise _truncated(too_long)
    _set_ends(body, fields, generation, tz)
    if "alarm" in body:
        alarms = {name: each for name, each in (fields.get("alarms") or {}).items() if name != str(user.id)}
        if body["alarm"] not in (None, ""):
            alarms[str(user.id)] = from_time(_whole("alarm", body["alarm"]), tz)
        fields["alarms"] = alarms
    if fields.get("recurrence_type") == 0:
        for name in task_series.PATTERN:
            fields.pop(name, None)
    check(fields)
    return fields


def check(fields: Mapping[str, Any]) -> None:
    """Refuse what does not fit together."""
    percent = fields.get("percent_completed") or 0
    status = fields.get("status") or NOT_STARTED
    if not 0 <= percent <= 100:
        raise fault("TSK-0030", percent)
    if status not in range(1, 6):
        raise fault("TSK-0039", status)
    if status == NOT_STARTED and percent != 0:
        raise fault("TSK-0031", percent)
    if status == DONE and percent != 100:
        raise fault("TSK-0038", percent)
    if fields.get("priority") not in (None, 1, 2, 3):
        raise fault("TSK-0057", fields["priority"])
    start, end = fields.get("start_time"), fields.get("end_time")
    if start is not None and end is not None and start > end:
        raise fault("TSK-0040", start, end)
    task_series.check(fields)


def _set_ends(body: Mapping[str, Any], fields: dict[str, Any], generation: Generation, tz: ZoneInfo) -> None:
    """Take over beginning and end. A client that sends only days makes a task of whole days."""
    modern = generation.number > 6
    given = {
        name: stored
        for name, stored in _ENDS.items()
        if (modern and stored in body) or f"{name}_date" in body
    }
    if not given and not (modern and "full_time" in body):
        return
    only_days = all(not (modern and stored in body) for stored in given.values())
    if modern and "full_time" in body:
        fields["full_time"] = body["full_time"] is True or str(body["full_time"]).lower() == "true"
    elif only_days:
        fields["full_time"] = True
    whole_days = bool(fields.setdefault("full_time", False))
    for name, stored in given.items():
        value = body[stored] if modern and stored in body else body[f"{name}_date"]
        if value in (None, ""):
            fields.pop(stored, None)
            continue
        moment = _whole(stored, value)
        is_day = whole_days or not (modern and stored in body)
        fields[stored] = moment // DAY_MS * DAY_MS if is_day else from_time(moment, tz)
    if whole_days:
        for stored in _ENDS.values():
            if fields.get(stored) is not None:
                fields[stored] = fields[stored] // DAY_MS * DAY_MS


def _checked(column: ColumnDef, value: Any, generation: Generation) -> Any:
    if column.kind == "text":
        text = value if isinstance(value, str) else str(value)
        if "\x00" in text or (not generation.four_byte_text and any(ord(letter) > 0xFFFF for letter in text)):
            raise fault("TSK-0058", column.name)
        return text
    if column.kind == "bool":
        return value is True or str(value).lower() == "true"
    if column.kind == "duration":
        if not str(value).isdigit():
            raise fault("TSK-0055", column.name, value)
        return str(value)
    if column.kind == "cost":
        try:
            return float(value)
        except (TypeError, ValueError):
            raise fault("TSK-0055", column.name, value) from None
    whole = _whole(column.name, value)
    return whole // DAY_MS * DAY_MS if column.kind == "date" else whole


def _whole(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise fault("SVL-0010", name, value) from None


def _participant(each: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    shown = {
        name: each[name] for name in ("id", "type", "mail", "display_name") if each.get(name) is not None
    }
    if each["type"] == USER:
        shown["display_name"] = names.get(each["id"], "")
    return shown


def _user(each: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "id": each["id"],
        "display_name": names.get(each["id"], ""),
        "confirmation": each.get("confirmation") or 0,
        "confirmmessage": each.get("confirmmessage") or "",
    }


def _truncated(too_long: list[tuple[ColumnDef, int]]) -> OXError:
    return fault(
        "TSK-0041",
        ", ".join(column.name for column, _ in too_long),
        truncated=[column.number for column, _ in too_long],
        problematic=[
            {"id": column.number, "length": length, "max_size": column.size} for column, length in too_long
        ],
    )
