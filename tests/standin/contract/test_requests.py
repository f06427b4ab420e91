"""Requests and envelopes (http-api sections 1, 1.1, 1.2)."""

from __future__ import annotations

from tests.standin.client import Client, Server


def test_answers_are_javascript_in_utf8(ox: Client) -> None:
    reply = ox.send("GET", "folders", "root", columns="1")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].replace(" ", "").lower() == "text/javascript;charset=utf-8"


def test_an_application_error_is_http_200_with_all_error_keys(ox: Client) -> None:
    reply = ox.send("GET", "contacts", "get", id=999_999_999, folder=ox.config("folder/contacts"))
    assert reply.status_code == 200
    envelope = reply.json()
    assert envelope["code"] == "CON-0125"
    assert {"error", "error_params", "error_id", "error_desc", "code", "categories"} <= set(envelope)
    assert isinstance(envelope["error_params"], list)
    assert (envelope["categories"], envelope["category"]) == ("ERROR", 8)
    assert "data" not in envelope


def test_an_unknown_module_is_http_404(ox: Client) -> None:
    assert ox.send("GET", "nosuchmodule", "all").status_code == 404


def test_a_missing_action_is_http_400(ox: Client) -> None:
    assert ox.send("GET", "contacts").status_code == 400


def test_an_unknown_action_is_an_error(ox: Client) -> None:
    assert "code" in ox.get("contacts", "nosuchaction")


def test_a_missing_session_is_ses_0201(server: Server) -> None:
    reply = server.anonymous().http.get(
        server.url + "folders", params={"action": "root", "columns": "1"}, timeout=30
    )
    assert (reply.status_code, reply.json()["code"]) == (200, "SES-0201")


def test_a_missing_parameter_is_named(ox: Client) -> None:
    envelope = ox.get("contacts", "all", folder=ox.config("folder/contacts"))
    assert envelope["code"] == "SVL-0002"
    assert "columns" in envelope["error_params"]


def test_bad_json_is_an_error_and_not_a_crash(ox: Client) -> None:
    folder = ox.config("folder/contacts")
    reply = ox.send("PUT", "contacts", "list", b"[{broken", columns="1", folder=folder)
    assert reply.status_code == 200
    assert reply.json()["category"] == 8


def test_data_is_left_out_when_there_is_none_and_the_timestamp_is_milliseconds(ox: Client) -> None:
    envelope = ox.get("contacts", "all", folder=ox.config("folder/contacts"), columns="1,6")
    assert envelope["timestamp"] == max(row[1] for row in envelope["data"])
    assert 1_000_000_000_000 < envelope["timestamp"] < 10_000_000_000_000


def test_capabilities_and_chronos_are_unknown_to_the_oldest_generation(ox: Client) -> None:
    status = ox.send("GET", "capabilities", "all").status_code
    assert status == (404 if ox.server.generation == 6 else 200)


def test_capabilities_name_what_the_user_may(ox: Client) -> None:
    if ox.server.generation == 6:
        assert ox.config("modules/usm/module") is True
        assert ox.config("modules/usm/eas") is True
        return
    names = {entry["id"] for entry in ox.get("capabilities", "all")["data"]}
    assert {"webmail", "contacts", "active_sync", "usm"} <= names
    assert ox.get("capabilities", "get", id="usm")["data"]["id"] == "usm"
    assert not ox.get("capabilities", "get", id="no_such_thing")["data"]


def test_the_configuration_tells_who_the_user_is(ox: Client) -> None:
    assert isinstance(ox.config("identifier"), int)
    assert isinstance(ox.config("context_id"), int)
    assert ox.config("mail/defaultaddress") in ox.config("mail/addresses")
    assert ox.config("folder/eas") is True
    assert ox.config("modules/mail/module") is True
    assert set(ox.config("mail/folder")) >= {"inbox", "drafts", "sent", "trash", "spam"}
