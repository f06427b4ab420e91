"""The bus between the worker processes of one host: a folder with one datagram socket a worker.

News is a hint: whatever is lost on the way (a worker that is just starting, a queue that is full) is found by the next
look at the source. So nothing here ever raises for a peer, and nobody waits longer for one than :data:`PATIENCE`.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from app.notify.bus import Announcement, Arrival, Bus, LocalBus, Look, Mention, News, Receiver
from app.notify.waker import Waker
from app.usm.model import ContentType, Login, SessionId

_log = logging.getLogger(__name__)

PATIENCE: Final = 0.5
"""Seconds that a send may take when the peer's queue is full."""

LARGEST: Final = 100_000
"""Bytes of the largest news; more folders than that are not announced one by one anyway."""


class NodeBus:
    """A worker's end of the bus. ``folder`` is shared by the workers of one service, and by nobody else: whoever may
    write there may send them home."""

    def __init__(self, folder: Path) -> None:
        """Raises ``OSError`` when there cannot be a socket in this folder."""
        self._folder = folder
        self._own = folder / str(os.getpid())
        self._here = LocalBus()
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)
        self._receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._own.unlink(missing_ok=True)
        self._receiver.bind(str(self._own))
        threading.Thread(target=self._listen, name="bus", daemon=True).start()

    def publish(self, news: News) -> None:
        """See :class:`app.notify.bus.Bus`."""
        self._here.publish(news)
        data = pack(news)
        if len(data) > LARGEST:
            return
        try:
            for peer in self._folder.iterdir():
                if peer != self._own:
                    self._send(peer, data)
        except OSError as error:
            _log.warning("workers are not told of changes: %s", error)

    def subscribe(self, receive: Receiver) -> None:
        """See :class:`app.notify.bus.Bus`."""
        self._here.subscribe(receive)

    def _send(self, peer: Path, data: bytes) -> None:
        try:
            try:
                self._sender.sendto(data, str(peer))
            except BlockingIOError:
                _send_patiently(peer, data)
        except (ConnectionRefusedError, FileNotFoundError):
            # That worker has ended.
            peer.unlink(missing_ok=True)
        except OSError as error:
            _log.info("worker %s was not told: %s", peer.name, error)

    def _listen(self) -> None:
        while True:
            deliver(self._receiver.recv(LARGEST), self._here, Waker.WORKER)


def _send_patiently(peer: Path, data: bytes) -> None:
    """Wait until there is room in the peer's queue. By a socket of its own, as no two greenlets can wait for the same
    one; connected, as only then the kernel tells when there is room."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(PATIENCE)
        line.connect(str(peer))
        end = time.monotonic() + PATIENCE
        while not line.send(data):  # there was room, and another greenlet was quicker
            if time.monotonic() > end:
                raise TimeoutError("its queue is full")


def deliver(data: bytes, bus: Bus, way: Waker) -> None:
    """Publish news that somebody else has sent, this way. Whatever is wrong with it, or comes of it: the next one is
    heard."""
    try:
        news = _by_way_of(way, unpack(data))
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        _log.warning("news that cannot be read is dropped: %s", error)
        return
    try:
        bus.publish(news)
    except Exception:  # noqa: BLE001  (the thread must live on for all other news)
        _log.exception("news of kind %s was heard and led to an error", type(news).__name__)


def _by_way_of(way: Waker, news: News) -> News:
    if isinstance(news, Announcement) and news.source is Waker.CHANGE:
        return replace(news, source=way)
    return news


def pack(news: News) -> bytes:
    """The bytes that stand for news."""
    return json.dumps({"kind": type(news).__name__, **asdict(news)}).encode()


def unpack(data: bytes) -> News:
    """The news that bytes stand for. Raises ``ValueError``, ``TypeError``, ``KeyError`` or
    ``ArithmeticError``."""
    fields: Any = json.loads(data)
    if not isinstance(fields, dict):
        raise ValueError("news is an object")
    kind = fields.get("kind")
    if kind == Arrival.__name__:
        return Arrival(SessionId(**fields["session"]), float(fields["moment"]), bool(fields.get("decided")))
    if kind == Mention.__name__:
        return Mention(str(fields["name"]), _texts(fields["folders"]))
    if kind == Look.__name__:
        return Look(
            int(fields["context_id"]),
            int(fields["user_id"]),
            tuple((str(folder), ContentType(kind).value, text) for folder, kind, text in fields["folders"]),
            float(fields["moment"]),
            str(fields["by"]),
        )
    if kind == Login.__name__:
        name, device, address, mark = (str(fields[each]) for each in ("name", "device", "address", "mark"))
        return Login(name, device, address, mark, bool(fields["is_good"]))
    if kind == Announcement.__name__:
        by = fields["by"]
        return Announcement(
            int(fields["context_id"]),
            int(fields["user_id"]),
            _texts(fields["folders"]),
            SessionId(**by) if by else None,
            # A node of an earlier version does not tell.
            Waker.DOVECOT if fields.get("source") == Waker.DOVECOT else Waker.CHANGE,
        )
    raise ValueError(f"news of kind {kind!r} is not known")


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
