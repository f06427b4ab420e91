"""Documents: the infostore by the names of its folders and files (``facts``: HTTP API sections 2 and 10).

A path is walked from the top, a call a step: names are what a person sees and types, and OX knows folders by numbers.
Names are compared whatever their case where no exact one is there, as on a share of files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from app.ox.client import Answer, Call
from app.ox.errors import Scope, TooLarge
from app.ox.mapping import document as mapping
from app.ox.module import Context
from app.usm.errors import FolderGone, ItemError, ItemGone, ItemRefused, ItemUnreadable, UsmError
from app.usm.model import Download
from app.usm.queries import Document

_MODULE: Final = "infostore"
_TREE: Final = {"tree": "0"}
DEEPEST: Final = 50

_Row = Mapping[int, Any]


class Infostore:
    """The documents that one user may see."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._most = context.settings.attachment_bytes

    def documents(self, path: Sequence[str]) -> list[Document]:
        """What is at the end of a path, and what it holds."""
        names = tuple(path)
        folder, own, found = self._walked(names)
        if found is not None:
            return [mapping.file(names[:-1], found)]
        places, files = self._inside(folder)
        return [
            own,
            *sorted((mapping.place(names, row) for row in places), key=_by_title),
            *sorted((mapping.file(names, row) for row in files if mapping.name(row)), key=_by_title),
        ]

    def document(self, path: Sequence[str]) -> Download:
        """The bytes of the newest version, kept in a temporary file."""
        folder, _, found = self._walked(tuple(path))
        if found is None:
            raise ItemGone("it is a folder")
        params = {"action": "document", "folder": folder, "id": found[mapping.ID]}
        try:
            download = self._client.fetch(_MODULE, params, self._most)
        except TooLarge as error:
            raise ItemUnreadable(f"a document: {error}") from error
        except ItemUnreadable as error:
            raise ItemGone(f"a document: {error}") from error
        return replace(download, modified=mapping.file((), found).modified)

    def _walked(self, names: tuple[str, ...]) -> tuple[str, Document, _Row | None]:
        """The folder at the end of a path, or the one that holds the file there, and the file."""
        if len(names) > DEEPEST:
            raise ItemGone(f"no path has {len(names)} names")
        folder, own = mapping.ROOT, self._top()
        for step, name in enumerate(names):
            places, files = self._inside(folder)
            place = _named(places, name, mapping.TITLE)
            if place is not None:
                folder, own = str(place[mapping.ID]), mapping.place(names[: step + 1], place, above=True)
                continue
            file = _named(files, name, mapping.FILE_NAME)
            if file is None or step + 1 < len(names):
                raise ItemGone(f"there is no {name!r} in folder {folder} of the infostore")
            return folder, own, file
        return folder, own, None

    def _top(self) -> Document:
        call = _call("folders", "get", {"id": mapping.ROOT, **_TREE})
        answer = _good(self._client.multiple([call], repeatable=True)[0])
        data = answer.fields
        row = {
            mapping.TITLE: data.get("title"),
            mapping.CREATED: data.get("creation_date"),
            mapping.MODIFIED: data.get("last_modified"),
        }
        return mapping.place((), row, above=True)

    def _inside(self, folder: str) -> tuple[list[_Row], list[_Row]]:
        """Folders and files in a folder; one call. The folder above all others holds no files. Of a folder whose files
        the user may not see, the folders below are told all the same."""
        below = {"parent": folder, "columns": _joined(mapping.FOLDER_COLUMNS), **_TREE}
        files = {"folder": folder, "columns": _joined(mapping.FILE_COLUMNS)}
        calls = [_call("folders", "list", below)]
        if folder != mapping.ROOT:
            calls.append(_call(_MODULE, "all", files))
        answers = self._client.multiple(calls, repeatable=True)
        places = _good(answers[0]).rows(mapping.FOLDER_COLUMNS)
        found = [row for row in places if mapping.is_place(row)]
        held: list[_Row] = []
        for answer in answers[1:]:
            if not (found and isinstance(answer, FolderGone | ItemError)):
                held += _good(answer).rows(mapping.FILE_COLUMNS)
        return list(found), held


def _good(answer: Answer | UsmError) -> Answer:
    if isinstance(answer, FolderGone | ItemError):
        raise ItemRefused(f"the user may not see this: {answer}") from answer
    if isinstance(answer, UsmError):
        raise answer
    return answer


def _call(module: str, action: str, params: Mapping[str, Any]) -> Call:
    return Call(module, action, params, scope=Scope.FOLDER)


def _named(rows: Sequence[_Row], name: str, column: int) -> _Row | None:
    exact = (row for row in rows if row[column] == name)
    similar = (row for row in rows if str(row[column] or "").casefold() == name.casefold())
    return next(exact, None) or next(similar, None)


def _by_title(document: Document) -> str:
    return document.title.casefold()


def _joined(columns: Sequence[int]) -> str:
    return ",".join(map(str, columns))
