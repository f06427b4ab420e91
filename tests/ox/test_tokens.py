"""OAuth access tokens in place of a login, and passwords that stand for OX's own, at the stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.errors import AccessDenied, NotEnabled
from app.usm.model import BodyKind, ContentType, Credentials, Device, FolderRef, Item
from tests.fakes.clock import ManualClock
from tests.ox.standin import StandIn, make_data

PHONE = Device("EAS", "phone1")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def provider(standin: StandIn, clock: ManualClock) -> Iterator[OxSourceProvider]:
    made = OxSourceProvider(OxSettings(standin.url), clock)
    yield made
    made.close()


def token(standin: StandIn, **more: object) -> Credentials:
    answer = standin.control("POST", "token", {"login": "berta@example.org", **more})
    return Credentials("", answer["token"], is_token=True)


@pytest.fixture(scope="module", params=["7", "8"])
def standin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    running = StandIn(make_data(tmp_path_factory.mktemp("ox"), "small"), request.param)
    yield running
    running.stop()


def test_a_token_opens_the_mailbox_of_its_user_without_a_login(
    provider: OxSourceProvider, standin: StandIn
) -> None:
    credentials = token(standin)
    standin.forget_calls()
    source = provider.open(credentials, PHONE)
    assert (source.user.context_id, source.user.login) == (1, "berta@example.org")
    folders = source.folders()
    assert {ContentType.MAIL, ContentType.CONTACTS, ContentType.CALENDAR, ContentType.TASKS} <= {
        folder.content for folder in folders
    }
    refs = {folder.content: FolderRef(1, folder.id, folder.content) for folder in reversed(folders)}
    for content in (ContentType.CONTACTS, ContentType.TASKS, ContentType.MAIL):
        listing = source.listing(refs[content], None)
        some = list(listing.stamps)[:3]
        assert some
        items = source.read(refs[content], some, [BodyKind.TEXT])
        assert all(isinstance(items[item_id], Item) for item_id in some)
    written = source.create(refs[ContentType.CONTACTS], {"last_name": "Token"}, "uid-1")
    assert written.id in source.listing(refs[ContentType.CONTACTS], None).stamps
    assert not [call for call in standin.calls() if call.startswith(("login", "multiple"))]


def test_the_same_token_needs_no_further_questions(provider: OxSourceProvider, standin: StandIn) -> None:
    credentials = token(standin)
    provider.open(credentials, PHONE)
    standin.forget_calls()
    provider.open(credentials, PHONE)
    assert standin.calls() == {}
    provider.open(credentials, Device("EAS", "phone2"))
    assert provider.count() == 2


def test_users_with_tokens_are_not_mixed_up(provider: OxSourceProvider, standin: StandIn) -> None:
    first, second = token(standin), token(standin, login="anton@example.org")
    assert provider.open(first, PHONE).user.login == "berta@example.org"
    assert provider.open(second, PHONE).user.login == "anton@example.org"
    assert provider.open(first, PHONE).user.login == "berta@example.org"


def test_a_token_that_is_not_good_is_tried_once(
    provider: OxSourceProvider, standin: StandIn, clock: ManualClock
) -> None:
    wrong = Credentials("", "nonsense", is_token=True)
    for _ in range(2):
        with pytest.raises(AccessDenied) as caught:
            provider.open(wrong, PHONE)
        assert "nonsense" not in str(caught.value)
    good = token(standin)
    source = provider.open(good, PHONE)
    standin.control("DELETE", "token")
    with pytest.raises(AccessDenied):
        source.folders()


def test_a_token_that_lacks_a_scope_says_which_call_needs_it(
    provider: OxSourceProvider, standin: StandIn
) -> None:
    few = token(standin, scopes=["read_folders", "read_contacts", "read_mail", "read_calendar", "read_tasks"])
    source = provider.open(few, PHONE)
    contacts = next(folder for folder in source.folders() if folder.content is ContentType.CONTACTS)
    with pytest.raises(NotEnabled, match=r"scope for .*contacts\?action=new"):
        source.create(FolderRef(1, contacts.id, contacts.content), {"last_name": "x"}, "uid-2")


class Keys:
    """A keyring with one app password."""

    def __init__(self) -> None:
        self.valid = True
        self.asked: list[str] = []

    def resolve(self, credentials: Credentials) -> Credentials:
        self.asked.append(credentials.password)
        if credentials.password != "usm1-app":
            return credentials
        if not self.valid:
            raise AccessDenied("no such app password")
        return Credentials("berta@example.org", "secret")

    def is_valid(self, credentials: Credentials) -> bool:
        return self.valid or credentials.password != "usm1-app"


def test_a_password_that_stands_for_another_opens_its_session(standin: StandIn, clock: ManualClock) -> None:
    keys = Keys()
    settings = OxSettings(standin.url)
    provider = OxSourceProvider(settings, clock, keyring=keys)
    app = Credentials("berta@example.org", "usm1-app")
    assert provider.open(app, PHONE).user.login == "berta@example.org"
    provider.open(app, PHONE)
    assert keys.asked == ["usm1-app"]  # at the login and at no other time
    provider.open(Credentials("anton@example.org", "secret"), PHONE)
    keys.valid = False
    provider.open(app, PHONE)
    clock.advance(settings.rights_age + 1)
    with pytest.raises(AccessDenied, match="taken back"):
        provider.open(app, PHONE)
    with pytest.raises(AccessDenied):
        provider.open(app, PHONE)
    assert provider.count() == 1
    provider.open(Credentials("anton@example.org", "secret"), PHONE)
    provider.close()
