"""The settings: ``usm.properties`` and ``eas.properties``, read once into one frozen value.

Rules of this file:

* every setting is one field of :class:`Settings`: its key, how its text is read, its default and its meaning stand
  together, and nothing else in the program knows a key;
* keys of the original keep their name, meaning and default; keys of our own live under the same prefixes;
* an unknown key is a warning with its file and line, never a refusal: real files carry other programs' keys;
* a value that cannot be used is an error with file, line, key and value; all errors are reported at once;
* an empty value means the default, as does an absent key;
* the text of the files is what Java writes: Latin-1 with ``\\u`` escapes. The last of two equal keys counts.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import javaproperties

from app.eas import admission_rules, policy
from app.eas.admission_rules import Rule

FILES: Final = ("usm.properties", "eas.properties")
"""The files that are read, in this order; a key may stand in any of them."""

ETC_DIRECTORIES: Final = (Path("/opt/open-xchange/etc/groupware"), Path("/opt/open-xchange/etc"))
"""Where the files are looked for, first hit wins: OX 6 keeps its settings in a folder of their own."""

ALIAS: Final = "/Microsoft-Server-ActiveSync"

POLICY: Final = "com.openexchange.usm.eas.policy."
"""What stands before the name of a policy setting in its key."""

SECRET_KEY: Final = 32
"""Bytes of a key in :attr:`Settings.secret_keys`."""

Reader = Callable[[str], Any]
"""Turns the text of a value into the value; raises :class:`ValueError` with what was expected."""


@dataclass(frozen=True, slots=True)
class Delay:
    """A time to wait: ``milliseconds``, or ``percent`` of what the client is willing to wait. One of the two is set."""

    milliseconds: int | None = None
    percent: int | None = None


def text(value: str) -> str:
    """Any text."""
    return value


def boolean(value: str) -> bool:
    """``true`` or ``false``."""
    lowered = value.lower()
    if lowered not in ("true", "false"):
        raise ValueError("expected true or false")
    return lowered == "true"


def whole(minimum: int, maximum: int = 2**31 - 1) -> Reader:
    """A whole number within these bounds."""

    def read(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise ValueError(f"expected a whole number from {minimum} to {maximum}")
        number = int(value)
        if not minimum <= number <= maximum:
            raise ValueError(f"expected a whole number from {minimum} to {maximum}")
        return number

    return read


def choice(*words: str) -> Reader:
    """One of these words, in any case."""

    def read(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return value.lower()

    return read


def device_rules(value: str) -> tuple[Rule, ...]:
    """Rules about devices."""
    return admission_rules.parse(value)


def http_url(value: str) -> str:
    """An ``http`` or ``https`` address with a host; it always ends in ``/``."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  (reading it is the check)
    except ValueError as error:
        raise ValueError(f"expected a URL such as http://localhost:8009/ajax/: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("expected a URL that begins with http:// or https://")
    if not parts.hostname:
        raise ValueError("expected a URL with a host, such as http://localhost:8009/ajax/")
    if parts.query or parts.fragment:
        raise ValueError("expected a URL without ? and #")
    return value if value.endswith("/") else value + "/"


def database_url(value: str) -> str:
    """An SQLAlchemy address: ``dialect://…``."""
    if not re.match(r"^(sqlite|mysql\+pymysql|mariadb\+pymysql)://", value):
        raise ValueError("expected sqlite:///FILE, mysql+pymysql://… or mariadb+pymysql://…")
    return value


def redis_url(value: str) -> str:
    """The address of a Redis server."""
    # No words of the library: they may repeat a part of the password.
    wrong = ValueError(
        "expected redis://host:6379/0, or rediss:// for TLS, with / ? # @ in a password as %2F %3F %23 %40"
    )
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  (reading it is the check)
    except ValueError:
        raise wrong from None
    if (
        parts.scheme not in ("redis", "rediss")
        or not parts.hostname
        or not re.fullmatch(r"/?[0-9]*", parts.path)
        or "@" in parts.query
        or parts.fragment
    ):
        raise wrong
    return value


def host(value: str) -> str:
    """A host name or address without a port; ``*`` is every address."""
    if value == "*":
        return "0.0.0.0"  # noqa: S104  (only when the administrator says so)
    if not re.fullmatch(r"[0-9A-Za-z._-]+|\[?[0-9A-Fa-f:]+\]?", value):
        raise ValueError("expected a host name or an IP address")
    return value.strip("[]")


def url_path(value: str) -> str:
    """The path of an URL, from its first ``/`` on."""
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]", value):
        raise ValueError(f"expected a path such as {ALIAS}")
    return value


def delay(value: str) -> Delay:
    """Milliseconds, or per cent of the client's own time such as ``50%``."""
    match = re.fullmatch(r"([0-9]{1,9})\s*(%?)", value)
    if match is None:
        raise ValueError("expected milliseconds, or per cent such as 50%")
    number = int(match.group(1))
    if not match.group(2):
        return Delay(milliseconds=number)
    if not 1 <= number <= 100:
        raise ValueError("expected 1% to 100%")
    return Delay(percent=number)


def login_pattern(value: str) -> str:
    """A text with ``$USER``, and ``$DOMAIN`` where the domain belongs."""
    if "$USER" not in value:
        raise ValueError("expected a pattern with $USER in it, such as $USER@$DOMAIN")
    return value


def web_address(value: str) -> str:
    """An ``https`` or ``http`` address that people or devices are sent to, as it is."""
    if value != "".join(value.split()) or any(character in value for character in '"<>\\'):
        raise ValueError("expected a URL without blanks and quotes")
    http_url(value.partition("?")[0].partition("#")[0])
    return value


def active_sync_url(value: str) -> str:
    """The address of ActiveSync on some server; without a path it gets the usual one."""
    address = http_url(value)
    return address.rstrip("/") if urlsplit(address).path.strip("/") else address.rstrip("/") + ALIAS


def redirects(value: str) -> tuple[tuple[str, str], ...]:
    """``PATTERN=URL``, separated by commas or blanks; the patterns come out in small letters."""
    rules = []
    for rule in re.split(r"[,\s]+", value.strip(", \t")):
        pattern, equals, url = rule.partition("=")
        if not (pattern and equals and url):
            raise ValueError("expected PATTERN=URL such as *@example.net=https://eas.example.net/")
        rules.append((pattern.lower(), active_sync_url(url)))
    return tuple(rules)


def node_name(value: str) -> str:
    """A name that may stand in a cookie."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
        raise ValueError("expected letters, digits, - and _ only")
    return value


def secret_keys(value: str) -> tuple[bytes, ...]:
    """Keys of 32 bytes in Base64, separated by commas or blanks."""
    keys = []
    for word in re.split(r"[,\s]+", value.strip(", \t")):
        try:
            key = base64.b64decode(word, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != SECRET_KEY:
            raise ValueError(
                f"expected keys of {SECRET_KEY} bytes in Base64, separated by commas; "
                f"'openssl rand -base64 {SECRET_KEY}' makes one"
            )
        keys.append(key)
    return tuple(keys)


def setting(key: str, read: Reader, default: Any, meaning: str) -> Any:
    """A field of :class:`Settings`. ``default`` is the text that a file would hold."""
    value = read(default) if default else ""
    metadata = {"key": key, "read": read, "default": default, "meaning": meaning}
    return field(default=value, metadata=metadata, repr=not re.search(r"secret|database\.url|redis_url", key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Names follow the keys; units stand in the meaning."""

    etc: Path = Path("/opt/open-xchange/etc")
    """The folder that the files came from."""

    ox_url: str = setting(
        "com.openexchange.usm.ox.url",
        http_url,
        "http://127.0.0.1:8009/ajax/",
        "Where the OX HTTP API answers; the machine that serves the web interface.",
    )
    listen_host: str = setting(
        "com.openexchange.usm.listen.host",
        host,
        "127.0.0.1",
        "Address on which devices (that is, Apache) are answered.",
    )
    listen_port: int = setting(
        "com.openexchange.usm.listen.port", whole(1, 65535), "8010", "Port on which devices are answered."
    )
    admin_host: str = setting(
        "com.openexchange.usm.admin.host",
        host,
        "127.0.0.1",
        "Address for /usm/health and /usm/metrics; Apache must not forward it.",
    )
    admin_port: int = setting(
        "com.openexchange.usm.admin.port", whole(1, 65535), "8011", "Port for /usm/health and /usm/metrics."
    )
    workers: int = setting(
        "com.openexchange.usm.workers", whole(0, 256), "0", "Worker processes; 0 is one a processor core."
    )
    worker_connections: int = setting(
        "com.openexchange.usm.worker_connections",
        whole(10, 1_000_000),
        "20000",
        "Connections that one worker holds at most; a waiting device holds one.",
    )
    graceful_timeout: int = setting(
        "com.openexchange.usm.graceful_timeout",
        whole(1, 3600),
        "30",
        "Seconds that requests under way are given when the service stops; waiting devices are sent home first,"
        " a few at a time if they are many.",
    )
    max_request_size: int = setting(
        "com.openexchange.usm.max_request_size",
        whole(65536),
        "36700160",
        "Largest request body in bytes, a mail with its attachments; more is answered with 413.",
    )
    pid_file: str = setting(
        "com.openexchange.usm.pid_file", text, "", "File for the process id; empty for none."
    )
    log_file: str = setting(
        "com.openexchange.usm.log.file",
        text,
        "/var/log/open-xchange/open-xchange-usm.log",
        "Log file; - for the standard error output.",
    )
    log_level: str = setting(
        "com.openexchange.usm.log.level",
        choice("debug", "info", "warning", "error"),
        "info",
        "What is logged: debug, info, warning or error. info has one line a command.",
    )
    database_url: str = setting(
        "com.openexchange.usm.database.url",
        database_url,
        "",
        "One database for the state of all contexts (SQLAlchemy URL); empty: each context's own schema, found through"
        " configdb.properties.",
    )
    configdb_properties: str = setting(
        "com.openexchange.usm.configdb.properties",
        text,
        "",
        "Path of OX's configdb.properties; empty: beside this file. system.properties is looked for beside it.",
    )
    lock_timeout: int = setting(
        "com.openexchange.usm.database.lock_timeout",
        whole(0, 600_000),
        "10000",
        "Milliseconds that a request waits for another one of the same device on the same folder, before 503.",
    )
    secret_keys: tuple[bytes, ...] = setting(
        "com.openexchange.usm.secret_keys",
        secret_keys,
        "",
        "Keys for what the database must not tell to whoever copies it (recovery passwords): 32 bytes in Base64 each,"
        " separated by commas, the same on all nodes. The first encrypts, all decrypt. Empty: nothing of that sort is"
        " kept.",
    )
    ox_connect_timeout: int = setting(
        "com.openexchange.usm.ox.connect_timeout",
        whole(1, 600_000),
        "5000",
        "Milliseconds until a connection to OX counts as failed.",
    )
    ox_read_timeout: int = setting(
        "com.openexchange.usm.ox.read_timeout",
        whole(1, 3_600_000),
        "60000",
        "Milliseconds that OX may take for one answer.",
    )
    failed_login_memory: int = setting(
        "com.openexchange.usm.ox.failed_login_memory",
        whole(0, 86_400),
        "300",
        "Seconds for which a refused login with the same password is refused again without asking OX: a phone with an"
        " old password must not lock the account. 0 asks every time.",
    )
    login_age: int = setting(
        "com.openexchange.usm.ox.login_age",
        whole(60, 604_800),
        "14400",
        "Seconds after which name and password are checked against OX again: so long an old password may still open a"
        " session that is in use.",
    )
    email_pull_delay: Delay = setting(  # noqa: RUF009  (the default is a frozen value)
        "com.openexchange.usm.session.sync.email_pull_delay",
        delay,
        "50%",
        "When mail folders are looked at while a device waits: milliseconds, or per cent of the time that the device is"
        " willing to wait.",
    )
    email_pull_min_delay: int = setting(
        "com.openexchange.usm.session.sync.email_pull_min_delay",
        whole(-(2**31)),
        "60000",
        "Least milliseconds before mail folders are looked at; a device that waits for less gets no look. Negative:"
        " never look at mail folders (something else announces new mail).",
    )
    pull_interval: int = setting(
        "com.openexchange.usm.session.sync.pull_interval",
        whole(100, 3_600_000),
        "30000",
        "Milliseconds between two looks at all other folders that the devices of one user wait for.",
    )
    redis_url: str = setting(
        "com.openexchange.usm.notify.redis_url",
        redis_url,
        "",
        "Redis through which the nodes tell each other at once of what changed, as redis://:...@host:6379/0;"
        " empty: changes made by another node are found by looking.",
    )
    dovecot_push_login: str = setting(
        "com.openexchange.usm.notify.login",
        text,
        "dovecot",
        "Name by which Dovecot may tell of new mail (its push driver ox, PUT /preliminary/http-notify/v1/notify).",
    )
    dovecot_push_password: str = setting(
        "com.openexchange.usm.notify.secret",
        text,
        "",
        "The password for that; empty: nobody can tell of new mail.",
    )
    session_cache_check_interval: int = setting(
        "com.openexchange.usm.session_cache_check_interval",
        whole(1),
        "60000",
        "Milliseconds between two clean-ups of what is kept in memory.",
    )
    session_cache_check_interval_log_info: int = setting(
        "com.openexchange.usm.session_cache_check_interval_log_info",
        whole(1),
        "300000",
        "Milliseconds between two log lines about the clean-up.",
    )
    cache_session_timeout: int = setting(
        "com.openexchange.usm.cache.session.timeout",
        whole(1),
        "43200",
        "Seconds without a request after which a session leaves the memory.",
    )
    cache_syncstate_timeout: int = setting(
        "com.openexchange.usm.cache.syncstate.timeout",
        whole(1),
        "3600",
        "Seconds that the state of one folder may stay in memory.",
    )
    force_new_sync_key_on_empty_sync: bool = setting(
        "com.openexchange.usm.force_new_sync_key_on_empty_sync",
        boolean,
        "false",
        "true: every Sync answer has a new key, also when nothing changed.",
    )
    max_objects_per_folder: int = setting(
        "com.openexchange.usm.max_objects_per_folder",
        whole(1, 1_000_000),
        "65535",
        "Most items of a folder that are synchronised.",
    )
    mass_delete_share: int = setting(
        "com.openexchange.usm.mass_delete_share",
        whole(1, 100),
        "50",
        "Most percent of a folder that one device may delete within an hour; 100: all of it.",
    )
    mass_delete_least: int = setting(
        "com.openexchange.usm.mass_delete_least",
        whole(1),
        "20",
        "A folder of fewer items may be deleted as a whole.",
    )
    max_attachment_count_per_object: int = setting(
        "com.openexchange.usm.max_attachment_count_per_object",
        whole(0, 100_000),
        "100",
        "Most attachments of an item that are synchronised.",
    )
    json_alias: str = setting(
        "com.openexchange.usm.json.alias",
        url_path,
        "/usm-json",
        "Path of the JSON interface of the original, which is not served here; known so that old files load.",
    )
    alias: str = setting(
        "com.openexchange.usm.eas.alias", url_path, ALIAS, "Path of ActiveSync; compared exactly."
    )
    max_heartbeat: int = setting(
        "com.openexchange.usm.eas.ping.max_heartbeat",
        whole(60, 3540),
        "1770",
        "Longest time in seconds that a device may wait for changes; must be below the proxy's timeout (1900).",
    )
    min_heartbeat: int = setting(
        "com.openexchange.usm.eas.ping.min_heartbeat",
        whole(1, 3540),
        "60",
        "Shortest time in seconds that a device may wait for changes.",
    )
    certificate_authorities: str = setting(
        "com.openexchange.usm.eas.certificates.authorities",
        text,
        "",
        "File (PEM) of the authorities whose certificates are trusted in signed mail. Empty: the system's.",
    )
    certificate_revocations: str = setting(
        "com.openexchange.usm.eas.certificates.revocations",
        text,
        "",
        "File (PEM) of revocation lists; nothing is fetched. Empty: nobody can tell what is revoked.",
    )
    domain_user: str = setting(
        "com.openexchange.usm.eas.login_pattern.domain_user",
        login_pattern,
        "$USER@$DOMAIN",
        "How DOMAIN\\user, as some devices send it, becomes an OX login; without a domain it is taken as is.",
    )
    redirects: tuple[tuple[str, str], ...] = setting(
        "com.openexchange.usm.eas.redirects",
        redirects,
        "",
        "Users of other servers: PATTERN=URL, separated by commas. The pattern is compared with the login (* and ?"
        " stand for anything) or is context:NUMBER; their devices are told the URL and go there from then on.",
    )
    credential_url: str = setting(
        "com.openexchange.usm.eas.credential_service_url",
        web_address,
        "",
        "Page on which users change their password; named to devices whose password has expired. Empty: such a device"
        " asks for another password.",
    )
    balancer_node: str = setting(
        "com.openexchange.usm.eas.node",
        node_name,
        "",
        "Name of this node for a balancer with sticky sessions: devices get the cookie usm-node, which ends with a dot"
        " and this name. Empty: no cookie; any node serves any request.",
    )
    oauth: bool = setting(
        "com.openexchange.usm.eas.oauth",
        boolean,
        "false",
        "true: OAuth access tokens (Authorization: Bearer) are handed on to OX, whose OAuth provider must be enabled.",
    )
    oauth_authorization_uri: str = setting(
        "com.openexchange.usm.eas.oauth.authorization_uri",
        web_address,
        "",
        "Where devices get an access token; named with every 401. Empty: devices have to know.",
    )
    app_passwords: bool = setting(
        "com.openexchange.usm.eas.app_passwords",
        boolean,
        "true",
        "true: passwords made by usmctl app-passwords open the mailbox of their user.",
    )
    autodiscover_url: str = setting(
        "com.openexchange.usm.eas.autodiscover.url",
        active_sync_url,
        "",
        "Address of ActiveSync that Autodiscover tells devices; empty: on the server by whose name they asked.",
    )
    max_ping_folders: int = setting(
        "com.openexchange.usm.eas.ping.max_folders",
        whole(1, 10_000),
        "300",
        "Folders that one Ping may name.",
    )
    max_collections: int = setting(
        "com.openexchange.usm.eas.sync.max_collections",
        whole(1, 10_000),
        "300",
        "Folders that one Sync may name.",
    )
    default_window: int = setting(
        "com.openexchange.usm.eas.sync.default_window_size",
        whole(1, 512),
        "100",
        "Changes in one answer when the device names no WindowSize.",
    )
    max_window: int = setting(
        "com.openexchange.usm.eas.sync.max_window_size", whole(1, 512), "512", "Most changes in one answer."
    )
    provisioning: str = setting(
        "com.openexchange.usm.eas.provisioning",
        choice("required", "optional", "off"),
        "required",
        "required: a device must take the policy first; optional: one that asks for it gets it; off: there is none.",
    )
    allow_non_provisionable: bool = setting(
        "com.openexchange.usm.eas.provisioning.allow_non_provisionable",
        boolean,
        "true",
        "true: serve devices that apply the policy in part, or that somebody else manages.",
    )
    provisioning_exempt: tuple[Rule, ...] = setting(
        "com.openexchange.usm.eas.provisioning.exempt",
        device_rules,
        "type:WindowsOutlook*",
        "Devices that cannot take a policy and are served without it; rules as for devices.allow.",
    )
    provisioning_refresh_hours: int = setting(
        "com.openexchange.usm.eas.provisioning.refresh_hours",
        whole(0, 87_600),
        "0",
        "Hours after which a device must take the policy anew though it is the same; 0: never.",
    )
    device_default: str = setting(
        "com.openexchange.usm.eas.devices.default",
        choice("allow", "quarantine", "block"),
        "allow",
        "What becomes of a device that no rule fits: allow, quarantine (an empty mailbox until usmctl devices allow) or"
        " block.",
    )
    device_allow: tuple[Rule, ...] = setting(
        "com.openexchange.usm.eas.devices.allow",
        device_rules,
        "",
        "Rules for devices, separated by commas: user:, type: and agent: with a pattern (* and ?), joined by &. A rule"
        " with a user counts more than one without, then the longer one, then the stricter.",
    )
    device_quarantine: tuple[Rule, ...] = setting(
        "com.openexchange.usm.eas.devices.quarantine",
        device_rules,
        "",
        "The same for devices that get an empty mailbox.",
    )
    device_block: tuple[Rule, ...] = setting(
        "com.openexchange.usm.eas.devices.block",
        device_rules,
        "",
        "The same for devices that are refused.",
    )
    device_restless: tuple[Rule, ...] = setting(
        "com.openexchange.usm.eas.devices.restless",
        device_rules,
        "type:WindowsOutlook*",
        "Rules for programs that call themselves a new device at each start; those of one rule are twins.",
    )
    max_devices: int = setting(
        "com.openexchange.usm.eas.devices.max",
        whole(0, 100_000),
        "1000",
        "Devices of one user at most; a further one gets Status 177. 0: any number.",
    )
    max_twins: int = setting(
        "com.openexchange.usm.eas.devices.max_twins",
        whole(0, 100_000),
        "5",
        "Twins of one user at most: the one that was idle longest makes room. 0: any number.",
    )
    device_expire_days: int = setting(
        "com.openexchange.usm.eas.devices.expire_days",
        whole(0, 36_500),
        "180",
        "Days without use after which a device is forgotten, when its user comes with a new one or by usmctl devices"
        " purge. 0: never.",
    )
    throttle_seconds: int = setting(
        "com.openexchange.usm.eas.throttle.seconds",
        whole(1, 86_400),
        "300",
        "The span in which each worker counts the requests of a device.",
    )
    throttle_requests: int = setting(
        "com.openexchange.usm.eas.throttle.requests",
        whole(0),
        "30000",
        "Requests of a device in that span; more get 503 until it is over. 0: any number.",
    )
    throttle_repeats: int = setting(
        "com.openexchange.usm.eas.throttle.repeats",
        whole(0),
        "150",
        "In how many seconds of that span a device may send the very same request. 0: in all.",
    )
    throttle_parallel: int = setting(
        "com.openexchange.usm.eas.throttle.parallel",
        whole(0),
        "20",
        "Requests of a device at the same time. 0: any number.",
    )
    policy: Mapping[str, str] = field(default_factory=dict)
    """Settings of the policy by their name in MS-ASPROV 2.2.2.28, from the keys that begin with :data:`POLICY`."""
    allow_folder_selection: bool = setting(
        "com.openexchange.usm.eas.allow_folder_selection",
        boolean,
        "false",
        "true: the user chooses in OX which folders go to the device.",
    )


KEYS: Final[Mapping[str, Any]] = {
    entry.metadata["key"]: entry for entry in fields(Settings) if "key" in entry.metadata
}
"""Key → the field of :class:`Settings` that holds it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file. ``line`` counts from 1; 0 where the whole file is meant."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class ConfigError(Exception):
    """The settings cannot be used; ``problems`` names every reason."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings that can be used, and what looked odd on the way."""

    settings: Settings
    warnings: list[Problem]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line (or several joined ones) of a file that sets a key."""

    file: Path
    line: int
    key: str
    value: str

    def problem(self, message: str) -> Problem:
        return Problem(self.file, self.line, message)


def etc_directory() -> Path:
    """The first of the usual folders that holds one of the files; the last one where none does."""
    for folder in ETC_DIRECTORIES:
        if any((folder / name).exists() for name in FILES):
            return folder
    return ETC_DIRECTORIES[-1]


def load(etc: Path) -> Loaded:
    """The settings of this folder. Raises :class:`ConfigError` with everything that is wrong in them."""
    errors: list[Problem] = []
    warnings: list[Problem] = []
    chosen: dict[str, _Entry] = {}
    for name in FILES:
        for entry in _entries(etc / name, errors):
            if entry.key in chosen:
                earlier = chosen[entry.key]
                warnings.append(
                    entry.problem(f"{entry.key} is set again; {_place(earlier)} no longer counts")
                )
            if entry.key in KEYS or entry.key.startswith(POLICY):
                chosen[entry.key] = entry
            else:
                warnings.append(entry.problem(f"unknown key {entry.key} is ignored"))
    values = _read_values(chosen, errors)
    _check_together(values, chosen, etc, errors)
    if errors:
        raise ConfigError(errors)
    warnings += _doubts(values, chosen)
    return Loaded(Settings(etc=etc, **values), warnings)


def _entries(path: Path, errors: list[Problem]) -> Iterator[_Entry]:
    try:
        content = path.read_bytes().decode("iso-8859-1")
    except OSError as error:
        errors.append(Problem(path, 0, f"cannot be read: {error.strerror}"))
        return
    line = 1
    for source in _logical_lines(content):
        try:
            pairs = list(javaproperties.parse(source))
        except javaproperties.InvalidUEscapeError as error:
            errors.append(Problem(path, line, str(error)))
            pairs = []
        for pair in pairs:
            if isinstance(pair, javaproperties.KeyValue):
                yield _Entry(path, line, pair.key, pair.value.strip())
        line += len(source.splitlines())


def _logical_lines(content: str) -> Iterator[str]:
    """Each line with the lines that continue it, so that an error in one of them leaves the others readable."""
    joined = ""
    for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", content):
        joined += line
        bare = line.rstrip("\r\n")
        comment = joined.lstrip(" \t\f")[:1] in ("#", "!")
        if comment or (len(bare) - len(bare.rstrip("\\"))) % 2 == 0:
            yield joined
            joined = ""
    if joined:
        yield joined


def _read_values(chosen: Mapping[str, _Entry], errors: list[Problem]) -> dict[str, Any]:
    chosen_policy: dict[str, str] = {}
    values: dict[str, Any] = {"policy": chosen_policy}
    for key, entry in chosen.items():
        if not entry.value:
            continue
        try:
            if key.startswith(POLICY):
                name = key.removeprefix(POLICY)
                policy.check(name, entry.value)
                chosen_policy[name] = entry.value
            else:
                values[KEYS[key].name] = KEYS[key].metadata["read"](entry.value)
        except ValueError as error:
            errors.append(entry.problem(f"{key}={_masked(key, entry.value)}: {error}"))
    return values


def _check_together(
    values: Mapping[str, Any], chosen: Mapping[str, _Entry], etc: Path, errors: list[Problem]
) -> None:
    """The rules that need more than one value."""

    def value(key: str) -> Any:
        return values.get(KEYS[key].name, KEYS[key].default)

    def fail(key: str, reason: str) -> None:
        entry = chosen.get(key)
        message = f"{key}={value(key)}: {reason}"
        errors.append(entry.problem(message) if entry else Problem(etc / FILES[0], 0, message))

    prefix = "com.openexchange.usm."
    if value(f"{prefix}listen.port") == value(f"{prefix}admin.port"):
        fail(f"{prefix}admin.port", f"must differ from {prefix}listen.port")
    if value(f"{prefix}eas.ping.min_heartbeat") > value(f"{prefix}eas.ping.max_heartbeat"):
        fail(f"{prefix}eas.ping.min_heartbeat", f"must not exceed {prefix}eas.ping.max_heartbeat")


def _doubts(values: Mapping[str, Any], chosen: Mapping[str, _Entry]) -> Iterator[Problem]:
    """What can be used, but not as it was meant."""
    recovery = f"{POLICY}PasswordRecoveryEnabled"
    if values["policy"].get("PasswordRecoveryEnabled") == "1" and not values.get("secret_keys"):
        yield chosen[recovery].problem(
            f"{recovery}=1 does nothing: recovery passwords are kept only with com.openexchange.usm.secret_keys"
        )


def _place(entry: _Entry) -> str:
    return f"{entry.file.name}:{entry.line}"


def _masked(key: str, value: str) -> str:
    """The value without a password that an URL may hold; nothing of a secret."""
    if "secret" in key:
        return "***"
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", value)
