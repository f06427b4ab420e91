"""Which body a device gets, and how much of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eas.options import MIME_LIMITS, Options, Preference, read
from app.eas.schema import body, html
from app.eas.schema.text import cut
from app.eas.versions import ADVERTISED, Version
from app.usm.model import Body, BodyKind
from app.wbxml import Element
from tests.eas.calendars import CALENDAR, MEETING, calendar_phone
from tests.eas.phone import CONTACTS, INBOX, Phone, World, plain, tree

TEXT = Body(BodyKind.TEXT, "Hello\nworld", native=BodyKind.TEXT)
HTML = Body(BodyKind.HTML, "<html><body><p>Hello <b>big</b> world</p></body></html>", native=BodyKind.HTML)
MIME = Body(BodyKind.MIME, mime=b"Subject: x\r\n\r\n\xff\x00" + b"y" * 10000, native=BodyKind.HTML)


def shown(
    given: Body, *preferences: Preference, version: Version = Version.V14_1, **more: object
) -> dict[str, object]:
    whole = bool(more.pop("whole", False))
    options = Options(preferences=preferences, **more)  # type: ignore[arg-type]
    return dict(plain(body.render(given, options, version, whole)))


def test_without_a_wish_a_device_gets_plain_text() -> None:
    assert shown(TEXT) == {"Type": "1", "EstimatedDataSize": "12", "Data": "Hello\r\nworld"}
    assert shown(HTML)["Data"] == "Hello big world"


@pytest.mark.requirement("MS-ASAIRS", 232, 236, 241, 2411, 2412)
def test_the_native_form_is_preferred_among_those_the_device_takes() -> None:
    both = (Preference(1), Preference(2))
    assert shown(HTML, *both)["Type"] == "2"
    assert shown(TEXT, *both)["Type"] == "1"


def test_what_is_missing_is_converted() -> None:
    assert shown(HTML, Preference(1))["Data"] == "Hello big world"
    converted = shown(Body(BodyKind.TEXT, "a < b\r\n& c"), Preference(2))
    assert converted["Type"] == "2"
    assert converted["Data"] == "<html><body>a &lt; b<br>\n&amp; c</body></html>"


@pytest.mark.parametrize("only", [3, 4])
def test_a_device_that_wants_only_what_nobody_has_gets_plain_text(only: int) -> None:
    assert shown(TEXT, Preference(only))["Type"] == "1"


@pytest.mark.requirement("MS-ASAIRS", 115, 180, 274, 276, 277, 303)
def test_truncated_is_sent_only_when_it_is_true() -> None:
    assert "Truncated" not in shown(TEXT, Preference(1, size=12))
    part = shown(TEXT, Preference(1, size=11))
    assert part == {"Type": "1", "EstimatedDataSize": "12", "Truncated": "1", "Data": "Hello\r\nworl"}


def test_size_0_sends_no_data() -> None:
    assert shown(TEXT, Preference(1, size=0)) == {"Type": "1", "EstimatedDataSize": "12", "Truncated": "1"}


def test_an_empty_body_is_not_truncated() -> None:
    empty = {"Type": "1", "EstimatedDataSize": "0", "Data": ""}
    assert shown(Body(BodyKind.TEXT), Preference(1, size=0)) == empty


def test_sizes_are_bytes_and_cuts_fall_between_characters() -> None:
    part = shown(Body(BodyKind.TEXT, "äöü"), Preference(1, size=3))
    assert (part["Data"], part["EstimatedDataSize"]) == ("ä", "6")


@given(st.text(), st.integers(0, 50))
def test_a_cut_is_always_the_beginning_of_the_text(text: str, size: int) -> None:
    data = text.encode("utf-8", "ignore")
    part = cut(data, size)
    assert len(part) <= size
    assert data.startswith(part)
    part.decode()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (2, ""),
        (4, "<p>a"),
        (5, "<p>a"),
        (7, "<p>a"),
        (8, "<p>a</p>"),
        (9, "<p>a</p>b"),
        (10, "<p>a</p>b"),
        (13, "<p>a</p>b"),
        (14, "<p>a</p>b&amp;"),
        (15, "<p>a</p>b&amp;c"),
        (17, "<p>a</p>b&amp;cd"),
        (100, "<p>a</p>b&amp;cd"),
    ],
)
def test_html_is_cut_between_tags_and_entities(size: int, expected: str) -> None:
    assert html.shorten(b"<p>a</p>b&amp;cd", size).decode() == expected


def test_a_bare_less_than_sign_does_not_swallow_the_text_behind_it() -> None:
    data = b"a < b, " + b"c" * 100
    assert html.shorten(data, 60) == data[:60]


def test_a_bare_ampersand_does_not_swallow_the_text_behind_it() -> None:
    data = b"a & " + b"b" * 100
    assert html.shorten(data, 60) == data[:60]


@given(st.text(alphabet="<>&;abü \"'="), st.integers(0, 60))
def test_cut_html_ends_in_no_tag(text: str, size: int) -> None:
    data = text.encode()
    part = html.shorten(data, size)
    assert data.startswith(part)
    assert part == data or not re.search(rb"<[a-z/][^>]*$", part)


def test_all_or_none_passes_over_a_form_that_does_not_fit() -> None:
    both = (Preference(2, size=20, all_or_none=True), Preference(1, size=5))
    part = shown(HTML, *both)
    assert (part["Type"], part["Data"]) == ("1", "Hello")


def test_all_or_none_without_another_form_sends_only_the_size() -> None:
    part = shown(HTML, Preference(2, size=20, all_or_none=True))
    assert part == {"Type": "2", "EstimatedDataSize": str(len(HTML.text)), "Truncated": "1"}


def test_all_or_none_sends_what_fits() -> None:
    assert shown(HTML, Preference(2, size=2000, all_or_none=True))["Data"] == HTML.text


@pytest.mark.requirement(
    "MS-ASAIRS",
    53,
    54,
    73,
    77,
    78,
    80,
    300,
    373,
    376,
    377,
    378,
    379,
    381,
    382,
    401,
    420,
    421,
    423,
    424,
)
@pytest.mark.requirement("MS-ASAIRS", 60, 75)
def test_all_or_none_counts_only_with_a_size() -> None:
    element = tree("AirSync:Options", ("AirSyncBase:BodyPreference", ("Type", 2), ("AllOrNone", 1)))
    options = read([element])
    assert options is not None
    assert not options.preferences[0].all_or_none


def test_mime_goes_out_byte_for_byte() -> None:
    part = shown(MIME, Preference(4), mime_support=2)
    assert part == {"Type": "4", "EstimatedDataSize": str(len(MIME.mime)), "Data": MIME.mime}


@pytest.mark.requirement("MS-ASCMD", 3418, 3419, 3420, 3421, 3422, 3423, 3424, 3425, 3426)
@pytest.mark.parametrize(("number", "limit"), MIME_LIMITS.items())
def test_mime_truncation(number: int, limit: int | None) -> None:
    options = read([tree("AirSync:Options", ("MIMESupport", 2), ("MIMETruncation", number))])
    assert options is not None
    assert options.mime_limit == limit
    part = shown(MIME, Preference(4), mime_support=2, mime_limit=limit)
    sent = part.get("Data", b"")
    assert len(sent) == min(len(MIME.mime), len(MIME.mime) if limit is None else limit)  # type: ignore[arg-type]


def test_the_smaller_of_the_two_limits_counts() -> None:
    assert len(shown(MIME, Preference(4, size=500), mime_limit=4096)["Data"]) == 500  # type: ignore[arg-type]
    assert len(shown(MIME, Preference(4, size=5000), mime_limit=4096)["Data"]) == 4096  # type: ignore[arg-type]


def test_signed_mail_is_never_cut() -> None:
    part = shown(MIME, Preference(4, size=5), mime_limit=0, whole=True)
    assert part["Data"] == MIME.mime


def test_mime_that_nobody_wished_for_still_goes_out() -> None:
    assert shown(MIME)["Type"] == "4"


@pytest.mark.parametrize(
    ("support", "types", "expected"),
    [
        (0, (), ("text",)),
        (0, (1,), ("text",)),
        (0, (2,), ("html",)),
        (0, (1, 2), ("html", "text")),
        (0, (1, 2, 4), ("html", "text")),
        (0, (4,), ("text",)),
        (1, (1, 2, 4), ("html", "text", "mime")),
        (1, (1, 2), ("html", "text")),
        (2, (1, 2, 4), ("mime", "html", "text")),
        (2, (4,), ("mime", "text")),
        (2, (1,), ("text",)),
    ],
)
def test_what_the_source_is_asked_for(
    support: int, types: tuple[int, ...], expected: tuple[str, ...]
) -> None:
    options = Options(mime_support=support, preferences=tuple(map(Preference, types)))
    assert tuple(kind.value for kind in options.bodies) == expected


@pytest.mark.requirement("MS-ASCMD", 3408, 3409, 3410)
def test_signed_mail_as_mime_through_the_front_door(version: Version, phone: Phone) -> None:
    phone.start(INBOX)
    phone.world.source.put(INBOX, {"subject": "x", "body": MIME, "signed": True})
    preference = ("AirSyncBase:BodyPreference", ("Type", 4), ("TruncationSize", 10))
    reply = phone.sync(INBOX, ("Options", ("MIMESupport", 1), ("MIMETruncation", 0), preference))
    assert reply.one("AirSyncBase:Data").value == MIME.mime
    assert [child.name.partition(":")[2] for child in reply.one("AirSyncBase:Body")] == [
        "Type",
        "EstimatedDataSize",
        "Truncated",
        "Data",
    ]
    assert reply.text("AirSyncBase:Type") == "4"
    assert reply.text("AirSyncBase:Truncated") == "0"


@pytest.mark.requirement("MS-ASAIRS", 250)
def test_a_preview_comes_with_html_from_14_0_on() -> None:
    wish = Preference(2, size=5, preview=8)
    assert shown(HTML, wish)["Preview"] == "Hello bi"
    assert "Preview" not in shown(HTML, wish, version=Version.V12_1)


@pytest.mark.requirement("MS-ASAIRS", 1001036)
def test_a_text_that_is_sent_needs_no_preview() -> None:
    assert "Preview" not in shown(TEXT, Preference(1, preview=100))
    assert shown(TEXT, Preference(1, size=0, preview=100))["Preview"] == "Hello world"


def test_a_preview_has_no_links_and_one_line() -> None:
    text = "See  https://example.org/x?y\n\n<cid:logo@1> now"
    assert html.preview(text, 255) == "See < now"
    assert html.preview("", 255) == ""


def test_mime_has_no_preview() -> None:
    assert "Preview" not in shown(MIME, Preference(4, preview=100))


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("", ""),
        ("   ", ""),
        ("plain", "plain"),
        ("<p>a<br>b</p><p>c</p>", "a\nb\n\nc"),
        ("<style>p {}</style><script>x()</script><p>a</p>", "a"),
        ('<?xml version="1.0" encoding="utf-8"?><p>ä</p>', "ä"),
        ('<a href="https://example.org">here</a><img src="cid:1" alt="logo">', "here"),
        ("a\x00\x0bb", "ab"),
        ("<!-- only a comment -->", ""),
        ("&lt;tag&gt; &amp; &nbsp;x", "<tag> &  x"),
        ("<p>a</p><p>&nbsp;</p><p>&nbsp;&#160; b\u00a0</p>", "a\n\n\n\n   b"),
    ],
)
def test_html_becomes_text(markup: str, expected: str) -> None:
    assert html.to_text(markup).rstrip() == expected


@pytest.mark.parametrize("depth", [300, 800, 20000])
def test_html_nested_beyond_reason_becomes_text_too(depth: int) -> None:
    markup = "<style>p {}</style><div>" * depth + "the &amp; end<!-- no -->"
    assert html.to_text(markup) == "the & end"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["<!--", "<style>", "<", "<p ", "&", "re  ", "</style", "https://"])
def test_hostile_texts_take_no_time(piece: str) -> None:
    """A mail of endless halves of something: what a search that goes back and back would choke on."""
    markup = "<div>" * 5000 + piece * 50000
    html.to_text(markup)
    html.preview(markup, 255)
    html.shorten(markup.encode(), len(markup) - 3)


@given(
    st.text(
        st.characters(codec="utf-8", categories=("L", "N", "P", "S")) | st.sampled_from(" \n\t"), max_size=300
    )
)
def test_a_text_survives_the_way_to_html_and_back(text: str) -> None:
    """Its lines, indents and gaps too; only blanks at the ends of lines and blank lines around it go."""
    expected = re.sub(" +$", "", text.replace("\t", html.TAB), flags=re.MULTILINE).strip("\n")
    assert html.to_text(html.from_text(text)) == expected


def visible(markup: str) -> str:
    """What stands between the tags, by the standard library's parser."""
    pieces: list[str] = []
    parser = HTMLParser(convert_charrefs=False)
    parser.handle_data = pieces.append  # type: ignore[method-assign]
    parser.handle_entityref = lambda name: pieces.append(f"&{name};")  # type: ignore[method-assign]
    parser.feed(markup)
    return "".join(pieces)


MARKS = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<br/>",
        "<a title=\"1 > 0\" href='<b>'>",
        "</a>",
        "<p title=it's>",
        "<!-- a > b -->",
        "<!doctype html>",
        "&amp;",
        "&CounterClockwiseContourIntegral;",
        "a < b",
        "x",
        "äöü",
        "😀",
    ]
)


@given(st.lists(MARKS, max_size=30).map("".join), st.integers(0, 400))
def test_cut_html_shows_the_beginning_and_no_half_of_anything(markup: str, size: int) -> None:
    part = html.shorten(markup.encode(), size)
    assert len(part) <= size
    assert visible(markup).startswith(visible(part.decode()))


@given(st.text(max_size=200), st.sampled_from([BodyKind.TEXT, BodyKind.HTML]), st.integers(0, 100))
def test_no_body_breaks_the_document(text: str, kind: BodyKind, size: int) -> None:
    for number in (1, 2):
        element = body.render(
            Body(kind, text, native=kind),
            Options(preferences=(Preference(number, size=size, preview=20),)),
            Version.V16_1,
        )
        assert isinstance(element, Element)
        data = element.text_of("AirSyncBase:Data") or ""
        assert len(data.encode()) <= size


@pytest.mark.requirement("MS-ASAIRS", 113, 178, 195, 249)
@pytest.mark.requirement("MS-ASAIRS", 59, 74, 135, 148, 174, 203, 204, 251, 252, 280, 291, 297, 312, 313)
def test_a_body_through_the_front_door_has_its_order(version: Version, phone: Phone) -> None:
    phone.start(INBOX)
    phone.world.source.put(INBOX, {"subject": "x", "body": HTML})
    preference = ("AirSyncBase:BodyPreference", ("Type", 2), ("TruncationSize", 10))
    body_tags = [
        name for name, _ in plain(phone.sync(INBOX, ("Options", preference)).one("AirSyncBase:Body"))
    ]
    assert body_tags == ["Type", "EstimatedDataSize", "Truncated", "Data"]


BEYOND = {
    "order": (("TruncationSize", 10), ("Type", 1)),
    "order of the last": (("Type", 1), ("AllOrNone", 1), ("TruncationSize", 10)),
    "AllOrNone of text": (("Type", 1), ("TruncationSize", 10), ("AllOrNone", "maybe")),
    "AllOrNone twice": (("Type", 1), ("TruncationSize", 10), ("AllOrNone", 1), ("AllOrNone", 1)),
}


@pytest.mark.requirement("MS-ASAIRS", 348, 350, 351)
@pytest.mark.parametrize("version", [version for version in ADVERTISED if version >= Version.V12_0])
@pytest.mark.parametrize("wrong", BEYOND)
def test_a_preference_that_is_made_wrong_is_status_4(wrong: str, version: Version) -> None:
    phone = World().phone(version).start(INBOX)
    reply = phone.sync(INBOX, ("Options", ("AirSyncBase:BodyPreference", *BEYOND[wrong])))
    assert reply.status == "4"


@pytest.mark.requirement("MS-ASAIRS", 406, 11500)
def test_that_a_body_is_cut_or_not_changes_no_answer(version: Version) -> None:
    phone = World().phone(version).start(CONTACTS)
    item = phone.world.source.put(CONTACTS, {"last_name": "A"})
    phone.sync(CONTACTS)
    answers = []
    for truncated in (None, 0, 1):
        more = () if truncated is None else (("Truncated", truncated),)
        body = ("AirSyncBase:Body", ("Type", 1), *more, ("Data", "words"))
        data = ("ApplicationData", ("Contacts:LastName", "A"), body)
        change = ("Change", ("ServerId", f"{phone.number(CONTACTS)}:{item}"), data)
        root = phone.commands(CONTACTS, change).one("AirSync:Collection")
        answers.append([plain(child) for child in root if child.name != "AirSync:SyncKey"])
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.requirement("MS-ASAIRS", 1400, 1401, 14000918, 14010918)
@pytest.mark.parametrize("version", [Version.V16_0, Version.V16_1])
@pytest.mark.parametrize("kinds", [(), (1,), (2,), (3,), (4,), (1, 2, 3, 4)])
def test_what_is_said_of_an_appointment_is_text_or_html(kinds: tuple[int, ...], version: Version) -> None:
    phone = calendar_phone(version)
    item = phone.world.source.put(CALENDAR, {**MEETING, "organized": True})
    wishes = [("AirSyncBase:BodyPreference", ("Type", kind)) for kind in kinds]
    body = phone.sync(CALENDAR, ("Options", *wishes)).one("AirSyncBase:Body")
    assert body.text_of("AirSyncBase:Type") == ("2" if 2 in kinds and 1 not in kinds else "1")
    mime = ("ApplicationData", ("AirSyncBase:Body", ("Type", 4), ("Data", b"Subject: x")))
    change = ("Change", ("ServerId", f"{phone.number(CALENDAR)}:{item}"), mime)
    assert phone.commands(CALENDAR, change).one("AirSync:Change").text_of("AirSync:Status") == "6"


@pytest.mark.requirement("MS-ASAIRS", 1264, 1268, 1266, 1270)
@pytest.mark.parametrize("version", ADVERTISED)
def test_previews_in_every_version(version: Version) -> None:
    phone = World().phone(version).start(INBOX)
    phone.world.source.put(INBOX, {"subject": "x", "body": HTML})
    wishes = [
        (f"AirSyncBase:{name}", ("Type", 2), ("TruncationSize", 5), ("Preview", 8))
        for name in ("BodyPreference", "BodyPartPreference")
    ]
    reply = phone.sync(INBOX, ("Options", *wishes))
    shown = [
        name
        for name in ("Body", "BodyPart")
        for part in reply.all(f"AirSyncBase:{name}")
        if part.find("AirSyncBase:Preview")
    ]
    assert shown == ["Body"] * (version >= Version.V14_0) + ["BodyPart"] * (version >= Version.V14_1)
