"""Pictures of contacts."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from lab.ox.database.groupware import contact_image

MAX_BYTES = 4_194_304
_MOST = 500
_MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"\x89PNG\r\n\x1a\n": "image/png",
}


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, its type and when it was stored (ms UTC)."""

    data: bytes
    content_type: str
    changed: int


def kind_of(data: bytes) -> str | None:
    """The type of a picture by its first bytes; ``None`` when it is none of JPG, GIF, BMP, PNG."""
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


def load(connection: sa.Connection, cid: int, contact_id: int) -> Image | None:
    """The picture of a contact."""
    table = contact_image
    row = connection.execute(sa.select(table).where(table.c.cid == cid, table.c.id == contact_id)).first()
    return Image(row.image1, row.mime_type, row.changing_date) if row else None


def heads(connection: sa.Connection, cid: int, ids: list[int]) -> dict[int, tuple[str, int]]:
    """Contact → (type, when) of those of these contacts that have a picture."""
    table = contact_image
    chosen = sa.select(table.c.id, table.c.mime_type, table.c.changing_date).where(table.c.cid == cid)
    # No statement takes many ids; then all are looked at.
    if len(ids) <= _MOST:
        chosen = chosen.where(table.c.id.in_(ids))
    wanted = set(ids)
    return {
        row.id: (row.mime_type, row.changing_date) for row in connection.execute(chosen) if row.id in wanted
    }


def save(connection: sa.Connection, cid: int, contact_id: int, image: Image | None) -> None:
    """Replace a contact's picture, or remove it."""
    table = contact_image
    connection.execute(table.delete().where(table.c.cid == cid, table.c.id == contact_id))
    if image:
        connection.execute(
            table.insert(),
            [
                {
                    "cid": cid,
                    "id": contact_id,
                    "image1": image.data,
                    "mime_type": image.content_type,
                    "changing_date": image.changed,
                }
            ],
        )
