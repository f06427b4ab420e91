"""ResolveRecipients: who a name means, when they have time, what they look like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.eas.versions import Version
from app.usm.content import Address, Busy
from app.usm.errors import SourceUnavailable
from app.usm.queries import BusyTime, Origin, Person
from tests.eas.phone import Phone, Reply, World, plain, tree

MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
FROM_14 = (Version.V14_0, Version.V14_1, Version.V16_0, Version.V16_1)
WHEN = ("Availability", ("StartTime", "2026-03-02T08:00:00.000Z"), ("EndTime", "2026-03-02T11:00:00.000Z"))


@pytest.fixture
def ready(phone: Phone) -> Phone:
    phone.world.source.directory = [
        person("Anton Albers"),
        person("Berta Björnsen"),
        person("Bernd Bauer", Origin.CONTACTS),
    ]
    return phone.start()


def person(name: str, origin: Origin = Origin.DIRECTORY, **more: str) -> Person:
    mail = f"{name.partition(' ')[0].lower()}@example.org"
    return Person(origin, {"display_name": name, "email1": mail}, picture=more.get("picture", ""))


def team(count: int) -> Person:
    members = tuple(Address(f"m{number}@example.org", f"Member {number}") for number in range(count))
    return Person(Origin.CONTACTS, {"display_name": "Team"}, members=members)


def resolve(phone: Phone, *names: str, options: tuple[object, ...] = ()) -> Reply:
    wishes = ("Options", *options) if options else None
    root = tree("ResolveRecipients:ResolveRecipients", *(("To", name) for name in names), wishes)
    return phone.send("ResolveRecipients", root)


def responses(reply: Reply) -> list[tuple[str | None, str | None, str | None]]:
    """Name, status and count of each."""
    assert reply.status == "1"
    tags = ("To", "Status", "RecipientCount")
    return [
        tuple(each.text_of(f"ResolveRecipients:{tag}") for tag in tags)  # type: ignore[misc]
        for each in reply.all("ResolveRecipients:Response")
    ]


def mails(reply: Reply) -> list[str]:
    return [element.text for element in reply.all("ResolveRecipients:EmailAddress")]


def availability(reply: Reply) -> list[object]:
    return [plain(each) for each in reply.all("ResolveRecipients:Availability")]


@pytest.mark.requirement("MS-ASCMD", 343, 2199, 5309, 3765, 3767, 3825, 4275, 4610, 4619, 4620, 4268)
def test_a_name_and_an_address_that_mean_one_person(ready: Phone) -> None:
    reply = resolve(ready, "anton", "BERTA@example.org", '"Bernd" <bernd@example.org>')
    assert responses(reply) == [
        ("anton", "1", "1"),
        ("BERTA@example.org", "1", "1"),
        ('"Bernd" <bernd@example.org>', "1", "1"),
    ]
    assert plain(reply.all("ResolveRecipients:Recipient")[0]) == [
        ("Type", "1"),
        ("DisplayName", "Anton Albers"),
        ("EmailAddress", "anton@example.org"),
    ]
    assert [each.text for each in reply.all("ResolveRecipients:Type")] == ["1", "1", "2"]
    assert ready.world.source.calls.count("resolve") == 1


@pytest.mark.requirement("MS-ASHTTP", 507)
@pytest.mark.requirement("MS-ASCMD", 3761, 3762, 3249, 3250, 4279, 4284, 4287)
def test_a_name_that_means_several_people_or_nobody(ready: Phone) -> None:
    reply = resolve(ready, "ber", "nobody", options=(("CertificateRetrieval", 2),))
    assert responses(reply) == [("ber", "2", "2"), ("nobody", "4", "0")]
    assert mails(reply) == ["berta@example.org", "bernd@example.org"]
    assert reply.all("ResolveRecipients:Certificates") == []
    reply = resolve(ready, "ber", options=(("MaxAmbiguousRecipients", 1),))
    assert responses(reply) == [("ber", "3", "2")]
    assert len(mails(reply)) == 1
    assert mails(resolve(ready, "ber", options=(("MaxAmbiguousRecipients", 0),))) == []


def test_somebody_without_an_address_is_nobody_to_write_to(ready: Phone) -> None:
    ready.world.source.directory = [Person(Origin.CONTACTS, {"display_name": "Anton"})]
    assert responses(resolve(ready, "anton")) == [("anton", "4", "0")]


@pytest.mark.requirement("MS-ASCMD", 3764, 864, 4304)
@pytest.mark.parametrize("retrieval", [2, 3])
def test_there_are_no_certificates(ready: Phone, retrieval: int) -> None:
    options = (("CertificateRetrieval", retrieval), ("MaxCertificates", 5))
    reply = resolve(ready, "anton", options=options)
    assert plain(reply.one("ResolveRecipients:Certificates")) == [
        ("Status", "7"),
        ("CertificateCount", "0"),
        ("RecipientCount", "0"),
    ]
    assert (
        resolve(ready, "anton", options=(("CertificateRetrieval", 1),)).all("ResolveRecipients:Certificates")
        == []
    )


@pytest.mark.requirement("MS-ASCMD", 4611, 5873)
@pytest.mark.requirement("MS-ASCMD", 4270, 4613, 4614, 5656, 3248)
def test_what_is_out_of_range(ready: Phone) -> None:
    assert resolve(ready).status == "5"
    assert resolve(ready, *["x"] * 101).status == "5"
    assert resolve(ready, "").status == "5"
    assert resolve(ready, "x" * 257).status == "5"
    for tag, value in (
        ("CertificateRetrieval", 4),
        ("MaxCertificates", 10000),
        ("MaxAmbiguousRecipients", "x"),
    ):
        assert resolve(ready, "anton", options=((tag, value),)).status == "5"


# -- when they have time -------------------------------------------------------------------------------------


def busy(start: float, hours: float, state: Busy = Busy.BUSY) -> BusyTime:
    begin = MORNING + timedelta(hours=start)
    return BusyTime(begin, begin + timedelta(hours=hours), state)


@pytest.mark.requirement("MS-ASCMD", 3317, 3320)
@pytest.mark.requirement("MS-ASCMD", 819, 3315, 3319, 3321, 3327, 3338, 3339, 4291, 4624)
@pytest.mark.parametrize("version", FROM_14)
def test_a_digit_for_every_half_hour(ready: Phone) -> None:
    ready.world.source.diary["anton@example.org"] = [
        busy(-1, 1.25, Busy.TENTATIVE),
        busy(1, 0.5),
        busy(1.25, 0.1, Busy.AWAY),
        busy(2, 0),
        busy(2.5, 9, Busy.FREE),
    ]
    ready.world.source.diary["berta@example.org"] = []
    reply = resolve(ready, "anton", "berta", options=(WHEN,))
    assert availability(reply) == [
        [("Status", "1"), ("MergedFreeBusy", "103000")],
        [("Status", "1"), ("MergedFreeBusy", "000000")],
    ]


@pytest.mark.requirement("MS-ASCMD", 5411)
@pytest.mark.requirement("MS-ASCMD", 4298)
@pytest.mark.parametrize("version", FROM_14)
def test_somebody_whose_time_nobody_knows(ready: Phone) -> None:
    assert availability(resolve(ready, "bernd", options=(WHEN,))) == [[("Status", "163")]]


@pytest.mark.requirement("MS-ASCMD", 4617, 4618, 4623)
@pytest.mark.parametrize("version", FROM_14)
def test_suggestions_tell_no_times(ready: Phone) -> None:
    reply = resolve(ready, "ber", "nobody", options=(WHEN,))
    assert availability(reply) == []
    assert "busy" not in ready.world.source.calls


@pytest.mark.requirement("MS-ASCMD", 4948)
@pytest.mark.requirement("MS-ASCMD", 4295)
@pytest.mark.parametrize("version", FROM_14)
def test_a_source_that_cannot_tell_now(ready: Phone) -> None:
    def fail(name: str) -> None:
        if name == "busy":
            raise SourceUnavailable("not now")

    ready.world.source.before = fail
    reply = resolve(ready, "anton", options=(WHEN,))
    assert availability(reply) == [[("Status", "162")]]
    assert mails(reply) == ["anton@example.org"]


@pytest.mark.requirement("MS-ASCMD", 3761, 4625)
@pytest.mark.parametrize("version", FROM_14)
def test_a_list_has_its_members_and_one_row_for_all_of_them(ready: Phone) -> None:
    ready.world.source.directory = [team(3)]
    ready.world.source.diary = {
        "m0@example.org": [busy(0, 1)],
        "m2@example.org": [busy(2, 1, Busy.TENTATIVE)],
    }
    reply = resolve(ready, "team", options=(WHEN,))
    assert responses(reply) == [("team", "1", "3")]
    assert mails(reply) == ["m0@example.org", "m1@example.org", "m2@example.org"]
    assert availability(reply) == [[("Status", "1"), ("MergedFreeBusy", "220011")]] * 3


@pytest.mark.requirement("MS-ASCMD", 4946)
@pytest.mark.requirement("MS-ASCMD", 4294, 4626)
@pytest.mark.parametrize("version", FROM_14)
def test_a_list_too_long_to_find_a_time(ready: Phone) -> None:
    ready.world.source.directory = [team(21)]
    reply = resolve(ready, "team", options=(WHEN,))
    assert availability(reply) == [[("Status", "161")]] * 21
    assert "busy" not in ready.world.source.calls


@pytest.mark.requirement("MS-ASCMD", 4944)
@pytest.mark.requirement("MS-ASCMD", 4293, 4621, 4622)
@pytest.mark.parametrize("version", FROM_14)
def test_more_than_a_hundred_recipients(ready: Phone) -> None:
    ready.world.source.directory = [
        Person(
            Origin.CONTACTS,
            {"display_name": f"Team{letter}"},
            members=tuple(Address(f"{letter}{number}@example.org") for number in range(20)),
        )
        for letter in "abcdef"
    ]
    ready.world.source.diary = {f"{letter}{n}@example.org": [] for letter in "abcdef" for n in range(20)}
    reply = resolve(ready, *(f"Team{letter}" for letter in "abcdef"), options=(WHEN,))
    statuses = [
        each.text_of("ResolveRecipients:Status") for each in reply.all("ResolveRecipients:Availability")
    ]
    assert statuses == ["1"] * 100 + ["160"] * 20


@pytest.mark.requirement("MS-ASCMD", 2265, 2263)
@pytest.mark.parametrize("version", FROM_14)
def test_a_week_where_no_end_is_named(ready: Phone) -> None:
    ready.world.source.diary["anton@example.org"] = []
    reply = resolve(ready, "anton", options=(("Availability", ("StartTime", "2026-03-02T08:10:00.000Z")),))
    assert reply.text("ResolveRecipients:MergedFreeBusy") == "0" * 7 * 48


@pytest.mark.requirement("MS-ASCMD", 3329, 3330, 3332)
@pytest.mark.parametrize("version", FROM_14)
def test_the_last_digit_may_stand_for_less_than_half_an_hour(ready: Phone) -> None:
    ready.world.source.diary["anton@example.org"] = [busy(0, 0.51), busy(1.26, 9)]
    times = (("StartTime", "2026-03-02T08:00:00.000Z"), ("EndTime", "2026-03-02T09:20:00.000Z"))
    reply = resolve(ready, "anton", options=(("Availability", *times),))
    assert reply.text("ResolveRecipients:MergedFreeBusy") == "222"


@pytest.mark.requirement("MS-ASCMD", 2264, 2266, 5430, 3986)
@pytest.mark.parametrize("version", FROM_14)
@pytest.mark.parametrize(
    "times",
    [
        (),
        (("StartTime", "nonsense"),),
        (("StartTime", "2026-03-02T08:00:00.000Z"), ("EndTime", "nonsense")),
        (("StartTime", "2026-03-02T08:00:00.000Z"), ("EndTime", "2026-03-02T08:29:59.000Z")),
        (("StartTime", "2026-03-02T08:00:00.000Z"), ("EndTime", "2026-03-01T08:00:00.000Z")),
        (("StartTime", "1970-01-01T00:00:00.000Z"), ("EndTime", "2036-01-01T00:00:00.000Z")),
        (("StartTime", "9999-12-31T00:00:00.000Z"),),
    ],
)
def test_times_that_cannot_be(ready: Phone, times: tuple[object, ...]) -> None:
    assert resolve(ready, "anton", options=(("Availability", *times),)).status == "5"


@pytest.mark.requirement("MS-ASCMD", 7511, 7512, 6085)
@pytest.mark.parametrize("version", [Version.V2_5, Version.V12_0, Version.V12_1])
def test_older_versions_know_nothing_of_availability(world: World, version: Version) -> None:
    world.configure(provisioning="off")
    world.source.directory = [person("Anton Albers")]
    reply = resolve(world.phone(version).start(), "anton", options=(WHEN,))
    assert mails(reply) == ["anton@example.org"]
    assert availability(reply) == []


# -- what they look like -------------------------------------------------------------------------------------


@pytest.mark.requirement("MS-ASCMD", 4970, 4972, 4974)
@pytest.mark.requirement("MS-ASCMD", 3286, 3287, 3288, 3289, 5350, 5351, 2133, 4310, 4311, 4312, 4313)
def test_pictures_from_14_1_on(world: World) -> None:
    world.source.directory = [
        person("Anton A", picture="big"),
        person("Berta B"),
        person("Caesar C", picture="small"),
        person("Dora D", picture="small"),
    ]
    world.source.pictures = {"big": b"x" * 200, "small": b"y" * 10}
    wishes = (("Picture", ("MaxSize", 100), ("MaxPictures", 1)),)
    phone = world.phone(Version.V14_1).start()
    reply = resolve(phone, "anton", "berta", "caesar", "dora", options=wishes)
    pictures = reply.all("ResolveRecipients:Picture")
    assert [each.text_of("ResolveRecipients:Status") for each in pictures] == ["174", "173", "1", "175"]
    assert reply.one("ResolveRecipients:Data").value == b"y" * 10
    old = world.phone(Version.V14_0, device_id="phone2").start()
    assert resolve(old, "anton", options=wishes).all("ResolveRecipients:Picture") == []
