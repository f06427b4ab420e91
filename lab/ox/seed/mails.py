"""Mails of every shape, well made and broken, written by hand so that they can be broken."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from random import Random

from lab.ox.seed import images, words
from lab.ox.seed.people import DOMAIN, Person

# Amount → mails in INBOX.
COUNTS = {"small": 225, "large": 1000, "light": 20, "empty": 0}
_DAY_S = 86_400
_SPREAD_DAYS = 180


@dataclass(frozen=True, slots=True)
class SeedMail:
    """One mail to be made. ``age``: seconds before the making that it was received. ``subject``: what a reader must
    see, ``None`` when the mail has none."""

    number: int
    shape: str
    subject: str | None
    age: int
    seen: bool
    flags: int
    size: int = 0


@dataclass(slots=True)
class Letter:
    """What a shape is made from."""

    random: Random
    person: Person
    number: int
    subject: str
    date: float
    size: int = 0

    @property
    def sender(self) -> str:
        """A From field's value."""
        first, last = words.FIRST[self.number % 30], words.LAST[self.number % 29]
        address = f"{words.ascii_only(first)}.{words.ascii_only(last)}@example.com"
        return f"{encoded(f'{first} {last}')} <{address}>"

    def head(self, **changes: str | None) -> str:
        """The usual header, some fields changed (``_`` stands for ``-``) or left out (``None``)."""
        fields: dict[str, str | None] = {
            "Return-Path": "<bounce@example.com>",
            "From": self.sender,
            "To": f"{encoded(self.person.display_name)} <{self.person.login}>",
            "Subject": encoded(self.subject),
            "Date": formatdate(self.date),
            "Message-ID": f"<{self.person.name}.{self.number}@seed.example.com>",
            "MIME-Version": "1.0",
        }
        fields |= {name.replace("_", "-"): value for name, value in changes.items()}
        return "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)


def encoded(text: str, charset: str = "utf-8") -> str:
    """A header value, as RFC 2047 words when it is not ASCII."""
    if text.isascii():
        return f'"{text}"' if any(letter in text for letter in ",;<>@") else text
    # Whole characters a word, each word short enough.
    words_of_text, piece = [], ""
    for letter in text:
        if len((piece + letter).encode(charset, "replace")) > 40:
            words_of_text.append(piece)
            piece = ""
        piece += letter
    words_of_text.append(piece)
    return "\r\n ".join(
        f"=?{charset}?B?{base64.b64encode(each.encode(charset, 'replace')).decode()}?="
        for each in words_of_text
    )


def _text(letter: Letter, paragraphs: int = 3) -> str:
    return words.paragraphs(letter.random, paragraphs) + "\r\n"


def _quoted(text: str, charset: str = "utf-8") -> bytes:
    return quopri.encodestring(text.replace("\r\n", "\n").encode(charset, "replace")).replace(b"\n", b"\r\n")


def _base64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _part(kind: str, data: bytes, *fields: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"Content-Type: {kind}", *fields))
    return head.encode() + b"\r\n" + data + b"\r\n"


def _multipart(letter: Letter, subtype: str, parts: list[bytes], **changes: str | None) -> bytes:
    boundary = f"=_b{letter.number}_{subtype}"
    head = letter.head(**changes) + f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'
    return head.encode() + _joined(boundary, parts)


def _joined(boundary: str, parts: list[bytes]) -> bytes:
    opened = f"--{boundary}\r\n".encode()
    return (
        b"This is a multi-part message.\r\n"
        + b"".join(opened + part for part in parts)
        + f"--{boundary}--\r\n".encode()
    )


def _nested(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    return f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode() + _joined(
        boundary, parts
    )


def _html(letter: Letter, extra: str = "") -> str:
    body = "".join(f"<p>{text}</p>\r\n" for text in _text(letter).split("\r\n\r\n"))
    return (
        '<!DOCTYPE html>\r\n<html><head><meta charset="utf-8"><style>p{color:#333}</style></head><body>\r\n'
        f'<h1>{letter.subject}</h1>\r\n{body}{extra}<a href="https://www.example.com/?a=1&amp;b=2">mehr</a>'
        "</body></html>\r\n"
    )


def _plain_part(letter: Letter) -> bytes:
    return _part(
        "text/plain; charset=utf-8", _quoted(_text(letter)), "Content-Transfer-Encoding: quoted-printable"
    )


def _html_part(letter: Letter, extra: str = "") -> bytes:
    return _part(
        "text/html; charset=utf-8",
        _quoted(_html(letter, extra)),
        "Content-Transfer-Encoding: quoted-printable",
    )


def _file_part(kind: str, data: bytes, disposition: str, *fields: str) -> bytes:
    return _part(
        kind,
        _base64(data),
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {disposition}",
        *fields,
    )


def _single(letter: Letter, kind: str, encoding: str, data: bytes, **changes: str | None) -> bytes:
    return (
        letter.head(Content_Type=kind, Content_Transfer_Encoding=encoding, **changes) + "\r\n"
    ).encode() + data


def plain(letter: Letter) -> bytes:
    """Plain text in UTF-8."""
    return _single(letter, "text/plain; charset=utf-8", "8bit", _text(letter).encode())


def plain_ascii(letter: Letter) -> bytes:
    """No MIME at all."""
    return (letter.head(MIME_Version=None) + "\r\nJust plain text.\r\n-- \r\nSignature\r\n").encode()


def html_only(letter: Letter) -> bytes:
    """HTML without a plain form."""
    return _single(letter, "text/html; charset=utf-8", "quoted-printable", _quoted(_html(letter)))


def alternative(letter: Letter) -> bytes:
    """Plain text and HTML."""
    return _multipart(letter, "alternative", [_plain_part(letter), _html_part(letter)])


def attachments(letter: Letter) -> bytes:
    """Text with three files."""
    return _multipart(
        letter,
        "mixed",
        [
            _plain_part(letter),
            _file_part(
                "application/pdf",
                b"%PDF-1.4\n" + letter.random.randbytes(9000),
                'attachment; filename="a.pdf"',
            ),
            _file_part(
                "image/png",
                images.png(letter.random),
                "attachment; filename*=UTF-8''%C3%9Cbersicht%20%E2%82%AC.png",
            ),
            _file_part(
                f'application/zip; name="{encoded("Größen.zip")}"', b"PK\x05\x06" + bytes(18), "attachment"
            ),
        ],
    )


def alternative_attachment(letter: Letter) -> bytes:
    """Both forms of the text, and a file."""
    inner = _nested("alternative", f"=_i{letter.number}", [_plain_part(letter), _html_part(letter)])
    data = "Name;Wert\r\nÄ;1\r\n".encode("iso-8859-1")
    return _multipart(
        letter,
        "mixed",
        [
            inner,
            _file_part(
                'text/csv; charset=iso-8859-1; name="werte.csv"', data, 'attachment; filename="werte.csv"'
            ),
        ],
    )


def inline_image(letter: Letter) -> bytes:
    """HTML that shows a picture which comes along."""
    cid = f"bild{letter.number}@seed.example.com"
    related = _nested(
        "related",
        f"=_r{letter.number}",
        [
            _html_part(letter, f'<img src="cid:{cid}" alt="Bild">'),
            _file_part(
                "image/png", images.png(letter.random), 'inline; filename="bild.png"', f"Content-ID: <{cid}>"
            ),
        ],
    )
    return _multipart(letter, "alternative", [_plain_part(letter), related])


def nested_message(letter: Letter) -> bytes:
    """A mail in a mail."""
    inner = Letter(
        letter.random, letter.person, letter.number + 100_000, "Inneres Schreiben", letter.date - 86_400
    )
    return _multipart(letter, "mixed", [_plain_part(letter), _part("message/rfc822", attachments(inner))])


def invitation(letter: Letter) -> bytes:
    """An invitation to a meeting."""
    calendar = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//seed//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
        f"UID:einladung-{letter.person.name}-{letter.number}@example.com\r\nDTSTAMP:20240101T120000Z\r\n"
        "DTSTART:20300501T080000Z\r\nDTEND:20300501T090000Z\r\nSUMMARY:Einladung\r\nSEQUENCE:0\r\n"
        "ORGANIZER:mailto:chef@example.com\r\n"
        f"ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{letter.person.login}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    return _multipart(
        letter,
        "alternative",
        [_plain_part(letter), _part("text/calendar; charset=utf-8; method=REQUEST", calendar.encode())],
    )


def _in_charset(charset: str, text: str, encoding: str = "8bit") -> Callable[[Letter], bytes]:
    def make(letter: Letter) -> bytes:
        data = f"{text}\r\n{letter.subject}\r\n".encode(charset, "replace")
        body = _base64(data) if encoding == "base64" else data
        return _single(letter, f"text/plain; charset={charset}", encoding, body)

    return make


latin1 = _in_charset("iso-8859-1", "Grüße aus Köln: äöüßÄÖÜ éèê")
latin9 = _in_charset("iso-8859-15", "Preis: 10 €, Œuvre, Šimon")
windows = _in_charset("windows-1252", "„Anführung“ – Gedankenstrich … €")
koi8 = _in_charset("koi8-r", "Привет, как дела?")
gb2312 = _in_charset("gb2312", "你好，世界。这是一封信。", "base64")
iso2022jp = _in_charset("iso-2022-jp", "こんにちは。これはテストです。")
shift_jis = _in_charset("shift_jis", "ｶﾀｶﾅと漢字の手紙。", "base64")
utf7 = _in_charset("utf-7", "Grüße in UTF-7: äöü €")
utf16 = _in_charset("utf-16", "UTF-16 mit BOM äöü", "base64")


def unknown_charset(letter: Letter) -> bytes:
    """A charset that nobody knows; it is UTF-8 really."""
    return _single(letter, "text/plain; charset=x-phantasie-17", "8bit", "Grüße unbekannt\r\n".encode())


def wrong_charset(letter: Letter) -> bytes:
    """Said to be UTF-8, but Latin."""
    return _single(letter, "text/plain; charset=utf-8", "8bit", "Grüße falsch\r\n".encode("iso-8859-1"))


def no_charset(letter: Letter) -> bytes:
    """8-bit text without a declared charset."""
    return _single(letter, "text/plain", "8bit", "Grüße ohne Angabe\r\n".encode("windows-1252"))


def eight_bit_header(letter: Letter) -> bytes:
    """Subject and sender in raw UTF-8."""
    return (
        letter.head(Subject=letter.subject, From="Jürgen Müller <jm@example.com>") + "\r\nText\r\n"
    ).encode()


def latin_header(letter: Letter) -> bytes:
    """Subject in raw Latin."""
    return (letter.head(Subject=letter.subject) + "\r\nText\r\n").encode("windows-1252", "replace")


def split_word(letter: Letter) -> bytes:
    """A multi-byte character split over two encoded words."""
    raw = letter.subject.encode()
    at = next((i + 1 for i, byte in enumerate(raw) if byte >= 0xC0), len(raw) // 2)
    pieces = [base64.b64encode(piece).decode() for piece in (raw[:at], raw[at:])]
    subject = "\r\n ".join(f"=?utf-8?B?{piece}?=" for piece in pieces)
    return (letter.head(Subject=subject) + "\r\nText\r\n").encode()


def quoted_word(letter: Letter) -> bytes:
    """The subject as a quoted-printable word in Latin."""
    data = "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"={byte:02X}"
        for byte in letter.subject.encode("iso-8859-1", "replace")
    )
    return (letter.head(Subject=f"=?ISO-8859-1?Q?{data}?=") + "\r\nText\r\n").encode()


def no_date(letter: Letter) -> bytes:
    """No Date field."""
    return (letter.head(Date=None) + "\r\nText\r\n").encode()


def bad_date(letter: Letter) -> bytes:
    """A Date field that is none."""
    return (letter.head(Date="Gestern, so gegen 25:71 Uhr") + "\r\nText\r\n").encode()


def far_date(letter: Letter) -> bytes:
    """A date far ahead."""
    return (letter.head(Date="Fri, 31 Dec 2099 23:59:60 +1400") + "\r\nText\r\n").encode()


def no_from(letter: Letter) -> bytes:
    """Nobody wrote it."""
    return (letter.head(From=None) + "\r\nText\r\n").encode()


def bad_from(letter: Letter) -> bytes:
    """A sender that is no address."""
    return (letter.head(From="Gesendet von: <<kein @ absender>>, ,;") + "\r\nText\r\n").encode()


def no_subject(letter: Letter) -> bytes:
    """No Subject field."""
    return (letter.head(Subject=None) + "\r\nText\r\n").encode()


def empty_body(letter: Letter) -> bytes:
    """Header, empty line, nothing."""
    return (letter.head() + "\r\n").encode()


def header_only(letter: Letter) -> bytes:
    """A header without an end."""
    return letter.head().encode()


def control_characters(letter: Letter) -> bytes:
    """NUL and other control characters in the text."""
    return _single(
        letter, "text/plain; charset=utf-8", "8bit", b"a\x00b\x01c\x08d\x0be\x0cf\x1bg\x7fh\xef\xbf\xbe\r\n"
    )


def control_subject(letter: Letter) -> bytes:
    """Control characters within an encoded subject."""
    word = base64.b64encode(letter.subject.encode() + b"\x00\x07\x1f").decode()
    return (letter.head(Subject=f"=?utf-8?B?{word}?=") + "\r\nText\r\n").encode()


def long_lines(letter: Letter) -> bytes:
    """One line of 50,000 characters, and a long header line."""
    return (letter.head(X_Lang="x" * 5000) + "\r\n" + "lang " * 10_000 + "\r\n").encode()


def wrong_boundary(letter: Letter) -> bytes:
    """The boundary in the header is not the one in the body."""
    head = letter.head(Content_Type='multipart/mixed; boundary="eins"')
    return (head + "\r\n--zwei\r\nContent-Type: text/plain\r\n\r\nText\r\n--zwei--\r\n").encode()


def no_boundary(letter: Letter) -> bytes:
    """A multipart without a boundary."""
    return (letter.head(Content_Type="multipart/mixed") + "\r\nText ohne Grenze\r\n").encode()


def truncated(letter: Letter) -> bytes:
    """Cut off in the middle of an attachment."""
    whole = attachments(letter)
    return whole[: len(whole) // 2]


def bad_base64(letter: Letter) -> bytes:
    """Base64 with foreign characters and a wrong end."""
    return _single(letter, "text/plain; charset=utf-8", "base64", b"R3L8w59l*IGthcHV0dA=\r\n%%%\r\n")


def bad_quoted(letter: Letter) -> bytes:
    """Quoted-printable with broken escapes."""
    return _single(letter, "text/plain; charset=utf-8", "quoted-printable", b"Gr=C3=BC=DFe =XX =4 = \r\n=")


def unknown_encoding(letter: Letter) -> bytes:
    """A transfer encoding that does not exist."""
    return _single(letter, "text/plain; charset=utf-8", "x-geheim", b"Text in unbekannter Kodierung\r\n")


def bad_type(letter: Letter) -> bytes:
    """A content type that is none."""
    return _single(letter, "quatsch", "7bit", b"Text ohne richtigen Typ\r\n")


def scripts(letter: Letter) -> bytes:
    """HTML with scripts, handlers and frames."""
    extra = (
        '<script>alert("x")</script><img src="https://tracker.example.com/x.gif" onerror="alert(1)">'
        '<iframe src="https://example.com/"></iframe><a href="javascript:alert(2)">klick</a>'
    )
    return _single(letter, "text/html; charset=utf-8", "quoted-printable", _quoted(_html(letter, extra)))


def broken_html(letter: Letter) -> bytes:
    """HTML that is not closed, with stray characters."""
    body = "<html><body><p>Offen <b>fett <table><tr><td>Zelle < 3 & mehr &nbsp;&unbekannt; <!-- Kommentar"
    return _single(letter, "text/html; charset=utf-8", "8bit", body.encode())


def mailing_list(letter: Letter) -> bytes:
    """From a mailing list, with many recipients."""
    many = ", ".join(f"Teilnehmer {n} <t{n}@example.com>" for n in range(80))
    return (letter.head(Cc=many, List_Id="<liste.example.com>", Precedence="bulk") + "\r\nText\r\n").encode()


def group_address(letter: Letter) -> bytes:
    """Sent to a group without members."""
    return (letter.head(To="Undisclosed recipients:;") + "\r\nText\r\n").encode()


def important(letter: Letter) -> bytes:
    """Marked as important, with a request for a receipt."""
    changes = {
        "X_Priority": "1 (Highest)",
        "Importance": "High",
        "Disposition_Notification_To": "chef@example.com",
    }
    return (letter.head(**changes) + "\r\nText\r\n").encode()


def report(letter: Letter) -> bytes:
    """A notice that a mail could not be delivered."""
    status = b"Reporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; weg@example.com\r\nAction: failed\r\n"
    inner = Letter(letter.random, letter.person, letter.number + 200_000, "Verloren", letter.date - 3600)
    return _multipart(
        letter,
        "report; report-type=delivery-status",
        [
            _plain_part(letter),
            _part("message/delivery-status", status),
            _part("message/rfc822", plain_ascii(inner)),
        ],
        From="Mail Delivery System <MAILER-DAEMON@example.com>",
    )


def deep(letter: Letter) -> bytes:
    """Multiparts in multiparts."""
    part = _plain_part(letter)
    for level in range(20):
        part = _nested("mixed", f"=_t{letter.number}_{level}", [part])
    return _multipart(letter, "mixed", [part])


def sized(letter: Letter) -> bytes:
    """Text and a file, of a wanted size."""
    # What base64 with its line ends leaves of the size that header and boundaries do not need.
    data = letter.random.randbytes(max((letter.size - 650) * 73 // 100, 16))
    disposition = f'attachment; filename="daten{letter.number}.bin"'
    return _multipart(
        letter,
        "mixed",
        [
            _part("text/plain; charset=utf-8", f"Größe {letter.size}\r\n".encode()),
            _file_part("application/octet-stream", data, disposition),
        ],
    )


_COMMON = (plain, alternative, html_only, attachments, alternative_attachment, inline_image)
_SHAPES = (
    *_COMMON,
    plain_ascii,
    nested_message,
    invitation,
    mailing_list,
    important,
    report,
    group_address,
    deep,
)
_CHARSETS = {
    "latin1": latin1,
    "latin9": latin9,
    "windows": windows,
    "koi8": koi8,
    "gb2312": gb2312,
    "iso2022jp": iso2022jp,
    "shift_jis": shift_jis,
    "utf7": utf7,
    "utf16": utf16,
}
_BROKEN = (
    unknown_charset,
    wrong_charset,
    no_charset,
    eight_bit_header,
    latin_header,
    split_word,
    quoted_word,
    no_date,
    bad_date,
    far_date,
    no_from,
    bad_from,
    no_subject,
    empty_body,
    header_only,
    control_characters,
    control_subject,
    long_lines,
    wrong_boundary,
    no_boundary,
    truncated,
    bad_base64,
    bad_quoted,
    unknown_encoding,
    bad_type,
    scripts,
    broken_html,
)
# Name of the shape → its maker.
SHAPES: dict[str, Callable[[Letter], bytes]] = {
    **{shape.__name__: shape for shape in _SHAPES},
    **_CHARSETS,
    **{shape.__name__: shape for shape in _BROKEN},
    "sized": sized,
}
_ROTATION = [name for name in SHAPES if name != "sized"]
# Subjects of these are reduced to what the header can carry.
_LATIN_SUBJECT = ("latin_header", "quoted_word")


def plan(person: Person) -> list[SeedMail]:
    """All mails of INBOX, oldest first."""
    random = Random(f"mails of {person.name if person.amount != 'light' else 'light'}")
    count = COUNTS[person.amount]
    ages = sorted((random.randrange(300, _SPREAD_DAYS * _DAY_S) for _ in range(count)), reverse=True)
    mails = []
    for number, age in enumerate(ages):
        shape = _ROTATION[number % len(_ROTATION)]
        size = 0
        if person.amount == "large":
            shape, size = "sized", int(1000 * 100 ** random.random())
        subject = f"{random.choice(words.TOPICS)} {number:03d}"
        seen = age > 7 * _DAY_S and random.random() < 0.8
        flags = (8 if number % 17 == 5 else 0) | (1 if seen and number % 13 == 2 else 0)
        mails.append(
            SeedMail(number, shape, None if shape == "no_subject" else subject, age, seen, flags, size)
        )
    return mails


def make(person: Person, mail: SeedMail, now: float) -> bytes:
    """The bytes of a mail. ``now``: the moment of the making, in seconds."""
    random = Random(f"mail {mail.number} of {person.name if person.amount != 'light' else 'light'}")
    subject = mail.subject or ""
    if mail.shape in _LATIN_SUBJECT:
        subject = subject.encode("iso-8859-1", "replace").decode("iso-8859-1")
    letter = Letter(random, person, mail.number, subject, now - mail.age, mail.size)
    return SHAPES[mail.shape](letter)


def simple(person: Person, folder: str, number: int, now: float, sent: bool = False) -> bytes:
    """A plain mail of another folder than INBOX; ``sent``: written by the person."""
    random = Random(f"{folder} {number} of {person.name}")
    letter = Letter(random, person, 10_000 + number, f"{folder} {number:03d}", now - (number + 1) * 7200)
    changes: dict[str, str | None] = {
        "Message_ID": f"<{person.name}.{len(folder)}.{number}@seed.example.com>"
    }
    if sent:
        changes |= {
            "From": f"{encoded(person.display_name)} <{person.login}>",
            "To": f"empfaenger{number}@example.com, berta@{DOMAIN}",
        }
    return (
        letter.head(**changes, Content_Type="text/plain; charset=utf-8") + "\r\n" + _text(letter, 2)
    ).encode()
