"""The calls that contacts and tasks have in common (``facts``: HTTP API sections 1.4, 4 and 5).

A stamp is the item's ``last_modified_utc``, which is also what OX wants to see before it lets a change happen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from app.ox.client import FORCE, Answer, Call, good
from app.ox.errors import Scope
from app.ox.module import Context, json_id
from app.usm.errors import ItemConflict, ItemGone, SourceUnavailable
from app.usm.model import Written

ID: Final = 1
LAST_MODIFIED: Final = 6
UID: Final = 223

Row = dict[int, Any]

_DAY: Final = 86_400


class Objects:
    """The items of one module of OX, for one user. ``module``: as it stands in URLs; ``noun``: one of its items."""

    def __init__(self, context: Context, module: str, noun: str) -> None:
        self._client = context.client
        self._clock = context.clock
        self._user = context.access.user
        self._legacy = context.access.legacy
        self._module = module
        self._noun = noun

    def asks_all(self, folder: str, columns: Sequence[int]) -> Call:
        """The call for these columns of all items of a folder."""
        return Call(self._module, "all", {"folder": folder, "columns": _joined(columns)})

    def all(self, folder: str, columns: Sequence[int]) -> list[Row]:
        """What it answers."""
        return good(*self._client.together([self.asks_all(folder, columns)])).rows(columns)

    def some(self, folder: str, ids: Sequence[str], columns: Sequence[int]) -> list[Row]:
        """These columns, the first of them the id, of these items; one call. What is gone is absent."""
        body = [{"id": json_id(item), "folder": json_id(folder)} for item in ids]
        params = {"columns": _joined(columns)}
        answer = self._client.put(self._module, "list", body, params, Scope.READ, repeatable=True)
        return [row for row in answer.rows(columns) if row[ID] is not None]

    def marked(self, folder: str, uids: Sequence[str]) -> dict[str, Written]:
        """Which of these are in the folder; one call."""
        wanted = set(uids)
        rows = self.all(folder, (ID, LAST_MODIFIED, UID)) if wanted else []
        return {str(row[UID]): Written(id_of(row), stamp_of(row)) for row in rows if row[UID] in wanted}

    def probes(self, folder: str) -> list[Call]:
        """What changed since the beginning of a day of the user's own: few rows, whatever the folder holds, and the
        same answer whoever asks. The days of different users begin at different times, as changes of yesterday
        leave the view then, and the waiting devices look once in vain."""
        params = {"folder": folder, "columns": "1,6", "timestamp": self.since(), "ignore": "false"}
        return [Call(self._module, "updates", params)]

    def since(self) -> int:
        """When that day began, in milliseconds since 1970."""
        offset = self._user.user_id * 7919 % _DAY
        today = (int(self._clock.now().timestamp()) - offset) // _DAY
        return ((today - 1) * _DAY + offset) * 1000

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """A hash of the ids and times of what changed."""
        rows = answers[0].data if isinstance(answers[0].data, list) else []
        text = "|".join(sorted(str(row) for row in rows))
        return blake2b(text.encode(), digest_size=12).hexdigest()

    def agrees(self, probed: Sequence[Answer], listed: Answer) -> bool:
        """Whether what changed lately is listed so, and nothing else. The first columns of the listing are the id and
        the time of the last change."""
        answered = probed[0].data if isinstance(probed[0].data, list) else []
        changed = {str(row[0]): row[1] for row in answered if isinstance(row, list) and len(row) == 2}
        gone = {str(row) for row in answered if not isinstance(row, list)}
        heads = {str(row[0]): row[1] for row in listed.data if isinstance(row, list)}
        return same_changes(changed, gone, heads, self.since())

    def delete(self, folder: str, item_id: str, stamp: str | None) -> None:
        """For good: there is no trash for what is not mail. Generation 6 takes one object and no array."""
        one = {"id": json_id(item_id), "folder": json_id(folder)}
        body = one if self._legacy else [one]
        answer = self._client.put(self._module, "delete", body, {"timestamp": stamp or FORCE})
        if answer.data:
            self.current(folder, item_id)
            raise ItemConflict(f"{self._noun} {item_id} was changed meanwhile and is not deleted")

    def move(self, folder: str, item_id: str, target: str) -> Written:
        """The item keeps its id."""
        params = {"id": item_id, "folder": folder, "timestamp": FORCE}
        answer = self._client.put(self._module, "update", {"folder_id": json_id(target)}, params)
        return self.written(target, item_id, answer)

    def created(self, folder: str, answer: Answer) -> Written:
        """What OX says to ``new``."""
        item_id = answer.fields.get("id")
        if item_id is None:
            raise SourceUnavailable(f"OX stores a {self._noun} without telling its id", in_doubt=True)
        return self.written(folder, str(item_id), answer)

    def written(self, folder: str, item_id: str, answer: Answer) -> Written:
        """What OX says to a change; one more call where it does not say when."""
        if answer.timestamp:
            return Written(item_id, str(answer.timestamp))
        return self.current(folder, item_id)

    def current(self, folder: str, item_id: str) -> Written:
        """The item as it is now; one call. Raises ``ItemGone``."""
        rows = self.some(folder, [item_id], (ID, LAST_MODIFIED))
        if not rows:
            raise ItemGone(f"{self._noun} {item_id} is gone")
        return Written(item_id, stamp_of(rows[0]))


def same_changes(
    changed: Mapping[str, Any], gone: Collection[str], listed: Mapping[str, Any], since: int
) -> bool:
    """Whether those listed that changed since then (ms) are those that changed, and none of those that are gone. Item
    id → when it was changed last."""
    late = {item: moment for item, moment in listed.items() if (moment or 0) > since}
    return late == changed and not any(item in listed for item in gone)


def id_of(row: Mapping[int, Any]) -> str:
    """The id of an item."""
    return str(row[ID])


def stamp_of(row: Mapping[int, Any]) -> str:
    """The stamp of an item."""
    return str(row[LAST_MODIFIED] or 0)


def _joined(columns: Sequence[int]) -> str:
    return ",".join(map(str, columns))
