"""BodyPart: what of a message is its author's own, from 14.1 on (MS-ASAIRS 2.2.2.10, 2.2.2.11)."""

from __future__ import annotations

import pytest

from app.eas.versions import ADVERTISED, Version
from app.usm.model import Body, BodyKind
from tests.eas.phone import INBOX, Phone, Reply, World, plain

HTML = Body(
    BodyKind.HTML,
    "<html><body><p>Yes, <b>gladly</b>.</p><blockquote>Are you coming?</blockquote></body></html>",
    native=BodyKind.HTML,
)
OWN = "<html><body><p>Yes, <b>gladly</b>.</p></body></html>"


def wish(*more: object, kind: int = 2) -> tuple[object, ...]:
    return ("AirSyncBase:BodyPartPreference", ("Type", kind), *more)


def told(version: Version, body: Body, *wishes: object) -> Reply:
    phone = World().phone(version).start(INBOX)
    phone.world.source.put(INBOX, {"subject": "Party", "body": body})
    return phone.sync(INBOX, ("Options", *wishes))


def part(body: Body, *more: object) -> dict[str, object]:
    reply = told(Version.V14_1, body, ("AirSyncBase:BodyPreference", ("Type", 2)), wish(*more))
    assert reply.text("AirSyncBase:Data") if not reply.all("AirSyncBase:BodyPart") else True
    return dict(plain(reply.one("AirSyncBase:BodyPart")))  # type: ignore[call-overload]


@pytest.mark.requirement("MS-ASCON", 38, 39, 40, 234, 235, 236, 243, 245, 246, 247, 248, 504, 505)
@pytest.mark.requirement("MS-ASAIRS", 120, 124, 126, 127, 128, 129, 186, 294)
def test_a_part_comes_beside_the_body() -> None:
    assert part(HTML) == {"Status": "1", "Type": "2", "EstimatedDataSize": str(len(OWN)), "Data": OWN}


@pytest.mark.requirement("MS-ASAIRS", 1061, 1062, 1134, 1135, 1158, 1159, 1309, 1310, 1313, 1314, 1396, 1397)
@pytest.mark.parametrize("version", ADVERTISED)
def test_there_are_parts_from_14_1_on(version: Version) -> None:
    reply = told(version, HTML, wish())
    assert bool(reply.all("AirSyncBase:BodyPart")) is (version >= Version.V14_1)


@pytest.mark.requirement("MS-ASCON", 237, 339, 340)
def test_without_a_wish_there_is_none() -> None:
    assert not told(Version.V16_1, HTML, ("FilterType", 0)).all("AirSyncBase:BodyPart")


@pytest.mark.requirement("MS-ASCON", 239, 240)
@pytest.mark.requirement("MS-ASAIRS", 254, 270)
@pytest.mark.requirement("MS-ASAIRS", 188, 253, 255, 256, 282, 392)
def test_a_part_is_cut_and_previewed_as_a_body_is() -> None:
    found = part(HTML, ("TruncationSize", 20), ("Preview", 6))
    assert found == {
        "Status": "1",
        "Type": "2",
        "EstimatedDataSize": str(len(OWN)),
        "Truncated": "1",
        "Data": "<html><body><p>Yes, ",
        "Preview": "Yes, g",
    }


@pytest.mark.requirement("MS-ASAIRS", 62, 65, 283, 407, 408, 410, 411)
@pytest.mark.requirement("MS-ASAIRS", 63, 400)
def test_all_or_none_of_a_part() -> None:
    found = part(HTML, ("TruncationSize", 20), ("AllOrNone", 1))
    assert "Data" not in found
    assert found["Truncated"] == "1"
    assert part(HTML, ("AllOrNone", 1))["Data"] == OWN


def test_a_part_of_a_text_is_html() -> None:
    found = part(Body(BodyKind.TEXT, "Yes.\n> Coming?"))
    assert found["Data"] == "<html><body>Yes.</body></html>"


def test_what_is_told_as_a_whole_has_an_empty_part() -> None:
    mime = Body(BodyKind.MIME, mime=b"Subject: x\r\n\r\nx")
    reply = told(Version.V16_1, mime, ("AirSyncBase:BodyPreference", ("Type", 4)), wish(), ("MIMESupport", 2))
    assert plain(reply.one("AirSyncBase:BodyPart")) == [
        ("Status", "1"),
        ("Type", "2"),
        ("EstimatedDataSize", "0"),
        ("Data", ""),
    ]


@pytest.mark.requirement("MS-ASCON", 241)
@pytest.mark.requirement("MS-ASCMD", 5412)
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_a_part_in_another_form_is_status_164(kind: int) -> None:
    for version in (Version.V14_1, Version.V16_1):
        assert told(version, HTML, wish(kind=kind)).status == "164"


def test_two_wishes_for_one_type_are_status_4() -> None:
    assert told(Version.V16_1, HTML, wish(), wish()).status == "4"


@pytest.mark.requirement("MS-ASAIRS", 183, 185, 207, 208, 257, 258, 286, 317, 318)
@pytest.mark.requirement("MS-ASCON", 5033, 501, 502)
def test_the_wish_is_remembered() -> None:
    phone: Phone = World().phone(Version.V16_1).start(INBOX)
    phone.sync(INBOX, ("Options", wish(("Preview", 9))))
    phone.world.source.put(INBOX, {"subject": "Party", "body": HTML})
    assert phone.sync(INBOX).one("AirSyncBase:BodyPart").text_of("AirSyncBase:Preview") == "Yes, glad"
