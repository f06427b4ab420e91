"""What the service asks: the database, OX, Redis; and who tells it of mail."""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
from collections.abc import Iterator
from typing import Final

from app.administration.doctor.case import STEP, Case
from app.administration.doctor.host import reachable
from app.administration.findings import Finding, not_asked, ok, warning, wrong
from app.config import Settings
from app.ox import examination, notice
from app.store import examining, migrations
from app.store.database import Database, Databases, Schema
from app.usm.errors import AccessDenied, UsmError

NEEDED: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
FOR_UPGRADES: Final = frozenset({"CREATE", "ALTER", "INDEX", "REFERENCES"})

SLOW: Final = 0.1
"""Seconds for one statement; a request of a phone needs several."""
SLOW_OX: Final = 1.0

DRIFT: Final = 5.0
TOO_MUCH_DRIFT: Final = 300.0
"""Seconds between two clocks. Moments of changes are compared by that of OX, ages by that of the host."""

SCHEMAS_TOLD: Final = 20
"""So many schemas that are well are told one by one."""


# --- the database


def database(case: Case) -> Iterator[Finding]:
    """Server, schemas, revisions, grants, speed and clock."""
    if case.databases is None:
        yield not_asked("database", "without settings nobody knows where it is")
        return
    try:
        schemas = case.databases.schemas()
    except UsmError as error:
        yield wrong(
            "database",
            str(error),
            "see configdb.properties, and whether the server runs and lets this host in",
        )
        return
    yield from _schemas(case.databases, schemas)
    for schema in _of_each_server(case.databases, schemas):
        yield from _server(case.databases.unprepared(schema), schema)
    yield from _knowledge(case.databases)


def _schemas(databases: Databases, schemas: list[Schema]) -> Iterator[Finding]:
    told = 0
    for schema in schemas:
        try:
            found = migrations.status(databases.unprepared(schema).migration_engine(), schema.name)
        except UsmError as error:
            yield wrong("schema", str(error))
            continue
        if not found.ready:
            yield wrong(
                "schema", f"{schema.name}: {found.advice}", "" if found.foreign else "usmctl db migrate"
            )
        elif (told := told + 1) <= SCHEMAS_TOLD:
            yield ok("schema", f"{schema.name}: {found.advice}")
    if told > SCHEMAS_TOLD:
        yield ok("schema", f"{told - SCHEMAS_TOLD} more schemas are up to date")
    if not schemas:
        yield wrong(
            "schema", "Open-Xchange has no context with a database", "see SERVER_NAME in system.properties"
        )


def _of_each_server(databases: Databases, schemas: list[Schema]) -> list[Schema]:
    """One schema of each server."""
    found: dict[str, Schema] = {}
    for schema in schemas:
        try:
            url = databases.unprepared(schema).engine.url
        except UsmError:
            continue
        found.setdefault(f"{url.host}:{url.port}", schema)
    return list(found.values())


def _server(database: Database, schema: Schema) -> Iterator[Finding]:
    try:
        database.read(examining.server)  # the first one also connects
        begun = time.monotonic()
        about = database.read(examining.server)
        took = time.monotonic() - begun
    except UsmError as error:
        yield wrong("database server", str(error))
        return
    url = database.engine.url
    where = f"{url.host}:{url.port} " if url.host else ""
    text = f"{where}{about['version']}, {took * 1000:.0f} ms"
    if took > SLOW:
        yield warning("database server", text, "each request of a phone asks several times: look at its load")
    else:
        yield ok("database server", text)
    if "clock" in about:
        yield _drift("database clock", float(about["clock"]))
    if "grants" in about:
        yield _grants(about["grants"], schema)


def _grants(grants: str, schema: Schema) -> Finding:
    given: set[str] = set()
    for line in grants.splitlines():
        match = re.match(r"GRANT (.*?) ON (`[^`]*`|\*)\.\S+ TO ", line)
        if match and _covers(match[2], schema.name):
            given |= {re.sub(r" *\(.*", "", word).strip().upper() for word in match[1].split(",")}
    if "ALL PRIVILEGES" in given:
        return ok("grants", f"all on {schema.name}")
    text = f"{', '.join(sorted(given)) or 'none'} on {schema.name}"
    if missing := NEEDED - given:
        return wrong(
            "grants", f"{text}; {', '.join(sorted(missing))} is missing", "grant it to the user of db_pool"
        )
    if missing := FOR_UPGRADES - given:
        return warning("grants", f"{text}; upgrades of the tables also need {', '.join(sorted(missing))}")
    return ok("grants", text)


def _covers(granted: str, name: str) -> bool:
    """Whether a grant on schemas of this name, which may be a pattern, counts for a schema."""
    if granted == "*":
        return True
    wild = {"%": ".*", "_": "."}
    parts = re.findall(r"\\?.", granted.strip("`"))
    return bool(re.fullmatch("".join(wild.get(part) or re.escape(part[-1]) for part in parts), name))


def _knowledge(databases: Databases) -> Iterator[Finding]:
    try:
        contexts = databases.known_contexts()
    except UsmError as error:
        yield warning("contexts", str(error), "usmctl db purge cannot tell whom Open-Xchange has deleted")
        return
    if contexts is not None:
        yield ok("contexts", f"Open-Xchange knows {len(contexts)} contexts")


def _drift(name: str, clock: float) -> Finding:
    drift = clock - time.time()
    text = f"differs by {abs(drift):.0f} s from this host's"
    if abs(drift) > TOO_MUCH_DRIFT:
        return wrong(name, text, "synchronise the clocks of all hosts (chrony, systemd-timesyncd)")
    return (
        warning(name, text, "synchronise the clocks of all hosts") if abs(drift) > DRIFT else ok(name, text)
    )


# --- OX


def ox(case: Case) -> Iterator[Finding]:
    """Whether OX answers, what it is, and its clock."""
    if case.settings is None:
        yield not_asked("ox", "without settings nobody knows where it is")
        return
    url = case.settings.ox_url
    try:
        greeting = examination.greet(url, STEP)
    except UsmError as error:
        yield wrong("ox", str(error), "see com.openexchange.usm.ox.url, and whether the groupware runs")
        return
    if greeting.status >= 500:
        yield wrong(
            "ox", f"{url} answers with HTTP status {greeting.status}", "look into the groupware's log"
        )
        return
    generation = {"6": "generation 6", "7": "generation 7 or newer"}.get(greeting.generation)
    text = f"{url} answers within {greeting.seconds * 1000:.0f} ms"
    if generation is None:
        yield warning(
            "ox", f"{text}, but not as OX does", "see com.openexchange.usm.ox.url: it must end in /ajax/"
        )
    elif greeting.seconds > SLOW_OX:
        yield warning("ox", f"{text}: {generation}", "that is slow: look at the groupware's load")
    else:
        yield ok("ox", f"{text}: {generation}")
    if greeting.clock is not None:
        yield _drift("ox clock", greeting.clock)


def user(case: Case) -> Iterator[Finding]:
    """What OX lets the user do whom the administrator named."""
    if case.credentials is None or case.ox is None:
        yield not_asked("user", "nobody was named", "--user LOGIN shows what Open-Xchange lets a user do")
        return
    name = case.credentials.login
    try:
        found = examination.log_in(case.ox, case.clock, case.credentials, case.keyring)
    except AccessDenied as error:
        yield wrong("user", f"{name}: {error}", "is the password right, and the account not locked?")
        return
    except UsmError as error:
        yield wrong("user", f"{name}: {error}")
        return
    who = found.user
    yield ok(
        "user", f"{name} is user {who.user_id} of context {who.context_id}, mail address {who.mail or 'none'}"
    )
    calendar = {True: ", calendar chronos", False: ", calendar of before 7.10", None: ""}[found.has_chronos]
    yield ok("ox version", f"{found.version or 'not told'}{calendar}")
    missing = sorted(name for name, has in found.rights.items() if not has)
    if missing:
        yield wrong(
            "rights",
            f"{name} lacks {' and '.join(missing)}",
            "changeuser --access-usm on --access-active-sync on, or activesync in group_data",
        )
    else:
        yield ok("rights", f"{name} may synchronise ({', '.join(sorted(found.rights))})")
    modules = ", ".join(sorted(each.value for each in found.contents))
    yield (
        ok("modules", modules)
        if modules
        else warning("modules", f"{name} has none of them: nothing to synchronise")
    )


# --- Redis and Dovecot


def redis(case: Case) -> Iterator[Finding]:
    """Whether the nodes hear of each other."""
    if case.settings is None or not case.settings.redis_url:
        yield not_asked("redis", "there is none: changes made at another node are found by looking")
        return
    # Its library takes long to load, and most have no use for it.
    from app.notify import redis_check

    try:
        took = redis_check.seconds(case.settings.redis_url, STEP)
    except ConnectionError as error:
        yield wrong("redis", str(error), "phones go on, and hear of other nodes' changes later")
        return
    yield ok("redis", f"answers within {took * 1000:.0f} ms")


def dovecot(case: Case) -> Iterator[Finding]:
    """Whether the service takes what Dovecot tells. What is told here is no news, and passed over."""
    if case.settings is None or not case.settings.dovecot_push_password:
        yield not_asked(
            "dovecot", "new mail is found by looking: nobody may tell of it (notify.secret is empty)"
        )
        return
    try:
        status = _tell(case.settings)
    except (OSError, http.client.HTTPException) as error:
        yield wrong(
            "dovecot",
            f"the entrance does not answer: {error or type(error).__name__}",
            "does the service run?",
        )
        return
    if status == http.client.OK:
        yield ok("dovecot", "the entrance takes what Dovecot tells with the password of usm.properties")
    else:
        advice = "start the service anew after a change of the password" if status in (401, 404) else ""
        yield wrong("dovecot", f"the entrance answers with HTTP status {status}", advice)


def _tell(settings: Settings) -> int:
    word = f"{settings.dovecot_push_login}:{settings.dovecot_push_password}".encode()
    body = json.dumps({"event": "doctor", "user": "0@0", "folder": "INBOX"})
    connection = http.client.HTTPConnection(
        reachable(settings.listen_host), settings.listen_port, timeout=STEP
    )
    try:
        headers = {
            "Authorization": f"Basic {base64.b64encode(word).decode()}",
            "Content-Type": "application/json",
            "Connection": "close",
        }
        connection.request("PUT", notice.PATH, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
