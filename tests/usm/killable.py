"""The real store, in which a process may die ahead of any statement that writes, and ahead of each commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event

from app.store import Databases, SqlStateStore
from tests.fakes.clock import ManualClock
from tests.usm.faults import Crash

_WRITES = ("begin", "save", "amend", "write_journal", "number_folders", "rename_folder", "write_fields")


class KillableStore(SqlStateStore):
    """``before`` is called with the method's name ahead of each write. If it raises ``Crash``, the process dies
    ``within`` the write: after so many of its statements, or right after it if it has fewer.

    What was written of a transaction goes with the process, and so do its locks: the exception passes through where a
    connection would end.
    """

    def __init__(self, databases: Databases) -> None:
        super().__init__(databases, lock_timeout=0.02, now=lambda: self.clock.now().timestamp())
        self.clock = ManualClock()
        self.before: Callable[[str], None] = lambda name: None
        self.within = 0
        self._left = -1
        engine = databases.engine(1)
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", self._commit)

    def _statement(self, connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            self._one_less()

    def _commit(self, connection: Connection) -> None:
        if self._left > 0:
            self._one_less()

    def _one_less(self) -> None:
        if self._left > 0:
            self._left -= 1
            if self._left == 0:
                raise Crash


def _killable(name: str) -> Callable[..., Any]:
    write = getattr(SqlStateStore, name)

    def killable(self: KillableStore, *arguments: Any) -> Any:
        dies = False
        try:
            self.before(name)
        except Crash:
            if not self.within:
                raise
            dies, self._left = True, self.within
        try:
            result = write(self, *arguments)
        finally:
            self._left = -1
        if dies:
            raise Crash
        return result

    return killable


for _name in _WRITES:
    setattr(KillableStore, _name, _killable(_name))
