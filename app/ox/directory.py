"""Who is who: the global address book and the user's own contacts (``facts``: HTTP API section 5 and 11.1).

What OX will not search for (a text shorter than its minimum, a directory that the user may not see) is found nowhere:
a device searches with every letter that is typed, and an error message for each would help nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.ox import pictures
from app.ox.client import Answer, Call
from app.ox.errors import Scope, Unsupported
from app.ox.mapping import person as mapping
from app.ox.module import Context, json_id
from app.usm.errors import FolderGone, ItemError, UsmError
from app.usm.queries import Person, Resolved

_MODULE: Final = "contacts"
_PARAMS: Final = {"columns": ",".join(map(str, mapping.COLUMNS))}


class Directory:
    """Looks for people on behalf of one user."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._most = context.settings.picture_bytes

    def people(self, text: str) -> list[Person]:
        """Those in the directory whom a text means, by name; one call."""
        if not mapping.words(text):
            return []
        body = {**mapping.body(text), "folder": [json_id(mapping.DIRECTORY)]}
        found = self._found([Call(_MODULE, "search", _PARAMS, body, Scope.READ)])[0]
        return [person for person in found if mapping.is_meant(person, text)]

    def resolve(self, names: Sequence[str]) -> Resolved:
        """Those whom each of these may mean, the user's own contacts among them; one call for all."""
        asked = [name for name in dict.fromkeys(names) if mapping.words(name)]
        calls = [Call(_MODULE, "search", _PARAMS, mapping.body(name), Scope.READ) for name in asked]
        found = dict(zip(asked, self._found(calls), strict=True))
        return {name: mapping.meant(found.get(name, []), name) for name in names}

    def picture(self, person: Person) -> bytes | None:
        """One call."""
        return pictures.fetch(self._client, person.picture, self._most)

    def _found(self, calls: Sequence[Call]) -> list[list[Person]]:
        return [_people(answer) for answer in self._client.multiple(calls, repeatable=True)]


def _people(answer: Answer | UsmError) -> list[Person]:
    if isinstance(answer, FolderGone | ItemError | Unsupported):
        return []
    if isinstance(answer, UsmError):
        raise answer
    return mapping.people(answer.rows(mapping.COLUMNS))
