"""A session that tells what it is asked and what it answers: what USM decided, seen from outside.

Every call goes on to the real session; before a recording it is told with its arguments, its outcome, and how long it
took. Texts are told only where they name things of the protocol (:data:`SHOWN`); what an item holds is never told here:
it stands in the documents.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Set
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

from app.usm.model import WatchResult
from app.usm.ports import Clock, Steps
from app.web.tracing.recording import Recording, View

if TYPE_CHECKING:
    from app.usm.session import Session

SHOWN: Final = frozenset(("key", "client_id", "server_id", "stamp", "protocol", "device_id", "attachment_id"))
"""Fields whose texts are told."""
PLACES: Final = frozenset(
    ("folder", "id", "item_id", "new_id", "ids", "parent", "parent_id", "folder_id", "target", "was", "fetch")
)
"""Fields whose texts name a folder or an item of the source."""
LEFT_OUT: Final = frozenset(("render", "render_part", "payload", "item", "message", "mime", "fields", "user"))
MOST: Final = 200
"""Members of a collection that are told."""
_DEEPEST: Final = 6


class TracedSession:
    """A :class:`app.usm.session.Session` before a recording."""

    def __init__(self, session: Session, recording: Recording, clock: Clock) -> None:
        self._session = session
        self._recording = recording
        self._clock = clock

    @staticmethod
    def of(session: Session, recording: Recording, clock: Clock) -> Session:
        """It can do all that the session can."""
        return cast("Session", TracedSession(session, recording, clock))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._session, name)
        return self._told(name, found) if callable(found) else found

    def _told(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def traced(*args: Any, **named: Any) -> Any:
            begun = self._clock.monotonic()
            # Now: what is handed on may change afterwards.
            asked = inspect.signature(call).bind(*args, **named).arguments
            row = {"call": name, "asked": {each: _told(value, each) for each, value in asked.items()}}
            try:
                result = call(*args, **named)
            except Exception as error:
                self._note({**row, "error": type(error).__name__}, begun)
                raise
            self._note({**row, "result": _told(result, "")}, begun)
            return result

        return traced

    def _note(self, row: Mapping[str, Any], begun: float) -> None:
        told = {**row, "ms": round((self._clock.monotonic() - begun) * 1000, 1)}
        self._recording.note("usm", lambda view: _signed(told, view))

    def write_fields(self, fields: Mapping[str, str | None]) -> None:
        """What is remembered of the device is told by its names."""
        self._session.write_fields(fields)
        self._recording.tell("usm", call="write_fields", names=sorted(fields))

    def keep_secret(self, field: str, text: str | None) -> None:
        """Told by its name."""
        if text is not None:
            self._recording.hide(text)
        self._session.keep_secret(field, text)
        self._recording.tell("usm", call="keep_secret", names=[field])

    def fields(self) -> dict[str, str]:
        """Told by their names."""
        found = self._session.fields()
        self._recording.tell("usm", call="fields", names=sorted(found))
        return found

    def watch(self, folders: Any, seconds: float, *args: Any, **named: Any) -> Steps[WatchResult]:
        """When it is parked and why it is woken is told as it happens, and not only at the end."""
        steps = self._session.watch(folders, seconds, *args, **named)
        return self._watched(steps, list(folders), seconds)

    def _watched(self, steps: Steps[WatchResult], folders: list[int], seconds: float) -> Steps[WatchResult]:
        note, since = self._recording.tell, self._clock.monotonic()
        try:
            while True:
                ticket = next(steps)
                note("parked", folders=folders, seconds=round(seconds, 1))
                self._recording.write()
                since = self._clock.monotonic()
                yield ticket
                note(
                    "woken",
                    after=round(self._clock.monotonic() - since, 1),
                    reason=str(getattr(ticket, "reason", "") or ""),
                )
        except StopIteration as end:
            result: WatchResult = end.value
            note("waited", outcome=result.outcome.name.lower(), folders=list(result.folders))
            return result
        except GeneratorExit:
            note("gone", after=round(self._clock.monotonic() - since, 1))
            raise
        except Exception as error:
            note("waited", outcome="failed", error=type(error).__name__)
            raise
        finally:
            steps.close()


class _Place(str):
    """The name of a folder of the source."""


class _Hidden(int):
    """So many characters that are not told."""


def _told(value: Any, name: str, depth: int = 0) -> Any:
    """A value as JSON can hold it, with texts marked that a trace must not show as they are."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, str):
        if name in SHOWN or value == "":
            return str(value)
        return _Place(value) if name in PLACES else _Hidden(len(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if depth < _DEEPEST:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {
                field.name: _told(getattr(value, field.name), field.name, depth + 1)
                for field in dataclasses.fields(value)
                if field.name not in LEFT_OUT
            }
        if isinstance(value, Mapping):
            return {"members": len(value)}
        if isinstance(value, list | tuple | Set):
            return [_told(each, name, depth + 1) for each in list(value)[:MOST]]
    return type(value).__name__


def _signed(value: Any, view: View) -> Any:
    if isinstance(value, _Place):
        return view.place(str(value))
    if isinstance(value, _Hidden):
        return f"[{int(value)} characters]"
    if isinstance(value, dict):
        return {name: _signed(each, view) for name, each in value.items()}
    if isinstance(value, list):
        return [_signed(each, view) for each in value]
    return value
