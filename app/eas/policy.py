"""The provisioning policy: its settings as a table, its document, and whether a device holds it (MS-ASPROV 2.2.2).

Rules

* A setting that the administrator did not name has the value that restricts nothing.
* When no password is wanted, the other password settings are left out; so is every empty list. An element is
  never sent empty.
* The fingerprint of the document is kept beside the key: when the administrator changes a setting, devices are
  told to fetch the policy anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.eas import memory
from app.eas.memory import Memory
from app.eas.settings import EasSettings, Provisioning
from app.eas.status import Common
from app.wbxml.element import Element

TYPE: Final = "MS-EAS-Provisioning-WBXML"
"""The only policy format from 12.0 on (MS-ASPROV 2.2.2.43)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One setting: the lowest and highest number it takes, and the one that restricts nothing. ``default`` of
    ``None`` leaves the setting out."""

    name: str
    low: int
    high: int
    default: int | None
    password: bool = False
    """Whether it means something only when a password is wanted."""

    def value(self, text: str) -> int:
        """Raises ``ValueError`` that names setting and value."""
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"policy setting {self.name} is {text!r}, not a whole number") from None
        if not self.low <= number <= self.high:
            raise ValueError(
                f"policy setting {self.name} is {number}, not between {self.low} and {self.high}"
            )
        return number


def _switch(name: str, default: int, password: bool = False) -> Rule:
    return Rule(name, 0, 1, default, password)


_MAX_INTEGER: Final = 2**31 - 1

RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule
    for rule in (
        _switch("DevicePasswordEnabled", 0),
        _switch("AlphanumericDevicePasswordRequired", 0, password=True),
        _switch("PasswordRecoveryEnabled", 0, password=True),
        _switch("RequireStorageCardEncryption", 0),
        _switch("AttachmentsEnabled", 1),
        Rule("MinDevicePasswordLength", 1, 16, None, password=True),
        Rule("MaxInactivityTimeDeviceLock", 0, 9999, None, password=True),
        Rule("MaxDevicePasswordFailedAttempts", 4, 16, None, password=True),
        Rule("MaxAttachmentSize", 0, _MAX_INTEGER, None),
        _switch("AllowSimpleDevicePassword", 1, password=True),
        Rule("DevicePasswordExpiration", 0, 730, 0, password=True),
        Rule("DevicePasswordHistory", 0, 50, 0, password=True),
        _switch("AllowStorageCard", 1),
        _switch("AllowCamera", 1),
        _switch("RequireDeviceEncryption", 0),
        _switch("AllowUnsignedApplications", 1),
        _switch("AllowUnsignedInstallationPackages", 1),
        Rule("MinDevicePasswordComplexCharacters", 1, 4, None, password=True),
        _switch("AllowWiFi", 1),
        _switch("AllowTextMessaging", 1),
        _switch("AllowPOPIMAPEmail", 1),
        Rule("AllowBluetooth", 0, 2, 2),
        _switch("AllowIrDA", 1),
        _switch("RequireManualSyncWhenRoaming", 0),
        _switch("AllowDesktopSync", 1),
        Rule("MaxCalendarAgeFilter", 0, 7, 0),
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


def check(name: str, text: str) -> None:
    """Raises ``ValueError`` for a setting that does not exist or a value it cannot have."""
    if name in LISTS:
        return
    if name not in RULES:
        raise ValueError(f"policy setting {name!r} does not exist")
    RULES[name].value(text)


def document(policy: Mapping[str, str]) -> Element:
    """The EASProvisionDoc for the settings of the administrator. Raises ``ValueError`` like :func:`check`."""
    for name, text in policy.items():
        check(name, text)
    values = {
        name: rule.value(policy[name]) if name in policy else rule.default for name, rule in RULES.items()
    }
    has_password = values["DevicePasswordEnabled"] == 1
    children = [
        Element(f"Provision:{name}", str(value))
        for name, value in values.items()
        if value is not None and (has_password or not RULES[name].password)
    ]
    return Element("Provision:EASProvisionDoc", children=children + _lists(policy))


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
    return hashlib.sha256(repr(document(policy)).encode()).hexdigest()[:16]


def objection(policy_key: str, remembered: Memory, settings: EasSettings) -> Common | None:
    """Why a device with this key must provision first, ``None`` if it need not (MS-ASPROV 3.1.5.1)."""
    if settings.provisioning is Provisioning.OFF:
        return None
    if not policy_key:
        required = settings.provisioning is Provisioning.REQUIRED
        return Common.NOT_PROVISIONED if required else None
    if policy_key != remembered.get(memory.POLICY_KEY):
        return Common.INVALID_POLICY_KEY
    if remembered.get(memory.POLICY_APPLIED) != fingerprint(settings.policy):
        return Common.POLICY_REFRESH
    return None
