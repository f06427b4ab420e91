"""The ``DataSource`` port on OX: who holds which content type, and the one call that asks for all folders' changes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from app.ox import folders, tracing
from app.ox.availability import Availability
from app.ox.calendar.module import Calendar
from app.ox.client import Answer, Call, Check
from app.ox.contacts import Contacts
from app.ox.directory import Directory
from app.ox.errors import Unsupported
from app.ox.infostore import Infostore
from app.ox.item_search import ItemSearch
from app.ox.mail import Mail
from app.ox.mail_search import PATIENCE, MailSearch
from app.ox.mapping import mail as mail_mapping
from app.ox.module import Context, Module, Question
from app.ox.notes import Notes
from app.ox.tasks import Tasks
from app.ox.vacation import Vacation
from app.usm.content import Reply
from app.usm.errors import FolderGone, ItemError, ItemRefused, SourceUnavailable, UsmError
from app.usm.model import (
    Absence,
    BodyKind,
    ContentType,
    Cost,
    Download,
    Folder,
    FolderRef,
    Item,
    Listing,
    Outgoing,
    User,
    Written,
)
from app.usm.pieces import Stored
from app.usm.ports import IsKnown, Survey, Tree, Wish
from app.usm.queries import BusyTime, Condition, Document, Hit, Hits, Person, Resolved

MODULES: Final[Mapping[ContentType, type[Module]]] = {
    ContentType.MAIL: Mail,
    ContentType.CONTACTS: Contacts,
    ContentType.CALENDAR: Calendar,
    ContentType.TASKS: Tasks,
    ContentType.NOTES: Notes,
}
"""What is synchronised; another content type is another row."""

MADE_AT_NEED: Final = frozenset((ContentType.NOTES,))
"""Content whose folder is there for devices before OX has it."""

MESSAGES: Final = frozenset((ContentType.MAIL, ContentType.NOTES))
"""Content that OX keeps as messages."""

_log = logging.getLogger(__name__)

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


class OxSource:
    """The data of one user, for one request. Made by :class:`app.ox.sessions.OxSourceProvider`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._folders = folders.Folders(context)
        self._vacation = Vacation(context)
        self._modules = {
            content: module(context)
            for content, module in MODULES.items()
            if content in context.access.contents
        }

    @property
    def user(self) -> User:
        """See the port."""
        return self._context.access.user

    @property
    def cost(self) -> Cost:
        """See the port; logging in counts."""
        return self._context.client.cost

    def renew(self, before: datetime) -> None:
        """See the port."""
        self._context.client.renew(before)

    def folders(self) -> Sequence[Folder]:
        """See the port; one call."""
        return folders.folders(self._context, self._modules)

    def folders_unless(self, is_known: IsKnown) -> Tree | None:
        """See the port; one call. Where it takes more there is no tag."""
        check = Check(sorted(self._modules), is_known)
        before = self.cost.calls
        found = folders.folders(self._context, self._modules, check)
        if check.hit:
            return None
        return Tree(found, check.tag if self.cost.calls == before + 1 else b"")

    def identities(self, folders: Sequence[FolderRef]) -> Mapping[str, str]:
        """See the port; of folders of mail, where OX can examine them."""
        ids = [folder.id for folder in folders if folder.content is ContentType.MAIL]
        return self._folders.identities(ids)

    def listing(self, folder: FolderRef, since: datetime | None, conversations: bool = False) -> Listing:
        """See the port."""
        (listing,) = self.listings([Wish(folder, since, conversations)])
        return listing

    def listing_unless(self, wish: Wish, is_known: IsKnown) -> Listing | None:
        """See the port."""
        question = self._question(wish)
        check = Check(wish, is_known)
        (answer,) = self._context.client.together([question.call], check)
        return None if check.hit else replace(question.read(answer), tag=check.tag)

    def listings(self, wishes: Sequence[Wish]) -> list[Listing]:
        """See the port."""
        questions = [self._question(wish) for wish in wishes]
        answers = self._context.client.together([each.call for each in questions])
        return [each.read(answer) for each, answer in zip(questions, answers, strict=True)]

    def _question(self, wish: Wish) -> Question:
        folder, since = wish.folder, wish.since
        if wish.conversations and since is not None and folder.content is ContentType.MAIL:
            return self._mail().conversations(folder.id, since)
        return self._module(folder).listing(folder.id, since)

    def read(
        self, folder: FolderRef, ids: Sequence[str], bodies: Sequence[BodyKind]
    ) -> Mapping[str, Item | Exception]:
        """See the port."""
        return self._module(folder).read(folder.id, ids, bodies)

    def difference(self, folder: FolderRef, before: str, after: str) -> Mapping[str, Any] | None:
        """See the port; the stamp of a message holds its flags and its colour."""
        if folder.content is not ContentType.MAIL:
            return None
        return mail_mapping.difference(before, after)

    def create(self, folder: FolderRef, fields: Mapping[str, Any], uid: str) -> Written:
        """See the port."""
        return self._module(folder).create(folder.id, fields, uid)

    def find_created(self, folder: FolderRef, uids: Sequence[str]) -> Mapping[str, Written]:
        """See the port."""
        return self._module(folder).find_created(folder.id, uids)

    def find_elsewhere(self, folder: FolderRef, uids: Sequence[str]) -> Collection[str]:
        """See the port: one call for the folders, and of messages one for every twenty of them, of other contents what
        :meth:`find_created` costs for each. Notes are looked for among messages too, as those may be in the trash."""
        others = [each for each in self.folders() if each.id != folder.id]
        found: set[str] = set()
        if folder.content in MESSAGES and ContentType.MAIL in self._modules:
            ids = [each.id for each in others if each.content in MESSAGES]
            found |= self._mail().find_anywhere(ids, uids)
        if folder.content is not ContentType.MAIL:
            for each in others:
                if each.content is folder.content and each.writable:
                    with suppress(FolderGone, ItemError, Unsupported):
                        found |= self._module(folder).find_created(each.id, uids).keys()
        return found

    def update(
        self,
        folder: FolderRef,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        """See the port."""
        return self._module(folder).update(folder.id, item_id, fields, stamp, occurrence)

    def delete(
        self,
        folder: FolderRef,
        item_id: str,
        stamp: str | None,
        to_trash: bool,
        occurrence: datetime | None = None,
    ) -> None:
        """See the port."""
        self._module(folder).delete(folder.id, item_id, stamp, to_trash, occurrence)

    def move(self, folder: FolderRef, item_id: str, target: FolderRef) -> Written:
        """See the port."""
        if folder.content is not target.content:
            raise ItemRefused(f"{folder.content} cannot be moved to a folder of {target.content}")
        return self._module(folder).move(folder.id, item_id, target.id)

    def traces(self, folder: FolderRef, ids: Sequence[str]) -> Mapping[str, str]:
        """See the port; only messages get another id when they are moved."""
        if folder.content is ContentType.MAIL:
            return tracing.traces(self._context.client, folder.id, ids)
        return {item_id: item_id for item_id in ids}

    def find_moved(self, folder: FolderRef, traces: Sequence[str]) -> Mapping[str, Written]:
        """See the port."""
        if folder.content is ContentType.MAIL:
            return tracing.find_moved(self._context.client, folder.id, traces)
        stamps = self.listing(folder, None).stamps
        return {trace: Written(trace, stamps[trace]) for trace in traces if trace in stamps}

    def attachment(self, folder: FolderRef, item_id: str, attachment_id: str) -> Download:
        """See the port."""
        return self._module(folder).attachment(folder.id, item_id, attachment_id)

    def mime(self, folder: FolderRef, item_id: str) -> bytes:
        """See the port."""
        return self._mail().mime(folder.id, item_id)

    def stored_mime(self, folder: FolderRef, item_id: str) -> Stored:
        """See the port; in a temporary file."""
        return self._mail().stored_mime(folder.id, item_id)

    def send(self, message: Outgoing) -> None:
        """See the port."""
        self._mail().send(message)

    def find_sent(self, message: Outgoing) -> bool | None:
        """See the port."""
        self._mail()
        return tracing.find_sent(self._context.client, message)

    @property
    def tells_organizers(self) -> bool:
        """See the port: OX does, for its own users and for others."""
        return True

    def senders(self) -> Sequence[str]:
        """See the port; one call."""
        mail = self._modules.get(ContentType.MAIL)
        return mail.senders() if isinstance(mail, Mail) else ()

    def absence(self) -> Absence | None:
        """See the port; one call, and one more where the absence begins and ends."""
        return self._vacation.absence()

    def set_absence(self, absence: Absence) -> None:
        """See the port; two calls, and one more where the absence begins and ends."""
        self._vacation.set_absence(absence)

    def empty(self, folder: FolderRef, subfolders: bool) -> None:
        """See the port."""
        if folder.content is not ContentType.MAIL:
            raise ItemRefused(f"a folder of {folder.content} is not emptied")
        self._mail().empty(folder.id, subfolders)

    def reply(
        self,
        folder: FolderRef,
        item_id: str,
        reply: Reply,
        comment: str = "",
        occurrence: datetime | None = None,
    ) -> str:
        """See the port."""
        calendar = self._modules.get(ContentType.CALENDAR)
        if not isinstance(calendar, Calendar):
            raise ItemRefused(f"user {self.user.login} has no calendar")
        if folder.content is ContentType.MAIL:
            return calendar.answer(folder.id, item_id, reply, comment)
        if folder.content is not ContentType.CALENDAR:
            raise ItemRefused(f"{folder.content} cannot be answered")
        return calendar.reply(folder.id, item_id, reply, comment, occurrence)

    def create_folder(self, parent: FolderRef | None, title: str, content: ContentType) -> Folder:
        """See the port."""
        if content not in self._modules:
            raise ItemRefused(f"user {self.user.login} has no {content}")
        return self._folders.create(parent, title, content)

    def change_folder(self, folder: FolderRef, parent: FolderRef | None, title: str) -> Folder:
        """See the port."""
        return self._folders.change(folder, parent, title)

    def delete_folder(self, folder: FolderRef) -> None:
        """See the port."""
        self._folders.delete(folder)

    def search(self, folders: Sequence[FolderRef], condition: Condition | None, most: int) -> Hits:
        """See the port. Messages cost a call for every twenty folders, other contents one or two each. A module that
        fails does not spoil what others find; where none can be searched, that is an error. Once time is up no further
        ones are asked."""
        mails = MailSearch(self._context, condition)
        others = ItemSearch(self._context, condition, self._modules.get(ContentType.NOTES), self._has_chronos)
        found: list[Hit] = []
        failures: list[SourceUnavailable] = []
        places = {content: [each for each in folders if each.content is content] for content in self._modules}
        searched = {content: each for content, each in places.items() if each}
        begun = self._context.clock.monotonic()
        in_time = True
        for content, each in searched.items():
            if self._context.clock.monotonic() - begun > PATIENCE:
                in_time = False
                break
            try:
                found += mails.run(each) if content is ContentType.MAIL else others.run(content, each)
            except SourceUnavailable as error:
                failures.append(error)
        if failures and len(failures) == len(searched):
            raise failures[0]
        for failure in failures:
            _log.warning("a search of %s leaves out what fails: %s", self.user.login, failure)
        found.sort(key=_newest, reverse=True)
        return Hits(tuple(found[:most]), len(found), in_time and mails.complete and not failures)

    def people(self, text: str) -> Sequence[Person]:
        """See the port; one call."""
        return Directory(self._context).people(text)

    def resolve(self, names: Sequence[str]) -> Resolved:
        """See the port."""
        return Directory(self._context).resolve(names)

    def picture(self, person: Person) -> bytes | None:
        """See the port; one call for a person with a picture."""
        return Directory(self._context).picture(person)

    def busy(self, mails: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[BusyTime]]:
        """See the port; nobody's, to a user without a calendar."""
        if ContentType.CALENDAR not in self._modules:
            return {}
        return Availability(self._context, self._has_chronos()).busy(mails, start, end)

    def documents(self, path: Sequence[str]) -> Sequence[Document]:
        """See the port; a call for each step of the path."""
        return Infostore(self._context).documents(path)

    def document(self, path: Sequence[str]) -> Download:
        """See the port; the same and one more."""
        return Infostore(self._context).document(path)

    def _has_chronos(self) -> bool:
        calendar = self._modules.get(ContentType.CALENDAR)
        return isinstance(calendar, Calendar) and calendar.is_chronos

    def probe(self, folders: Sequence[FolderRef]) -> Mapping[str, str]:
        """See the port; one call, the first time on an old OX two."""
        probed, _ = self._probed(folders, ())
        return self._texts(probed)

    def survey_unless(
        self, wishes: Sequence[Wish], others: Sequence[FolderRef], is_known: IsKnown
    ) -> Survey | None:
        """See the port; one call, the first time on an old OX one more. Where anything is changing there is no tag:
        not all of that is from one answer."""
        questions = [self._question(wish) for wish in wishes]
        folders = [*(wish.folder for wish in wishes), *others]
        check = Check((wishes, others), is_known)
        probed, answers = self._probed(folders, [each.call for each in questions], check)
        if check.hit:
            return None
        listings = [each.read(answer) for each, answer in zip(questions, answers, strict=True)]
        late = [
            number
            for number, (wish, answer) in enumerate(zip(wishes, answers, strict=True))
            if not self._agrees(wish.folder, probed[wish.folder], answer)
        ]
        if late:
            again = self._context.client.together([questions[number].call for number in late])
            for number, answer in zip(late, again, strict=True):
                listings[number] = questions[number].read(answer)
        return Survey(listings, self._texts(probed), b"" if late else check.tag)

    def _agrees(self, folder: FolderRef, probed: Sequence[Answer] | None, listed: Answer | UsmError) -> bool:
        if probed is None or isinstance(listed, UsmError):
            return probed is None and isinstance(listed, UsmError)  # not made yet, for either of them
        return self._modules[folder.content].agrees(probed, listed)

    def _probed(
        self, folders: Sequence[FolderRef], more: Sequence[Call], check: Check | None = None
    ) -> tuple[dict[FolderRef, list[Answer] | None], list[Answer | UsmError]]:
        """What is answered of each folder, ``None`` for one that is gone; and what to ``more``, in the same call."""
        known = [folder for folder in folders if folder.content in self._modules]
        # What other requests learn of OX meanwhile changes the questions: answers belong to those that were asked.
        questions = self._questions(known)
        answers = self._asked(questions, more, check)
        if any(isinstance(each, Unsupported) for each in answers[: len(answers) - len(more)]):
            self._context.traits.examine = False
            others = self._questions(known)
            if others != questions:
                questions, answers = others, self._asked(others, more, check)
        waiting = iter(answers)
        found = {
            folder: _good(list(islice(waiting, len(calls))))
            for folder, calls in zip(known, questions, strict=True)
        }
        return found, list(waiting)

    def _texts(self, probed: Mapping[FolderRef, Sequence[Answer] | None]) -> dict[str, str]:
        found = {}
        for folder, answers in probed.items():
            if answers is not None:
                found[folder.id] = self._modules[folder.content].fingerprint(answers)
            elif folder.content in MADE_AT_NEED:
                found[folder.id] = ""
        return found

    def _questions(self, folders: Sequence[FolderRef]) -> list[list[Call]]:
        return [self._modules[folder.content].probes(folder.id) for folder in folders]

    def _asked(
        self, questions: Sequence[Sequence[Call]], more: Sequence[Call], check: Check | None
    ) -> list[Answer | UsmError]:
        calls = [call for asked in questions for call in asked]
        return self._context.client.multiple([*calls, *more], repeatable=True, check=check)

    def _mail(self) -> Mail:
        module = self._modules.get(ContentType.MAIL)
        if not isinstance(module, Mail):
            raise ItemRefused(f"user {self.user.login} has no mail")
        return module

    def _module(self, folder: FolderRef) -> Module:
        module = self._modules.get(folder.content)
        if module is None:
            raise FolderGone(f"user {self.user.login} has no {folder.content}")
        return module


def _newest(hit: Hit) -> tuple[datetime, str]:
    return hit.when or _BEGINNING, hit.item_id


def _good(answers: Sequence[Answer | UsmError]) -> list[Answer] | None:
    """These answers, ``None`` when they show that the folder is gone. Raises any other error among them."""
    good = []
    for answer in answers:
        if isinstance(answer, FolderGone):
            return None
        if isinstance(answer, UsmError):
            raise answer
        good.append(answer)
    return good
