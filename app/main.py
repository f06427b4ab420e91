"""The composition root: settings in, WSGI application out. The only place that knows which parts are in use."""

from __future__ import annotations

import hmac
import http.client
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from app.config import Settings
from app.eas import throttle
from app.eas.admission_rules import Access, DeviceRules
from app.eas.policy import fingerprint
from app.eas.server import ActiveSync
from app.eas.settings import EasSettings, Provisioning
from app.notify.bus import Bus, LocalBus
from app.notify.hub import Hub
from app.notify.node import NodeBus
from app.notify.pull import PullRule
from app.notify.summons import Summons
from app.notify.waker import Waker
from app.ox import disclosure, notice
from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.ox.sight import Sight
from app.store import migrations, tally
from app.store.app_passwords import AppPasswords, is_app_password
from app.store.configdb import Login
from app.store.database import Databases
from app.store.errors import DatabaseSettingsError
from app.store.opening import open_databases
from app.store.page_sessions import PageSessions
from app.store.sealed import Ring
from app.store.state import SqlStateStore
from app.store.traces import Traces
from app.system import SystemClock, SystemTokens
from app.trust import OpenSsl
from app.usm import devices
from app.usm.errors import SourceUnavailable
from app.usm.manager import Manager
from app.usm.model import UsmSettings
from app.web import admin, application, log, metrics, release
from app.web.auth import Schemes
from app.web.autodiscover import Addresses, Autodiscover
from app.web.doorstep import Doorstep
from app.web.inquiry import INQUIRIES, Inquiry
from app.web.login_throttle import Limits as LoginLimits
from app.web.login_throttle import LoginThrottle
from app.web.metrics import sampling
from app.web.metrics.sampling import Sampler
from app.web.notification import Entrance, Notification
from app.web.origin import Proxies
from app.web.places import Places, Rule
from app.web.resource import Door, Gateway, WebSettings, number_of
from app.web.server import worker_count
from app.web.tracing import Recorder, TraceFiles
from app.web.tracing.recording import current

__all__ = ["DatabaseSettingsError", "SystemClock", "SystemTokens", "create_app"]

_log = logging.getLogger(__name__)

MIN_DOUBT = 30
"""Least seconds for which OX may still be carrying out what it never answered."""

SUMMON_SECONDS = 10.0
"""How often waiting devices are looked for about which an administrator decided something."""

CHECK_SECONDS = 2.5
"""How long OX may take to give a sign of life; a little less than the health check waits for it."""

DRAINED = Path("/var/lib/open-xchange-usm/drained")
"""A mark of the deployment: the balancer sends no requests here any more."""

GOODBYE = 0.5, 40.0
"""How waiting devices are sent home when the service ends: the share of the graceful timeout within which, and how many
a second from the whole node if time allows."""

GOODBYE_DRAINED = 0.75, 10.0
"""The same when other nodes serve and nobody waits for this one: gently, as each device costs them a login at OX."""


def create_app(settings: Settings, shared: Path | None = None) -> application.Application:
    """Everything that one worker process needs, joined. ``shared``: a folder of the service that its workers talk
    through; without it this one is alone. Opens no connection yet. Raises ``DatabaseSettingsError``."""
    clock, tokens = SystemClock(), SystemTokens()
    store = databases(settings)
    keyring = AppPasswords(store, clock) if settings.app_passwords else None
    news = bus(shared, settings.redis_url)
    guard = LoginThrottle(login_limits(settings), clock, marks_key(settings, shared), news.publish)
    news.subscribe(guard.hear)
    sources = OxSourceProvider(
        ox_settings(settings),
        clock,
        keyring=keyring,
        guard=guard,
        observer=Sight(log.current_number, current.get),
        told=metrics.ox_request,
    )
    recorder = Recorder(
        Traces(store, clock, tokens).running, trace_files(settings), clock, is_plain=disclosure.is_plain
    )
    state = SqlStateStore(store, settings.lock_timeout / 1000, ring=ring(settings))

    def parked(count: int) -> None:
        metrics.PARKED.set(count)
        summons.parked(count)

    def woken(waker: Waker) -> None:
        metrics.WAKEUPS.labels(waker).inc()

    hub = Hub(clock, pull_rule(settings), news, parked_changed=parked, woken=woken)
    summons = Summons(hub, state.decided, SUMMON_SECONDS)
    manager = Manager(sources, state, hub, clock, tokens, usm_settings(settings))
    eas = ActiveSync(eas_settings(settings), clock, tokens, checker(settings))

    ending = threading.Event()

    def stop() -> None:
        ending.set()
        share, per_second = GOODBYE_DRAINED if DRAINED.exists() else GOODBYE
        hub.close(settings.graceful_timeout * share, per_second / worker_count(settings.workers))

    def close() -> None:
        recorder.close()
        sources.close()

    door = Door(manager, clock, tokens, web_settings(settings), recorder)
    gateway = Gateway(eas, door)
    discovery = Autodiscover(door, Addresses(settings.autodiscover_url, settings.alias))
    sampler = measured(settings, sources, hub, door, eas)
    if shared is not None:
        sampler.start()
        answer_inquiries(shared, sources)
    return application.Application(
        devices=application.device_app(
            gateway, settings.alias, discovery, notification(settings, hub, clock)
        ),
        admin=admin.joined(
            admin.create(
                checks(settings, store), release.read(), ending.is_set, lambda: tables(store), sampler.look
            ),
            admin_pages(settings, store, eas, shared) if settings.admin_logins else None,
        ),
        admin_port=settings.admin_port,
        stop=stop,
        close=close,
        doorstep=Doorstep(settings.alias, door),
        pages=pages(settings, sources, store, state, keyring) if settings.pages else None,
    )


def answer_inquiries(shared: Path, sources: OxSourceProvider) -> None:
    """Tell ``usmctl sessions logins`` which logins this worker keeps."""
    try:
        Inquiry(shared / INQUIRIES, lambda: map(asdict, sources.kept()))
    except OSError as error:
        _log.warning("nobody can ask which logins are kept: %s: %s", shared, error)


def pages(
    settings: Settings,
    sources: OxSourceProvider,
    store: Databases,
    state: SqlStateStore,
    keyring: AppPasswords | None,
) -> application.FalconApp:
    """The users' pages."""
    # With their library of templates they take memory that nobody needs who has switched them off.
    from app.pages import users
    from app.pages.phones import Rules

    of_devices = eas_settings(settings)
    proxies = Proxies(settings.trusted_proxies)
    ways = users.Ways(
        proxies.origin,
        settings.allow_plain_http,
        is_app_password,
        lambda request: number_of(request, proxies),
    )
    rules = Rules(
        of_devices.device_rules,
        fingerprint(of_devices.policy) if of_devices.provisioning is Provisioning.REQUIRED else "",
        of_devices.exempt,
    )
    return users.create(sources, PageSessions(store), state, rules, ways, keyring)


def measured(settings: Settings, sources: OxSourceProvider, hub: Hub, door: Door, eas: ActiveSync) -> Sampler:
    """Who looks at what this process holds, for the metrics."""
    metrics.PLACES.set(settings.worker_connections)
    return Sampler(
        [
            sampling.databases(tally.connections, tally.TALLY),
            sampling.requests(lambda: door.load),
            sampling.devices(lambda: eas.pausing),
            sampling.waiting(lambda: hub.watched, hub.breaker),
            sampling.ox(sources.count, lambda: sources.connections),
        ]
    )


def trace_files(settings: Settings) -> TraceFiles:
    """Where traces are written on this node."""
    return TraceFiles(Path(settings.trace_directory), settings.trace_size, settings.trace_days)


def admin_pages(
    settings: Settings, store: Databases, eas: ActiveSync, shared: Path | None
) -> application.FalconApp:
    """The administrators' pages; whoever signs in does so on this node."""
    from app.administration.desk import Desk
    from app.administration.naming import Unknown
    from app.administration.storms import Storms
    from app.pages.admin import sessions, signing, views

    clock = SystemClock()
    storms = Storms(eas.busiest, shared / "storms" if shared else None)
    storms.start()
    state = SqlStateStore(store, settings.lock_timeout / 1000, touches=False)
    rules = eas_settings(settings).device_rules
    desk = Desk(store, state, rules, clock, SystemTokens(), storms, ring(settings))
    signed_in = sessions.Sessions(shared / "administrators" if shared else None, time.time)
    guard = LoginThrottle(signing.LIMITS, clock, marks_key(settings, shared))
    return views.create(desk, settings.admin_logins, signed_in, guard, Unknown)


def checker(settings: Settings) -> OpenSsl:
    """Who checks certificates."""
    authorities, revoked = settings.certificate_authorities, settings.certificate_revocations
    return OpenSsl(Path(authorities) if authorities else None, Path(revoked) if revoked else None)


def login_limits(settings: Settings) -> LoginLimits:
    """How many wrong passwords cost nothing."""
    return LoginLimits(
        settings.login_throttle_user,
        settings.login_throttle_address,
        float(settings.login_throttle_seconds),
        float(settings.failed_login_memory),
    )


def marks_key(settings: Settings, shared: Path | None) -> bytes:
    """What the workers, and the nodes if they have a secret in common, tell wrong passwords from each other by."""
    if settings.secret_keys:
        return hmac.digest(settings.secret_keys[0], b"open-xchange-usm marks of wrong passwords", "sha256")
    drawn = secrets.token_bytes(32)
    if shared is None:
        return drawn
    own, key = shared / f"marks-{os.getpid()}", shared / "marks"
    try:
        # Whole before it has its name; the worker that names it first has drawn for all.
        own.touch(0o600)
        own.write_bytes(drawn)
        with suppress(FileExistsError):
            os.link(own, key)
        own.unlink()
        return key.read_bytes()
    except OSError as error:
        _log.warning("each worker counts the same wrong password for itself: %s: %s", key, error)
        return drawn


def notification(settings: Settings, hub: Hub, clock: SystemClock) -> tuple[str, Notification] | None:
    """Where Dovecot tells of new mail, if it may."""
    if not settings.dovecot_push_password:
        return None
    entrance = Entrance(settings.dovecot_push_login, settings.dovecot_push_password)
    guard = LoginThrottle(login_limits(settings), clock, secrets.token_bytes(32))

    def tell(body: bytes) -> bool:
        told = notice.read(body)
        if told is None:
            return False
        if told.user is None:
            hub.mention(told.login, [told.folder])
        else:
            hub.announce(*told.user, [told.folder], source=Waker.DOVECOT)
        return True

    return notice.PATH, Notification(entrance, tell, guard, Proxies(settings.trusted_proxies))


def bus(shared: Path | None, redis_url: str) -> Bus:
    """How the waiting rooms of the workers, and of the nodes, hear of each other."""
    near = node_bus(shared)
    if not redis_url:
        return near
    # Its library takes 20 MB, which most have no use for.
    from app.notify.redis_bus import RedisBus

    origin = f"{socket.gethostname()}:{shared if isinstance(near, NodeBus) else secrets.token_hex(8)}"
    return RedisBus(redis_url, near, origin, lambda yes: metrics.REDIS.set(int(yes)))


def node_bus(shared: Path | None) -> Bus:
    """The bus inside the node."""
    if shared is None:
        return LocalBus()
    folder = shared / "bus"
    try:
        folder.mkdir(exist_ok=True)
        return NodeBus(folder)
    except OSError as error:
        _log.warning("workers do not hear of each other's changes at once: %s: %s", folder, error)
        return LocalBus()


def databases(settings: Settings) -> Databases:
    """Where the state is kept. Raises ``DatabaseSettingsError``."""
    other = settings.configdb_properties
    return open_databases(
        settings.database_url or None,
        settings.etc,
        configdb=Path(other) if other else None,
        login=Login.of(settings.database_user, settings.database_password),
    )


def ring(settings: Settings) -> Ring | None:
    """The keys for secrets in the database, if there are any."""
    return Ring(settings.secret_keys) if settings.secret_keys else None


def checks(settings: Settings, store: Databases) -> dict[str, Callable[[], None]]:
    """How to find out whether the parts around us answer."""
    return {"ox": lambda: check_ox(settings.ox_url), "database": store.check}


def tables(store: Databases) -> dict[str, tuple[bool, str]]:
    """Of each schema, whether its tables are what this program wants, and how they stand. Raises
    ``StoreUnavailable``."""
    found = {}
    for schema in store.schemas():
        stands = migrations.status(store.unprepared(schema).migration_engine(), schema.name)
        found[schema.name] = stands.ready, stands.advice
    return found


def check_ox(url: str) -> None:
    """Ask OX for a sign of life, without a login. Raises ``SourceUnavailable``."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=CHECK_SECONDS)
    try:
        connection.request("GET", f"{parts.path}login?action=", headers={"Connection": "close"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise SourceUnavailable(f"{url} does not answer: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if status >= 500 or status == http.HTTPStatus.NOT_FOUND:
        raise SourceUnavailable(f"{url} answers with HTTP status {status}")


def ox_settings(settings: Settings) -> OxSettings:
    """The settings of the connection to OX."""
    return OxSettings(
        url=settings.ox_url,
        connect_timeout=settings.ox_connect_timeout / 1000,
        read_timeout=settings.ox_read_timeout / 1000,
        attachments=settings.max_attachment_count_per_object,
        refusal_seconds=float(settings.failed_login_memory),
        session_age=float(settings.login_age),
        folder_selection=settings.allow_folder_selection,
    )


def web_settings(settings: Settings) -> WebSettings:
    """The settings of the way in."""
    return WebSettings(
        schemes=Schemes(settings.domain_user, settings.oauth, settings.oauth_authorization_uri),
        places=Places(Rule(pattern, url) for pattern, url in settings.redirects),
        max_body=settings.max_request_size,
        credential_url=settings.credential_url,
        node=settings.balancer_node,
        proxies=Proxies(settings.trusted_proxies),
        plain_http=settings.allow_plain_http,
    )


def usm_settings(settings: Settings) -> UsmSettings:
    """The settings of the synchronisation itself."""
    return UsmSettings(
        max_objects=settings.max_objects_per_folder,
        mass_delete_share=settings.mass_delete_share,
        mass_delete_least=settings.mass_delete_least,
        force_new_key=settings.force_new_sync_key_on_empty_sync,
        doubt_seconds=max(MIN_DOUBT, settings.ox_read_timeout // 1000),
    )


def eas_settings(settings: Settings) -> EasSettings:
    """The settings of ActiveSync."""
    return EasSettings(
        max_heartbeat=settings.max_heartbeat,
        min_heartbeat=settings.min_heartbeat,
        max_ping_folders=settings.max_ping_folders,
        max_collections=settings.max_collections,
        default_window=settings.default_window,
        max_window=settings.max_window,
        provisioning=Provisioning(settings.provisioning),
        allow_non_provisionable=settings.allow_non_provisionable,
        policy=policy(settings),
        exempt=settings.provisioning_exempt,
        refresh_hours=settings.provisioning_refresh_hours,
        device_rules=DeviceRules(
            settings.device_allow,
            settings.device_quarantine,
            settings.device_block,
            Access[settings.device_default.upper()],
        ),
        restless=settings.device_restless,
        device_limits=devices.Limits(settings.max_devices, settings.max_twins, settings.device_expire_days),
        throttle=throttle.Limits(
            settings.throttle_seconds,
            settings.throttle_requests,
            settings.throttle_repeats,
            settings.throttle_parallel,
        ),
    )


def policy(settings: Settings) -> Mapping[str, str]:
    """The policy of the devices. Without keys no recovery password can be kept, and no device is to send one."""
    if settings.secret_keys:
        return settings.policy
    return {name: value for name, value in settings.policy.items() if name != "PasswordRecoveryEnabled"}


def pull_rule(settings: Settings) -> PullRule:
    """How often folders are looked at while devices wait."""
    delay = settings.email_pull_delay
    return PullRule(
        mail_delay=None if delay.milliseconds is None else delay.milliseconds / 1000,
        mail_share=(delay.percent or 100) / 100,
        mail_min_delay=settings.email_pull_min_delay / 1000,
        interval=settings.pull_interval / 1000,
    )
