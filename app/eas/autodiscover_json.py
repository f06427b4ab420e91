"""Autodiscover in JSON: one question, one URL, no password (what iOS, macOS and Outlook ask since 2017).

``autodiscover.json?Email=A&Protocol=P`` and ``autodiscover.json/v1.0/A?Protocol=P``. The answer depends on nothing but
the domain, so that nobody learns which addresses exist. No specification of Microsoft's describes it; the shapes are
those that Exchange sends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

JSON_TYPE: Final = "application/json; charset=utf-8"

ACTIVE_SYNC: Final = "ActiveSync"
XML: Final = "AutodiscoverV1"
PROTOCOLS: Final[Mapping[str, str]] = {name.lower(): name for name in (ACTIVE_SYNC, XML)}
"""What can be asked for: the name in small letters → as it is written in the answer."""


class QuestionError(Exception):
    """A question that cannot be answered; ``code`` is what clients look at."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Question:
    """Whose address, and of what: ``protocol`` is one of :data:`PROTOCOLS`."""

    address: str
    protocol: str


def read(rest: str, query: str) -> Question:
    """``rest``: what follows ``autodiscover.json`` in the path, ``query`` what follows the ``?``. Raises
    :class:`QuestionError`."""
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        values.setdefault(name.strip().lower(), value.strip())
    address = unquote(rest.rpartition("/")[2]).strip() or values.get("email", "")
    if not address:
        raise QuestionError("MandatoryParameterMissing", "a value must be given for 'Email'")
    if not values.get("protocol"):
        raise QuestionError("MandatoryParameterMissing", "a value must be given for 'Protocol'")
    protocol = PROTOCOLS.get(values["protocol"].lower())
    if protocol is None:
        known = ",".join(PROTOCOLS.values())
        raise QuestionError("InvalidProtocol", f"this protocol is not served; supported values are '{known}'")
    user, at, domain = address.rpartition("@")
    if not (user and at and domain) or not address.isprintable() or len(address) > 320:
        raise QuestionError("InvalidUserId", "the address of mail is none")
    return Question(address, protocol)


def found(question: Question, url: str) -> bytes:
    """The answer."""
    return json.dumps({"Protocol": question.protocol, "Url": url}).encode()


def failure(error: QuestionError) -> bytes:
    """The answer to a question that cannot be answered."""
    return json.dumps({"ErrorCode": error.code, "ErrorMessage": str(error)}).encode()
