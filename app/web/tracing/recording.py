"""One request that may be traced.

Its events are kept as what happened, and made into lines when they are written: a request can be in two traces, one
with what is personal and one without.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from mmap import mmap
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from app.eas import disclosure
from app.usm.ports import Clock
from app.wbxml import WbxmlError, decode
from app.web import log
from app.web.tracing.files import TraceFiles

if TYPE_CHECKING:
    from app.store.traces import Switch

current: ContextVar[Recording | None] = ContextVar("current_recording", default=None)
"""What notes the events of the request that this greenlet works for."""

HEADERS: Final = frozenset(
    [
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "expect",
        "host",
        "if-none-match",
        "keep-alive",
        "location",
        "pragma",
        "public",
        "allow",
        "retry-after",
        "server",
        "transfer-encoding",
        "user-agent",
        "vary",
        "via",
        "www-authenticate",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
    ]
)
"""Headers whose values are told, and those that begin with one of :data:`PREFIXES`; others could be anything."""
PREFIXES: Final = ("ms-", "x-ms-", "x-olk-", "x-apple-", "x-device-")

QUERY: Final = frozenset(
    [
        "cmd",
        "user",
        "deviceid",
        "devicetype",
        "attachmentname",
        "collectionid",
        "collectionname",
        "itemid",
        "longid",
        "parentid",
        "occurrence",
        "saveinsent",
    ]
)
NOT_SHOWN: Final = "[not shown]"
WBXML_TYPES: Final = ("", "application/vnd.ms-sync.wbxml", "application/vnd.ms-sync")
LONGEST_TEXT: Final = 4000
LONGEST_BODY: Final = 4_000_000
"""Bytes of a document that is made into text, at most."""
_LEAST_SECRET: Final = 5
"""Letters of a password below which it cannot be told from anything else."""


@dataclass(frozen=True, slots=True)
class View:
    """How a trace wants to see things."""

    personal: bool
    key: bytes
    is_plain: Callable[[str], bool]

    def place(self, name: str) -> str:
        """The id of a folder or an item, or its sign."""
        return name if self.personal or self.is_plain(name) else self.sign(name)

    def sign(self, name: str) -> str:
        """What stands for a name: the same within a trace, and of no use outside of it."""
        return f"~{hmac.digest(self.key, name.encode('utf-8', 'replace'), 'sha256').hex()[:8]}"


Event = Callable[[View], Mapping[str, Any]]


def _line(record: logging.LogRecord, view: View) -> str:
    """A line of the log. What it was filled in with may be names that somebody gave to folders and items."""
    if view.personal or record.name == log.COMMANDS or not isinstance(record.args, tuple):
        return record.getMessage()
    known = [each if isinstance(each, int | float) else view.place(str(each)) for each in record.args]
    return str(record.msg) % tuple(known)


class Recording:
    """The events of one request. ``wanted``: the traces that are on."""

    def __init__(
        self,
        request_id: str,
        wanted: Sequence[Switch],
        files: TraceFiles,
        clock: Clock,
        is_plain: Callable[[str], bool] = str.isdigit,
    ) -> None:
        self._request_id = request_id
        self._wanted = wanted
        self._files = files
        self._is_plain = is_plain
        self._clock = clock
        self._begun = clock.monotonic()
        self._events: list[tuple[dict[str, Any], Event]] = []
        self._secrets: set[str] = set()
        self._chosen: tuple[Switch, ...] = ()
        self.is_known = False

    # -- what happens ----------------------------------------------------------------------------------------

    def note(self, kind: str, event: Event) -> None:
        """Something happens now."""
        head = {
            "time": self._clock.now().isoformat(timespec="milliseconds"),
            "request": self._request_id,
            "at": round((self._clock.monotonic() - self._begun) * 1000, 1),
            "event": kind,
        }
        self._events.append((head, event))

    def tell(self, kind: str, **facts: Any) -> None:
        """Something happens that holds nothing personal."""
        self.note(kind, lambda view: facts)

    def hide(self, secret: str) -> None:
        """This must not be written, wherever it comes up."""
        if len(secret) >= _LEAST_SECRET:
            self._secrets.add(secret)

    def asked(self, method: str, path: str, query: str, headers: Mapping[str, str], client: str) -> None:
        """The request, as it came in."""
        facts = {
            "method": method,
            "path": path,
            "query": _query(query),
            "headers": _headers(headers.items()),
            "client": client,
        }
        self.tell("request", **facts)

    def body(self, content_type: str, content: bytes | mmap) -> None:
        """What came with the request, not compressed any more."""
        kind = content_type.partition(";")[0].strip().lower()
        self.note("body", lambda view: _body(kind, content, view.personal))

    def answered(
        self, status: int, headers: Iterable[tuple[str, str]], content: bytes | None, **facts: Any
    ) -> None:
        """The answer as it goes out; ``content``: ``None`` for one that goes out in pieces."""
        told = {name.lower(): value for name, value in headers}
        kind = told.get("content-type", "").partition(";")[0]

        def event(view: View) -> Mapping[str, Any]:
            shown = {"document": "in pieces"} if content is None else _body(kind, content, view.personal)
            return {"status": status, "headers": _headers(told.items()), **facts, **shown}

        self.note("answer", event)

    def log(self, record: logging.LogRecord) -> None:
        """A line of the log that is about this request."""
        self.note("log", lambda view: {"level": record.levelname, "message": _line(record, view)})

    # -- whose it is -----------------------------------------------------------------------------------------

    def belongs(self, context_id: int, user_id: int, device: str, login: str) -> bool:
        """It is now known who asks; whether any trace is about that."""
        self.is_known = True
        self._chosen = tuple(
            each
            for each in self._wanted
            if (each.login and each.login == login.casefold())
            or (not each.login and _is_about(each, context_id, user_id, device))
        )
        return bool(self._chosen)

    def belongs_to_nobody(self, login: str) -> bool:
        """It ends without being anybody's; whether any trace is about its login."""
        self._chosen = tuple(each for each in self._wanted if each.login and each.login == login.casefold())
        return bool(self._chosen)

    def write(self) -> None:
        """Write what happened so far, once it is known whose it is."""
        events, self._events = self._events, []
        for switch in self._chosen:
            view = View(switch.bodies, self._files.key(switch.id), self._is_plain)
            self._files.write(switch.id, [self._clean({**head, **event(view)}) for head, event in events])

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            for secret in self._secrets:
                if secret in value:
                    value = value.replace(secret, NOT_SHOWN)
            return value
        if isinstance(value, Mapping):
            return {name: self._clean(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(each) for each in value]
        return value


def _is_about(switch: Switch, context_id: int, user_id: int, device: str) -> bool:
    return (switch.context_id, switch.user_id) == (context_id, user_id) and switch.device in ("", device)


def _headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {
        name.lower(): value if name.lower() in HEADERS or name.lower().startswith(PREFIXES) else NOT_SHOWN
        for name, value in headers
        if name.lower() not in ("authorization", "proxy-authorization", "cookie", "set-cookie")
    }


def _query(query: str) -> list[list[str]] | str:
    """Name and value of each parameter; as it came where it is base64."""
    if "=" not in query.rstrip("="):
        return query
    return [
        [name, value if name.lower() in QUERY else NOT_SHOWN]
        for name, value in parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="replace")
    ]


def _body(kind: str, content: bytes | mmap, personal: bool) -> dict[str, Any]:
    size = len(content)
    told: dict[str, Any] = {"bytes": size}
    if not size:
        return told
    if kind in WBXML_TYPES and size <= LONGEST_BODY:
        try:
            return told | {"document": disclosure.as_xml(decode(bytes(content)), personal)}
        except WbxmlError as error:
            return told | {"problem": f"no WBXML: {error}"}
    told["type"] = kind
    if personal and kind.startswith(("text/", "message/", "application/xml")):
        told["text"] = bytes(content[:LONGEST_TEXT]).decode("utf-8", "replace")
    return told
