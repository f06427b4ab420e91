"""People of the directory and of address books: OX rows and :class:`app.usm.queries.Person` (``facts``: HTTP API 5).

Names are found by their beginnings, as devices expect of a directory: each word of the text begins a word of what a
person is called, works for, or is written to by (MS-ASCMD 2.2.3.142.2). OX looks anywhere within; so what it finds is
looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.ox.mapping import contact, values
from app.ox.mapping.search import literal
from app.usm.content import Address
from app.usm.queries import Origin, Person

DIRECTORY: Final = "6"
"""The folder of the global address book."""
FOLDER: Final = 20
MEMBERS: Final = 592

FIELDS: Final = (
    "display_name",
    "first_name",
    "last_name",
    "nickname",
    "title",
    "job_title",
    "company",
    "department",
    "office",
    "business_phone",
    "home_phone",
    "mobile_phone",
    "email1",
    "email2",
    "email3",
)
"""What is asked for of a person."""
COLUMNS: Final = (
    contact.ID,
    FOLDER,
    contact.PICTURES,
    contact.PICTURE_URL,
    contact.IS_LIST,
    MEMBERS,
    *(contact.BY_FIELD[field].column for field in FIELDS),
)
ROWS: Final = tuple(contact.BY_FIELD[field] for field in FIELDS)

_NAMED: Final = (
    "display_name",
    "first_name",
    "last_name",
    "nickname",
    "company",
    "department",
    "office",
)
_SEARCHED: Final = ("display_name", "first_name", "last_name", "company", "email1", "email2", "email3")
"""What ``contacts?action=search`` takes."""
_MAILS: Final = ("email1", "email2", "email3")
_BETWEEN: Final = re.compile(r'[",;*]')
MAX_WORDS: Final = 10
"""Words of a text that are looked at."""


def words(text: str) -> tuple[str, ...]:
    """The words that must begin something. Some devices end them with a wildcard, which says nothing new."""
    return tuple(_BETWEEN.sub(" ", text.casefold()).split())[:MAX_WORDS]


def body(text: str) -> dict[str, Any]:
    """What to ask OX: one word in any of the fields, and the others are looked for in what comes back. A mail address
    is asked for as it is."""
    found = words(text)
    word = max(found, key=len, default="")
    fields = _MAILS if is_mail(text) else _SEARCHED
    return {**{field: f"*{literal(word)}*" for field in fields}, "orSearch": True}


def is_mail(text: str) -> bool:
    """Whether a text can be a mail address as a whole."""
    return "@" in text and len(text.split()) == 1


def people(rows: Iterable[Mapping[int, Any]]) -> list[Person]:
    """The people of these rows, by their names; one who is in the directory and in an address book stands there
    once."""
    found = [_person(row) for row in rows]
    found.sort(key=lambda person: (person.origin is not Origin.DIRECTORY, person.name.casefold()))
    seen: set[str] = set()
    kept = []
    for person in found:
        mail = person.mail.casefold()
        if not mail or mail not in seen:
            kept.append(person)
        seen.add(mail)
    return sorted(kept, key=lambda person: person.name.casefold())


def _person(row: Mapping[int, Any]) -> Person:
    read = ((mapped.field, mapped.read(row[mapped.column])) for mapped in ROWS)
    fields = {field: value for field, value in read if value is not None}
    origin = Origin.DIRECTORY if str(row[FOLDER]) == DIRECTORY else Origin.CONTACTS
    members = _members(row[MEMBERS]) if row[contact.IS_LIST] else None
    picture = str(row[contact.PICTURE_URL] or "") if row[contact.PICTURES] else ""
    return Person(origin, fields, members, picture)


def _members(value: Any) -> tuple[Address, ...]:
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    found = ((values.line(entry.get("mail")), values.line(entry.get("display_name"))) for entry in entries)
    return tuple(Address(mail, name or "") for mail, name in found if mail)


def is_meant(person: Person, text: str) -> bool:
    """Whether each word of a text begins a word of what is known of somebody. Of an address only what stands before
    the ``@`` counts, unless the text has one: a domain is everybody's."""
    known = [str(person.fields[field]) for field in _NAMED if field in person.fields]
    mails = person.mails if "@" in text else [mail.partition("@")[0] for mail in person.mails]
    told = "\n".join((*known, *mails)).casefold()
    found = words(text)
    return bool(found) and all(re.search(rf"(?<!\w){re.escape(word)}", told) for word in found)


def meant(found: Sequence[Person], text: str) -> list[Person]:
    """Those whom a text means: whoever has it as mail address and nobody else, or all whose words it begins."""
    folded = text.strip().casefold()
    exact = [person for person in found if folded in (mail.casefold() for mail in person.mails)]
    return exact or [person for person in found if is_meant(person, text)]


# -- groups of users -----------------------------------------------------------------------------------------

USER_COLUMNS: Final = (1, 500, 555)
"""Number, name and address of a user."""
MADE_BY_OX: Final = frozenset((0, 1, 2**31 - 1))
"""All users, the standard group, guests."""
MOST_MEMBERS: Final = 100


@dataclass(frozen=True, slots=True)
class Group:
    """A group and the numbers of its users."""

    name: str
    members: tuple[int, ...]


def groups(data: Any) -> list[Group]:
    """The groups that can stand for their members."""
    found = []
    for each in data if isinstance(data, list) else ():
        if isinstance(each, dict) and each.get("id") not in MADE_BY_OX:
            name, members = values.line(each.get("display_name")), each.get("members")
            numbers = tuple(number for number in members or () if isinstance(number, int))
            if name and 0 < len(numbers) <= MOST_MEMBERS:
                found.append(Group(name, numbers))
    return found


def people_of_groups(found: Iterable[Group], rows: Iterable[Mapping[int, Any]]) -> list[Person]:
    """Groups as lists. ``rows``: :data:`USER_COLUMNS` of their members."""
    known = {
        row[1]: Address(mail, values.line(row[500]) or "") for row in rows if (mail := values.line(row[555]))
    }
    people = []
    for group in found:
        members = tuple(known[number] for number in group.members if number in known)
        people.append(Person(Origin.DIRECTORY, {"display_name": group.name}, members))
    return people
