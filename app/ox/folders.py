"""The folders that a device may have (``facts``: HTTP API section 2).

All in one call where OX can list the visible folders of a content type; where it cannot, the tree is walked level by
level, one call a level. Left out: what the user may not read, the global address book, other mail accounts, views
that are not folders. A module that the user may not use is no error; a mail account that does not answer is one,
because a device that is told of no folder deletes its copy.

Where users choose in OX which folders their devices get, that choice is OX's tree 20: it is walked, and whatever is in
it is taken, the global address book too.

A new folder at the top stands where the user's others stand: below "my folders", and of mail beside the folders of sent
and deleted messages. A folder of mail that is deleted goes to the trash with all that is in it, as OX has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from app.ox.access import Traits, leaf
from app.ox.client import FORCE, Answer, Call, Check, OxClient, rowed
from app.ox.errors import Scope, Unsupported
from app.ox.mapping import folder as mapping
from app.ox.module import Context
from app.usm.errors import (
    FolderGone,
    ItemConflict,
    ItemError,
    ItemFailed,
    ItemRefused,
    SourceUnavailable,
    UsmError,
)
from app.usm.model import ContentType, Folder, FolderRef, FolderRole

Row = Mapping[int, Any]

ROOTS: Final[Mapping[ContentType, tuple[str, ...]]] = {ContentType.MAIL: (mapping.MAIL_ROOT,)}
"""Where the walk begins; for the other content types at "my", "public" and "shared folders"."""
OX_TREE: Final = "0"
CHOSEN_TREE: Final = "20"
"""The tree of what users chose for their devices."""
_CHOSEN_ROOTS: Final = ("0", "1")
_GROUPWARE_ROOTS: Final = ("1", "2", "3")
_PRIVATE_ROOT: Final = "1"
_SHARED_ROOT: Final = "3"

NOTES: Final = "Notes"
"""The name of the folder of notes, as IMAP clients have it."""
_INBOX: Final = "default0/inbox"
_INBOX_ID: Final = "default0/INBOX"
_DEEPEST: Final = 30


def folders(context: Context, contents: Iterable[ContentType], check: Check | None = None) -> list[Folder]:
    """All folders of these content types, parents before children; none where ``check`` hits. Raises
    ``SourceUnavailable``."""
    client, access = context.client, context.access
    offered = set(contents) & access.contents
    wanted = [content for content in mapping.MODULES if content in offered]
    columns = mapping.LEGACY_COLUMNS if access.legacy else mapping.COLUMNS
    chosen = context.settings.folder_selection
    if chosen:
        every = _walk(client, _CHOSEN_ROOTS, columns, CHOSEN_TREE)
        groups = [every for _ in wanted]
        if ContentType.MAIL in wanted:
            _check_inbox(every)
    else:
        groups = _visible(client, context.traits, wanted, columns, check)
    if check is not None and check.hit:
        return []
    if access.legacy:
        groups = _with_owners(client, groups, columns)
    found: list[Folder] = []
    notes: list[Folder] = []
    for content, rows in zip(wanted, groups, strict=True):
        kept = [row for row in rows if _belongs(row, content, chosen)]
        if content is ContentType.MAIL and ContentType.NOTES in offered:
            place = notes_of(kept)
            notes = _notes(kept, place, chosen)
            kept = [row for row in kept if not _within(row, place)]
        found.extend(_with_roles(client, content, _arranged(kept, content)))
    return [*found, *notes]


def _with_owners(client: OxClient, groups: list[list[Row]], columns: Sequence[int]) -> list[list[Row]]:
    """The rows with the owner's name in those of shared folders, which old servers have only as the title of the node
    that they hang under. One call where anything is shared."""
    if not any(row[mapping.TYPE] == mapping.SHARED for rows in groups for row in rows):
        return groups
    nodes = client.multiple([_call("list", columns, parent=_SHARED_ROOT)], repeatable=True)[0]
    above = {str(row[mapping.ID]): row for rows in groups for row in rows}
    if isinstance(nodes, Answer):
        above |= {str(row[mapping.ID]): row for row in nodes.rows(columns)}

    def named(row: Row) -> Row:
        node: Row | None = row
        for _ in range(_DEEPEST):
            if node is None or str(node[mapping.PARENT]) == _SHARED_ROOT:
                break
            node = above.get(str(node[mapping.PARENT]))
        return {**row, mapping.OWNER: node[mapping.TITLE]} if node is not None and node is not row else row

    return [[named(row) if row[mapping.TYPE] == mapping.SHARED else row for row in rows] for rows in groups]


def notes_of(rows: Iterable[Row]) -> str:
    """The id of the folder of notes, whether it is there or not: the one of that name beside drafts and sent
    messages. ``rows``: all folders of mail."""
    rows = list(rows)
    top = top_of(rows)
    names = (str(row[mapping.ID]) for row in rows if _place(row) == top)
    wanted = f"{top}{mapping.SEPARATOR}{NOTES}"
    return next((name for name in names if name.casefold() == wanted.casefold()), wanted)


def _within(row: Row, folder_id: str) -> bool:
    name = str(row[mapping.ID])
    return name == folder_id or name.startswith(folder_id + mapping.SEPARATOR)


def _notes(rows: Sequence[Row], folder_id: str, chosen: bool) -> list[Folder]:
    """The folder of notes and those below it. It is shown before it is there, so that a device can make the first note;
    but not to a user who chose other folders."""
    kept = [row for row in rows if _within(row, folder_id)]
    if not any(str(row[mapping.ID]) == folder_id for row in kept):
        return [] if chosen else [Folder(folder_id, None, NOTES, ContentType.NOTES, FolderRole.DEFAULT)]
    return [
        replace(each, role=FolderRole.DEFAULT if each.id == folder_id else FolderRole.NONE)
        for each in _arranged(kept, ContentType.NOTES)
    ]


def _visible(
    client: OxClient,
    traits: Traits,
    contents: Sequence[ContentType],
    columns: Sequence[int],
    check: Check | None = None,
) -> list[list[Row]]:
    """The rows of each content type. Nothing where ``check`` hits, which sees the call that lists them all."""
    calls = [_call("allVisible", columns, content_type=mapping.MODULES[content]) for content in contents]
    answers: list[Answer | UsmError] = [Unsupported("allVisible is not known")] * len(calls)
    if traits.all_visible:
        answers = client.multiple(calls, repeatable=True, check=check)
        if check is not None and check.hit:
            return []
    walked: dict[tuple[str, ...], list[Row]] = {}

    def walk(content: ContentType) -> list[Row]:
        roots = ROOTS.get(content, _GROUPWARE_ROOTS)
        if roots not in walked:
            walked[roots] = _walk(client, roots, columns)
        return walked[roots]

    found = []
    for content, answer in zip(contents, answers, strict=True):
        if isinstance(answer, Unsupported):
            traits.all_visible = False
            rows = walk(content)
        else:
            rows = _rows(answer, content, columns)
        if content is ContentType.MAIL and not any(_is_inbox(row) for row in rows):
            rows = walk(content)
            _check_inbox(rows)
        found.append(rows)
    return found


def _check_inbox(rows: Iterable[Row]) -> None:
    if not any(_is_inbox(row) for row in rows):
        raise SourceUnavailable("OX shows no INBOX: the mail server does not answer, or refuses the user")


def _call(action: str, columns: Sequence[int], tree: str = OX_TREE, **params: str) -> Call:
    ids = ",".join(map(str, columns))
    return Call("folders", action, {"columns": ids, "tree": tree, **params})


def _rows(answer: Answer | UsmError, content: ContentType, columns: Sequence[int]) -> list[Row]:
    """The rows of an ``allVisible`` answer: private, public and shared ones together."""
    if isinstance(answer, FolderGone):
        return []
    if isinstance(answer, UsmError):
        raise answer
    groups = answer.fields
    parts = (groups.get(name) for name in ("private", "public", "shared"))
    rows = [rowed(row, columns) for part in parts if isinstance(part, list) for row in part]
    if not rows and answer.warned:
        raise SourceUnavailable(f"OX warns instead of listing the {content} folders")
    return list(rows)


def _walk(client: OxClient, roots: Sequence[str], columns: Sequence[int], tree: str = OX_TREE) -> list[Row]:
    """All rows below some folders by walking a tree; each level is one call."""
    parents = list(roots)
    found: dict[str, Row] = {}
    for _ in range(_DEEPEST):
        calls = [_call("list", columns, tree, parent=parent) for parent in parents]
        below: dict[str, Row] = {}
        for answer in client.multiple(calls, repeatable=True):
            if isinstance(answer, FolderGone):
                continue
            if isinstance(answer, UsmError):
                raise answer
            below.update((str(row[mapping.ID]), row) for row in answer.rows(columns))
        fresh = {folder_id: row for folder_id, row in below.items() if folder_id not in found}
        found.update(fresh)
        parents = [folder_id for folder_id, row in fresh.items() if row[mapping.SUBFOLDERS]]
        if not parents:
            break
    return list(found.values())


def _belongs(row: Row, content: ContentType, chosen: bool = False) -> bool:
    """Whether a device may have the folder. ``chosen``: the user wants it there."""
    folder_id = str(row[mapping.ID])
    if content is ContentType.MAIL:
        return folder_id.startswith(f"{mapping.MAIL_ROOT}/") and mapping.readable(row)
    same = row[mapping.MODULE] == mapping.MODULES[content]
    return same and (chosen or folder_id not in mapping.LEFT_OUT) and mapping.readable(row)


def _is_inbox(row: Row) -> bool:
    return str(row[mapping.ID]).casefold() == _INBOX


def _arranged(rows: Sequence[Row], content: ContentType) -> list[Folder]:
    """Folders with parents before children; a folder whose parent is not among them stands at the top."""
    ids = {str(row[mapping.ID]) for row in rows}
    waiting: dict[str | None, list[Row]] = {}
    for row in rows:
        parent = str(row[mapping.PARENT])
        waiting.setdefault(parent if parent in ids else None, []).append(row)
    found: list[Folder] = []
    layer: list[str | None] = [None]
    while layer:
        grown = [
            mapping.folder_of(row, content, parent) for parent in layer for row in waiting.pop(parent, [])
        ]
        found.extend(grown)
        layer = [folder.id for folder in grown]
    return found


def _with_roles(client: OxClient, content: ContentType, found: Sequence[Folder]) -> list[Folder]:
    """Each role once, and none of the important ones missing."""
    taken: set[FolderRole] = set()
    folders = []
    for folder in found:
        folder_role = folder.role
        if content is ContentType.MAIL and folder.id.casefold() == _INBOX:
            folder_role = FolderRole.INBOX
        elif folder_role in taken or folder_role is FolderRole.INBOX:
            folder_role = FolderRole.NONE
        taken.add(folder_role)
        folders.append(folder if folder_role is folder.role else replace(folder, role=folder_role))
    if folders and content is not ContentType.MAIL and FolderRole.DEFAULT not in taken:
        default = str(leaf(client, f"folder/{mapping.MODULES[content]}"))
        return [replace(each, role=FolderRole.DEFAULT) if each.id == default else each for each in folders]
    return folders


# -- writing -------------------------------------------------------------------------------------------------


class Folders:
    """What the user does to folders."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._traits = context.traits
        self._tree = CHOSEN_TREE if context.settings.folder_selection else OX_TREE
        self._columns = mapping.LEGACY_COLUMNS if context.access.legacy else mapping.COLUMNS

    def create(self, parent: FolderRef | None, title: str, content: ContentType) -> Folder:
        """Two calls, and one more for a folder of mail at the top."""
        module = mapping.MODULES.get(content)
        if module is None:
            raise ItemRefused(f"there is but one folder of {content}")
        _check_title(parent, title, content)
        place = self._top(content) if parent is None else parent.id
        body = {"title": title, "module": module, "subscribed": True}
        answer = self._write("new", body, {"folder_id": place}, place, title)
        return self._folder(_id_in(answer, place), content, parent)

    def change(self, folder: FolderRef, parent: FolderRef | None, title: str) -> Folder:
        """Three calls: a look at where it is, the change, and a look at what became of it."""
        if folder.content not in mapping.MODULES:
            raise ItemRefused(f"the folder of {folder.content} stays what it is")
        _check_title(parent, title, folder.content)
        above = self._path(folder.id)
        body: dict[str, Any] = {}
        if title != mapping.title(above[0]):
            body["title"] = mapping.bare_title(title, above[0])
        place = str(above[0][mapping.PARENT])
        if parent is not None:
            wanted = parent.id
        else:
            # The device sees a folder at the top whose parent it does not see.
            hidden = len(above) < 2 or not _belongs(above[1], folder.content)
            wanted = place if hidden else self._top(folder.content)
        if wanted != place:
            body["folder_id"] = wanted
        folder_id = folder.id
        if body:
            params = {"id": folder.id, "timestamp": FORCE}
            answer = self._write("update", body, params, wanted, body.get("title", title))
            folder_id = str(answer.data) if isinstance(answer.data, str | int) and answer.data else folder.id
        return self._folder(folder_id, folder.content, parent)

    def delete(self, folder: FolderRef) -> None:
        """One call."""
        if folder.content not in mapping.MODULES:
            raise ItemRefused(f"the folder of {folder.content} stays")
        params = {"tree": self._tree, "timestamp": FORCE}
        answer = self._client.put("folders", "delete", [folder.id], params, Scope.WRITE)
        if answer.data:
            raise ItemFailed(f"OX leaves folder {folder.id!r} as it is")

    def identities(self, ids: Sequence[str]) -> dict[str, str]:
        """Folder of mail → its validity (RFC 3501 2.3.1.1), which stays when it is renamed. Left out where it tells
        nothing: that of a server that gives the same to INBOX."""
        if not ids or not self._traits.examine:
            return {}
        inbox, *answers = self._client.multiple(
            [Call("mail", "examine", {"folder": folder}) for folder in (_INBOX_ID, *ids)], repeatable=True
        )
        common = _validity(inbox)
        found = {folder: _validity(answer) for folder, answer in zip(ids, answers, strict=True)}
        return {folder: validity for folder, validity in found.items() if validity and validity != common}

    def _top(self, content: ContentType) -> str:
        """Where a user's own folders stand at the top; one call for those of mail."""
        if content is not ContentType.MAIL:
            return _PRIVATE_ROOT
        return top_of(_visible(self._client, self._traits, [content], self._columns)[0])

    def _write(
        self, action: str, body: Mapping[str, Any], params: Mapping[str, str], place: str, title: str
    ) -> Answer:
        """Mail servers and generations call a name that is taken by many names: so the place is looked at."""
        try:
            return self._client.put("folders", action, body, {"tree": self._tree, **params}, Scope.WRITE)
        except ItemError as error:
            if not isinstance(error, ItemConflict) and self._is_taken(place, title):
                raise ItemConflict(f"there is a folder {title!r} in {place!r}") from error
            raise

    def _is_taken(self, place: str, title: str) -> bool:
        rows = self._client.get("folders", "list", self._params(parent=place)).rows(self._columns)
        return any(str(row[mapping.TITLE]).casefold() == title.casefold() for row in rows)

    def _folder(self, folder_id: str, content: ContentType, parent: FolderRef | None) -> Folder:
        row = self._path(folder_id)[0]
        return mapping.folder_of(row, content, None if parent is None else parent.id)

    def _path(self, folder_id: str) -> list[dict[int, Any]]:
        """The folder and those above it. Raises ``FolderGone``."""
        rows = self._client.get("folders", "path", self._params(id=folder_id)).rows(self._columns)
        if not rows:
            raise FolderGone(f"folder {folder_id!r} is gone")
        return rows

    def _params(self, **params: str) -> dict[str, str]:
        return {"columns": ",".join(map(str, self._columns)), "tree": OX_TREE, **params}


def _check_title(parent: FolderRef | None, title: str, content: ContentType) -> None:
    """The name of the folder of notes is taken, whether that is made yet or not."""
    if content is ContentType.MAIL and parent is None and title.casefold() == NOTES.casefold():
        raise ItemConflict(f"{title!r} is the folder of notes")


def _validity(answer: Answer | UsmError) -> str | None:
    if isinstance(answer, UsmError) or not isinstance(answer.data, dict):
        return None
    validity = answer.data.get("validity")
    return str(validity) if validity else None


def _id_in(answer: Answer, place: str) -> str:
    if not isinstance(answer.data, str | int) or isinstance(answer.data, bool):
        raise SourceUnavailable(f"OX makes a folder in {place!r} without telling its id", in_doubt=True)
    return str(answer.data)


def top_of(rows: Iterable[Row]) -> str:
    """Where a user's own folders of mail stand at the top: beside those of drafts, sent and deleted messages."""
    parents = [_place(row) for row in rows if row[mapping.STANDARD] in mapping.BESIDE]
    return (
        max(set(parents), key=lambda place: (parents.count(place), place)) if parents else mapping.MAIL_ROOT
    )


def _place(row: Row) -> str:
    """The folder of mail that a row stands in. In the tree of chosen ones all hang under one node: the id tells."""
    parent = str(row[mapping.PARENT])
    inside = parent == mapping.MAIL_ROOT or parent.startswith(mapping.MAIL_ROOT + mapping.SEPARATOR)
    return parent if inside else str(row[mapping.ID]).rpartition(mapping.SEPARATOR)[0]
