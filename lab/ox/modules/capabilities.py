"""``/capabilities``: what the user may do, from the permission bits (http-api section 11.3)."""

from __future__ import annotations

from typing import Any

from lab.ox import permissions
from lab.ox.storage.users import CAPABILITY_PREFIX, User
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module

# Every user has these.
_ALWAYS = ("autologin", "gab", "groupware", "participants_dialog", "portal", "search", "filestore")
_MAIL_FILTER = ("mailfilter", "mailfilter_v2")
_PIM = ("calendar", "contacts", "tasks", "webmail")
_TEAM = ("calendar", "read_create_shared_folders", "edit_public_folders")


def of_user(user: User) -> list[str]:
    """The names of all capabilities of a user: those of the permission bits, what follows from them, and what was
    added or removed one by one; the permission bits cannot be overruled that way."""
    names = permissions.names(user.rights)
    if user.may("webmail"):
        names += _MAIL_FILTER
    if all(name in names for name in _PIM):
        names.append("pim")
    if all(name in names for name in _TEAM):
        names += ["freebusy", "conflict_handling", "team_view"]
    single = {
        name.removeprefix(CAPABILITY_PREFIX): value == "true"
        for name, value in user.attributes.items()
        if name.startswith(CAPABILITY_PREFIX) and name.removeprefix(CAPABILITY_PREFIX) not in permissions.BITS
    }
    added = {name for name, is_on in single.items() if is_on}
    return sorted({*names, *_ALWAYS, *added} - {name for name, is_on in single.items() if not is_on})


def get_all(call: Call) -> Result:
    """All capabilities."""
    return Answer([_shown(name) for name in of_user(call.user)])


def get(call: Call) -> Result:
    """One capability; an empty object when the user lacks it."""
    wanted = call.need("id")
    return Answer(_shown(wanted) if wanted in of_user(call.user) else {})


def _shown(name: str) -> dict[str, Any]:
    return {"id": name, "attributes": {}}


MODULE = Module("capabilities", {"all": Action(get_all), "get": Action(get)}, since=7)
