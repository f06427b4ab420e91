"""The address of ActiveSync, through the front door: HTTP in, HTTP out."""

from __future__ import annotations

import logging

import pytest

from app.usm.errors import AccessDenied, Busy, SourceUnavailable, StoreUnavailable
from app.wbxml import Element, decode, encode
from tests.fakes.source import ANTON
from tests.schemas import validate
from tests.web.conftest import ADMIN, ALIAS, LATIN, basic

FOLDER_SYNC = encode(
    Element("FolderHierarchy:FolderSync", children=[Element("FolderHierarchy:SyncKey", "0")])
)


def test_options_names_versions_and_commands_and_has_no_body(front):
    answer = front.request("OPTIONS", headers=basic(ANTON.login))
    assert answer.status_code == 200
    assert answer.headers["MS-ASProtocolVersions"] == "12.1,14.0,14.1,16.0,16.1"
    assert "FolderSync" in answer.headers["MS-ASProtocolCommands"].split(",")
    assert answer.headers["Content-Length"] == "0"
    assert "Content-Type" not in answer.headers
    assert answer.content == b""


def test_a_command_is_answered_with_a_document(front):
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.ms-sync.wbxml"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Cache-Control"] == "private"
    assert answer.headers["MS-Server-ActiveSync"] == "16.1"
    assert decode(answer.content).text_of("FolderHierarchy:Status") == "1"
    validate(answer.content, "14.1")


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET", "PUT", "PROPFIND"])
def test_without_credentials_every_method_is_answered_with_the_challenge(front, method):
    answer = front.request(method, query_string="Cmd=FolderSync&DeviceId=1")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
    assert answer.content == b""


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


@pytest.mark.parametrize(("version", "status"), [("12.1", 403), ("14.1", 200), ("16.1", 200)])
def test_a_user_without_rights_is_refused_as_the_version_demands(front, version, status):
    front.provider.disabled.add(ANTON.login)
    answer = front.command(body=FOLDER_SYNC, headers={"MS-ASProtocolVersion": version})
    assert answer.status_code == status
    if status == 200:
        assert decode(answer.content).text_of("FolderHierarchy:Status") == "126"


def test_options_of_a_user_without_rights_is_forbidden(front):
    front.provider.disabled.add(ANTON.login)
    assert front.request("OPTIONS", headers=basic(ANTON.login)).status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE", "BREW"])
def test_other_methods_are_not_implemented(front, method):
    answer = front.request(method, headers=basic(ANTON.login))
    assert answer.status_code == 501
    assert answer.content == b""


@pytest.mark.parametrize(
    "path", ["/", ALIAS + "/", ALIAS.lower(), ALIAS + "/x", "/usm/health", "/usm/metrics"]
)
def test_other_paths_are_not_found(front, path):
    answer = front.request("POST", path, headers=basic(ANTON.login))
    assert answer.status_code == 404
    assert answer.content == b""


def test_the_admin_listener_does_not_serve_devices(front):
    assert front.request("OPTIONS", port=ADMIN, headers=basic(ANTON.login)).status_code == 404


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


def test_a_defect_is_answered_without_its_inside_and_logged_with_it(front, caplog):
    def defect(name: str) -> None:
        raise RuntimeError("the secret inside")

    front.source.before = defect
    answer = front.command(body=FOLDER_SYNC)
    assert answer.status_code == 500
    assert answer.content == b""
    assert "the secret inside" in caplog.text
    assert "Traceback" in caplog.text


def test_an_empty_body_without_a_length_is_no_body(front):
    answer = front.command("Ping")
    assert answer.status_code == 200


def test_a_body_larger_than_allowed_is_refused_and_the_connection_closed(front):
    answer = front.command(body=b"x" * 100_001)
    assert answer.status_code == 413
    assert answer.headers["Connection"] == "close"


def test_a_body_that_ends_early_is_malformed(front):
    answer = front.command(body=b"x" * 10, headers={"Content-Length": "20"})
    assert answer.status_code == 400


@pytest.mark.parametrize("length", ["-1", "many", "1e3"])
def test_a_content_length_that_is_no_number_is_malformed(front, length):
    assert front.command(body=b"x", headers={"Content-Length": length}).status_code == 400


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_a_compressed_body_is_not_accepted(front, coding):
    assert front.command(body=FOLDER_SYNC, headers={"Content-Encoding": coding}).status_code == 415


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


def test_stopping_is_passed_on(front):
    front.app.stop()
    assert (front.stopped, front.closed) == (1, 0)
    front.app.close()
    assert (front.stopped, front.closed) == (1, 1)
