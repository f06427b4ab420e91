"""Columns of appointments (http-api section 6.2)."""

from lab.ox.columns.groupware import COMMON
from lab.ox.columns.table import ColumnDef, ColumnTable

CALENDAR_COLUMNS = ColumnTable(
    (
        *COMMON,
        ColumnDef(200, "title", "text", 255),
        # Shifted or not as full_time says, by the module itself.
        ColumnDef(201, "start_date", "int"),
        ColumnDef(202, "end_date", "int"),
        ColumnDef(203, "note", "text", 65535),
        ColumnDef(204, "alarm", "int"),
        ColumnDef(206, "recurrence_id", "int", writable=False),
        ColumnDef(207, "recurrence_position", "int", writable=False),
        ColumnDef(208, "recurrence_date_position", "date", writable=False),
        ColumnDef(209, "recurrence_type", "int"),
        ColumnDef(210, "change_exceptions", "json", writable=False),
        ColumnDef(211, "delete_exceptions", "json", writable=False),
        ColumnDef(212, "days", "int"),
        ColumnDef(213, "day_in_month", "int"),
        ColumnDef(214, "month", "int"),
        ColumnDef(215, "interval", "int"),
        ColumnDef(216, "until", "date"),
        ColumnDef(217, "notification", "bool"),
        ColumnDef(220, "participants", "json"),
        ColumnDef(221, "users", "json", writable=False),
        ColumnDef(222, "occurrences", "int"),
        ColumnDef(224, "organizer", "text", 255),
        ColumnDef(225, "sequence", "int"),
        ColumnDef(226, "confirmations", "json", writable=False),
        ColumnDef(227, "organizerId", "int", writable=False),
        ColumnDef(228, "principal", "text", 255, writable=False),
        ColumnDef(229, "principalId", "int", writable=False),
        ColumnDef(400, "location", "text", 255),
        ColumnDef(401, "full_time", "bool"),
        ColumnDef(402, "shown_as", "int"),
        ColumnDef(408, "timezone", "text", 128),
        ColumnDef(410, "recurrence_start", "date", writable=False),
    )
)
