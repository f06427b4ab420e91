"""Two phases, keys that hold, and who must provision before anything else."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from app.eas.policy import LISTS, RULES
from app.eas.settings import Provisioning
from app.eas.versions import Version
from app.wbxml import encode
from tests.eas.phone import CONTACTS, Phone, World, plain, tree

WBXML = ("PolicyType", "MS-EAS-Provisioning-WBXML")


def policy(*children: object, information: object = None) -> object:
    return tree("Provision:Provision", information, ("Policies", ("Policy", *children)))


def refusal(phone: Phone) -> object:
    """How a FolderSync is refused: the HTTP status up to 12.1, the Status since 14.0, ``None`` when it is not."""
    reply = phone.folder_sync()
    if reply.http.status != 200:
        return reply.http.status
    return None if reply.status == "1" else reply.status


def by_version(phone: Phone, status: str) -> object:
    return 449 if phone.version is Version.V12_1 else status


@pytest.mark.requirement("MS-ASCMD", 4990, 4992, 5026)
@pytest.mark.requirement(
    "MS-ASPROV",
    233,
    234,
    304,
    308,
    318,
    417,
    441,
    466,
    486,
    495,
    650,
    654,
    678,
    688,
    703,
    966,
    971,
    66614,
    66615,
)
def test_the_policy_goes_out_under_a_temporary_key(phone: Phone) -> None:
    reply = phone.ask_policy()
    assert reply.status == "1"
    entry = dict(plain(reply.one("Provision:Policy")))
    assert list(entry) == ["PolicyType", "Status", "PolicyKey", "Data"]
    assert entry["Status"] == "1"
    assert 0 < int(entry["PolicyKey"]) < 2**32
    assert dict(entry["Data"][0][1])["AllowCamera"] == "1"
    if phone.version >= Version.V14_1:
        assert plain(reply.one("Settings:DeviceInformation")) == [("Status", "1")]


def test_the_temporary_key_opens_nothing(phone: Phone) -> None:
    phone.policy_key = phone.ask_policy().text("Provision:PolicyKey")
    assert refusal(phone) == by_version(phone, "144")


@pytest.mark.requirement("MS-ASCMD", 4996, 5028)
@pytest.mark.requirement("MS-ASPROV", 419, 657, 661, 662)
def test_the_final_key_comes_without_the_policy(phone: Phone) -> None:
    temporary = phone.ask_policy().text("Provision:PolicyKey")
    reply = phone.acknowledge(temporary)
    final = reply.text("Provision:PolicyKey")
    assert plain(reply.one("Provision:Policy")) == [WBXML, ("Status", "1"), ("PolicyKey", final)]
    assert final not in (temporary, "0")
    phone.policy_key = final
    assert refusal(phone) is None


@pytest.mark.requirement("MS-ASCMD", 4906, 4987)
@pytest.mark.parametrize("key", ["", "0"])
def test_without_a_key_a_device_must_provision(key: str, phone: Phone) -> None:
    phone.policy_key = key
    assert refusal(phone) == by_version(phone, "142")
    phone.provision()
    assert refusal(phone) is None


@pytest.mark.requirement("MS-ASCMD", 4912)
@pytest.mark.parametrize("key", ["1234567", "nonsense", "-1"])
def test_a_wrong_key_is_told_apart(key: str, phone: Phone) -> None:
    phone.provision()
    phone.policy_key = key
    assert refusal(phone) == by_version(phone, "144")


@pytest.mark.parametrize("command", ["Sync", "FolderSync", "GetItemEstimate", "Settings"])
def test_every_command_but_ping_and_provision_needs_the_policy(command: str, phone: Phone) -> None:
    response = phone.raw(command, b"")
    if phone.version is Version.V12_1:
        assert response.status == 449
    else:
        assert phone.reply(response).status == "142"


def test_ping_does_not_need_the_policy(phone: Phone) -> None:
    assert phone.reply(phone.raw("Ping", b"")).status == "3"


@pytest.mark.requirement("MS-ASCMD", 4909)
def test_a_changed_policy_must_be_fetched_anew(phone: Phone) -> None:
    phone.provision()
    phone.world.configure(policy={"AllowCamera": "0"})
    assert refusal(phone) == by_version(phone, "143")
    reply = phone.ask_policy()
    assert dict(plain(reply.one("Provision:EASProvisionDoc")))["AllowCamera"] == "0"
    phone.policy_key = phone.acknowledge(reply.text("Provision:PolicyKey")).text("Provision:PolicyKey")
    assert refusal(phone) is None


def test_a_policy_that_changes_between_the_phases_is_not_taken_for_applied(phone: Phone) -> None:
    temporary = phone.ask_policy().text("Provision:PolicyKey")
    phone.world.configure(policy={"AllowCamera": "0"})
    phone.policy_key = phone.acknowledge(temporary).text("Provision:PolicyKey")
    assert refusal(phone) == by_version(phone, "143")


def test_an_acknowledgement_can_be_repeated(phone: Phone) -> None:
    temporary = phone.ask_policy().text("Provision:PolicyKey")
    first = phone.acknowledge(temporary).text("Provision:PolicyKey")
    assert phone.acknowledge(temporary).text("Provision:PolicyKey") == first


def test_the_key_in_force_holds_until_a_new_one_is_acknowledged(phone: Phone) -> None:
    phone.provision()
    phone.ask_policy()
    assert refusal(phone) is None


@pytest.mark.requirement("MS-ASPROV", 475, 507, 692, 708)
def test_an_old_temporary_key_is_a_mismatch(phone: Phone) -> None:
    old = phone.ask_policy().text("Provision:PolicyKey")
    phone.ask_policy()
    reply = phone.acknowledge(old)
    assert reply.status == "1"
    assert plain(reply.one("Provision:Policy")) == [WBXML, ("Status", "5")]


@pytest.mark.requirement("MS-ASPROV", 761)
@pytest.mark.parametrize("key", ["", "0", "1"])
def test_an_acknowledgement_of_nothing_is_a_mismatch(key: str, phone: Phone) -> None:
    assert phone.acknowledge(key).one("Provision:Policy").text_of("Provision:Status") == "5"
    assert refusal(phone) is not None


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
def test_the_acknowledgement_may_come_in_any_order(order: tuple[int, ...], phone: Phone) -> None:
    key = phone.ask_policy().text("Provision:PolicyKey")
    children = (WBXML, ("PolicyKey", key), ("Status", "1"))
    reply = phone.send("Provision", policy(*(children[place] for place in order)))  # type: ignore[arg-type]
    assert reply.one("Provision:Policy").text_of("Provision:Status") == "1"


@pytest.mark.requirement("MS-ASCMD", 4953, 4954)
def test_from_14_1_on_the_device_must_tell_of_itself(phone: Phone) -> None:
    reply = phone.send("Provision", policy(WBXML))  # type: ignore[arg-type]
    assert reply.status == ("165" if phone.version >= Version.V14_1 else "1")


@pytest.mark.requirement("MS-ASPROV", 366)
@pytest.mark.requirement("MS-ASPROV", 1009, 1011, 1012)
def test_what_the_device_tells_is_kept(world: World) -> None:
    phone = world.phone(Version.V16_1)
    phone.ask_policy()
    fields = world.store.fields(phone.session().id)
    assert (fields["eas.device.Model"], fields["eas.device.OS"]) == ("Lab", "Test 1")


@pytest.mark.requirement("MS-ASPROV", 690, 705)
@pytest.mark.parametrize("kind", ["MS-WAP-Provisioning-XML", "x", ""])
def test_another_kind_of_policy_is_not_known(kind: str, phone: Phone) -> None:
    information = phone.information()
    reply = phone.send("Provision", policy(("PolicyType", kind), information=information))  # type: ignore[arg-type]
    assert reply.status == "1"
    assert plain(reply.one("Provision:Policy")) == [("PolicyType", kind), ("Status", "3")]


@pytest.mark.parametrize("status", [2, 3, 4])
def test_a_device_that_applies_the_policy_in_part_is_served_by_default(status: int, phone: Phone) -> None:
    key = phone.ask_policy().text("Provision:PolicyKey")
    phone.policy_key = phone.acknowledge(key, status).text("Provision:PolicyKey")
    assert refusal(phone) is None


@pytest.mark.requirement("MS-ASCMD", 4899, 4917)
@pytest.mark.requirement("MS-ASPROV", 455, 461, 681, 684, 686, 687)
@pytest.mark.parametrize(("status", "expected"), [(2, "139"), (3, "139"), (4, "145")])
def test_a_device_that_applies_the_policy_in_part_can_be_refused(
    status: int, expected: str, version: Version
) -> None:
    phone = World(allow_non_provisionable=False).phone(version)
    key = phone.ask_policy().text("Provision:PolicyKey")
    reply = phone.acknowledge(key, status)
    if version is Version.V12_1:
        assert reply.http.status == 403
    else:
        assert reply.status == expected
    assert refusal(phone) == by_version(phone, "144")


@pytest.mark.requirement("MS-ASPROV", 468, 499, 689, 709)
def test_where_there_is_no_policy_the_device_is_told_so(version: Version) -> None:
    phone = World(provisioning=Provisioning.OFF).phone(version)
    assert plain(phone.ask_policy().one("Provision:Policy")) == [WBXML, ("Status", "2")]
    assert refusal(phone) is None
    phone.policy_key = "4711"
    assert refusal(phone) is None


def test_an_optional_policy_binds_only_those_who_took_it(version: Version) -> None:
    world = World(provisioning=Provisioning.OPTIONAL)
    phone = world.phone(version)
    assert refusal(phone) is None
    phone.provision()
    assert refusal(phone) is None
    world.configure(provisioning=Provisioning.OPTIONAL, policy={"AllowCamera": "0"})
    assert refusal(phone) == by_version(phone, "143")


def test_nothing_is_remembered_of_a_device_that_tries_the_account(version: Version) -> None:
    world = World()
    phone = world.phone(version, device_id="validate")
    assert refusal(phone) == by_version(phone, "142")
    phone.provision()
    assert refusal(phone) is None
    assert phone.folder_sync().text("FolderHierarchy:Count") == "0"
    session = phone.session().id
    assert world.store.fields(session) == {}
    assert list(world.store.folder_refs(session)) == []


MALFORMED = [
    tree("Provision:Provision"),
    tree("Provision:Provision", ("Policies",)),
    tree("Provision:Provision", ("Policies", ("Policy",))),
    tree("Provision:Provision", ("Policies", ("Policy", WBXML), ("Policy", WBXML))),
    tree("Provision:Provision", ("Policies",), ("Policies",)),
    policy(WBXML, WBXML),
    policy(WBXML, ("Status", "1")),
    policy(WBXML, ("PolicyKey", "1"), ("Status", "0")),
    policy(WBXML, ("PolicyKey", "1"), ("Status", "5")),
    policy(WBXML, ("PolicyKey", "1"), ("Status", "one")),
    policy(WBXML, ("PolicyKey", "1"), ("Status",)),
    policy(WBXML, information=tree("Settings:DeviceInformation")),
    policy(WBXML, information=tree("Settings:DeviceInformation", ("Set", ("Model", "x" * 1025)))),
    policy(WBXML, information=tree("Settings:DeviceInformation", ("Set", ("Model", "x"), ("Model", "y")))),
    tree("Provision:Provision", ("RemoteWipe", ("Status", "1"))),
]


@pytest.mark.requirement("MS-ASCMD", 4989)
@pytest.mark.requirement("MS-ASPROV", 375, 377)
@pytest.mark.requirement("MS-ASPROV", 391, 393, 450, 497, 679, 704)
@pytest.mark.parametrize("document", MALFORMED)
def test_a_broken_document_is_status_2(document: object, phone: Phone) -> None:
    assert phone.send("Provision", document).status == "2"  # type: ignore[arg-type]


def setting_of(world: World, **policy_settings: str) -> dict[str, object]:
    world.configure(policy=policy_settings)
    return dict(plain(world.phone(Version.V16_1).ask_policy().one("Provision:EASProvisionDoc")))


@pytest.mark.requirement(
    "MS-ASPROV",
    176,
    177,
    193,
    195,
    239,
    405,
    672,
    673,
    674,
    676,
    677,
    868,
    869,
    870,
    871,
    18101,
)
def test_all_42_settings_can_be_sent(world: World) -> None:
    chosen = {name: str(rule.high) for name, rule in RULES.items()} | dict.fromkeys(LISTS, "one, two,,")
    document = setting_of(world, **chosen)
    assert len(document) == 42
    assert list(document) == [*RULES, *LISTS]
    assert document["ApprovedApplicationList"] == [("Hash", "one"), ("Hash", "two")]


def test_password_settings_go_only_with_a_password(world: World) -> None:
    assert "DevicePasswordHistory" not in setting_of(world, MinDevicePasswordLength="8")
    with_password = setting_of(world, DevicePasswordEnabled="1", MinDevicePasswordLength="8")
    assert with_password["MinDevicePasswordLength"] == "8"
    assert with_password["DevicePasswordHistory"] == "0"
    assert "MaxDevicePasswordFailedAttempts" not in with_password


def test_nothing_in_the_policy_is_empty(world: World) -> None:
    assert all(setting_of(world, ApprovedApplicationList=" , ").values())


@pytest.mark.requirement("MS-ASPROV", 338, 351, 356)
@pytest.mark.requirement("MS-ASPROV", 106, 205, 245, 257, 266, 272, 333)
@pytest.mark.parametrize("name", list(RULES))
def test_a_value_out_of_range_is_refused_by_name(name: str) -> None:
    for value in (RULES[name].low - 1, RULES[name].high + 1, "x", ""):
        with pytest.raises(ValueError, match=name):
            RULES[name].value(str(value))


def test_the_policy_is_the_devices_own(world: World) -> None:
    first = world.phone(device_id="one").provision()
    second = world.phone(device_id="two")
    second.policy_key = first.policy_key
    assert refusal(second) == "144"
    assert first.start(CONTACTS).sync(CONTACTS).root is None


def text_policy(**policy_settings: str) -> str:
    world = World(policy=policy_settings)
    phone = world.phone(Version.V2_5)
    asked = tree("Provision:Provision", ("Policies", ("Policy", ("PolicyType", "MS-WAP-Provisioning-XML"))))
    reply = phone.reply(phone.raw("Provision", encode(asked)))
    assert reply.text("Provision:PolicyType") == "MS-WAP-Provisioning-XML"
    return reply.text("Provision:Data")


def parms(document: str) -> dict[str, str]:
    root = ElementTree.fromstring(document)
    assert root.tag == "wap-provisioningdoc"
    assert {child.tag for child in root.iter()} <= {"wap-provisioningdoc", "characteristic", "parm"}
    return {parm.attrib["name"]: parm.attrib["value"] for parm in root.iter("parm")}


@pytest.mark.requirement("MS-ASPROV", 965)
def test_2_5_gets_the_policy_as_a_text() -> None:
    document = text_policy(
        DevicePasswordEnabled="1",
        AlphanumericDevicePasswordRequired="1",
        MinDevicePasswordLength="6",
        MaxInactivityTimeDeviceLock="300",
        MaxDevicePasswordFailedAttempts="8",
    )
    assert parms(document) == {
        "4131": "0",
        "AEFrequencyType": "1",
        "AEFrequencyValue": "5",
        "DeviceWipeThreshold": "8",
        "MinimumPasswordLength": "6",
        "PasswordComplexity": "0",
    }
    assert ElementTree.fromstring(document)[1].attrib["type"] == "Registry"


def test_2_5_without_a_password_is_asked_for_nothing() -> None:
    assert parms(text_policy(MinDevicePasswordLength="6")) == {"4131": "1"}


def test_2_5_with_any_password_may_stay_open() -> None:
    assert parms(text_policy(DevicePasswordEnabled="1")) == {
        "4131": "0",
        "AEFrequencyType": "0",
        "MinimumPasswordLength": "1",
        "PasswordComplexity": "2",
    }


def test_2_5_locks_after_whole_minutes_and_one_at_least() -> None:
    found = parms(text_policy(DevicePasswordEnabled="1", MaxInactivityTimeDeviceLock="20"))
    assert found["AEFrequencyValue"] == "1"


def test_2_5_takes_the_policy_and_is_served() -> None:
    phone = World().phone(Version.V2_5)
    kind = ("PolicyType", "MS-WAP-Provisioning-XML")
    assert refusal(phone) == 449
    offered = phone.reply(
        phone.raw("Provision", encode(tree("Provision:Provision", ("Policies", ("Policy", kind)))))
    )
    key = ("PolicyKey", offered.text("Provision:PolicyKey"))
    told = tree("Provision:Provision", ("Policies", ("Policy", kind, key, ("Status", "1"))))
    phone.policy_key = phone.reply(phone.raw("Provision", encode(told))).text("Provision:PolicyKey")
    assert refusal(phone) is None


@pytest.mark.requirement("MS-ASPROV", 380, 471, 502)
@pytest.mark.parametrize(
    ("version", "kind"),
    [(Version.V2_5, "MS-EAS-Provisioning-WBXML"), (Version.V12_0, "MS-WAP-Provisioning-XML")],
)
def test_a_policy_in_the_form_of_another_version_is_unknown(version: Version, kind: str) -> None:
    phone = World().phone(version)
    reply = phone.send(
        "Provision", tree("Provision:Provision", ("Policies", ("Policy", ("PolicyType", kind))))
    )
    assert reply.one("Provision:Policy").text_of("Provision:Status") == "3"


def test_12_0_gets_no_more_settings_than_it_knows() -> None:
    world = World(policy={"DevicePasswordEnabled": "1", "ApprovedApplicationList": "one", "AllowCamera": "0"})
    phone = world.phone(Version.V12_0)
    document = dict(plain(phone.ask_policy().one("Provision:EASProvisionDoc")))
    assert set(document) == {
        "DevicePasswordEnabled",
        "AlphanumericDevicePasswordRequired",
        "PasswordRecoveryEnabled",
        "AttachmentsEnabled",
        "MinDevicePasswordLength",
        "MaxInactivityTimeDeviceLock",
        "AllowSimpleDevicePassword",
        "DevicePasswordExpiration",
        "DevicePasswordHistory",
    }


@pytest.mark.requirement("MS-ASPROV", 652)
def test_a_setting_that_is_taken_back_is_sent_with_the_value_that_restricts_nothing(world: World) -> None:
    chosen = {
        "DevicePasswordEnabled": "1",
        "MinDevicePasswordLength": "8",
        "MaxInactivityTimeDeviceLock": "60",
    }
    assert setting_of(world, **chosen)["MaxInactivityTimeDeviceLock"] == "60"
    after = setting_of(world, DevicePasswordEnabled="1")
    assert after["MinDevicePasswordLength"] == "1"
    assert after["MaxInactivityTimeDeviceLock"] == "9999"
    assert after["MinDevicePasswordComplexCharacters"] == "1"


def test_the_policy_is_taken_anew_after_a_while_where_that_is_wanted(phone: Phone) -> None:
    phone.provision()
    phone.world.configure(refresh_hours=24)
    phone.world.clock.advance(24 * 3600 - 1)
    assert refusal(phone) is None
    phone.world.clock.advance(1)
    assert refusal(phone) == by_version(phone, "143")
    phone.provision()
    assert refusal(phone) is None


def test_a_policy_taken_before_that_was_noted_is_taken_anew(phone: Phone) -> None:
    phone.provision()
    phone.world.store.write_fields(phone.session().id, {"eas.policy.moment": None})
    assert refusal(phone) is None
    phone.world.configure(refresh_hours=24)
    assert refusal(phone) == by_version(phone, "143")


@pytest.mark.parametrize("value", ["1", "2", "3"])
def test_a_filter_that_stands_for_nothing_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="MaxCalendarAgeFilter is"):
        RULES["MaxCalendarAgeFilter"].value(value)
