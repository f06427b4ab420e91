"""``/config/<path>``: a tree of settings (http-api section 11.2)."""

from __future__ import annotations

from functools import partial
from typing import Any

from lab.ox import clock
from lab.ox.database import groupware
from lab.ox.errors import fault
from lab.ox.storage import folders, mail
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module
from lab.ox.zones import to_time

_ZONE_NAMES = (
    "America/Los_Angeles America/New_York Asia/Tokyo Australia/Sydney Europe/Berlin Europe/London "
    "Europe/Paris Europe/Vienna UTC"
)
_WRITABLE = {"language": "preferredLanguage", "timezone": "timeZone"}


def by_path(call: Call) -> Result:
    """Read the leaf or the branch of a path, or write a leaf when the call has a body."""
    path = [part for part in call.path if part]
    if call.body:
        return _write(call, "/".join(path))
    value: Any = _tree(call)
    for part in path:
        if not isinstance(value, dict) or part not in value:
            raise fault("SVL-0010", "path", "/".join(path))
        value = _read(value[part])
    return Answer(_whole(value))


def get_property(call: Call) -> Result:
    """A readable property: there are none."""
    return Answer({"name": call.need("name"), "value": None})


def _write(call: Call, path: str) -> Result:
    value = call.json()
    if isinstance(value, dict) and "data" in value:
        value = value["data"]
    if path not in _WRITABLE or not isinstance(value, str):
        raise fault("SVL-0010", "path", path)
    with call.write() as connection:
        table = groupware.user
        connection.execute(
            table.update()
            .where(table.c.cid == call.cid, table.c.id == call.user.id)
            .values({_WRITABLE[path]: value})
        )
    return Answer()


def _read(value: Any) -> Any:
    """A value of the tree; what needs the database is there as a function."""
    return value() if callable(value) else value


def _whole(value: Any) -> Any:
    """A branch with everything in it."""
    if not isinstance(value, dict):
        return value
    return {name: _whole(_read(each)) for name, each in value.items()}


def default_folders(call: Call) -> dict[str, Any]:
    """Module → id of the user's default folder; ``eas``: that the server knows the tree of devices."""
    with call.read() as connection:
        found = {kind: folders.default_folder(connection, call.user, kind) for kind in folders.STANDARD_TYPES}
    return {**{kind: each for kind, each in found.items() if each}, "eas": True}


def mail_folders(call: Call) -> dict[str, str]:
    """Kind → id of the user's standard mail folder."""
    with call.read() as connection:
        return {
            kind: f"{mail.ACCOUNT}/{found.fullname}"
            for kind in mail.STANDARD_TYPES
            if (found := mail.standard_folder(connection, call.cid, call.user.id, kind))
        }


def _tree(call: Call) -> dict[str, Any]:
    user = call.user
    addresses = [user.mail, *(alias for alias in user.aliases if alias != user.mail)]
    mail_settings = {"addresses": addresses, "defaultaddress": user.mail, "sendaddress": user.mail}
    modules: dict[str, Any] = {
        name: {"module": user.may(right)}
        for name, right in {
            "calendar": "calendar",
            "contacts": "contacts",
            "tasks": "tasks",
            "infostore": "infostore",
            "mailaccount": "multiple_mail_accounts",
            "olox20": "olox20",
        }.items()
    }
    modules["mail"] = {
        "module": user.may("webmail"),
        **mail_settings,
        "deletemail": False,
        "spambutton": True,
        "namespace": "",
        "separators": "/",
        "defaultFolder": partial(mail_folders, call),
    }
    modules["olox20"]["active"] = user.may("olox20")
    modules["folder"] = {
        "public_folders": user.may("edit_public_folders"),
        "shared_folders": user.may("read_create_shared_folders"),
    }
    modules["interfaces"] = {
        "ical": user.may("ical"),
        "vcard": user.may("vcard"),
        "syncml": user.may("mobility"),
    }
    # What the vendor's bundle of this generation adds when it is installed.
    modules["usm"] = {
        "active": user.may("usm"),
        "module": user.may("usm"),
        "eas": user.may("active_sync"),
    }
    return {
        "identifier": user.id,
        "contact_id": user.contact_id,
        "context_id": user.cid,
        "language": user.language,
        "timezone": user.timezone,
        "currentTime": to_time(clock.now_ms(), call.zone),
        "calendarnotification": True,
        "tasknotification": True,
        "serverVersion": call.generation.version,
        "availableTimeZones": {name: name for name in _ZONE_NAMES.split()},
        "folder": partial(default_folders, call),
        "mail": {**mail_settings, "folder": partial(mail_folders, call)},
        "modules": modules,
        "maxUploadIdleTimeout": 300_000,
        "minimumSearchCharacters": call.groupware.settings.minimum_search,
    }


MODULE = Module("config", {"get_property": Action(get_property)}, by_path=Action(by_path))
