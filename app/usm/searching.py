"""Searching a user's items: which of the device's folders are meant, and what the source finds there.

Only folders that the device knows are searched: what lies anywhere else it could not open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from app.usm.errors import FolderGone
from app.usm.model import FolderRef
from app.usm.ports import DataSource
from app.usm.queries import Hits, Search


def find(source: DataSource, known: Mapping[int, FolderRef], held: Collection[str], search: Search) -> Hits:
    """``known``: all folders that have a number; ``held``: the numbers of those that the device has. Raises
    ``FolderGone`` for a folder it has not. One call more where folders below others are wanted."""
    mine = {number: ref for number, ref in known.items() if str(number) in held}
    for number in search.folders:
        if number not in mine:
            raise FolderGone(f"the device has no folder of number {number}")
    chosen = [mine[number] for number in search.folders] if search.folders else list(mine.values())
    if search.folders and search.below:
        wanted = _below(source, {ref.id for ref in chosen})
        chosen = [ref for ref in mine.values() if ref.id in wanted]
    wanted_here = [ref for ref in chosen if ref.content in search.contents]
    if not wanted_here:
        return Hits()
    return source.search(wanted_here, search.condition, search.most)


def _below(source: DataSource, ids: Iterable[str]) -> set[str]:
    """These folders and all below them; a source tells parents before their children."""
    found = set(ids)
    for folder in source.folders():
        if folder.parent_id in found:
            found.add(folder.id)
    return found
