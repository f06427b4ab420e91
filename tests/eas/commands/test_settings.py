"""Settings: each part with its own Status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.eas.versions import Version
from tests.eas.phone import Phone, Reply, plain, tree

SETTINGS = "Settings:Settings"


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.provision()


def ask(ready: Phone, *parts: object) -> Reply:
    return ready.send("Settings", tree(SETTINGS, *parts))


def test_what_the_device_tells_of_itself_is_kept_and_can_change(ready: Phone) -> None:
    reply = ask(ready, ("DeviceInformation", ("Set", ("Model", "One"), ("PhoneNumber", "+49 1"))))
    assert plain(reply.root) == [("Status", "1"), ("DeviceInformation", [("Status", "1")])]  # type: ignore[arg-type]
    ask(ready, ("DeviceInformation", ("Set", ("Model", "Two\x01"), ("PhoneNumber",))))
    fields = ready.world.store.fields(ready.session().id)
    assert fields["eas.device.Model"] == "Two"
    assert "eas.device.PhoneNumber" not in fields


@pytest.mark.parametrize(
    "wrong",
    [
        ("DeviceInformation",),
        ("DeviceInformation", ("Get",)),
        ("DeviceInformation", ("Set", ("Model", "x" * 1025))),
        ("DeviceInformation", ("Set", ("Model", "x"), ("Model", "y"))),
    ],
)
def test_wrong_device_information_is_status_5_of_its_part(wrong: object, ready: Phone) -> None:
    reply = ask(ready, wrong, ("UserInformation", ("Get",)))
    assert reply.status == "1"
    assert plain(reply.one("Settings:DeviceInformation")) == [("Status", "5")]
    assert reply.one("Settings:UserInformation").text_of("Settings:Status") == "1"


def test_the_users_addresses(ready: Phone) -> None:
    reply = ask(ready, ("UserInformation", ("Get",)))
    found = plain(reply.one("Settings:Get"))
    if ready.version < Version.V14_1:
        assert found == [("EmailAddresses", [("SMTPAddress", "anton@example.org")])]
    else:
        addresses = [("SMTPAddress", "anton@example.org"), ("PrimarySmtpAddress", "anton@example.org")]
        account = [("UserDisplayName", "Anton"), ("EmailAddresses", addresses)]
        assert found == [("Accounts", [("Account", account)])]


def test_a_user_without_address_and_name(ready: Phone) -> None:
    ready.world.source.user = replace(ready.world.source.user, mail="", name="")
    reply = ask(ready, ("UserInformation", ("Get",)))
    assert reply.one("Settings:UserInformation").text_of("Settings:Status") == "1"
    assert not reply.all("Settings:SMTPAddress")
    assert not reply.all("Settings:UserDisplayName")


def test_user_information_can_only_be_got(ready: Phone) -> None:
    assert plain(ask(ready, ("UserInformation", ("Set",))).one("Settings:UserInformation")) == [
        ("Status", "2")
    ]


@pytest.mark.parametrize("part", ["Oof", "DevicePassword"])
def test_parts_that_are_not_served_say_so_and_the_others_go_on(part: str, ready: Phone) -> None:
    reply = ask(ready, (part, ("Get",)), ("DeviceInformation", ("Set", ("Model", "x"))))
    assert reply.status == "1"
    assert plain(reply.one(f"Settings:{part}")) == [("Status", "2")]
    assert plain(reply.one("Settings:DeviceInformation")) == [("Status", "1")]


def test_there_are_no_rights_management_templates(ready: Phone) -> None:
    if ready.version >= Version.V14_1:
        reply = ask(ready, ("RightsManagementInformation", ("Get",)))
        assert plain(reply.one("Settings:RightsManagementInformation")) == [
            ("Status", "1"),
            ("Get", [("RightsManagementTemplates", "")]),
        ]


@pytest.mark.parametrize(
    "document",
    [
        tree(SETTINGS),
        tree(SETTINGS, ("Status", "1")),
        tree(SETTINGS, ("Oof", ("Get",)), ("Oof", ("Get",))),
    ],
)
def test_a_broken_document_is_status_2(document: object, ready: Phone) -> None:
    assert plain(ready.send("Settings", document).root) == [("Status", "2")]  # type: ignore[arg-type]
