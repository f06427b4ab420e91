"""The groupware schema: tables that hold many contexts, ``cid`` first in every key.

Names are OX's where they are known; objects keep their fields as one JSON document, which OX does not.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.dialects import mysql

metadata = MetaData()
_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_row_format": "DYNAMIC",
}
_EXACT: dict[str, Any] = {**_OPTIONS, "mysql_collate": "utf8mb4_bin"}
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
LongBlob = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")

# The version that all numeric update tasks lead to.
NEWEST_VERSION = 216


def _key(name: str, kind: Any = Integer) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False, autoincrement=False)


version = Table(
    "version",
    metadata,
    Column("version", Integer, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("gw_compatible", Boolean, nullable=False),
    Column("admin_compatible", Boolean, nullable=False),
    Column("server", String(128), nullable=False),
    **_OPTIONS,
)
update_task = Table(
    "updateTask",
    metadata,
    _key("cid"),
    _key("uuid", LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")),
    Column("taskName", String(255), nullable=False),
    Column("successful", Boolean, nullable=False),
    Column("lastModified", BigInteger, nullable=False),
    Index("full", "cid", "taskName"),
    **_OPTIONS,
)

# Kind of object → table of its newest id.
SEQUENCES = {
    kind: Table(f"sequence_{kind}", metadata, _key("cid"), Column("id", Integer, nullable=False), **_OPTIONS)
    for kind in (
        "folder",
        "contact",
        "calendar",
        "task",
        "principal",
        "resource",
        "attachment",
        "infostore",
        "mail_service",
    )
}

user = Table(
    "user",
    metadata,
    _key("cid"),
    _key("id"),
    Column("imapServer", String(128)),
    Column("imapLogin", String(128)),
    Column("mail", String(256)),
    Column("mailDomain", String(128)),
    Column("mailEnabled", Boolean, nullable=False),
    Column("preferredLanguage", String(10)),
    Column("shadowLastChange", Integer),
    Column("smtpServer", String(128)),
    Column("timeZone", String(128)),
    Column("userPassword", String(128)),
    Column("passwordMech", String(32), nullable=False),
    Column("contactId", Integer, nullable=False),
    Column("displayName", String(320)),
    **_OPTIONS,
)
login2user = Table(
    "login2user",
    metadata,
    _key("cid"),
    _key("uid", String(128)),
    Column("id", Integer, nullable=False),
    **_OPTIONS,
)
user_attribute = Table(
    "user_attribute",
    metadata,
    _key("cid"),
    _key("id"),
    _key("name", String(128)),
    _key("value", String(255)),
    **_EXACT,
)
user_configuration = Table(
    "user_configuration",
    metadata,
    _key("cid"),
    _key("user"),
    Column("permissions", Integer, nullable=False),
    **_OPTIONS,
)
groups = Table(
    "groups",
    metadata,
    _key("cid"),
    _key("id"),
    Column("identifier", String(128), nullable=False),
    Column("displayName", String(255), nullable=False),
    Column("lastModified", BigInteger, nullable=False),
    **_OPTIONS,
)
del_groups = Table(
    "del_groups",
    metadata,
    _key("cid"),
    _key("id"),
    Column("lastModified", BigInteger, nullable=False),
    **_OPTIONS,
)
groups_member = Table("groups_member", metadata, _key("cid"), _key("id"), _key("member"), **_OPTIONS)

resource = Table(
    "resource",
    metadata,
    _key("cid"),
    _key("id"),
    Column("identifier", String(128), nullable=False),
    Column("displayName", String(255), nullable=False),
    Column("mail", String(256)),
    Column("available", Boolean, nullable=False),
    Column("description", Text),
    Column("lastModified", BigInteger, nullable=False),
    **_OPTIONS,
)
del_resource = Table(
    "del_resource",
    metadata,
    _key("cid"),
    _key("id"),
    Column("lastModified", BigInteger, nullable=False),
    **_OPTIONS,
)


def _folder_columns() -> list[Column[Any]]:
    return [
        _key("cid"),
        _key("fuid"),
        Column("parent", Integer, nullable=False),
        Column("fname", String(767), nullable=False),
        Column("module", Integer, nullable=False),
        Column("type", Integer, nullable=False),
        Column("creating_date", BigInteger, nullable=False),
        Column("created_from", Integer, nullable=False),
        Column("changing_date", BigInteger, nullable=False),
        Column("changed_from", Integer, nullable=False),
        Column("permission_flag", Integer, nullable=False),
        Column("subfolder_flag", Integer, nullable=False),
        Column("default_flag", Integer, nullable=False),
    ]


oxfolder_tree = Table("oxfolder_tree", metadata, *_folder_columns(), **_OPTIONS)
del_oxfolder_tree = Table("del_oxfolder_tree", metadata, *_folder_columns(), **_OPTIONS)
oxfolder_permissions = Table(
    "oxfolder_permissions",
    metadata,
    _key("cid"),
    _key("fuid"),
    _key("permission_id"),
    Column("fp", Integer, nullable=False),
    Column("orp", Integer, nullable=False),
    Column("owp", Integer, nullable=False),
    Column("odp", Integer, nullable=False),
    Column("admin_flag", Boolean, nullable=False),
    Column("group_flag", Boolean, nullable=False),
    **_OPTIONS,
)

# What users added to the tree of their devices.
virtual_tree = Table(
    "virtualTree", metadata, _key("cid"), _key("tree"), _key("user"), _key("folderId", String(512)), **_EXACT
)


def _object_table(name: str, *more: Any) -> Table:
    return Table(
        name,
        metadata,
        _key("cid"),
        _key("id"),
        Column("fid", Integer, nullable=False),
        Column("uid", String(255)),
        Column("user_id", Integer),
        Column("created_by", Integer, nullable=False),
        Column("modified_by", Integer, nullable=False),
        Column("creation_date", BigInteger, nullable=False),
        Column("last_modified", BigInteger, nullable=False),
        Column("fields", LongText, nullable=False),
        Index(f"{name}_fid", "cid", "fid", "last_modified"),
        *more,
        **_OPTIONS,
    )


def _deleted_table(name: str) -> Table:
    """Tombstones: one a folder that an object has left."""
    return Table(
        name,
        metadata,
        _key("cid"),
        _key("id"),
        _key("fid"),
        Column("changing_date", BigInteger, nullable=False),
        **_OPTIONS,
    )


# Module → (objects, tombstones).
OBJECTS = {
    "contacts": (_object_table("prg_contacts"), _deleted_table("del_contacts")),
    "calendar": (
        # The series that an appointment belongs to, itself for the series.
        _object_table(
            "prg_dates",
            Column("intfield02", Integer),
            Index("prg_dates_series", "cid", "intfield02"),
            Index("prg_dates_uid", "cid", "uid"),
        ),
        _deleted_table("del_dates"),
    ),
    "tasks": (_object_table("task"), _deleted_table("del_task")),
}
# Users of an appointment: the folder each sees it in, what each answered, each one's alarms (JSON in ``more``).
date_member = Table(
    "prg_dates_members",
    metadata,
    _key("cid"),
    _key("object_id"),
    _key("member_uid"),
    Column("pfid", Integer),
    Column("confirm", Integer, nullable=False),
    Column("reason", Text),
    Column("hidden", Boolean, nullable=False),
    Column("more", LongText, nullable=False),
    Index("prg_dates_members_pfid", "cid", "pfid"),
    Index("prg_dates_members_member", "cid", "member_uid"),
    **_OPTIONS,
)
# Groups (2) and resources (3) of an appointment.
date_right = Table(
    "prg_date_rights",
    metadata,
    _key("cid"),
    _key("object_id"),
    _key("type"),
    _key("id"),
    Index("prg_date_rights_id", "cid", "type", "id"),
    **_OPTIONS,
)
# Where the participants of a task see it, besides the folder it was made in.
task_folder = Table(
    "task_folder",
    metadata,
    _key("cid"),
    _key("id"),
    _key("folder"),
    Column("user", Integer, nullable=False),
    Index("task_folder_folder", "cid", "folder"),
    **_OPTIONS,
)
attachment = Table(
    "prg_attachment",
    metadata,
    _key("cid"),
    _key("id"),
    Column("attached", Integer, nullable=False),
    Column("module", Integer, nullable=False),
    Column("filename", String(255), nullable=False),
    Column("file_size", Integer, nullable=False),
    Column("file_mimetype", String(255), nullable=False),
    Column("rtf_flag", Boolean, nullable=False),
    Column("created_by", Integer, nullable=False),
    Column("creation_date", BigInteger, nullable=False),
    Column("data", LongBlob, nullable=False),
    Index("prg_attachment_attached", "cid", "module", "attached"),
    **_OPTIONS,
)
del_attachment = Table(
    "del_attachment",
    metadata,
    _key("cid"),
    _key("id"),
    Column("attached", Integer, nullable=False),
    Column("module", Integer, nullable=False),
    Column("del_date", BigInteger, nullable=False),
    **_OPTIONS,
)
contact_image = Table(
    "prg_contacts_image",
    metadata,
    _key("cid"),
    _key("id"),
    Column("image1", LongBlob, nullable=False),
    Column("mime_type", String(128), nullable=False),
    Column("changing_date", BigInteger, nullable=False),
    **_OPTIONS,
)

# Documents, and each of their versions; OX keeps the contents in a store of files.
infostore = Table(
    "infostore",
    metadata,
    _key("cid"),
    _key("id"),
    Column("folder_id", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_by", Integer, nullable=False),
    Column("changed_by", Integer, nullable=False),
    Column("creating_date", BigInteger, nullable=False),
    Column("last_modified", BigInteger, nullable=False),
    Column("title", String(255)),
    Column("url", String(255)),
    Column("description", Text),
    Column("categories", String(255)),
    Index("infostore_folder", "cid", "folder_id"),
    **_OPTIONS,
)
infostore_document = Table(
    "infostore_document",
    metadata,
    _key("cid"),
    _key("infostore_id"),
    _key("version_number"),
    Column("created_by", Integer, nullable=False),
    Column("creating_date", BigInteger, nullable=False),
    Column("filename", String(255)),
    Column("file_mimetype", String(255)),
    Column("file_size", BigInteger, nullable=False),
    Column("file_md5sum", String(32)),
    Column("version_comment", Text),
    Column("data", LongBlob, nullable=False),
    **_OPTIONS,
)
del_infostore = Table(
    "del_infostore",
    metadata,
    _key("cid"),
    _key("id"),
    _key("folder_id"),
    Column("last_modified", BigInteger, nullable=False),
    **_OPTIONS,
)

# OX keeps mail on an IMAP server; the stand-in has none.
mail_folder = Table(
    "standin_mail_folder",
    metadata,
    _key("cid"),
    _key("user"),
    _key("id"),
    Column("fullname", String(512), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("subscribed", Boolean, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uidnext", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Index("standin_mail_folder_name", "cid", "user", "fullname"),
    **_EXACT,
)
mail = Table(
    "standin_mail",
    metadata,
    _key("cid"),
    _key("user"),
    _key("folder"),
    _key("uid"),
    Column("received", BigInteger, nullable=False),
    Column("sent", BigInteger),
    Column("flags", Integer, nullable=False),
    Column("color", Integer, nullable=False),
    Column("keywords", Text, nullable=False, default=""),
    Column("size", Integer, nullable=False),
    Column("message_id", String(255)),
    Column("head", LongText, nullable=False),
    **_EXACT,
)
mail_source = Table(
    "standin_mail_source",
    metadata,
    _key("cid"),
    _key("user"),
    _key("folder"),
    _key("uid"),
    Column("raw", LongBlob, nullable=False),
    **_EXACT,
)
outbox = Table(
    "standin_outbox",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("cid", Integer, nullable=False),
    Column("user", Integer, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("raw", LongBlob, nullable=False),
    **_EXACT,
)

# Settings of the user interface, signatures, mail filter rules: a JSON document each, by what keeps it.
json_storage = Table(
    "jsonStorage",
    metadata,
    _key("cid"),
    _key("user"),
    _key("serviceId", String(64)),
    _key("id", String(64)),
    Column("data", LongText, nullable=False),
    **_EXACT,
)


def next_id(connection: sa.Connection, kind: str, cid: int, count: int = 1) -> int:
    """Take ``count`` new ids of a kind; returns the first."""
    sequence = SEQUENCES[kind]
    connection.execute(sequence.update().where(sequence.c.cid == cid).values(id=sequence.c.id + count))
    newest = connection.execute(sa.select(sequence.c.id).where(sequence.c.cid == cid)).scalar_one()
    return int(newest) - count + 1
