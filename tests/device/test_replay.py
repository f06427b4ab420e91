"""A trace played again: by the lab's phone, to reproduce what a user reports."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter

from app.usm.model import Folder
from lab.device import Phone, replay
from lab.device.__main__ import main
from lab.device.mail import send
from tests.fakes.source import ANTON
from tests.web.conftest import Front
from tests.web.test_tracing import FIRST, Traced, switch

CONTACTS = 9
MESSAGE = b"From: anton@example.org\r\nTo: berta@example.org\r\nSubject: Dinner with Zoe\r\n\r\nHow are you?"


class Wire(BaseAdapter):
    """The way of a phone to an application in this process."""

    def __init__(self, front: Front) -> None:
        super().__init__()
        self.front = front

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        headers = {
            name: each.decode() if isinstance(each, bytes) else each for name, each in request.headers.items()
        }
        query = urlsplit(request.url or "").query
        body: Any = request.body or b""
        answer = self.front.request(str(request.method), query_string=query, headers=headers, body=body)
        made = requests.Response()
        made.status_code = answer.status_code
        made.headers.update(answer.headers)
        made.raw = io.BytesIO(answer.content)
        made.request, made.url = request, request.url or ""
        return made

    def close(self) -> None:
        """There is nothing to close."""


def phone_of(front: Front, device_id: str = "phone1", **more: Any) -> Phone:
    session = requests.Session()
    session.mount("http://", Wire(front))
    return Phone("http://server/", ANTON.login, "secret", device_id=device_id, session=session, **more)


def live(phone: Phone) -> None:
    """What a person does in an hour."""
    phone.options()
    phone.folder_sync()
    contacts = phone.folder_of_type(CONTACTS).server_id
    phone.sync_all(contacts)
    server_id = phone.add_contact(contacts, {"Contacts:LastName": "Zoë Brömse"})
    phone.change_item(contacts, server_id, {"Contacts:LastName": "Zoë \x01 Müller"})
    phone.sync_all(contacts)
    phone.ping([contacts], 60)
    phone.delete_item(contacts, server_id)
    send(phone, MESSAGE)


@pytest.fixture(params=[False, True], ids=["without what is personal", "with all"])
def traced(request: pytest.FixtureRequest, tmp_path: Path) -> Traced:
    made = Traced(tmp_path, switch(bodies=request.param))
    made.source.put("31", {"last_name": "Berta"})
    return made


@pytest.fixture
def other() -> Front:
    """A server where the folders have other numbers, and items other ids."""
    front = Front()
    front.source.tree = [*reversed(front.source.tree[:1]), *reversed(front.source.tree[1:])]
    front.source.tree.insert(0, Folder("77", None, "More", front.source.tree[1].content))
    front.source.items["77"] = {}
    for _ in range(3):
        front.source.drop("31", front.source.put("31", {"last_name": "gone"}))
    front.source.put("31", {"last_name": "Berta"})
    return front


def played(front: Front, traced: Traced, version: str = "16.1", **more: Any) -> tuple[bool, list[str]]:
    said: list[str] = []
    path = traced.files.path(FIRST)
    options = {"device": "", "heartbeat": 0, "go_on": False, **more}
    same = replay.play(phone_of(front, "lab1", version=version), path, say=said.append, **options)
    return same, said


@pytest.mark.parametrize("version", ["2.5", "12.1", "14.1", "16.1"])
def test_what_was_asked_is_asked_again_and_answered_as_before(
    traced: Traced, other: Front, version: str
) -> None:
    query = "base64" if version == "14.1" else "plain"
    live(phone_of(traced, version=version, query=query))  # type: ignore[arg-type]
    same, said = played(other, traced, "16.1")
    assert same, said
    assert said[-1].endswith("all answered as before")
    assert len(said) - 1 == traced.kinds().count("answer")
    assert len(other.source.sent) == 1
    assert [each.fields["last_name"] for each in other.source.items["31"].values()] == ["Berta"]
    assert list(other.source.items["77"]) == []


def test_what_is_answered_otherwise_is_named(traced: Traced, other: Front) -> None:
    live(phone_of(traced))
    other.source.readonly.add("31")
    same, said = played(other, traced)
    assert not same
    assert "Sync/Collections/Collection/Responses/Add/Status 1 before" in said[-2]
    assert "LastName" in said[-1]
    same, said = played(other, traced, go_on=True)
    assert not same
    assert said[-1].endswith("requests were sent again")


def test_a_refusal_where_there_was_an_answer_is_named(traced: Traced, other: Front) -> None:
    live(phone_of(traced))
    other.provider.disabled.add(ANTON.login)
    same, said = played(other, traced)
    assert not same
    assert said[-1] == "OPTIONS: request 1, OPTIONS: HTTP 200 before, HTTP 403 now"


def test_only_one_device_of_several_is_played(traced: Traced, other: Front) -> None:
    live(phone_of(traced))
    phone_of(traced, "phone2").folder_sync()
    same, said = played(other, traced, device="PHONE2")
    assert same
    assert [each.partition(":")[0] for each in said[:-1]] == ["FolderSync"]


def test_refused_passwords_are_not_played(traced: Traced, other: Front) -> None:
    traced.switches.append(switch("0000000b", login=ANTON.login))
    traced.recorder.look()
    traced.command(headers={"Authorization": "Basic YW50b25AZXhhbXBsZS5vcmc6d3Jvbmc="})
    traced.command("Ping")
    traced.files.path(FIRST).write_bytes(traced.files.path("0000000b").read_bytes())
    _, said = played(other, traced)
    assert [each.partition(":")[0] for each in said[:-1]] == ["Ping"]


def test_a_wait_can_be_made_shorter(traced: Traced, other: Front) -> None:
    live(phone_of(traced))
    waits: list[float] = []
    park = other.waiter.park

    def parked(session: Any, source: Any, folders: Any, seconds: float, look: Any) -> Any:
        waits.append(seconds)
        return park(session, source, folders, seconds, look)

    other.waiter.park = parked  # type: ignore[method-assign]
    played(other, traced, heartbeat=7, go_on=True)
    assert waits == []
    played(other, traced, heartbeat=60, go_on=True)
    assert waits == [60]


def test_the_command_line_plays_a_file_and_says_what_is_wrong_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["replay", "http://127.0.0.1:1/", "anton", "secret"]
    for text, expected in (
        ("no event\n", "line 1 is no event of a trace"),
        ("", "0 requests"),
        ('{"event":"request","request":"1","method":"POST","query":"","headers":{}}\n', "0 requests"),
    ):
        (tmp_path / "trace").write_text(text)
        main([*words, str(tmp_path / "trace")])
        told = capsys.readouterr()
        assert expected in told.out + told.err
    assert main([*words, str(tmp_path / "none")]) == 1


@pytest.mark.parametrize("document", ["<a", "<Sync />"])
def test_a_document_that_is_none_is_told(other: Front, document: str) -> None:
    asked = replay.Asked("Sync", body={"document": document}, answer={"status": 200})
    with pytest.raises(ValueError, match="a document of the trace"):
        list(replay.Replay(phone_of(other)).play([asked]))


def test_a_value_that_was_cut_is_filled_up() -> None:
    space = 'xmlns="AirSyncBase:"'
    text = f'<Body {space}><Data cut="8">abc</Data><Preview encoding="base64" cut="5">YWI=</Preview></Body>'
    document = replay._document({"document": text}, "anton")
    assert document is not None
    assert [child.value for child in document] == ["abcxxxxx", b"abxxx"]
