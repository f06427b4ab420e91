"""Who is let in: rules, decisions of an administrator, quarantine, and the limit of devices."""

from __future__ import annotations

import pytest

from app.eas.admission_rules import Access, DeviceRules, Subject, parse
from app.eas.versions import Version
from app.usm.devices import Limits, Standing
from app.usm.model import SessionId, User
from tests.eas.phone import CONTACTS, Phone, World, plain, tree

ANTON = User(1, 3, "anton", "anton@example.org")


def subject(
    device_type: str = "iPhone", agent: str = "Apple-iPhone12C1/1801.1", user: User = ANTON
) -> Subject:
    return Subject.of(user, device_type, agent)


def access(who: Subject, default: Access = Access.ALLOW, **rules: str) -> Access:
    kinds = {name: parse(text) for name, text in rules.items()}
    return DeviceRules(**kinds, default=default).access(who)[0]


def decide(phone: Phone, standing: Standing | None) -> None:
    """What ``usmctl devices`` does."""
    phone.world.store.decide(phone.session().id, standing)


def refusal(phone: Phone, command: str = "FolderSync", root: object = None) -> object:
    """The HTTP status of a refusal up to 12.1, the Status from 14.0 on, ``None`` for none."""
    if root is None and command == "FolderSync":
        root = tree("FolderHierarchy:FolderSync", ("SyncKey", "0"))
    reply = phone.send(command, root)  # type: ignore[arg-type]
    if reply.http.status != 200:
        return reply.http.status
    return None if reply.status == "1" else reply.status


def by_version(phone: Phone, status: str, before: int = 403) -> object:
    return before if phone.version is Version.V12_1 else status


# --- rules


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ("type:iphone", True),
        ("type:i*", True),
        ("type:iPad", False),
        ("agent:apple-*", True),
        ("agent:*C1/1801.?", True),
        ("agent:Android*", False),
        ("user:anton", True),
        ("user:*@example.org", True),
        ("user:1/3", True),
        ("user:1/anton", True),
        ("user:2/3", False),
        ("user:anton & type:iPhone", True),
        ("user:anton&type:iPad", False),
        ("type:iPad, type:iPhone", True),
        (" , ", False),
    ],
)
def test_a_rule_fits_when_all_its_conditions_do(rule: str, fits: bool) -> None:
    assert (access(subject(), block=rule) is Access.BLOCK) is fits


def test_brackets_are_themselves() -> None:
    assert access(subject(agent="iOS/12.0 [16A366]"), block="agent:*[16A366]") is Access.BLOCK
    assert access(subject(agent="iOS/12.0 1"), block="agent:*[16A366]") is Access.ALLOW


@pytest.mark.parametrize("rule", ["iPhone", "type:", ":x", "model:x", "type:a & ", "type:a&type:b", "type a"])
def test_what_is_no_rule_is_named(rule: str) -> None:
    with pytest.raises(ValueError, match=r"condition|twice"):
        parse(rule)


def test_a_rule_with_a_user_counts_more_than_one_without() -> None:
    assert access(subject(), allow="user:anton", block="type:iPhone & agent:Apple*") is Access.ALLOW


def test_of_two_rules_the_one_with_more_conditions_counts() -> None:
    assert access(subject(), allow="type:iPhone & agent:Apple*", block="type:iPhone") is Access.ALLOW


def test_of_equal_rules_the_stricter_counts() -> None:
    equal = {"allow": "type:*", "quarantine": "type:*"}
    assert access(subject(), **equal) is Access.QUARANTINE
    assert access(subject(), **equal, block="agent:*") is Access.BLOCK


def test_where_no_rule_fits_the_default_counts() -> None:
    assert access(subject(), Access.BLOCK, allow="type:iPad") is Access.BLOCK
    assert access(subject("iPad"), Access.BLOCK, allow="type:iPad") is Access.ALLOW


def test_a_user_without_mail_address_has_his_other_names() -> None:
    assert access(subject(user=User(1, 3, "anton")), block="user:*@*") is Access.ALLOW


# --- blocked


@pytest.mark.requirement("MS-ASCMD", 4876)
def test_a_device_blocked_by_a_rule_gets_nothing_and_leaves_no_trace(version: Version) -> None:
    world = World(device_rules=DeviceRules(block=parse("type:Phone")))
    phone = world.phone(version)
    response = phone.raw("Ping", b"")
    assert response.refused == "blocked"
    assert response.reason == "the device is blocked by rule type:Phone"
    for command in ("FolderSync", "Provision", "Ping", "Sync", "Settings"):
        assert refusal(phone, command) == by_version(phone, "129")
    assert world.store.remembered(1, 3, ("",)) == []
    assert refusal(world.phone(version, device_id="tablet", device_type="Tablet").provision()) is None


def test_a_device_blocked_by_the_administrator_gets_nothing_more(phone: Phone) -> None:
    phone.start(CONTACTS)
    decide(phone, Standing.BLOCKED)
    assert refusal(phone) == by_version(phone, "129")
    assert "blocked by an administrator" in phone.raw("Sync", b"").reason
    decide(phone, None)
    assert refusal(phone) is None


def test_what_is_decided_of_a_device_counts_more_than_rules(phone: Phone) -> None:
    phone.world.configure(device_rules=DeviceRules(block=parse("user:anton@*")))
    assert refusal(phone) == by_version(phone, "129")
    decide(phone, Standing.ALLOWED)
    phone.provision()
    assert refusal(phone) is None


def test_a_word_of_a_newer_program_keeps_a_device_out(phone: Phone) -> None:
    phone.world.store.decide(phone.session().id, "banished")
    assert refusal(phone) == by_version(phone, "129")


def test_a_device_that_tries_an_account_meets_the_rules_as_well(version: Version) -> None:
    world = World(device_rules=DeviceRules(block=parse("type:Phone")))
    phone = world.phone(version, device_id="validate")
    assert refusal(phone) == by_version(phone, "129")


# --- quarantine


@pytest.fixture
def quarantined(version: Version) -> Phone:
    world = World(device_rules=DeviceRules(default=Access.QUARANTINE))
    world.source.put(CONTACTS, {"last_name": "Secret"})
    return world.phone(version).provision()


def folder_sync(phone: Phone, key: str) -> object:
    return plain(phone.folder_sync(key).root)  # type: ignore[arg-type]


def test_a_quarantined_device_gets_an_empty_mailbox(quarantined: Phone) -> None:
    reply = quarantined.folder_sync()
    assert reply.status == "1"
    assert reply.text("FolderHierarchy:Count") == "0"
    key = reply.text("FolderHierarchy:SyncKey")
    assert key != "0"
    again = quarantined.folder_sync(key)
    assert (again.text("FolderHierarchy:SyncKey"), again.text("FolderHierarchy:Count")) == (key, "0")


def test_a_quarantined_device_gets_no_data(quarantined: Phone) -> None:
    response = quarantined.raw("Sync", b"")
    assert response.refused == "quarantined"
    assert refusal(quarantined, "Sync") == by_version(quarantined, "129")
    assert b"Secret" not in response.body


def test_a_quarantined_device_may_tell_of_itself_and_ask_for_nothing_else(quarantined: Phone) -> None:
    told = tree("Settings:Settings", ("DeviceInformation", ("Set", ("Model", "X1"))))
    assert refusal(quarantined, "Settings", told) is None
    fields = quarantined.world.store.fields(quarantined.session().id)
    assert fields["eas.device.Model"] == "X1"
    asked = tree("Settings:Settings", ("UserInformation", ("Get",)))
    assert refusal(quarantined, "Settings", asked) == by_version(quarantined, "129")


@pytest.mark.parametrize(
    ("wanted", "seconds"), [("300", 300), ("5", 60), ("99999", 1770), ("soon", 60), (None, 60)]
)
def test_the_ping_of_a_quarantined_device_waits_for_nothing(
    wanted: str | None, seconds: int, quarantined: Phone
) -> None:
    began = quarantined.world.clock.monotonic()
    root = None if wanted is None else tree("Ping:Ping", ("HeartbeatInterval", wanted))
    reply = quarantined.send("Ping", root)
    assert reply.status == "1"
    assert quarantined.world.clock.monotonic() - began == seconds
    assert quarantined.world.waiter.parked == [()]


def test_a_device_that_is_let_in_gets_everything(quarantined: Phone) -> None:
    key = quarantined.folder_sync().text("FolderHierarchy:SyncKey")
    decide(quarantined, Standing.ALLOWED)
    assert quarantined.folder_sync(key).status == "9"
    assert int(quarantined.folder_sync().text("FolderHierarchy:Count")) > 0
    quarantined.sync(CONTACTS, key="0")
    assert len(quarantined.sync(CONTACTS).all("AirSync:Add")) == 1


def test_a_device_put_into_quarantine_keeps_what_it_has_and_hears_nothing(phone: Phone) -> None:
    phone.start(CONTACTS)
    decide(phone, Standing.QUARANTINED)
    reply = phone.folder_sync("whatever")
    assert (reply.text("FolderHierarchy:SyncKey"), reply.text("FolderHierarchy:Count")) == ("whatever", "0")
    decide(phone, None)
    assert phone.sync(CONTACTS).root is None


def test_the_quarantine_does_not_spare_the_policy(version: Version) -> None:
    phone = World(device_rules=DeviceRules(default=Access.QUARANTINE)).phone(version)
    assert refusal(phone) == by_version(phone, "142", 449)
    assert phone.raw("FolderSync", b"").status in (449, 200)


def test_a_folder_sync_without_a_document_is_refused_as_ever(quarantined: Phone) -> None:
    response = quarantined.raw("FolderSync", b"")
    if quarantined.version is Version.V12_1:
        assert response.status == 400
    else:
        assert quarantined.reply(response).status == "101"


# --- remembered devices


def test_a_device_is_remembered_from_its_first_request_on(phone: Phone) -> None:
    phone.raw("FolderSync", b"")
    fields = phone.world.store.fields(phone.session().id)
    assert fields["usm.device.type"] == "Phone"
    assert fields["usm.device.agent"] == "Test/1.0"
    assert fields["usm.device.login"].split()[0] == phone.session().user.login


@pytest.mark.requirement("MS-ASCMD", 4980)
def test_a_further_device_than_the_user_may_have_is_refused(version: Version) -> None:
    world = World(device_limits=Limits(2, 0, 0))
    first = world.phone(version, device_id="one").provision()
    world.phone(version, device_id="two").provision()
    third = world.phone(version, device_id="three")
    assert refusal(third) == by_version(third, "177")
    assert third.raw("Provision", b"").refused == "too_many_devices"
    assert refusal(first) is None


def test_an_allowed_device_needs_no_room(version: Version) -> None:
    world = World(device_limits=Limits(1, 0, 0))
    world.phone(version, device_id="one").provision()
    second = world.phone(version, device_id="two")
    decide(second, Standing.ALLOWED)
    assert refusal(second.provision()) is None
    assert world.store.fields(second.session().id)["usm.device.type"] == "Phone"


def test_a_forgotten_device_makes_room(version: Version) -> None:
    world = World(device_limits=Limits(1, 0, 0))
    first = world.phone(version, device_id="one").provision()
    world.store.forget(first.session().id)
    assert refusal(world.phone(version, device_id="two").provision()) is None


def test_a_device_that_was_not_used_for_long_makes_room(version: Version) -> None:
    world = World(device_limits=Limits(1, 0, 30))
    first = world.phone(version, device_id="one").start(CONTACTS)
    world.clock.advance(31 * 86400)
    assert refusal(world.phone(version, device_id="two").provision()) is None
    assert world.store.fields(first.session().id) == {}


def test_outlook_under_ever_new_names_never_uses_up_the_room(version: Version) -> None:
    """Quirk 2."""
    world = World(device_limits=Limits(4, 3, 180), restless=parse("type:WindowsOutlook*"))
    mine = world.phone(version, device_id="phone").start(CONTACTS)
    for number in range(20):
        world.clock.advance(7200)
        outlook = world.phone(version, device_id=f"outlook{number}", device_type="WindowsOutlook15")
        assert refusal(outlook.provision()) is None
    left = {each.id.device_id for each in world.store.remembered(1, 3, ("usm",))}
    assert left == {"phone", "outlook17", "outlook18", "outlook19"}
    assert mine.sync(CONTACTS).root is None


def test_a_device_that_tries_an_account_is_not_remembered(version: Version) -> None:
    world = World(device_limits=Limits(1, 0, 0))
    world.phone(version, device_id="one").provision()
    refusal(world.phone(version, device_id="validate").provision())
    assert world.store.fields(SessionId(1, 3, "EAS", "validate")) == {}


def test_a_device_from_before_is_described_when_it_comes_again(phone: Phone) -> None:
    session = phone.session().id
    phone.provision()
    phone.world.store.write_fields(
        session, dict.fromkeys(("usm.device.login", "usm.device.type", "usm.device.agent"))
    )
    assert refusal(phone) is None
    assert phone.world.store.fields(session)["usm.device.type"] == "Phone"


# --- who need not provision


def test_a_program_that_cannot_provision_is_served_without(version: Version) -> None:
    """Quirk 44."""
    world = World(exempt=parse("type:WindowsOutlook*, agent:Calendar/*"))
    assert refusal(world.phone(version, device_type="WindowsOutlook15")) is None
    phone = world.phone(version, device_id="other")
    phone.headers["user-agent"] = "Calendar/1.0"
    assert refusal(phone) is None
    phone.headers["user-agent"] = "Mail/1.0"
    assert refusal(phone) == by_version(phone, "142", 449)
