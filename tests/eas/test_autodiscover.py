"""Autodiscover's documents: whatever is asked ends in an address or an error, whatever is told is XML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from app.eas import autodiscover, autodiscover_json
from app.eas.autodiscover import MESSAGES, MOBILESYNC, Account, AutodiscoverError
from app.eas.autodiscover_json import PROTOCOLS, Question, QuestionError

REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006"


def asking(address: str, schema: str = MOBILESYNC, head: str = "") -> bytes:
    root = etree.Element(f"{{{REQUEST}}}Autodiscover")
    request = etree.SubElement(root, f"{{{REQUEST}}}Request")
    etree.SubElement(request, f"{{{REQUEST}}}EMailAddress").text = address
    etree.SubElement(request, f"{{{REQUEST}}}AcceptableResponseSchema").text = schema
    return head.encode() + etree.tostring(root)


def outcome(body: bytes) -> str | int:
    try:
        return autodiscover.read(body)
    except AutodiscoverError as error:
        return error.code


@given(st.binary(max_size=300))
def test_any_bytes_end_in_an_address_or_an_error(body: bytes) -> None:
    assert outcome(body) in ("", *MESSAGES)


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 60))
def test_a_mutilated_request_ends_in_an_address_or_an_error(junk: bytes, start: int, length: int) -> None:
    body = asking("anton@example.org")
    found = outcome(body[:start] + junk + body[start + length :])
    assert isinstance(found, str) or found in MESSAGES


@pytest.mark.parametrize(
    "head",
    [
        '<?xml version="1.0" encoding="utf-7"?>',
        '<?xml version="1.0" encoding="no-such-charset"?>',
        '<?xml version="9.9"?>',
        '<?xml version="1.0" standalone="maybe"?>',
    ],
)
def test_an_odd_declaration_does_no_harm(head: str) -> None:
    found = outcome(asking("anton@example.org", head=head))
    assert found in ("anton@example.org", *MESSAGES)


def test_a_request_that_is_nested_without_end_is_refused() -> None:
    assert outcome(b"<a>" * 20_000 + b"</a>" * 20_000) == autodiscover.INVALID_REQUEST


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_the_user_is_called_the_answer_is_xml(name: str, address: str) -> None:
    root = etree.fromstring(autodiscover.settings(Account(address, name, "https://eas.example.org/x")))
    assert root.findtext(f".//{{{MOBILESYNC}}}Url") == "https://eas.example.org/x"
    assert root.find(f".//{{{MOBILESYNC}}}DisplayName") is not None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_short_question_is_one_or_an_error(rest: str, query: str) -> None:
    found: Question | QuestionError
    try:
        found = autodiscover_json.read(rest, query)
    except QuestionError as error:
        found = error
    if isinstance(found, Question):
        assert found.protocol in PROTOCOLS.values()
    else:
        assert autodiscover_json.failure(found).startswith(b'{"ErrorCode": ')
