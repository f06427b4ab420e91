"""Whether two tables, or two procedures, are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from app.store.legacy.schema import Procedure, Table

_COUNTER: Final = re.compile(r" AUTO_INCREMENT=\d+")


def differences(saved: Mapping[str, Table], found: Mapping[str, Table]) -> Iterator[str]:
    """What is not the same in the tables that were found as when they were saved, a line a table."""
    for name, table in found.items():
        if name not in saved:
            yield f"{name} was not saved"
        elif reason := _difference(saved[name], table):
            yield f"{name} {reason}"


def _difference(saved: Table, found: Table) -> str:
    if saved.rows != found.rows:
        return f"had {saved.rows} rows when it was saved and has {found.rows} now"
    if _COUNTER.sub("", saved.create) != _COUNTER.sub("", found.create):
        return "has other columns or keys than when it was saved"
    if saved.checksum != found.checksum:
        return "has other rows than when it was saved"
    return ""


def only_checksums_differ(saved: Mapping[str, Table], found: Mapping[str, Table]) -> bool:
    """Whether the tables are the same but for checksums, which another version of the server may count otherwise."""
    unsure = {
        name: Table(table.rows, saved[name].checksum, table.create)
        for name, table in found.items()
        if name in saved
    }
    return saved.keys() == found.keys() and not list(differences(saved, unsure))


def changed(saved: Mapping[str, Procedure], found: Mapping[str, Procedure]) -> Iterator[str]:
    """Which of the procedures that were found are others than those that were saved, a line each."""
    for name, procedure in found.items():
        if name not in saved:
            yield f"the procedure {name} was not saved"
        elif (saved[name].create, saved[name].sql_mode) != (procedure.create, procedure.sql_mode):
            yield f"the procedure {name} is another than when it was saved"
