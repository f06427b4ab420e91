"""What the source in memory can be searched for: items, people, their time, documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.usm.errors import ItemGone, ItemRefused
from app.usm.model import ContentType, Download, FolderRef
from app.usm.queries import (
    BusyTime,
    Condition,
    Conversation,
    Document,
    Hit,
    Hits,
    Leaf,
    Mark,
    Marked,
    Person,
    Place,
    Resolved,
    judge_texts,
    verdict,
)


class Searchable:
    """``directory``: everybody who can be found, in any order; ``pictures``: by their names; ``diary``: mail address →
    when its owner is busy; ``library``: documents in the order in which a folder shows them, and ``files`` what is in
    them. ``in_time``: whether searches end before their time is up. ``sees``: what of documents the user may see."""

    items: dict[str, dict[str, Any]]

    def __init__(self) -> None:
        self.directory: list[Person] = []
        self.pictures: dict[str, bytes] = {}
        self.diary: dict[str, list[BusyTime]] = {}
        self.library: list[Document] = []
        self.files: dict[tuple[str, ...], bytes] = {}
        self.in_time = True
        self.sees = True

    def _called(self, name: str) -> None:
        raise NotImplementedError

    def search(self, folders: Sequence[FolderRef], condition: Condition | None, most: int) -> Hits:
        self._called("search")
        found = [
            Hit(folder, item_id, _moment(stored.fields))
            for folder in folders
            for item_id, stored in self.items.get(folder.id, {}).items()
            if condition is None or verdict(condition, _judge(folder.content, stored.fields))
        ]
        found.sort(
            key=lambda hit: (hit.when or datetime.min.replace(tzinfo=UTC), int(hit.item_id)), reverse=True
        )
        return Hits(tuple(found[:most]), len(found), self.in_time)

    def people(self, text: str) -> Sequence[Person]:
        self._called("people")
        found = [each for each in self.directory if _begins(each, text)]
        return sorted(found, key=lambda person: person.name.casefold())

    def resolve(self, names: Sequence[str]) -> Resolved:
        self._called("resolve")
        return {name: self._meant(name) for name in names}

    def _meant(self, name: str) -> Sequence[Person]:
        exact = [each for each in self.directory if name.casefold() in map(str.casefold, each.mails)]
        return exact or [each for each in self.directory if _begins(each, name)]

    def picture(self, person: Person) -> bytes | None:
        self._called("picture")
        return self.pictures.get(person.picture)

    def busy(self, mails: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[BusyTime]]:
        self._called("busy")
        return {mail: self.diary[mail] for mail in mails if mail in self.diary}

    def documents(self, path: Sequence[str]) -> Sequence[Document]:
        self._called("documents")
        if not self.sees:
            raise ItemRefused("the user may not see documents")
        own = [each for each in self.library if each.path == tuple(path)]
        if not own:
            raise ItemGone(f"no document {path}")
        return own + [each for each in self.library if each.path and each.path[:-1] == tuple(path)]

    def document(self, path: Sequence[str]) -> Download:
        self._called("document")
        data = self.files.get(tuple(path))
        if data is None:
            raise ItemGone(f"no file {path}")
        modified = next((each.modified for each in self.library if each.path == tuple(path)), None)
        return Download(iter([data]), "text/plain", len(data), modified=modified)


def _begins(person: Person, text: str) -> bool:
    words = " ".join((person.name, *person.mails)).casefold().split()
    return all(any(word.startswith(each) for word in words) for each in text.casefold().split())


def _moment(fields: Mapping[str, Any]) -> datetime | None:
    found = fields.get("received")
    return found if isinstance(found, datetime) else None


def _judge(content: ContentType, fields: Mapping[str, Any]) -> Any:
    texts = {Place.TEXT: " ".join(str(value) for value in fields.values())}
    if content is ContentType.MAIL:
        texts[Place.SUBJECT] = str(fields.get("subject", ""))
        texts[Place.SENDER] = " ".join(f"{each.name} {each.mail}" for each in fields.get("from", ()))
        texts[Place.TO] = " ".join(f"{each.name} {each.mail}" for each in fields.get("to", ()))
    in_words = judge_texts(texts, _moment(fields))

    def judge(leaf: Leaf) -> bool:
        if isinstance(leaf, Marked):
            name = {Mark.READ: "read", Mark.FLAGGED: "flagged", Mark.FILES: "attachments"}[leaf.mark]
            return bool(fields.get(name))
        if isinstance(leaf, Conversation):
            return leaf.matches(str(fields.get("conversation", "")))
        return in_words(leaf)

    return judge
