"""State in SQL, in the groupware's own database or in one of its own. Knows usm only.

``opening`` finds the databases from settings, ``state`` is the store that USM asks for; both are offered here::

    store = SqlStateStore(open_databases(url, etc_dir), lock_timeout=10.0)

``migrations`` makes and upgrades the ``tables``; ``layers`` says how the state of a folder is laid out, ``locks`` how
one writer at a time is kept, ``errors`` what happens when the database does not answer.
"""

from __future__ import annotations

from app.store.database import Database, Databases, Schema, SingleDatabase
from app.store.errors import DatabaseSettingsError, SchemaUnusable, UnknownContext
from app.store.opening import open_databases
from app.store.sessions import StoredSession
from app.store.state import SqlStateStore

__all__ = [
    "Database",
    "DatabaseSettingsError",
    "Databases",
    "Schema",
    "SchemaUnusable",
    "SingleDatabase",
    "SqlStateStore",
    "StoredSession",
    "UnknownContext",
    "open_databases",
]
