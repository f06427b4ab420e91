"""The kinds of databases; see ``tests/store``."""

from tests.store.conftest import mariadb, open_stores, session, used_groupware, used_mariadb_url

__all__ = ["mariadb", "open_stores", "session", "used_groupware", "used_mariadb_url"]
