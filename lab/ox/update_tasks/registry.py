"""Which update tasks there are: the core's own, and those that installed bundles bring along.

A bundle registers tasks by a file ``<name>.updatetasks`` in the folder of bundles, JSON:
``{"bundle": …, "tasks": [{"class": full name, "statements": [SQL, …]}, …]}``. Statements may differ by database:
``"statements": {"mysql": […], "sqlite": […]}``. Files and tasks run in their order. ``"version"`` is the number of a
task of the old kind: generation 6 runs it whenever the schema's version is lower, done or not.
"""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

_CORE = "com.openexchange.groupware.update.tasks."
# Tasks of the core; a new schema is made with all of them done.
CORE_TASKS = tuple(
    _CORE + name
    for name in (
        "AddAppointmentParticipantsIndexTask",
        "AddSnippetAttachmentFilenameTask",
        "AlterUidCollation",
        "AppointmentExceptionRemoveDuplicateDatePositionTask",
        "ContactCollectOnIncomingAndOutgoingMailUpdateTask",
        "ContactsAddIndex4AutoCompleteSearch",
        "ContactsFieldSizeUpdateTask",
        "CorrectChangeExceptionsWithoutOwner",
        "CreateIndexOnContextAttributesTask",
        "CreateTableVersion",
        "DelInfostoreAddIndex",
        "ExtendCalendarForIMIPHandlingTask",
        "FolderAddIndex4SharedFolderSearch",
        "FolderExtendNameTask",
        "FolderPermissionAddIndexOnFuid",
        "GlobalAddressBookPermissionsResolverTask",
        "MailAccountAddPersonalTask",
        "PasswordMechUpdateTask",
        "TaskModifiedByNullTask",
        "UnifiedINBOXRenamerTask",
        "VirtualFolderAddSortNumTask",
    )
)


@dataclass(frozen=True, slots=True)
class UpdateTask:
    """One task: the full name of its class and what it does to a schema, by kind of database. ``version``: its number
    if it is of the old kind, else 0."""

    name: str
    statements: dict[str, tuple[str, ...]]
    version: int = 0

    @property
    def uuid(self) -> bytes:
        """The key of its record: the same for every run."""
        return uuid.uuid5(uuid.NAMESPACE_OID, self.name).bytes


def all_tasks(bundles: Path | None) -> list[UpdateTask]:
    """The core's tasks, then those of the bundles. A file that cannot be read is logged and left out."""
    tasks = [UpdateTask(name, {}) for name in CORE_TASKS]
    if bundles and bundles.is_dir():
        for path in sorted(bundles.glob("*.updatetasks")):
            try:
                tasks += _read(path)
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.error("bundle %s registers no update tasks: %r", path, error)
    return tasks


def _read(path: Path) -> list[UpdateTask]:
    entries = json.loads(path.read_text(encoding="utf-8"))["tasks"]
    return [
        UpdateTask(
            str(entry["class"]), _statements(entry.get("statements", [])), int(entry.get("version", 0))
        )
        for entry in entries
    ]


def _statements(value: list[str] | dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    if isinstance(value, dict):
        return {kind: tuple(statements) for kind, statements in value.items()}
    return {"mysql": tuple(value), "sqlite": tuple(value)}
