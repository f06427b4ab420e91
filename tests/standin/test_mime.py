"""Mails of any kind are taken apart without a failure, and the readable ones are read right."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.ox.mime import headers, html, parts
from lab.ox.seed import mails, people
from lab.ox.storage import mail
from lab.ox.web.envelope import dump

_PERSON = people()[0]
_VIEWS = ("raw", "text", "html", "noimg")


def _seeded(shape: str) -> bytes:
    planned = next(each for each in mails.plan(_PERSON) if each.shape == shape)
    return mails.make(_PERSON, planned, 1.7e9)


def _shown(raw: bytes, view: str) -> dict[str, object]:
    """What the API answers, read back from its bytes."""
    found: dict[str, object] = json.loads(dump(parts.shown(parts.parse(raw), view, "/x?uid=")))
    return found


def _text(raw: bytes, view: str = "text") -> str:
    return str(parts.shown(parts.parse(raw), view)["attachments"][0]["content"])


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ("latin1", "Grüße aus Köln: äöüßÄÖÜ éèê"),
        ("latin9", "Preis: 10 €, Œuvre, Šimon"),
        ("windows", "„Anführung“ – Gedankenstrich … €"),
        ("koi8", "Привет, как дела?"),
        ("gb2312", "你好，世界。这是一封信。"),
        ("iso2022jp", "こんにちは。これはテストです。"),
        ("shift_jis", "ｶﾀｶﾅと漢字の手紙。"),
        ("utf7", "Grüße in UTF-7: äöü €"),
        ("utf16", "UTF-16 mit BOM äöü"),
        ("unknown_charset", "Grüße unbekannt"),
        ("no_charset", "Grüße ohne Angabe"),
        ("unknown_encoding", "Text in unbekannter Kodierung"),
        ("bad_type", "Text ohne richtigen Typ"),
        ("no_boundary", "Text ohne Grenze"),
    ],
)
def test_texts_are_read_in_their_charset(shape: str, wanted: str) -> None:
    assert wanted in _text(_seeded(shape))


def test_a_nested_mail_is_shown_with_its_own_parts() -> None:
    shown = parts.shown(parts.parse(_seeded("nested_message")), "text")
    inner = shown["nested_msgs"][0]
    assert (inner["id"], inner["subject"]) == ("2", "Inneres Schreiben")
    assert [each["id"] for each in inner["attachments"]] == ["2.1", "2.2", "2.3", "2.4"]
    assert inner["attachments"][2]["filename"] == "Übersicht €.png"


def test_parts_of_nested_mails_are_found_by_their_ids() -> None:
    message = parts.parse(_seeded("nested_message"))
    found = parts.find(message, "2.2")
    assert found is not None
    assert found.data.startswith(b"%PDF-1.4")
    assert parts.find(message, "2.9") is None
    assert parts.find(message, "7") is None


def test_an_inline_image_is_found_by_its_content_id_and_shown_from_the_server() -> None:
    raw = _seeded("inline_image")
    content = str(parts.shown(parts.parse(raw), "html", "/ajax/image?uid=")["attachments"][0]["content"])
    cid = content.split("/ajax/image?uid=")[1].split('"')[0]
    found = parts.find(parts.parse(raw), "", cid)
    assert found is not None
    assert found.data.startswith(b"\x89PNG")


def test_a_body_is_cut_to_the_wanted_size() -> None:
    body = parts.shown(parts.parse(_seeded("long_lines")), "text", max_size=10_000)["attachments"][0]
    assert (len(body["content"]), body["truncated"]) == (10_000, True)


def test_scripts_handlers_and_frames_are_filtered_but_not_from_the_raw_view() -> None:
    raw = _seeded("scripts")
    filtered = _text(raw, "html")
    for bad in ("<script", "alert", "onerror", "<iframe", "javascript:"):
        assert bad not in filtered
        assert bad in _text(raw, "raw")
    assert "tracker.example.com" in filtered
    assert "tracker.example.com" not in _text(raw, "noimg")
    assert "<p>" not in _text(raw, "text")


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?= an =?iso-8859-1?Q?J=F6rg?=", "Grüße an Jörg"),
        ("=?utf-8?B?R3LDvA==?= =?utf-8?B?w59l?=", "Grüße"),
        ("=?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=", "Grüße"),
        ("=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        ("=?x-nobody-knows?Q?abc?=", "abc"),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("kein =? Wort ?=", "kein =? Wort ?="),
        ("=?utf-8?Q?ab=00=07c?=", "abc"),
    ],
)
def test_encoded_words_are_read(raw: str, wanted: str) -> None:
    assert headers.decode_words(raw) == wanted


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    assert json.loads(mail.index(raw)["head"])
    for view in _VIEWS:
        assert "attachments" in _shown(raw, view)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(mails.SHAPES)), st.integers(0, 2**32))
def test_a_damaged_mail_is_still_a_mail(shape: str, seed: int) -> None:
    random = Random(seed)
    raw = bytearray(_seeded(shape) if shape != "sized" else _seeded("plain"))
    for _ in range(random.randint(1, 30)):
        raw[random.randrange(len(raw))] = random.randrange(256)
    damaged = bytes(raw[random.randrange(len(raw)) :] if random.random() < 0.3 else raw)
    assert json.loads(mail.index(damaged)["head"])
    for view in _VIEWS:
        assert "attachments" in _shown(damaged, view)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>/ab='\"!-scriptonlk&;: \n", max_size=200))
def test_no_html_gets_a_script_through(source: str) -> None:
    filtered = html.filtered(source).lower()
    assert "<script" not in filtered
    assert "<iframe" not in filtered
    assert html.to_text(source).endswith("\n")
