"""Who asks: from the Authorization header to credentials."""

from __future__ import annotations

import base64

import pytest

from app.usm.model import Credentials
from app.web.auth import CHALLENGE, Schemes, Unauthenticated, credentials, login

PATTERN = "$USER@$DOMAIN"
SCHEMES = Schemes(PATTERN)
TOKENS = Schemes(PATTERN, bearer=True)


def header(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return "Basic " + base64.b64encode(raw).decode("ascii")


def test_name_and_password_are_read():
    assert credentials(header("anton@example.org:secret"), SCHEMES) == Credentials(
        "anton@example.org", "secret"
    )


@pytest.mark.parametrize("password", ["a:b:c", ":", "", " blank ", "pässwört", "密码", "€"])
def test_a_password_may_hold_anything_that_can_be_typed(password):
    assert credentials(header(f"anton:{password}"), SCHEMES).password == password


def test_a_password_in_latin_1_is_read_as_such():
    assert credentials(header("anton:pässwört".encode("latin-1")), SCHEMES).password == "pässwört"


@pytest.mark.parametrize("password", ["pässwört", "10 €", "„Ž“"])
def test_a_password_in_windows_1252_is_read_as_such(password):
    assert credentials(header(f"anton:{password}".encode("cp1252")), SCHEMES).password == password


def test_bytes_that_no_windows_character_has_are_refused_as_control_characters():
    with pytest.raises(Unauthenticated, match="control"):
        credentials(header(b"anton:\x81\xe4"), SCHEMES)


@pytest.mark.parametrize("token", ["abc", "eyJhbGciOi.JIUzI1NiJ9._-~+/==", "x" * 8192])
def test_an_access_token_is_read(token):
    assert credentials(f"Bearer {token}", TOKENS) == Credentials("", token, is_token=True)
    assert credentials(f"bearer  {token} ", TOKENS).password == token
    assert token not in repr(credentials(f"Bearer {token}", TOKENS))


@pytest.mark.parametrize("token", ["", "a b", "abc\0", "ä", "x" * 8193, "=abc"])
def test_what_is_no_access_token_is_refused(token):
    with pytest.raises(Unauthenticated):
        credentials(f"Bearer {token}", TOKENS)


def test_the_challenge_offers_tokens_where_they_are_understood():
    assert SCHEMES.challenge() == CHALLENGE
    assert TOKENS.challenge() == f'{CHALLENGE}, Bearer realm="Microsoft-Server-ActiveSync"'


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic  "])
def test_the_name_of_the_scheme_may_be_written_in_any_case(scheme):
    token = base64.b64encode(b"anton:secret").decode()
    assert credentials(f"{scheme} {token}", SCHEMES).login == "anton"


def test_base64_without_padding_is_read():
    assert credentials("Basic YW50b246c2VjcmV0IQ", SCHEMES) == Credentials("anton", "secret!")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Bearer abc",
        "Negotiate YW50b246c2VjcmV0",
        "Basic !!!!",
        "Basic YW5äb24=",
        header("anton"),
        header(":secret"),
        header("  :secret"),
        header("DOMAIN\\:secret"),
        header("an\nton:secret"),
        header("anton:sec\0ret"),
        header("anton:secret\r\nX-Evil: 1"),
    ],
)
def test_a_header_without_usable_name_and_password_is_refused(value):
    with pytest.raises(Unauthenticated) as caught:
        credentials(value, SCHEMES)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "pattern", "expected"),
    [
        ("anton@example.org", PATTERN, "anton@example.org"),
        ("example.org\\anton", PATTERN, "anton@example.org"),
        ("\\anton", PATTERN, "anton"),
        ("\\anton@example.org", PATTERN, "anton@example.org"),
        ("example.org\\anton@Example.ORG", PATTERN, "anton@example.org"),
        ("EXAMPLE\\anton", "$DOMAIN/$USER", "EXAMPLE/anton"),
        ("EXAMPLE\\anton", "$USER", "anton"),
        ("EXAMPLE\\$DOMAIN", "$USER@$DOMAIN", "$DOMAIN@EXAMPLE"),
        ("EXAMPLE\\a\\b", PATTERN, "a\\b@EXAMPLE"),
        ("EXAMPLE\\", PATTERN, ""),
    ],
)
def test_domain_and_user_become_a_login_by_the_pattern(typed, pattern, expected):
    assert login(typed, pattern) == expected
