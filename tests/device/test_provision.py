"""How the phone becomes known, and what it does when the server forgets it."""

from __future__ import annotations

import pytest

from lab.device import AccessRefused, BadAnswer, CommandFailed, ServerUnavailable
from tests.device.answers import HIERARCHY, PROVISIONED, SETTINGS, policy, status, sync, tree
from tests.device.canned import Canned, CannedServer

FOLDER_SYNC = "FolderHierarchy:FolderSync"


@pytest.mark.parametrize("version", ["14.1", "16.0", "16.1"])
def test_the_device_describes_itself_while_it_provisions(make, server: CannedServer, version: str) -> None:
    server.play(*PROVISIONED)
    phone = make(version=version)
    assert phone.provision() == {"DevicePasswordEnabled": "0"}
    first, second = server.received
    assert [child.name for child in first.tree] == ["Settings:DeviceInformation", "Provision:Policies"]
    assert first.headers["X-MS-PolicyKey"] == "0"
    acknowledged = second.tree.find("Provision:Policies").find("Provision:Policy")
    assert acknowledged.text_of("Provision:PolicyKey") == "111"
    assert acknowledged.text_of("Provision:Status") == "1"
    assert second.headers["X-MS-PolicyKey"] == "111"
    assert phone.policy_key == 4294967295


@pytest.mark.parametrize("version", ["12.1", "14.0"])
def test_older_devices_describe_themselves_by_settings(make, server: CannedServer, version: str) -> None:
    server.play(*PROVISIONED, SETTINGS)
    make(version=version).provision()
    assert server.commands == ["Provision", "Provision", "Settings"]
    assert [child.name for child in server.received[0].tree] == ["Provision:Policies"]
    about = server.last.tree.find("Settings:DeviceInformation").find("Settings:Set")
    assert about.text_of("Settings:Model") == "Lab phone"
    assert server.last.headers["X-MS-PolicyKey"] == "4294967295"


def test_no_policy_for_this_user_is_fine(make, server: CannedServer) -> None:
    server.play(policy(None, status="2"))
    phone = make()
    assert phone.provision() == {}
    assert phone.policy_key == 0
    assert len(server.received) == 1


def test_http_449_leads_to_provision_and_the_request_again(make, server: CannedServer) -> None:
    server.play(Canned(status=449), *PROVISIONED, SETTINGS, HIERARCHY)
    phone = make(version="12.1")
    phone.folder_sync()
    assert server.commands == ["FolderSync", "Provision", "Provision", "Settings", "FolderSync"]
    assert server.received[0].body == server.last.body
    assert server.last.headers["X-MS-PolicyKey"] == "4294967295"
    assert len(phone.folders) == 3


@pytest.mark.parametrize("value", [142, 143, 144])
def test_so_does_a_status_that_asks_for_it(make, server: CannedServer, value: int) -> None:
    server.play(status(FOLDER_SYNC, value), *PROVISIONED, HIERARCHY)
    phone = make()
    phone.folder_sync()
    assert server.commands == ["FolderSync", "Provision", "Provision", "FolderSync"]


def test_a_server_that_asks_again_and_again_is_given_up(make, server: CannedServer) -> None:
    server.play(Canned(status=449), *PROVISIONED, SETTINGS, Canned(status=449))
    with pytest.raises(CommandFailed, match="FolderSync was answered with status 449"):
        make(version="12.1").folder_sync()
    server.play(Canned(status=449), *PROVISIONED, Canned(status=449))
    with pytest.raises(CommandFailed, match="Settings was answered with status 449"):
        make(version="12.1").folder_sync()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (126, AccessRefused),
        (130, AccessRefused),
        (111, ServerUnavailable),
        (110, CommandFailed),
        (141, CommandFailed),
    ],
)
def test_the_common_statuses_are_errors_in_every_command(make, server, value: int, error: type) -> None:
    server.play(status(FOLDER_SYNC, value))
    with pytest.raises(error, match=str(value)):
        make().folder_sync()


def test_without_a_check_the_status_is_the_callers(make, server: CannedServer) -> None:
    server.play(status(FOLDER_SYNC, 142), Canned(status=449), Canned())
    phone = make()
    assert phone.command("FolderSync", tree(FOLDER_SYNC), check=False) == status(FOLDER_SYNC, 142)
    with pytest.raises(BadAnswer, match="449"):
        phone.command("FolderSync", tree(FOLDER_SYNC), check=False)
    assert phone.command("Sync", None, check=False) is None
    assert (server.last.body, "Content-Type" in server.last.headers) == (b"", False)


@pytest.mark.parametrize(
    "answer",
    [
        policy("1", status="3", settings={}),
        policy(None, settings={}),
        policy("x", settings={}),
        status("Provision:Provision", 1),
        status("Provision:Provision", 2),
        tree("Provision:Provision"),
        sync("1", "1"),
        Canned(),
    ],
)
def test_a_wrong_answer_to_provision_is_an_error(make, server: CannedServer, answer: object) -> None:
    server.play(answer)
    with pytest.raises((CommandFailed, BadAnswer)):
        make().provision()


def test_a_refused_description_is_an_error(make, server: CannedServer) -> None:
    described = tree("Settings:DeviceInformation", *status("Settings:Settings", 5))
    server.play(tree("Provision:Provision", described, *status("Provision:Provision", 1)))
    with pytest.raises(CommandFailed, match="status 5"):
        make().provision()
    server.play(status("Settings:Settings", 1))
    with pytest.raises(BadAnswer, match="without DeviceInformation"):
        make().settings_device_information()
