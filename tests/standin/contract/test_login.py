"""Login, cookies, sessions (http-api section 1.6)."""

from __future__ import annotations

import re

from tests.standin.client import AGENT, CLIENT, Client, Server, cookie_hash


def _names(client: Client) -> list[str]:
    return [cookie.name for cookie in client.http.cookies]


def test_the_answer_holds_what_its_generation_tells(server: Server) -> None:
    answer = server.client().answer
    assert re.fullmatch("[0-9a-f]{32}", answer["session"])
    assert "data" not in answer
    if server.generation == 6:
        assert "random" in answer
        assert "user_id" not in answer
    else:
        assert {"user", "user_id", "context_id", "locale"} <= set(answer)
        assert "random" not in answer


def test_the_secret_cookie_is_named_by_user_agent_and_client(ox: Client) -> None:
    assert f"open-xchange-secret-{cookie_hash(AGENT, CLIENT)}" in _names(ox)


def test_the_public_cookie_is_named_by_the_user_agent_alone(server: Server) -> None:
    client = server.client(agent="Contract/1.0", name="contract")
    assert f"open-xchange-public-session-{cookie_hash('Contract/1.0')}" in _names(client)


def test_the_jsessionid_ends_with_a_route(ox: Client) -> None:
    assert re.fullmatch(r"[^.]+\.\w+", ox.http.cookies["JSESSIONID"])


def test_another_user_agent_breaks_the_session(ox: Client) -> None:
    ox.http.headers["User-Agent"] = "Something else"
    code = ox.get("folders", "root", columns="1")["code"]
    assert code == ("SES-0203" if ox.server.generation == 8 else "SES-0206")
    ox.http.headers["User-Agent"] = AGENT
    assert "data" in ox.get("folders", "root", columns="1")


def test_a_session_without_its_secret_is_refused(ox: Client) -> None:
    ox.http.cookies.clear()
    envelope = ox.get("folders", "root", columns="1")
    assert envelope["code"] == ("SES-0203" if ox.server.generation == 8 else "SES-0206")
    assert envelope["category"] == 4


def test_an_unknown_session_has_expired(ox: Client) -> None:
    ox.session = "0" * 32
    envelope = ox.get("folders", "root", columns="1")
    assert (envelope["code"], envelope["categories"], envelope["category"]) == ("SES-0203", "TRY_AGAIN", 4)


def test_a_wrong_password_is_lgi_0006(server: Server) -> None:
    client = server.anonymous()
    answer = client.log_in(server.login, "not " + server.password)
    assert (answer["code"], answer["categories"]) == ("LGI-0006", "USER_INPUT")
    assert not client.http.cookies.get(f"open-xchange-secret-{cookie_hash(AGENT, CLIENT)}")


def test_an_unknown_user_is_lgi_0006_too(server: Server) -> None:
    assert server.anonymous().log_in("nobody.at.all@example.org")["code"] == "LGI-0006"
    assert server.anonymous().log_in("nobody@no.such.place.example")["code"] == "LGI-0006"


def test_credentials_in_the_url_are_refused_since_generation_7(server: Server) -> None:
    client = server.anonymous()
    params = {"action": "login", "name": server.login, "password": server.password, "client": CLIENT}
    answer = client.http.post(server.url + "login", params=params, timeout=30).json()
    assert ("session" in answer) == (server.generation == 6)


def test_logout_ends_the_session_with_an_empty_answer(server: Server) -> None:
    client = server.client()
    reply = client.send("GET", "login", "logout")
    assert (reply.status_code, reply.content) == (200, b"")
    assert client.get("folders", "root", columns="1")["code"] == "SES-0203"


def test_logout_without_a_session_is_400_and_with_an_unknown_one_403(server: Server) -> None:
    client = server.anonymous()
    assert client.http.get(server.url + "login", params={"action": "logout"}, timeout=30).status_code == 400
    client.session = "0" * 32
    assert client.send("GET", "login", "logout").status_code == 403


def test_logout_with_a_wrong_secret_is_403_and_the_session_lives_on(ox: Client) -> None:
    stranger = ox.server.anonymous()
    stranger.session = ox.session
    assert stranger.send("GET", "login", "logout").status_code == 403
    assert "data" in ox.get("folders", "root", columns="1")


def test_two_sessions_of_one_user_do_not_touch_each_other(server: Server) -> None:
    first, second = server.client(), server.client()
    assert first.session != second.session
    first.send("GET", "login", "logout")
    assert "data" in second.get("folders", "root", columns="1")
    second.send("GET", "login", "logout")
