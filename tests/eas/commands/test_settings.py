"""Settings: each part with its own Status."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.eas import memory
from app.eas.memory import Memory
from app.eas.schema.table import parse_moment
from app.eas.versions import Version
from app.usm.errors import ItemRefused
from app.usm.model import Absence
from tests.eas.phone import Phone, Reply, World, plain, tree

SETTINGS = "Settings:Settings"


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.provision()


def ask(ready: Phone, *parts: object) -> Reply:
    return ready.send("Settings", tree(SETTINGS, *parts))


@pytest.mark.requirement("MS-ASCMD", 3607, 3613, 3666, 3944, 4700)
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


@pytest.mark.requirement("MS-ASCMD", 3681, 4702, 5913)
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


@pytest.mark.requirement("MS-ASCMD", 4960)
@pytest.mark.requirement("MS-ASRM", 196)
def test_there_is_no_rights_management(ready: Phone) -> None:
    reply = ask(ready, ("RightsManagementInformation", ("Get",)))
    if ready.version < Version.V14_1:
        assert plain(reply.root) == [("Status", "2")]  # type: ignore[arg-type]
    else:
        assert plain(reply.one("Settings:RightsManagementInformation")) == [
            ("Status", "168"),
            ("Get", [("RightsManagementTemplates", "")]),
        ]


# -- absence -------------------------------------------------------------------------------------------------

GET = ("Oof", ("Get", ("BodyType", "Text")))


def oof(ready: Phone, *content: object) -> str:
    """Sets an absence; the status of that."""
    return ask(ready, ("Oof", ("Set", *content))).one("Settings:Oof").text_of("Settings:Status") or ""


def message(
    text: str, audience: str = "AppliesToInternal", enabled: int = 1, form: str = "Text"
) -> tuple[object, ...]:
    return (
        "OofMessage",
        (audience,),
        ("Enabled", enabled),
        ("ReplyMessage", text),
        ("BodyType", form),
    )


@pytest.mark.requirement("MS-ASCMD", 3530)
@pytest.mark.requirement(
    "MS-ASCMD", 826, 3513, 3505, 3531, 3525, 785, 786, 787, 794, 795, 796, 803, 804, 805, 2252
)
def test_nobody_is_away_at_first(ready: Phone) -> None:
    reply = ask(ready, GET)
    assert reply.text("Settings:OofState") == "0"
    assert [plain(each) for each in reply.all("Settings:OofMessage")] == [
        [(audience, ""), ("Enabled", "0"), ("BodyType", "Text")]
        for audience in ("AppliesToInternal", "AppliesToExternalKnown", "AppliesToExternalUnknown")
    ]


@pytest.mark.requirement("MS-ASCMD", 3532, 783, 793, 802, 2251, 821, 5866, 5867, 781, 782, 791, 792, 800, 801)
def test_an_absence_without_end(ready: Phone) -> None:
    assert oof(ready, ("OofState", 1), message("Away.\nTill soon")) == "1"
    reply = ask(ready, GET)
    assert reply.text("Settings:OofState") == "1"
    assert not reply.all("Settings:StartTime")
    assert [each.text for each in reply.all("Settings:ReplyMessage")] == ["Away.\nTill soon"] * 3
    assert {each.text for each in reply.all("Settings:Enabled")} == {"1"}
    assert ready.world.source.away == Absence(True, "Away.\nTill soon")


def test_an_absence_as_html(ready: Phone) -> None:
    assert oof(ready, ("OofState", 1), message("<b>Away</b><br>A &amp; B", form="HTML")) == "1"
    assert ready.world.source.away == Absence(True, "Away\nA & B")
    reply = ask(ready, ("Oof", ("Get", ("BodyType", "html"))))
    assert reply.all("Settings:ReplyMessage")[0].text == "<html><body>Away<br>\nA &amp; B</body></html>"
    assert {each.text for each in reply.all("Settings:BodyType")} == {"HTML"}


@pytest.mark.requirement("MS-ASCMD", 3533)
def test_an_absence_for_a_time(ready: Phone) -> None:
    times = ("StartTime", "2026-12-24T00:00:00.000Z"), ("EndTime", "2027-01-02T00:00:00.000Z")
    assert oof(ready, ("OofState", 2), *times, message("Away")) == "1"
    away = Absence(True, "Away", datetime(2026, 12, 24, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC))
    assert ready.world.source.away == away
    reply = ask(ready, GET)
    assert reply.text("Settings:OofState") == "2"
    assert reply.text("Settings:StartTime") == times[0][1]
    assert reply.text("Settings:EndTime") == times[1][1]
    assert oof(ready, ("OofState", 2), message("Later")) == "1"
    assert ready.world.source.away == replace(away, text="Later")
    assert oof(ready, ("OofState", 0)) == "1"
    assert ready.world.source.away == Absence(False, "Later")


@pytest.mark.requirement("MS-ASCMD", 3535, 7544)
def test_times_mean_nothing_in_another_state(ready: Phone) -> None:
    times = ("StartTime", "2026-12-24T00:00:00.000Z"), ("EndTime", "2026-12-01T00:00:00.000Z")
    assert oof(ready, ("OofState", 1), *times, message("Away")) == "1"
    assert ready.world.source.away == Absence(True, "Away")


def test_an_absence_that_is_open_at_one_end_is_shown_with_both(ready: Phone) -> None:
    source, now = ready.world.source, ready.world.clock.now()
    source.away = Absence(True, "Away", start=now + timedelta(days=2))
    reply = ask(ready, GET)
    assert parse_moment(reply.text("Settings:EndTime")) > now + timedelta(days=300)
    source.away = Absence(True, "Away", end=now + timedelta(days=2))
    reply = ask(ready, GET)
    assert parse_moment(reply.text("Settings:StartTime")) <= now


@pytest.mark.requirement("MS-ASCMD", 3523, 3524, 4394)
def test_the_message_for_the_own_organisation_counts_or_else_the_first_that_is_enabled(ready: Phone) -> None:
    known, unknown = "AppliesToExternalKnown", "AppliesToExternalUnknown"
    assert oof(ready, ("OofState", 1), message("Out", unknown), message("In"), message("Kn", known)) == "1"
    assert ready.world.source.away == Absence(True, "In")
    assert oof(ready, ("OofState", 1), message("In 2", enabled=0), message("Out", unknown)) == "1"
    assert ready.world.source.away == Absence(True, "Out")
    assert oof(ready, ("OofState", 1), message("In 3", enabled=0)) == "1"
    assert ready.world.source.away == Absence(False, "In 3")
    assert oof(ready, message("In 4")) == "1"
    assert ready.world.source.away == Absence(False, "In 4")
    assert oof(ready, ("OofState", 1), ("OofMessage", ("AppliesToInternal",))) == "1"
    assert ready.world.source.away == Absence(True, "In 4")


TIMES = ("StartTime", "2026-12-24T00:00:00.000Z"), ("EndTime", "2026-12-25T00:00:00.000Z")


@pytest.mark.requirement("MS-ASCMD", 4391)
@pytest.mark.requirement("MS-ASCMD", 2272, 5681, 5582, 5583, 4393, 5845, 5385, 5702, 4388)
@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ([("OofState", 2), TIMES[0], message("x")], "2"),
        ([("OofState", 2), TIMES[1], message("x")], "2"),
        ([("OofState", 3), message("x")], "2"),
        ([("OofState", 1), ("OofMessage", ("Enabled", 1), ("ReplyMessage", "x"))], "2"),
        ([("OofState", 1), message("x", enabled=2)], "2"),
        ([("OofState", 2), message("x")], "5"),
        ([("OofState", 2), ("StartTime", "soon"), TIMES[1], message("x")], "5"),
        ([("OofState", 1), message("x", form="RTF")], "5"),
        ([("OofState", 1), message("x" * 70000)], "5"),
        ([("OofState", 1)], "5"),
        ([("OofState", 2), ("StartTime", "2027-01-01T00:00:00.000Z"), TIMES[1], message("x")], "6"),
        ([("OofState", 1), message("x"), message("y")], "6"),
    ],
)
def test_a_wrong_absence_has_a_status_of_its_own(wrong: list[object], status: str, ready: Phone) -> None:
    assert oof(ready, *wrong) == status
    assert ready.world.source.away == Absence(False)


@pytest.mark.parametrize("part", [("Oof",), ("Oof", ("Get",), ("Set",)), ("Oof", ("Get",))])
def test_an_absence_that_asks_for_nothing_is_a_protocol_error(part: object, ready: Phone) -> None:
    assert plain(ask(ready, part).one("Settings:Oof")) == [("Status", "2")]


@pytest.mark.requirement("MS-ASCMD", 5383)
def test_where_there_is_no_vacation_notice_access_is_denied(ready: Phone) -> None:
    ready.world.source.away = None
    assert plain(ask(ready, GET).one("Settings:Oof")) == [("Status", "3")]
    assert oof(ready, ("OofState", 0)) == "3"


def test_a_source_that_takes_no_change_denies_access(ready: Phone) -> None:
    def refuse(name: str) -> None:
        if name == "set_absence":
            raise ItemRefused("no")

    ready.world.source.before = refuse
    assert oof(ready, ("OofState", 0)) == "3"


# -- the recovery password -----------------------------------------------------------------------------------

RECOVERY = {"DevicePasswordEnabled": "1", "PasswordRecoveryEnabled": "1"}


def set_password(phone: Phone, *content: object) -> object:
    return plain(ask(phone, ("DevicePassword", *content)).one("Settings:DevicePassword"))


@pytest.mark.requirement("MS-ASCMD", 4396, 4400)
def test_a_recovery_password_is_kept_where_the_policy_allows_it(world: World, version: Version) -> None:
    world.configure(policy=RECOVERY)
    ready = world.phone(version).provision()
    assert set_password(ready, ("Set", ("Password", "1234"))) == [("Status", "1")]
    assert world.store.fields(ready.session().id)["eas.recovery"] == "sealed:4321"
    assert set_password(ready, ("Set", ("Password", "x" * 256))) == [("Status", "5")]
    assert set_password(ready, ("Set", ("Password",))) == [("Status", "1")]
    assert "eas.recovery" not in world.store.fields(ready.session().id)


def test_a_device_that_only_tries_out_an_account_leaves_no_password(ready: Phone) -> None:
    Memory(ready.session(), lasting=False).keep_secret(memory.RECOVERY, "1234")
    assert memory.RECOVERY not in ready.world.store.fields(ready.session().id)


@pytest.mark.requirement("MS-ASCMD", 4402, 4398, 4395, 5581)
def test_without_the_policys_leave_no_password_is_kept(ready: Phone) -> None:
    assert set_password(ready, ("Set", ("Password", "1234"))) == [("Status", "7")]
    assert set_password(ready, ("Set",)) == [("Status", "2")]
    assert set_password(ready, ("Get",)) == [("Status", "2")]
    assert "eas.recovery" not in ready.world.store.fields(ready.session().id)


@pytest.mark.requirement("MS-ASCMD", 4389)
@pytest.mark.requirement("MS-ASCMD", 469, 5713, 478, 480, 481, 482, 484, 485, 486, 4387, 4392)
def test_parts_are_answered_in_their_order_each_with_its_status(ready: Phone) -> None:
    information = ("DeviceInformation", ("Set", ("Model", "x")))
    reply = ask(ready, ("UserInformation", ("Get",)), information, ("DevicePassword",), GET)
    assert reply.root is not None
    names = [child.name.partition(":")[2] for child in reply.root]
    assert names == ["Status", "UserInformation", "DeviceInformation", "DevicePassword", "Oof"]
    assert [child.children[0].text for child in reply.root.children[1:]] == ["1", "1", "2", "1"]


@pytest.mark.parametrize(
    "document",
    [
        tree(SETTINGS),
        tree(SETTINGS, ("Status", "1")),
        tree(SETTINGS, ("Oof", ("Get",)), ("Oof", ("Get",))),
    ],
)
@pytest.mark.requirement("MS-ASCMD", 483)
def test_a_broken_document_is_status_2(document: object, ready: Phone) -> None:
    assert plain(ready.send("Settings", document).root) == [("Status", "2")]  # type: ignore[arg-type]
