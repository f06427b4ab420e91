"""The whole installation's data: finds a context's schema and a login's user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from lab.ox.database.configdb import Context, context, context_server2db_pool, find_context, load_contexts
from lab.ox.database.servers import CONFIGDB, DatabaseServer


class Platform:
    """All contexts of one installation."""

    def __init__(self, databases: DatabaseServer) -> None:
        self.databases = databases
        self._schemas: dict[int, str] = {}

    def contexts(self) -> list[Context]:
        """All contexts, by id."""
        with self.databases.read(CONFIGDB) as connection:
            return load_contexts(connection)

    def context(self, cid: int) -> Context | None:
        """One context by its id."""
        return next((found for found in self.contexts() if found.cid == cid), None)

    def schema(self, cid: int) -> str:
        """The schema that holds a context. Raises ``KeyError``."""
        if cid not in self._schemas:
            with self.databases.read(CONFIGDB) as connection:
                self._schemas = {
                    row.cid: row.db_schema for row in connection.execute(sa.select(context_server2db_pool))
                }
        return self._schemas[cid]

    def schemas(self) -> list[str]:
        """The names of all groupware schemas."""
        return sorted({found.schema for found in self.contexts()})

    def resolve(self, login: str) -> tuple[int, bool, list[str]] | None:
        """The context of a login text, whether it is enabled, and the names the user may have in it. The whole
        text counts first, then the part after the last ``@``; a login without ``@`` is in ``defaultcontext``."""
        local, _, domain = login.rpartition("@")
        candidates = [(login, [login, local] if local else [login])]
        candidates.append((domain, [local]) if local else ("defaultcontext", [login]))
        with self.databases.read(CONFIGDB) as connection:
            for mapping, users in candidates:
                cid = find_context(connection, mapping)
                if cid is not None:
                    enabled = connection.execute(
                        sa.select(context.c.enabled).where(context.c.cid == cid)
                    ).scalar()
                    return cid, bool(enabled), users
        return None

    @contextmanager
    def read(self, cid: int) -> Iterator[sa.Connection]:
        """A reading transaction in the context's schema."""
        with self.databases.read(self.schema(cid)) as connection:
            yield connection

    @contextmanager
    def write(self, cid: int) -> Iterator[sa.Connection]:
        """A writing transaction in the context's schema."""
        with self.databases.write(self.schema(cid)) as connection:
            yield connection
