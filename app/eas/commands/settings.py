"""Settings: absences, the recovery password, what a device tells of itself, the user's addresses (MS-ASCMD 2.2.1.18).

* Each part of the request has its own Status, in the order of the request; one that fails stops no other.
* A recovery password is kept where the policy wants passwords and allows their recovery; nothing tells it to a device.
* There is no rights management, and the device is told so (Status 168, MS-ASRM 3.2.4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final

from app.eas import information, memory, oof
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import Malformed
from app.eas.reading import only, required
from app.eas.status import Common, SettingsStatus
from app.eas.versions import ACCOUNTS, NEWEST, Version
from app.usm.errors import ItemError
from app.wbxml.element import Element

NAME: Final = "Settings"

DEVICE_INFORMATION: Final = "Settings:DeviceInformation"
USER_INFORMATION: Final = "Settings:UserInformation"
RIGHTS_MANAGEMENT: Final = "Settings:RightsManagementInformation"
OOF: Final = "Settings:Oof"
LOCK: Final = "Settings:DevicePassword"
RIGHTS_SINCE: Final = Version.V14_1
MAX_PASSWORD: Final = 255
RECOVERY_NEEDS: Final = ("DevicePasswordEnabled", "PasswordRecoveryEnabled")
"""Settings of the policy that must be on before a password is kept."""


def read(root: Element, version: Version = NEWEST) -> list[Element]:
    """The parts of the request, in order. Raises ``Malformed`` without any or with one of them twice."""
    known = (DEVICE_INFORMATION, USER_INFORMATION, RIGHTS_MANAGEMENT, OOF, LOCK)
    parts = [child for child in root if child.name in known]
    if not parts:
        raise Malformed("Settings asks for nothing")
    if len({part.name for part in parts}) < len(parts):
        raise Malformed("Settings names a part twice")
    if version < RIGHTS_SINCE and any(part.name == RIGHTS_MANAGEMENT for part in parts):
        raise Malformed(f"there is no rights management in {version.text}")
    return parts


def do(call: Call, part: Element) -> Element:
    """Carry out one part; its answer."""
    try:
        return _PARTS[part.name](call, part)
    except Malformed:
        status = SettingsStatus.PROTOCOL_ERROR
    except oof.Conflicting:
        status = SettingsStatus.CONFLICTING_ARGUMENTS
    except oof.Invalid:
        status = SettingsStatus.INVALID_ARGUMENTS
    except ItemError:
        status = SettingsStatus.ACCESS_DENIED
    return _with_status(part.name, status)


def _with_status(name: str, status: IntEnum, *children: Element) -> Element:
    return Element(name, children=[Element("Settings:Status", str(status.value)), *children])


def _keep_information(call: Call, part: Element) -> Element:
    try:
        values = information.read(part)
    except Malformed:
        return information.answer(SettingsStatus.INVALID_ARGUMENTS)
    information.keep(values, call.memory)
    return information.answer(SettingsStatus.SUCCESS)


def _tell_user(call: Call, part: Element) -> Element:
    required(part, "Settings:Get")
    user, version = call.session.user, call.version
    mails = [mail for mail in (*call.session.senders(), user.mail) if mail]
    addresses = _addresses(mails, version)
    if version < ACCOUNTS:
        content = addresses
    else:
        # The primary account has no AccountId (MS-ASCMD 2.2.3.3.2).
        name = Element("Settings:UserDisplayName", user.name) if user.name else None
        account = Element("Settings:Account", children=[name, addresses])
        content = Element("Settings:Accounts", children=[account])
    return _with_status(part.name, SettingsStatus.SUCCESS, Element("Settings:Get", children=[content]))


def _addresses(mails: Sequence[str], version: Version) -> Element:
    """The default one first."""
    if not mails:
        return Element("Settings:EmailAddresses")
    primary = Element("Settings:PrimarySmtpAddress", mails[0]) if version >= ACCOUNTS else None
    found = [Element("Settings:SMTPAddress", mail) for mail in dict.fromkeys(mails)]
    return Element("Settings:EmailAddresses", children=[*found, primary])


def _tell_rights(call: Call, part: Element) -> Element:
    templates = Element("RightsManagement:RightsManagementTemplates")
    return _with_status(part.name, Common.NO_RIGHTS_MANAGEMENT, Element("Settings:Get", children=[templates]))


def _absence(call: Call, part: Element) -> Element:
    wanted, changes = only(part, "Settings:Get"), only(part, "Settings:Set")
    if (wanted is None) is (changes is None):
        raise Malformed("Oof asks either for a Get or for a Set")
    form = oof.body_type(wanted) if wanted is not None else ""
    wish = oof.read(changes) if changes is not None else None
    now = call.session.absence()
    if now is None:
        return _with_status(part.name, SettingsStatus.ACCESS_DENIED)
    if wish is None:
        return _with_status(part.name, SettingsStatus.SUCCESS, oof.write(now, form, call.clock.now()))
    call.session.set_absence(oof.merged(now, wish))
    return _with_status(part.name, SettingsStatus.SUCCESS)


def _keep_password(call: Call, part: Element) -> Element:
    password = required(required(part, "Settings:Set"), "Settings:Password").text
    if len(password) > MAX_PASSWORD:
        return _with_status(part.name, SettingsStatus.INVALID_ARGUMENTS)
    allowed = all(call.settings.policy.get(name) == "1" for name in RECOVERY_NEEDS)
    if password and not allowed:
        return _with_status(part.name, SettingsStatus.DENIED_BY_POLICY)
    call.memory.keep_secret(memory.RECOVERY, password)
    return _with_status(part.name, SettingsStatus.SUCCESS)


_PARTS: Final[Mapping[str, Callable[[Call, Element], Element]]] = {
    OOF: _absence,
    LOCK: _keep_password,
    DEVICE_INFORMATION: _keep_information,
    USER_INFORMATION: _tell_user,
    RIGHTS_MANAGEMENT: _tell_rights,
}


def write(answers: list[Element]) -> Element:
    """The answer as a whole."""
    return _with_status("Settings:Settings", SettingsStatus.SUCCESS, *answers)


def handle(call: Call, document: Element) -> Answer:
    """Answer one Settings."""
    return Answer(write([do(call, part) for part in read(document, call.version)]))
