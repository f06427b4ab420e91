"""Large files of messages are set aside and come back byte for byte."""

from __future__ import annotations

import base64
import time
from email import message_from_bytes
from email.policy import default

import pytest

from app.eas import compose, heavy, original

WRITTEN = b"To: b@example.org\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\nSiehe\r\n"


def block(size: int, end: bytes = b"\r\n") -> bytes:
    return base64.encodebytes(bytes(range(256)) * (size // 256)).replace(b"\n", end)


def with_files(*blocks: bytes, kind: bytes = b"application/octet-stream") -> bytes:
    parts = b"".join(
        b"--b\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n" % (kind, each)
        for each in blocks
    )
    return b"Subject: q\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_what_is_set_aside_comes_back(end: bytes) -> None:
    mime = with_files(block(300_000, end), b"QUJD", block(500_000, end))
    light, held = heavy.lighten(mime)
    assert len(held) == 2
    assert len(light) < 1000
    assert heavy.restore(light, held) == mime


@pytest.mark.parametrize(
    "mime",
    [
        b"",
        WRITTEN,
        with_files(block(1000)),
        with_files(block(20_000), b"word \r\n" * 50_000),
        b"x" * 200_000,
        b"word \r\n" * 50_000,
    ],
)
def test_what_is_not_large_stays(mime: bytes) -> None:
    assert heavy.lighten(mime) == (mime, {})
    assert heavy.restore(mime, {}) is mime


def test_a_forwarded_file_is_the_same_file() -> None:
    mime = with_files(block(400_000), block(200_000))
    mine = with_files(block(300_000)).replace(b"Subject: q", b"To: b@example.org")
    made = message_from_bytes(compose.forwarded(mine, original.of_mime(mime)), policy=default)
    files = [part for part in made.walk() if part.get_content_maintype() == "application"]
    sizes = [len(bytes(part.get_payload(decode=True))) for part in files]
    assert sizes == [299_776, 399_872, 199_936]


def test_large_words_are_read() -> None:
    words = base64.encodebytes("Grüße ".encode() * 50_000)
    mime = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + words
    assert original.of_mime(mime).as_text().count("Grüße") == 50_000
    made = message_from_bytes(
        compose.answered(b"To: b@example.org\r\n" + mime, original.of_mime(WRITTEN)), policy=default
    )
    text = made.get_content()  # type: ignore[attr-defined]
    assert text.count("Grüße") == 50_000
    assert "Siehe" in text


def test_a_message_of_the_largest_size_takes_little_time() -> None:
    mime = with_files(block(20 * 1024 * 1024))
    begun = time.process_time()
    made = compose.forwarded(WRITTEN, original.of_mime(mime))
    assert time.process_time() - begun < 1.5
    assert len(made) > len(mime)
