"""The policy of version 2.5: a provisioning document of Windows Mobile, as text (MS-ASPROV 2.2.2.24.2).

It knows five things: whether there is a password, how long and of what kind it is, after how many minutes the device
locks itself, and after how many failures it wipes itself. The names are those of the device's registry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import quoteattr  # nosec B406 # it writes, and reads nothing

REGISTRY: Final = r"HKLM\Comm\Security\Policy\LASSD"
LOCK: Final = r"\AE\{50C13377-C66D-400C-889E-C316FC4AB374}"
QUALITY: Final = r"\LAP\lap_pw"

REQUIRED: Final = "4131"
"""The security policy "a password is required": 0 it is, 1 it is not."""

NO_LOCK: Final = 9999
"""The inactivity that stands for "never lock"."""

STRONG, ANY = 0, 2
"""Kinds of password: letters and digits, or anything."""

Characteristic = tuple[str, Sequence[tuple[str, int]]]


def document(values: Mapping[str, int]) -> str:
    """The document for these settings; the names are those of :data:`app.eas.policy.RULES`."""
    required = values["DevicePasswordEnabled"] == 1
    security = _characteristic("SecurityPolicy", _parms([(REQUIRED, 0 if required else 1)]))
    registry = ""
    if required:
        parts = "".join(_characteristic(REGISTRY + path, _parms(parms)) for path, parms in _registry(values))
        registry = _characteristic("Registry", parts)
    return f"<wap-provisioningdoc>{security}{registry}</wap-provisioningdoc>"


def _registry(values: Mapping[str, int]) -> list[Characteristic]:
    seconds = values["MaxInactivityTimeDeviceLock"]
    locks = seconds != NO_LOCK
    minutes = max(1, seconds // 60)
    parts: list[Characteristic] = [
        (
            LOCK,
            [("AEFrequencyType", 1), ("AEFrequencyValue", minutes)] if locks else [("AEFrequencyType", 0)],
        ),
        (
            QUALITY,
            [
                ("MinimumPasswordLength", values["MinDevicePasswordLength"]),
                ("PasswordComplexity", STRONG if values["AlphanumericDevicePasswordRequired"] else ANY),
            ],
        ),
    ]
    failures = values.get("MaxDevicePasswordFailedAttempts")
    if failures is not None:
        parts.insert(1, ("", [("DeviceWipeThreshold", failures)]))
    return parts


def _characteristic(kind: str, content: str) -> str:
    return f"<characteristic type={quoteattr(kind)}>{content}</characteristic>"


def _parms(parms: Sequence[tuple[str, int]]) -> str:
    return "".join(f'<parm name="{name}" value="{value}"/>' for name, value in parms)
