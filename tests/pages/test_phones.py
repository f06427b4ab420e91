"""One's own devices: what is seen of them, and what can be done."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from app.administration.decisions import Decisions
from app.administration.naming import Named, Names
from app.eas import admission_rules, memory
from app.pages import phones
from app.pages.phones import Rules
from app.usm import deeds
from app.usm.deeds import Deed, Kind
from app.usm.devices import ORDERED_BY_USER, Standing
from app.usm.model import HIERARCHY, ContentType, SessionId
from app.usm.ports import STANDING, Remembered
from tests.fakes.clock import CountingTokens, ManualClock
from tests.pages.conftest import CONTEXT, PASSWORD, USERS, Office, Person

MODEL = {f"{memory.DEVICE}Model": "iPhone 15", f"{memory.DEVICE}OS": "iOS 18.1"}
NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}%(x)s"


def stands(office: Office, session: SessionId) -> str:
    return office.store.fields(session).get(STANDING, "")


def place(session: SessionId) -> str:
    return f"/usm/phones/{phones.name_of(session)}"


def synchronised(office: Office, session: SessionId, **folders: dict[str, str]) -> None:
    """Title of a folder → item → stamp."""
    store = office.store
    refs = store.number_folders(session, [(title, ContentType.MAIL) for title in folders])
    store.begin(session, HIERARCHY, "g", "")
    stamps = {str(ref.number): json.dumps([ref.id, 0, "mail", "none", True]) for ref in refs}
    store.save(session, HIERARCHY, 1, stamps, "")
    for ref in refs:
        store.begin(session, ref.number, "g", "")
        store.save(session, ref.number, 1, folders[ref.id], "")


def test_one_sees_ones_own_devices_and_nobody_elses(office: Office, anton: Person) -> None:
    office.device("anton", "phone1", **MODEL)
    office.device("anton", "tablet")
    office.device("berta", "hers", **{f"{memory.DEVICE}Model": "Bertas"})
    anton.get("/usm/")
    assert "iPhone 15" in anton.seen
    assert anton.page.count('<li class="card">') == 2
    assert "Bertas" not in anton.page
    assert "less than an hour ago" in anton.seen


def test_the_page_of_a_device_of_somebody_else_is_not_there(office: Office, anton: Person) -> None:
    hers = office.device("berta", "hers")
    for page in ("", "/forget", "/wipe", "/folders"):
        assert anton.get(f"{place(hers)}{page}").status_code == 404
    for page in ("/forget", "/wipe", "/spare", "/folders"):
        anton.get("/usm/")
        assert anton.post(f"{place(hers)}{page}", {"what": "account"}).status_code == 404
    assert stands(office, hers) == ""
    assert office.store.fields(hers)
    for wrong in ("..", "%2e%2e", "1", "' OR 1=1", "a" * 5000):
        assert anton.get(f"/usm/phones/{wrong}").status_code == 404


def test_it_tells_what_the_device_says_of_itself_and_what_is_on_it(office: Office, anton: Person) -> None:
    session = office.device("anton", "phone1", **MODEL, **{f"{memory.DEVICE}IMEI": "490154203237518"})
    synchronised(office, session, INBOX={"1": "a"}, Trips={})
    office.store.number_folders(session, [("Elsewhere", ContentType.MAIL)])
    anton.get(place(session))
    for text in (
        "iPhone 15",
        "iOS 18.1",
        "490154203237518",
        "Apple-iPhone15C2/2201.1",
        "phone1",
        "INBOX",
        "Trips",
    ):
        assert text in anton.seen
    assert "Elsewhere" not in anton.seen
    assert "Needs attention" not in anton.seen


def test_it_tells_what_went_wrong_in_words(office: Office, anton: Person) -> None:
    session = office.device("anton", "phone1", **MODEL)
    synchronised(office, session, INBOX={"1": "!3:2000000000:x", "2": "ok"})
    clock, tokens = ManualClock(), CountingTokens()
    with deeds.opened(office.store, session, Kind.HELD_BACK, clock, tokens) as held:
        held.note({"1": Deed(held.now(), done=True, result=json.dumps(["5", "6"]))})
    anton.get(place(session))
    assert "1 item of the folder “INBOX” cannot be shown on this device." in anton.seen
    assert "wanted to delete 2 items of the folder “INBOX” all at once" in anton.seen
    anton.language = "de"
    anton.get(place(session))
    assert "wollte 2 Elemente des Ordners „INBOX“" in anton.seen


def test_what_a_device_says_of_itself_is_shown_and_never_run(office: Office, anton: Person) -> None:
    session = office.device(
        "anton", NASTY, **{f"{memory.DEVICE}FriendlyName": NASTY, f"{memory.DEVICE}OS": NASTY}
    )
    synchronised(office, session, **{NASTY: {}})
    for page in ("/usm/", place(session), f"{place(session)}/forget", f"{place(session)}/wipe"):
        anton.get(page)
        assert "<script" not in anton.page
        assert "<img" not in anton.page
        assert "&lt;script&gt;" in anton.page
        assert "{{7*7}}" in anton.page
    anton.get(f"{place(session)}/forget")
    anton.follow(anton.post(f"{place(session)}/forget"))
    assert "<script" not in anton.page
    assert "was removed from the list" in anton.seen


def test_a_device_is_forgotten_with_all_that_is_kept(office: Office, anton: Person) -> None:
    session = office.device("anton", "phone1", **MODEL)
    anton.get(f"{place(session)}/forget")
    assert "Remove iPhone 15 from the list?" in anton.seen
    assert office.store.fields(session), "looking changes nothing"
    result = anton.post(f"{place(session)}/forget")
    assert result.headers["location"] == "/usm/"
    anton.follow(result)
    assert "iPhone 15 was removed from the list." in anton.seen
    assert office.store.fields(session) == {}
    anton.get("/usm/")
    assert "was removed" not in anton.seen, "it is said once"


def test_the_account_alone_is_erased_unless_one_says_otherwise(office: Office, anton: Person) -> None:
    session = office.device("anton", "phone1", **{**MODEL, memory.WIPE_FAILED: "1"})
    anton.get(f"{place(session)}/wipe")
    anton.follow(anton.post(f"{place(session)}/wipe"))
    assert stands(office, session) == Standing.WIPE_ACCOUNT
    assert memory.WIPE_FAILED not in office.store.fields(session)
    assert "The account will be removed from iPhone 15" in anton.seen
    assert "This account will be removed from it" in anton.seen


def test_the_whole_device_is_asked_for_twice_and_with_the_password(office: Office, anton: Person) -> None:
    session = office.device("anton", "phone1", **MODEL)
    page = f"{place(session)}/wipe"
    anton.get(page)
    assert anton.post(page, {"what": "whole"}).status_code == 200
    assert "Erase everything on iPhone 15?" in anton.seen
    assert stands(office, session) == ""
    asked = {"what": "whole", "asked": "1"}
    assert anton.post(page, {**asked, "password": PASSWORD}).status_code == 403
    assert "Please tick" in anton.seen
    assert anton.post(page, {**asked, "sure": "1", "password": "Zq7 wrong"}).status_code == 403
    assert "The name or the password is wrong." in anton.seen
    assert stands(office, session) == ""
    anton.follow(anton.post(page, {**asked, "sure": "1", "password": PASSWORD}))
    assert stands(office, session) == Standing.WIPE
    assert "Will be erased completely" in anton.seen


@pytest.mark.parametrize("before", ["", Standing.ALLOWED])
def test_an_order_of_ones_own_can_be_taken_back(office: Office, anton: Person, before: str) -> None:
    session = office.device("anton", "phone1", **MODEL)
    office.store.decide(session, before or None)
    anton.get(f"{place(session)}/wipe")
    anton.follow(anton.post(f"{place(session)}/wipe", {"what": "account"}))
    assert "Take the order back" in anton.seen
    assert "Remove it from the list" not in anton.seen
    anton.follow(anton.post(f"{place(session)}/spare"))
    assert stands(office, session) == before
    assert "The order for iPhone 15 is taken back." in anton.seen
    anton.post(f"{place(session)}/spare")
    assert stands(office, session) == before


def test_an_order_of_an_administrator_cannot(office: Office, anton: Person) -> None:
    session = office.device("anton", "phone1", **MODEL)
    anton.get(f"{place(session)}/wipe")
    anton.follow(anton.post(f"{place(session)}/wipe", {"what": "account"}))
    named = Named(str(CONTEXT), str(USERS["anton"]), "phone1")
    Decisions(Names(office.databases, office.store), office.store).order(named, Standing.WIPE)
    anton.get(place(session))
    assert "Your administrator has decided" in anton.seen
    for page in ("spare", "forget"):
        anton.follow(anton.post(f"{place(session)}/{page}"))
        assert "Something else was decided" in anton.seen
    assert stands(office, session) == Standing.WIPE


@pytest.mark.parametrize(
    "standing",
    [Standing.BLOCKED, Standing.QUARANTINED, Standing.WIPED, Standing.ACCOUNT_WIPED, "of a newer program"],
)
def test_what_an_administrator_decided_stays(office: Office, anton: Person, standing: str) -> None:
    session = office.device("anton", "phone1", **MODEL)
    office.store.decide(session, standing)
    anton.get(place(session))
    assert "Your administrator has decided" in anton.seen
    for page in ("forget", "wipe"):
        assert anton.get(f"{place(session)}/{page}").status_code == 404
        anton.get(place(session))
        anton.post(f"{place(session)}/{page}", {"what": "account"})
        assert stands(office, session) == standing


def test_a_device_that_was_erased_by_its_owner_can_be_set_up_again(office: Office, anton: Person) -> None:
    session = office.device("anton", "phone1", **{**MODEL, ORDERED_BY_USER: ""})
    office.store.decide(session, Standing.ACCOUNT_WIPED)
    anton.get(place(session))
    assert "This account was removed from it" in anton.seen
    anton.get(f"{place(session)}/forget")
    anton.follow(anton.post(f"{place(session)}/forget"))
    assert office.store.fields(session) == {}


def test_a_decision_meanwhile_is_not_run_over(office: Office, anton: Person) -> None:
    session = office.device("anton", "phone1", **MODEL)
    anton.get(f"{place(session)}/forget")
    office.store.decide(session, Standing.BLOCKED)
    anton.post(f"{place(session)}/forget")
    assert stands(office, session) == Standing.BLOCKED
    assert office.store.forget_unless(session, [Standing.BLOCKED.value]) is False
    assert office.store.forget_unless(session, []) is True
    assert office.store.forget_unless(session, []) is False


def test_looking_changes_nothing(office: Office, anton: Person) -> None:
    session = office.device("anton", "phone1", **MODEL)
    before = office.rows("SELECT * FROM USMSession"), office.rows("SELECT * FROM USMSessionFields")
    for page in ("", "/forget", "/wipe", "/spare", "/folders"):
        anton.get(f"{place(session)}{page}?what=whole&sure=1")
    assert before == (office.rows("SELECT * FROM USMSession"), office.rows("SELECT * FROM USMSessionFields"))


# --- words

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RULES = Rules(
    admission_rules.DeviceRules(
        quarantine=admission_rules.parse("type:strange*"), block=admission_rules.parse("agent:evil*")
    ),
    policy="fingerprint",
    exempt=admission_rules.parse("type:Outlook"),
)


def described(standing: str = "", days: int = 0, **fields: str) -> phones.Phone:
    about = {"usm.device.login": "anton@example.org anton@example.org", memory.POLICY_APPLIED: "fingerprint"}
    about.update({name.replace("__", "."): text for name, text in fields.items()})
    if standing:
        about[STANDING] = standing
    used = NOW - timedelta(days=days)
    device = Remembered(SessionId(1, 3, "EAS", "phone1"), used, used, None, about)
    return phones.phone(device, RULES, NOW)


def test_how_a_device_stands_is_said_in_words() -> None:
    for standing in Standing:
        told = described(standing)
        assert told.state == (phones.STATES[standing] if standing is not Standing.ALLOWED else phones.FINE)
        assert bool(told.explained) == (standing is not Standing.ALLOWED)
    assert described().state == phones.FINE
    assert described(days=31).state == phones.QUIET
    assert described(**{"usm.device.type": "StrangePhone"}).state.text.startswith("Waiting")
    assert described(**{"usm.device.agent": "evil/1"}).state.text.startswith("Devices of this kind")
    assert described(Standing.ALLOWED, **{"usm.device.agent": "evil/1"}).state == phones.FINE


def test_a_policy_that_was_not_taken_is_a_problem() -> None:
    assert described().problems == []
    assert described(**{memory.POLICY_APPLIED: "older"}).problems == [phones.NO_POLICY]
    assert described(**{memory.POLICY_APPLIED: "older", "usm.device.type": "Outlook"}).problems == []
    assert described(Standing.BLOCKED, **{memory.POLICY_APPLIED: ""}).problems == []


def test_how_an_order_goes_is_told() -> None:
    assert described(Standing.WIPE).problems == []
    (told,) = described(Standing.WIPE, **{memory.WIPE_TOLD: "1"}).problems
    (failed,) = described(Standing.WIPE, **{memory.WIPE_TOLD: "1", memory.WIPE_FAILED: "2"}).problems
    assert (told.text, failed.text) == (phones.WIPE_TOLD, phones.WIPE_FAILED)


def test_a_device_has_a_name_in_any_case() -> None:
    assert described().name == "phone1"
    assert described(**{"usm.device.type": "iPhone"}).name == "iPhone"
    assert described(**{"usm.device.type": "iPhone", f"{memory.DEVICE}Model": " "}).name == "iPhone"
    assert described(**{f"{memory.DEVICE}FriendlyName": "Antons"}).name == "Antons"
