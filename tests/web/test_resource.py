"""The address of ActiveSync, through the front door: HTTP in, HTTP out."""

from __future__ import annotations

import errno
import gzip
import logging
import zlib
from datetime import timedelta

import pytest

from app.eas.server import ActiveSync
from app.usm.errors import (
    AccessDenied,
    AccountBlocked,
    Busy,
    PasswordExpired,
    SourceUnavailable,
    StoreUnavailable,
)
from app.usm.model import ContentType, Folder, FolderRole
from app.wbxml import Element, decode, encode
from app.web import body, log
from app.web.auth import Schemes
from app.web.origin import Proxies
from app.web.places import Places, Rule
from tests.fakes.source import ANTON
from tests.schemas import validate
from tests.web.conftest import ADMIN, ALIAS, LATIN, Front, basic

FOLDER_SYNC = encode(
    Element("FolderHierarchy:FolderSync", children=[Element("FolderHierarchy:SyncKey", "0")])
)


@pytest.mark.requirement("MS-ASHTTP", 238, 239, 240, 241, 244, 247, 297, 319, 450, 2491)
def test_options_names_versions_and_commands_and_has_no_body(front):
    answer = front.request("OPTIONS", headers=basic(ANTON.login))
    assert answer.status_code == 200
    assert answer.headers["MS-ASProtocolVersions"] == "2.5,12.0,12.1,14.0,14.1,16.0,16.1"
    assert "FolderSync" in answer.headers["MS-ASProtocolCommands"].split(",")
    assert answer.headers["Content-Length"] == "0"
    assert "Content-Type" not in answer.headers
    assert answer.content == b""


@pytest.mark.requirement(
    "MS-ASHTTP",
    1,
    167,
    169,
    170,
    172,
    175,
    201,
    212,
    218,
    219,
    228,
    229,
    261,
    281,
    284,
    401,
    521,
    522,
)
@pytest.mark.requirement("MS-ASPROV", 60010)
def test_a_command_is_answered_with_a_document(front):
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.ms-sync.wbxml"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Cache-Control"] == "private"
    assert answer.headers["MS-Server-ActiveSync"] == "16.1"
    assert decode(answer.content).text_of("FolderHierarchy:Status") == "1"
    validate(answer.content, "14.1")


@pytest.mark.requirement("MS-ASHTTP", 178)
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET", "PUT", "PROPFIND"])
def test_without_credentials_every_method_is_answered_with_the_challenge(front, method):
    answer = front.request(method, query_string="Cmd=FolderSync&DeviceId=1")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
    assert answer.content == b""


@pytest.mark.requirement("MS-ASHTTP", 523)
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize("login", [ANTON.login, "nobody@example.org"])
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(front, method, login):
    query = "Cmd=FolderSync&DeviceId=phone1&DeviceType=Phone"
    headers = {**basic(login, "wrong"), "MS-ASProtocolVersion": "14.1"}
    answer = front.request(method, query_string=query, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert answer.content == b""


def test_domain_and_user_are_joined_to_the_login(front):
    answer = front.command(body=FOLDER_SYNC, headers=basic("example.org\\anton"))
    assert answer.status_code == 200


def test_a_login_in_latin_1_is_understood(front):
    answer = front.command(body=FOLDER_SYNC, headers=basic(LATIN.login, charset="latin-1"))
    assert answer.status_code == 200


@pytest.mark.requirement("MS-ASCMD", 4869)
@pytest.mark.requirement("MS-ASHTTP", 180)
@pytest.mark.parametrize(("version", "status"), [("12.1", 403), ("14.1", 200), ("16.1", 200)])
def test_a_user_without_rights_is_refused_as_the_version_demands(front, version, status):
    front.provider.disabled.add(ANTON.login)
    answer = front.command(body=FOLDER_SYNC, headers={"MS-ASProtocolVersion": version})
    assert answer.status_code == status
    if status == 200:
        assert decode(answer.content).text_of("FolderHierarchy:Status") == "126"


@pytest.mark.requirement("MS-ASHTTP", 180)
def test_options_of_a_user_without_rights_is_forbidden(front):
    front.provider.disabled.add(ANTON.login)
    assert front.request("OPTIONS", headers=basic(ANTON.login)).status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE", "BREW"])
def test_other_methods_are_not_implemented(front, method):
    answer = front.request(method, headers=basic(ANTON.login))
    assert answer.status_code == 501
    assert answer.content == b""


@pytest.mark.requirement("MS-ASHTTP", 182, 441)
@pytest.mark.parametrize(
    "path", ["/", ALIAS + "/", ALIAS.lower(), ALIAS + "/x", "/usm/health", "/usm/metrics"]
)
def test_other_paths_are_not_found(front, path):
    answer = front.request("POST", path, headers=basic(ANTON.login))
    assert answer.status_code == 404
    assert answer.content == b""


def test_the_admin_listener_does_not_serve_devices(front):
    assert front.request("OPTIONS", port=ADMIN, headers=basic(ANTON.login)).status_code == 404


@pytest.mark.requirement("MS-ASHTTP", 190, 287)
@pytest.mark.parametrize(
    "error", [SourceUnavailable("OX is down", 17), StoreUnavailable("the database is down", 17)]
)
def test_a_back_end_that_is_down_means_later_and_never_a_question_for_the_password(front, error):
    front.source_fails(error)
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "17"
    assert "WWW-Authenticate" not in answer.headers
    assert answer.content == b""


def test_another_request_in_the_way_means_soon(front):
    front.source_fails(Busy("another request"))
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"


def test_a_password_changed_in_the_middle_of_a_command_asks_for_the_new_one(front):
    front.source_fails(AccessDenied("session expired"))
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.requirement("MS-ASHTTP", 184)
def test_a_defect_is_answered_without_its_inside_and_logged_without_what_it_says(front, caplog):
    def defect(name: str) -> None:
        raise RuntimeError("the secret inside")

    front.source.before = defect
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == 500
    assert answer.content == b""
    [record] = [each for each in caplog.records if each.exc_info]
    told = log.TextFormat().formatException(record.exc_info)
    assert "RuntimeError" in told
    assert "in defect" in told
    assert "the secret inside" not in told + record.getMessage()


def test_a_request_has_the_number_that_the_proxy_gave_it(front):
    answer = front.command(body=FOLDER_SYNC, headers={"X-Request-Id": "aSZv3cCoAQEAAAqHQ5MAAAAA"})
    assert answer.headers["X-Request-Id"] == "aSZv3cCoAQEAAAqHQ5MAAAAA"


def test_a_number_that_somebody_else_gave_it_counts_for_nothing():
    front = Front(proxies=Proxies())
    answer = front.command(body=FOLDER_SYNC, headers={"X-Request-Id": "aSZv3cCoAQEAAAqHQ5MAAAAA"})
    assert answer.headers["X-Request-Id"] != "aSZv3cCoAQEAAAqHQ5MAAAAA"


def test_a_number_that_cannot_be_one_is_replaced_by_a_new_one(front):
    first = front.command(body=FOLDER_SYNC, headers={"X-Request-Id": "no number"})
    second = front.command(body=FOLDER_SYNC)
    assert first.headers["X-Request-Id"] != "no number"
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]


def test_an_empty_body_without_a_length_is_no_body(front):
    answer = front.command("Ping")
    assert answer.status_code == 200


def test_a_body_larger_than_allowed_is_refused_and_the_connection_closed(front):
    answer = front.command(body=b"x" * 100_001)
    assert answer.status_code == 413
    assert answer.headers["Connection"] == "close"


def test_a_body_that_cannot_be_kept_is_taken_later(front, monkeypatch):
    def full(size):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(body, "SpooledTemporaryFile", full)
    answer = front.command(body=FOLDER_SYNC)
    assert (answer.status_code, answer.headers["Connection"]) == (503, "close")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_kept_in_a_file(front, monkeypatch, chunked):
    seen = []
    monkeypatch.setattr(body, "IN_MEMORY", 100)
    parse = ActiveSync.parse

    def parsed(self, method, query, headers, content):
        seen.append(content)
        return parse(self, method, query, headers, content)

    monkeypatch.setattr(ActiveSync, "parse", parsed)
    data = b"x" * 70_000
    more = {"headers": {"Transfer-Encoding": "chunked"}, "extras": {"CONTENT_LENGTH": ""}} if chunked else {}
    front.command("SendMail", body=data, **more)
    (content,) = seen
    assert not isinstance(content, bytes)
    assert bytes(content) == data


def test_a_body_that_ends_early_is_malformed(front):
    answer = front.command(body=b"x" * 10, headers={"Content-Length": "20"})
    assert answer.status_code == 400


@pytest.mark.parametrize("length", ["-1", "many", "1e3"])
def test_a_content_length_that_is_no_number_is_malformed(front, length):
    assert front.command(body=b"x", headers={"Content-Length": length}).status_code == 400


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_body_is_read(front, coding, compress):
    answer = front.command(body=compress(FOLDER_SYNC), headers={"Content-Encoding": coding})
    assert answer.status_code == 200
    assert decode(answer.content).text_of("FolderHierarchy:Status") == "1"


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "compress"])
def test_a_body_in_another_coding_is_not_accepted(front, coding):
    assert front.command(body=FOLDER_SYNC, headers={"Content-Encoding": coding}).status_code == 415


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (gzip.compress(b"x" * 100_001), 413),
        (gzip.compress(b"\0" * 50_000_000), 413),
        (gzip.compress(b"x" * 100_000)[:-9], 400),
        (gzip.compress(b"x") + b"more", 400),
        (b"no gzip at all", 400),
    ],
    ids=["too large", "bomb", "cut off", "more behind it", "none"],
)
def test_a_compressed_body_that_is_broken_or_a_bomb_is_refused(front, body, status):
    answer = front.command(body=body, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == status
    assert answer.headers["Connection"] == "close"


def test_a_coding_without_a_body_is_no_error(front):
    assert front.command("Ping", headers={"Content-Encoding": "gzip"}).status_code == 200


def test_a_chunked_body_is_read_to_its_end(front):
    answer = front.command(
        body=FOLDER_SYNC, headers={"Transfer-Encoding": "chunked"}, extras={"CONTENT_LENGTH": ""}
    )
    assert answer.status_code == 200


def test_a_chunked_body_larger_than_allowed_is_refused(front):
    answer = front.command(
        body=b"x" * 100_001, headers={"Transfer-Encoding": "chunked"}, extras={"CONTENT_LENGTH": ""}
    )
    assert answer.status_code == 413


def test_each_command_is_one_line_in_the_originals_shape(front, caplog):
    caplog.set_level(logging.INFO, logger="app.command")
    front.source.before = lambda name: front.clock.advance(0.151)
    front.command(body=FOLDER_SYNC)
    lines = [record.getMessage() for record in caplog.records if record.name == "app.command"]
    assert lines == ["1:3:anton@example.org:EAS:phone1: FolderSync executed in 151 ms, 1 OX calls took 1 ms."]


def test_a_refusal_is_one_line_with_its_reason_and_without_the_password(front, caplog):
    caplog.set_level(logging.INFO, logger="app.command")
    front.command(body=FOLDER_SYNC, headers=basic(ANTON.login, "wrong-pass"))
    lines = [record.getMessage() for record in caplog.records if record.name == "app.command"]
    assert len(lines) == 1
    assert lines[0].startswith(
        "-:-:anton@example.org:EAS:phone1: FolderSync refused with 401 after 0 ms, asked from "
    )
    assert "wrong-pass" not in caplog.text
    assert basic(ANTON.login, "wrong-pass")["Authorization"].split()[1] not in caplog.text


def test_a_refusal_names_the_address_that_the_proxy_saw(front, caplog):
    caplog.set_level(logging.INFO, logger="app.command")
    forwarded = {"X-Forwarded-For": "1.1.1.1, 10.0.0.250"}
    front.request("OPTIONS", headers={**basic(ANTON.login, "wrong"), **forwarded})
    assert "refused with 401 after 0 ms, asked from 10.0.0.250: " in caplog.text


def test_a_device_cannot_forge_lines_of_the_log(front, caplog):
    caplog.set_level(logging.INFO, logger="app.command")
    front.request("OPTIONS", query_string="DeviceId=a%0A1:3:anton:EAS:x:%1b[31m", headers=basic(ANTON.login))
    front.command("Sync%0Aforged", headers=basic("an\x85ton\u2028x"))
    lines = [record.getMessage() for record in caplog.records if record.name == "app.command"]
    assert len(lines) == 2
    assert not any(character in line for line in lines for character in "\n\r\x1b\x85\u2028")


def many_folders(front: Front) -> None:
    front.source.tree += [
        Folder(f"f{number}", None, f"Folder {number}", ContentType.MAIL, FolderRole.NONE)
        for number in range(60)
    ]


@pytest.mark.requirement("MS-ASHTTP", 197, 214, 412, 215)
@pytest.mark.parametrize(
    ("accepted", "coded"),
    [
        ("gzip", True),
        ("gzip, deflate", True),
        ("deflate, GZIP;q=0.5", True),
        ("*", True),
        ("x-gzip", True),
        (None, False),
        ("", False),
        ("deflate, br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("identity;q=1, *;q=0", False),
    ],
)
def test_a_large_answer_is_compressed_for_a_device_that_takes_it(front, accepted, coded):
    many_folders(front)
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    answer = front.command(body=FOLDER_SYNC, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert ("Content-Encoding" in answer.headers) is coded
    plain = gzip.decompress(answer.content) if coded else answer.content
    assert len(plain) > 1024
    validate(plain, "14.1")
    if coded:
        assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
        assert len(answer.content) < len(plain)


def test_a_small_answer_is_not_compressed(front):
    answer = front.command(body=FOLDER_SYNC, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert decode(answer.content).text_of("FolderHierarchy:Status") == "1"


PLACES = Places(
    [
        Rule("*@example.net", "https://eas.example.net/Microsoft-Server-ActiveSync"),
        Rule("context:1", "https://eas2.example.org/Microsoft-Server-ActiveSync"),
    ]
)


@pytest.mark.requirement("MS-ASHTTP", 207)
@pytest.mark.requirement("MS-ASHTTP", 183, 224, 268, 285)
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_a_user_of_another_server_is_sent_there_without_asking_ox(method):
    front = Front(places=PLACES)
    answer = front.request(method, headers=basic("Zoe@EXAMPLE.net"), query_string="Cmd=Ping&DeviceId=1")
    assert answer.status_code == 451
    assert answer.headers["X-MS-Location"] == "https://eas.example.net/Microsoft-Server-ActiveSync"
    assert answer.content == b""
    assert front.provider.opened == []


def test_a_context_of_another_server_is_sent_there_once_the_user_is_known():
    front = Front(places=PLACES)
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == 451
    assert answer.headers["X-MS-Location"] == "https://eas2.example.org/Microsoft-Server-ActiveSync"
    assert front.command(headers=basic(ANTON.login, "wrong")).status_code == 401


@pytest.mark.parametrize("name", ["EAS2.example.org", "eas2.example.org:443"])
@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host"])
def test_nobody_is_sent_to_the_server_that_was_asked(header, name):
    front = Front(places=PLACES)
    answer = front.command(body=FOLDER_SYNC, headers={header: name})
    assert answer.status_code == 200


@pytest.mark.requirement("MS-ASHTTP", 704, 805, 806)
@pytest.mark.requirement("MS-ASHTTP", 608, 700, 1100, 804)
@pytest.mark.parametrize(
    ("error", "status"), [(AccountBlocked("locked"), 456), (PasswordExpired("old"), 457)]
)
@pytest.mark.parametrize("where", ["at the login", "in a command"])
def test_a_locked_account_and_an_expired_password_have_their_own_status(error, status, where):
    front = Front(credential_url="https://example.org/password")
    if where == "at the login":
        front.provider.refuses[ANTON.login] = error
    else:
        front.source_fails(error)
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == status
    assert answer.headers["X-MS-Credential-Service-Url"] == "https://example.org/password"
    assert answer.content == b""


def test_without_a_page_to_change_it_an_expired_password_is_asked_for(front):
    front.provider.refuses[ANTON.login] = PasswordExpired("old")
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    front.provider.refuses[ANTON.login] = AccountBlocked("locked")
    assert front.command(body=FOLDER_SYNC).status_code == 456


@pytest.mark.requirement("MS-ASHTTP", 706)
@pytest.mark.requirement("MS-ASHTTP", 904)
@pytest.mark.parametrize(("version", "sent"), [("14.1", False), ("16.0", True), ("16.1", True)])
def test_a_device_that_must_return_cookies_gets_one_that_leads_to_this_node(version, sent):
    front = Front(node="ox1")
    answer = front.command(body=FOLDER_SYNC, headers={"MS-ASProtocolVersion": version})
    assert ("usm-node" in answer.cookies) is sent
    if not sent:
        return
    cookie = answer.cookies["usm-node"]
    assert cookie.value.endswith(".ox1")
    assert cookie.secure
    assert cookie.http_only
    assert cookie.path == ALIAS
    left = cookie.expires - front.clock.now().replace(tzinfo=cookie.expires.tzinfo)
    assert timedelta(hours=11) < left <= timedelta(hours=12)
    again = {"MS-ASProtocolVersion": version, "Cookie": f"usm-node={cookie.value}"}
    assert "usm-node" not in front.command(body=FOLDER_SYNC, headers=again).cookies
    moved = {"MS-ASProtocolVersion": version, "Cookie": "usm-node=abc.ox2"}
    assert front.command(body=FOLDER_SYNC, headers=moved).cookies["usm-node"].value.endswith(".ox1")


def test_without_a_name_of_the_node_there_is_no_cookie(front):
    answer = front.command(body=FOLDER_SYNC, headers={"MS-ASProtocolVersion": "16.1"})
    assert answer.cookies == {}


@pytest.mark.requirement("MS-ASHTTP", 178, 523)
def test_the_challenge_names_every_scheme_that_is_understood():
    schemes = Schemes(bearer=True, authorization_uri="https://login.example.org/authorize")
    front = Front(schemes=schemes)
    challenge = front.request("POST").headers["WWW-Authenticate"]
    assert challenge.startswith("Basic realm=")
    assert 'Bearer realm="Microsoft-Server-ActiveSync"' in challenge
    assert 'authorization_uri="https://login.example.org/authorize"' in challenge


def test_a_token_is_handed_on_and_its_user_stands_in_the_log(caplog):
    caplog.set_level(logging.INFO, logger="app.command")
    front = Front(schemes=Schemes(bearer=True), node="ox1")
    front.provider.tokens["abc.DEF-123"] = ANTON.login
    answer = front.command(body=FOLDER_SYNC, headers={"Authorization": "Bearer abc.DEF-123"})
    assert answer.status_code == 200
    assert "usm-node" in answer.cookies  # whoever uses a token returns cookies in every version
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("1:3:anton@example.org:EAS:phone1: FolderSync executed")
    assert "abc.DEF-123" not in caplog.text
    refused = front.command(body=FOLDER_SYNC, headers={"Authorization": "Bearer another"})
    assert refused.status_code == 401
    assert "another" not in caplog.text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "Cmd=OPTIONS",
        "User=anton&DeviceId=BAD73E6E02156460E800185977C03182&Cmd=X",
        "%%%",
        "jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l",
    ],
)
def test_options_are_told_whatever_the_query(front, query):
    assert front.request("OPTIONS", headers=basic(ANTON.login), query_string=query).status_code == 200


def test_stopping_is_passed_on(front):
    front.app.stop()
    assert (front.stopped, front.closed) == (1, 0)
    front.app.close()
    assert (front.stopped, front.closed) == (1, 1)
