"""Who is who: the global address book, own contacts, groups of users (``facts``: HTTP API sections 5 and 11.1).

What OX will not search for (a text shorter than its minimum, a directory that the user may not see) is found nowhere:
a device searches with every letter that is typed, and an error message for each would help nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from app.ox import pictures
from app.ox.client import Answer, Call
from app.ox.errors import Scope, TooLarge, Unsupported
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
        """Those whom each of these may mean, the user's own contacts and groups of users among them; one call for all,
        and one more where there are groups."""
        asked = [name for name in dict.fromkeys(names) if mapping.words(name)]
        calls = [Call(_MODULE, "search", _PARAMS, mapping.body(name), Scope.READ) for name in asked]
        if any(not mapping.is_mail(name) for name in asked):
            calls.append(Call("group", "search", {}, {"pattern": "*"}, Scope.READ))
        answers = self._asked(calls)
        groups = self._groups(answers[len(asked) :])
        found = {
            name: mapping.meant([*_people(answer), *groups], name)
            for name, answer in zip(asked, answers, strict=False)
        }
        return {name: found.get(name, []) for name in names}

    def _groups(self, answers: Sequence[Answer | UsmError]) -> list[Person]:
        """Groups as lists of their members, but those that OX makes itself and those that nobody could look through."""
        told = [each for answer in answers for each in mapping.groups(_data(answer))]
        ids = sorted({member for group in told for member in group.members})
        if not ids:
            return []
        params = {"columns": ",".join(map(str, mapping.USER_COLUMNS))}
        call = Call("user", "list", params, ids, Scope.READ)
        rows = [
            row
            for answer in self._client.multiple([call], repeatable=True)
            if _data(answer) and isinstance(answer, Answer)
            for row in answer.rows(mapping.USER_COLUMNS)
        ]
        return mapping.people_of_groups(told, rows)

    def picture(self, person: Person) -> bytes | None:
        """One call."""
        return pictures.fetch(self._client, person.picture, self._most)

    def _found(self, calls: Sequence[Call]) -> list[list[Person]]:
        return [_people(answer) for answer in self._asked(calls)]

    def _asked(self, calls: Sequence[Call]) -> list[Answer | UsmError]:
        """The answers; of one letter that begins half of a large company's names, nobody."""
        try:
            return self._client.multiple(calls, repeatable=True)
        except TooLarge:
            if len(calls) < 2:
                return [Answer([]) for _ in calls]
        middle = len(calls) // 2
        return [*self._asked(calls[:middle]), *self._asked(calls[middle:])]


def _people(answer: Answer | UsmError) -> list[Person]:
    return (
        mapping.people(answer.rows(mapping.COLUMNS)) if _data(answer) and isinstance(answer, Answer) else []
    )


def _data(answer: Answer | UsmError) -> Any:
    """What OX answers, ``None`` where it will not search."""
    if isinstance(answer, FolderGone | ItemError | Unsupported):
        return None
    if isinstance(answer, UsmError):
        raise answer
    return answer.data
