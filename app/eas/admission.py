"""Whether a device is let in, in part, or not at all; asked before anything else is done for it.

In this order:

1. A device that is to be wiped is told so by Status 140, whatever it asks; only Provision hands out the order. Where
   only the account is to go and the device does not know how (before 16.1), it is blocked, and never wiped as a whole.
2. A device that was wiped is refused until it is forgotten.
3. What an administrator decided of the single device counts, then the rules of ``eas.properties``.
4. A device that was never seen is remembered, if there is room for it. One that was expressly allowed needs none.

A device in quarantine gets no data: :mod:`app.eas.quarantine`.

All this is read from the fields of the session, which are loaded anyway; only a new device costs more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from app.eas.admission_rules import Access, Subject, fits_any
from app.eas.errors import DeviceRefused, Why
from app.eas.memory import Memory
from app.eas.request import Command
from app.eas.settings import EasSettings
from app.eas.status import Common
from app.eas.versions import ACCOUNT_WIPE
from app.usm.devices import AGENT, DEVICE_TYPE, LOGIN, VERSION, Standing
from app.usm.ports import STANDING

if TYPE_CHECKING:
    from app.usm.session import Session

SELDOM: Final = "FolderSync"
"""The command with which is noted what has changed of the device."""

_DECIDED: Final[Mapping[Standing, Access]] = {
    Standing.ALLOWED: Access.ALLOW,
    Standing.QUARANTINED: Access.QUARANTINE,
    Standing.BLOCKED: Access.BLOCK,
}


def subject(session: Session, command: Command) -> Subject:
    """Who asks, as the rules see it."""
    return Subject.of(session.user, command.device.device_type, command.user_agent)


def standing(remembered: Memory) -> Standing | None:
    """What was decided of the device."""
    return Standing.parse(remembered.get(STANDING))


def check(
    session: Session, command: Command, who: Subject, remembered: Memory, settings: EasSettings
) -> Access:
    """What the device may do: all, or what a device in quarantine may. Raises ``DeviceRefused``."""
    stands = standing(remembered)
    if stands in (Standing.WIPE, Standing.WIPE_ACCOUNT):
        _check_wipe(command, stands)
        return Access.ALLOW
    if stands in (Standing.WIPED, Standing.ACCOUNT_WIPED):
        if command.name != "Provision":  # which takes the acknowledgement once more, and nothing else
            raise wiped()
        return Access.ALLOW
    access, reason = _access(stands, who, settings)
    if access is Access.BLOCK:
        raise DeviceRefused(Common.DEVICE_BLOCKED, Why.BLOCKED, f"the device is blocked by {reason}")
    if not command.transient:
        _remember(session, command, who, remembered, settings)
    return access


def wiped() -> DeviceRefused:
    """The refusal of a device that was wiped."""
    return DeviceRefused(Common.DEVICE_BLOCKED, Why.WIPED, "the device was wiped, and is not forgotten yet")


def _check_wipe(command: Command, ordered: Standing) -> None:
    if ordered is Standing.WIPE_ACCOUNT and command.version < ACCOUNT_WIPE:
        raise DeviceRefused(
            Common.DEVICE_BLOCKED,
            Why.BLOCKED,
            f"its account is to be wiped, which version {command.version.text} does not know: blocked instead",
        )
    if command.name != "Provision":
        raise DeviceRefused(Common.REMOTE_WIPE, Why.WIPE, f"{ordered} was ordered")


def _access(stands: Standing | None, who: Subject, settings: EasSettings) -> tuple[Access, str]:
    if stands is not None:
        return _DECIDED[stands], "an administrator"
    return settings.device_rules.access(who)


def _remember(
    session: Session, command: Command, who: Subject, remembered: Memory, settings: EasSettings
) -> None:
    user = session.user
    about = {
        LOGIN: f"{user.login} {user.mail}".strip(),
        DEVICE_TYPE: command.device.device_type,
        AGENT: command.user_agent,
        VERSION: command.version.text,
    }
    if remembered.is_empty:
        kind = next((rule.text for rule in settings.restless if fits_any((rule,), who)), "")
        if not session.registry.admit(about, kind, settings.device_limits):
            most = settings.device_limits.most
            raise DeviceRefused(Common.TOO_MANY_DEVICES, Why.TOO_MANY, f"the user has {most} devices already")
        remembered.learn(about)
    elif not remembered.get(LOGIN):
        remembered.write(about)  # decided before it was seen, or seen before this was noted
    elif command.name == SELDOM:
        remembered.write(
            {name: about[name] for name in (AGENT, VERSION)}
        )  # programs are replaced by newer ones
