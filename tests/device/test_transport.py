"""What the phone puts on the wire, and what it makes of HTTP's answers."""

from __future__ import annotations

import base64
import gzip
import threading

import pytest

from app.wbxml import decode, encode
from lab.device import AccessRefused, AuthenticationFailed, BadAnswer, Phone, ServerUnavailable
from lab.device.transport import server_address
from tests.device.answers import HIERARCHY, PROVISIONED, SETTINGS
from tests.device.canned import Canned, CannedServer


def test_options_are_lists_with_every_name_once(make, server: CannedServer) -> None:
    lists = {"MS-ASProtocolVersions": "14.1, 16.1,14.1", "MS-ASProtocolCommands": "Sync,Ping"}
    server.play(Canned(headers=lists))
    assert make().options() == (["14.1", "16.1"], ["Sync", "Ping"])
    assert (server.last.method, server.last.query, server.last.body) == ("OPTIONS", "", b"")


def test_a_plain_query_goes_with_version_and_policy_key_in_headers(make, server: CannedServer) -> None:
    server.play(*PROVISIONED, HIERARCHY)
    phone = make(login="anton+x@example.org", version="14.1", user_agent="Test/1")
    phone.provision()
    phone.folder_sync()
    request = server.last
    assert request.query.startswith("Cmd=FolderSync&User=anton%2Bx%40example.org&DeviceId=lab")
    assert request.parameter("DeviceType") == "SmartPhone"
    assert request.headers["MS-ASProtocolVersion"] == "14.1"
    assert request.headers["X-MS-PolicyKey"] == "4294967295"
    assert request.headers["Content-Type"] == "application/vnd.ms-sync.wbxml"
    assert request.headers["User-Agent"] == "Test/1"
    assert (
        base64.b64decode(request.headers["Authorization"].split()[1]).decode() == "anton+x@example.org:sëcret"
    )


def test_a_base64_query_carries_all_that_itself(make, server: CannedServer) -> None:
    server.play(HIERARCHY, *PROVISIONED, HIERARCHY)
    phone = make(query="base64", device_id="v140Device", version="14.0")
    phone.folder_sync()
    first = server.last
    assert base64.b64decode(first.bare_query) == b"\x8c\x09\x09\x04\x0av140Device\x00\x0aSmartPhone"
    assert "MS-ASProtocolVersion" not in first.headers
    assert "X-MS-PolicyKey" not in first.headers
    server.received.clear()
    phone.transport.policy_key = 0x01020304
    phone.raw(command="Sync", method="POST")
    assert base64.b64decode(server.last.bare_query) == (
        b"\x8c\x00\x09\x04\x0av140Device\x04\x04\x03\x02\x01\x0aSmartPhone"
    )


def test_the_standards_example_of_a_base64_query_comes_out() -> None:
    phone = Phone("http://127.0.0.1/", "a", "b", device_id="v140Device", version="14.0", query="base64")
    query, _ = phone.transport.addressed("Sync", {})
    assert query == "jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l"


def test_parameters_and_flags_are_tagged_in_base64() -> None:
    phone = Phone(
        "http://127.0.0.1/", "a", "b", device_id="D", device_type="T", version="16.1", query="base64"
    )
    query, _ = phone.transport.addressed(
        "SmartReply", {"CollectionId": "7", "SaveInSent": "T", "AcceptMultiPart": "T"}
    )
    assert base64.b64decode(query) == b"\xa1\x03\x09\x04\x01D\x00\x01T\x01\x017\x07\x01\x03"


def test_cookies_are_kept_and_sent_back(make, server: CannedServer) -> None:
    server.play(Canned(HIERARCHY, headers={"Set-Cookie": "JSESSIONID=1.ox2; Path=/"}), Canned())
    phone = make()
    phone.folder_sync()
    assert phone.cookies == {"JSESSIONID": "1.ox2"}
    phone.raw()
    assert server.last.headers["Cookie"] == "JSESSIONID=1.ox2"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationFailed),
        (403, AccessRefused),
        (456, AccessRefused),
        (502, ServerUnavailable),
        (503, ServerUnavailable),
        (400, BadAnswer),
        (451, BadAnswer),
        (500, BadAnswer),
        (302, BadAnswer),
    ],
)
def test_an_http_status_becomes_an_error_that_names_it(
    make, server: CannedServer, status: int, error: type
) -> None:
    server.play(Canned(b"<html>", status, {"Location": "http://127.0.0.1:9/", "Retry-After": "soon"}))
    with pytest.raises(error, match=str(status)) as caught:
        make().folder_sync()
    assert "sëcret" not in str(caught.value)


def test_the_server_may_say_when_to_come_back(make, server: CannedServer) -> None:
    server.play(Canned(status=503, headers={"Retry-After": "120"}))
    with pytest.raises(ServerUnavailable) as caught:
        make().folder_sync()
    assert caught.value.retry_after == 120


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with CannedServer() as gone:
        url = gone.url
    with pytest.raises(ServerUnavailable, match="cannot be reached"):
        Phone(url, "a", "b").folder_sync()


def test_a_server_that_never_answers_is_unavailable(server: CannedServer) -> None:
    release = threading.Event()

    def hang(_: object) -> Canned:
        release.wait(5)
        return Canned()

    server.play(hang)
    try:
        with pytest.raises(ServerUnavailable, match=r"within 0\.2 s"):
            Phone(server.url, "a", "b", timeout=0.2).folder_sync()
    finally:
        release.set()


@pytest.mark.parametrize("body", [b"<html>no</html>", b"\x03\x01\x6a\x00\x45"])
def test_an_answer_that_is_not_wbxml_is_bad(make, server: CannedServer, body: bytes) -> None:
    server.play(Canned(body))
    with pytest.raises(BadAnswer, match="FolderSync was answered with what is not WBXML"):
        make().folder_sync()


def test_raw_requests_go_out_as_they_are(make, server: CannedServer) -> None:
    server.play(Canned(b"what", 400), Canned(b"", 401))
    answer = make().raw(b"\xff\0", query="Cmd=Nonsense", headers={"MS-ASProtocolVersion": None, "X": "1"})
    assert (answer.status, answer.body) == (400, b"what")
    assert server.last.query == "Cmd=Nonsense"
    assert server.last.body == b"\xff\0"
    assert "MS-ASProtocolVersion" not in server.last.headers
    assert server.last.headers["X"] == "1"
    assert make().raw(with_credentials=False).status == 401
    assert "Authorization" not in server.last.headers


def test_whoever_wants_sees_every_answer(make, server: CannedServer) -> None:
    seen: list[tuple[str, str, bytes]] = []
    server.play(*PROVISIONED, SETTINGS, HIERARCHY)
    phone = make(version="12.1", on_answer=lambda *answer: seen.append(answer))
    phone.provision()
    phone.folder_sync()
    assert [(command, version) for command, version, _ in seen] == [
        ("Provision", "12.1"),
        ("Provision", "12.1"),
        ("Settings", "12.1"),
        ("FolderSync", "12.1"),
    ]
    assert seen[-1][2] == encode(HIERARCHY)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://mail.example.org", "https://mail.example.org/Microsoft-Server-ActiveSync"),
        ("http://127.0.0.1:8010/", "http://127.0.0.1:8010/Microsoft-Server-ActiveSync"),
        ("http://h/Microsoft-Server-ActiveSync", "http://h/Microsoft-Server-ActiveSync"),
        ("http://h/other?x=1", "http://h/other"),
    ],
)
def test_the_path_is_added_where_it_is_missing(given: str, address: str) -> None:
    assert server_address(given) == address


@pytest.mark.parametrize("given", ["mail.example.org", "ftp://mail.example.org", "", "https://"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="not the address of a server"):
        server_address(given)


def test_a_token_takes_the_place_of_the_password(make, server: CannedServer) -> None:
    server.play(Canned())
    make(token="abc.def").raw()
    assert server.last.headers["Authorization"] == "Bearer abc.def"


def test_bodies_go_out_compressed_where_the_phone_is_told_to(make, server: CannedServer) -> None:
    server.play(HIERARCHY)
    make(compress=True).folder_sync()
    assert server.last.headers["Content-Encoding"] == "gzip"
    assert decode(gzip.decompress(server.last.body)).name == "FolderHierarchy:FolderSync"


def test_a_compressed_answer_is_read(make, server: CannedServer) -> None:
    server.play(Canned(gzip.compress(encode(HIERARCHY)), headers={"Content-Encoding": "gzip"}))
    phone = make()
    phone.folder_sync()
    assert phone.folders
    assert "gzip" in server.last.headers["Accept-Encoding"]


def test_a_phone_that_is_sent_elsewhere_stays_there(make, server: CannedServer) -> None:
    with CannedServer() as other:
        server.play(Canned(status=451, headers={"X-MS-Location": f"{other.url}Microsoft-Server-ActiveSync"}))
        other.play(HIERARCHY, Canned())
        phone = make()
        phone.folder_sync()
        phone.raw()
        assert (len(server.received), len(other.received)) == (1, 2)


def test_a_phone_is_not_sent_round_for_ever(make, server: CannedServer) -> None:
    for _ in range(3):
        server.play(Canned(status=451, headers={"X-MS-Location": server.url}))
    with pytest.raises(BadAnswer):
        make().folder_sync()
    server.play(Canned(status=451))
    with pytest.raises(BadAnswer):
        make().folder_sync()


@pytest.mark.parametrize("version", ["2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1"])
@pytest.mark.parametrize("query", ["plain", "base64"])
def test_every_version_goes_out_in_both_forms(make, server: CannedServer, version: str, query: str) -> None:
    server.play(HIERARCHY)
    make(version=version, query=query).folder_sync()
    if query == "plain":
        assert server.last.headers["MS-ASProtocolVersion"] == version
    else:
        assert base64.b64decode(server.last.bare_query)[0] == int(version.replace(".", ""))
