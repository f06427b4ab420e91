"""Estimate, Ping and the story on the command line."""

from __future__ import annotations

import pytest

from app.wbxml import Element
from lab.device import BadAnswer, CommandFailed, Phone, PingResult
from lab.device.__main__ import main
from tests.device.answers import HIERARCHY, PROVISIONED, SETTINGS, estimate, item, ping, status, sync, tree
from tests.device.canned import Canned, CannedServer


@pytest.mark.parametrize(
    ("version", "order"),
    [
        (
            "12.1",
            [
                "GetItemEstimate:Class",
                "GetItemEstimate:CollectionId",
                "AirSync:FilterType",
                "AirSync:SyncKey",
            ],
        ),
        ("16.1", ["AirSync:SyncKey", "GetItemEstimate:CollectionId", "AirSync:Options"]),
    ],
)
def test_an_estimate_is_asked_in_the_versions_order(
    make, server: CannedServer, version: str, order: list
) -> None:
    server.play(HIERARCHY, sync("m", "m1"), estimate("m", 42))
    phone = make(version=version)
    phone.folder_sync()
    phone.sync("m")
    assert phone.get_item_estimate("m", filter_type=3) == 42
    asked = server.last.tree.find("GetItemEstimate:Collections").find("GetItemEstimate:Collection")
    assert [child.name for child in asked] == order
    assert asked.text_of("AirSync:SyncKey") == "m1"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (status("GetItemEstimate:GetItemEstimate", 103), CommandFailed),
        (tree("GetItemEstimate:GetItemEstimate"), BadAnswer),
        (tree("GetItemEstimate:GetItemEstimate", status("GetItemEstimate:Response", 4)), CommandFailed),
        (tree("GetItemEstimate:GetItemEstimate", status("GetItemEstimate:Response", 1)), BadAnswer),
        (estimate("x", 1), BadAnswer),
        (Canned(), BadAnswer),
    ],
)
def test_an_estimate_that_is_none_is_an_error(
    phone: Phone, server: CannedServer, answer, error: type
) -> None:
    server.play(answer)
    with pytest.raises(error):
        phone.get_item_estimate("m")


def test_a_ping_names_folders_and_interval(phone: Phone, server: CannedServer) -> None:
    server.play(ping(2, "m"))
    assert phone.ping(["m", "c"], 60) == PingResult(2, ["m"])
    sent = server.last.tree
    assert [child.name for child in sent] == ["Ping:HeartbeatInterval", "Ping:Folders"]
    assert [(row.text_of("Ping:Id"), row.text_of("Ping:Class")) for row in sent.find("Ping:Folders")] == [
        ("m", "Email"),
        ("c", "Contacts"),
    ]


def test_a_ping_without_both_has_no_body(phone: Phone, server: CannedServer) -> None:
    server.play(ping(1))
    assert phone.ping() == PingResult(1, [])
    assert server.last.body == b""


def test_bounds_are_answers_and_errors_are_errors(phone: Phone, server: CannedServer) -> None:
    server.play(ping(5, heartbeat=1740), ping(7), ping(3), Canned())
    assert phone.ping(["m"], 9999, timeout=5) == PingResult(5, [], heartbeat=1740)
    assert phone.ping(["m"], 60).status == 7
    with pytest.raises(CommandFailed, match="Ping was answered with status 3"):
        phone.ping()
    with pytest.raises(BadAnswer):
        phone.ping()


def mail(server_id: str, subject: str, date: str) -> Element:
    return item(
        "Add",
        server_id,
        Element("Email:Subject", subject),
        Element("Email:From", "berta@example.org"),
        Element("Email:DateReceived", date),
    )


def story(*rest: object) -> tuple:
    return (
        Canned(headers={"MS-ASProtocolVersions": "12.1,16.1", "MS-ASProtocolCommands": "Sync,Ping"}),
        *PROVISIONED,
        *rest,
        HIERARCHY,
        sync("c", "c1"),
        sync("c", "c2", item("Add", "c:1", Element("Contacts:FirstName", "Zoë"))),
        sync("m", "m1"),
        estimate("m", 2),
        sync(
            "m",
            "m2",
            mail("m:1", "Older", "2024-01-01T08:00:00.000Z"),
            mail("m:2", "Newer", "2024-02-01T08:00:00.000Z"),
        ),
    )


def test_the_command_line_tells_what_a_new_phone_does(
    server: CannedServer, capsys: pytest.CaptureFixture
) -> None:
    server.play(*story(), ping(2, "m"), sync("m", "m3", mail("m:3", "Newest", "2024-03-01T08:00:00.000Z")))
    assert main([server.url, "anton@example.org", "secret", "--ping", "5"]) == 0
    assert server.all_played
    told = capsys.readouterr().out
    for part in (
        "server speaks 12.1, 16.1 and 2 commands",
        "1 settings in force",
        "3 folders",
        "1 contacts in Contacts",
        "2 mails wait in Inbox",
        "2 mails in Inbox",
        "2024-02-01 08:00  berta@example.org",
        "changes in Inbox",
        "1 changes",
    ):
        assert part in told
    assert told.index("Newer") < told.index("Older")


def test_the_command_line_speaks_old_versions(server: CannedServer) -> None:
    server.play(*story(SETTINGS))
    assert main([server.url, "anton@example.org", "secret", "--version", "12.1"]) == 0
    assert server.all_played


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([Canned(status=401)], "AuthenticationFailed: OPTIONS: the server refused the login or the password"),
        ([Canned(status=403)], "AccessRefused"),
        ([Canned(status=503)], "ServerUnavailable"),
        ([*story()[:3], sync("x", "y")], "BadAnswer"),
    ],
)
def test_a_failure_is_one_line_and_exit_status_1(server, capsys, answers: list, message: str) -> None:
    server.play(*answers)
    assert main([server.url, "anton@example.org", "secret"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1
    assert "secret" not in error


def test_a_wrong_address_and_an_odd_server_fail_too(server, capsys) -> None:
    assert main(["mail.example.org", "a", "b"]) == 1
    assert "not the address of a server" in capsys.readouterr().err
    odd = list(story())
    odd[-1] = sync("m", "m2", item("Delete", "m:1"))
    server.play(*odd)
    assert main([server.url, "a", "b"]) == 1
    captured = capsys.readouterr()
    assert "odd: Sync of collection m sends Delete of the unknown item m:1" in captured.out
    assert "1 things that it should not have" in captured.err
