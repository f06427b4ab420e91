"""Making the databases and filling them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from lab.ox import clock, passwords, permissions
from lab.ox.calendar import store
from lab.ox.calendar.event import ACCEPTED, Event, Member
from lab.ox.database import configdb, groupware
from lab.ox.database.servers import CONFIGDB, DatabaseServer
from lab.ox.seed import appointments, contacts, directory, documents, expectation, mails, shares, tasks
from lab.ox.seed.people import CONTEXTS, PASSWORD, Person, SeedContext, people
from lab.ox.storage import folders, images, infostore, mail, rights, users
from lab.ox.storage.folders import Folder
from lab.ox.storage.objects import Stored
from lab.ox.storage.objects import row_of as object_row
from lab.ox.storage.rights import Permission
from lab.ox.update_tasks.registry import CORE_TASKS, UpdateTask
from lab.ox.update_tasks.runner import record
from lab.ox.zones import DAY_MS

SERVER_NAMES = ("ox1", "ox2")
ADMIN_LOGIN = "oxadmin"
_POOL = 1
_TITLES = {
    "de": {"calendar": "Kalender", "contacts": "Kontakte", "tasks": "Aufgaben", "infostore": "Meine Dateien"},
    "fr": {"calendar": "Calendrier", "contacts": "Contacts", "tasks": "Tâches", "infostore": "Mes fichiers"},
    "en": {"calendar": "Calendar", "contacts": "Contacts", "tasks": "Tasks", "infostore": "My files"},
}
_KINDS = {"Drafts": "drafts", "Sent": "sent", "Trash": "trash", "Spam": "spam"}
# System folders: id → (parent, name, module).
_SYSTEM = {
    1: (0, "private", "system"),
    2: (0, "public", "system"),
    3: (0, "shared", "system"),
    6: (2, "Global address book", "contacts"),
    9: (0, "infostore", "system"),
    10: (9, "userstore", "infostore"),
    15: (9, "public_infostore", "infostore"),
}


@dataclass(slots=True)
class Batch:
    """Rows to be stored, by table."""

    rows: dict[sa.Table, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: sa.Table, *rows: dict[str, Any]) -> None:
        """Remember rows."""
        self.rows.setdefault(table, []).extend(rows)

    def store(self, connection: sa.Connection) -> None:
        """Write them all."""
        for table, rows in self.rows.items():
            for at in range(0, len(rows), 500):
                connection.execute(table.insert(), rows[at : at + 500])
        self.rows.clear()


def populate(
    databases: DatabaseServer,
    seed: str = "small",
    users_in_all: int = 0,
    rights_for: str = "none",
    server_names: Sequence[str] = SERVER_NAMES,
    now: int | None = None,
) -> bool:
    """Make configdb, schemas and data; returns ``False`` when they are there already. What an interrupted run left
    behind is made anew. ``rights_for``: ``all`` gives everybody who synchronises the rights to do so."""
    if _is_complete(databases):
        return False
    moment = clock.now_ms() if now is None else now
    wanted = people(seed, users_in_all)
    schemas = sorted({context.schema for context in CONTEXTS})
    databases.create(CONFIGDB)
    for schema in schemas:
        databases.create(schema)
        _fill_schema(databases, schema, wanted, rights_for == "all", moment)
    # Last of all: a configdb with contexts in it says that everything is there.
    _fill_configdb(databases, wanted, server_names)
    return True


def _is_complete(databases: DatabaseServer) -> bool:
    if not databases.exists(CONFIGDB):
        return False
    with databases.read(CONFIGDB) as connection:
        if not sa.inspect(connection).has_table(configdb.context.name):
            return False
        return bool(connection.execute(sa.select(sa.func.count()).select_from(configdb.context)).scalar())


def _fill_configdb(databases: DatabaseServer, wanted: Iterable[Person], server_names: Sequence[str]) -> None:
    batch = Batch()
    url = databases.url
    batch.add(
        configdb.db_pool,
        {
            "db_pool_id": _POOL,
            "url": databases.jdbc_url,
            "driver": "com.mysql.jdbc.Driver",
            "login": url.username or "",
            "password": url.password or "",
            "hardlimit": 1,
            "max": 100,
            "initial": 0,
            "name": "oxdatabase",
        },
    )
    cluster = {
        "cluster_id": 2,
        "read_db_pool_id": 0,
        "write_db_pool_id": _POOL,
        "weight": 100,
        "max_units": 1000,
    }
    batch.add(configdb.db_cluster, cluster)
    batch.add(configdb.configdb_sequence, {"id": 100})
    batch.add(
        configdb.filestore, {"id": 1, "uri": "file:/var/opt/filestore", "size": 10 << 30, "max_context": 5000}
    )
    servers = {name: number for number, name in enumerate(server_names, 10)}
    batch.add(configdb.server, *({"server_id": number, "name": name} for name, number in servers.items()))
    for context in CONTEXTS:
        batch.add(configdb.context, _context_row(context))
        batch.add(
            configdb.context_server2db_pool,
            *(
                {
                    "cid": context.cid,
                    "server_id": number,
                    "read_db_pool_id": _POOL,
                    "write_db_pool_id": _POOL,
                    "db_schema": context.schema,
                }
                for number in servers.values()
            ),
        )
        batch.add(configdb.login2context, {"cid": context.cid, "login_info": str(context.cid)})
        batch.add(configdb.login2context, {"cid": context.cid, "login_info": context.name})
    batch.add(configdb.login2context, {"cid": 1, "login_info": "defaultcontext"})
    batch.add(configdb.login2context, *({"cid": each.cid, "login_info": each.login} for each in wanted))
    with databases.write(CONFIGDB) as connection:
        configdb.metadata.drop_all(connection)
        configdb.metadata.create_all(connection)
        batch.store(connection)


def _context_row(context: SeedContext) -> dict[str, Any]:
    return {
        "cid": context.cid,
        "name": context.name,
        "enabled": True,
        "reason_id": None,
        "filestore_id": 1,
        "filestore_name": f"{context.cid}_ctx_store",
        "filestore_login": "",
        "filestore_passwd": "",
        "quota_max": 1 << 30,
    }


def _fill_schema(
    databases: DatabaseServer, schema: str, wanted: Iterable[Person], synchronise: bool, now: int
) -> None:
    batch = Batch()
    batch.add(
        groupware.version,
        {
            "version": groupware.NEWEST_VERSION,
            "locked": False,
            "gw_compatible": True,
            "admin_compatible": True,
            "server": "ox1",
        },
    )
    batch.add(groupware.update_task, *(record(UpdateTask(name, {}), True) for name in CORE_TASKS))
    by_context = {context.cid: context for context in CONTEXTS if context.schema == schema}
    makers = {cid: _ContextMaker(batch, context, now) for cid, context in by_context.items()}
    with databases.write(schema) as connection:
        groupware.metadata.drop_all(connection)
        groupware.metadata.create_all(connection)
        for maker in makers.values():
            maker.begin()
        for person in wanted:
            if person.cid in makers:
                makers[person.cid].add_person(person, synchronise)
                if len(batch.rows.get(groupware.mail_source, ())) > 2000:
                    batch.store(connection)
        for maker in makers.values():
            maker.finish()
        batch.store(connection)


class _ContextMaker:
    """Makes one context. Ids count up from fixed beginnings."""

    def __init__(self, batch: Batch, context: SeedContext, now: int) -> None:
        self._batch = batch
        self._cid = context.cid
        self._now = now
        self._today = now // DAY_MS * DAY_MS
        self._ids = dict.fromkeys(groupware.SEQUENCES, 0) | {"folder": folders.FIRST_FREE - 1, "principal": 2}
        self._people: list[tuple[Person, int]] = []
        # (first name, module) → default folder; name of a group → its id.
        self._own_folders: dict[tuple[str, str], int] = {}
        self._groups: dict[str, int] = {}
        self._light: list[tuple[bytes, dict[str, Any]]] = []
        # One hash for all: they have the same password.
        self._password = passwords.hashed(PASSWORD)

    def begin(self) -> None:
        """System folders, groups and the context's administrator."""
        for folder_id, (parent, name, module) in _SYSTEM.items():
            everybody = Permission(
                users.ALL_USERS, True, rights.SEE, rights.ALL, rights.OWN, rights.NONE, False
            )
            if folder_id == folders.PUBLIC:
                everybody = Permission(users.ALL_USERS, True, rights.SUBFOLDERS, 0, 0, 0, False)
            if folder_id == folders.PRIVATE:
                everybody = Permission(users.ALL_USERS, True, rights.SUBFOLDERS, 0, 0, 0, False)
            self._folder(
                folder_id, parent, name, module, folders.TYPE_SYSTEM, users.CONTEXT_ADMIN, [everybody]
            )
        now = self._now
        for group_id, name in ((users.ALL_USERS, "All users"), (users.STANDARD_GROUP, "Standard group")):
            self._batch.add(
                groupware.groups,
                {
                    "cid": self._cid,
                    "id": group_id,
                    "identifier": name.lower().replace(" ", ""),
                    "displayName": name,
                    "lastModified": now,
                },
            )
        admin = Person(ADMIN_LOGIN, self._cid, "Context", "Administrator", "en_US", "UTC", "empty")
        # The administrator's rights are what changecontext takes for switches that were not named.
        self._user(admin, users.CONTEXT_ADMIN, permissions.STANDARD)

    def add_person(self, person: Person, synchronise: bool) -> None:
        """A user with all data."""
        user_id = self._next("principal")
        given = permissions.STANDARD
        if synchronise and person.synchronises:
            given |= permissions.SYNC
        self._user(person, user_id, given)
        self._people.append((person, user_id))
        titles = _TITLES.get(person.language[:2], _TITLES["en"])
        own = {}
        for module, title in titles.items():
            parent = folders.PRIVATE if module != "infostore" else 10
            folder_id = self._next("folder")
            kind = folders.TYPE_PRIVATE if module != "infostore" else folders.TYPE_PUBLIC
            self._folder(folder_id, parent, title, module, kind, user_id, [rights.owner(user_id)], True)
            own[module] = folder_id
        self._own_folders |= {(person.name, module): folder_id for module, folder_id in own.items()}
        self._contacts(own["contacts"], user_id, contacts.default_folder(person))
        for entry in documents.default_folder(person):
            self._document(own["infostore"], user_id, entry)
        business = contacts.subfolder(person)
        if business:
            folder_id = self._next("folder")
            self._folder(
                folder_id,
                own["contacts"],
                contacts.SUBFOLDER,
                "contacts",
                1,
                user_id,
                [rights.owner(user_id)],
            )
            self._contacts(folder_id, user_id, business)
        self._calendar(own["calendar"], user_id, person)
        for fields in tasks.default_folder(person, self._today, user_id):
            self._object("tasks", "task", own["tasks"], user_id, fields)
        self._mail(person, user_id)

    def finish(self) -> None:
        """What several users share, and the sequences."""
        ids = {person.name: user_id for person, user_id in self._people}
        self._directory(ids)
        by_name = {person.name: person for person, _ in self._people}
        full = any(person.amount != "empty" for person, _ in self._people)
        if full and {"anton", "berta", "caesar"} <= set(ids):
            for share in shares.SHARES:
                self._share(share, by_name[share.owner], ids)
        if full:
            self._public_folders()
        for kind, newest in self._ids.items():
            self._batch.add(groupware.SEQUENCES[kind], {"cid": self._cid, "id": newest})

    def _share(self, share: shares.SeedShare, owner: Person, ids: Mapping[str, int]) -> None:
        """A folder of one user that others may use."""
        owner_id = ids[owner.name]
        allowed = [rights.owner(owner_id)]
        for name, may in share.allowed.items():
            is_group = name in self._groups
            entity = self._groups[name] if is_group else ids[name]
            allowed.append(Permission.unpacked(entity, is_group, may))
        folder_id = self._next("folder")
        parent = self._own_folders[owner.name, share.module]
        self._folder(folder_id, parent, share.title, share.module, folders.TYPE_PRIVATE, owner_id, allowed)
        self._fill(folder_id, share.module, owner_id, replace(owner, amount="light"), share.title)

    def _public_folders(self) -> None:
        """Folders that everybody may use."""
        admin = users.CONTEXT_ADMIN
        everybody = Permission.unpacked(users.ALL_USERS, True, shares.CONTRIBUTOR)
        author = Person(ADMIN_LOGIN, self._cid, "Context", "Administrator", "en_US", "UTC", "light")
        for module, title in shares.PUBLIC.items():
            folder_id = self._next("folder")
            allowed = [rights.owner(admin), everybody]
            self._folder(folder_id, folders.PUBLIC, title, module, folders.TYPE_PUBLIC, admin, allowed)
            self._fill(folder_id, module, admin, author, f"company {self._cid}")

    def _fill(self, folder_id: int, module: str, owner_id: int, owner: Person, name: str) -> None:
        if module == "contacts":
            self._contacts(folder_id, owner_id, contacts.team("team of berta" if name == "Team" else name))
        elif module == "tasks":
            for fields in tasks.shared(self._today, owner_id):
                is_public = owner_id == users.CONTEXT_ADMIN
                kept = {
                    each: value for each, value in fields.items() if each != "private_flag" or not is_public
                }
                self._object("tasks", "task", folder_id, owner_id, kept)
        else:
            self._calendar(folder_id, owner_id, owner)

    def _directory(self, ids: Mapping[str, int]) -> None:
        """Groups besides those that every context has, and resources."""
        for group in directory.GROUPS:
            members = [ids[name] for name in group.members if name in ids]
            if not members:
                continue
            group_id = self._groups[group.name] = self._next("principal")
            self._batch.add(
                groupware.groups,
                {
                    "cid": self._cid,
                    "id": group_id,
                    "identifier": group.name,
                    "displayName": group.display_name,
                    "lastModified": self._now,
                },
            )
            self._batch.add(
                groupware.groups_member,
                *({"cid": self._cid, "id": group_id, "member": member} for member in members),
            )
        for resource in directory.RESOURCES:
            self._batch.add(
                groupware.resource,
                {
                    "cid": self._cid,
                    "id": self._next("resource"),
                    "identifier": resource.name,
                    "displayName": resource.display_name,
                    "mail": resource.address(self._cid),
                    "available": True,
                    "description": resource.description,
                    "lastModified": self._now,
                },
            )

    def _next(self, kind: str) -> int:
        self._ids[kind] += 1
        return self._ids[kind]

    def _user(self, person: Person, user_id: int, given: int) -> None:
        cid = self._cid
        contact_id = self._next("contact")
        aliases = [f"{person.name}.alias@example.org"] if person.amount in ("small", "large") else []
        self._batch.add(
            groupware.user,
            {
                "cid": cid,
                "id": user_id,
                "imapServer": "localhost",
                "imapLogin": person.login,
                "mail": person.login,
                "mailDomain": "example.org",
                "mailEnabled": True,
                "preferredLanguage": person.language,
                "shadowLastChange": -1,
                "smtpServer": "localhost",
                "timeZone": person.timezone,
                "userPassword": self._password,
                "passwordMech": passwords.MECHANISM,
                "contactId": contact_id,
                "displayName": person.display_name,
            },
        )
        self._batch.add(groupware.login2user, {"cid": cid, "uid": person.name, "id": user_id})
        self._batch.add(groupware.user_configuration, {"cid": cid, "user": user_id, "permissions": given})
        self._batch.add(groupware.groups_member, {"cid": cid, "id": users.STANDARD_GROUP, "member": user_id})
        self._batch.add(
            groupware.user_attribute,
            *({"cid": cid, "id": user_id, "name": "alias", "value": alias} for alias in aliases),
        )
        entry = contacts.of_user(person, aliases)
        self._contact(contact_id, folders.GLOBAL_ADDRESS_BOOK, user_id, entry, user_id)

    def _folder(
        self,
        folder_id: int,
        parent: int,
        name: str,
        module: str,
        kind: int,
        owner: int,
        allowed: Sequence[Permission],
        is_default: bool = False,
    ) -> None:
        now = self._now
        folder = Folder(
            folder_id, parent, name, module, kind, owner, owner, now, now, is_default, tuple(allowed)
        )
        self._batch.add(groupware.oxfolder_tree, folders.row_of(self._cid, folder))
        self._batch.add(
            groupware.oxfolder_permissions, *folders.permission_rows(self._cid, folder_id, folder.permissions)
        )

    def _document(self, folder_id: int, user_id: int, entry: documents.SeedDocument) -> None:
        document_id = self._next("infostore")
        self._batch.add(
            groupware.infostore,
            {
                "cid": self._cid,
                "id": document_id,
                "folder_id": folder_id,
                "version": len(entry.versions),
                "created_by": user_id,
                "changed_by": user_id,
                "creating_date": self._now,
                "last_modified": self._now,
                "title": entry.filename,
                "url": None,
                "description": None,
                "categories": None,
            },
        )
        fields = {"filename": entry.filename, "file_mimetype": entry.content_type}
        self._batch.add(
            groupware.infostore_document,
            *(
                infostore.version_row(self._cid, user_id, document_id, number, fields, data, self._now)
                for number, data in enumerate(entry.versions, 1)
            ),
        )

    def _contacts(self, folder_id: int, user_id: int, entries: Iterable[contacts.SeedContact]) -> None:
        for entry in entries:
            self._contact(self._next("contact"), folder_id, user_id, entry)

    def _contact(
        self,
        contact_id: int,
        folder_id: int,
        owner: int,
        entry: contacts.SeedContact,
        user_id: int | None = None,
    ) -> None:
        stored = self._stored(contact_id, folder_id, owner, entry.fields, user_id)
        self._batch.add(groupware.OBJECTS["contacts"][0], object_row(self._cid, stored))
        if entry.image:
            self._batch.add(
                groupware.contact_image,
                {
                    "cid": self._cid,
                    "id": contact_id,
                    "image1": entry.image,
                    "mime_type": images.kind_of(entry.image),
                    "changing_date": self._now,
                },
            )

    def _calendar(self, folder_id: int, user_id: int, person: Person) -> None:
        organizer = {"entity": user_id, "mail": person.login, "name": person.display_name}
        for appointment in appointments.calendar(person):
            fields = {**appointments.dated(appointment, self._today), "organizer": organizer}
            series = self._event(folder_id, user_id, fields)
            for index in range(len(appointment.exceptions)):
                exception = appointments.dated_exception(appointment, index, fields)
                self._event(folder_id, user_id, exception, series)

    def _event(
        self, folder_id: int, user_id: int, fields: dict[str, Any], series: Event | None = None
    ) -> Event:
        minutes = fields.pop("alarm", None)
        trigger = {"duration": f"-PT{minutes}M", "related": "START"}
        alarms = ({"action": "DISPLAY", "trigger": trigger},) if minutes is not None and minutes >= 0 else ()
        event_id = self._next("calendar")
        uid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._cid}/{folder_id}/{event_id}"))
        event = Event(
            id=event_id,
            folder=folder_id,
            uid=series.uid if series else uid,
            series=series.id if series else (event_id if "rrule" in fields else None),
            created_by=user_id,
            modified_by=user_id,
            creation_date=self._now,
            last_modified=self._now,
            fields=fields,
            members=(Member(user_id, folder_id, ACCEPTED, alarms=alarms),),
        )
        self._batch.add(groupware.OBJECTS["calendar"][0], store.row_of(self._cid, event))
        self._batch.add(groupware.date_member, *store.member_rows(self._cid, event))
        return event

    def _object(
        self,
        module: str,
        sequence: str,
        folder_id: int,
        user_id: int,
        fields: dict[str, Any],
        object_id: int | None = None,
    ) -> None:
        stored = self._stored(object_id or self._next(sequence), folder_id, user_id, fields)
        self._batch.add(groupware.OBJECTS[module][0], object_row(self._cid, stored))

    def _stored(
        self, object_id: int, folder_id: int, owner: int, fields: dict[str, Any], user_id: int | None = None
    ) -> Stored:
        uid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._cid}/{folder_id}/{object_id}"))
        return Stored(object_id, folder_id, uid, user_id, owner, owner, self._now, self._now, fields)

    def _mail(self, person: Person, user_id: int) -> None:
        for name, count in expectation.mail_folders(person).items():
            folder_id = self._next("mail_service")
            title = name.removeprefix("INBOX/")
            kind = "inbox" if name == "INBOX" else _KINDS.get(title, "")
            rows = self._inbox(person) if kind == "inbox" else self._other(person, title, kind, count)
            key = {"cid": self._cid, "user": user_id, "folder": folder_id}
            for uid, (raw, row) in enumerate(rows, 1):
                self._batch.add(groupware.mail, {**key, "uid": uid, **row})
                self._batch.add(groupware.mail_source, {**key, "uid": uid, "raw": raw})
            validity = self._now // 1000 - 1000 + folder_id % 1000
            folder = mail.MailFolder(folder_id, name, kind, True, validity, count + 1, self._now)
            self._batch.add(groupware.mail_folder, mail.folder_row(self._cid, user_id, folder))

    def _inbox(self, person: Person) -> list[tuple[bytes, dict[str, Any]]]:
        # Thousands of light users share one set of mails.
        if person.amount == "light" and self._light:
            return self._light
        now = self._now / 1000
        rows = []
        for planned in mails.plan(person):
            raw = mails.make(person, planned, now)
            flags = planned.flags | (mail.SEEN if planned.seen else 0)
            received = self._now - planned.age * 1000
            rows.append(
                (raw, {**mail.index(raw), "flags": flags, "color": 0, "keywords": "", "received": received})
            )
        if person.amount == "light":
            self._light = rows
        return rows

    def _other(self, person: Person, title: str, kind: str, count: int) -> list[tuple[bytes, dict[str, Any]]]:
        rows = []
        for number in range(count):
            raw = mails.simple(person, title, number, self._now / 1000, sent=kind in ("sent", "drafts"))
            flags = mail.SEEN | (mail.DRAFT if kind == "drafts" else 0) | (mail.SPAM if kind == "spam" else 0)
            received = self._now - (number + 1) * 7_200_000
            rows.append(
                (raw, {**mail.index(raw), "flags": flags, "color": 0, "keywords": "", "received": received})
            )
        return rows
