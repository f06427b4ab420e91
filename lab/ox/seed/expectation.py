"""What a seed holds, computed without the server, so that tests know what they must find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.ox.seed import appointments, contacts, mails, tasks
from lab.ox.seed.people import CONTEXTS, Person, people

# Name of a folder besides the standard ones → mails in it.
SUBFOLDERS = {"INBOX/Projekte": 15, "INBOX/Projekte/2024": 5, "INBOX/Größe & Co": 3}
_STANDARD = {"Drafts": 2, "Sent": 20, "Trash": 5, "Spam": 5}


@dataclass(frozen=True, slots=True)
class ExpectedMail:
    """One mail of INBOX as it must be found."""

    shape: str
    subject: str | None
    seen: bool
    flagged: bool


@dataclass(frozen=True, slots=True)
class Expected:
    """What one user must find. ``mail_folders``: full name → number of mails. ``inbox``: oldest first.
    ``contacts``: display names (empty for those without) in the order of their making."""

    person: Person
    mail_folders: Mapping[str, int]
    inbox: tuple[ExpectedMail, ...]
    contacts: tuple[str, ...]
    business_contacts: int
    appointments: int
    tasks: int

    @property
    def unread(self) -> int:
        """How many mails of INBOX are unread."""
        return sum(not mail.seen for mail in self.inbox)


def expected(login: str, seed: str = "small", users: int = 0) -> Expected:
    """What the user of a login must find after ``init --seed seed --users users``. Raises ``KeyError``."""
    by_login = {person.login: person for person in people(seed, users)}
    person = by_login[login]
    return Expected(
        person=person,
        mail_folders=mail_folders(person),
        inbox=tuple(
            ExpectedMail(mail.shape, mail.subject, mail.seen, bool(mail.flags & 8))
            for mail in mails.plan(person)
        ),
        contacts=tuple(
            str(contact.fields.get("display_name", "")) for contact in contacts.default_folder(person)
        ),
        business_contacts=len(contacts.subfolder(person)),
        appointments=appointments.COUNTS[person.amount],
        tasks=tasks.COUNTS[person.amount],
    )


def mail_folders(person: Person) -> dict[str, int]:
    """Full names of all mail folders of a person, and how many mails they hold."""
    prefix = next(context.mail_prefix for context in CONTEXTS if context.cid == person.cid)
    full = person.amount in ("small", "large")
    found = {"INBOX": mails.COUNTS[person.amount]}
    found |= {prefix + name: count if full else 0 for name, count in _STANDARD.items()}
    if full:
        found |= SUBFOLDERS
    return found
