"""The 26 code pages of ActiveSync, joined and checked (MS-ASWBXML 2.1.2.1).

One module holds one page as data. A page that gives a token or a tag twice, a token outside 0x05-0x3F, or a
number that is not its place in ``PAGES`` stops the import: such a table would misread every document.
"""

from __future__ import annotations

from app.wbxml.code_page import CodePage, check_pages
from app.wbxml.pages import (
    air_notify,
    air_sync,
    air_sync_base,
    calendar,
    compose_mail,
    contacts,
    contacts2,
    document_library,
    email,
    email2,
    find,
    folder_hierarchy,
    gal,
    get_item_estimate,
    item_operations,
    meeting_response,
    move,
    notes,
    ping,
    provision,
    resolve_recipients,
    rights_management,
    search,
    settings,
    tasks,
    validate_cert,
)

PAGES: tuple[CodePage, ...] = (
    air_sync.PAGE,
    contacts.PAGE,
    email.PAGE,
    air_notify.PAGE,
    calendar.PAGE,
    move.PAGE,
    get_item_estimate.PAGE,
    folder_hierarchy.PAGE,
    meeting_response.PAGE,
    tasks.PAGE,
    resolve_recipients.PAGE,
    validate_cert.PAGE,
    contacts2.PAGE,
    ping.PAGE,
    provision.PAGE,
    search.PAGE,
    gal.PAGE,
    air_sync_base.PAGE,
    settings.PAGE,
    document_library.PAGE,
    item_operations.PAGE,
    compose_mail.PAGE,
    email2.PAGE,
    notes.PAGE,
    rights_management.PAGE,
    find.PAGE,
)

check_pages(PAGES)
