"""Wipes of a device and of an account: ordered once, told until done, and never more than was ordered."""

from __future__ import annotations

import pytest

from app.eas.settings import Provisioning
from app.eas.versions import Version
from app.usm.devices import Standing
from app.usm.errors import StoreUnavailable
from app.usm.ports import STANDING
from app.wbxml import encode
from tests.eas.phone import CONTACTS, Phone, World, plain, tree

EMPTY = tree("Provision:Provision")
DONE, FAILED = "1", "2"
WIPES = ("RemoteWipe", "AccountOnlyRemoteWipe")
ORDERED = {"RemoteWipe": Standing.WIPE, "AccountOnlyRemoteWipe": Standing.WIPE_ACCOUNT}
ENDED = {"RemoteWipe": Standing.WIPED, "AccountOnlyRemoteWipe": Standing.ACCOUNT_WIPED}


def order(phone: Phone, standing: Standing | None) -> None:
    """What ``usmctl devices wipe`` does."""
    phone.world.store.decide(phone.session().id, standing)


def stands(phone: Phone) -> str | None:
    return phone.world.store.fields(phone.session().id).get(STANDING)


def acknowledge(element: str = "RemoteWipe", status: str = DONE) -> object:
    return tree("Provision:Provision", (element, ("Status", status)))


def provision(phone: Phone, root: object = EMPTY) -> object:
    return plain(phone.send("Provision", root).root)  # type: ignore[arg-type]


@pytest.fixture
def lost(phone: Phone) -> Phone:
    """A phone in use that is to be wiped."""
    phone.start(CONTACTS)
    order(phone, Standing.WIPE)
    return phone


@pytest.fixture(params=WIPES)
def wipe(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def newest(wipe: str) -> Phone:
    """A phone of 16.1, for which either wipe was ordered."""
    phone = World().phone(Version.V16_1).start(CONTACTS)
    order(phone, ORDERED[wipe])
    return phone


@pytest.mark.requirement("MS-ASPROV", 653)
@pytest.mark.requirement("MS-ASCMD", 5280, 7562)
@pytest.mark.parametrize(
    "command",
    ["Sync", "FolderSync", "Ping", "Settings", "GetItemEstimate", "MoveItems", "SendMail", "ItemOperations"],
)
def test_whatever_a_device_asks_it_is_told_to_be_wiped(command: str, lost: Phone) -> None:
    response = lost.raw(command, b"")
    assert response.refused == "wipe"
    if lost.version is Version.V12_1:
        assert response.status == 449
    else:
        assert lost.reply(response).status == "140"


@pytest.mark.requirement("MS-ASCMD", 7561, 7562)
def test_before_14_0_a_device_without_a_key_gets_403() -> None:
    phone = World().phone(Version.V12_1).start()
    order(phone, Standing.WIPE)
    phone.policy_key = ""
    assert phone.raw("FolderSync", b"").status == 403
    phone.policy_key = "0"  # a phone that began to provision, and was interrupted
    assert phone.raw("FolderSync", b"").status == 449


@pytest.mark.requirement("MS-ASPROV", 493, 321, 322, 6901, 6903, 653, 66612)
def test_an_empty_provision_is_answered_by_the_order(newest: Phone, wipe: str) -> None:
    assert provision(newest) == [("Status", "1"), (wipe, "")]


@pytest.mark.parametrize("body", [b"", encode(tree("Provision:Provision", ("Policies",)))])
def test_whatever_stands_in_provision_it_is_answered_by_the_order(body: bytes, lost: Phone) -> None:
    reply = lost.reply(lost.raw("Provision", body))
    assert plain(reply.root) == [("Status", "1"), ("RemoteWipe", "")]  # type: ignore[arg-type]


def test_a_device_that_asks_for_the_policy_is_told_to_be_wiped(lost: Phone) -> None:
    reply = lost.ask_policy()
    assert plain(reply.root) == [("Status", "1"), ("RemoteWipe", "")]  # type: ignore[arg-type]


def test_the_order_can_be_heard_any_number_of_times(lost: Phone) -> None:
    assert provision(lost) == provision(lost)
    assert stands(lost) == Standing.WIPE
    assert lost.world.store.fields(lost.session().id)["eas.wipe.told"].isdecimal()


@pytest.mark.requirement("MS-ASPROV", 663, 664, 66601, 66602)
def test_an_acknowledgement_is_recorded(newest: Phone, wipe: str) -> None:
    provision(newest)
    assert provision(newest, acknowledge(wipe)) == [("Status", "1")]
    assert stands(newest) == ENDED[wipe]


def test_an_acknowledgement_whose_answer_was_lost_is_answered_again(newest: Phone, wipe: str) -> None:
    for _ in range(3):
        assert provision(newest, acknowledge(wipe)) == [("Status", "1")]
    assert stands(newest) == ENDED[wipe]


def test_ios_5_says_beside_the_element_that_it_is_done(lost: Phone) -> None:
    """Quirk 39."""
    said = tree("Provision:Provision", ("Status", DONE), ("RemoteWipe",))
    assert provision(lost, said) == [("Status", "1")]
    assert stands(lost) == Standing.WIPED


@pytest.mark.requirement("MS-ASPROV", 665, 666, 701, 66603, 66604, 66605)
def test_a_device_that_failed_gets_the_order_again(newest: Phone, wipe: str) -> None:
    assert provision(newest, acknowledge(wipe, FAILED)) == [("Status", "2"), (wipe, "")]
    assert stands(newest) == ORDERED[wipe]
    assert "eas.wipe.failed" in newest.world.store.fields(newest.session().id)
    assert provision(newest, acknowledge(wipe)) == [("Status", "1")]


def test_only_what_was_ordered_is_acknowledged(newest: Phone, wipe: str) -> None:
    other = next(each for each in WIPES if each != wipe)
    assert provision(newest, acknowledge(other)) == [("Status", "2"), (wipe, "")]
    assert stands(newest) == ORDERED[wipe]


@pytest.mark.parametrize("status", ["", "3", "x"])
def test_an_acknowledgement_that_says_nothing_counts_as_the_question(status: str, lost: Phone) -> None:
    assert provision(lost, acknowledge(status=status)) == [("Status", "1"), ("RemoteWipe", "")]
    assert stands(lost) == Standing.WIPE


@pytest.mark.requirement("MS-ASPROV", 654, 66614)
def test_without_an_order_none_is_handed_out(phone: Phone) -> None:
    reply = phone.ask_policy()
    assert [element for name in WIPES for element in reply.all(f"Provision:{name}")] == []


@pytest.mark.parametrize("element", WIPES)
def test_without_an_order_nothing_is_acknowledged(element: str, phone: Phone) -> None:
    phone.start()
    assert phone.send("Provision", acknowledge(element)).status == "2"  # type: ignore[arg-type]
    assert stands(phone) is None


def test_a_wiped_device_stays_out_until_it_is_forgotten(newest: Phone, wipe: str) -> None:
    provision(newest, acknowledge(wipe))
    for command in ("FolderSync", "Sync", "Ping"):
        response = newest.raw(command, b"")
        assert (newest.reply(response).status, response.refused) == ("129", "wiped")
    anew = newest.world.phone(Version.V16_1)
    assert anew.ask_policy().status == "129"
    anew.world.store.forget(anew.session().id)
    assert anew.start(CONTACTS).sync(CONTACTS).root is None


@pytest.mark.requirement("MS-ASPROV", 66605, 66612, 66613)
def test_the_account_alone_is_never_made_the_whole_device() -> None:
    for version in (Version.V12_1, Version.V14_1, Version.V16_0):
        phone = World().phone(version).start(CONTACTS)
        order(phone, Standing.WIPE_ACCOUNT)
        for command, body in (("FolderSync", b""), ("Provision", encode(EMPTY)), ("Provision", b"")):
            response = phone.raw(command, body)
            assert response.refused == "blocked"
            assert "account" in response.reason
            if version is Version.V12_1:
                assert response.status == 403
            else:
                reply = phone.reply(response)
                assert reply.status == "129"
                assert not reply.all("Provision:RemoteWipe")
        assert stands(phone) == Standing.WIPE_ACCOUNT


def test_a_device_that_learns_16_1_hears_the_order_then() -> None:
    world = World()
    phone = world.phone(Version.V14_1).start()
    order(phone, Standing.WIPE_ACCOUNT)
    phone.version = Version.V16_1
    assert phone.reply(phone.raw("FolderSync", b"")).status == "140"
    assert provision(phone) == [("Status", "1"), ("AccountOnlyRemoteWipe", "")]


def test_the_order_counts_where_there_is_no_policy(version: Version) -> None:
    phone = World(provisioning=Provisioning.OFF).phone(version)
    phone.folder_sync()
    order(phone, Standing.WIPE)
    assert phone.raw("Sync", b"").refused == "wipe"
    assert provision(phone) == [("Status", "1"), ("RemoteWipe", "")]


def test_a_crash_at_the_acknowledgement_loses_nothing(lost: Phone) -> None:
    def fail(name: str) -> None:
        if name == "decide":
            raise StoreUnavailable("gone")

    lost.world.store.before = fail  # type: ignore[assignment]
    assert lost.raw("Provision", encode(acknowledge())).status == 503  # type: ignore[arg-type]
    lost.world.store.before = lambda name: None
    assert stands(lost) == Standing.WIPE
    assert provision(lost, acknowledge()) == [("Status", "1")]


def test_an_order_taken_back_meanwhile_is_not_recorded_as_done(lost: Phone) -> None:
    def take_back(name: str) -> None:
        lost.world.store.before = lambda name: None
        order(lost, None)

    lost.world.store.before = take_back  # type: ignore[assignment]
    assert provision(lost, acknowledge()) == [("Status", "2")]
    assert stands(lost) is None


def test_an_empty_body_is_no_question_where_nothing_is_ordered(phone: Phone) -> None:
    response = phone.raw("Provision", b"")
    if phone.version is Version.V12_1:
        assert response.status == 400
    else:
        assert phone.reply(response).status == "101"


def test_another_device_of_the_user_hears_nothing(lost: Phone) -> None:
    other = lost.world.phone(lost.version, device_id="other").start(CONTACTS)
    assert other.sync(CONTACTS).root is None
