"""Drafts as messages: what a device wrote laid over what is there, all of it ASCII (``app.ox.mapping.mail_draft``)."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ox.mapping import mail_draft
from app.usm.content import Address, Upload
from app.usm.letters import parsed
from app.usm.model import Body, BodyKind

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
ANTON = Address("anton@example.org", "Antön")
HTML = Body(BodyKind.HTML, "<p>Schön</p>", native=BodyKind.HTML)


def made(old=None, sender=ANTON, **fields):
    raw = mail_draft.compose(
        old, {name.rstrip("_"): value for name, value in fields.items()}, sender, "<m@x>", NOW
    )
    assert raw.isascii()
    return raw


def read(raw):
    return message_from_bytes(raw, policy=default)


def kinds(raw):
    return [part.get_content_type() for part in read(raw).walk()]


def test_a_draft_has_all_that_a_device_wrote():
    raw = made(
        to=(Address("berta@example.org", "Bérta"), Address("c@example.org")),
        cc=(Address("d@example.org"),),
        bcc=(Address("e@example.org"),),
        reply_to=(Address("f@example.org"),),
        subject="Grüße",
        importance=2,
        body=Body(BodyKind.TEXT, "Hallö\nWelt"),
    )
    got = read(raw)
    assert (got["To"], got["Cc"], got["Bcc"]) == (
        "Bérta <berta@example.org>, c@example.org",
        "d@example.org",
        "e@example.org",
    )
    assert (got["From"], got["Reply-To"], got["Subject"]) == (
        "Antön <anton@example.org>",
        "f@example.org",
        "Grüße",
    )
    assert (got["X-Priority"], got["Importance"], got["Message-ID"]) == ("1", "High", "<m@x>")
    assert got["Date"].datetime == NOW
    assert got.get_content().split() == ["Hallö", "Welt"]


def test_what_a_device_does_not_name_stays():
    old = made(to=(Address("b@x.org"),), subject="a", importance=0, body=HTML, from_=(Address("me@x.org"),))
    kept = old.replace(b"Subject: a", b"Subject: a\r\nIn-Reply-To: <q@x>\r\nX-Mark: 1")
    got = read(made(kept, subject=None, importance=1))
    assert (got["To"], got["Subject"], got["Importance"], got["X-Priority"]) == ("b@x.org", None, None, None)
    assert (got["In-Reply-To"], got["X-Mark"], got["From"]) == ("<q@x>", "1", "me@x.org")
    assert got.get_all("Message-ID") == ["<m@x>"]
    assert got.get_body(("html",)).get_content().strip() == "<p>Schön</p>"
    assert got.get_body(("plain",)).get_content().strip() == "Schön"


def test_an_empty_tag_empties():
    old = made(to=(Address("b@x.org"),), subject="a", body=HTML)
    got = read(made(old, to=(), body=None))
    assert got["To"] is None
    assert got.get_content().strip() == ""


def test_a_draft_without_anybody_has_no_sender():
    assert read(made(sender=None, subject="x"))["From"] is None


def test_files_come_and_go_by_the_ids_that_ox_gives_them():
    first = made(
        body=HTML,
        add_attachments=(
            Upload("1", "ü.txt", b"abc", "text/plain"),
            Upload("2", "b.bin", b"\x00\xff", "nonsense"),
            Upload("3", "dot.png", b"png", "image/png", "<dot>", inline=True),
            Upload("4", "", b"x", "message/rfc822"),
        ),
    )
    assert kinds(first)[:4] == ["multipart/mixed", "multipart/related", "multipart/alternative", "text/plain"]
    ids = {part.get_filename(): part_id for part_id, part in mail_draft.numbered(parsed(first))}
    assert ids["dot.png"] == "1.2"
    assert read(made(first, subject="x")).get_body(("related",)) is not None
    second = made(first, remove_attachments=(ids["b.bin"], ids["dot.png"]))
    files = {part.get_filename(): part for part in read(second).walk() if part.get_filename()}
    assert set(files) == {"ü.txt", "attachment"}
    assert files["ü.txt"].get_payload(decode=True) == b"abc"
    assert files["attachment"].get_content_type() == "application/octet-stream"
    assert read(second).get_body(("html",)) is not None


def test_a_whole_message_is_the_draft_but_for_what_tags_say():
    mime = (
        b"To: old@x.org\r\nSubject: old\r\nMessage-ID: <phone>\r\nContent-Type: text/html\r\n\r\n<b>new</b>"
    )
    got = read(made(made(subject="before", body=HTML), body=Body(BodyKind.MIME, mime=mime), subject="tag"))
    assert (got["To"], got["Subject"], got["Message-ID"]) == ("old@x.org", "tag", "<m@x>")
    assert got.get_content().strip() == "<b>new</b>"


def test_a_draft_keeps_the_mark_that_it_was_created_with_and_no_other():
    whole = Body(BodyKind.MIME, mime=b"X-USM-Created: other\r\nSubject: x\r\n\r\nx")

    def marks(old, fields, mark=""):
        return read(mail_draft.compose(old, fields, ANTON, "<m@x>", NOW, mark)).get_all("X-USM-Created")

    marked = mail_draft.compose(None, {"body": HTML}, ANTON, "<m@x>", NOW, "mark1")
    for fields in ({}, {"subject": "y"}, {"body": whole}):
        assert marks(marked, fields) == ["mark1"]
        assert marks(marked, {**fields, "send": True}) is None
    assert marks(None, {"body": whole}, "mark2") == ["mark2"]
    assert marks(b"Subject: x\r\n\r\nx", {"body": whole}) is None


def test_texts_of_one_kind_and_of_two():
    two = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--"
    assert kinds(made(two, subject="x")) == ["multipart/mixed", "text/plain", "text/plain"]
    both = two.replace(b"--b\r\n\r\ntwo", b"--b\r\nContent-Type: text/html\r\n\r\ntwo")
    assert kinds(made(both, subject="x")) == ["multipart/alternative", "text/plain", "text/html"]


def test_an_address_that_is_not_ascii_is_coded():
    assert "xn" not in str(read(made(to=(Address("bérta@example.org", "B"),)))["To"])


# -- on the way to OX ----------------------------------------------------------------------------------------


def test_a_message_in_ascii_goes_as_it_is():
    raw = b"To: a@b\nX:  odd \r\n\r\nmixed\nends"
    assert mail_draft.in_ascii(raw) is raw


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_bytes_that_ox_would_lose_are_coded(charset):
    head = f"To: Bérta <b@x.org>\r\nSubject: Grüße\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode()
    raw = mail_draft.in_ascii(head + "Hällo".encode(charset))
    got = read(raw)
    assert raw.isascii()
    assert (got["To"], got["Subject"], got.get_content().strip()) == ("Bérta <b@x.org>", "Grüße", "Hällo")


def test_fields_of_one_name_keep_their_order():
    raw = "Received: a\r\nReceived: ü\r\nSubject: x\r\nReceived: c\r\n\r\n".encode()
    assert read(mail_draft.in_ascii(raw)).get_all("Received") == ["a", "ü", "c"]


def test_parts_that_never_come_are_a_file():
    raw = mail_draft.in_ascii(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\xe4")
    assert (read(raw).get_content_type(), read(raw).get_payload(decode=True)) == (
        "application/octet-stream",
        b"\xe4",
    )


def test_what_stands_around_the_parts_is_dropped_if_it_cannot_be_told():
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\xe4\r\n--b\r\n\r\nx\r\n--b--\r\n\xff"
    assert mail_draft.in_ascii(raw).isascii()


def test_what_a_signature_covers_is_left_alone():
    signature = b"--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
    body = b"--b\r\nContent-Type: text/plain\r\n\r\n\xe4\r\n" + signature
    raw = b"Subject: x\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n" + body
    assert mail_draft.in_ascii(raw).endswith(body)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                b"Content-Type: multipart/mixed; boundary=b\r\n",
                b"To: \xe4@b\r\n",
                b"\r\n",
                b"--b\r\n",
                b"--b--",
                b"\xff",
                b"a: b\r\n",
                b"Content-Type: text/html\r\n",
                b"Content-Transfer-Encoding: base64\r\n",
                b"x",
            ]
        ),
        max_size=12,
    ).map(b"".join)
)
def test_any_bytes_can_be_a_draft(raw):
    assert mail_draft.in_ascii(raw).isascii()
    assert made(raw, subject="ü")
