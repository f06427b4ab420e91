"""Running pending update tasks: on the first login into a schema, or when an administrator asks for it.

Rules. A schema needs an update when its ``version`` is lower than the newest number (in generation 6), or when
tasks are pending (from 7 on). Tasks named in ``excludedupdatetasks.properties`` do not run. If ``updatetasks.cfg``
was there when the daemon started, only the tasks listed in it run; without the file all do. A task that ran with
success is recorded in ``updateTask`` and never repeated, unless it has a number (generation 6): such a task runs
again whenever the version is lower, and must bear it. While tasks run the schema is locked, other logins are refused,
and exactly one node runs them; a failed task is recorded as such and tried with the next update. Afterwards
``version`` holds the newest number, whatever ran.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.database.groupware import NEWEST_VERSION, update_task, version
from lab.ox.database.servers import DatabaseServer
from lab.ox.errors import fault
from lab.ox.generation import Generation
from lab.ox.settings import Settings
from lab.ox.update_tasks.registry import UpdateTask, all_tasks

log = logging.getLogger(__name__)


class Updater:
    """Runs update tasks for one node."""

    def __init__(self, databases: DatabaseServer, generation: Generation, settings: Settings) -> None:
        self._databases = databases
        self._generation = generation
        self._settings = settings
        self._tasks = all_tasks(settings.bundles)

    def release_own_locks(self, schemas: Iterable[str]) -> None:
        """Unlock schemas that this node locked before it died."""
        for schema in schemas:
            with self._databases.write(schema) as connection:
                connection.execute(
                    version.update()
                    .where(version.c.locked == sa.true(), version.c.server == self._settings.server_name)
                    .values(locked=False)
                )

    def ensure(self, schema: str, cid: int) -> list[str]:
        """Bring a schema up to date for a login; returns the names of the tasks that ran. Raises CTX-0007 while
        another node does it."""
        needed, locked = self._state(schema)
        if locked:
            raise fault("CTX-0007", cid)
        if not needed:
            return []
        with self._locked(schema, cid):
            # Another node may have done it between the look and the lock.
            return self._run(schema) if self._state(schema)[0] else []

    def run(self, schema: str) -> list[str]:
        """Run what is pending; returns the names of the tasks that ran. Raises CTX-0007 while others do it."""
        with self._locked(schema, schema):
            return self._run(schema)

    def force(self, schema: str, name: str) -> None:
        """Run one task again. Raises ``KeyError`` where there is no such task, CTX-0007, UPD-0002."""
        task = {each.name: each for each in self._tasks}[name]
        with self._locked(schema, schema):
            error = self._perform(schema, task)
            self._record(schema, task, error is None)
        if error:
            raise fault("UPD-0002", name, type(error).__name__)

    def pending(self, schema: str) -> list[str]:
        """The names of the tasks that would run."""
        with self._databases.read(schema) as connection:
            return [task.name for task in self._pending(connection)]

    def excluded(self) -> list[str]:
        """The names of the tasks that are kept from running."""
        return [task.name for task in self._tasks if task.name in self._settings.excluded_tasks]

    def executed(self, schema: str) -> list[tuple[str, bool, int]]:
        """What ran, each with whether it succeeded, and when (ms)."""
        chosen = sa.select(update_task).order_by(update_task.c.taskName)
        with self._databases.read(schema) as connection:
            return [
                (row.taskName, bool(row.successful), row.lastModified) for row in connection.execute(chosen)
            ]

    def _state(self, schema: str) -> tuple[bool, bool]:
        """Whether the schema needs an update, and whether it is locked."""
        with self._databases.read(schema) as connection:
            row = connection.execute(sa.select(version)).one()
            needed = row.version < NEWEST_VERSION
            if self._generation.update_on_pending_tasks:
                needed = needed or bool(self._pending(connection))
            return needed, bool(row.locked)

    def _pending(self, connection: sa.Connection) -> list[UpdateTask]:
        done = set(
            connection.execute(
                sa.select(update_task.c.taskName).where(update_task.c.successful == sa.true())
            ).scalars()
        )
        listed = self._settings.update_tasks
        number = connection.execute(sa.select(version.c.version)).scalar_one()
        return [
            task
            for task in self._tasks
            if (task.name not in done or self._is_repeated(task, number))
            and (listed is None or task.name in listed)
            and task.name not in self._settings.excluded_tasks
        ]

    def _is_repeated(self, task: UpdateTask, number: int) -> bool:
        return not self._generation.update_on_pending_tasks and number < task.version

    def _run(self, schema: str) -> list[str]:
        with self._databases.read(schema) as connection:
            pending = self._pending(connection)
        ran = []
        for task in pending:
            error = self._perform(schema, task)
            self._record(schema, task, error is None)
            ran.append(task.name)
        with self._databases.write(schema) as connection:
            connection.execute(version.update().values(version=NEWEST_VERSION))
        log.info("schema %s is at version %d after %d update tasks", schema, NEWEST_VERSION, len(ran))
        return ran

    def _perform(self, schema: str, task: UpdateTask) -> Exception | None:
        kind = "sqlite" if self._databases.is_sqlite else "mysql"
        try:
            with self._databases.write(schema) as connection:
                for statement in task.statements.get(kind, ()):
                    connection.exec_driver_sql(statement)
        except sa.exc.SQLAlchemyError as error:
            log.error("update task %s failed on %s: %s", task.name, schema, error)
            return error
        return None

    def _record(self, schema: str, task: UpdateTask, successful: bool) -> None:
        with self._databases.write(schema) as connection:
            connection.execute(
                update_task.delete().where(update_task.c.cid == 0, update_task.c.uuid == task.uuid)
            )
            connection.execute(update_task.insert(), [record(task, successful)])

    @contextmanager
    def _locked(self, schema: str, named: str | int) -> Iterator[None]:
        """The schema's lock is ours. Raises CTX-0007, with what is ``named``, while others have it."""
        with self._databases.write(schema) as connection:
            taken = connection.execute(
                version.update()
                .where(version.c.locked == sa.false())
                .values(locked=True, server=self._settings.server_name)
            )
            is_ours = taken.rowcount == 1
        if not is_ours:
            raise fault("CTX-0007", named)
        try:
            yield
        finally:
            with self._databases.write(schema) as connection:
                connection.execute(version.update().values(locked=False))


def record(task: UpdateTask, successful: bool) -> dict[str, object]:
    """The row of ``updateTask`` for a task that ran."""
    return {
        "cid": 0,
        "uuid": task.uuid,
        "taskName": task.name,
        "successful": successful,
        "lastModified": clock.now_ms(),
    }
