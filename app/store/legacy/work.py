"""The four things that are done with the data of an earlier product, over all schemas: save, verify, drop, restore.

Each returns a word for each schema, and raises :class:`LegacyError`; what was done by then stands, and the next call
goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection

from app.store.legacy.archive import Archive, now
from app.store.legacy.dropping import drop_schema
from app.store.legacy.errors import LegacyError
from app.store.legacy.names import LEGACY, OURS, Kind
from app.store.legacy.places import Place, Tell
from app.store.legacy.restoring import folder_for_others, restore_schema
from app.store.legacy.saving import save_schema, try_out
from app.store.legacy.schema import look

Words = dict[str, str]


def save(
    places: Sequence[Place], folder: Path, tell: Tell, ours: bool = False, successor: bool = False
) -> Words:
    """Dump what each schema has of an earlier product, with its version number, and try the dump out. ``ours``: where
    it has tables of this program instead, dump those. ``successor``: the product that takes the place has tables of the
    same names, and those that are there after the drop are its own. What lies in the folder already and is still so is
    left alone. Goes on with the other schemas when one fails."""
    with Archive.opened(folder, make=True) as archive:

        def kind_of(place: Place, connection: Connection) -> Kind:
            if place.key in archive.entries:
                return archive.entries[place.key].product
            return OURS if ours and look(connection).ours else LEGACY

        def one(place: Place, connection: Connection) -> str:
            if successor and _is_dropped(archive, place):
                return "unchanged"
            changed = save_schema(connection, place, archive, kind_of(place, connection), tell)
            return "saved and verified" if changed else "unchanged"

        done = _each(places, one)
        if not archive.complete:
            archive.complete = now()
            archive.write()
        return done


def verify(places: Sequence[Place], folder: Path, tell: Tell) -> Words:
    """Try out each dump of the folder once more. Goes on with the other schemas when one fails."""
    with Archive.opened(folder) as archive:

        def one(place: Place, connection: Connection) -> str:
            try_out(connection, place, archive, archive.entries[place.key], tell)
            return "verified"

        return _each(_known(places, archive), one)


def drop(
    places: Sequence[Place], folder: Path, reset_version: int | None, tell: Tell, successor: bool = False
) -> Words:
    """Drop what the folder holds a verified dump of, in the guide's order, and set Open-Xchange's version number of
    each schema to ``reset_version``, once. ``successor``: see :func:`save`. Nothing is dropped anywhere if a schema
    lacks its dump; the first schema that fails ends it."""
    with Archive.opened(folder) as archive:
        for place in places:
            with place.connected() as connection:
                if place.key in archive.entries or look(connection).is_legacy:
                    _check_verified(archive, place)
        done = {}
        for place in places:
            if successor and _is_dropped(archive, place):
                done[place.key] = "unchanged"
                continue
            with place.worked_on() as connection:
                changed = drop_schema(connection, place, archive, reset_version, tell)
            done[place.key] = "dropped" if changed else "unchanged"
        return done


def restore(places: Sequence[Place], folder: Path, tell: Tell, successor: bool = False) -> Words:
    """Bring back what the folder holds: tables, rows, procedures, version number. Tables of the other product are in
    the way: they are saved to ``replaced-<moment>`` in the folder and dropped before. ``successor``: see :func:`save`;
    its tables, too, are in the way. Goes on with the other schemas when one fails."""
    with Archive.opened(folder) as archive:
        # What was never verified was never dropped either.
        known = [place for place in _known(places, archive) if archive.entries[place.key].verified]
        for place in known:
            _check_verified(archive, place)
        others = folder_for_others(folder)

        def one(place: Place, connection: Connection) -> str:
            changed = restore_schema(connection, place, archive, others, tell, successor)
            return "restored" if changed else "unchanged"

        done = _each(known, one)
        if others.is_dir():
            (others / "restored").touch(mode=0o600)
        return done


def _is_dropped(archive: Archive, place: Place) -> bool:
    """Whether all that was saved of a schema has been dropped, and has not been brought back since. The number of the
    version has been set by then."""
    entry = archive.entries.get(place.key)
    return entry is not None and bool(entry.dropped)


def _each(places: Sequence[Place], work: Callable[[Place, Connection], str]) -> Words:
    done, failed = {}, []
    for place in places:
        try:
            with place.worked_on() as connection:
                done[place.key] = work(place, connection)
        except LegacyError as error:
            failed.append(str(error))
    if failed:
        raise LegacyError("\n".join(failed))
    return done


def _known(places: Sequence[Place], archive: Archive) -> list[Place]:
    """The places that something was saved of. Raises :class:`LegacyError` if one is missing."""
    asides = {key for key in archive.entries for place in places if key.startswith(f"{place.key}.")}
    if absent := archive.entries.keys() - {place.key for place in places} - asides:
        raise LegacyError(
            f"{archive.folder} holds {', '.join(sorted(absent))}, which this installation does not know (any more); see"
            " configdb.properties and com.openexchange.usm.database.url"
        )
    return [place for place in places if place.key in archive.entries]


def _check_verified(archive: Archive, place: Place) -> None:
    entry = archive.entries.get(place.key)
    if entry is None:
        raise LegacyError(
            f"{place.key}: {archive.folder} holds nothing of it; run usmctl legacy save. Nothing was changed"
        )
    if not entry.verified:
        raise LegacyError(
            f"{place.key}: the dump in {archive.folder} is not verified; run usmctl legacy save again. Nothing was"
            " changed"
        )
    if entry.dump is not None:
        archive.check(entry.dump)
