"""Autodiscover through the front door."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from lxml import etree

from app.eas.autodiscover import ENVELOPE, MOBILESYNC
from app.usm.errors import PasswordExpired, SourceUnavailable
from app.web.auth import Schemes
from app.web.places import Places, Rule
from tests.fakes.source import ANTON
from tests.schemas import ENTRY, available
from tests.web.conftest import ALIAS, Front, basic

REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006"
OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
PATH = "/autodiscover/autodiscover.xml"
JSON = "/autodiscover/autodiscover.json"
HOST = {"Host": "eas.example.org"}


def asking(address: str = "anton@example.org", schema: str = MOBILESYNC, namespace: str = REQUEST) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{namespace}"><Request>'
        f"<EMailAddress>{address}</EMailAddress>"
        f"<AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"
    ).encode()


def ask(front: Front, body: bytes = b"", path: str = PATH, method: str = "POST", **headers: str) -> Any:
    sent = {"Content-Type": "text/xml", **basic(ANTON.login), **HOST, **headers}
    return front.request(method, path, body=body, headers=sent)


def document(answer: Any) -> etree._Element:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/xml")
    root = etree.fromstring(answer.content)
    if available():
        schema = etree.XMLSchema(etree.parse(str(ENTRY)))
        assert schema.validate(root), schema.error_log
    return root


def text(root: etree._Element, *names: str, namespace: str = MOBILESYNC) -> str | None:
    return root.findtext("./" + "/".join(f"{{{namespace}}}{name}" for name in names))


def error_code(answer: Any) -> str | None:
    return text(document(answer), "Response", "Error", "ErrorCode", namespace=ENVELOPE)


@pytest.mark.requirement(
    "MS-ASCMD",
    2691,
    2692,
    2693,
    2694,
    3799,
    3818,
    4002,
    6440,
    6441,
    6442,
    6443,
    6858,
    6859,
    6860,
    6861,
    7045,
    7046,
    7047,
    7048,
    7168,
    7169,
    7170,
    7171,
    7214,
    7215,
    7216,
    7217,
    7370,
    7371,
    7372,
    7373,
    72171801,
    6443100701,
    6861101701,
    7048101801,
    7171101801,
    7373101801,
)
@pytest.mark.requirement("MS-ASCMD", 42)
@pytest.mark.requirement(
    "MS-ASCMD",
    2124,
    2886,
    2887,
    2888,
    2889,
    2890,
    4000,
    4693,
    6000,
    6001,
    6002,
    6003,
    6125,
    6126,
    6127,
    6128,
    6149,
    6150,
    6151,
    6152,
    6189,
    6190,
    6191,
    6192,
    6380,
    6381,
    6382,
    6383,
    6490,
    6491,
    6492,
    6493,
    7120,
    7121,
    7122,
    7123,
    7408,
    7409,
    7410,
    7411,
    7412,
    7413,
    7414,
    7415,
    60031939,
    6128100601,
    6152100610,
    6192100701,
    6383100701,
    6493100801,
    7123101801,
    7411101801,
    7415101801,
)
@pytest.mark.requirement("MS-ASHTTP", 445)
@pytest.mark.requirement(
    "MS-ASCMD", 8, 41, 806, 1027, 1028, 1029, 1030, 1083, 1084, 1085, 1086, 1458, 1459, 1460, 1461, 1518, 1519, 1520,
    1521, 1583, 1584, 1585, 1586, 1979, 1980, 1981, 1982, 2225, 2228, 2479, 2480, 2481, 2482, 2561, 2562, 2563, 2564,
    2623, 2624, 2625, 2626, 2859, 2860, 2861, 2862, 2883, 2884, 2885, 3482, 3484, 3815, 3890, 4648,
)  # fmt: skip
@pytest.mark.parametrize(
    "path", [PATH, "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml", PATH.upper()]
)
def test_a_phone_that_knows_an_address_learns_the_server(front, path):
    root = document(ask(front, asking(), path))
    assert root.tag == f"{{{ENVELOPE}}}Autodiscover"
    assert text(root, "Response", "Culture") == "en:us"
    assert text(root, "Response", "User", "EMailAddress") == ANTON.mail
    assert text(root, "Response", "User", "DisplayName")
    server = ("Response", "Action", "Settings", "Server")
    assert text(root, *server, "Type") == "MobileSync"
    assert text(root, *server, "Url") == f"https://eas.example.org{ALIAS}"
    assert text(root, *server, "Name") == f"https://eas.example.org{ALIAS}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        asking(namespace="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"),
        asking(namespace=""),
        asking(schema=f"\n  {MOBILESYNC.upper()}/ "),
        asking("somebody.else@example.org"),
        asking().replace(b"<Request>", b"<!-- hello --><Request>"),
    ],
)
def test_the_answer_is_about_who_asks_however_it_is_asked(front, body):
    root = document(ask(front, body))
    assert text(root, "Response", "User", "EMailAddress") == ANTON.mail


def test_the_address_that_was_set_is_told():
    front = Front(public_url=f"https://phones.example.org{ALIAS}")
    root = document(ask(front, asking()))
    url = text(root, "Response", "Action", "Settings", "Server", "Url")
    assert url == f"https://phones.example.org{ALIAS}"


@pytest.mark.parametrize("forwarded", ["mail.example.org", "mail.example.org, inner.example.org"])
def test_the_name_that_the_device_used_counts_and_not_that_of_a_proxy(front, forwarded):
    root = document(ask(front, asking(), **{"X-Forwarded-Host": forwarded}))
    assert text(root, "Response", "Action", "Settings", "Server", "Url") == f"https://mail.example.org{ALIAS}"


def test_a_host_that_is_none_is_not_repeated(front):
    answer = ask(front, asking(), Host='evil"><x', **{"X-Forwarded-Host": "a b/c"})
    assert b"evil" not in answer.content
    assert b"a b/c" not in answer.content


@pytest.mark.requirement(
    "MS-ASCMD",
    2285,
    2286,
    2287,
    2288,
    5545,
    5547,
    5698,
    6396,
    6397,
    6398,
    6399,
    6530,
    6531,
    6532,
    6533,
    6534,
    6535,
    6536,
    6537,
    6798,
    6799,
    6800,
    6801,
    6399100701,
    6533100801,
    6537100801,
    6801101601,
)
@pytest.mark.requirement(
    "MS-ASCMD", 703, 806, 1474, 1475, 1476, 1477, 1635, 1636, 1637, 1638, 1639, 1640, 1641, 1642, 1896, 1897, 1898,
    1899, 3799, 3815, 3818,
)  # fmt: skip
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (asking(schema=OUTLOOK), "601"),
        (asking(schema="x"), "601"),
        (asking(schema=""), "600"),
        (asking(""), "600"),
        (asking().replace(b"</Request>", b"</Request><Request/>"), "600"),
        (b"<Autodiscover/>", "600"),
        (b"<Autodiscover", "600"),
        (b"no xml", "600"),
        (b"\x03\x01j\x00", "600"),
        (b"\xff\xfe<\x00", "600"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]>' + asking("&x;").partition(b"?>")[2], "600"),
    ],
)
def test_what_cannot_be_answered_is_an_error_in_the_answer(front, body, code):
    assert error_code(ask(front, body)) == code


@pytest.mark.requirement(
    "MS-ASCMD", 1474, 1475, 1476, 1631, 1632, 1633, 1634, 2691, 2692, 2693, 2694, 3998, 4001, 4002
)
@pytest.mark.parametrize("address", ["a" * 321, "a b@example.org", "a\tb@example.org"])
def test_an_address_that_cannot_be_is_status_2(front, address):
    root = document(ask(front, asking(address)))
    error = ("Response", "Action", "Error")
    assert text(root, *error, "Status") == "2"
    assert text(root, *error, "Message")
    assert text(root, *error, "DebugData")


@pytest.mark.requirement("MS-ASHTTP", 704, 805, 806)
def test_who_asks_with_an_expired_password_learns_where_to_change_it():
    front = Front(credential_url="https://example.org/password")
    front.provider.refuses[ANTON.login] = PasswordExpired("old")
    answer = ask(front, asking())
    assert answer.status_code == 457
    assert answer.headers["X-MS-Credential-Service-Url"] == "https://example.org/password"


def test_an_error_can_be_found_in_the_log(front, caplog):
    caplog.set_level(logging.INFO, logger="app.command")
    root = document(ask(front, asking(schema=OUTLOOK)))
    error = root.find(f".//{{{ENVELOPE}}}Error")
    assert error.get("Id").isdecimal()
    assert error.get("Time")
    assert len(caplog.messages) == 1
    assert "Autodiscover" in caplog.messages[0]
    assert "error 601" in caplog.messages[0]


def test_a_document_cannot_read_files_or_grow(front, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("inside")
    declared = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]>'.encode()
    answer = ask(front, declared + asking("&x;").partition(b"?>")[2])
    assert b"inside" not in answer.content
    assert ask(front, b"x" * 70_000).status_code == 413


def test_without_a_password_there_is_a_challenge(front):
    answer = front.request("POST", PATH, body=asking(), headers=HOST)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert ask(front, asking(), **basic(ANTON.login, "wrong")).status_code == 401


def test_a_user_without_rights_and_a_source_that_is_down_are_told_as_ever(front):
    front.provider.disabled.add(ANTON.login)
    assert ask(front, asking()).status_code == 403
    front.provider.disabled.clear()
    front.provider.refuses[ANTON.login] = SourceUnavailable("down", 7)
    answer = ask(front, asking())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")


def test_a_token_is_enough():
    front = Front(schemes=Schemes(bearer=True))
    front.provider.tokens["abc"] = ANTON.login
    root = document(ask(front, asking(), Authorization="Bearer abc"))
    assert text(root, "Response", "User", "EMailAddress") == ANTON.mail


def test_everybody_waits_in_a_line_of_his_own(monkeypatch):
    front, lines = Front(schemes=Schemes(bearer=True)), []
    admit = front.door.admit

    def note(work, is_certain=False):
        lines.append(work.line)
        admit(work, is_certain)

    monkeypatch.setattr(front.door, "admit", note)
    for who in ("Bearer abc", "Bearer abd", "Bearer abc", basic("Anton@example.org")["Authorization"]):
        ask(front, asking(), Authorization=who)
    assert len(set(lines)) == 3
    assert lines[0] == lines[2]
    assert lines[3] == "anton@example.org"


@pytest.mark.requirement("MS-ASCMD", 2439, 2440, 2441, 2442, 7015, 7016, 7017, 7018, 7018101801)
@pytest.mark.requirement("MS-ASCMD", 46, 47)
def test_a_user_of_another_server_learns_that_one():
    other = f"https://eas2.example.org{ALIAS}"
    server = ("Response", "Action", "Settings", "Server", "Url")
    front = Front(places=Places([Rule("*@example.net", other)]))
    root = document(ask(front, asking("zoe@example.net"), **basic("zoe@example.net")))
    assert text(root, *server) == other
    assert front.provider.opened == []
    front = Front(places=Places([Rule("context:1", other)]))
    assert text(document(ask(front, asking())), *server) == other


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_device_that_looks_for_the_server_is_led_there(method):
    front = Front(public_url=f"https://phones.example.org{ALIAS}")
    answer = front.request(method, PATH, headers={"Host": "autodiscover.example.org"})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "https://phones.example.org/autodiscover/autodiscover.xml"
    asked_right = front.request(method, PATH, headers={"Host": "phones.example.org"})
    assert asked_right.status_code == 401
    assert error_code(ask(front, method="GET", Host="phones.example.org")) == "600"


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PROPFIND"])
@pytest.mark.parametrize("path", [PATH, JSON])
def test_other_methods_are_not_allowed(front, method, path):
    answer = ask(front, method=method, path=path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", [PATH + "/", PATH + ".bak", "/x" + PATH, JSON + "/a/b/c", JSON + "x"])
def test_other_paths_do_not_exist(front, path):
    assert ask(front, asking(), path).status_code == 404


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (JSON, "Email=anton@example.org&Protocol=ActiveSync"),
        (JSON, "Email=anton%40example.org&Protocol=ActiveSync&RedirectCount=1"),
        (JSON, "protocol=activesync&EMAIL=anton@example.org"),
        ("/Autodiscover/Autodiscover.json", "Email=anton@example.org&Protocol=ActiveSync"),
        (JSON + "/v1.0/anton@example.org", "Protocol=ActiveSync"),
        (JSON + "/v1.0/anton%40example.org", "Protocol=ActiveSync"),
        (JSON + "/", "Email=anton@example.org&Protocol=ActiveSync"),
    ],
)
def test_the_short_question_needs_no_password(front, path, query):
    answer = front.request("GET", path, query_string=query, headers=HOST)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.content) == {
        "Protocol": "ActiveSync",
        "Url": f"https://eas.example.org{ALIAS}",
    }
    assert front.provider.opened == []


def test_nobody_learns_which_addresses_exist(front):
    answers = {
        front.request(
            "GET", JSON, query_string=f"Email={name}@example.org&Protocol=ActiveSync", headers=HOST
        ).content
        for name in ("anton", "nobody", "root")
    }
    assert len(answers) == 1


def test_the_short_question_leads_to_the_long_one_and_to_other_servers():
    front = Front(places=Places([Rule("*@example.net", f"https://eas2.example.org{ALIAS}")]))
    answer = front.request(
        "GET", JSON, query_string="Email=a@example.org&Protocol=AutodiscoverV1", headers=HOST
    )
    assert answer.json["Url"] == "https://eas.example.org/autodiscover/autodiscover.xml"
    for protocol, path in (("ActiveSync", ALIAS), ("AutodiscoverV1", PATH)):
        query = f"Email=zoe@example.net&Protocol={protocol}"
        answer = front.request("GET", JSON, query_string=query, headers=HOST)
        assert answer.json["Url"] == f"https://eas2.example.org{path}"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "MandatoryParameterMissing"),
        ("Email=a@b", "MandatoryParameterMissing"),
        ("Protocol=ActiveSync", "MandatoryParameterMissing"),
        ("Email=&Protocol=ActiveSync", "MandatoryParameterMissing"),
        ("Email=a@b&Protocol=Ews", "InvalidProtocol"),
        ("Email=a@b&Protocol=%00%0d%0a", "InvalidProtocol"),
        ("Email=ab&Protocol=ActiveSync", "InvalidUserId"),
        ("Email=@b&Protocol=ActiveSync", "InvalidUserId"),
        ("Email=a%00@b&Protocol=ActiveSync", "InvalidUserId"),
        (f"Email={'a' * 320}@b&Protocol=ActiveSync", "InvalidUserId"),
    ],
)
def test_a_short_question_that_cannot_be_answered_says_why(front, query, code):
    answer = front.request("GET", JSON, query_string=query, headers=HOST)
    assert answer.status_code == 400
    assert answer.json["ErrorCode"] == code
    assert answer.json["ErrorMessage"]
