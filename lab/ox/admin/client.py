"""Calling the admin daemon; only the standard library, so that a tool starts fast."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any

from lab.ox.admin.outcome import AdminFailure

_PORT = 1099


def call(
    method: str,
    arguments: dict[str, Any],
    timeout: float | None = None,
    address: tuple[str, int] | None = None,
) -> Any:
    """Call a method of the daemon at ``address``, by default the one that ``RMI_HOSTNAME`` names or the local one."""
    host, port = address or _address(os.environ.get("RMI_HOSTNAME", ""))
    connection = http.client.HTTPConnection(host, port, timeout=timeout or None)
    try:
        connection.request(
            "POST",
            "/rmi",
            json.dumps({"method": method, "arguments": arguments}),
            {"Content-Type": "application/json"},
        )
        reply = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AdminFailure(
            "communication", f"Error: Couldn't connect to the admin daemon at {host}:{port}: {error}"
        ) from error
    finally:
        connection.close()
    if "failure" in reply:
        raise AdminFailure(reply["failure"], reply["text"])
    return reply.get("result")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.removeprefix("rmi://").strip("/").partition(":")
    return host or "127.0.0.1", int(port) if port.isdigit() else _PORT
