"""The query string in both forms, and what is wrong with the ones that cannot be read."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eas.errors import EasError
from app.eas.request import Command, device_in, parse
from app.eas.versions import BY_CODE, COMMANDS, Version
from app.usm.model import Device
from app.wbxml import decode
from tests.schemas import validate

HEADERS = {"ms-asprotocolversion": "14.1"}
CHECK_VALUE = "jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l"
"""The example of the standard's digest: 14.0, Sync, no policy key."""


def packed(
    version: int = 141,
    code: int = 0,
    device_id: bytes = b"phone1",
    key: bytes = b"",
    device_type: bytes = b"Phone",
    parameters: bytes = b"",
) -> bytes:
    head = bytes([version, code, 0x09, 0x04, len(device_id)]) + device_id
    return head + bytes([len(key)]) + key + bytes([len(device_type)]) + device_type + parameters


def query(**parts: object) -> str:
    return base64.b64encode(packed(**parts)).decode()  # type: ignore[arg-type]


def post(text: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Command:
    return parse("POST", text, HEADERS if headers is None else headers, body)


def refused(text: str, headers: dict[str, str] | None = None, method: str = "POST") -> EasError:
    with pytest.raises(EasError) as caught:
        parse(method, text, HEADERS if headers is None else headers, b"")
    return caught.value


def outcome(text: str) -> object:
    try:
        post(text)
    except EasError as error:
        return error.response.status
    return "command"


def test_the_check_value_of_the_base64_form() -> None:
    command = post(CHECK_VALUE, {})
    assert (command.name, command.version) == ("Sync", Version.V14_0)
    assert (command.device.device_id, command.device.device_type) == ("v140Device", "SmartPhone")
    assert command.policy_key == ""


def test_a_plain_query_names_everything() -> None:
    command = post(
        "Cmd=SendMail&User=EXAMPLE%5Canton&DeviceId=Appl123&DeviceType=iPhone&SaveInSent=T&ItemId=5%3A7",
        {
            "ms-asprotocolversion": "12.1",
            "x-ms-policykey": "3942919513",
            "user-agent": "Apple-iPhone/1",
            "content-type": "message/rfc822; charset=utf-8",
            "ms-asacceptmultipart": "T",
        },
        b"Subject: x",
    )
    assert command.name == "SendMail"
    assert command.version is Version.V12_1
    assert command.user == "EXAMPLE\\anton"
    assert command.policy_key == "3942919513"
    assert command.parameters == {"SaveInSent": "T", "ItemId": "5:7"}
    assert command.content_type == "message/rfc822"
    assert command.accept_multipart
    assert command.content == b"Subject: x"
    assert command.user_agent == "Apple-iPhone/1"


@pytest.mark.parametrize("text", ["cmd=sync&DEVICEID=phone1&devicetype=P", "DeviceId=phone1&Cmd=SYNC"])
def test_names_and_order_of_a_plain_query_do_not_matter(text: str) -> None:
    command = post(text)
    assert (command.name, command.device.device_id) == ("Sync", "phone1")


def test_the_first_of_two_parameters_counts() -> None:
    assert post("Cmd=Ping&Cmd=Sync&DeviceId=a&DeviceId=b").device.device_id == "a"


def test_what_a_device_says_of_itself_cannot_break_a_log_line() -> None:
    command = post(f"Cmd=Sync&DeviceId=a&DeviceType=P%0D%0AX{'y' * 99}&User=a%00%0Ab")
    assert command.device.device_type == ("P X" + "y" * 99)[:64]
    assert command.user == "a b"


def test_device_type_and_user_may_be_missing() -> None:
    command = post("Cmd=Sync&DeviceId=phone1")
    assert (command.device.device_type, command.user) == ("", "")


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_every_command_has_its_code(code: int) -> None:
    assert post(query(code=code), {}).name == BY_CODE[code].name


@pytest.mark.requirement("MS-ASHTTP", 282, 283, 297)
@pytest.mark.parametrize("version", list(Version))
def test_every_version_in_both_forms(version: Version) -> None:
    plain = post("Cmd=Sync&DeviceId=a", {"ms-asprotocolversion": version.text})
    assert plain.version is post(query(version=version.value), {}).version is version


@pytest.mark.requirement(
    "MS-ASHTTP",
    88,
    92,
    94,
    435,
    436,
    486,
    487,
    511,
    512,
    513,
    517,
    524,
    525,
    526,
    527,
    528,
    529,
    530,
    531,
    532,
    533,
    534,
)
def test_the_parameters_of_a_base64_query() -> None:
    parameters = b"".join(
        bytes([tag, len(value)]) + value
        for tag, value in [
            (0, b"1:2"),
            (1, b"5"),
            (3, b"5:7"),
            (4, b"long"),
            (6, b"2026"),
            (7, b"\x03"),
            (8, b"anton"),
            (200, b"new in a later version"),
        ]
    )
    command = post(query(parameters=parameters), {})
    assert command.parameters == {
        "AttachmentName": "1:2",
        "CollectionId": "5",
        "ItemId": "5:7",
        "LongId": "long",
        "Occurrence": "2026",
        "SaveInSent": "T",
    }
    assert command.user == "anton"
    assert command.accept_multipart


def test_empty_options_in_a_base64_query_mean_none() -> None:
    command = post(query(parameters=b"\x07\x00"), {})
    assert not command.accept_multipart
    assert command.parameters == {}


def test_the_policy_key_of_a_base64_query_is_little_endian() -> None:
    assert post(query(key=bytes([1, 2, 0, 0])), {}).policy_key == "513"


@pytest.mark.parametrize("text", ["0", ""])
def test_policy_key_0_is_none(text: str) -> None:
    assert post("Cmd=Sync&DeviceId=a", HEADERS | {"x-ms-policykey": text}).policy_key == ""
    assert post(query(key=bytes(4)), {}).policy_key == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.rstrip("="),
        lambda text: quote(text, safe=""),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: text.replace("+", " "),
        lambda text: text.replace("=", "%3D"),
    ],
)
def test_the_base64_form_is_taken_however_it_was_written(change: object) -> None:
    raw = packed(device_type=b"~~~\xf8\xff\xfe\xfb\xef\xbe\x3e\xfb")
    text = base64.b64encode(raw).decode()
    assert "+" in text
    assert "/" in text
    assert post(change(text), {}).device.device_id == "phone1"  # type: ignore[operator]


@pytest.mark.parametrize("device_id", ["phone1", "ApplDNQ8R2XYZ", "BAD73E6E02156460E800185977C03182", "a"])
def test_a_device_has_one_identity_in_both_forms(device_id: str) -> None:
    plain = post(f"Cmd=Sync&DeviceId={device_id}")
    assert plain.device.device_id == post(query(device_id=device_id.encode()), {}).device.device_id


def test_the_bytes_of_a_guid_are_the_device_that_writes_them_in_hexadecimal() -> None:
    raw = bytes.fromhex("BAD73E6E02156460E800185977C03182")
    plain = post(f"Cmd=Sync&DeviceId={raw.hex().upper()}")
    assert post(query(device_id=raw), {}).device.device_id == plain.device.device_id == raw.hex()


@pytest.mark.parametrize(
    "text",
    [
        "BAD73E6E-0215-6460-E800-185977C03182",
        "%7BBAD73E6E-0215-6460-E800-185977C03182%7D",
        "{bad73e6e-0215-6460-e800-185977c03182}",
        "BAD73E6E02156460E800185977C03182",
    ],
)
def test_a_guid_is_the_same_device_however_it_is_written(text: str) -> None:
    assert post(f"Cmd=Sync&DeviceId={text}").device.device_id == "bad73e6e02156460e800185977c03182"
    assert device_in(f"Cmd=Sync&DeviceId={text}").device_id == "bad73e6e02156460e800185977c03182"


def test_a_guid_in_text_within_base64_is_the_same_device_too() -> None:
    raw = b"BAD73E6E-0215-6460-E800-185977C03182"
    assert post(query(device_id=raw), {}).device.device_id == "bad73e6e02156460e800185977c03182"


@pytest.mark.parametrize(
    ("text", "device_id", "kind"),
    [
        ("", "", ""),
        ("User=anton&DeviceId=Phone1&DeviceType=Sm%61rt", "Phone1", "Smart"),
        ("deviceid=a&DEVICEID=b", "a", ""),
        ("jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l", "v140Device", "SmartPhone"),
        ("jAAJBAp2MTQwRG", "", ""),
        ("DeviceId=" + "x" * 33, "", ""),
        ("%%%", "", ""),
        ("User=anton", "", ""),
    ],
)
def test_the_device_that_asks_for_options(text: str, device_id: str, kind: str) -> None:
    assert device_in(text) == Device("EAS", device_id, kind)


def test_blanks_around_the_name_of_a_command_do_no_harm() -> None:
    assert post("Cmd=%20Sync+&%20DeviceId=a").name == "Sync"


def test_a_device_that_only_tries_an_account_is_known_as_such() -> None:
    assert post("Cmd=FolderSync&DeviceId=validate").transient
    assert not post("Cmd=FolderSync&DeviceId=validated").transient


@pytest.mark.requirement("MS-ASHTTP", 186, 187, 443)
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "post", "PROPFIND"])
def test_other_methods_are_501(method: str) -> None:
    assert refused("Cmd=Sync&DeviceId=a", method=method).response.status == 501


@pytest.mark.requirement("MS-ASHTTP", 186)
@pytest.mark.parametrize("text", ["Cmd=Foo&DeviceId=a", "Cmd=&DeviceId=a", "Cmd=Notify&DeviceId=a"])
def test_unknown_commands_are_501(text: str) -> None:
    assert refused(text).response.status == 501


@pytest.mark.parametrize("code", [5, 6, 7, 8, 24, 255])
def test_unknown_command_codes_are_501(code: int) -> None:
    assert refused(query(code=code)).response.status == 501


@pytest.mark.parametrize(
    "text", ["", "14", "abc", "14.1.0", "2.0", "2.1", "12.2", "13.0", "14.2", "17.0", "-1", "٤.1"]
)
def test_versions_that_are_not_served_are_400(text: str) -> None:
    assert refused("Cmd=Sync&DeviceId=a", {"ms-asprotocolversion": text}).response.status == 400


def test_a_missing_version_is_400() -> None:
    assert refused("Cmd=Sync&DeviceId=a", {}).response.status == 400


@pytest.mark.requirement("MS-ASCMD", 7560)
def test_version_1_0_is_505() -> None:
    assert refused("Cmd=Sync&DeviceId=a", {"ms-asprotocolversion": "1.0"}).response.status == 505
    assert refused(query(version=10)).response.status == 505


@pytest.mark.parametrize("number", sorted(set(range(256)) - {version.value for version in Version} - {10}))
def test_version_bytes_that_are_not_served_are_400(number: int) -> None:
    assert refused(query(version=number)).response.status == 400


@pytest.mark.requirement("MS-ASHTTP", 176, 188)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "===",
        "User=anton&DeviceId=a",
        "%%%",
        "jAAJB!Ap2",
        "jA\u00e4",
        "a",
        "/",
        "?",
        "Command=Sync",
        "\x00",
    ],
)
def test_what_is_neither_plain_nor_base64_is_400(text: str) -> None:
    assert refused(text).response.status == 400


@pytest.mark.requirement("MS-ASHTTP", 176, 177)
@pytest.mark.parametrize("length", range(len(packed(key=b"\1\2\3\4"))))
def test_a_base64_query_cut_anywhere_is_400(length: int) -> None:
    text = base64.b64encode(packed(key=b"\1\2\3\4")[:length]).decode()
    assert refused(text).response.status == 400


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 255])
def test_a_policy_key_of_another_length_is_400(length: int) -> None:
    assert refused(query(key=b"x" * length)).response.status == 400


BAD_IDS = [
    "",
    "%20",
    "x" * 33,
    "a,b",
    "a%20b",
    "a%00b",
    "%C3%A4",
    "a%0D%0AX: y",
    "a'b",
    "<a>",
    "a%2Fb",
    'a"b',
    "a;b",
]


@pytest.mark.parametrize("device_id", BAD_IDS)
def test_a_bad_device_id_is_400_up_to_12_1(device_id: str) -> None:
    error = refused(f"Cmd=Sync&DeviceId={device_id}", {"ms-asprotocolversion": "12.1"})
    assert error.response.status == 400
    assert not error.response.body


@pytest.mark.requirement("MS-ASCMD", 4828)
@pytest.mark.parametrize(
    "command", [name for name, rule in COMMANDS.items() if rule.exists_in(Version.V16_1)]
)
def test_a_bad_device_id_is_status_108_from_14_0_on(command: str) -> None:
    error = refused(f"Cmd={command}&DeviceId=a,b", {"ms-asprotocolversion": "16.1"})
    assert error.response.status == 200
    validate(error.response.body, "16.1")
    root = decode(error.response.body)
    assert "108" in [element.text for child in root for element in (child, *child)]


@pytest.mark.parametrize("raw", [b"", b"\x01" * 17, b"x" * 33, b"a,b"])
def test_a_bad_device_id_in_a_base64_query(raw: bytes) -> None:
    assert refused(query(version=121, device_id=raw)).response.status == 400


def test_a_device_id_missing_from_the_query() -> None:
    assert refused("Cmd=Sync", {"ms-asprotocolversion": "12.1"}).response.status == 400


@given(st.text(max_size=200))
def test_any_query_ends_in_a_command_or_a_refusal(text: str) -> None:
    assert outcome(text) in ("command", 200, 400, 501, 505)


@given(st.binary(max_size=120))
def test_any_base64_ends_in_a_command_or_a_refusal(raw: bytes) -> None:
    assert outcome(base64.b64encode(raw).decode()) in ("command", 200, 400, 501, 505)
