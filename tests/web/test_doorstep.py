"""Refusals before a request is parsed: on a pair of sockets, and with the worker."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from prometheus_client import REGISTRY

from app.web import metrics
from app.web.admission import Limits
from app.web.doorstep import Doorstep, Fate, Seen, answer, see_off, seen
from tests.web.conftest import ADMIN, ALIAS, DEVICES, Front, basic
from tests.web.test_parking import Line, Service
from tests.web.test_server import wait_until

KEPT = answer(30, True)
CLOSED = answer(30, False)


def request(
    who: str = "storm", body: bytes = b"body", first: str = f"POST {ALIAS}?Cmd=Sync HTTP/1.1", **fields: str
) -> bytes:
    named = {"Host": "x", "Authorization": who, "Content_Length": str(len(body)), **fields}
    lines = [first, *(f"{name.replace('_', '-')}: {value}" for name, value in named.items() if value)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Guard:
    """Refuses the user ``storm``, so many times."""

    def __init__(self, times: int = 100) -> None:
        self.times = times
        self.asked: list[str] = []

    @property
    def is_crowded(self) -> bool:
        return self.times > 0

    def refuse(self, authorization: str) -> int | None:
        self.asked.append(authorization)
        if authorization != "storm":
            return None
        self.times -= 1
        return 30


def met(sent: bytes, guard: Guard, is_ending: bool = False) -> tuple[Fate | bytes, bytes, bytes]:
    """What becomes of the connection, what the client got, and what is left to be read."""
    server, client = socket.socketpair()
    with server, client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        server.setblocking(False)
        doorstep = Doorstep(ALIAS, guard)
        while (fate := doorstep.meet(server, lambda: is_ending)) is Fate.STAYS:
            pass
        left = b"".join(iter(lambda: server.recv(65536), b""))
        server.close()
        return fate, b"".join(iter(lambda: client.recv(65536), b"")), left


def test_the_head_is_understood_as_far_as_a_refusal_needs_it():
    raw = request("Basic eA==", b"1234")
    assert seen(raw + b"next") == Seen(ALIAS.encode(), "Basic eA==", len(raw), goes_on=True)
    assert seen(raw.replace(b"Authorization", b"authorization")) == seen(raw)
    assert seen(raw[:40]) is None


@pytest.mark.parametrize(
    "raw",
    [
        request(first=f"OPTIONS {ALIAS} HTTP/1.1"),
        request(Content_Length=""),
        request(Content_Length="+4"),
        request(Content_Length="9" * 5000),
        request(Transfer_Encoding="chunked"),
        request(content_length="5"),
    ],
)
def test_a_connection_ends_where_the_end_of_the_request_is_in_doubt(raw):
    found = seen(raw)
    assert found is not None
    assert (found.path, found.size) == (ALIAS.encode(), 0)
    assert met(raw, Guard()) == (b"", CLOSED, raw)


@pytest.mark.parametrize("raw", [request(first=f"POST {ALIAS} HTTP/1.0"), request(Connection="Close")])
def test_a_connection_ends_where_the_client_wants_it(raw):
    assert met(raw + request(), Guard()) == (Fate.ENDS, CLOSED, request())


def test_requests_of_one_connection_are_refused_one_after_the_other():
    guard = Guard()
    assert met(request() * 3, guard) == (Fate.ENDS, KEPT * 3, b"")
    assert guard.asked == ["storm"] * 3


def test_the_first_request_that_may_come_in_is_left_as_it_was_sent():
    follows = request("anton") + request()
    assert met(request() + follows, Guard()) == (Fate.COMES_IN, KEPT, follows)


def test_when_it_is_over_the_connection_comes_in():
    assert met(request() * 3, Guard(times=2)) == (Fate.COMES_IN, KEPT * 2, request())


def test_a_client_that_sends_nothing_has_its_connection_closed():
    assert met(b"", Guard()) == (Fate.ENDS, b"", b"")


@pytest.mark.parametrize("raw", [request()[:60], request(first="POST /elsewhere HTTP/1.1")])
def test_what_the_rule_does_not_speak_of_comes_in(raw):
    guard = Guard()
    assert met(raw, guard) == (Fate.COMES_IN, b"", raw)
    assert guard.asked == []


def test_a_body_that_is_not_there_yet_ends_the_connection_and_is_not_waited_for():
    raw = request(body=b"x" * 50_000)
    assert met(raw, Guard()) == (b"", CLOSED, raw)


def test_when_the_worker_ends_a_refusal_ends_the_connection():
    assert met(request(), Guard(), is_ending=True) == (Fate.ENDS, CLOSED, b"")


def test_a_refusal_says_when_to_come_again():
    assert (
        answer(42, True)
        == b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 42\r\nContent-Length: 0\r\n\r\n"
    )
    assert b"\r\nConnection: close\r\n" in CLOSED


def test_where_nothing_has_arrived_nothing_is_waited_for():
    server, client = socket.socketpair()
    with server, client:
        server.setblocking(False)
        assert Doorstep(ALIAS, Guard()).meet(server, lambda: False) is Fate.STAYS


def test_a_connection_that_was_torn_can_be_closed():
    server, client = socket.create_server(("127.0.0.1", 0)), socket.socket()
    with server, client:
        client.connect(server.getsockname())
        line = server.accept()[0]
        with line:
            line.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            assert Doorstep(ALIAS, Guard()).meet(line, lambda: False) is Fate.ENDS


def test_an_answer_that_the_connection_does_not_take_is_sent_before_the_end():
    server, client = socket.socketpair()
    with server, client:
        server.setblocking(False)
        filled = 0
        with suppress(BlockingIOError):
            while True:
                filled += server.send(b"x" * 1000)
        client.sendall(request())
        rest = Doorstep(ALIAS, Guard()).meet(server, lambda: False)
        assert rest == KEPT
        received = client.recv(filled, socket.MSG_WAITALL)
        client.shutdown(socket.SHUT_WR)
        see_off(server, rest)
        assert len(received) == filled
        assert client.recv(65536) == KEPT
        assert client.recv(1) == b""
        assert server.fileno() == -1


# After the head was parsed


class Parsed:
    """A request as gunicorn has it."""

    def __init__(self, who: str, path: str = ALIAS) -> None:
        self.path = path
        self.headers = [("HOST", "x"), ("AUTHORIZATION", who)]


@pytest.mark.parametrize(
    ("parsed", "times", "refused"),
    [
        (Parsed("storm"), 1, True),
        (Parsed("storm"), 0, False),
        (Parsed("anton"), 1, False),
        (Parsed("storm", "/elsewhere"), 1, False),
    ],
)
def test_a_parsed_request_is_refused_by_the_same_rule_and_its_connection_ends(parsed, times, refused):
    server, client = socket.socketpair()
    with server, client:
        client.shutdown(socket.SHUT_WR)
        assert Doorstep(ALIAS, Guard(times)).refuse(server, parsed) is refused
        server.close()
        assert client.recv(65536) == (CLOSED if refused else b"")


# The rule, as the application has it


NO_ROOM = Limits(at_once=0, own_at_once=0, waiting=0, later=(30, 30))


def test_the_door_refuses_by_the_name_in_the_header_and_counts_it():
    front = Front(limits=NO_ROOM)
    before = metrics.COMMANDS.labels("-", "-", "503")._value.get(), metrics.OVERLOADED._value.get()
    assert front.door.is_crowded
    assert front.door.refuse(basic("anton")["Authorization"]) == 30
    after = metrics.COMMANDS.labels("-", "-", "503")._value.get(), metrics.OVERLOADED._value.get()
    assert after == (before[0] + 1, before[1] + 1)


def test_what_is_refused_unread_does_not_hide_how_long_others_take():
    front = Front(limits=NO_ROOM)
    measured = REGISTRY.get_sample_value("usm_command_seconds_count", {"command": "-"})
    front.door.refuse(basic("anton")["Authorization"])
    assert REGISTRY.get_sample_value("usm_command_seconds_count", {"command": "-"}) == measured
    front.command(headers={"Authorization": ""})
    assert REGISTRY.get_sample_value("usm_command_seconds_count", {"command": "-"}) == (measured or 0) + 1


@pytest.mark.parametrize("authorization", ["", "Basic !", "Negotiate abc", "Bearer abc"])
def test_who_has_no_readable_name_is_not_refused_but_told_what_is_wrong(authorization):
    front = Front(limits=NO_ROOM)
    assert front.door.refuse(authorization) is None
    assert front.command(headers={"Authorization": authorization}).status_code == 401


def test_the_port_of_administrators_has_no_doorstep():
    front = Front()
    assert front.app.doorstep(ADMIN) is None
    assert front.app.doorstep(DEVICES) is not None


# With the worker


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    found = Service(tmp_path_factory.mktemp("crowded"))
    yield found
    found.process.terminate()
    assert found.process.wait(20) == 0
    assert "Traceback" not in found.log.read_text()


@pytest.fixture
def crowded(running: Service) -> Iterator[Service]:
    running.ask("/crowded?1")
    yield running
    running.ask("/crowded?0")
    running.ask("/wake")


STORM = "Authorization: storm\r\n"
ANTON = "Authorization: anton\r\n"


def told(line: Line) -> tuple[str, bool, bool]:
    """Status, when to come again, and whether the connection ends."""
    line.answer()
    return line.head.split()[1], "retry-after: 30" in line.head, "connection: close" in line.head


def test_a_new_connection_is_refused_as_long_as_it_is_too_much_and_served_then(crowded):
    with Line(crowded) as line:
        for _ in range(3):
            line.send("/wait", b"body", more=STORM)
            assert told(line) == ("503", True, False)
        crowded.ask("/crowded?0")
        line.send("/wait?x", b"body", more=STORM)
        crowded.wait_for(1)
        crowded.ask("/wake")
        assert line.answer().strip() == "x"


def test_a_connection_of_its_own_for_each_request_is_refused_as_well(crowded):
    for _ in range(3):
        with Line(crowded) as line:
            line.send("/wait", b"body", more=STORM + "Connection: close\r\n")
            assert told(line) == ("503", True, True)
            assert line.ended()


def test_others_are_served_meanwhile(crowded):
    with Line(crowded) as line:
        line.send("/wait?x", more=ANTON)
        crowded.wait_for(1)
        crowded.ask("/wake")
        assert line.answer().strip() == "x"


def test_a_connection_that_was_served_meanwhile_goes_on_and_is_refused_without_ending(crowded):
    with Line(crowded) as line:
        line.ask("/told")
        for _ in range(3):
            line.send("/wait", b"body", more=STORM)
            assert told(line) == ("503", True, False)
        line.send("/wait?x", more=ANTON)
        crowded.wait_for(1)
        crowded.ask("/wake")
        assert line.answer().strip() == "x"
        line.send("/wait", b"body", more=STORM)
        assert told(line) == ("503", True, False)
        assert line.ask("/told").startswith("0 ")


def test_a_body_that_nobody_read_is_not_taken_for_the_next_request(crowded):
    storm = "POST /wait HTTP/1.1\r\nAuthorization: storm\r\nContent-Length: 0\r\n\r\n"
    with Line(crowded) as line:
        line.send("/unread", storm.encode() * 500)
        assert line.answer() == "unread"
        assert line.ask("/told").startswith("0 ")


def test_a_request_read_together_with_the_next_one_is_followed_by_that(crowded):
    with Line(crowded) as line:
        told = b"GET /told HTTP/1.1\r\nHost: x\r\n\r\n"
        line.connection.sendall(told * 2)
        assert line.answer().startswith("0 ")
        assert line.answer().startswith("0 ")


def test_many_that_are_refused_need_no_greenlet(crowded):
    before = crowded.told()[2]
    with ExitStack() as lines:
        for _ in range(40):
            line = lines.enter_context(Line(crowded))
            line.send("/wait", more=STORM)
            assert told(line) == ("503", True, False)
        assert crowded.told()[2] < before + 10


def test_connections_that_are_refused_count_as_any_others(crowded):
    with ExitStack() as lines:
        for _ in range(60):
            line = lines.enter_context(Line(crowded))
            line.send("/wait", more=STORM)
            assert told(line) == ("503", True, False)
        line = lines.enter_context(Line(crowded))
        line.send("/wait", more=STORM)
        line.answer()
        assert "retry-after: 60" in line.head
        assert line.ended()
    assert wait_until(lambda: crowded.ask("/told").startswith("0 "))


def test_a_connection_that_was_served_before_ends_with_the_refusal_and_without_a_reset(running):
    with Line(running) as line:
        line.ask("/told")
        line.ask("/crowded?1")
        line.send("/wait", b"x" * 100_000, more=STORM)
        assert told(line) == ("503", True, True)
        assert line.ended()
    running.ask("/crowded?0")


def test_a_body_that_is_still_on_its_way_does_not_reset_the_answer(crowded):
    with Line(crowded) as line:
        line.send("/wait", b"x" * 100_000, more=STORM)
        assert told(line) == ("503", True, True)
        assert line.ended()


def test_a_request_that_was_parked_is_answered_however_crowded_it_is(running):
    with Line(running) as line:
        line.send("/wait?parked", more=STORM)
        running.wait_for(1)
        running.ask("/crowded?1")
        running.ask("/wake")
        assert line.answer().strip() == "parked"
        line.send("/wait?next", more=STORM)
        assert told(line) == ("503", True, False)
    running.ask("/crowded?0")


def test_when_the_worker_ends_a_connection_that_was_refused_is_kept_for_a_moment(tmp_path):
    service = Service(tmp_path)
    service.ask("/crowded?1")
    with Line(service) as line, Line(service) as silent:
        for each in (line, silent):
            each.send("/wait", more=STORM)
            assert told(each) == ("503", True, False)
        service.process.terminate()
        assert wait_until(lambda: not service.accepts())
        line.send("/wait", more=STORM)
        assert told(line) == ("503", True, True)
        assert line.ended()
        assert silent.ended()
    assert service.process.wait(20) == 0
    assert "Traceback" not in service.log.read_text()
