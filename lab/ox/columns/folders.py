"""Columns of folders (http-api section 2.2)."""

from lab.ox.columns.table import ColumnDef, ColumnTable

FOLDER_COLUMNS = ColumnTable(
    (
        ColumnDef(1, "id"),
        ColumnDef(2, "created_by", "int"),
        ColumnDef(3, "modified_by", "int"),
        ColumnDef(4, "creation_date", "time"),
        ColumnDef(5, "last_modified", "time"),
        ColumnDef(6, "last_modified_utc", "timestamp"),
        ColumnDef(20, "folder_id"),
        ColumnDef(23, "meta", "json"),
        ColumnDef(300, "title"),
        ColumnDef(301, "module"),
        ColumnDef(302, "type", "int"),
        ColumnDef(304, "subfolders", "bool"),
        ColumnDef(305, "own_rights", "int"),
        ColumnDef(306, "permissions", "json"),
        ColumnDef(307, "summary"),
        ColumnDef(308, "standard_folder", "bool"),
        ColumnDef(309, "total", "int"),
        ColumnDef(310, "new", "int"),
        ColumnDef(311, "unread", "int"),
        ColumnDef(312, "deleted", "int"),
        ColumnDef(313, "capabilities", "int"),
        ColumnDef(314, "subscribed", "bool"),
        ColumnDef(315, "subscr_subflds", "bool"),
        ColumnDef(316, "standard_folder_type", "int"),
        ColumnDef(317, "supported_capabilities", "json"),
        ColumnDef(318, "account_id"),
        ColumnDef(3010, "com.openexchange.publish.publicationFlag", "bool"),
        ColumnDef(3020, "com.openexchange.subscribe.subscriptionFlag", "bool"),
        ColumnDef(3030, "com.openexchange.folderstorage.displayName"),
        ColumnDef(3060, "com.openexchange.share.extendedPermissions", "json"),
    )
)
