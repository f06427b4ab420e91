"""Columns of tasks (http-api section 4). Beginning and end as times of day came with 7.6.1."""

from lab.ox.columns.groupware import COMMON
from lab.ox.columns.table import ColumnDef, ColumnTable

_COLUMNS = (
    *COMMON,
    ColumnDef(200, "title", "text", 256),
    ColumnDef(201, "start_date", "date"),
    ColumnDef(202, "end_date", "date"),
    ColumnDef(203, "note", "text", 65535),
    ColumnDef(204, "alarm", "time"),
    ColumnDef(209, "recurrence_type", "int"),
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
    ColumnDef(227, "organizerId", "int"),
    ColumnDef(228, "principal", "text", 255),
    ColumnDef(229, "principalId", "int"),
    ColumnDef(300, "status", "int"),
    ColumnDef(301, "percent_completed", "int"),
    ColumnDef(302, "actual_costs", "cost"),
    ColumnDef(303, "actual_duration", "duration"),
    ColumnDef(304, "after_complete", "date"),
    ColumnDef(305, "billing_information", "text", 255),
    ColumnDef(307, "target_costs", "cost"),
    ColumnDef(308, "target_duration", "duration"),
    ColumnDef(309, "priority", "int"),
    ColumnDef(312, "currency", "text", 10),
    ColumnDef(313, "trip_meter", "text", 255),
    ColumnDef(314, "companies", "text", 255),
    ColumnDef(315, "date_completed", "timestamp"),
)
_SINCE_7 = (
    # Dates of whole days are never shifted, so the kind is not enough for these two.
    ColumnDef(316, "start_time", "timestamp"),
    ColumnDef(317, "end_time", "timestamp"),
    ColumnDef(401, "full_time", "bool"),
)
TASK_COLUMNS_6 = ColumnTable(_COLUMNS)
TASK_COLUMNS = ColumnTable((*_COLUMNS, *_SINCE_7))
