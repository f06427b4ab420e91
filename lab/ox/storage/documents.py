"""JSON documents of a user: settings of the user interface, signatures, rules of the mail filter."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from lab.ox.database.groupware import json_storage

SETTINGS = "com.openexchange.jslob.config"
SIGNATURES = "com.openexchange.snippet"
MAIL_FILTER = "com.openexchange.mailfilter"
VACATION_SENT = "standin.vacation"


def load_all(connection: sa.Connection, cid: int, user_id: int, service: str) -> dict[str, Any]:
    """All documents of a service by id."""
    rows = connection.execute(
        sa.select(json_storage.c.id, json_storage.c.data)
        .where(_of(cid, user_id, service))
        .order_by(json_storage.c.id)
    )
    return {row.id: json.loads(row.data) for row in rows}


def save(
    connection: sa.Connection, cid: int, user_id: int, service: str, document_id: str, value: Any
) -> None:
    """Store a document, or remove it (``None``)."""
    connection.execute(
        json_storage.delete().where(_of(cid, user_id, service), json_storage.c.id == document_id)
    )
    if value is not None:
        connection.execute(json_storage.insert(), [row_of(cid, user_id, service, document_id, value)])


def row_of(cid: int, user_id: int, service: str, document_id: str, value: Any) -> dict[str, Any]:
    """The row of a document."""
    data = json.dumps(value, ensure_ascii=False)
    return {"cid": cid, "user": user_id, "serviceId": service, "id": document_id, "data": data}


def free_id(documents: dict[str, Any]) -> str:
    """The next number that no document of a service has."""
    return str(max((int(each) for each in documents if each.isdigit()), default=0) + 1)


def _of(cid: int, user_id: int, service: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        json_storage.c.cid == cid, json_storage.c.user == user_id, json_storage.c.serviceId == service
    )
