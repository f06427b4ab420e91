"""What only the stand-in offers: control endpoints, expiry, limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from lab.ox.process import StandIn
from tests.standin.client import Client, Server


@pytest.fixture(scope="module")
def here(stand_ins: Callable[[int], StandIn]) -> Server:
    """A stand-in of generation 6."""
    stand_in = stand_ins(6)
    return Server(stand_in.url, "heinrich@example.org", stand_in.password, 6, stand_in.root)


@pytest.fixture
def heinrich(here: Server) -> Iterator[Client]:
    """A session; no fault outlives the test."""
    client = here.client()
    yield client
    requests.delete(here.root + "/lab/fault", timeout=30)


def _fault(here: Server, **fault: Any) -> None:
    requests.post(here.root + "/lab/fault", json=fault, timeout=30).raise_for_status()


def _root(client: Client) -> requests.Response:
    return client.send("GET", "folders", "root", columns="1")


def test_an_error_strikes_as_often_as_asked(here: Server, heinrich: Client) -> None:
    _fault(here, kind="error", module="folders", action="root", times=2, code="SES-0203")
    codes = [_root(heinrich).json().get("code") for _ in range(3)]
    assert codes == ["SES-0203", "SES-0203", None]


def test_an_unknown_code_takes_the_category_that_is_given(here: Server, heinrich: Client) -> None:
    _fault(here, kind="error", code="XYZ-0001", category="CONNECTIVITY")
    envelope = _root(heinrich).json()
    assert (envelope["code"], envelope["category"]) == ("XYZ-0001", 6)


def test_a_status_a_hang_and_a_cut(here: Server, heinrich: Client) -> None:
    _fault(here, kind="http", status=503)
    assert _root(heinrich).status_code == 503
    _fault(here, kind="hang", seconds=0.5)
    begun = time.monotonic()
    assert _root(heinrich).status_code == 200
    assert time.monotonic() - begun >= 0.5
    _fault(here, kind="cut")
    with pytest.raises(requests.exceptions.RequestException):
        _root(heinrich)
    assert _root(heinrich).status_code == 200


def test_a_hang_holds_up_nobody_else(here: Server, heinrich: Client) -> None:
    _fault(here, kind="hang", module="mail", action="count", seconds=3)
    with pytest.raises(requests.exceptions.ReadTimeout):
        heinrich.http.get(
            here.url + "mail",
            params={"session": heinrich.session, "action": "count", "folder": "default0/INBOX"},
            timeout=0.3,
        )
    begun = time.monotonic()
    assert _root(heinrich).status_code == 200
    assert time.monotonic() - begun < 2


def test_a_fault_meets_calls_within_multiple_too(here: Server, heinrich: Client) -> None:
    _fault(here, kind="error", module="mail", action="count", code="DBP-0001")
    entry = {"module": "mail", "action": "count", "folder": "default0/INBOX"}
    answers = heinrich.send("PUT", "multiple", "", [entry, entry], **{"continue": "true"}).json()
    assert [answer.get("code") for answer in answers] == ["DBP-0001", None]


def test_a_fault_may_be_for_one_user_and_come_later(here: Server, heinrich: Client) -> None:
    other = here.client("gustav@example.org")
    _fault(here, kind="http", status=500, login="heinrich@example.org", skip=1)
    assert [_root(client).status_code for client in (other, heinrich, heinrich)] == [200, 200, 500]


def test_a_wrong_fault_is_refused(here: Server) -> None:
    for wrong in ({"kind": "explode"}, {"kind": "error", "colour": "red"}):
        assert requests.post(here.root + "/lab/fault", json=wrong, timeout=30).status_code == 400


def test_sessions_expire_when_told(here: Server, heinrich: Client) -> None:
    other = here.client("gustav@example.org")
    reply = requests.post(
        here.root + "/lab/session/expire", params={"login": "heinrich@example.org"}, timeout=30
    )
    assert reply.json()["expired"] >= 1
    assert _root(heinrich).json()["code"] == "SES-0203"
    assert "data" in _root(other).json()


def test_a_delivered_message_is_new_in_the_inbox(here: Server, heinrich: Client) -> None:
    raw = b"Subject: Zugestellt\r\n\r\n\xff\x00 roh\r\n"
    reply = requests.post(
        here.root + "/lab/deliver", params={"login": "heinrich@example.org"}, data=raw, timeout=30
    )
    identity = reply.json()["id"]
    wanted = [{"folder": "default0/INBOX", "id": identity}]
    assert heinrich.put("mail", "list", wanted, columns="607,611")["data"] == [["Zugestellt", 16]]
    source = heinrich.send("GET", "mail", "get", folder="default0/INBOX", id=identity, src=1, save=1)
    assert source.content == raw
    assert (
        requests.post(here.root + "/lab/deliver", params={"login": "nobody"}, timeout=30).status_code == 404
    )


def test_calls_are_counted_by_kind(here: Server, heinrich: Client) -> None:
    requests.delete(here.root + "/lab/calls", timeout=30)
    _root(heinrich)
    heinrich.send("PUT", "multiple", "", [{"module": "mail", "action": "count", "folder": "default0/INBOX"}])
    calls = requests.get(here.root + "/lab/calls", timeout=30).json()
    found = {(call["module"], call["action"], call["within"]): call["count"] for call in calls}
    assert found[("folders", "root", "")] == 1
    assert found[("multiple", "", "")] == 1
    assert found[("mail", "count", "multiple")] == 1


def test_mail_to_addresses_outside_lands_in_the_outbox(here: Server, heinrich: Client) -> None:
    raw = b"From: heinrich@example.org\r\nTo: fern@example.net, gustav@example.org\r\nSubject: x\r\n\r\nx\r\n"
    assert "error" not in heinrich.put("mail", "new", raw)
    sent = requests.get(here.root + "/lab/outbox", timeout=30).json()
    assert sent[-1]["recipients"] == ["fern@example.net"]


def test_other_clients_than_the_mobility_clients_meet_the_rate_limit(here: Server) -> None:
    client = here.anonymous(agent="Impatient/1.0")
    statuses = [client.http.get(here.url + "login?action=logout", timeout=30).status_code for _ in range(401)]
    assert (statuses[0], statuses[399], statuses[400]) == (400, 400, 429)
    friend = here.anonymous()
    assert friend.http.get(here.url + "login?action=logout", timeout=30).status_code == 400


def test_without_the_switch_there_are_no_control_endpoints(tmp_path_factory: pytest.TempPathFactory) -> None:
    database = f"sqlite:///{tmp_path_factory.mktemp('ox')}"
    options = ["--session-idle", "1", "--max-sessions-per-user", "2"]
    with StandIn(seed="empty", control=False, database=database, options=options) as stand_in:
        assert requests.get(stand_in.root + "/lab/calls", timeout=30).status_code == 404
        server = Server(stand_in.url, "anton@example.org", stand_in.password, 6)
        first, second = server.client(), server.client()
        assert server.anonymous().log_in("anton@example.org")["code"] == "SES-0007"
        time.sleep(1.5)
        assert first.get("folders", "root", columns="1")["code"] == "SES-0203"
        assert second.get("folders", "root", columns="1")["code"] == "SES-0203"
        assert "session" in server.anonymous().log_in("anton@example.org")


def test_sessions_live_on_one_node_but_the_data_are_shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    database = f"sqlite:///{tmp_path_factory.mktemp('ox')}"
    with StandIn(seed="empty", database=database) as one, StandIn(seed="empty", database=database) as two:
        here = Server(one.url, "anton@example.org", one.password, 6)
        there = Server(two.url, "anton@example.org", two.password, 6)
        client = here.client()
        stranger = there.anonymous()
        stranger.session, stranger.http.cookies = client.session, client.http.cookies
        assert stranger.get("folders", "root", columns="1")["code"] == "SES-0203"
        folder = client.config("folder/contacts")
        made = client.put("contacts", "new", {"folder_id": folder, "last_name": "Beide"})["data"]["id"]
        assert there.client().get("contacts", "all", folder=folder, columns="1,502")["data"] == [
            [made, "Beide"]
        ]


def test_data_survive_a_killed_server() -> None:
    with StandIn(seed="empty") as stand_in:
        server = Server(stand_in.url, "anton@example.org", stand_in.password, 6)
        client = server.client()
        folder = client.config("folder/contacts")
        client.put("contacts", "new", {"folder_id": folder, "last_name": "Bleibt"})
        stand_in.kill()
        stand_in.start()
        assert client.get("folders", "root", columns="1")["code"] == "SES-0203"
        assert server.client().get("contacts", "all", folder=folder, columns="502")["data"] == [["Bleibt"]]
