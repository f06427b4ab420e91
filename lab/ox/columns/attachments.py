"""Columns of the files attached to objects (http-api section 9)."""

from lab.ox.columns.table import ColumnDef, ColumnTable

ATTACHMENT_COLUMNS = ColumnTable(
    (
        ColumnDef(1, "id"),
        ColumnDef(2, "created_by", "int"),
        ColumnDef(4, "creation_date", "time"),
        ColumnDef(800, "folder", "int"),
        ColumnDef(801, "attached", "int"),
        ColumnDef(802, "module", "int"),
        ColumnDef(803, "filename"),
        ColumnDef(804, "file_size", "int"),
        ColumnDef(805, "file_mimetype"),
        ColumnDef(806, "rtf_flag", "bool"),
    )
)
