"""``/capabilities``: what the user may do, from the permission bits (http-api section 11.3)."""

from __future__ import annotations

from typing import Any

from lab.ox import permissions
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module

# Every user has these.
_ALWAYS = ("autologin", "gab", "groupware", "participants_dialog", "portal", "search", "filestore")
_PIM = ("calendar", "contacts", "tasks", "webmail")
_TEAM = ("calendar", "read_create_shared_folders", "edit_public_folders")


def of_rights(rights: int) -> list[str]:
    """The names of all capabilities that come with these permission bits."""
    names = permissions.names(rights)
    if all(name in names for name in _PIM):
        names.append("pim")
    if all(name in names for name in _TEAM):
        names += ["freebusy", "conflict_handling", "team_view"]
    return sorted({*names, *_ALWAYS})


def get_all(call: Call) -> Result:
    """All capabilities."""
    return Answer([_shown(name) for name in of_rights(call.user.rights)])


def get(call: Call) -> Result:
    """One capability; an empty object when the user lacks it."""
    wanted = call.need("id")
    return Answer(_shown(wanted) if wanted in of_rights(call.user.rights) else {})


def _shown(name: str) -> dict[str, Any]:
    return {"id": name, "attributes": {}}


MODULE = Module("capabilities", {"all": Action(get_all), "get": Action(get)}, since=7)
