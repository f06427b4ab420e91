"""What the front door does with a request as a whole: OPTIONS, refusals, bytes that are no document."""

from __future__ import annotations

import base64

import pytest

from app.eas.answer import failure
from app.eas.dispatch import ENTRIES
from app.eas.server import ActiveSync
from app.eas.settings import EasSettings
from app.eas.status import HTTP_BEFORE_14, MALFORMED, ROOTS, Common
from app.eas.versions import COMMANDS, Version
from app.usm.errors import (
    AccessDenied,
    Busy,
    FolderGone,
    NotEnabled,
    SourceUnavailable,
    StoreUnavailable,
    UsmError,
)
from app.usm.ports import outcome
from app.wbxml import encode
from tests.eas.phone import CONTACTS, Phone, World, tree

SERVED = (
    "Sync",
    "FolderSync",
    "FolderCreate",
    "FolderDelete",
    "FolderUpdate",
    "GetItemEstimate",
    "GetAttachment",
    "ItemOperations",
    "MeetingResponse",
    "MoveItems",
    "SendMail",
    "SmartForward",
    "SmartReply",
    "Settings",
    "Ping",
    "Provision",
    "Search",
    "Find",
    "ResolveRecipients",
    "ValidateCert",
    "GetHierarchy",
)
DOCUMENTED = tuple(name for name in SERVED if name in ROOTS and COMMANDS[name].exists_in(Version.V12_1))
"""Served with documents in all versions; the answer of GetAttachment is a file."""
NOT_SERVED = tuple(name for name in COMMANDS if name not in SERVED)


@pytest.mark.requirement("MS-ASCMD", 49)
def test_options_offers_what_is_served_and_nothing_else(world: World) -> None:
    response = world.eas.options()
    assert response.status == 200
    assert response.body == b""
    assert response.headers["MS-ASProtocolVersions"] == "2.5,12.0,12.1,14.0,14.1,16.0,16.1"
    assert sorted(response.headers["MS-ASProtocolCommands"].split(",")) == sorted(SERVED)
    assert "OPTIONS" in response.headers["Allow"]


@pytest.mark.requirement("MS-ASHTTP", 222)
def test_every_answer_names_the_server_and_stays_private(phone: Phone) -> None:
    headers = phone.ask_policy().http.headers
    assert headers["MS-Server-ActiveSync"] == "16.1"
    assert headers["Cache-Control"] == "private"


@pytest.mark.requirement("MS-ASHTTP", 708, 800)
def test_the_first_folder_sync_tells_versions_and_commands(phone: Phone) -> None:
    phone.provision()
    first = phone.folder_sync()
    assert first.http.headers["X-MS-RP"] == "2.5,12.0,12.1,14.0,14.1,16.0,16.1"
    assert "MS-ASProtocolCommands" in first.http.headers
    second = phone.folder_sync(first.text("FolderHierarchy:SyncKey"))
    assert "X-MS-RP" not in second.http.headers


@pytest.mark.requirement("MS-ASCMD", 4897)
@pytest.mark.parametrize("command", NOT_SERVED)
def test_a_command_that_is_not_served(command: str, phone: Phone) -> None:
    phone.provision()
    reply = phone.reply(phone.raw(command, b""))
    if not COMMANDS[command].exists_in(phone.version):
        assert reply.http.status == 400
    elif phone.version is Version.V12_1:
        assert reply.http.status == 501
    else:
        assert "137" in [element.text for element in reply.everything()]


REFUSALS = [
    (AccessDenied("no"), 401, 401, {}),
    (SourceUnavailable("OX is away", 45), 503, 503, {"Retry-After": "45"}),
    (StoreUnavailable("no database", 7), 503, 503, {"Retry-After": "7"}),
    (Busy("locked"), 503, 503, {"Retry-After": "5"}),
    (NotEnabled("no right"), 403, "126", {}),
    (FolderGone("unforeseen"), 503, "111", {}),
    (UsmError("unforeseen"), 503, "111", {}),
]


@pytest.mark.parametrize(("error", "before_14", "since_14", "headers"), REFUSALS)
@pytest.mark.parametrize("command", DOCUMENTED)
def test_what_went_wrong_in_usm_has_its_answer(
    command: str, error: UsmError, before_14: int, since_14: object, headers: dict[str, str], phone: Phone
) -> None:
    request = phone.world.eas.parse(
        "POST", phone.query(command), {"ms-asprotocolversion": phone.version.text}, b""
    )
    response = phone.world.eas.refuse(request, error)
    expected = before_14 if phone.version is Version.V12_1 else since_14
    if isinstance(expected, str):
        assert phone.reply(response).status == expected
    else:
        assert response.status == expected
        assert response.body == b""
    assert headers.items() <= response.headers.items()


def test_a_user_without_the_right_is_refused_before_there_is_a_session(phone: Phone) -> None:
    phone.world.provider.disabled.add("anton@example.org")
    request = phone.world.eas.parse(
        "POST", phone.query("Sync"), {"ms-asprotocolversion": phone.version.text}, b""
    )
    with pytest.raises(NotEnabled) as caught:
        phone.session()
    response = phone.world.eas.refuse(request, caught.value)
    assert response.status == (403 if phone.version is Version.V12_1 else 200)


@pytest.mark.requirement("MS-ASCMD", 4815)
@pytest.mark.requirement("MS-ASHTTP", 176, 177, 188)
@pytest.mark.parametrize("command", DOCUMENTED)
@pytest.mark.parametrize(
    "body",
    [
        b"\x00",
        b"\xff" * 40,
        b"<xml/>",
        b"\x03\x01\x6a\x00",
        b"\x03\x01\x6a\x00\x45",
        b"\x02\x01\x6a\x05abcd\x00",
    ],
)
def test_bytes_that_are_no_wbxml(command: str, body: bytes, phone: Phone) -> None:
    phone.provision()
    response = phone.raw(command, body)
    if phone.version is Version.V12_1:
        assert response.status == 400
    else:
        assert phone.reply(response).status == "102"


@pytest.mark.parametrize("command", DOCUMENTED)
def test_the_root_of_another_command(command: str, phone: Phone) -> None:
    phone.provision()
    response = phone.raw(command, encode(tree("AirSync:Collections", ("Collection", ""))))
    _check(phone, response, MALFORMED[command])


def _check(phone: Phone, response: object, status: int) -> None:
    if status > 100 and phone.version is Version.V12_1:
        assert response.status == HTTP_BEFORE_14[status]  # type: ignore[attr-defined]
    else:
        assert phone.reply(response).status == str(int(status))  # type: ignore[arg-type]


@pytest.mark.parametrize("command", DOCUMENTED)
def test_another_kind_of_content(command: str, phone: Phone) -> None:
    phone.provision()
    phone.headers["content-type"] = "text/plain"
    _check(phone, phone.raw(command, b"hello"), 101)


@pytest.mark.parametrize(
    "content_type", ["application/vnd.ms-sync", "", "Application/VND.ms-sync.WBXML; x=y"]
)
def test_the_kinds_of_content_that_are_taken(content_type: str, phone: Phone) -> None:
    phone.headers["content-type"] = content_type
    assert phone.ask_policy().status == "1"


@pytest.mark.parametrize("command", ["FolderSync", "GetItemEstimate", "Settings", "Provision"])
def test_a_body_is_missing(command: str, phone: Phone) -> None:
    phone.provision()
    _check(phone, phone.raw(command, b""), 101)


@pytest.mark.parametrize(("has_key", "expected"), [(True, 449), (False, 403)])
def test_a_wipe_is_told_by_http_up_to_12_1(has_key: bool, expected: int) -> None:
    assert failure("Sync", Version.V12_1, Common.REMOTE_WIPE, has_key=has_key).status == expected


def test_both_forms_of_the_query_are_one_device(world: World) -> None:
    phone = world.phone(Version.V14_1, device_id="BAD73E6E02156460E800185977C03182").start(CONTACTS)
    raw = bytes([141, 0, 9, 4, 16]) + bytes.fromhex(phone.device_id)
    raw += b"\x04" + int(phone.policy_key).to_bytes(4, "little") + b"\x05Phone"
    world.source.put(CONTACTS, {"last_name": "Neu"})
    body = encode(tree("AirSync:Sync", ("Collections", phone.collection(CONTACTS))))
    request = world.eas.parse("POST", base64.b64encode(raw).decode(), {}, body)
    answer = outcome(world.eas.handle(phone.session(), request))
    assert phone.reply(answer).text("Contacts:LastName") == "Neu"


def test_settings_that_cannot_work_are_refused_at_the_start(world: World) -> None:
    for wrong in (
        {"policy": {"DevicePasswordEnabled": "yes"}},
        {"policy": {"DevicePasswordEnabled": "2"}},
        {"policy": {"Nonsense": "1"}},
        {"min_heartbeat": 0},
        {"max_heartbeat": 30},
        {"max_ping_folders": 0},
        {"max_collections": 0},
        {"default_window": 0},
        {"max_window": 513},
    ):
        with pytest.raises(ValueError, match=r"\d|yes|Nonsense"):
            ActiveSync(EasSettings(**wrong), world.clock, world.tokens)  # type: ignore[arg-type]


def test_every_command_served_has_its_status_for_a_broken_document() -> None:
    assert set(MALFORMED) == set(ENTRIES) == set(SERVED)
    assert set(ROOTS) >= set(DOCUMENTED)
