"""A phone obeys an order to wipe, says so, and asks for nothing more."""

from __future__ import annotations

import pytest

from app.wbxml import Element
from lab.device import BadAnswer, CommandFailed, Wiped
from tests.device.answers import HIERARCHY, PROVISIONED, status, tree
from tests.device.canned import Canned, CannedServer

FOLDER_SYNC = "FolderHierarchy:FolderSync"
ORDERS = {"Provision:RemoteWipe": "device", "Provision:AccountOnlyRemoteWipe": "account"}


def order(name: str, value: int = 1) -> Element:
    return tree("Provision:Provision", Element("Provision:Status", str(value)), Element(name))


@pytest.mark.parametrize("name", list(ORDERS))
def test_an_order_is_asked_for_carried_out_and_acknowledged(name: str, make, server: CannedServer) -> None:
    server.play(
        *PROVISIONED, HIERARCHY, status(FOLDER_SYNC, 140), order(name), status("Provision:Provision", 1)
    )
    phone = make()
    phone.provision()
    phone.folder_sync()
    with pytest.raises(Wiped, match=f"the {ORDERS[name]} was wiped") as raised:
        phone.folder_sync()
    assert (raised.value.what, raised.value.done) == (ORDERS[name], True)
    assert server.commands[-3:] == ["FolderSync", "Provision", "Provision"]
    asked, said = server.received[-2:]
    assert asked.tree.children == []
    assert said.tree.find(name).text_of("Provision:Status") == "1"
    assert (phone.policy_key, phone.policy) == (0, {})


def test_before_14_0_the_order_comes_in_place_of_a_policy(make, server: CannedServer) -> None:
    server.play(Canned(status=449), order("Provision:RemoteWipe"), status("Provision:Provision", 1))
    with pytest.raises(Wiped):
        make(version="12.1").folder_sync()
    assert server.commands == ["FolderSync", "Provision", "Provision"]


def test_a_phone_that_cannot_do_it_says_so(make, server: CannedServer) -> None:
    name = "Provision:RemoteWipe"
    server.play(status(FOLDER_SYNC, 140), order(name), order(name, 2))
    phone = make()
    phone.fails_to_wipe = True
    with pytest.raises(Wiped, match="failed") as raised:
        phone.folder_sync()
    assert not raised.value.done
    assert server.last.tree.find(name).text_of("Provision:Status") == "2"


def test_a_server_that_orders_and_then_does_not_know_of_it_is_wrong(make, server: CannedServer) -> None:
    server.play(status(FOLDER_SYNC, 140), status("Provision:Provision", 1))
    with pytest.raises(BadAnswer, match="without a policy"):
        make().folder_sync()
    server.play(status(FOLDER_SYNC, 140), order("Provision:RemoteWipe"), status("Provision:Provision", 2))
    with pytest.raises(CommandFailed):
        make().folder_sync()
    server.play(status(FOLDER_SYNC, 140), status("Provision:Provision", 140))
    with pytest.raises(CommandFailed, match="140"):
        make().folder_sync()
