"""Statements that only read: built once, and run without a transaction around them.

Rules:

* One statement sees one moment of the database by itself, so it needs neither a beginning nor an end: it costs one way
  to the server and back, and not four.
* What SQLAlchemy does anew each time (the expression, its key in the cache of compiled ones, objects of the result)
  takes longer than the statement itself. A :class:`Query` is made into SQL once for each kind of database and schema;
  rows are plain tuples.
* A connection on which anything went wrong is not used again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pymysql.connections import Connection as MariaDb
from sqlalchemy import Engine, exc
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.selectable import SelectBase

from app.store import wire

_SCHEMAS: Final = "schema_translate_map"


class Query:
    """A statement with named parameters (``bindparam``)."""

    def __init__(self, statement: SelectBase) -> None:
        self._statement = statement
        self._texts: dict[tuple[str, str | None], tuple[str, Mapping[str, Any], tuple[str, ...] | None]] = {}

    def rows(self, engine: Engine, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows. Raises what SQLAlchemy raises."""
        sql, fixed, order = self._text(engine)
        named = {**fixed, **values}
        return run(engine, sql, named if order is None else tuple(named[name] for name in order))

    def _text(self, engine: Engine) -> tuple[str, Mapping[str, Any], tuple[str, ...] | None]:
        schemas = engine.get_execution_options().get(_SCHEMAS) or {}
        key = engine.dialect.name, schemas.get(None)
        text = self._texts.get(key)
        if text is None:
            compiled = self._statement.compile(
                dialect=engine.dialect,
                schema_translate_map=schemas or None,
                render_schema_translate=bool(schemas),
            )
            order = tuple(compiled.positiontup) if compiled.positional and compiled.positiontup else None
            text = self._texts[key] = compiled.string, compiled.params, order
        return text


def run(engine: Engine, sql: str, arguments: Any) -> list[tuple[Any, ...]]:
    """The rows of one statement, on a connection of the engine's pool."""
    connection = connected(engine)
    try:
        return execute(engine, connection, sql, arguments)
    finally:
        connection.close()


def connected(engine: Engine) -> PoolProxiedConnection:
    """A connection of the pool, without a transaction. Raises what SQLAlchemy raises."""
    try:
        return engine.raw_connection()
    except _error(engine) as error:
        raise _translated(engine, error, is_lost=False) from error


def execute(
    engine: Engine, connection: PoolProxiedConnection, sql: str, arguments: Any
) -> list[tuple[Any, ...]]:
    """The rows of one statement. Raises what SQLAlchemy raises; the connection is gone then."""
    try:
        rows = _rows(connection, sql, arguments)
    except _error(engine) as error:
        is_lost = engine.dialect.is_disconnect(error, connection, None)
        connection.invalidate(error)
        if is_lost:  # and so are those, probably, that wait for their next use
            engine.dispose()
        raise _translated(engine, error, is_lost) from error
    except BaseException:
        connection.invalidate()  # somebody gave up in the middle: its next answer would be that to another question
        raise
    return rows


def _rows(connection: PoolProxiedConnection, sql: str, arguments: Any) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    direct = connection.dbapi_connection
    if isinstance(direct, MariaDb):
        return wire.rows(direct, cursor.mogrify(sql, arguments))
    cursor.execute(sql, arguments)
    rows = list(cursor.fetchall())
    cursor.close()
    return rows


def _error(engine: Engine) -> Any:
    return engine.dialect.loaded_dbapi.Error


def _translated(engine: Engine, error: BaseException, is_lost: bool) -> BaseException:
    return exc.DBAPIError.instance(
        None,
        None,
        error,
        _error(engine),
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=engine.dialect,
    )
