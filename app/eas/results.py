"""Items that a search has found, read for an answer: a page of them, with as few questions to the source as there are
folders. An item that is gone meanwhile, or that cannot be read, is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.eas.call import Call
from app.eas.errors import ConversionError
from app.eas.options import Options
from app.eas.schema.classes import View, application_data
from app.usm.content import Address
from app.usm.errors import FolderGone
from app.usm.model import FolderRef, Item
from app.usm.queries import Hit
from app.wbxml.element import Element


@dataclass(frozen=True, slots=True)
class Result:
    """One of them. ``properties``: what its class tells of it."""

    folder: FolderRef
    item: Item
    properties: tuple[Element, ...]


def read(call: Call, hits: Sequence[Hit], options: Options) -> Iterator[Result]:
    """The hits in their order."""
    wanted: dict[int, list[str]] = {}
    for hit in hits:
        wanted.setdefault(hit.folder.number, []).append(hit.item_id)
    found = {number: _read(call, number, ids, options) for number, ids in wanted.items()}
    user = call.session.user
    for hit in hits:
        item = found[hit.folder.number].get(hit.item_id)
        if not isinstance(item, Item):
            continue
        view = View(
            hit.folder.number,
            call.command.device,
            call.version,
            options,
            account=Address(user.mail, user.name),
        )
        try:
            yield Result(hit.folder, item, tuple(application_data(item, view)))
        except (ConversionError, ValueError):
            continue


def _read(call: Call, number: int, ids: Sequence[str], options: Options) -> dict[str, Item | Exception]:
    try:
        return dict(call.session.read(number, ids, options.bodies))
    except FolderGone:
        return {}
