"""What the service of the node at hand says of itself, asked from the node, through ssh (:mod:`tasks.tunnel`)."""

from __future__ import annotations

import functools

from pyinfra.context import host, inventory

from tasks import phone, tunnel
from tasks.nodes import Node
from tasks.tunnel import ClosedTunnel

PATIENCE = 20.0
"""Seconds for an answer: the service says within a few that OX or the database is down; a busy host has some to
spare."""


def admin(node: Node, path: str) -> bytes:
    """What the service answers to those who look after it, whatever the status. Raises :class:`OSError` where it does
    not answer, and :class:`~tasks.tunnel.ClosedTunnel`."""
    question = phone.Question("", url(node, "admin"), seconds=PATIENCE)
    return phone.Line(question, dial()).send("GET", path).body


def dial() -> phone.Dial:
    """The way of questions through the ssh connection of the host at hand."""
    return functools.partial(tunnel.connected, inventory.get_host(host.name))


def url(node: Node, which: str) -> str:
    """Where the service listens, for phones (``listen``) or for those who look after it (``admin``). Raises
    :class:`~tasks.tunnel.ClosedTunnel` where its settings do not say that in so many words."""
    return phone.url_of(setting(node, f"{which}_host"), setting(node, f"{which}_port"))


def setting(node: Node, name: str) -> str:
    """A setting of :attr:`tasks.nodes.Node.settings`. Raises :class:`~tasks.tunnel.ClosedTunnel` likewise."""
    value = node.settings.get(name, "")
    if not value or "\\" in value:
        raise ClosedTunnel(f"{name} of {host.name} is not known")
    return value
