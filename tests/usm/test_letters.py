"""Messages taken apart, the worst of them above all."""

from __future__ import annotations

import sys
from email.message import Message

import pytest

from app.usm import charsets
from app.usm.letters import DEEPEST, addresses, parsed


def nested(depth: int) -> bytes:
    """Parts within parts within parts."""
    lines = ["From: x@example.com", "Subject: nested", "MIME-Version: 1.0"]
    for level in range(depth):
        lines += [f'Content-Type: multipart/mixed; boundary="b{level}"', "", f"--b{level}"]
    lines += ["Content-Type: text/plain", "", "in the middle"]
    lines += [f"--b{level}--" for level in reversed(range(depth))]
    return "\r\n".join(lines).encode()


def letters(depth: int) -> bytes:
    """Letters within letters."""
    head = b"From: x@example.com\r\nSubject: letters\r\nContent-Type:\r\n\tMessage/RFC822\r\n\r\n"
    return head * depth + b"Subject: innermost\r\n\r\nx"


def depth(message: Message) -> int:
    return 1 + max(map(depth, message.get_payload())) if message.is_multipart() else 1  # type: ignore[arg-type]


def test_a_message_is_taken_apart_as_deep_as_anybody_needs() -> None:
    assert depth(parsed(nested(DEEPEST))) == DEEPEST + 1
    assert depth(parsed(letters(DEEPEST))) == DEEPEST + 1


@pytest.mark.parametrize("raw", [nested(DEEPEST + 1), nested(20_000), letters(DEEPEST + 1), letters(20_000)])
def test_one_that_is_deeper_is_a_single_part_with_its_header(raw: bytes) -> None:
    message = parsed(raw)
    assert not message.is_multipart()
    assert message["Subject"] in ("nested", "letters")
    assert message.as_bytes().count(b"\n") == raw.count(b"\n")


@pytest.mark.parametrize("raw", [nested(20_000), letters(20_000)])
@pytest.mark.parametrize("end", [b"\r", b"\n"])
def test_lines_may_end_as_they_like(raw: bytes, end: bytes) -> None:
    assert not parsed(raw.replace(b"\r\n", end)).is_multipart()


def test_the_deepest_can_be_written_again_also_far_down_in_a_program() -> None:
    def below(frames: int) -> bytes:
        return below(frames - 1) if frames else parsed(nested(DEEPEST)).as_bytes()

    assert b"in the middle" in below(sys.getrecursionlimit() // 3)


@pytest.mark.parametrize(
    "raw", [b"", b"\0\xff", b"no header at all", b"Content-Type: multipart/mixed\r\n\r\nx"]
)
def test_nothing_is_too_broken(raw: bytes) -> None:
    assert isinstance(parsed(raw), Message)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Zoë <zoe@example.com>, b@example.com", [("Zoë", "zoe@example.com"), ("", "b@example.com")]),
        ("", []),
        ("(" * 50_000, []),
        ("a@example.com " + "(" * 50_000 + ")" * 50_000, []),
    ],
    ids=["two", "none", "open comments", "comments within comments"],
)
def test_addresses_are_read_and_bombs_are_none(text: str, found: list[tuple[str, str]]) -> None:
    assert addresses(text) == found


def test_encoded_words_are_read_as_long_as_anybody_reads_them() -> None:
    assert charsets.decode_words("=?utf-8?q?a?= =?utf-8?q?b?=") == "ab"
    endless = "=?utf-8?q?a?= " * 100_000
    assert charsets.decode_words(endless) == endless
