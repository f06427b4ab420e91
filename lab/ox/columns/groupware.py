"""Columns that contacts, tasks and appointments share."""

from lab.ox.columns.table import ColumnDef

COMMON = (
    ColumnDef(1, "id", "int", writable=False),
    ColumnDef(2, "created_by", "int", writable=False),
    ColumnDef(3, "modified_by", "int", writable=False),
    ColumnDef(4, "creation_date", "time", writable=False),
    ColumnDef(5, "last_modified", "time", writable=False),
    ColumnDef(6, "last_modified_utc", "timestamp", writable=False),
    ColumnDef(20, "folder_id", "int", writable=False),
    ColumnDef(100, "categories", "text", 1024),
    ColumnDef(101, "private_flag", "bool"),
    ColumnDef(102, "color_label", "int"),
    ColumnDef(104, "number_of_attachments", "int", writable=False),
    ColumnDef(105, "lastModifiedOfNewestAttachmentUTC", "timestamp", writable=False),
    ColumnDef(223, "uid", "text", 255),
)
