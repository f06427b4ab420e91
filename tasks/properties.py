"""Guide, "Configuration": usm.properties and eas.properties, beside Open-Xchange's own settings.

Each becomes what the settings want and what somebody edited on the host, merged (:mod:`tasks.merge` has the rules);
every key stands there with its meaning. The file of before stays beside it with its date. What was wanted is remembered
on the host, so that the next run can tell what was edited since. The files may hold a password: only the service can
read them, and their texts are read and written where no log sees them.

For the vendor's product (:data:`tasks.product.BUNDLES`) the files are those that its package brought: the settings
``bundle_properties`` and ``ox_url`` are put into them, and everything else stays byte by byte.
"""

from __future__ import annotations

import base64
import functools
import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from pyinfra import logger
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.context import host, inventory, state

from tasks import merge, nodes, package, product, proxy, report, run, scripts, secrets, upgrade
from tasks.merge import Found, Merged, Wanted
from tasks.nodes import Node
from tasks.operations import operation
from tasks.render import render, settings_of

FILES = ("usm", "eas")
MODE = "640"
OWNER = "root:open-xchange"

SECRETS = {
    "database_url": "USM_DATABASE_URL",
    "database_password": "USM_DATABASE_PASSWORD",  # nosec B105 # its name
    "admin_logins": "USM_ADMIN_LOGINS",
    "secret_keys": "USM_SECRET_KEYS",  # nosec B105 # its name
    "redis_url": "USM_REDIS_URL",
    "dovecot_push_password": "USM_PUSH_PASSWORD",  # nosec B105 # its name
}
"""Setting -> the secret that may take its place."""

RENDERED = f"{nodes.STATE}/rendered"
"""Where a host keeps what was wanted of the files when they were last written."""

OX_URL = "com.openexchange.usm.ox.url"
LISTEN_HOST = "com.openexchange.usm.listen.host"

PLACEHOLDERS = {
    OX_URL: ("http://your.ox.server/ajax/",),
    LISTEN_HOST: ("127.0.0.1",),
}
"""Values that stand in shipped files and that nobody has chosen."""


PRIVATE = ("127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""The proxies that the application believes by itself."""


def configure() -> None:
    """Both files are as they should be, on nodes that do not serve; :mod:`tasks.rollout` sees to the others. Raises
    :class:`~tasks.run.DeployError` for settings, or values on the host, that cannot be used."""
    if nodes.is_node():
        check()
        _configure(name="Configure usm.properties and eas.properties")


def configure_bundles() -> None:
    """The vendor's bundles read their settings when the groupware starts. So these are there before it restarts for the
    update tasks: another restart, after updatetasks.cfg is back, would keep a first login from running them."""
    if nodes.is_node() and not product.wanted(host.data).has_service:
        run.attempt(_configure_bundles, "Configure the bundles")


@operation()
def _configure_bundles() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or not upgrade.owes(node):
        host.noop("the bundles are not new")
    elif package.is_pending(node) and not state.is_executing:
        # Which settings the package brings is not known yet; ours are not among them.
        yield StringCommand("configure")
    else:
        yield from steps()


@operation()
def _configure() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.in_turn(node):
        host.noop("the node serves: its settings change in its turn")
        return
    if not product.wanted(host.data).has_service and upgrade.owes(node):
        host.noop("the bundles are configured before the groupware restarts")
        return
    if not is_pending(node):
        host.noop("usm.properties and eas.properties are as they should be")
        return
    yield from steps()


def check() -> None:
    """Refuses what the application would not start with, before anything is touched: settings, and values that somebody
    has edited on the host at hand. Raises :class:`~tasks.run.DeployError`."""
    _check_extra()
    node = nodes.state_of(host)
    if not product.wanted(host.data).has_service or not (is_pending(node) or upgrade.way(node)):
        # What lies there has been looked at when it was written.
        return
    check_settings(tuple(_without_own_address(wanted()).items()))
    if is_pending(node) and node.properties:
        _check_on_host(node)


def is_pending(node: Node) -> bool:
    """Whether a file of the node at hand is not what it should be. Tells by checksums alone."""
    return any(not _is_right(node, name, each) for name, each in wanted().items())


def steps() -> Iterator[PyinfraCommand]:
    """What makes both files on the node at hand what they should be; nothing if they are."""
    node = nodes.state_of(host)
    if not is_pending(node):
        return
    found = _read(node)
    bundles = not product.wanted(host.data).has_service
    merged = _bundled(node, found) if bundles else _merged(node, found)
    if bundles and state.is_executing and (absent := [name for name in FILES if found[name].text is None]):
        yield run.failure(f"the package has brought no {_path(node, absent[0])}: is it the right one?")
        return
    if any(_differs(node, name, merged[name]) for name in FILES):
        # Whatever runs now has not read this; without the note of what was started, the service is restarted.
        yield StringCommand("rm", "-f", nodes.STARTED)
    for name, each in wanted().items():
        _tell(node, name, found[name], merged[name])
        if _is_right(node, name, each):
            continue
        yield _write(node, name, each, merged[name])
    nodes.forget(host)


def wanted() -> dict[str, Wanted]:
    """What the settings want of both files on the host at hand, by name."""
    if product.wanted(host.data).has_service:
        explicit = _explicit_settings()
        return {
            name: Wanted(text, frozenset(_explicit_keys(name, explicit)))
            for name, text in texts(settings()).items()
        }
    chosen = {name: {**host.data.bundle_properties.get(name, {})} for name in FILES}
    keys = {name: frozenset(found) for name, found in chosen.items()}
    if not any(OX_URL in found for found in chosen.values()):
        chosen["usm"][OX_URL] = host.data.ox_url
        keys["usm"] |= {OX_URL} if "ox_url" in _explicit_settings() else set()
    return {name: Wanted(merge.replace("", found), keys[name]) for name, found in chosen.items()}


def settings() -> dict[str, Any]:
    """The settings of the host at hand, by name."""
    return dict(host.data.dict())  # type: ignore[no-untyped-call]


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """What the templates make of the settings, by the file's name, for the host at hand."""
    own: dict[str, str | None] = {"listen_host": _listen_host(), "trusted_proxies": _trusted_proxies()}
    own |= {name: secrets.find(secret, host.data) for name, secret in SECRETS.items()}
    filled = {**values, **{name: value for name, value in own.items() if value and not values[name]}}
    return {name: render(f"{name}.properties.j2", filled) for name in FILES}


def _listen_host() -> str:
    """Where the web servers reach this node: loopback if the only one is the node itself."""
    return "127.0.0.1" if proxy.is_only_web_server(host) else proxy.address_of(host)


def _trusted_proxies() -> str:
    """The web servers that the application would not believe by itself: those with a public address. Empty: it need not
    be told anything."""
    found = [proxy.address_of(web) for web in inventory.get_group("web")]
    public = [address for address in found if _is_public(address)]
    return ", ".join((*PRIVATE, *public)) if public else ""


def _is_public(address: str) -> bool:
    try:
        return not any(ip_address(address) in ip_network(network) for network in PRIVATE)
    except ValueError:
        # A name: it may stand for any address, and the checks at the end tell.
        return False


def _explicit_settings() -> set[str]:
    """Names of the settings that somebody has chosen for the host at hand: given beside ``group_data/all.py`` (for a
    group, for the host, with ``--data``, as a secret), be it with the same value."""
    defaults = _defaults()
    chosen = {name for name, value in settings().items() if name not in defaults or value != defaults[name]}
    beside = (
        inventory.get_override_data(),  # type: ignore[no-untyped-call]
        inventory.get_host_data(host.name),
        inventory.get_groups_data(host.groups),  # type: ignore[no-untyped-call]
    )
    chosen.update(name for layer in beside for name in layer)
    return chosen | {name for name, secret in SECRETS.items() if secrets.find(secret, host.data)}


@functools.cache
def _defaults() -> dict[str, Any]:
    return vars(importlib.import_module("group_data.all"))


def _explicit_keys(name: str, explicit: set[str]) -> Iterator[str]:
    for key, setting in settings_of(f"{name}.properties.j2").items():
        if setting in explicit:
            yield key
    yield from (str(key).strip() for key in settings()[f"extra_{name}_properties"])


def _check_extra() -> None:
    """The extra lines are for keys that have no setting: one that has it would stand there twice."""
    known = {key: named for name in FILES for key, named in settings_of(f"{name}.properties.j2").items()}
    seen: dict[str, str] = {}
    for name in FILES:
        setting = f"extra_{name}_properties"
        for key in (str(key).strip() for key in host.data.get(setting) or {}):
            if key in known:
                raise run.DeployError(
                    f"{setting} has {key}, which is the setting {known[key]}: set that instead."
                    " Nothing has been touched"
                )
            if key in seen:
                raise run.DeployError(
                    f"{key} is both in {seen[key]} and in {setting}. Nothing has been touched"
                )
            seen[key] = setting


def _without_own_address(files: Mapping[str, Wanted]) -> dict[str, str]:
    """The texts without what differs from host to host by itself, so that fifty hosts are one check."""
    own = re.compile(rf"(?m)^{re.escape(LISTEN_HOST)}=.*$")
    chosen = bool(host.data.listen_host)
    return {
        name: each.text if chosen else own.sub(f"{LISTEN_HOST}=", each.text) for name, each in files.items()
    }


@functools.cache
def check_settings(files: tuple[tuple[str, str], ...]) -> None:
    """Lets the application look at the settings, on this machine. Raises :class:`~tasks.run.DeployError` with what it
    says of them."""
    if complaint := _complaint(files):
        raise run.DeployError(
            f"the settings in group_data/ cannot be used: {complaint}. Nothing has been touched"
        )


@functools.cache
def _complaint(files: tuple[tuple[str, str], ...]) -> str:
    """What the application says against these texts; empty if it would start with them."""
    with tempfile.TemporaryDirectory(prefix="usm-settings-") as folder:
        for name, text in files:
            (Path(folder) / f"{name}.properties").write_text(text, encoding=merge.ENCODING)
        command = [sys.executable, "-m", "app", "--check", "--etc", folder]
        done = subprocess.run(command, cwd=run.PROJECT, capture_output=True, text=True, check=False)
    return (done.stderr or done.stdout).replace(f"{folder}/", "").strip() if done.returncode else ""


def _check_on_host(node: Node) -> None:
    """The values that stay on the host at hand because somebody edited them there are looked at too. Shows already what
    will change."""
    found = _read(node)
    merged = _merged(node, found)
    complaint = _complaint(tuple((name, each.text) for name, each in merged.items()))
    if complaint:
        lines = "; ".join(_as_on_host(node, line, merged) for line in complaint.splitlines())
        raise run.DeployError(
            f"what was edited on {host.name} cannot be used: {lines}. Correct it there, or say it in group_data/, which"
            " then counts. Nothing has been touched"
        )
    for name in FILES:
        _show(_difference(node, name, found[name], merged[name]))


def _as_on_host(node: Node, line: str, merged: Mapping[str, Merged]) -> str:
    """A complaint about the merged files as one about the files on the host."""
    match = re.match(r"\w+\.properties:\d+: ([^\s=]+)(.*)", line)
    for name, each in merged.items():
        if match and (entry := each.kept.get(match.group(1))):
            named = settings_of(f"{name}.properties.j2").get(entry.key)
            hint = f" (setting {named})" if named else ""
            return f"{_path(node, name)}:{entry.line}: {match.group(1)}{match.group(2)}{hint}"
    return line


def _path(node: Node, name: str) -> str:
    return f"{node.etc}/{name}.properties"


def _is_right(node: Node, name: str, each: Wanted) -> bool:
    """Whether a file is as it was written, with its rights, and was written for what is wanted now."""
    found, _, rights = node.properties.get(name, "").partition(" ")
    remembered = merge.digest(merge.remember(each, found))
    if node.rendered.get(name) != remembered:
        return False
    return not product.wanted(host.data).has_service or (
        rights == f"{MODE} {OWNER}" and not node.leftovers.get(name)
    )


def _read(node: Node) -> dict[str, Found]:
    """What the host at hand has of both files. The texts may hold secrets."""
    question = scripts.command("properties", "read", node.etc, RENDERED)
    succeeded, output, complaint = scripts.ask(host, question, confidential=True)
    if not succeeded:
        raise run.DeployError(f"the settings on {host.name} cannot be read: {complaint or 'no reason given'}")
    told: dict[str, list[tuple[str, str]]] = {name: [] for name in FILES}
    for line in output.splitlines():
        name, kind, text = (*line.split(" "), "")[:3]
        told[name].append((kind, base64.b64decode(text).decode(merge.ENCODING)))
    secrets.remember(
        *(value for found in told.values() for _, text in found for value in merge.secrets_of(text))
    )
    return {name: _found(found) for name, found in told.items()}


def _found(told: list[tuple[str, str]]) -> Found:
    texts = dict(told)
    shipped = tuple(text for kind, text in told if kind == "shipped")
    text, base, following = texts.get("text"), texts.get("base"), texts.get("next")
    if following and text is not None and merge.result_of(following) == merge.digest(text):
        # A run was cut off after it had written the file, and before it could remember that.
        base = following
    if base is None and (text is None or text in shipped):
        # A package put the edited file aside and may have brought its own instead.
        text = texts.get("saved", text)
    return Found(text, base, shipped)


def _merged(node: Node, found: Mapping[str, Found]) -> dict[str, Merged]:
    try:
        return merge.merge(wanted(), found, PLACEHOLDERS)
    except merge.UnreadableError as error:
        raise run.DeployError(_unreadable(node, found, error)) from None


def _unreadable(node: Node, found: Mapping[str, Found], error: merge.UnreadableError) -> str:
    for name, each in found.items():
        try:
            merge.entries(each.text or "")
        except merge.UnreadableError as again:
            return (
                f"{_path(node, name)}:{again.line} on {host.name} cannot be read: {again}. Correct it there"
            )
    return str(error)


def _bundled(node: Node, found: Mapping[str, Found]) -> dict[str, Merged]:
    """The vendor's files with our keys in them. A value that was edited on the host stays as it does in ours."""
    decided = _merged(node, found)
    return {
        name: Merged(
            merge.replace(
                found[name].text or "", {key: merge.values(decided[name].text)[key] for key in ours}
            ),
            decided[name].kept,
        )
        for name, ours in ((name, merge.values(each.text)) for name, each in wanted().items())
    }


def _write(node: Node, name: str, each: Wanted, merged: Merged) -> PyinfraCommand:
    own = product.wanted(host.data).has_service
    rights = (MODE, OWNER) if own else ("-", "-")
    text = merged.text if _differs(node, name, merged) else ""
    remembered = merge.remember(each, merge.digest(merged.text))
    copies = int(host.data.property_copies_kept)
    return scripts.command(
        "properties",
        *("write", _path(node, name), *rights, copies, RENDERED),
        stdin=f"{_encoded(text)}\n{_encoded(remembered)}\n",
    )


def _differs(node: Node, name: str, merged: Merged) -> bool:
    return node.properties.get(name, "").split(" ")[0] != merge.digest(merged.text)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode(merge.ENCODING)).decode()


_said: set[tuple[str, str]] = set()


def _tell(node: Node, name: str, found: Found, merged: Merged) -> None:
    """Shows what changes in a file, and what stays though nobody else would expect it."""
    for key, entry in merged.kept.items():
        report.note(
            "kept",
            f"{merge.shown(key, entry.value)} on this host; say it in group_data to make it everyone's",
        )
    for key, earlier in merged.repeated.items():
        places = ", ".join(map(str, earlier))
        report.note(
            "warning", f"{_path(node, name)}: {key} stands there again after line {places}; the last counts"
        )
    if shown := _difference(node, name, found, merged):
        report.note("difference", shown)
        _show(shown)


def _difference(node: Node, name: str, found: Found, merged: Merged) -> str:
    """What changes in the values of a file that was there, as a diff; empty if nothing does."""
    lines = [] if found.text is None else merge.difference(found.text, merged.text)
    return "\n".join([f"--- {_path(node, name)}", f"+++ {_path(node, name)}", *lines]) if lines else ""


def _show(shown: str) -> None:
    """Shows a difference in the output of the run, once."""
    if shown and (host.name, shown) not in _said:
        _said.add((host.name, shown))
        for line in shown.splitlines():
            logger.info(f"    [{host.name}] {line}")
