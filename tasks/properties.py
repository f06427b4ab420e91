"""Guide, "Configuration": usm.properties and eas.properties, beside Open-Xchange's own settings.

Both are written whole from their templates, so that every key stands there with its meaning. A file with other content
is kept beside the new one with its date. They may hold a password, so only the service can read them.
"""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from tasks import nodes, proxy, run, scripts, secrets
from tasks.render import render

FILES = ("usm", "eas")
MODE = "640"
OWNER = "root:open-xchange"


def configure() -> None:
    """Both files hold exactly what the settings say."""
    if nodes.is_node():
        wanted = texts(settings())
        check(tuple(wanted.items()))
        _configure(name="Configure usm.properties and eas.properties", texts=wanted)


@functools.cache
def check(wanted: tuple[tuple[str, str], ...]) -> None:
    """Lets the application look at the settings, on this machine and before anything is touched. Raises
    :class:`~tasks.run.DeployError` with what it says of them."""
    with tempfile.TemporaryDirectory(prefix="usm-settings-") as folder:
        for name, text in wanted:
            (Path(folder) / f"{name}.properties").write_text(text, encoding="iso-8859-1")
        command = [sys.executable, "-m", "app", "--check", "--etc", folder]
        done = subprocess.run(command, cwd=run.PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        complaint = (done.stderr or done.stdout).replace(f"{folder}/", "").strip()
        raise run.DeployError(
            f"the settings in group_data/ cannot be used: {complaint}. Nothing has been touched"
        )


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
        # Whatever runs now has not read this; without the note of what was started, the service is restarted.
        yield StringCommand("rm", "-f", nodes.STARTED)
        yield scripts.command("write", f"{node.etc}/{name}.properties", MODE, OWNER, "keep", stdin=text)
