"""Which modules and actions each generation has, and which right each module needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.standin.client import Client

# Module → first generation, an action of it, and its parameters.
_MODULES: dict[str, tuple[int, str, dict[str, Any]]] = {
    "attachment": (6, "all", {"module": 7, "attached": 0, "folder": 0, "columns": "1"}),
    "calendar": (6, "all", {"columns": "1", "start": 0, "end": 1}),
    "capabilities": (7, "all", {}),
    "chronos": (8, "all", {"rangeStart": "20240101T000000Z", "rangeEnd": "20240102T000000Z"}),
    "config/identifier": (6, "", {}),
    "contacts": (6, "all", {"columns": "1"}),
    "folders": (6, "root", {"columns": "1"}),
    "group": (6, "get", {"id": 0}),
    "jslob": (7, "all", {}),
    "mail": (6, "count", {"folder": "default0/INBOX"}),
    "mailfilter": (6, "list", {}),
    "mailfilter/v2": (7, "list", {}),
    "quota": (6, "mail", {}),
    "reminder": (6, "range", {}),
    "resource": (6, "all", {}),
    "snippet": (7, "all", {}),
    "tasks": (6, "all", {"columns": "1"}),
    "user": (6, "get", {}),
}


@pytest.mark.parametrize("module", sorted(_MODULES))
def test_a_module_is_there_from_its_generation_on(ox: Client, module: str) -> None:
    since, action, params = _MODULES[module]
    reply = ox.send("GET", module, action, **params)
    assert reply.status_code == (200 if ox.server.generation >= since else 404)
    if reply.status_code == 200 and module != "attachment":
        assert "error" not in reply.json(), reply.json()


def test_a_module_that_nobody_has_is_404(ox: Client) -> None:
    assert ox.send("GET", "nothing", "all").status_code == 404
