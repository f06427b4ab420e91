"""The front door: bytes in, bytes out. The only module that ``app.web`` needs.

The way of a request through the web layer::

    command = eas.parse(method, query, headers, body)   # EasError: send its response
    session = manager.open(credentials, command.device) # UsmError: send eas.refuse(command, error)
    steps = eas.handle(session, command)                # never raises for anything a device may send

The response is what the steps end with: whoever carries them on may do something else while the command waits.

Nothing in here reads a clock, draws a number or opens a connection but through the ports it was given.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from mmap import mmap
from typing import TYPE_CHECKING, Final

from app.eas import admission, answer, policy, quarantine
from app.eas.admission_rules import Access, Subject, fits_any
from app.eas.answer import SHORT_TYPE, WBXML_TYPE, Answer, EasResponse, Outcome
from app.eas.call import Call
from app.eas.certificates import Checker
from app.eas.dispatch import ENTRIES, Entry
from app.eas.errors import DeviceRefused, EasError, Malformed, StatusError, Throttled, Why
from app.eas.memory import Memory
from app.eas.request import Command, device_in, parse
from app.eas.settings import EasSettings
from app.eas.status import MALFORMED, ROOTS, Common
from app.eas.throttle import Load, Throttle
from app.eas.versions import ADVERTISED, COMMANDS
from app.usm.errors import (
    AccessDenied,
    AccountBlocked,
    Busy,
    NotEnabled,
    PasswordExpired,
    SourceUnavailable,
    StoreUnavailable,
    UsmError,
)
from app.usm.model import Device
from app.usm.ports import Clock, Steps, Tokens
from app.wbxml import Element, WbxmlError, decode

if TYPE_CHECKING:
    from app.usm.session import Session

__all__ = ["ActiveSync", "Command", "EasError", "EasResponse"]

log = logging.getLogger(__name__)

MAIL_TYPE: Final = "message/rfc822"
MAIL_COMMANDS: Final = frozenset(("SendMail", "SmartReply", "SmartForward"))
"""Commands whose body is the message itself up to 12.1 (MS-ASHTTP 2.2.1.1.2.3)."""
LARGE: Final = MAIL_COMMANDS | {"Sync"}
"""Commands that take large blocks from where they lie; for others all is in memory."""

BUSY_RETRY: Final = 5
"""Seconds after which to come again when another request of the device holds what this one needs."""


class ActiveSync:
    """The protocol. One object serves all requests of a process; between them it keeps nothing but how many each device
    sends (:mod:`app.eas.throttle`)."""

    def __init__(
        self, settings: EasSettings, clock: Clock, tokens: Tokens, checker: Checker | None = None
    ) -> None:
        """``checker``: who checks certificates. Raises ``ValueError`` for a policy setting that does not exist or a
        value it cannot have."""
        policy.document(settings.policy)
        self._settings = settings
        self._clock = clock
        self._tokens = tokens
        self._checker = checker
        self._throttle = Throttle(settings.throttle, clock)

    def busiest(self, most: int) -> list[Load]:
        """The devices that ask most; see :meth:`app.eas.throttle.Throttle.busiest`."""
        return self._throttle.busiest(most)

    @property
    def pausing(self) -> int:
        """How many devices are asked to pause now."""
        return self._throttle.pausing

    def options(self) -> EasResponse:
        """The answer to OPTIONS, once the user is known (MS-ASHTTP 3.2.5.2)."""
        return answer.plain(200, _offer() | {"Allow": "OPTIONS,POST", "Public": "OPTIONS,POST"})

    def parse(self, method: str, query: str, headers: Mapping[str, str], body: bytes | mmap) -> Command:
        """The command of a request; see :func:`app.eas.request.parse`. Raises ``EasError``."""
        return parse(method, query, headers, body)

    def device(self, query: str) -> Device:
        """The device that a query names, whatever else it says; see :func:`app.eas.request.device_in`."""
        return device_in(query)

    def handle(self, session: Session, command: Command) -> Steps[EasResponse]:
        """Carry out a command. Whatever a device may send ends in an answer, and whatever USM may raise too."""
        try:
            with self._throttle.passing(session.id, command):
                return (yield from self._carry_out(session, command))
        except Throttled as error:
            headers = {"Retry-After": str(error.retry_after), "X-MS-ASThrottle": error.reason}
            return replace(answer.plain(503, headers), reason=f"throttled: {error}", refused=Why.THROTTLED)
        except DeviceRefused as error:
            response = self._failed(command, error.status, error)
            return replace(response, reason=str(error), refused=error.why)
        except StatusError as error:
            return self._failed(command, error.status, error, error.details)
        except Malformed as error:
            return self._failed(command, MALFORMED[command.name], error)
        except UsmError as error:
            return self.refuse(command, error)

    def _carry_out(self, session: Session, command: Command) -> Steps[EasResponse]:
        remembered = Memory(session, lasting=not command.transient)
        who = admission.subject(session, command)
        access = admission.check(session, command, who, remembered, self._settings)
        rule = COMMANDS[command.name]
        if not rule.exists_in(command.version):
            raise StatusError(
                Common.VERSION_UNSUPPORTED, f"there is no {rule.name} in {command.version.text}"
            )
        entry = ENTRIES.get(command.name)
        if entry is None:
            raise StatusError(Common.COMMAND_UNSUPPORTED, f"{rule.name} is not served")
        if entry.needs_policy:
            self._check_policy(command, who, remembered)
        outcome = self._begun(session, command, remembered, entry, access)
        result = outcome if isinstance(outcome, Answer) else (yield from outcome)
        more = _offer() | {"X-MS-RP": _versions()} if result.starts_over else None
        return answer.whole(result, more)

    def _begun(
        self, session: Session, command: Command, remembered: Memory, entry: Entry, access: Access
    ) -> Outcome:
        """What is needed for it is held here, and not by who waits for the outcome."""
        call = Call(
            command,
            _document(command),
            session,
            remembered,
            self._settings,
            self._clock,
            self._tokens,
            self._checker,
        )
        in_part = access is Access.QUARANTINE
        return quarantine.handle(call, entry.handle) if in_part else entry.handle(call)

    def _check_policy(self, command: Command, who: Subject, remembered: Memory) -> None:
        if command.transient and command.policy_key:
            return  # nothing is remembered of it, so its key cannot be compared
        if fits_any(self._settings.exempt, who):
            return
        now = self._clock.now().timestamp()
        objection = policy.objection(command.policy_key, remembered, self._settings, now)
        if objection is not None:
            raise StatusError(objection, f"policy key {command.policy_key or 'none'!r}")

    def _failed(
        self, command: Command, status: int, error: Exception, details: tuple[Element, ...] = ()
    ) -> EasResponse:
        log.info(
            "%s of device %s ends with status %d: %s",
            command.name,
            command.device.device_id,
            status,
            error,
        )
        return answer.failure(command.name, command.version, status, details, command.key_sent)

    def refuse(self, command: Command, error: UsmError) -> EasResponse:
        """The answer when there is no session, or it failed as a whole (MS-ASHTTP 2.2.2.1)."""
        return replace(self._refusal(command, error), reason=str(error))

    def _refusal(self, command: Command, error: UsmError) -> EasResponse:
        match error:
            case AccountBlocked():
                return answer.plain(456)
            case PasswordExpired():
                return answer.plain(457)
            case AccessDenied():
                return answer.plain(401)
            case NotEnabled():
                return answer.failure(command.name, command.version, Common.USER_NOT_ENABLED)
            case SourceUnavailable() | StoreUnavailable():
                return answer.plain(503, {"Retry-After": str(error.retry_after)})
            case Busy():
                return answer.plain(503, {"Retry-After": str(BUSY_RETRY)})
            case _:
                log.error("%s of device %s failed: %s", command.name, command.device.device_id, error)
                return answer.failure(command.name, command.version, Common.RETRY_LATER)


def _versions() -> str:
    return ",".join(version.text for version in ADVERTISED)


def _offer() -> dict[str, str]:
    return {"MS-ASProtocolVersions": _versions(), "MS-ASProtocolCommands": ",".join(ENTRIES)}


def _document(command: Command) -> Element | None:
    """The root of the body. Raises ``StatusError`` 101 for another kind of content, 102 for bytes that are no WBXML;
    ``Malformed`` for another command's root."""
    is_message = command.content_type == MAIL_TYPE and command.name in MAIL_COMMANDS
    if not command.content or is_message or command.name not in ROOTS:
        return None
    if command.content_type not in ("", WBXML_TYPE, SHORT_TYPE):
        raise StatusError(Common.INVALID_CONTENT, f"content type {command.content_type!r} is not served")
    try:
        root = decode(command.content if command.name in LARGE else bytes(command.content))
    except WbxmlError as error:
        raise StatusError(Common.INVALID_WBXML, str(error)) from error
    if root.name != f"{ROOTS[command.name]}:{command.name}":
        raise Malformed(f"{root.name} in a body of {command.name}")
    return root
