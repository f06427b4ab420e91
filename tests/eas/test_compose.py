"""Messages made ready to go: header put right, originals quoted and enclosed, bytes left alone."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import Any

import pytest

from app.eas import compose, original
from app.eas.compose import Writer
from app.eas.errors import ConversionError
from app.eas.original import Original
from app.usm.content import Address
from app.usm.model import Body, BodyKind
from app.usm.pieces import Text
from tests.usm.test_pieces import block, with_files

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
WRITER = Writer(("anton@example.org", "Toni@example.org"), "Antön", "device/1", NOW)
PNG = b"\x89PNG\r\n\x1a\n"


def read(mime: Text) -> EmailMessage:
    parsed: Any = message_from_bytes(bytes(mime), policy=default)
    return parsed


def words(mime: Text, kind: str = "plain") -> str:
    body = read(mime).get_body((kind,))
    assert body is not None
    text: str = body.get_content()
    return text.replace("\r\n", "\n")


def mail(text: str = "Hello\n", html: str | None = None, **header: str) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    for name, value in {"To": "berta@example.org", "Subject": "Re: Plan", **header}.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    if html is not None:
        made.add_alternative(html, subtype="html")
    return made


ORIGINAL = original.of_mime(
    b"From: =?iso-8859-1?Q?Zo=EB?= <zoe@example.com>\r\n"
    b"To: anton@example.org\r\nSubject: =?utf-8?Q?Pl=C3=A4ne?=\r\n"
    b"Date: Thu, 15 Jan 2026 10:00:00 +0100\r\nMessage-ID: <q@example.com>\r\nReferences: <p@example.com>\r\n"
    b"Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n8NLJ18XU\r\n"
)


# -- the header ----------------------------------------------------------------------------------------------


def test_what_a_phone_leaves_out_is_filled_in() -> None:
    got = read(compose.finished(b"To: berta@example.org\r\nContent-Type: text/plain\r\n\r\nx\r\n", WRITER))
    assert got["From"] == "Antön <anton@example.org>"
    assert got["Date"].datetime == NOW
    assert got["Message-ID"].endswith("@example.org>")
    assert got["MIME-Version"] == "1.0"
    assert got.get_content() == "x\r\n"


def test_a_repeated_message_has_the_same_message_id_and_another_one_another() -> None:
    def name(mark: str) -> str:
        writer = Writer(WRITER.senders, "", mark, NOW)
        return str(read(compose.finished(b"To: b@example.org\r\n\r\nx", writer))["Message-ID"])

    assert name("a") == name("a") != name("b")


def test_what_a_phone_wrote_stays() -> None:
    raw = (
        b"from: Toni <TONI@example.org>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nMESSAGE-ID: <x@y>\r\n"
        b"Sender: anton@example.org\r\nMIME-version: 1.0\r\nX-Long: a\r\n\tb\r\n"
        b"Content-Type: text/plain\r\n\r\n\x00\xff"
    )
    assert compose.finished(raw, WRITER) == raw


@pytest.mark.parametrize(
    "header",
    [
        b"From: boss@example.net",
        b"From: ",
        b"From: anton@example.org, boss@example.net",
        b"From: <>",
        b"From: boss@example.net\r\n <anton@example.org>, boss@example.net",
        b"Sender: boss@example.net",
    ],
)
def test_nobody_writes_as_somebody_else(header: bytes) -> None:
    got = read(compose.finished(header + b"\r\nTo: berta@example.org\r\n\r\nx", WRITER))
    assert got["From"].addresses[0].addr_spec == "anton@example.org"
    assert got["Sender"] is None


def test_a_user_whose_address_nobody_knows_may_write_as_the_phone_says() -> None:
    nobody = Writer((), "", "m", NOW)
    got = read(compose.finished(b"From: a@example.net\r\nTo: b@example.org\r\n\r\nx", nobody))
    assert got["From"] == "a@example.net"
    assert read(compose.finished(b"To: b@example.org\r\n\r\nx", nobody))["From"] is None


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_bytes_below_the_header_are_left_alone(end: str) -> None:
    body = b"\r\n--b\nmixed \r\n\nends\r\n\x80\xff"
    head = f"To: berta@example.org{end}X: y{end}".encode()
    blank = end.encode()
    assert compose.finished(head + blank + body, WRITER).endswith(b"X: y" + blank + blank + body)


def test_lines_that_are_no_field_hide_nothing() -> None:
    raw = b"\r\nTo: berta@example.org\r\nno field here\r\n with more\r\nSubject: x\r\n\r\nbody"
    got = read(compose.finished(raw, WRITER))
    assert (got["To"], got["Subject"]) == ("berta@example.org", "x")
    assert b"no field" not in compose.finished(raw, WRITER)


@pytest.mark.parametrize("raw", [b"To: berta@example.org", b"To: berta@example.org\r\n"])
def test_a_message_may_end_with_its_header(raw: bytes) -> None:
    assert read(compose.finished(raw, WRITER))["To"] == "berta@example.org"


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\nbody", b"no header at all", b"\r\n"])
def test_what_is_no_message_is_told(raw: bytes) -> None:
    with pytest.raises(ConversionError):
        compose.finished(raw, WRITER)


def test_all_readers_are_found() -> None:
    raw = b'To: a@x.org,\r\n "B, b" <b@x.org>\r\nCC: c@x.org\r\nBcc: d@x.org\r\nReply-To: e@x.org\r\n\r\nTo: f@x.org'
    assert compose.recipients(raw) == ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]


# -- answers -------------------------------------------------------------------------------------------------


def test_an_answer_quotes_below_what_was_written() -> None:
    made = compose.answered(mail("Ja\n").as_bytes(), ORIGINAL)
    text = words(made)
    assert text.startswith("Ja\n\n-----Original Message-----\nFrom: Zoë <zoe@example.com>\nSent: Thu, 15 Jan")
    assert "Subject: Pläne\n\nПривет\n" in text
    assert read(made)["Subject"] == "Re: Plan"
    assert (read(made)["In-Reply-To"], read(made)["References"]) == (
        "<q@example.com>",
        "<p@example.com> <q@example.com>",
    )
    made.decode("ascii")


def test_a_phone_that_names_the_thread_itself_is_believed() -> None:
    made = read(compose.answered(mail(In_Reply_To="<z@x>", References="<y@x>").as_bytes(), ORIGINAL))
    assert (made["In-Reply-To"], made["References"]) == ("<z@x>", "<y@x>")


def test_an_original_without_a_name_begins_no_thread() -> None:
    made = read(compose.answered(mail().as_bytes(), Original({}, "text")))
    assert made["In-Reply-To"] is None
    odd = Original({}, "text", message_id="<a@x>", references="<ü@x>")
    assert read(compose.answered(mail().as_bytes(), odd))["References"] == "<a@x>"


def test_both_forms_of_an_answer_are_quoted_in() -> None:
    first = mail("Ja\n", html="<html><BODY>Ja <i>bitte</i></BODY></html>").as_bytes()
    markup = Original(
        {"From": "<x@y>"}, None, "<html><head><title>t</title></head><body><b>Frage</b></body></html>"
    )
    made = compose.answered(first, markup)
    html = words(made, "html")
    assert (
        html.index("bitte") < html.index("&lt;x@y&gt;") < html.index("<b>Frage</b>") < html.index("</BODY>")
    )
    assert "<title>" not in html
    assert "Frage" in words(made)


def test_html_that_never_ends_is_quoted_into() -> None:
    made = compose.answered(mail("", html="Ja").as_bytes(), Original({}, "Frage", None))
    assert words(made, "html").index("Ja") < words(made, "html").index("Frage")


def test_a_footer_is_not_quoted_into_as_well() -> None:
    first = mail("Ja\n")
    first.add_attachment("Footer\n", disposition="inline")
    made = compose.answered(first.as_bytes(), ORIGINAL)
    assert made.count(b"-----Original Message-----") == 1


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "shift_jis", "nonsense"])
def test_an_answer_in_any_charset_becomes_utf_8(charset: str) -> None:
    written = "Grüße".encode("utf-8" if charset == "nonsense" else charset, "replace")
    raw = f"To: b@x.org\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode() + written
    made = compose.answered(raw, ORIGINAL)
    assert read(made).get_content_charset() == "utf-8"
    assert words(made).startswith("Gr")
    if charset != "shift_jis":
        assert words(made).startswith("Grüße")


def test_pictures_come_along_where_html_shows_them() -> None:
    quoted = mail("text\n", html='<img src="cid:dot">')
    html: Any = quoted.get_payload()
    html[1].add_related(PNG, "image", "png", cid="<dot>")
    asked = original.of_mime(quoted.as_bytes())
    rich = read(compose.answered(mail("Ja", html="<p>Ja</p>").as_bytes(), asked))
    assert [part["Content-ID"] for part in rich.walk() if part["Content-ID"]] == ["<dot>"]
    plain = read(compose.answered(mail("Ja").as_bytes(), asked))
    assert [part for part in plain.walk() if part["Content-ID"]] == []


def test_a_message_that_is_nothing_but_a_file_gets_a_text() -> None:
    raw = b"To: b@x.org\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n"
    made = read(compose.answered(raw, ORIGINAL))
    assert [part.get_content_type() for part in made.walk()] == ["multipart/mixed", "text/plain", "image/png"]
    assert "Привет" in words(made.as_bytes())


def test_what_the_phone_sealed_goes_out_as_it_is() -> None:
    for kind in ("multipart/signed; boundary=b", "application/pkcs7-mime", "multipart/encrypted; boundary=b"):
        raw = f"To: b@x.org\r\nContent-Type: {kind}\r\n\r\n--b\n\r\nx\r\n--b--".encode()
        assert compose.answered(raw, ORIGINAL) == raw
        assert compose.forwarded(raw, ORIGINAL) == raw


# -- forwarding ----------------------------------------------------------------------------------------------


def with_file(name: str = "a.txt") -> Original:
    made = mail("Frage\n", From="zoe@example.com")
    made.add_attachment(b"file", "application", "octet-stream", filename=name)
    return original.of_mime(made.as_bytes())


def test_a_forwarded_mail_takes_its_files_along() -> None:
    made = read(compose.forwarded(mail("Siehe\n").as_bytes(), with_file("ü.txt")))
    assert made["To"] == "berta@example.org"
    assert made["In-Reply-To"] is None
    assert [part.get_filename() for part in made.iter_attachments()] == ["ü.txt"]
    assert words(made.as_bytes()).startswith("Siehe\n\n-----Original Message-----\nFrom: zoe@example.com\n")


def test_the_files_of_both_are_there() -> None:
    first = mail("Siehe\n")
    first.add_attachment(b"mine", "application", "octet-stream", filename="mine.bin")
    made = read(compose.forwarded(first.as_bytes(), with_file()))
    assert [part.get_filename() for part in made.iter_attachments()] == ["mine.bin", "a.txt"]


def test_an_original_that_is_all_one_file_is_taken_along_without_its_header() -> None:
    raw = b"From: z@x\r\nTo: secret@x\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF"
    made = compose.forwarded(mail("Siehe\n").as_bytes(), original.of_mime(raw))
    assert b"secret@x" not in made.partition(b"%PDF")[0].rpartition(b"--")[2]
    assert [part.get_content_type() for part in read(made).iter_attachments()] == ["application/pdf"]


@pytest.mark.parametrize("kind", ["multipart/signed; boundary=b", "application/pkcs7-mime; name=smime.p7m"])
@pytest.mark.parametrize("text", [b"mixed\nends \r\n", b"\xe4\r\n"])
def test_what_is_sealed_is_forwarded_byte_for_byte(kind: str, text: bytes) -> None:
    subject = "=?utf-8?Q?Pl=C3=A4ne?="
    raw = (
        f"From: z@x\r\nSubject: {subject}\r\nContent-Type: {kind}\r\n\r\n--b\r\n\r\n".encode()
        + text
        + b"--b--"
    )
    made = compose.forwarded(mail("Siehe\n").as_bytes(), original.of_mime(raw))
    assert raw in made
    (part,) = read(made).iter_attachments()
    assert (part.get_content_type(), part.get_filename()) == ("message/rfc822", "Pläne.eml")
    assert "Original Message" not in words(made)


def test_what_has_a_version_already_gets_no_second_one() -> None:
    raw = b"To: b@x.org\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nSiehe\r\n"
    assert read(compose.forwarded(raw, with_file())).get_all("MIME-Version") == ["1.0"]
    assert read(compose.forwarded(b"To: b@x.org\r\n\r\nSiehe", with_file())).get_all("MIME-Version") == [
        "1.0"
    ]


def test_of_what_is_encrypted_an_answer_quotes_the_header() -> None:
    raw = b"From: z@x.org\r\nSubject: Secret\r\nContent-Type: application/pkcs7-mime\r\n\r\nMIIB"
    text = words(compose.answered(mail("Ja\n").as_bytes(), original.of_mime(raw)))
    assert "From: z@x.org" in text
    assert "MIIB" not in text


def test_of_what_is_signed_an_answer_quotes_the_words() -> None:
    raw = (
        b"Subject: S\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        b"<p>asked</p>\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nMIIB\r\n--b--"
    )
    made = compose.answered(mail("Ja\n", html="<p>Ja</p>").as_bytes(), original.of_mime(raw))
    assert "asked" in words(made)
    assert "<p>asked</p>" in words(made, "html")


@pytest.mark.parametrize("text", [b"no parts", b"\xe4 \xff"])
def test_parts_that_never_come_are_a_file(text: bytes) -> None:
    raw = b"To: b@x.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + text
    made = read(compose.answered(raw, ORIGINAL))
    assert "Original Message" in words(made.as_bytes())
    assert [part.get_content() for part in made.iter_attachments()] == [text]


@pytest.mark.parametrize("coding", ["8bit", "quoted-printable", "base64"])
def test_bytes_that_do_not_fit_their_coding_are_not_lost(coding: str) -> None:
    raw = f"To: b@x.org\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: {coding}\r\n\r\n".encode()
    made = read(compose.forwarded(raw + b"\xe4\xff", with_file()))
    assert made.get_content_type() == "multipart/mixed"
    if coding != "base64":
        assert [part.get_payload(decode=True) for part in made.iter_attachments()] == [b"\xe4\xff", b"file"]


# -- originals -----------------------------------------------------------------------------------------------


def test_several_texts_of_one_kind_are_put_together() -> None:
    made = mail("one\n", html="<p>1</p>")
    made.make_mixed()
    made.attach(mail("two\n"))
    made.attach(read(b"Content-Type: text/html\r\n\r\n<p>2</p>"))
    found = original.of_mime(made.as_bytes())
    assert found.as_text().split() == ["one", "two"]
    assert "<hr>" in found.as_markup()


def test_a_picture_of_a_text_without_html_is_a_file() -> None:
    made = mail("one\n")
    made.add_related(PNG, "image", "png", cid="<dot>")
    found = original.of_mime(made.as_bytes())
    assert (len(found.inline), len(found.files)) == (0, 1)


def test_a_message_too_large_to_read_is_quoted_by_what_the_source_tells() -> None:
    fields = {
        "from": (Address("zoe@example.com", "Zoë"),),
        "subject": "Pläne",
        "received": NOW,
        "body": Body(BodyKind.HTML, "<p>Frage</p>"),
        "message_id": "<q@x>",
    }
    text = words(compose.answered(mail("Ja\n").as_bytes(), original.of_fields(fields)))
    assert (
        'From: "Zoë" <zoe@example.com>\nSent: Thu, 15 Jan 2026 12:00:00 +0000\nSubject: Pläne\n\nFrage'
        in text
    )
    empty = original.of_fields({})
    assert (dict(empty.header), empty.as_text()) == ({}, "")


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe\x00", b"Content-Type: multipart/mixed\r\n\r\n", b"Content-Type: x\r\n\r\ny"]
)
def test_any_bytes_can_be_quoted(raw: bytes) -> None:
    assert b"Original Message" in compose.answered(mail("Ja\n").as_bytes(), original.of_mime(raw))
    assert compose.forwarded(mail("Ja\n").as_bytes(), original.of_mime(raw))


# -- large files ---------------------------------------------------------------------------------------------


def test_a_forwarded_file_is_the_same_file() -> None:
    mime = with_files(block(400_000), block(200_000))
    mine = with_files(block(300_000)).replace(b"Subject: q", b"To: b@example.org")
    made = read(compose.forwarded(mine, original.of_mime(mime)))
    kinds = [part.get_payload(decode=True) for part in made.walk() if not part.is_multipart()]
    sizes = [len(data) for data in kinds if isinstance(data, bytes) and len(data) > 1000]
    assert sizes == [299_776, 399_872, 199_936]


def test_large_words_are_read() -> None:
    large = base64.encodebytes("Grüße ".encode() * 50_000)
    mime = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + large
    assert original.of_mime(mime).as_text().count("Grüße") == 50_000
    text = words(
        compose.answered(b"To: b@example.org\r\n" + mime, original.of_mime(mail("Siehe").as_bytes()))
    )
    assert text.count("Grüße") == 50_000
    assert "Siehe" in text


def test_a_header_that_nobody_wrote_loses_nothing() -> None:
    mime = b"To: b@example.org\r\nX: " + b"y" * 300_000 + b"\r\n\r\nbody"
    once = compose.finished(mime + b"x" * 300_000, WRITER)
    again = compose.finished(once, WRITER)
    assert bytes(again) == bytes(once)
    assert bytes(again).endswith(b"\r\n\r\nbody" + b"x" * 300_000)
    assert compose.recipients(again) == ["b@example.org"]
