"""Settings that hold addresses and patterns: of other servers, of pages, of nodes."""

from __future__ import annotations

import pytest

from app.config import active_sync_url, node_name, redirects, web_address


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://eas.example.org", "https://eas.example.org/Microsoft-Server-ActiveSync"),
        ("https://eas.example.org/", "https://eas.example.org/Microsoft-Server-ActiveSync"),
        ("https://eas.example.org:444/own/path/", "https://eas.example.org:444/own/path"),
    ],
)
def test_the_address_of_active_sync_has_its_path(given, expected):
    assert active_sync_url(given) == expected


def test_users_of_other_servers_are_patterns_with_urls():
    found = redirects(
        "*@Example.net = https://a.example.net/".replace(" ", "") + ", context:7=https://b.example.org/x,"
    )
    assert found == (
        ("*@example.net", "https://a.example.net/Microsoft-Server-ActiveSync"),
        ("context:7", "https://b.example.org/x"),
    )


@pytest.mark.parametrize(
    "value", ["*@example.net", "=https://a/", "x=", "x=ftp://a/", "x=https://", "a b=https://a/"]
)
def test_a_rule_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="expected"):
        redirects(value)


@pytest.mark.parametrize("value", ["https://example.org/password?user=1#top", "http://example.org"])
def test_the_address_of_a_page_is_kept_as_it_is(value):
    assert web_address(value) == value


@pytest.mark.parametrize(
    "value", ["example.org", "https://a b/", 'https://a/"', "https://a/\\", "javascript:alert(1)"]
)
def test_what_is_no_address_of_a_page_is_refused(value):
    with pytest.raises(ValueError, match="expected"):
        web_address(value)


def test_the_name_of_a_node_fits_into_a_cookie():
    assert node_name("ox-1_a") == "ox-1_a"
    for wrong in ("a.b", "a;b", "ä", "x" * 65):
        with pytest.raises(ValueError, match="expected"):
            node_name(wrong)
