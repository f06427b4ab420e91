"""A device in words that its owner understands."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.eas import memory
from app.eas.admission_rules import Access, DeviceRules, Rule, Subject, fits_any
from app.pages.languages import said
from app.pages.site import Notice
from app.usm import choice
from app.usm.devices import AGENT, DEVICE_TYPE, LOGIN, ORDERED_BY_USER, Standing
from app.usm.model import SessionId, User
from app.usm.ports import STANDING, Remembered

ABOUT: Final = ("usm.device.", memory.DEVICE, "eas.policy.", "eas.wipe.", ORDERED_BY_USER, choice.OWN)
"""How the fields begin that tell of a device."""

LONG: Final = timedelta(days=30)

DETAILS: Final[Mapping[str, str]] = {
    f"{memory.DEVICE}Model": said("Model"),
    DEVICE_TYPE: said("Kind"),
    f"{memory.DEVICE}OS": said("Operating system"),
    AGENT: said("Program"),
    f"{memory.DEVICE}OSLanguage": said("Language"),
    f"{memory.DEVICE}PhoneNumber": said("Phone number"),
    f"{memory.DEVICE}MobileOperator": said("Network"),
    f"{memory.DEVICE}IMEI": said("IMEI"),
}
"""What a device says of itself, and what that is called."""

FINE: Final = Notice(said("In use"))
QUIET: Final = Notice(said("Not seen for a long time"), "warn")

STATES: Final[Mapping[Standing | Access, Notice]] = {
    Standing.BLOCKED: Notice(said("Blocked by your administrator"), "bad"),
    Standing.QUARANTINED: Notice(said("Waiting until your administrator allows it"), "warn"),
    Standing.WIPE: Notice(said("Will be erased completely"), "bad"),
    Standing.WIPE_ACCOUNT: Notice(said("This account will be removed from it"), "warn"),
    Standing.WIPED: Notice(said("Was erased completely"), "warn"),
    Standing.ACCOUNT_WIPED: Notice(said("This account was removed from it"), "warn"),
    Access.BLOCK: Notice(said("Devices of this kind are not allowed here"), "bad"),
    Access.QUARANTINE: Notice(said("Waiting until your administrator allows it"), "warn"),
}

EXPLAINED: Final[Mapping[Standing | Access, str]] = {
    Standing.BLOCKED: said(
        "It gets nothing new. What is on it stays there. Only your administrator can change that."
    ),
    Standing.QUARANTINED: said("It gets nothing until then. Your administrator knows of it."),
    Standing.WIPE: said(
        "As soon as it connects, everything on it is deleted, private things too. It must still be able to sign in:"
        " do not change your password before that."
    ),
    Standing.WIPE_ACCOUNT: said(
        "As soon as it connects, mail, contacts and appointments of this account are deleted from it, and nothing else."
        " A device that is too old for that is locked out instead. Do not change your password before that."
    ),
    Standing.WIPED: said("It is locked out until it is removed from the list. Then it can be set up again."),
    Standing.ACCOUNT_WIPED: said(
        "It is locked out until it is removed from the list. Then it can be set up again."
    ),
    Access.BLOCK: said("It gets nothing. Only your administrator can change that."),
    Access.QUARANTINE: said("It gets nothing until then. Your administrator knows of it."),
}

NO_POLICY: Final = Notice(
    said(
        "It has not accepted the security settings that are required here, and gets nothing until it does. Look for a"
        " message on the device."
    ),
    "warn",
)
WIPE_TOLD: Final = said("It has got the order, and has not said yet that it was done.")
WIPE_FAILED: Final = said("It said that it could not carry out the order.")

ORDERS: Final = (Standing.WIPE, Standing.WIPE_ACCOUNT)
DONE: Final = (Standing.WIPED, Standing.ACCOUNT_WIPED)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of devices. ``policy``: the fingerprint of what they must have accepted, ``""`` for
    nothing; ``exempt``: who need not."""

    devices: DeviceRules
    policy: str = ""
    exempt: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Phone:
    """One device. ``id`` stands for it in addresses."""

    session: SessionId
    id: str
    name: str
    details: Sequence[tuple[str, str]]
    created: datetime
    last_used: datetime
    state: Notice
    explained: str
    problems: Sequence[Notice]
    standing: Standing | None
    is_own_order: bool
    """Whether its owner ordered what is to be erased."""
    has_own_folders: bool
    """Whether its owner chose folders for this device alone."""

    @property
    def may_be_forgotten(self) -> bool:
        """Whether its owner may. What an administrator decided must not be lost by that."""
        return self.standing in FORGETTABLE or (self.standing in DONE and self.is_own_order)

    @property
    def may_be_wiped(self) -> bool:
        """Whether its owner may order that."""
        return self.standing in FORGETTABLE

    @property
    def may_be_spared(self) -> bool:
        """Whether its owner may take back an order."""
        return self.standing in ORDERS and self.is_own_order


FORGETTABLE: Final = (None, Standing.ALLOWED)
"""How a device stands about which no administrator has decided anything that its owner could undo."""


def phone(device: Remembered, rules: Rules, now: datetime) -> Phone:
    """A device as its owner sees it."""
    fields = device.fields
    standing = Standing.parse(fields.get(STANDING, ""))
    subject = _subject(device)
    access = rules.devices.access(subject)[0] if standing is None else Access.ALLOW
    key = standing if standing is not None and standing is not Standing.ALLOWED else access
    quiet = now - device.last_used > LONG
    return Phone(
        device.id,
        name_of(device.id),
        shown_name(device),
        [(word, fields[name]) for name, word in DETAILS.items() if fields.get(name)],
        device.created,
        device.last_used,
        STATES.get(key, QUIET if quiet else FINE),
        EXPLAINED.get(key, ""),
        _problems(fields, rules, subject, standing, access),
        standing,
        ORDERED_BY_USER in fields,
        choice.OWN in fields,
    )


def _subject(device: Remembered) -> Subject:
    """As the rules see it, by what was remembered when it came first."""
    fields = device.fields
    login, _, mail = fields.get(LOGIN, "").partition(" ")
    user = User(device.id.context_id, device.id.user_id, login, mail)
    return Subject.of(user, fields.get(DEVICE_TYPE, ""), fields.get(AGENT, ""))


def _problems(
    fields: Mapping[str, str], rules: Rules, subject: Subject, standing: Standing | None, access: Access
) -> list[Notice]:
    if standing in ORDERS:
        if memory.WIPE_FAILED in fields:
            return [Notice(WIPE_FAILED, "bad")]
        return [Notice(WIPE_TOLD, "warn")] if memory.WIPE_TOLD in fields else []
    is_in = standing in FORGETTABLE and access is Access.ALLOW
    has_taken = fields.get(memory.POLICY_APPLIED) == rules.policy
    if is_in and rules.policy and not has_taken and not fits_any(rules.exempt, subject):
        return [NO_POLICY]
    return []


def name_of(session: SessionId) -> str:
    """What stands for a device in addresses: tells nothing, and has no letter that means anything there."""
    digest = hashlib.sha256(
        f"{session.protocol}\0{session.device_id}".encode("utf-8", "surrogatepass")
    ).digest()
    return base64.b32encode(digest)[:20].decode().lower()


def shown_name(device: Remembered) -> str:
    """What its owner may call it."""
    fields = device.fields
    names = (f"{memory.DEVICE}FriendlyName", f"{memory.DEVICE}Model", DEVICE_TYPE)
    return next((text for name in names if (text := fields.get(name, "").strip())), device.id.device_id)
