"""Settings: what a device tells of itself, and the user's addresses (MS-ASCMD 2.2.1.18).

Each part of the request has its own Status; a part that this server has nothing for says so, and the others go on.
"""

from __future__ import annotations

from typing import Final

from app.eas import information
from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import Malformed
from app.eas.status import SettingsStatus
from app.eas.versions import ACCOUNTS, Version
from app.usm.model import User
from app.wbxml.element import Element

NAME: Final = "Settings"

DEVICE_INFORMATION: Final = "Settings:DeviceInformation"
USER_INFORMATION: Final = "Settings:UserInformation"
RIGHTS_MANAGEMENT: Final = "Settings:RightsManagementInformation"
UNSERVED: Final = ("Settings:Oof", "Settings:DevicePassword")
"""Parts that are understood, but that this server does not offer."""


def read(root: Element) -> list[Element]:
    """The parts of the request, in order. Raises ``Malformed`` without any or with one of them twice."""
    known = (DEVICE_INFORMATION, USER_INFORMATION, RIGHTS_MANAGEMENT, *UNSERVED)
    parts = [child for child in root if child.name in known]
    if not parts:
        raise Malformed("Settings asks for nothing")
    if len({part.name for part in parts}) < len(parts):
        raise Malformed("Settings names a part twice")
    return parts


def do(call: Call, part: Element) -> Element:
    """Carry out one part; its answer."""
    if part.name == DEVICE_INFORMATION:
        return _keep_information(call, part)
    if part.name == USER_INFORMATION:
        return _tell_user(call.session.user, part, call.version)
    if part.name == RIGHTS_MANAGEMENT:
        return _tell_rights(part)
    return _with_status(part.name, SettingsStatus.PROTOCOL_ERROR)


def _with_status(name: str, status: SettingsStatus, *children: Element) -> Element:
    return Element(name, children=[Element("Settings:Status", str(status.value)), *children])


def _keep_information(call: Call, part: Element) -> Element:
    try:
        values = information.read(part)
    except Malformed:
        return information.answer(SettingsStatus.INVALID_ARGUMENTS)
    information.keep(values, call.memory)
    return information.answer(SettingsStatus.SUCCESS)


def _tell_user(user: User, part: Element, version: Version) -> Element:
    if part.find("Settings:Get") is None:
        return _with_status(part.name, SettingsStatus.PROTOCOL_ERROR)
    addresses = _addresses(user, version)
    if version < ACCOUNTS:
        content = addresses
    else:
        # The primary account has no AccountId (MS-ASCMD 2.2.3.3.2).
        name = Element("Settings:UserDisplayName", user.name) if user.name else None
        account = Element("Settings:Account", children=[name, addresses])
        content = Element("Settings:Accounts", children=[account])
    return _with_status(part.name, SettingsStatus.SUCCESS, Element("Settings:Get", children=[content]))


def _addresses(user: User, version: Version) -> Element:
    if not user.mail:
        return Element("Settings:EmailAddresses")
    primary = Element("Settings:PrimarySmtpAddress", user.mail) if version >= ACCOUNTS else None
    return Element("Settings:EmailAddresses", children=[Element("Settings:SMTPAddress", user.mail), primary])


def _tell_rights(part: Element) -> Element:
    """There are no rights management templates."""
    templates = Element("RightsManagement:RightsManagementTemplates")
    return _with_status(part.name, SettingsStatus.SUCCESS, Element("Settings:Get", children=[templates]))


def write(answers: list[Element]) -> Element:
    """The answer as a whole."""
    return _with_status("Settings:Settings", SettingsStatus.SUCCESS, *answers)


def handle(call: Call, document: Element) -> Answer:
    """Answer one Settings."""
    return Answer(write([do(call, part) for part in read(document)]))
