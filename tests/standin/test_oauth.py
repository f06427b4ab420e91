"""OX's OAuth provider as the stand-in plays it: tokens, scopes, and what is not to be had with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.ox.standin import StandIn, make_data


@pytest.fixture(scope="module")
def ox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    running = StandIn(make_data(tmp_path_factory.mktemp("ox"), "empty"), "7")
    yield running
    running.stop()


def ask(ox: StandIn, path: str, token: str | None, method: str = "GET", **params: str) -> requests.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"{ox.url}oauth/modules/{path}"
    body = b"{}" if method == "PUT" else b""
    return requests.request(method, url, params=params, headers=headers, data=body, timeout=20)


def token(ox: StandIn, **more: object) -> str:
    return str(ox.control("POST", "token", {"login": "anton@example.org", **more})["token"])


def test_a_token_is_a_user_without_a_session(ox: StandIn) -> None:
    answer = ask(ox, "config/identifier", token(ox))
    assert answer.status_code == 200
    assert answer.json().get("data"), answer.text


@pytest.mark.parametrize("wrong", [None, "", "nonsense"])
def test_without_a_good_token_the_answer_is_401(ox: StandIn, wrong: str | None) -> None:
    answer = ask(ox, "config/identifier", wrong)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_ends(ox: StandIn) -> None:
    assert ask(ox, "config/identifier", token(ox, seconds=0)).status_code == 401
    good = token(ox)
    ox.control("DELETE", "token")
    assert ask(ox, "config/identifier", good).status_code == 401


def test_a_scope_that_is_missing_is_403(ox: StandIn) -> None:
    few = token(ox, scopes=["read_folders"])
    assert ask(ox, "folders", few, action="root", columns="1").status_code == 200
    refused = ask(ox, "contacts", few, action="all", folder="6", columns="1")
    assert refused.status_code == 403
    assert refused.json() == {"error": "insufficient_scope", "scope": "read_contacts"}
    writing = ask(ox, "contacts", token(ox, scopes=["read_contacts"]), "PUT", action="new")
    assert writing.json()["scope"] == "write_contacts"


@pytest.mark.parametrize("module", ["multiple", "capabilities", "login", "nothing"])
def test_modules_that_take_no_part_are_unknown(ox: StandIn, module: str) -> None:
    assert ask(ox, module, token(ox), action="all").json()["code"] == "SVL-0007"


def test_generation_6_has_no_provider(tmp_path_factory: pytest.TempPathFactory) -> None:
    old = StandIn(make_data(tmp_path_factory.mktemp("ox6"), "empty"), "6")
    try:
        assert ask(old, "config/identifier", token(old)).status_code == 404
    finally:
        old.stop()
