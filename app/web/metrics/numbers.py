"""All numbers of the service, and the values that their labels may have.

A label's values come from closed sets of the program, never from a device, a user or OX: the size of the exposition is
bounded, whatever comes in. Where a set is small each of its series is there from the start with 0, so that the first
event of its kind is an increase for whoever watches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from app.eas.errors import Why
from app.usm.model import Event

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_WAITS: Final = (1.0, 10.0, 60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)

OTHER: Final = "other"
"""What stands for a value that is in no set."""

# -- commands ---------------------------------------------------------------------------------------------------

COMMANDS: Final = Counter(
    "usm_commands",
    "Requests of devices, by command, version and HTTP status.",
    ["command", "version", "status"],
)
STATUSES: Final = Counter(
    "usm_command_statuses",
    "Status values of ActiveSync in answers; of Sync and the like one for each part of the answer.",
    ["command", "status"],
)
DURATION: Final = Histogram(
    "usm_command_seconds",
    "Time from a request to its answer, without the time that it waited for changes.",
    ["command"],
    buckets=_SECONDS,
)
WAITED: Final = Histogram(
    "usm_wait_seconds", "Time for which requests waited for changes.", ["command"], buckets=_WAITS
)
ERRORS: Final = Counter("usm_unexpected_errors", "Requests that ended in an error nobody foresaw.")

# -- OX ---------------------------------------------------------------------------------------------------------

OX_CALLS: Final = Counter(
    "usm_ox_calls", "Calls to the OX HTTP API, by the command that caused them.", ["command"]
)
OX_SECONDS: Final = Counter(
    "usm_ox_call_seconds",
    "Time spent in calls to the OX HTTP API, by the command that caused them.",
    ["command"],
)
OX_REQUESTS: Final = Counter(
    "usm_ox_requests",
    "HTTP requests to OX: by module, whether they read, write or log in, and how they ended.",
    ["module", "kind", "outcome"],
)
OX_LATENCY: Final = Histogram(
    "usm_ox_request_seconds", "Time until OX has answered, by module.", ["module"], buckets=_SECONDS
)
OX_MODULES: Final = frozenset(
    (
        *("login", "multiple", "capabilities", "config", "user", "folders"),
        *("mail", "contacts", "calendar", "chronos", "tasks", "infostore", "files"),
        *("attachment", "image", "mailfilter", "addressbooks", "group", "resource", OTHER),
    )
)
OX_KINDS: Final = frozenset(("read", "write", "login"))
OX_OUTCOMES: Final = frozenset(("answered", "refused", "expired", "failed", "not_sent"))
"""It answered; it answered with an error; the session was gone; it did not answer (in time); no connection was free."""

# -- waiting ------------------------------------------------------------------------------------------------------

PARKED: Final = Gauge(
    "usm_parked_requests", "Requests that wait for changes now.", multiprocess_mode="livesum"
)
PLACES: Final = Gauge(
    "usm_connections_limit", "Connections of devices that there may be.", multiprocess_mode="livesum"
)
WATCHED: Final = Gauge("usm_watched_users", "Users with waiting requests.", multiprocess_mode="livesum")
WAKEUPS: Final = Counter("usm_wakeups", "Waiting requests that were woken, by what did it.", ["source"])
WAKERS: Final = frozenset(
    (
        *("change", "worker", "redis", "dovecot", "poll"),
        *("end", "superseded", "administrator", "stop", "refused"),
    )
)
REDIS: Final = Gauge(
    "usm_redis_connected",
    "Whether all workers hear news from other nodes; 0 also where there is no Redis.",
    multiprocess_mode="livemin",
)
NOTICES: Final = Counter(
    "usm_notifications", "Notifications of new mail by the mail server, by what became of them.", ["outcome"]
)
NOTICE_OUTCOMES: Final = frozenset(("taken", "passed over", "refused", "unclear"))
BREAKERS: Final = Gauge(
    "usm_ox_breakers_open",
    "Workers that leave OX alone as it answers no looks at folders.",
    multiprocess_mode="livesum",
)
STRETCH: Final = Gauge(
    "usm_ox_look_stretch",
    "How many times longer than usual the time between two looks is, as OX is slow.",
    multiprocess_mode="livemax",
)

# -- synchronisation ----------------------------------------------------------------------------------------------

STARTS: Final = Counter(
    "usm_sync_starts",
    "Folders (items) and hierarchies (folders) that devices begin: first, or anew (reset), or are told to (lost).",
    ["of", "cause"],
)
RESENDS: Final = Counter("usm_resends", "Answers given again as an older key was repeated.", ["of"])
SKIPPED: Final = Counter(
    "usm_skipped_items", "Items left out as they cannot be converted: at the first try, or again.", ["try"]
)
HELD_BACK: Final = Counter(
    "usm_held_back_deletions", "Requests whose deletions were held back as they were too many."
)
EMPTIED: Final = Counter("usm_sudden_empty_folders", "Folders found empty all of a sudden.")

EVENTS: Final[Mapping[Event, Counter]] = {
    Event.ITEMS_FIRST: STARTS.labels("items", "first"),
    Event.ITEMS_RESET: STARTS.labels("items", "reset"),
    Event.ITEMS_LOST: STARTS.labels("items", "lost"),
    Event.ITEMS_RESENT: RESENDS.labels("items"),
    Event.FOLDERS_FIRST: STARTS.labels("folders", "first"),
    Event.FOLDERS_RESET: STARTS.labels("folders", "reset"),
    Event.FOLDERS_LOST: STARTS.labels("folders", "lost"),
    Event.FOLDERS_RESENT: RESENDS.labels("folders"),
    Event.SKIPPED: SKIPPED.labels("first"),
    Event.SKIPPED_AGAIN: SKIPPED.labels("again"),
    Event.HELD_BACK: HELD_BACK,
    Event.EMPTIED: EMPTIED,
}

# -- who is let in ------------------------------------------------------------------------------------------------

REFUSED: Final = Counter(
    "usm_refused_devices", "Requests refused because of the device, by the reason.", ["reason"]
)
THROTTLED: Final = Gauge(
    "usm_throttled_devices", "Devices that were asked to pause lately.", multiprocess_mode="livesum"
)
LOGINS: Final = Counter("usm_refused_logins", "Requests refused because of who asks.", ["reason"])
LOGIN_REASONS: Final = frozenset(
    ("none", "wrong_password", "not_enabled", "locked", "expired", "paused", "plain_http")
)
OVERLOADED: Final = Counter("usm_overload_refusals", "Requests refused because there were too many.")
CARRIED_OUT: Final = Gauge(
    "usm_requests_carried_out", "Requests that are being carried out now.", multiprocess_mode="livesum"
)
IN_LINE: Final = Gauge(
    "usm_requests_in_line", "Requests that wait for their turn.", multiprocess_mode="livesum"
)

# -- what is held -------------------------------------------------------------------------------------------------

OX_SESSIONS: Final = Gauge("usm_ox_sessions", "Sessions kept open at OX.", multiprocess_mode="livesum")
OX_CONNECTIONS: Final = Gauge("usm_ox_connections", "Connections to OX in use.", multiprocess_mode="livesum")
OX_CONNECTIONS_MOST: Final = Gauge(
    "usm_ox_connections_limit", "Connections to OX that may be in use.", multiprocess_mode="livesum"
)
DB_CONNECTIONS: Final = Gauge(
    "usm_database_connections",
    "Connections to databases: in use or idle, for work or for locks.",
    ["pool", "state"],
    multiprocess_mode="livesum",
)
DB_CONNECTIONS_MOST: Final = Gauge(
    "usm_database_connections_limit",
    "Connections to databases that may be open; of each server, in each worker.",
    ["pool"],
    multiprocess_mode="livesum",
)
DB_WAITING: Final = Gauge(
    "usm_database_waiting",
    "Requests that wait for a connection to a database.",
    ["pool"],
    multiprocess_mode="livesum",
)
DB_POOLS: Final = frozenset(("work", "locks"))
DB_STATES: Final = frozenset(("in_use", "idle"))
DB_ERRORS: Final = Counter(
    "usm_database_errors",
    "Accesses to a database that failed (outage, no connection free), or were tried again (passing, lost).",
    ["kind"],
)
DB_ERROR_KINDS: Final = frozenset(("outage", "no_connection", "passing", "lost"))
LOCKS: Final = Counter(
    "usm_locks", "Locks of folders: taken at once, waited for, or not got in time.", ["outcome"]
)
LOCK_OUTCOMES: Final = frozenset(("at_once", "waited", "timed_out"))
LOCK_SECONDS: Final = Counter("usm_lock_wait_seconds", "Time spent waiting for locks of folders.")


_SETS: Final[Mapping[Counter | Gauge, Iterable[tuple[str, ...]]]] = {
    DB_CONNECTIONS: product(DB_POOLS, DB_STATES),
    DB_CONNECTIONS_MOST: product(DB_POOLS),
    DB_WAITING: product(DB_POOLS),
    DB_ERRORS: product(DB_ERROR_KINDS),
    LOCKS: product(LOCK_OUTCOMES),
    WAKEUPS: product(WAKERS),
    NOTICES: product(NOTICE_OUTCOMES),
    REFUSED: product(map(str, Why)),
    LOGINS: product(LOGIN_REASONS),
}

for _number, _values in _SETS.items():
    for _each in _values:
        _number.labels(*_each)
