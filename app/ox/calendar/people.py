"""Who is who: the ``calendar`` module names users and resources by numbers, a device by mail addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from app.ox.client import Call, OxClient
from app.ox.errors import Scope, Unsupported
from app.ox.mapping.calendar import PARTICIPANTS, RESOURCE, USER, USERS, People, Person, entries
from app.ox.mapping.values import line
from app.usm.errors import ItemError, UsmError
from app.usm.model import User

_ID: Final = 1
_NAME: Final = 500
_MAIL: Final = 555
_COLUMNS: Final = (_ID, _NAME, _MAIL)
_JOINED: Final = ",".join(map(str, _COLUMNS))

_Key = tuple[int, int]


class Directory:
    """The users and resources that one request has to do with; each is asked for once."""

    def __init__(self, client: OxClient, user: User) -> None:
        self._client = client
        self._user = user
        self._known: dict[_Key, Person | None] = {}
        self._by_mail: dict[str, Person | None] = {}

    def of_rows(self, rows: Iterable[Mapping[int, Any]]) -> People:
        """Everybody who takes part in these appointments; at most one call."""
        wanted: set[_Key] = set()
        for row in rows:
            people: list[tuple[Any, Any]] = [(USER, each.get("id")) for each in entries(row.get(USERS))]
            people += [(each.get("type"), each.get("id")) for each in entries(row.get(PARTICIPANTS))]
            people += [(USER, row.get(column)) for column in (2, 227)]
            wanted |= {(kind, each) for kind, each in people if _is_key(kind, each)}
        self._learn(wanted - self._known.keys())
        return self.people()

    def people(self) -> People:
        """All who are known so far."""
        known = {key: person for key, person in self._known.items() if person is not None}
        return People(self._user.user_id, known)

    def by_mail(self, mails: Iterable[str]) -> dict[str, Person]:
        """Address in small letters → the user or resource who has it; at most one call."""
        for person in self._known.values():
            if person is not None and person.mail:
                self._by_mail.setdefault(person.mail.casefold(), person)
        own = self._user
        if own.mail:
            self._by_mail.setdefault(own.mail.casefold(), Person(USER, own.user_id, own.mail, own.name))
        folded = {mail.casefold() for mail in mails}
        missing = sorted(folded - self._by_mail.keys())
        self._search(missing)
        found = {mail: self._by_mail.get(mail) for mail in folded}
        return {mail: person for mail, person in found.items() if person is not None}

    def _learn(self, keys: set[_Key]) -> None:
        users = sorted(number for kind, number in keys if kind == USER)
        rooms = sorted(number for kind, number in keys if kind == RESOURCE)
        calls = []
        if users:
            calls.append(Call("user", "list", {"columns": _JOINED}, users, Scope.READ))
        if rooms:
            data = [{"id": number} for number in rooms]
            calls.append(Call("resource", "list", {}, data, Scope.READ))
        for call, answer in zip(calls, self._asked(calls), strict=True):
            if call.module == "user":
                self._take(_users(answer))
            else:
                self._take(_rooms(answer))
        for key in keys:
            self._known.setdefault(key, None)

    def _take(self, people: Iterable[Person]) -> None:
        self._known.update({(person.kind, person.id): person for person in people})

    def _search(self, mails: Sequence[str]) -> None:
        """Users by address, whatever of the search forms this OX understands; then resources."""
        calls = []
        for mail in mails:
            pattern = {"pattern": mail, "email1": mail, "orSearch": True, "emailAutoComplete": True}
            calls.append(Call("user", "search", {"columns": _JOINED}, pattern, Scope.READ))
        if mails:
            calls.append(Call("resource", "search", {}, {"pattern": "*"}, Scope.READ))
        for call, answer in zip(calls, self._asked(calls), strict=True):
            people = _users(answer) if call.module == "user" else _rooms(answer)
            for person in people:
                if person.mail:
                    self._by_mail.setdefault(person.mail.casefold(), person)
        for mail in mails:
            self._by_mail.setdefault(mail, None)

    def _asked(self, calls: Sequence[Call]) -> list[Any]:
        """The answers' data, ``None`` where OX has none: somebody without a name is better than no appointment."""
        return [_data(answer) for answer in self._client.multiple(calls, repeatable=True)]


def _data(answer: Any) -> Any:
    if isinstance(answer, ItemError | Unsupported):
        return None
    if isinstance(answer, UsmError):
        raise answer
    return answer.data


def _is_key(kind: Any, number: Any) -> bool:
    return kind in (USER, RESOURCE) and isinstance(number, int) and number > 0


def _users(data: Any) -> list[Person]:
    rows = data if isinstance(data, list) else []
    good = (row for row in rows if isinstance(row, list) and len(row) == len(_COLUMNS) and row[0])
    return [Person(USER, row[0], line(row[2]) or "", line(row[1]) or "") for row in good]


def _rooms(data: Any) -> list[Person]:
    return [
        Person(
            RESOURCE, each["id"], line(each.get("mailaddress")) or "", line(each.get("display_name")) or ""
        )
        for each in entries(data)
        if isinstance(each.get("id"), int)
    ]
