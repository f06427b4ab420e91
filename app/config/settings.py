"""Every setting: its key, how its text is read, its default and its meaning stand together.

Units stand in the meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final

from app.config.readers import (
    ALIAS,
    Delay,
    Reader,
    active_sync_url,
    admin_logins,
    boolean,
    choice,
    database_url,
    delay,
    device_rules,
    host,
    http_url,
    login_pattern,
    networks,
    node_name,
    redirects,
    redis_url,
    secret_keys,
    text,
    url_path,
    web_address,
    whole,
)
from app.eas.admission_rules import Rule

Network = IPv4Network | IPv6Network

POLICY: Final = "com.openexchange.usm.eas.policy."
"""What stands before the name of a policy setting in its key."""


SECRET: Final = re.compile(r"secret|password|admin\.logins|database\.url|redis_url")
"""What keys have of values that are shown to nobody."""


def setting(key: str, read: Reader, default: Any, meaning: str) -> Any:
    """A field of :class:`Settings`. ``default`` is the text that a file would hold."""
    value = read(default) if default else ""
    metadata = {"key": key, "read": read, "default": default, "meaning": meaning}
    return field(
        default=value,
        metadata=metadata,
        repr=not SECRET.search(key),
    )


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
    admin_logins: Mapping[str, str] = setting(
        "com.openexchange.usm.admin.logins",
        admin_logins,
        "",
        "Who may sign in to the administrators' pages (/usm/admin/ on that port), as usmctl admin-password makes the"
        " entries, separated by commas. Empty: there are no such pages.",
    )
    trusted_proxies: tuple[Network, ...] = setting(
        "com.openexchange.usm.trusted_proxies",
        networks,
        "127.0.0.0/8, ::1, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7",
        "Addresses and networks of the proxies in front: what they say in X-Forwarded-For and X-Forwarded-Proto is"
        " believed. A proxy in front of those is named by its own address.",
    )
    allow_plain_http: bool = setting(
        "com.openexchange.usm.allow_plain_http",
        boolean,
        "false",
        "false: who comes without TLS (X-Forwarded-Proto is not https) is refused with 403, and his password goes"
        " nowhere. true: he is served.",
    )
    pages: bool = setting(
        "com.openexchange.usm.pages.enabled",
        boolean,
        "true",
        "Web pages for users at /usm/, beside ActiveSync: one's own devices, app passwords. Apache has to forward"
        " them.",
    )
    login_throttle_user: int = setting(
        "com.openexchange.usm.login_throttle.user",
        whole(0, 10_000),
        "10",
        "Different wrong passwords of one user that are free; after that each doubles the pause in which no further one"
        " is tried (503). Devices that have logged in before have a count of their own. 0: any number.",
    )
    login_throttle_address: int = setting(
        "com.openexchange.usm.login_throttle.address",
        whole(0, 1_000_000),
        "50",
        "The same for one address. 0: any number.",
    )
    login_throttle_seconds: int = setting(
        "com.openexchange.usm.login_throttle.seconds",
        whole(1, 86_400),
        "900",
        "The longest of these pauses, in seconds.",
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
    log_format: str = setting(
        "com.openexchange.usm.log.format",
        choice("text", "json"),
        "text",
        "How a line looks: text, in the shape of the original, or json, one object a line.",
    )
    trace_directory: str = setting(
        "com.openexchange.usm.trace.directory",
        text,
        "/var/log/open-xchange/usm-trace",
        "Folder for what is written down for usmctl trace, a file a trace; made by the service, which alone may read"
        " it.",
    )
    trace_size: int = setting(
        "com.openexchange.usm.trace.size",
        whole(65536),
        "50000000",
        "Bytes of a trace's file on one node; what would go beyond is left out, and the file says so.",
    )
    trace_days: int = setting(
        "com.openexchange.usm.trace.days",
        whole(1, 365),
        "7",
        "Days after its last line after which a trace's file is removed.",
    )
    database_url: str = setting(
        "com.openexchange.usm.database.url",
        database_url,
        "",
        "One database for the state of all contexts (SQLAlchemy URL); empty: each context's own schema, found through"
        " configdb.properties.",
    )
    database_user: str = setting(
        "com.openexchange.usm.database.user",
        text,
        "",
        "Database user of our own, on every database server alike; usmctl db grant gives it what it needs and no more."
        " Empty: the user of configdb.properties and those of its pools.",
    )
    database_password: str = setting(
        "com.openexchange.usm.database.password", text, "", "The password of that database user."
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
        "Days without use after which a device is forgotten: every night, and when its user comes with a new one."
        " 0: never.",
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
