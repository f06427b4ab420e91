"""``/contacts`` (http-api section 5)."""

from __future__ import annotations

import fnmatch
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.columns.contacts import CONTACT_COLUMNS, EMAIL_FIELDS
from lab.ox.columns.table import ColumnDef, shown
from lab.ox.errors import HttpError, fault
from lab.ox.modules import access, contact_fields, contact_search, rows
from lab.ox.modules.access import CONTACT_CODES
from lab.ox.storage import attachments, folders, images, objects, rights
from lab.ox.storage.folders import Folder
from lab.ox.storage.objects import Stored
from lab.ox.storage.users import User
from lab.ox.web.call import Answer, Binary, Call, Result
from lab.ox.web.dispatch import Action, Module

MODULE_NAME = "contacts"
_NAMES = ("display_name", "first_name", "last_name", "company")
_SEARCHED = (
    "display_name",
    "first_name",
    "last_name",
    "company",
    "email1",
    "email2",
    "email3",
    "department",
    "nickname",
    "city_business",
    "telephone_business1",
    "cellular_telephone1",
    "categories",
)


def get_all(call: Call) -> Result:
    """All contacts of a folder, or of all visible ones."""
    columns = CONTACT_COLUMNS.pick(call.params.get("columns"))
    with call.read() as connection:
        chosen = _folders(call, connection, call.params.get("folder"))
        found = _readable(call, connection, chosen)
        return _rows(call, connection, found, columns)


def get_list(call: Call) -> Result:
    """Some contacts by id and folder; those that are gone are left out."""
    columns = CONTACT_COLUMNS.pick(call.params.get("columns"))
    wanted = [
        (access.object_number(entry["id"]), entry["folder"]) for entry in _checked_entries(call.json_array())
    ]
    with call.read() as connection:
        stored = objects.load_many(connection, MODULE_NAME, call.cid, [object_id for object_id, _ in wanted])
        opened: dict[int, Folder] = {}
        found = []
        for object_id, folder_value in wanted:
            contact = stored.get(object_id)
            folder_id = access.folder_number(folder_value)
            if folder_id not in opened:
                opened[folder_id] = access.open_folder(
                    connection, call.user, folder_id, MODULE_NAME, CONTACT_CODES
                )
            if contact and contact.folder == folder_id and _may_read(opened[folder_id], call.user, contact):
                found.append(contact)
        return _rows(call, connection, found, columns, keep_order=True)


def get(call: Call) -> Result:
    """One contact in full; with the path ``picture`` its picture."""
    if call.path[:1] == ("picture",):
        return _picture(call)
    with call.read() as connection:
        contact = _open(call, connection)
        shown_contact = _object(call, connection, contact)
    return Answer(shown_contact, contact.last_modified)


def updates(call: Call) -> Result:
    """What changed in a folder after a moment. Deletions are only told when ``ignore`` is given without the word
    ``deleted``."""
    columns = CONTACT_COLUMNS.pick(call.params.get("columns"))
    since = call.integer("timestamp")
    ignored = call.params.get("ignore", "deleted")
    with call.read() as connection:
        folder = access.open_folder(connection, call.user, call.need("folder"), MODULE_NAME, CONTACT_CODES)
        access.must_list(folder, CONTACT_CODES)
        changed = [
            contact
            for contact in objects.in_folders(connection, MODULE_NAME, call.cid, [folder.id], since)
            if _may_read(folder, call.user, contact)
        ]
        gone = (
            []
            if "deleted" in ignored
            else objects.deleted_since(connection, MODULE_NAME, call.cid, folder.id, since)
        )
        answer = _rows(call, connection, changed, columns)
    newest = max([since, *(contact.last_modified for contact in changed), *(when for _, when in gone)])
    as_id = str if call.generation.text_ids else int
    return Answer([*answer.data, *(as_id(object_id) for object_id, _ in gone)], newest)


def new(call: Call) -> Result:
    """Store a new contact, maybe with a picture (POST)."""
    body = call.json_object()
    if "folder_id" not in body:
        raise fault("SVL-0002", "folder_id")
    fields = contact_fields.accepted(body, call.generation, call.zone)
    image = _uploaded(call, body)
    with call.write() as connection:
        folder = access.open_folder(connection, call.user, body["folder_id"], MODULE_NAME, CONTACT_CODES)
        access.must_create(folder, CONTACT_CODES)
        _check_private(fields, folder)
        present = {name: value for name, value in fields.items() if value is not None}
        present.setdefault("uid", str(uuid.uuid4()))
        contact = objects.insert(connection, MODULE_NAME, call.cid, call.user.id, folder.id, present)
        if image:
            images.save(connection, call.cid, contact.id, image)
    return Answer({"id": _shown_id(call, contact.id)}, contact.last_modified)


def update(call: Call) -> Result:
    """Change the given fields; ``folder_id`` in the body moves the contact."""
    body = call.json_object()
    since = call.integer("timestamp")
    fields = contact_fields.accepted(body, call.generation, call.zone)
    fields.pop("uid", None)
    image = _uploaded(call, body)
    drops_image = "image1" in body and not body["image1"] and not image
    with call.write() as connection:
        contact = _open(call, connection)
        folder = access.open_folder(connection, call.user, contact.folder, MODULE_NAME, CONTACT_CODES)
        access.must_write(folder, call.user, contact, CONTACT_CODES)
        if contact.last_modified > since:
            raise fault("CON-0119", contact.id)
        target = _target(call, connection, body, contact, folder)
        merged = {**contact.fields, **fields}
        merged = {name: value for name, value in merged.items() if value is not None}
        unchanged = merged == dict(contact.fields) and target is None and not image and not drops_image
        if unchanged and call.generation.number == 6:
            raise fault("CON-0122", contact.id)
        _check_private(merged, folder)
        when = objects.change(connection, MODULE_NAME, call.cid, call.user.id, contact, merged, target)
        if not when:
            raise fault("CON-0119", contact.id)
        if image or drops_image:
            images.save(connection, call.cid, contact.id, image)
    return Answer({} if call.generation.number == 6 else {"id": _shown_id(call, contact.id)}, when)


def delete(call: Call) -> Result:
    """Delete contacts; the answer lists the ids of those that were changed meanwhile and stay."""
    since = call.integer("timestamp")
    kept: list[Any] = []
    newest = since
    with call.write() as connection:
        for entry in _entries(call):
            folder = access.open_folder(connection, call.user, entry["folder"], MODULE_NAME, CONTACT_CODES)
            contact = objects.load(connection, MODULE_NAME, call.cid, access.object_number(entry["id"]))
            if contact is None:
                raise fault("CON-0125", entry["id"])
            if contact.folder != folder.id:
                raise fault("CON-0174", contact.id, folder.id)
            if contact.user_id:
                raise fault("CON-0260")
            access.must_delete(folder, call.user, contact, CONTACT_CODES)
            if contact.last_modified > since:
                kept.append(_shown_id(call, contact.id))
                continue
            newest = objects.remove(connection, MODULE_NAME, call.cid, contact)
            images.save(connection, call.cid, contact.id, None)
            attachments.remove_all(connection, call.cid, attachments.CONTACT, contact.id)
    return Answer(kept, newest)


def search(call: Call) -> Result:
    """Contacts that match a pattern, a first letter or single fields; ``*`` and ``?`` are wildcards."""
    columns = CONTACT_COLUMNS.pick(call.params.get("columns"))
    body = call.json_object()
    pattern = str(body.get("pattern") or "")
    minimum = call.groupware.settings.minimum_search
    if "pattern" in body and len(pattern.strip("*?")) < minimum:
        raise fault("CON-1000", minimum)
    wanted = {name: str(value) for name, value in body.items() if name in CONTACT_COLUMNS.by_name and value}
    wanted.pop("folder_id", None)
    any_field = bool(body.get("orSearch") or body.get("emailAutoComplete"))
    with call.read() as connection:
        chosen = body.get("folder")
        opened = [
            folder
            for value in (chosen if isinstance(chosen, list) else [chosen])
            for folder in _folders(call, connection, value)
        ]
        found = []
        for contact in _readable(call, connection, opened):
            shown_values = contact_fields.values(contact, None, call.generation)
            if _matches(shown_values, pattern, str(body.get("startletter") or ""), wanted, any_field):
                found.append(contact)
        return _rows(call, connection, found, columns)


def advanced_search(call: Call) -> Result:
    """Contacts that meet a filter, ``{"filter": […]}``; a condition on ``folder_id`` says where to look."""
    columns = CONTACT_COLUMNS.pick(call.params.get("columns"))
    body = call.json_object()
    matches = contact_search.condition(body.get("filter"))
    with call.read() as connection:
        wanted = contact_search.folders_named(body.get("filter"))
        chosen = [folder for value in wanted for folder in _folders(call, connection, value)]
        if not wanted:
            chosen = _folders(call, connection, None)
        found = [
            contact
            for contact in _readable(call, connection, chosen)
            if matches(contact_fields.values(contact, None, call.generation))
        ]
        return _rows(call, connection, found, columns)


def autocomplete(call: Call) -> Result:
    """Contacts one of whose names or addresses begins with ``query``; by default only those with an address."""
    columns = CONTACT_COLUMNS.pick(call.params.get("columns"))
    query = call.need("query")
    minimum = call.groupware.settings.minimum_search
    if len(query.strip("*?")) < minimum:
        raise fault("CON-1000", minimum)
    with_address = call.flag("email", default=True)
    with call.read() as connection:
        found = []
        for contact in _readable(call, connection, _folders(call, connection, call.params.get("folder"))):
            has_address = any(contact.fields.get(name) for name in EMAIL_FIELDS)
            has_address = has_address or bool(contact.fields.get("distribution_list"))
            texts = [str(contact.fields.get(name, "")) for name in (*_NAMES, *EMAIL_FIELDS)]
            if (has_address or not with_address) and any(_like(text, query) for text in texts):
                found.append(contact)
        return _rows(call, connection, found, columns)


def birthdays(call: Call) -> Result:
    """Contacts whose birthday comes within two moments, in the order in which they come."""
    return _yearly(call, "birthday")


def anniversaries(call: Call) -> Result:
    """Contacts whose anniversary comes within two moments, in the order in which they come."""
    return _yearly(call, "anniversary")


def getuser(call: Call) -> Result:
    """The contact of a user."""
    wanted = call.integer("id")
    with call.read() as connection:
        contact = objects.of_user(connection, call.cid, wanted)
        if contact is None:
            raise fault("USR-0010", wanted, call.cid)
        shown_contact = _object(call, connection, contact)
    return Answer(shown_contact, contact.last_modified)


def listuser(call: Call) -> Result:
    """The contacts of some users."""
    columns = CONTACT_COLUMNS.pick(call.params.get("columns"))
    with call.read() as connection:
        wanted = [access.object_number(value) for value in call.json_array()]
        found = [contact for user_id in wanted if (contact := objects.of_user(connection, call.cid, user_id))]
        return _rows(call, connection, found, columns, keep_order=True)


def picture_of(call: Call, contact_id: int) -> Result:
    """The picture of a contact that the user may read; HTTP 404 without one."""
    with call.read() as connection:
        contact = objects.load(connection, MODULE_NAME, call.cid, contact_id)
        if contact is None:
            raise HttpError(404, "No such contact")
        folder = access.open_folder(connection, call.user, contact.folder, MODULE_NAME, CONTACT_CODES)
        if not _may_read(folder, call.user, contact):
            raise fault("CON-0104", folder.id)
        image = images.load(connection, call.cid, contact_id)
    if image is None:
        raise HttpError(404, "No such picture")
    return Binary(image.data, image.content_type)


def _picture(call: Call) -> Result:
    if call.params.get("contact_id"):
        return picture_of(call, call.integer("contact_id"))
    with call.read() as connection:
        if call.params.get("user_id"):
            found = objects.of_user(connection, call.cid, call.integer("user_id"))
        else:
            email = call.need("email").casefold()
            readable = _readable(call, connection, _folders(call, connection, None))
            found = next(
                (
                    c
                    for c in readable
                    if email in (str(c.fields.get(n, "")).casefold() for n in ("email1", "email2"))
                ),
                None,
            )
    if found is None:
        raise HttpError(404, "No such picture")
    return picture_of(call, found.id)


def _may_read(folder: Folder, user: User, contact: Stored) -> bool:
    """Whether the user may see a contact. Private ones in shared folders are for who made them."""
    if contact.fields.get("private_flag") and contact.created_by != user.id:
        return False
    return access.may_read(folder, user, contact)


def _open(call: Call, connection: sa.Connection) -> Stored:
    folder = access.open_folder(connection, call.user, call.need("folder"), MODULE_NAME, CONTACT_CODES)
    contact = objects.load(connection, MODULE_NAME, call.cid, call.integer("id"))
    if contact is None:
        raise fault("CON-0125", call.need("id"))
    if contact.folder != folder.id:
        raise fault("CON-0174", contact.id, folder.id)
    if not _may_read(folder, call.user, contact):
        raise fault("CON-0104", folder.id)
    return contact


def _folders(call: Call, connection: sa.Connection, value: Any) -> list[Folder]:
    if value is not None and value != "":
        folder = access.open_folder(connection, call.user, value, MODULE_NAME, CONTACT_CODES)
        access.must_list(folder, CONTACT_CODES)
        return [folder]
    return [
        folder
        for folder in folders.visible(connection, call.user).values()
        if folder.module == MODULE_NAME and rights.field(folder.own_rights, "read")
    ]


def _readable(call: Call, connection: sa.Connection, chosen: Sequence[Folder]) -> list[Stored]:
    by_id = {folder.id: folder for folder in chosen}
    return [
        contact
        for contact in objects.in_folders(connection, MODULE_NAME, call.cid, list(by_id))
        if _may_read(by_id[contact.folder], call.user, contact)
    ]


def _rows(
    call: Call,
    connection: sa.Connection,
    found: Sequence[Stored],
    columns: Sequence[ColumnDef],
    keep_order: bool = False,
) -> Answer:
    ids = [contact.id for contact in found]
    heads = images.heads(connection, call.cid, ids) if found else {}
    files = attachments.heads(connection, call.cid, attachments.CONTACT, ids) if found else {}
    values = [
        contact_fields.values(contact, heads.get(contact.id), call.generation, files.get(contact.id))
        for contact in found
    ]
    sorting = None if keep_order else rows.sort_column(call, CONTACT_COLUMNS)
    if sorting:
        name, descending = sorting[0].name, sorting[1]
        key = "file_as" if sorting[0].number == 607 else name
        values = rows.ordered(values, lambda each: each.get(key), descending)
    window = values if keep_order else rows.cut(call, values)
    newest = max((contact.last_modified for contact in found), default=0)
    return Answer(
        [[shown(column, each.get(column.name), call.zone) for column in columns] for each in window], newest
    )


def _object(call: Call, connection: sa.Connection, contact: Stored) -> dict[str, Any]:
    image = images.heads(connection, call.cid, [contact.id]).get(contact.id)
    files = attachments.heads(connection, call.cid, attachments.CONTACT, [contact.id]).get(contact.id)
    values = contact_fields.values(contact, image, call.generation, files)
    return {
        column.name: shown(column, values[column.name], call.zone)
        for column in CONTACT_COLUMNS
        if values.get(column.name) is not None
    }


def _shown_id(call: Call, object_id: int) -> int | str:
    return str(object_id) if call.generation.text_ids else object_id


def _entries(call: Call) -> list[dict[str, Any]]:
    """What to delete: one object in the oldest generation, an array (or one object) in the others."""
    value = call.json()
    if call.generation.single_delete:
        entries = [call.json_object()]
    else:
        entries = value if isinstance(value, list) else [call.json_object()]
    return _checked_entries(entries)


def _checked_entries(entries: list[Any]) -> list[dict[str, Any]]:
    """References to contacts, each with ``id`` and ``folder``."""
    for entry in entries:
        if not isinstance(entry, dict) or "id" not in entry or "folder" not in entry:
            raise fault("SVL-0009", "id and folder are expected")
    return entries


def _target(
    call: Call, connection: sa.Connection, body: dict[str, Any], contact: Stored, folder: Folder
) -> int | None:
    """The folder a contact moves to, ``None`` when it stays."""
    if body.get("folder_id") in (None, ""):
        return None
    target = access.open_folder(connection, call.user, body["folder_id"], MODULE_NAME, CONTACT_CODES)
    if target.id == contact.folder:
        return None
    if contact.user_id:
        raise fault("CON-0260")
    access.must_create(target, CONTACT_CODES)
    access.must_delete(folder, call.user, contact, CONTACT_CODES)
    return target.id


def _check_private(fields: dict[str, Any], folder: Folder) -> None:
    if fields.get("private_flag") and folder.type == folders.TYPE_PUBLIC:
        raise fault("CON-0165")


def _uploaded(call: Call, body: dict[str, Any]) -> images.Image | None:
    if body.get("image1"):
        raise fault("SVL-0010", "image1", "pictures come by POST")
    if not call.files:
        return None
    upload = call.files[0]
    if len(upload.data) > images.MAX_BYTES:
        raise fault("CON-0170", len(upload.data), images.MAX_BYTES)
    kind = images.kind_of(upload.data)
    if kind is None:
        raise fault("CON-0101")
    return images.Image(upload.data, kind, clock.stamp())


def _yearly(call: Call, name: str) -> Result:
    columns = CONTACT_COLUMNS.pick(call.params.get("columns"))
    first, last = call.integer("start"), call.integer("end")
    with call.read() as connection:
        coming = []
        for contact in _readable(call, connection, _folders(call, connection, call.params.get("folder"))):
            when = contact_search.next_anniversary(contact.fields.get(name), first)
            if when is not None and when < last:
                coming.append((when, contact.id, contact))
        found = [contact for _, _, contact in sorted(coming, key=lambda each: each[:2])]
        return _rows(call, connection, found, columns)


def _matches(
    values: dict[str, Any], pattern: str, letter: str, wanted: dict[str, str], any_field: bool
) -> bool:
    if (
        letter
        and letter != "*"
        and not str(values.get("file_as", "")).casefold().startswith(letter.casefold())
    ):
        return False
    if pattern and not any(_like(str(values.get(name, "")), pattern) for name in _SEARCHED):
        return False
    if wanted:
        hits = [_like(str(values.get(name, "")), value) for name, value in wanted.items()]
        return any(hits) if any_field else all(hits)
    return True


def _like(text: str, pattern: str) -> bool:
    """Whether a text matches: from its beginning without wildcards, as a whole with them."""
    wild = pattern.casefold()
    if not wild.endswith("*"):
        wild += "*"
    return fnmatch.fnmatchcase(text.casefold(), wild.replace("[", "[[]"))


MODULE = Module(
    MODULE_NAME,
    {
        "all": Action(get_all),
        "get": Action(get),
        "list": Action(get_list),
        "updates": Action(updates),
        "new": Action(new),
        "update": Action(update),
        "delete": Action(delete),
        "search": Action(search),
        "advancedSearch": Action(advanced_search, since=7),
        "autocomplete": Action(autocomplete, since=7),
        "birthdays": Action(birthdays, since=7),
        "anniversaries": Action(anniversaries, since=7),
        "getuser": Action(getuser),
        "listuser": Action(listuser),
    },
    right="contacts",
    public_session=True,
)
