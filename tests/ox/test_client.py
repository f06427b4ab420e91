"""The conventions of the API (``app.ox.client``, ``app.ox.errors``)."""

from __future__ import annotations

import pytest

from app.ox.client import Call, OxClient, OxSession
from app.ox.errors import (
    BY_CATEGORY,
    BY_CODE,
    Refusal,
    Rejected,
    Scope,
    SessionExpired,
    Unsupported,
    refusal,
    translate,
)
from app.ox.meter import Meter
from app.ox.settings import OxSettings
from app.ox.transport import Cookies, Transport
from app.usm.errors import (
    AccessDenied,
    FolderGone,
    ItemConflict,
    ItemFailed,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    NotEnabled,
    SourceUnavailable,
)
from app.usm.pieces import InMemory
from tests.fakes.clock import ManualClock
from tests.ox.canned import BASE, CannedOx, Reply, error


@pytest.fixture
def ox():
    return CannedOx()


@pytest.fixture
def client(ox):
    clock = ManualClock()
    transport = Transport(OxSettings(BASE), clock, ox)
    return OxClient(transport, clock, OxSession("s1", Cookies(), 0.0), Meter(clock))


def test_data_and_timestamp_come_out_of_the_envelope(client, ox):
    ox.on("contacts?all", {"data": [[1, 2]], "timestamp": 77})
    answer = client.get("contacts", "all", {"folder": 31})
    assert (answer.data, answer.timestamp, answer.warned) == ([[1, 2]], 77, False)
    assert ox.calls[0].params == {"action": "all", "timezone": "UTC", "folder": "31", "session": "s1"}


@pytest.mark.parametrize(
    "mark", [{"category": 13}, {"categories": "WARNING"}, {"categories": ["WARNING", "ERROR"]}]
)
def test_a_warning_beside_data_is_no_error(client, ox, mark):
    ox.on("mail?all", {"data": [], "error": "careful", "code": "MSG-0001", **mark})
    answer = client.get("mail", "all")
    assert answer.data == []
    assert answer.warned


def test_nothing_to_change_is_success(client, ox):
    ox.on("contacts?update", error("CON-0122", "USER_INPUT"))
    assert client.put("contacts", "update", {}).data is None


@pytest.mark.parametrize("body", [b"", b"<html/>", b"[]", b'"text"', b"nul", b"\xff\xfe", b"[" * 100_000])
def test_an_answer_that_is_no_envelope_is_unavailable(client, ox, body):
    ox.on("mail?all", Reply(body))
    with pytest.raises(SourceUnavailable):
        client.get("mail", "all")


def test_rows_become_columns(client, ox):
    ox.on("mail?all", {"data": [["5", 32], "bare id", {"x": 1}]})
    assert client.get("mail", "all").rows((600, 611)) == [{600: "5", 611: 32}]


@pytest.mark.parametrize("data", [None, {}, "x", [[1]], [[1, 2, 3]]])
def test_rows_of_another_shape_are_unavailable(client, ox, data):
    ox.on("mail?all", {"data": data})
    with pytest.raises(SourceUnavailable):
        client.get("mail", "all").rows((600, 611))


def test_multiple_is_one_call_with_an_answer_or_error_for_each(client, ox):
    ox.on("mail?get", {"data": {"id": "5"}})
    ox.on("mail?examine", error("IMAP-1002", "USER_INPUT"))
    ox.on("contacts?list", {"data": [[1]]})
    first, second, third = client.multiple(
        [
            Call("mail", "get", {"id": "5"}),
            Call("mail", "examine", {"folder": "x"}),
            Call("contacts", "list", {"columns": "1"}, [{"id": 1, "folder": 2}]),
        ]
    )
    assert first.data == {"id": "5"}
    assert isinstance(second, FolderGone)
    assert third.data == [[1]]
    assert client.cost.calls == 1
    assert ox.calls[0].params["continue"] == "true"
    assert ox.calls[0].json[0] == {"module": "mail", "action": "get", "timezone": "UTC", "id": "5"}
    assert ox.calls[0].json[2]["data"] == [{"id": 1, "folder": 2}]


def test_multiple_of_nothing_is_no_call(client, ox):
    assert client.multiple([]) == []
    assert not ox.calls


@pytest.mark.parametrize("answers", [[], [{"data": 1}], [{"data": 1}] * 3, {"data": 1}, None])
def test_multiple_with_missing_answers_is_unavailable(client, ox, answers):
    ox.on("multiple?", answers)
    with pytest.raises(SourceUnavailable):
        client.multiple([Call("mail", "get"), Call("mail", "get")])


def test_an_upload_is_a_form_whose_answer_is_wrapped_in_html(client, ox):
    page = b'<html><script>(parent.callback_new || x["y"])({"data":{"id":7},"timestamp":9})</script></html>'
    ox.on("contacts?new", Reply(page))
    answer = client.upload("contacts", "new", {"first_name": "Ä"}, ("p.png", b"\x89PNG", "image/png"))
    assert (answer.data, answer.timestamp) == ({"id": 7}, 9)
    assert ox.calls[0].headers["Content-Type"].startswith("multipart/form-data")
    assert b"image/png" in ox.calls[0].body
    assert '{"first_name":"Ä"}'.encode() in ox.calls[0].body


def test_a_file_that_is_not_in_memory_goes_out_in_the_same_form(client, ox):
    ox.on("contacts?new", {"data": {"id": 7}})
    forms = []
    for data in (b"a\r\n\x00b", InMemory(b"a\r\n\x00b")):
        client.upload("contacts", "new", {"first_name": "Ä"}, ("ü.png", data, "image/png"), number="_0")
        seen = ox.calls[-1]
        boundary = seen.headers["Content-Type"].rpartition("boundary=")[2]
        assert seen.headers["Content-Length"] == str(len(seen.body))
        forms.append(seen.body.replace(boundary.encode(), b"boundary"))
    assert forms[0] == forms[1]


def test_an_upload_answered_by_plain_json_is_understood(client, ox):
    ox.on("contacts?new", {"data": {"id": 7, "note": "({})"}})
    assert client.upload("contacts", "new", {}, ("p", b"x", "image/png")).data["id"] == 7


def test_an_error_within_a_wrapped_answer_is_one(client, ox):
    ox.on("contacts?new", Reply(b'x({"error":"no","code":"CON-0101","categories":"USER_INPUT"})'))
    with pytest.raises(ItemRefused, match="CON-0101"):
        client.upload("contacts", "new", {}, ("p", b"x", "image/png"))


def test_a_download_gives_bytes_but_not_those_of_an_error(client, ox):
    ox.on("image", Reply(b'{"not": "an envelope"}'))
    assert client.download("image", {}, 100) == b'{"not": "an envelope"}'
    ox.on("image", error("MSG-0032", "USER_INPUT"))
    with pytest.raises(ItemGone):
        client.download("image", {}, 1000)


def test_seconds_spent_at_ox_are_counted():
    clock = ManualClock()
    ox = CannedOx()

    def slow(seen):
        clock.advance(1.5)
        return {"data": []}

    ox.on("mail?all", slow)
    client = OxClient(
        Transport(OxSettings(BASE), clock, ox), clock, OxSession("s", Cookies(), 0.0), Meter(clock)
    )
    client.get("mail", "all")
    client.get("mail", "all")
    assert (client.cost.calls, client.cost.seconds) == (2, 3.0)


@pytest.mark.parametrize(
    ("code", "category", "scope", "raised"),
    [
        ("SES-0203", "TRY_AGAIN", Scope.FOLDER, SessionExpired),
        ("SES-9999", "ERROR", Scope.READ, SessionExpired),
        ("SES-0204", "TRY_AGAIN", Scope.FOLDER, SourceUnavailable),
        ("LGI-0006", "USER_INPUT", Scope.LOGIN, AccessDenied),
        ("LGI-0013", "PERMISSION_DENIED", Scope.LOGIN, NotEnabled),
        ("LGI-9999", "PERMISSION_DENIED", Scope.LOGIN, SourceUnavailable),
        ("CON-0119", "CONFLICT", Scope.WRITE, ItemConflict),
        ("CON-0125", "ERROR", Scope.WRITE, ItemGone),
        ("CON-0112", "PERMISSION_DENIED", Scope.WRITE, Rejected),
        ("CON-0104", "PERMISSION_DENIED", Scope.FOLDER, FolderGone),
        ("CON-0168", "ERROR", Scope.WRITE, Rejected),
        ("CON-0154", "TRUNCATED", Scope.WRITE, Rejected),
        ("FLD-0008", "ERROR", Scope.FOLDER, FolderGone),
        ("MSG-0032", "USER_INPUT", Scope.READ, ItemGone),
        ("MSG-9999", "ERROR", Scope.READ, ItemUnreadable),
        ("SVL-0011", "ERROR", Scope.WRITE, ItemFailed),
        ("CON-9999", "CAPACITY", Scope.WRITE, ItemFailed),
        ("MSG-9999", "ERROR", Scope.FOLDER, SourceUnavailable),
        ("MSG-9999", "CONNECTIVITY", Scope.READ, SourceUnavailable),
        ("IMAP-9999", "TRY_AGAIN", Scope.WRITE, SourceUnavailable),
        ("TSK-0007", "CONFLICT", Scope.WRITE, ItemConflict),
        ("X-1", "NEW_CATEGORY", Scope.FOLDER, SourceUnavailable),
        ("SVL-0021", "ERROR", Scope.FOLDER, Unsupported),
    ],
)
def test_errors_are_told_in_the_words_of_usm(code, category, scope, raised):
    assert type(translate(Refusal(code, category, "text"), scope)) is raised


def test_only_a_login_is_ever_answered_with_a_wrong_password():
    assert {code for code, maker in BY_CODE.items() if maker is AccessDenied} == {
        "LGI-0006",
        "LGI-0026",
        "LGI-0027",
    }
    makers = {maker for by_scope in BY_CATEGORY.values() for maker in by_scope.values()}
    assert AccessDenied not in makers


def test_every_category_tells_for_every_scope():
    assert all(by_scope.keys() == set(Scope) for by_scope in BY_CATEGORY.values())


@pytest.mark.parametrize(
    ("envelope", "category"),
    [
        ({"error": "x", "category": 9}, "CONFLICT"),
        ({"error": "x", "category": 13}, None),
        ({"error": "x", "category": 99}, "ERROR"),
        ({"error": "x"}, "ERROR"),
        ({"error": "x", "categories": ["TRY_AGAIN", "ERROR"], "category": 4}, "TRY_AGAIN"),
        ({"error": "x", "categories": []}, "ERROR"),
        ({"error": ""}, None),
        ({"data": 1}, None),
    ],
)
def test_the_category_is_a_name_a_list_or_an_old_number(envelope, category):
    found = refusal(envelope)
    assert (found.category if found else None) == category


def test_an_error_says_what_ox_said(client, ox):
    ox.on("contacts?new", error("CON-0100", "USER_INPUT", "x@ is no address"))
    with pytest.raises(ItemRefused, match=r"CON-0100.*x@ is no address.*1-1"):
        client.put("contacts", "new", {})


def test_the_values_that_ox_puts_into_its_sentences_are_left_out() -> None:
    envelope = {
        "error": 'The folder "Secret plans" in context 1 cannot be opened by 17.',
        "error_params": ["Secret plans", 17, None, "1"],
        "error_id": "-5-9",
        "code": "FLD-0004",
    }
    found = refusal(envelope)
    assert str(found) == 'OX answers FLD-0004: The folder "…" in context 1 cannot be opened by …. [-5-9]'
    assert "Secret" in str(refusal({**envelope, "error_params": "no list"}))
