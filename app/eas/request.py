"""Who asks for what: the query string, plain or base64, and the headers, as one value (MS-ASHTTP 2.2.1.1).

Rules

* ``Cmd=`` in the query makes it plain; anything else is base64, with or without padding, in either alphabet.
* Both forms give the same device the same identity: bytes that are no printable text are written in hexadecimal, 32
  hexadecimal digits count without regard to case, and so does a GUID in text, with or without its dashes and braces.
* What a device may leave out is not missed: DeviceType and User may be absent, parameters come in any order.
* Anything that cannot be read ends in :class:`~app.eas.errors.EasError` with the answer to send.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from mmap import mmap
from typing import Final
from urllib.parse import parse_qsl, unquote

from app.eas import answer
from app.eas.errors import EasError
from app.eas.schema.text import line
from app.eas.status import Common
from app.eas.versions import BY_CODE, BY_LOWER_NAME, BY_TEXT, CommandRule, Version
from app.usm.model import Device

PROTOCOL: Final = "EAS"
MAX_DEVICE_ID: Final = 32
MAX_DEVICE_TYPE: Final = 64
TRANSIENT_DEVICE: Final = "validate"
"""Android sends this DeviceId while it tries out an account (quirk 18)."""

# Base64 query: tag of a parameter → its name (MS-ASHTTP 2.2.1.1.1.1.3); 7 and 8 are read on their own.
PARAMETERS: Final[Mapping[int, str]] = {
    0: "AttachmentName",
    1: "CollectionId",
    2: "CollectionName",
    3: "ItemId",
    4: "LongId",
    5: "ParentId",
    6: "Occurrence",
}
OPTIONS_TAG: Final = 7
USER_TAG: Final = 8
SAVE_IN_SENT: Final = 0x01
ACCEPT_MULTIPART: Final = 0x02

_PARAMETER_NAMES: Final = {
    name.lower(): name for name in (*PARAMETERS.values(), "SaveInSent", "User", "DeviceId", "DeviceType")
}
_PLAIN: Final = re.compile(r"(?:^|&)cmd=", re.IGNORECASE)
_DEVICE_ID: Final = re.compile(r"[!-~]+")
_FORBIDDEN_IN_ID: Final = frozenset(",\"'<>&/\\;%")
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]{32}")
_GUID: Final = re.compile(
    r"\{?([0-9A-Fa-f]{8})-([0-9A-Fa-f]{4})-([0-9A-Fa-f]{4})-([0-9A-Fa-f]{4})-([0-9A-Fa-f]{12})\}?"
)


@dataclass(frozen=True, slots=True)
class Command:
    """One request. ``policy_key`` is ``""`` where none was sent, or 0 (``key_sent`` tells them apart); ``parameters``
    holds the rest of the query by the names of MS-ASHTTP; ``content`` is the body as it came, a large one in a file."""

    name: str
    version: Version
    device: Device
    policy_key: str = ""
    key_sent: bool = False
    user: str = ""
    user_agent: str = ""
    content_type: str = ""
    accept_multipart: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    content: bytes | mmap = field(default=b"", repr=False)

    @property
    def transient(self) -> bool:
        """Whether the device only tries out an account, and nothing is to be remembered of it."""
        return self.device.device_id.lower() == TRANSIENT_DEVICE


@dataclass(slots=True)
class _Query:
    """What either form of the query says, before it is checked."""

    rule: CommandRule
    version: Version
    device_id: str
    device_type: str = ""
    policy_key: str = ""
    user: str = ""
    accept_multipart: bool = False
    parameters: dict[str, str] = field(default_factory=dict)


def parse(method: str, query: str, headers: Mapping[str, str], body: bytes | mmap) -> Command:
    """The command of a request. ``query``: what follows the ``?``, not decoded. ``headers``: names in lower case.

    Raises ``EasError``: 501 for another method than POST or an unknown command, 505 for version 1.0, 400 for
    whatever cannot be read, Status 108 for a device id that is missing or out of the ordinary.
    """
    if method != "POST":
        raise _refusal(501, f"method {method!r} is not served, only OPTIONS and POST are")
    read = _read_plain if _PLAIN.search(query) else _read_base64
    found = read(query, headers)
    return Command(
        name=found.rule.name,
        version=found.version,
        device=Device(PROTOCOL, _canonical(found), line(found.device_type)[:MAX_DEVICE_TYPE]),
        policy_key="" if found.policy_key == "0" else found.policy_key,
        key_sent=bool(found.policy_key),
        user=line(found.user),
        user_agent=line(headers.get("user-agent", "")),
        content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        accept_multipart=found.accept_multipart,
        parameters=found.parameters,
        content=body,
    )


def _refusal(status: int, message: str) -> EasError:
    return EasError(message, answer.plain(status))


def _read_plain(query: str, headers: Mapping[str, str]) -> _Query:
    values = _plain_values(query)
    name = values.get("cmd", "").strip()
    rule = BY_LOWER_NAME.get(name.lower())
    if rule is None:
        raise _refusal(501, f"command {name!r} is unknown")
    return _Query(
        rule=rule,
        version=_version(headers.get("ms-asprotocolversion", "").strip()),
        device_id=values.get("deviceid", "").strip(),
        device_type=values.get("devicetype", ""),
        policy_key=headers.get("x-ms-policykey", "").strip(),
        user=values.get("user", ""),
        accept_multipart=headers.get("ms-asacceptmultipart", "").strip().upper() == "T",
        parameters={
            _PARAMETER_NAMES[name]: value
            for name, value in values.items()
            if name in _PARAMETER_NAMES and name not in ("user", "deviceid", "devicetype")
        },
    )


def _plain_values(query: str) -> dict[str, str]:
    """Name in small letters → value; of two with the same name the first one counts."""
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        values.setdefault(name.strip().lower(), value)
    return values


def _version(text: str) -> Version:
    try:
        return BY_TEXT[text]
    except KeyError:
        status = 505 if text == "1.0" else 400
        raise _refusal(status, f"protocol version {text!r} is not served") from None


class _Bytes:
    """The bytes of a base64 query, read from the front; too few of them end in 400."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __bool__(self) -> bool:
        return self._position < len(self._data)

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise _refusal(400, f"the base64 query ends after {len(self._data)} bytes, {end} are needed")
        part = self._data[self._position : end]
        self._position = end
        return part

    def byte(self) -> int:
        return self.take(1)[0]

    def block(self) -> bytes:
        """A length of one byte and that many bytes."""
        return self.take(self.byte())


def _decode(query: str) -> bytes:
    # A "+" may have become a blank on its way through a decoder of form data.
    text = unquote(query).strip().replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _refusal(400, "the query is neither plain nor base64") from None


def _read_base64(query: str, headers: Mapping[str, str]) -> _Query:
    data = _Bytes(_decode(query))
    number = data.byte()
    version = _version(f"{number // 10}.{number % 10}")
    code = data.byte()
    rule = BY_CODE.get(code)
    if rule is None:
        raise _refusal(501, f"command code {code} is unknown")
    data.take(2)  # the locale: nothing here depends on it
    device_id = data.block()
    key = data.block()
    if len(key) not in (0, 4):
        raise _refusal(400, f"a policy key of {len(key)} bytes: it has 4 or none")
    found = _Query(
        rule=rule,
        version=version,
        device_id=_text_or_hexadecimal(device_id),
        policy_key=str(int.from_bytes(key, "little")) if key else "",
        device_type=data.block().decode("utf-8", "replace"),
    )
    while data:
        _read_parameter(found, data.byte(), data.block())
    return found


def _read_parameter(found: _Query, tag: int, value: bytes) -> None:
    if tag == OPTIONS_TAG:
        bits = value[0] if value else 0
        found.accept_multipart = bool(bits & ACCEPT_MULTIPART)
        if bits & SAVE_IN_SENT:
            found.parameters["SaveInSent"] = "T"
    elif tag == USER_TAG:
        found.user = value.decode("utf-8", "replace")
    elif tag in PARAMETERS:
        found.parameters[PARAMETERS[tag]] = value.decode("utf-8", "replace")


def _text_or_hexadecimal(raw: bytes) -> str:
    return raw.decode("ascii") if _DEVICE_ID.fullmatch(raw.decode("latin-1")) else raw.hex()


def _canonical(found: _Query) -> str:
    """The one id of a device. Raises ``EasError`` for an id that is none."""
    text = found.device_id
    identity = _identity(text)
    if identity is None:
        message = f"device id {text[: 2 * MAX_DEVICE_ID]!r} is missing, too long, or holds special characters"
        status = Common.INVALID_DEVICE_ID
        raise EasError(message, answer.failure(found.rule.name, found.version, status))
    return identity


def _identity(text: str) -> str | None:
    """The one id of a device, whichever form of the query it uses; ``None`` where there is none."""
    if guid := _GUID.fullmatch(text):
        return "".join(guid.groups()).lower()
    if not (
        0 < len(text) <= MAX_DEVICE_ID and _DEVICE_ID.fullmatch(text) and _FORBIDDEN_IN_ID.isdisjoint(text)
    ):
        return None
    return text.lower() if _HEXADECIMAL.fullmatch(text) else text


def device_in(query: str) -> Device:
    """The device that a query names, with the id ``""`` where it names none: ``OPTIONS`` need not have a query, and
    whatever it has does not matter otherwise."""
    values = _plain_values(query)
    text, kind = values.get("deviceid", "").strip(), values.get("devicetype", "")
    if not text and query:
        with suppress(EasError):
            data = _Bytes(_decode(query))
            data.take(4)
            text = _text_or_hexadecimal(data.block())
            data.block()
            kind = data.block().decode("utf-8", "replace")
    return Device(PROTOCOL, _identity(text) or "", line(kind)[:MAX_DEVICE_TYPE])
