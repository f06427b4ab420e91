"""How requests to OX end, for whoever counts them."""

from __future__ import annotations

import pytest

from app.ox.client import OxClient, OxSession
from app.ox.meter import Meter
from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.ox.transport import Cookies, Transport
from app.usm.errors import AccessDenied, SourceUnavailable, UsmError
from app.usm.model import Credentials, Device
from tests.fakes.clock import ManualClock
from tests.ox.canned import BASE, CannedOx, standard

EXPIRED = {"error": "x", "code": "SES-0203", "category": 4}
MISSING = {"error": "x", "code": "MSG-0032", "category": 1}


class Bench:
    """A client, and what is told of its calls: module, kind and ending."""

    def __init__(self, connections: int = 5) -> None:
        self.ox = CannedOx()
        self.clock = ManualClock()
        self.told: list[tuple[str, str, str]] = []
        self.seconds: list[float] = []
        settings = OxSettings(BASE, connections=connections, connection_wait=0.0)
        self.transport = Transport(settings, self.clock, self.ox)
        self.meter = Meter(self.clock, self.note)
        session = OxSession("s1", Cookies(), 0.0)
        self.client = OxClient(self.transport, self.clock, session, self.meter)

    def note(self, module: str, kind: str, ending: str, seconds: float) -> None:
        self.told.append((module, kind, ending))
        self.seconds.append(seconds)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_is_answered_is_told_with_the_module_and_whether_it_writes(bench: Bench) -> None:
    bench.ox.on("config/folder/sent", {"data": "x"})
    bench.ox.on("mail?update", {"data": {}})
    bench.client.get("config/folder/sent")
    bench.client.put("mail", "update", {})
    assert bench.told == [("config", "read", "answered"), ("mail", "write", "answered")]


@pytest.mark.parametrize(
    ("answer", "ending"),
    [(MISSING, "refused"), (EXPIRED, "expired"), ({"data": []}, "answered"), ([], "failed")],
)
def test_what_an_answer_says_is_how_the_call_ended(bench: Bench, answer: object, ending: str) -> None:
    bench.ox.on("mail?get", answer)
    try:
        bench.client.get("mail", "get")
    except UsmError:
        assert ending != "answered"
    assert bench.told == [("mail", "read", ending)]


def test_a_call_without_an_answer_has_failed_and_took_its_time(bench: Bench) -> None:
    def hangs(seen: object) -> object:
        bench.clock.advance(7)
        raise OSError("reset")

    bench.ox.on("mail?get", hangs)
    with pytest.raises(SourceUnavailable):
        bench.client.get("mail", "get")
    assert (bench.told, bench.seconds) == ([("mail", "read", "failed")], [7.0])
    assert (bench.meter.cost.calls, bench.meter.cost.seconds) == (1, 7.0)


def test_what_finds_no_free_connection_was_not_sent() -> None:
    bench = Bench(connections=1)
    inner = OxClient(bench.transport, bench.clock, OxSession("s2", Cookies(), 0.0), bench.meter)

    def busy(seen: object) -> object:
        assert bench.transport.in_use == 1
        with pytest.raises(SourceUnavailable):
            inner.get("user", "get")
        return {"data": {}}

    bench.ox.on("mail?get", busy)
    bench.client.get("mail", "get")
    assert bench.told == [("user", "read", "not_sent"), ("mail", "read", "answered")]
    assert bench.transport.in_use == 0


def test_logins_are_a_kind_of_their_own() -> None:
    ox, told = standard(), []
    provider = OxSourceProvider(
        OxSettings(BASE), ManualClock(), ox, told=lambda *words: told.append(words[:3])
    )
    provider.open(Credentials("anton@example.org", "secret"), Device("EAS", "phone1"))
    assert told[0] == ("login", "login", "answered")
    assert provider.connections == (0, OxSettings(BASE).connections)
    ox.on("login?login", {"error": "x", "code": "LGI-0006", "category": 1})
    with pytest.raises(AccessDenied):
        provider.open(Credentials("anton@example.org", "wrong"), Device("EAS", "phone1"))
    assert told[-1] == ("login", "login", "refused")


def test_calls_for_who_comes_by_himself_are_told_too() -> None:
    ox, told = standard(), []
    provider = OxSourceProvider(
        OxSettings(BASE), ManualClock(), ox, told=lambda *words: told.append(words[:3])
    )
    _, opens = provider.visit(Credentials("anton@example.org", "secret"))
    assert told[0] == ("login", "login", "answered")
    told.clear()
    provider.visited(opens).senders()
    assert told
