"""The query string in which a phone says who it is and what it wants: plain or base64 (MS-ASHTTP 2.2.1.1.1).

The base64 form exists from 12.1 on. It carries the protocol version and the policy key, which beside the plain
form travel in headers.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

ENGLISH = 0x0409

COMMAND_CODES = {
    "Sync": 0,
    "SendMail": 1,
    "SmartForward": 2,
    "SmartReply": 3,
    "GetAttachment": 4,
    "FolderSync": 9,
    "FolderCreate": 10,
    "FolderDelete": 11,
    "FolderUpdate": 12,
    "MoveItems": 13,
    "GetItemEstimate": 14,
    "MeetingResponse": 15,
    "Search": 16,
    "Settings": 17,
    "Ping": 18,
    "ItemOperations": 19,
    "Provision": 20,
    "ResolveRecipients": 21,
    "ValidateCert": 22,
    "Find": 23,
}

PARAMETER_TAGS = {
    "AttachmentName": 0,
    "CollectionId": 1,
    "ItemId": 3,
    "LongId": 4,
    "Occurrence": 6,
    "User": 8,
}
OPTIONS_TAG = 7
OPTION_BITS = {"SaveInSent": 0x01, "AcceptMultiPart": 0x02}


@dataclass(frozen=True)
class Identity:
    """Who asks: the same in every request of one phone."""

    login: str
    device_id: str
    device_type: str
    version: str


def plain_query(identity: Identity, command: str, parameters: Mapping[str, str]) -> str:
    """``Cmd=Sync&User=…&DeviceId=…&DeviceType=…`` and the command's own parameters."""
    fields = {
        "Cmd": command,
        "User": identity.login,
        "DeviceId": identity.device_id,
        "DeviceType": identity.device_type,
        **parameters,
    }
    return urlencode(fields, quote_via=quote)


def base64_query(identity: Identity, command: str, parameters: Mapping[str, str], policy_key: int) -> str:
    """The same in base64; ``policy_key`` 0 means none. A flag in ``parameters`` is set by the value ``T``."""
    version = bytes([int(identity.version.replace(".", ""))])
    key = policy_key.to_bytes(4, "little") if policy_key else b""
    head = version + bytes([COMMAND_CODES[command]]) + ENGLISH.to_bytes(2, "little")
    head += _counted(identity.device_id) + bytes([len(key)]) + key + _counted(identity.device_type)
    return base64.b64encode(head + _tagged(parameters)).decode()


def _counted(text: str) -> bytes:
    raw = text.encode()
    return bytes([len(raw)]) + raw


def _tagged(parameters: Mapping[str, str]) -> bytes:
    options = 0
    tagged = b""
    for name, value in parameters.items():
        if name in OPTION_BITS:
            options |= OPTION_BITS[name] if value == "T" else 0
        else:
            tagged += bytes([PARAMETER_TAGS[name]]) + _counted(value)
    return tagged + (bytes([OPTIONS_TAG, 1, options]) if options else b"")
