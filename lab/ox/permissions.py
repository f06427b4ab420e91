"""Rights of users: bits of ``user_configuration.permissions``, their capability names, switches and named sets.

Four spellings exist for two of them: capability ``active_sync``/``usm``, switch ``--access-active-sync`` /
``--access-usm``, token ``activesync``/``usm`` in the named sets.
"""

from __future__ import annotations

# Capability → bit.
BITS = {
    "webmail": 1 << 0,
    "calendar": 1 << 1,
    "contacts": 1 << 2,
    "tasks": 1 << 3,
    "infostore": 1 << 4,
    "webdav_xml": 1 << 8,
    "webdav": 1 << 9,
    "ical": 1 << 10,
    "vcard": 1 << 11,
    "mobility": 1 << 14,
    "edit_public_folders": 1 << 15,
    "read_create_shared_folders": 1 << 16,
    "delegate_tasks": 1 << 17,
    "edit_group": 1 << 18,
    "edit_resource": 1 << 19,
    "edit_password": 1 << 20,
    "collect_email_addresses": 1 << 21,
    "multiple_mail_accounts": 1 << 22,
    "subscription": 1 << 23,
    "publication": 1 << 24,
    "active_sync": 1 << 25,
    "usm": 1 << 26,
    "olox20": 1 << 27,
    "denied_portal": 1 << 28,
}

# Switch of changeuser and changecontext → capability; None: accepted and kept as an attribute of the user.
SWITCHES: dict[str, str | None] = {
    "access-calendar": "calendar",
    "access-contacts": "contacts",
    "access-delegate-tasks": "delegate_tasks",
    "access-edit-public-folder": "edit_public_folders",
    "access-ical": "ical",
    "access-infostore": "infostore",
    "access-read-create-shared-Folders": "read_create_shared_folders",
    "access-syncml": "mobility",
    "access-active-sync": "active_sync",
    "access-usm": "usm",
    "access-tasks": "tasks",
    "access-vcard": "vcard",
    "access-webdav": "webdav",
    "access-webdav-xml": "webdav_xml",
    "access-webmail": "webmail",
    "access-publication": "publication",
    "access-subscription": "subscription",
    "access-edit-group": "edit_group",
    "access-edit-resource": "edit_resource",
    "access-edit-password": "edit_password",
    "access-collect-email-addresses": "collect_email_addresses",
    "access-multiple-mail-accounts": "multiple_mail_accounts",
    "access-olox20": "olox20",
    "access-denied-portal": "denied_portal",
    "access-global-address-book-disabled": None,
    "access-public-folder-editable": None,
    "access--voipnow": None,
}

_PIM = ("webmail", "calendar", "contacts", "tasks", "collect_email_addresses", "edit_password")
_GROUPWARE = (
    *_PIM,
    "infostore",
    "webdav",
    "webdav_xml",
    "ical",
    "vcard",
    "edit_public_folders",
    "read_create_shared_folders",
    "delegate_tasks",
    "edit_group",
    "edit_resource",
    "multiple_mail_accounts",
    "subscription",
)
_SYNC = ("mobility", "usm", "active_sync")

# Named sets (ModuleAccessDefinitions.properties).
COMBINATIONS = {
    "webmail": ("webmail", "contacts", "collect_email_addresses", "edit_password"),
    "pim": _PIM,
    "pim_infostore": (*_PIM, "infostore"),
    "pim_mobility": (*_PIM, *_SYNC),
    "groupware_standard": _GROUPWARE,
    "groupware_premium": (*_GROUPWARE, *_SYNC, "olox20"),
    "all": (*_GROUPWARE, *_SYNC, "olox20", "publication"),
}


def bits(names: tuple[str, ...] | list[str]) -> int:
    """The number that holds these rights."""
    total = 0
    for name in names:
        total |= BITS[name]
    return total


def names(number: int) -> list[str]:
    """The rights that a number holds, in the order of their bits."""
    return [name for name, bit in BITS.items() if number & bit]


STANDARD = bits(COMBINATIONS["groupware_standard"])
SYNC = bits(["usm", "active_sync"])
