"""The kinds of content and their fields: the vocabulary between a data source and a protocol.

A data source maps its columns to these names (``app/ox/mapping``), a protocol maps these names to its tags
(``app/eas/schema``); neither sees the other. Values have exactly the type named here; an absent field has no value.

======================  ==========================================================================
``str``                 text without control characters other than line feed and tab
``bool``, ``int``
``date``                :class:`datetime.date`: a day without a time zone
``datetime``            :class:`datetime.datetime` in UTC
``tuple[str]``          texts in order
``tuple[Address]``      mail addresses in order
``Body``                :class:`app.usm.model.Body`
``tuple[Attachment]``   :class:`app.usm.model.Attachment` in order
``bytes``               a picture (JPEG, PNG, GIF)
======================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from app.usm.model import Attachment, Body, ContentType


@dataclass(frozen=True, slots=True)
class Address:
    """A mail address with the name of its owner, ``""`` where it has none."""

    mail: str
    name: str = ""


ADDRESS_PARTS: Final = ("street", "city", "state", "postal_code", "country")
"""The parts of a postal address; the field is named ``<home|business|other>_<part>``."""

CONTACT_FIELDS: Final[Mapping[str, type]] = {
    "display_name": str,
    "file_as": str,
    "title": str,
    "first_name": str,
    "middle_name": str,
    "last_name": str,
    "suffix": str,
    "nickname": str,
    "yomi_first_name": str,
    "yomi_last_name": str,
    "yomi_company": str,
    "company": str,
    "department": str,
    "job_title": str,
    "office": str,
    "manager": str,
    "assistant": str,
    "spouse": str,
    "children": tuple,
    "birthday": date,
    "anniversary": date,
    "email1": str,
    "email2": str,
    "email3": str,
    "im1": str,
    "im2": str,
    "im3": str,
    "web_page": str,
    "mobile_phone": str,
    "home_phone": str,
    "home_phone2": str,
    "home_fax": str,
    "business_phone": str,
    "business_phone2": str,
    "business_fax": str,
    "car_phone": str,
    "pager": str,
    "radio_phone": str,
    "assistant_phone": str,
    "company_phone": str,
    **{f"{place}_{part}": str for place in ("home", "business", "other") for part in ADDRESS_PARTS},
    "customer_id": str,
    "government_id": str,
    "account_name": str,
    "mms": str,
    "note": Body,
    "categories": tuple,
    "picture": bytes,
}
"""A person or company. ``email1`` to ``email3`` hold the bare address."""

MAIL_FIELDS: Final[Mapping[str, type]] = {
    "subject": str,
    "sender": tuple,
    "from": tuple,
    "to": tuple,
    "cc": tuple,
    "bcc": tuple,
    "reply_to": tuple,
    "received": datetime,
    "importance": int,
    "read": bool,
    "flagged": bool,
    "answered": bool,
    "forwarded": bool,
    "draft": bool,
    "message_id": str,
    "size": int,
    "categories": tuple,
    "body": Body,
    "attachments": tuple,
    "signed": bool,
    "encrypted": bool,
}
"""A message. Address fields hold ``tuple[Address]``; ``importance`` is 0 low, 1 normal, 2 high; ``size`` is in
bytes. A device may change ``read``, ``flagged`` and ``categories``."""

FIELDS: Final[Mapping[ContentType, Mapping[str, type]]] = {
    ContentType.CONTACTS: CONTACT_FIELDS,
    ContentType.MAIL: MAIL_FIELDS,
}
"""The fields of each content type that can be synchronised."""

__all__ = ["ADDRESS_PARTS", "CONTACT_FIELDS", "FIELDS", "MAIL_FIELDS", "Address", "Attachment", "Body"]
