"""A message made from the JSON of ``mail?action=new`` and the files that come with it (http-api section 8.1)."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, getaddresses, make_msgid
from typing import Any

from lab.ox.errors import fault
from lab.ox.mime import html

_PRIORITY_NAMES = {1: "Highest", 2: "High", 3: "Normal", 4: "Low", 5: "Lowest"}
_ADDRESS_FIELDS = {"from": "From", "to": "To", "cc": "Cc", "bcc": "Bcc", "reply_to": "Reply-To"}


@dataclass(frozen=True, slots=True)
class File:
    """Something to be attached. A ``message/rfc822`` is attached as it is."""

    name: str
    content_type: str
    data: bytes


def message(described: Mapping[str, Any], files: Sequence[File]) -> bytes:
    """The message: its text is the first of ``attachments``, the files follow. Raises SVL-0010 for what is no
    address."""
    made = EmailMessage(policy=SMTP)
    for name, field in _ADDRESS_FIELDS.items():
        if described.get(name):
            made[field] = _addresses(name, described[name])
    made["Subject"] = str(described.get("subject") or "")
    made["Date"] = formatdate(localtime=False)
    made["Message-ID"] = make_msgid(domain="example.org")
    priority = described.get("priority")
    if priority not in (None, "", 3, "3"):
        made["X-Priority"] = str(int(priority))
        made["Importance"] = _PRIORITY_NAMES.get(int(priority), "Normal")
    if described.get("disp_notification_to"):
        made["Disposition-Notification-To"] = str(made["From"])
    for name, value in (described.get("headers") or {}).items():
        if name.lower().startswith("x-") or name.lower() in ("in-reply-to", "references"):
            made[name] = str(value)
    _set_text(made, described)
    for each in files:
        _attach(made, each)
    return made.as_bytes()


def _set_text(made: EmailMessage, described: Mapping[str, Any]) -> None:
    parts = described.get("attachments") or [{}]
    text = str(parts[0].get("content") or "")
    kind = str(parts[0].get("content_type") or "text/plain").lower()
    if kind == "alternative":
        made.set_content(html.to_text(text))
        made.add_alternative(text, subtype="html")
    elif kind.startswith("text/html"):
        made.set_content(text, subtype="html")
    else:
        made.set_content(text)


def _attach(made: EmailMessage, each: File) -> None:
    kind = each.content_type.partition(";")[0].strip().lower() or "application/octet-stream"
    if kind == "application/octet-stream" and each.name:
        kind = mimetypes.guess_type(each.name)[0] or kind
    if kind == "message/rfc822":
        part = EmailMessage(policy=SMTP)
        part["Content-Type"] = kind
        part["Content-Disposition"] = "attachment"
        # Text of a message that must stay as it is, even where it is no good MIME.
        part.set_payload(each.data.decode("ascii", "surrogateescape"))
        if not made.is_multipart() or made.get_content_type() != "multipart/mixed":
            made.make_mixed()
        made.attach(part)
        return
    main, _, sub = kind.partition("/")
    made.add_attachment(each.data, maintype=main, subtype=sub or "octet-stream", filename=each.name or "file")


def _addresses(name: str, value: Any) -> list[Address]:
    """Addresses as text or as ``[[name or null, address], …]``."""
    if isinstance(value, str):
        pairs = [(display, address) for display, address in getaddresses([value]) if address]
    else:
        pairs = [(str(each[0] or ""), str(each[1])) for each in value]
    try:
        return [Address(display, addr_spec=address) for display, address in pairs]
    except (ValueError, IndexError):
        raise fault("SVL-0010", name, value) from None
