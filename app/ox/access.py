"""What a user may do, asked of OX right after the login.

From generation 7 on ``capabilities`` tells; generation 6 has no such module and is asked by leaves of the ``config``
tree (``facts``: HTTP API 11.2 and 11.3). The tree is read with plain ``GET``: that is the one form that is documented
for all generations, while ``config`` inside ``multiple`` is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.ox.client import OxClient
from app.ox.errors import Scope, Unsupported
from app.usm.errors import ItemError, NotEnabled, SourceUnavailable
from app.usm.model import ContentType, User

MODULES: Final[Mapping[ContentType, tuple[str, str]]] = {
    ContentType.MAIL: ("webmail", "modules/mail/module"),
    ContentType.CONTACTS: ("contacts", "modules/contacts/module"),
    ContentType.CALENDAR: ("calendar", "modules/calendar/module"),
    ContentType.TASKS: ("tasks", "modules/tasks/module"),
}
"""Content type → capability, and the leaf that tells the same on generation 6."""

REQUIRED: Final[tuple[tuple[str, str], ...]] = (
    ("usm", "modules/usm/module"),
    ("active_sync", "modules/usm/eas"),
)
"""Without these nobody synchronises."""

SENDER: Final = ("modules/mail/defaultaddress", "mail/defaultaddress")


@dataclass(frozen=True, slots=True)
class Access:
    """Who is logged in and what OX offers. ``legacy``: generation 6, without ``capabilities``."""

    user: User
    contents: frozenset[ContentType]
    legacy: bool = False


@dataclass(slots=True)
class Traits:
    """What this OX turned out not to know, learned from its answers and kept for the process.

    Forgetting it or a race costs one more call, nothing else.
    """

    examine: bool = True
    all_visible: bool = True
    chronos: bool | None = None
    """Whether OX has the newer of its two calendar modules; ``None``: nobody has asked yet."""


def identify(client: OxClient, login: str, answer: Mapping[str, Any]) -> Access:
    """Ask what the user may do. ``answer``: what the login answered, nothing where an access token took its place;
    ``login`` is ``""`` then, and the user goes by the address of mail.

    Raises ``NotEnabled`` for a user without the rights ``usm`` and ``active_sync``, ``SourceUnavailable``.
    """
    given, legacy = rights(client)
    _require(given, login or "of the access token")
    allowed = contents(given)
    return Access(user(client, login, answer, allowed), allowed, legacy)


def user(client: OxClient, login: str, answer: Mapping[str, Any], contents: frozenset[ContentType]) -> User:
    """Who is logged in; see :func:`identify`. Raises ``SourceUnavailable``."""
    user_id = _number(answer.get("user_id")) or _number(leaf(client, "identifier"))
    context_id = _number(answer.get("context_id")) or _number(leaf(client, "context_id"))
    if not user_id or not context_id:
        raise SourceUnavailable(f"OX does not say which user and context {login} is")
    mail = _sender(client, contents)
    known_as = login or mail or f"{user_id}@{context_id}"
    return User(context_id, user_id, known_as, mail, _name(client))


def check(client: OxClient, access: Access) -> Access:
    """The rights of a known user as they are now; one call. Raises like :func:`identify`."""
    given, legacy = rights(client)
    _require(given, access.user.login)
    return Access(access.user, contents(given), legacy)


def contents(rights: frozenset[str]) -> frozenset[ContentType]:
    """What the user may use. Notes lie in a folder of mail."""
    found = {content for content, (name, _) in MODULES.items() if name in rights}
    return frozenset(found | {ContentType.NOTES} if ContentType.MAIL in found else found)


def leaf(client: OxClient, path: str) -> Any:
    """A value of the config tree, ``None`` when OX does not have it."""
    try:
        return client.get(f"config/{path}", scope=Scope.READ).data
    except (Unsupported, ItemError):
        return None


def rights(client: OxClient) -> tuple[frozenset[str], bool]:
    """The rights of who is logged in, and whether it is generation 6 that names them. Raises ``SourceUnavailable``."""
    try:
        return _capabilities(client), False
    except Unsupported:
        return _leaves(client), True


def _require(rights: frozenset[str], login: str) -> None:
    missing = [name for name, _ in REQUIRED if name not in rights]
    if missing:
        raise NotEnabled(
            f"user {login} lacks {' and '.join(missing)}: changeuser --access-usm on --access-active-sync on"
        )


def _capabilities(client: OxClient) -> frozenset[str]:
    data = client.get("capabilities", "all", scope=Scope.LOGIN).data
    if not isinstance(data, list):
        raise SourceUnavailable("OX answers no list of capabilities")
    return frozenset(str(entry["id"]) for entry in data if isinstance(entry, dict) and "id" in entry)


def _leaves(client: OxClient) -> frozenset[str]:
    """The same for generation 6, by one look at a part of the config tree. What is not there is not allowed."""
    modules = leaf(client, "modules")
    if not isinstance(modules, dict):
        raise SourceUnavailable(
            "OX has neither capabilities nor config/modules: check com.openexchange.usm.ox.url"
        )
    rows = (*MODULES.values(), *REQUIRED)
    return frozenset(name for name, path in rows if _within(modules, path) in (True, "true"))


def _within(modules: Mapping[str, Any], path: str) -> Any:
    value: Any = modules
    for step in path.split("/")[1:]:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _sender(client: OxClient, contents: frozenset[ContentType]) -> str:
    """The default sender address; a user without mail has none."""
    if ContentType.MAIL not in contents:
        return ""
    for path in SENDER:
        address = leaf(client, path)
        if isinstance(address, str) and "@" in address:
            return address
    return ""


def _name(client: OxClient) -> str:
    """What the user is called, for the From of messages; ``""`` where OX does not tell."""
    try:
        data = client.get("user", "get", scope=Scope.READ).data
    except (Unsupported, ItemError):
        return ""
    entry = data if isinstance(data, dict) else {}
    parts = (str(entry.get(name) or "").split() for name in ("display_name", "first_name", "last_name"))
    shown, first, last = (" ".join(words) for words in parts)
    return shown or f"{first} {last}".strip()


def _number(value: Any) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else 0
