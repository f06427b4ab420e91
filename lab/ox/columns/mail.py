"""Columns of mails (http-api section 8.4)."""

from lab.ox.columns.table import ColumnDef, ColumnTable

MAIL_COLUMNS = ColumnTable(
    (
        ColumnDef(102, "color_label", "int"),
        ColumnDef(309, "total", "int"),
        ColumnDef(310, "new", "int"),
        ColumnDef(311, "unread", "int"),
        ColumnDef(312, "deleted", "int"),
        ColumnDef(600, "id"),
        ColumnDef(601, "folder_id"),
        ColumnDef(602, "attachment", "bool"),
        ColumnDef(603, "from", "json"),
        ColumnDef(604, "to", "json"),
        ColumnDef(605, "cc", "json"),
        ColumnDef(606, "bcc", "json"),
        ColumnDef(607, "subject"),
        ColumnDef(608, "size", "int"),
        ColumnDef(609, "sent_date", "time"),
        ColumnDef(610, "received_date", "time"),
        ColumnDef(611, "flags", "int"),
        ColumnDef(612, "level", "int"),
        ColumnDef(613, "disp_notification_to"),
        ColumnDef(614, "priority", "int"),
        ColumnDef(615, "msg_ref"),
        ColumnDef(650, "folder"),
        ColumnDef(651, "flag_seen", "bool"),
        ColumnDef(652, "account_name"),
        ColumnDef(653, "account_id", "int"),
        ColumnDef(654, "original_id"),
        ColumnDef(655, "original_folder_id"),
        ColumnDef(656, "content_type"),
        ColumnDef(657, "flag_answered", "bool"),
        ColumnDef(658, "flag_forwarded", "bool"),
        ColumnDef(659, "flag_draft", "bool"),
        ColumnDef(660, "flag_flagged", "bool"),
        ColumnDef(661, "date", "time"),
    )
)
