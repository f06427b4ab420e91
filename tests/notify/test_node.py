"""The bus between the worker processes of one host, with real sockets and a real second process."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.notify.bus import Announcement, Arrival, Look, Mention
from app.notify.node import NodeBus, pack, unpack
from app.usm.model import Login, SessionId
from tests.waiting import within

ROOT = Path(__file__).resolve().parents[2]
SESSION = SessionId(1, 3, "EAS", "phone1")
NEWS = [
    Announcement(1, 3, ("default0/INBOX", "31")),
    Announcement(1, 3, ("default0/Entwürfe",), SESSION),
    Arrival(SESSION, 1234.5),
    Mention("anton@example.org", ("default0/INBOX",)),
    Login("anton@example.org", "phone1", "192.0.2.1", "0123456789abcdef", is_good=False),
    Look(1, 3, (("default0/INBOX", "mail", "1.2"), ("31", "contacts", None)), 1234.5, "somebody"),
]


wait_until = within(10.0)


@pytest.fixture
def folder(tmp_path_factory) -> Path:
    # A short name: the address of a socket has room for 107 bytes.
    return tmp_path_factory.mktemp("bus")


def _other_worker(folder: Path, heard: multiprocessing.Queue, say: multiprocessing.Event) -> None:
    bus = NodeBus(folder)
    bus.subscribe(heard.put)
    heard.put("ready")
    say.wait(20)
    bus.publish(NEWS[0])
    time.sleep(20)


HUGE = b'{"kind": "Look", "context_id": 1, "user_id": 3, "folders": [], "moment": 1' + b"0" * 400 + b"}"
UNKNOWN = pack(NEWS[-1]).replace(b"contacts", b"dreams")


@pytest.mark.parametrize("news", NEWS)
def test_news_survives_its_way(news):
    assert unpack(pack(news)) == news


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b'{"kind": "Rumour"}', b'{"kind": "Arrival"}', b"\xff", UNKNOWN, HUGE]
)
def test_what_is_no_news_is_refused(data):
    with pytest.raises((ValueError, TypeError, KeyError, ArithmeticError)):
        unpack(data)


def test_news_reaches_the_own_process_and_the_others(folder):
    context = multiprocessing.get_context("spawn")
    heard, say = context.Queue(), context.Event()
    other = context.Process(target=_other_worker, args=(folder, heard, say), daemon=True)
    other.start()
    try:
        assert heard.get(timeout=20) == "ready"
        bus, own = NodeBus(folder), []
        bus.subscribe(own.append)
        for news in NEWS:
            bus.publish(news)
        assert own == NEWS
        assert [heard.get(timeout=10) for _ in NEWS] == NEWS
        say.set()
        assert wait_until(lambda: own == [*NEWS, NEWS[0]])
    finally:
        other.kill()
        other.join()
    # The dead worker's place is cleared away, and publishing goes on.
    bus.publish(NEWS[0])
    assert [path.name for path in folder.iterdir()] == [str(os.getpid())]


def test_nonsense_in_the_socket_does_not_end_the_listening(folder):
    bus, heard = NodeBus(folder), []
    bus.subscribe(heard.append)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for data in (b"", b"nonsense", b"[]", b'{"kind": "Announcement"}', pack(NEWS[2])):
            stranger.sendto(data, str(folder / str(os.getpid())))
    assert wait_until(lambda: heard == [NEWS[2]])


def test_a_worker_that_does_not_listen_holds_nobody_up_for_long(folder):
    bus = NodeBus(folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(folder / "999999"))
        started = time.monotonic()
        for _ in range(13):
            bus.publish(NEWS[0])
        assert time.monotonic() - started < 5


PROGRAM = """
from gevent import monkey
monkey.patch_all()

import socket
import sys
from pathlib import Path
import gevent
from app.notify.bus import Mention
from app.notify.node import NodeBus

folder = Path(sys.argv[1])
bus = NodeBus(folder)
busy = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
busy.bind(str(folder / "999999"))
room = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 1
said = [gevent.spawn(bus.publish, Mention(str(number), ())) for number in range(room + 20)]
gevent.sleep(0.05)
heard = [busy.recv(10_000) for _ in said]
gevent.joinall(said, raise_error=True)
print(len(set(heard)) - room)
"""


def test_many_greenlets_may_wait_for_a_worker_that_is_busy(folder):
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert told.stdout == "20\n", told.stderr


def test_a_folder_that_is_gone_holds_up_nobody_in_this_process(folder, caplog):
    bus, heard = NodeBus(folder), []
    bus.subscribe(heard.append)
    shutil.rmtree(folder)
    bus.publish(NEWS[0])
    assert heard == [NEWS[0]]
    assert "not told" in caplog.text


def test_a_receiver_that_fails_does_not_end_the_listening(folder, caplog):
    bus, heard = NodeBus(folder), []

    def receive(news):
        heard.append(news)
        raise RuntimeError("broken")

    bus.subscribe(receive)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        for news in NEWS:
            peer.sendto(pack(news), str(folder / str(os.getpid())))
    assert wait_until(lambda: heard == NEWS)
    assert "RuntimeError: broken" in caplog.text


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        NodeBus(tmp_path / "missing")
