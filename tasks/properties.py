"""Guide, "Configuration": usm.properties and eas.properties, beside Open-Xchange's own settings.

Both are written whole from their templates, so that every key stands there with its meaning. A file with other content
is kept beside the new one with its date. They may hold a password, so only the service can read them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from typing import Any

from pyinfra.api.command import PyinfraCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from tasks import nodes, proxy, scripts, secrets
from tasks.render import render

FILES = ("usm", "eas")
MODE = "640"
OWNER = "root:open-xchange"


def configure() -> None:
    """Both files hold exactly what the settings say."""
    if nodes.is_node():
        _configure(name="Configure usm.properties and eas.properties", texts=texts(settings()))


def settings() -> dict[str, Any]:
    """The settings of the host at hand, by name."""
    return dict(host.data.dict())  # type: ignore[no-untyped-call]


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """The content of both files, by name, for the host at hand."""
    own = {"listen_host": _listen_host(), "database_url": secrets.find("USM_DATABASE_URL", host.data)}
    filled = {**values, **{name: value for name, value in own.items() if value and not values[name]}}
    return {name: render(f"{name}.properties.j2", filled) for name in FILES}


def _listen_host() -> str:
    """Where the web servers reach this node: loopback if the only one is the node itself."""
    return "127.0.0.1" if proxy.is_only_web_server(host) else proxy.address_of(host)


@operation()
def _configure(texts: Mapping[str, str]) -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    for name, text in texts.items():
        wanted = f"{hashlib.sha256(text.encode()).hexdigest()} {MODE} {OWNER}"
        if node.properties.get(name) == wanted:
            host.noop(f"{name}.properties is as it should be")
            continue
        yield scripts.command("write", f"{node.etc}/{name}.properties", MODE, OWNER, "keep", stdin=text)
