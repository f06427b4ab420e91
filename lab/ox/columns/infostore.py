"""Columns of documents (http-api sections 3 and 10). Ids are texts from generation 7 on, ``folder/id``."""

from lab.ox.columns.table import ColumnDef, ColumnTable

INFOSTORE_COLUMNS = ColumnTable(
    (
        ColumnDef(1, "id", writable=False),
        ColumnDef(2, "created_by", "int", writable=False),
        ColumnDef(3, "modified_by", "int", writable=False),
        ColumnDef(4, "creation_date", "time", writable=False),
        ColumnDef(5, "last_modified", "time", writable=False),
        ColumnDef(20, "folder_id"),
        ColumnDef(100, "categories", "text", 255),
        ColumnDef(102, "color_label", "int", writable=False),
        ColumnDef(700, "title", "text", 128),
        ColumnDef(701, "url", "text", 255),
        ColumnDef(702, "filename", "text", 255),
        ColumnDef(703, "file_mimetype", "text", 255),
        ColumnDef(704, "file_size", "int", writable=False),
        ColumnDef(705, "version", writable=False),
        ColumnDef(706, "description"),
        ColumnDef(707, "locked_until", "time", writable=False),
        ColumnDef(708, "file_md5sum", writable=False),
        ColumnDef(709, "version_comment"),
        ColumnDef(710, "current_version", "bool", writable=False),
        ColumnDef(711, "number_of_versions", "int", writable=False),
    )
)
