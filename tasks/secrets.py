"""Passwords that the deployment needs, from the environment or from a file outside the project.

Rules of this file:

* a secret is looked for in the environment first, then in the JSON file that ``USM_SECRETS_FILE`` names, or else the
  setting ``secrets_file``: an object from the secret's name, or from the account's, to the password;
* everybody but its owner must be unable to read that file;
* what is missing is named before anything is touched;
* whatever secret a run comes across is remembered (:func:`known`), so that it can be masked where it should never have
  come: the second line of defence;
* a secret reaches a host on the standard input of a command: never on a command line, in an environment that pyinfra
  builds, in a log or in ``--diff``.

===========================  ==========================================================  =======================
name                         what for                                                    or in the file
===========================  ==========================================================  =======================
``OX_MASTER_PASSWORD``       ``changecontext``                                           ``oxadminmaster``
``OX_CONTEXT_PASSWORD``      ``listuser``, ``changeuser``, all contexts alike            ``oxadmin``
``OX_CONTEXT_7_PASSWORD``    the same for context 7 alone
``USM_DATABASE_URL``         instead of ``database_url``, which may hold a password
``USM_DATABASE_PASSWORD``    of ``database_user``, where there is one
``USM_DATABASE_ADMIN``       ``name:password`` by which ``database_user`` is made, if
                             Open-Xchange's own database user may not (optional)
``USM_ADMIN_LOGINS``         instead of ``admin_logins`` (optional)
``USM_SECRET_KEYS``          instead of ``secret_keys`` (optional)
``USM_REDIS_URL``            instead of ``redis_url``, which may hold a password (optional)
``USM_TEST_PASSWORD``        of ``test_login``, for a check with a password (optional)
``USM_PUSH_PASSWORD``        of ``dovecot_push_login``, where ``dovecot_push`` is on
===========================  ==========================================================  =======================
"""

from __future__ import annotations

import functools
import json
import os
import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pyinfra.api.exceptions import PyinfraError


class SecretError(PyinfraError):
    """A secret is missing, or its file cannot be used. Never holds a secret."""


def find(name: str, data: Any, account: str = "") -> str | None:
    """The secret of this name; None if there is none. ``data`` are the settings (``host.data``); ``account`` is another
    name for it in the file."""
    found = _file(data)
    value = os.environ.get(name) or found.get(name) or found.get(account)
    remember(value or "")
    return value or None


def master_password(data: Any) -> str | None:
    """The password of the master administrator of Open-Xchange."""
    return find("OX_MASTER_PASSWORD", data, data.master_admin)


def context_password(context: int, data: Any) -> str | None:
    """The password of the administrator of one context."""
    own = find(f"OX_CONTEXT_{context}_PASSWORD", data)
    return own or find("OX_CONTEXT_PASSWORD", data, context_admin(context, data))


def context_admin(context: int, data: Any) -> str:
    """The name of the administrator of one context."""
    return str(data.context_admins.get(context, data.context_admin))


def missing(data: Any) -> list[str]:
    """Names of the secrets that these settings need and that are nowhere to be found. Raises :class:`SecretError` for a
    file that cannot be used, needed or not."""
    _file(data)
    names = []
    contexts = {int(context) for context in (*data.activesync, *data.activesync_off)}
    if contexts and data.master_admin and master_password(data) is None:
        names.append("OX_MASTER_PASSWORD")
    asked = [context for context in contexts if context_admin(context, data)]
    if any(context_password(context, data) is None for context in asked):
        names.append("OX_CONTEXT_PASSWORD")
    if data.database_user and not data.database_password and find("USM_DATABASE_PASSWORD", data) is None:
        names.append("USM_DATABASE_PASSWORD")
    return names


_known: set[str] = set()


def remember(*values: str) -> None:
    """Notes secrets that the run has come across; of an address with a password also the password alone."""
    for value in filter(None, values):
        _known.add(value)
        if match := re.search(r"://[^/\s]*?:([^/\s]+)@", value):
            _known.update({match.group(1), unquote(match.group(1))})


def known() -> frozenset[str]:
    """All secrets that the run has come across so far."""
    return frozenset(_known)


def _file(data: Any) -> dict[str, str]:
    """What the secrets file holds; nothing without one."""
    named = os.environ.get("USM_SECRETS_FILE") or data.get("secrets_file")
    if not named:
        return {}
    return _content(Path(named).expanduser())


@functools.cache
def _content(path: Path) -> dict[str, str]:
    """What a secrets file holds; read once, as each account of each host asks for it."""
    try:
        mode = path.stat().st_mode
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SecretError(f"the secrets file {path} does not exist") from None
    except OSError as error:
        raise SecretError(f"the secrets file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise SecretError(f"the secrets file {path} is not JSON") from None
    if stat.S_IMODE(mode) & 0o077:
        raise SecretError(f"the secrets file {path} can be read by others: chmod 600 {path}")
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise SecretError(f"the secrets file {path} must hold one JSON object of names and passwords")
    remember(*content.values())
    return content
