"""The provisioning policy: its settings as a table, its document, and whether a device holds it (MS-ASPROV 2.2.2).

Rules

* A setting that the administrator did not name has the value that restricts nothing, and is sent with it, so that it
  counts no longer on a device that had another one (MS-ASPROV 3.2.5.1.1). Where there is no such value it is left out.
* When no password is wanted, the other password settings are left out; so is every empty list. An element is
  never sent empty.
* A device gets what its version knows: 12.0 has no more than the settings of a password and of attachments; 2.5 has
  a text in XML instead, which says less still (:mod:`app.eas.policy_text`).
* The fingerprint of the document is kept beside the key: when the administrator changes a setting, devices are
  told to fetch the policy anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.eas import memory, policy_text
from app.eas.memory import Memory
from app.eas.settings import EasSettings, Provisioning
from app.eas.status import Common
from app.eas.versions import NEWEST, WAP_POLICY_UNTIL, Version
from app.wbxml.element import Element

WBXML_TYPE: Final = "MS-EAS-Provisioning-WBXML"
WAP_TYPE: Final = "MS-WAP-Provisioning-XML"

HOUR: Final = 3600
"""Seconds."""


def type_of(version: Version) -> str:
    """The one policy format that a version has (MS-ASPROV 2.2.2.43)."""
    return WAP_TYPE if version <= WAP_POLICY_UNTIL else WBXML_TYPE


@dataclass(frozen=True, slots=True)
class Rule:
    """One setting: the lowest and highest number it takes, and the one that restricts nothing. ``default`` of
    ``None`` leaves the setting out; ``gaps`` are numbers in between that mean nothing; ``since``: the first version
    that knows it."""

    name: str
    low: int
    high: int
    default: int | None
    password: bool = False
    """Whether it means something only when a password is wanted."""
    since: Version = Version.V12_1
    gaps: tuple[int, ...] = ()

    def value(self, text: str) -> int:
        """Raises ``ValueError`` that names setting and value."""
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"policy setting {self.name} is {text!r}, not a whole number") from None
        if number in self.gaps:
            raise ValueError(f"policy setting {self.name} is {number}, which stands for nothing")
        if not self.low <= number <= self.high:
            raise ValueError(
                f"policy setting {self.name} is {number}, not between {self.low} and {self.high}"
            )
        return number


def _switch(name: str, default: int, password: bool = False, since: Version = Version.V12_1) -> Rule:
    return Rule(name, 0, 1, default, password, since)


NO_LOCK: Final = policy_text.NO_LOCK
_MAX_INTEGER: Final = 2**31 - 1

RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule
    for rule in (
        _switch("DevicePasswordEnabled", 0, since=Version.V12_0),
        _switch("AlphanumericDevicePasswordRequired", 0, password=True, since=Version.V12_0),
        _switch("PasswordRecoveryEnabled", 0, password=True, since=Version.V12_0),
        _switch("RequireStorageCardEncryption", 0),
        _switch("AttachmentsEnabled", 1, since=Version.V12_0),
        Rule("MinDevicePasswordLength", 1, 16, 1, password=True, since=Version.V12_0),
        Rule("MaxInactivityTimeDeviceLock", 0, 9999, NO_LOCK, password=True, since=Version.V12_0),
        Rule("MaxDevicePasswordFailedAttempts", 4, 16, None, password=True, since=Version.V12_0),
        Rule("MaxAttachmentSize", 0, _MAX_INTEGER, None, since=Version.V12_0),
        _switch("AllowSimpleDevicePassword", 1, password=True, since=Version.V12_0),
        Rule("DevicePasswordExpiration", 0, 730, 0, password=True, since=Version.V12_0),
        Rule("DevicePasswordHistory", 0, 50, 0, password=True, since=Version.V12_0),
        _switch("AllowStorageCard", 1),
        _switch("AllowCamera", 1),
        _switch("RequireDeviceEncryption", 0),
        _switch("AllowUnsignedApplications", 1),
        _switch("AllowUnsignedInstallationPackages", 1),
        Rule("MinDevicePasswordComplexCharacters", 1, 4, 1, password=True),
        _switch("AllowWiFi", 1),
        _switch("AllowTextMessaging", 1),
        _switch("AllowPOPIMAPEmail", 1),
        Rule("AllowBluetooth", 0, 2, 2),
        _switch("AllowIrDA", 1),
        _switch("RequireManualSyncWhenRoaming", 0),
        _switch("AllowDesktopSync", 1),
        Rule("MaxCalendarAgeFilter", 0, 7, 0, gaps=(1, 2, 3)),
        _switch("AllowHTMLEmail", 1),
        Rule("MaxEmailAgeFilter", 0, 5, 0),
        Rule("MaxEmailBodyTruncationSize", -1, _MAX_INTEGER, -1),
        Rule("MaxEmailHTMLBodyTruncationSize", -1, _MAX_INTEGER, -1),
        _switch("RequireSignedSMIMEMessages", 0),
        _switch("RequireEncryptedSMIMEMessages", 0),
        Rule("RequireSignedSMIMEAlgorithm", 0, 1, 0),
        Rule("RequireEncryptionSMIMEAlgorithm", 0, 4, 0),
        Rule("AllowSMIMEEncryptionAlgorithmNegotiation", 0, 2, 2),
        _switch("AllowSMIMESoftCerts", 1),
        _switch("AllowBrowser", 1),
        _switch("AllowConsumerEmail", 1),
        _switch("AllowRemoteDesktop", 1),
        _switch("AllowInternetSharing", 1),
    )
}
"""Settings with a number, in the order of the document (MS-ASPROV 2.2.2.28)."""

LISTS: Final[Mapping[str, str]] = {
    "UnapprovedInROMApplicationList": "ApplicationName",
    "ApprovedApplicationList": "Hash",
}
"""Settings with a list, separated by commas in the configuration, and the element of an entry."""


LISTS_SINCE: Final = Version.V12_1


def check(name: str, text: str) -> None:
    """Raises ``ValueError`` for a setting that does not exist or a value it cannot have."""
    if name in LISTS:
        return
    if name not in RULES:
        raise ValueError(f"policy setting {name!r} does not exist")
    RULES[name].value(text)


def values(policy: Mapping[str, str]) -> dict[str, int]:
    """The numbers of the settings that mean something, with their defaults. Raises ``ValueError`` like
    :func:`check`."""
    for name, text in policy.items():
        check(name, text)
    found = {
        name: rule.value(policy[name]) if name in policy else rule.default for name, rule in RULES.items()
    }
    has_password = found["DevicePasswordEnabled"] == 1
    return {
        name: value
        for name, value in found.items()
        if value is not None and (has_password or not RULES[name].password)
    }


def document(policy: Mapping[str, str], version: Version = NEWEST) -> Element:
    """The EASProvisionDoc for the settings of the administrator. Raises ``ValueError`` like :func:`check`."""
    children = [
        Element(f"Provision:{name}", str(value))
        for name, value in values(policy).items()
        if version >= RULES[name].since
    ]
    lists = _lists(policy) if version >= LISTS_SINCE else []
    return Element("Provision:EASProvisionDoc", children=children + lists)


def data(policy: Mapping[str, str], version: Version) -> Element:
    """The Data element in which a version gets the policy."""
    if version <= WAP_POLICY_UNTIL:
        return Element("Provision:Data", policy_text.document(values(policy)))
    return Element("Provision:Data", children=[document(policy, version)])


def _lists(policy: Mapping[str, str]) -> list[Element]:
    elements = []
    for name, entry in LISTS.items():
        texts = [text.strip() for text in policy.get(name, "").split(",") if text.strip()]
        if texts:
            children = [Element(f"Provision:{entry}", text) for text in texts]
            elements.append(Element(f"Provision:{name}", children=children))
    return elements


def fingerprint(policy: Mapping[str, str]) -> str:
    """A text that differs when the document differs."""
    return _fingerprint(tuple(policy.items()))


@lru_cache(maxsize=16)
def _fingerprint(policy: tuple[tuple[str, str], ...]) -> str:
    # Asked for by every request, of a policy that only changes with the settings; all it is made of is the key.
    return hashlib.sha256(repr(document(dict(policy))).encode()).hexdigest()[:16]


def objection(policy_key: str, remembered: Memory, settings: EasSettings, now: float) -> Common | None:
    """Why a device with this key must provision first, ``None`` if it need not (MS-ASPROV 3.1.5.1). ``now``: seconds
    since 1970."""
    if settings.provisioning is Provisioning.OFF:
        return None
    if not policy_key:
        required = settings.provisioning is Provisioning.REQUIRED
        return Common.NOT_PROVISIONED if required else None
    if policy_key != remembered.get(memory.POLICY_KEY):
        return Common.INVALID_POLICY_KEY
    if remembered.get(memory.POLICY_APPLIED) != fingerprint(settings.policy):
        return Common.POLICY_REFRESH
    moment = remembered.get(memory.POLICY_MOMENT)
    # Where no moment is known it was before this was asked for.
    taken = int(moment) if moment.isdecimal() else 0
    if settings.refresh_hours and now >= taken + settings.refresh_hours * HOUR:
        return Common.POLICY_REFRESH
    return None
