"""``/reminder``: the alarms of tasks that are due (http-api section 11.5).

A reminder has the id of its task. Alarms of appointments are the affair of ``chronos/alarm``.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.errors import fault
from lab.ox.modules import access
from lab.ox.storage import folders, objects, rights, tasks
from lab.ox.storage.objects import Stored
from lab.ox.web.call import Answer, Call, Result, number
from lab.ox.web.dispatch import Action, Module
from lab.ox.zones import from_time, to_time

_TASK = 4


def get_range(call: Call) -> Result:
    """The user's alarms up to ``end``, the earliest first; ``modules`` may name the one module there is."""
    end = call.integer("end") if call.params.get("end") else clock.now_ms()
    wanted = [number(each, "modules") for each in call.params.get("modules", "").split(",") if each]
    if wanted and _TASK not in wanted:
        return Answer([])
    found = []
    with call.read() as connection:
        for task, folder_id in _tasks(call, connection):
            alarm = _alarm(call, task)
            if alarm is not None and (to_time(alarm, call.zone) or 0) <= end:
                found.append((alarm, _shown(call, task, folder_id, alarm)))
    newest = max((shown["last_modified"] for _, shown in found), default=0)
    return Answer([shown for _, shown in sorted(found, key=lambda each: each[0])], newest)


def delete(call: Call) -> Result:
    """Switch alarms off: ``{"id": N}`` or an array of them; the answer lists those that were not there."""
    body = call.json()
    entries = body if isinstance(body, list) else [call.json_object()]
    missing = []
    with call.write() as connection:
        for entry in entries:
            wanted = access.object_number(entry["id"])
            task = objects.load(connection, "tasks", call.cid, wanted)
            if task is None or _alarm(call, task) is None:
                missing.append(wanted)
                continue
            _set(call, connection, task, None)
    return Answer(missing)


def remind_again(call: Call) -> Result:
    """Put an alarm off to the moment in the body."""
    with call.write() as connection:
        task = objects.load(connection, "tasks", call.cid, call.integer("id"))
        if task is None or _alarm(call, task) is None:
            raise fault("REM-0009", call.need("id"))
        alarm = from_time(number(call.json_object().get("alarm"), "alarm"), call.zone)
        _set(call, connection, task, alarm)
        after = objects.load(connection, "tasks", call.cid, task.id) or task
        return Answer(_shown(call, after, after.folder, alarm or 0), after.last_modified)


def _tasks(call: Call, connection: sa.Connection) -> list[tuple[Stored, int]]:
    readable = [
        folder.id
        for folder in folders.visible(connection, call.user).values()
        if folder.module == "tasks" and rights.field(folder.own_rights, "read")
    ]
    return tasks.in_folders(connection, call.cid, readable)


def _alarm(call: Call, task: Stored) -> int | None:
    alarm = (task.fields.get("alarms") or {}).get(str(call.user.id))
    return None if alarm is None else int(alarm)


def _set(call: Call, connection: sa.Connection, task: Stored, alarm: int | None) -> None:
    alarms = {**(task.fields.get("alarms") or {}), str(call.user.id): alarm}
    kept = {user: each for user, each in alarms.items() if each is not None}
    objects.change(connection, "tasks", call.cid, call.user.id, task, {**task.fields, "alarms": kept})


def _shown(call: Call, task: Stored, folder_id: int, alarm: int) -> dict[str, Any]:
    return {
        "id": task.id,
        "target_id": task.id,
        "folder": folder_id,
        "module": _TASK,
        "user_id": call.user.id,
        "alarm": to_time(alarm, call.zone),
        "server_time": to_time(clock.now_ms(), call.zone),
        "last_modified": task.last_modified,
        "recurrence_position": 0,
    }


MODULE = Module(
    "reminder",
    {"range": Action(get_range), "delete": Action(delete), "remindAgain": Action(remind_again)},
)
