"""What ``mail?get`` tells, however odd, as fields (``app.ox.mapping.mail``)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ox.mapping.mail import difference, fields_of, stamp
from app.usm.content import MAIL_FIELDS, Address
from app.usm.model import Attachment, Body, BodyKind

TEXT, HTML, MIME = BodyKind.TEXT, BodyKind.HTML, BodyKind.MIME


def part(content_type, content=None, **more):
    return {"id": "1", "content_type": content_type, "content": content, "disp": "inline", **more}


def body(message, *kinds):
    return fields_of(message, kinds, 100)["body"]


def attachments(message, most=100):
    return fields_of(message, (TEXT,), most).get("attachments", ())


def test_a_message_with_nothing_in_it_is_still_a_message():
    fields = fields_of({}, (TEXT,), 100)
    assert fields["body"] == Body(TEXT, "")
    assert fields["read"] is False
    assert fields["importance"] == 1
    assert "subject" not in fields
    assert "received" not in fields
    assert "from" not in fields


def test_addresses_of_nobody_are_left_out():
    pairs = [[None, None], ["", "  "], ["a@example.org", "a@example.org"], ["Only a name", None], ["odd"]]
    told = fields_of({"to": pairs}, (TEXT,), 100)
    assert told["to"] == (Address("a@example.org"), Address("", "Only a name"))
    assert "to" not in fields_of({"to": [[None, None]]}, (TEXT,), 100)


def test_all_fields_of_an_ordinary_message():
    message = {
        "from": [["Dora", "dora@example.org"]],
        "to": [[None, "anton@example.org"], ["Berta B.", "berta@example.org"]],
        "cc": [],
        "subject": "Grüße\r\n\tan alle",
        "size": 1234,
        "sent_date": 1,
        "received_date": 1_700_000_000_000,
        "flags": 32 | 8,
        "priority": 1,
        "headers": {
            "Message-Id": "<1@example.org>",
            "Reply-To": "=?utf-8?q?J=C3=B6rg?= <joerg@example.org>, x@example.org",
            "Sender": "list@example.org",
        },
        "content_type": "text/plain",
        "attachments": [part("text/plain", "Hallo")],
    }
    assert fields_of(message, (TEXT,), 100) == {
        "from": (Address("dora@example.org", "Dora"),),
        "to": (Address("anton@example.org"), Address("berta@example.org", "Berta B.")),
        "reply_to": (Address("joerg@example.org", "Jörg"), Address("x@example.org")),
        "sender": (Address("list@example.org"),),
        "subject": "Grüße an alle",
        "received": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        "importance": 2,
        "message_id": "<1@example.org>",
        "conversation": "<1@example.org>",
        "conversation_index": bytes.fromhex("9db1ded53e"),
        "size": 1234,
        "read": True,
        "flagged": True,
        "answered": False,
        "forwarded": False,
        "draft": False,
        "signed": False,
        "encrypted": False,
        "body": Body(TEXT, "Hallo"),
    }


TO, CC = ("to", "cc")
BERTA = {"X-Original-To": "<Berta@Example.org>"}
OTHERS = [["Anton", "anton@example.org"]]


@pytest.mark.parametrize(
    ("headers", "more", "expected"),
    [
        ({}, {}, None),
        (BERTA, {}, True),
        ({"Envelope-To": "berta@example.org"}, {TO: OTHERS, CC: OTHERS}, True),
        ({"X-Envelope-To": "Berta <berta@example.org>"}, {TO: OTHERS}, True),
        (BERTA, {TO: [*OTHERS, [None, "berta@EXAMPLE.org"]]}, None),
        (BERTA, {TO: OTHERS, CC: [["Berta", "berta@example.org"]]}, None),
        (BERTA | {"List-Id": "<list.example.org>"}, {TO: OTHERS}, None),
        (BERTA | {"Resent-To": "berta@example.org"}, {TO: OTHERS}, None),
        (BERTA | {"Precedence": " Bulk"}, {TO: OTHERS}, None),
        (BERTA | {"Precedence": "first-class"}, {TO: OTHERS}, True),
        (BERTA, {TO: OTHERS, "flags": 4}, None),
        ({"X-Original-To": "postmaster"}, {TO: OTHERS}, None),
        ({"X-Original-To": ","}, {TO: OTHERS}, None),
    ],
)
def test_who_is_named_nowhere_came_as_a_hidden_recipient(headers, more, expected):
    assert fields_of({"headers": headers, **more}, (TEXT,), 100).get("hidden") is expected


@pytest.mark.parametrize(
    ("priority", "importance"), [(1, 2), (2, 2), (3, 1), (0, 1), (None, 1), (4, 0), (5, 0)]
)
def test_priority_becomes_importance(priority, importance):
    assert fields_of({"priority": priority}, (), 1)["importance"] == importance


BOTH = {
    "attachments": [part("text/plain", "plain", disp="alternative"), part("text/html", "<b>rich</b>", id="2")]
}
PLAIN = {"attachments": [part("text/plain", "a < b\nc")], "content_type": "text/plain"}
RICH = {"attachments": [part("text/html", "<p>rich &amp; more</p>")], "content_type": "text/html"}


@pytest.mark.parametrize(
    ("message", "kinds", "expected"),
    [
        (BOTH, (TEXT,), Body(TEXT, "plain", native=HTML)),
        (BOTH, (HTML, TEXT), Body(HTML, "<b>rich</b>", native=HTML)),
        (BOTH, (), Body(TEXT, "plain", native=HTML)),
        (PLAIN, (HTML, TEXT), Body(TEXT, "a < b\nc")),
        (PLAIN, (HTML,), Body(TEXT, "a < b\nc")),
        (RICH, (TEXT,), Body(HTML, "<p>rich &amp; more</p>", native=HTML)),
        (PLAIN, (MIME, TEXT), Body(TEXT, "a < b\nc")),
    ],
)
def test_the_body_comes_in_the_best_wanted_form(message, kinds, expected):
    assert body(message, *kinds) == expected


def test_further_text_parts_follow_the_first():
    message = {"attachments": [part("text/plain", "letter"), part("text/plain", "-- list footer", id="2")]}
    assert body(message, TEXT).text == "letter\n-- list footer"


def test_the_body_holds_no_control_characters():
    assert body({"attachments": [part("text/plain", "a\x00b\x1bc\r\nd")]}, TEXT).text == "abc\nd"


def test_attachments_are_the_parts_that_are_not_the_body():
    message = {
        "attachments": [
            part("text/plain", "body"),
            part("text/html", None, id="1.2"),
            part("image/png", None, id="2", filename="p.png", size=10, cid="<img1@x>"),
            part(
                "application/pdf; name=x", None, id="3", filename="Grün\r\n.pdf", size=20, disp="attachment"
            ),
            part("text/plain", None, id="4", filename="notes.txt", size=3),
            part("text/plain", None, id="5", size=3, disp="attachment"),
            part("message/rfc822", None, id="6"),
        ],
        "nested_msgs": [{"id": "6", "subject": "inner", "size": 99}, {"id": "7"}],
    }
    assert attachments(message) == (
        Attachment("2", "p.png", 10, "image/png", "img1@x", True),
        Attachment("3", "Grün .pdf", 20, "application/pdf"),
        Attachment("4", "notes.txt", 3, "text/plain"),
        Attachment("5", "attachment-5.txt", 3, "text/plain"),
        Attachment("6", "inner.eml", 99, "message/rfc822"),
        Attachment("7", "message.eml", 0, "message/rfc822"),
    )
    assert len(attachments(message, most=2)) == 2


@pytest.mark.parametrize(
    ("content_type", "signed", "encrypted"),
    [
        ("multipart/signed; protocol=x", True, False),
        ("multipart/encrypted", False, True),
        ("application/pkcs7-mime; smime-type=signed-data", True, False),
        ("application/x-pkcs7-mime; smime-type=enveloped-data", False, True),
        ("multipart/mixed", False, False),
        (None, False, False),
    ],
)
def test_signed_and_encrypted_messages_are_told(content_type, signed, encrypted):
    fields = fields_of({"headers": {"Content-Type": content_type}}, (), 1)
    assert (fields["signed"], fields["encrypted"]) == (signed, encrypted)


def test_the_stamp_is_the_flags_a_device_sees():
    assert stamp(32) == stamp(32 | 16 | 64 | 128 | 512)
    assert len({stamp(bit) for bit in (0, 1, 4, 8, 32, 256)}) == 6
    assert stamp(None) == "0"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "size",
    "sent_date",
    "received_date",
    "flags",
    "priority",
    "headers",
    "content_type",
    "attachments",
    "nested_msgs",
]


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)))
def test_no_answer_makes_a_message_unreadable(message):
    fields = fields_of(message, (HTML, TEXT), 100)
    assert fields.keys() <= MAIL_FIELDS.keys()
    assert all(isinstance(value, MAIL_FIELDS[field]) for field, value in fields.items())


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("0", "32", {"read": True}),
        ("40", "0", {"read": False, "flagged": False}),
        ("33", "41", {"flagged": True}),
        ("0.1", "0.2", {"categories": ("Blue",)}),
        ("8.1", "32", {"read": True, "flagged": False, "categories": None}),
        ("32", "33", None),
        ("32", "256", None),
        ("4.1", "0.2", None),
        ("32.3", "32.3", {}),
    ],
)
def test_two_stamps_tell_which_marks_differ(before, after, expected):
    assert difference(before, after) == expected


@given(st.integers(0, 1023), st.integers(0, 12), st.integers(0, 1023), st.integers(0, 12))
def test_a_difference_is_all_that_differs(flags, color, later, other):
    old, new = ({"flags": each, "color_label": label} for each, label in ((flags, color), (later, other)))
    told = difference(stamp(flags, color), stamp(later, other))
    before, after = (fields_of(each, (TEXT,), 1) for each in (old, new))
    differing = {
        name: after.get(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    }
    assert told == (differing if differing.keys() <= {"read", "flagged", "categories"} else None)
