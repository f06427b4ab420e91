"""The administrators' pages in a real browser: the way through a bad day, by mouse and by keyboard, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from app.eas.throttle import Load
from app.usm.model import SessionId
from app.usm.ports import STANDING
from tests.fakes.clock import CountingTokens
from tests.pages.chromium import DESK, PHONE, Surfer, served, surfing
from tests.pages.test_admin import NAME, NASTY, PASSWORD, Office, folders, opened, seen
from tests.pages.test_admin import PHONE as DEVICE

ANDROID = SessionId(1, 9, "EAS", "android9")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, str]]:
    """The pages of an estate with something of everything, and their address."""
    from app.usm import holding

    folder = tmp_path_factory.mktemp("admin")
    office = opened(folder)
    seen(office.store, DEVICE, **{"eas.device.FriendlyName": NASTY})
    folders(office)
    refs = {ref.number: ref for ref in office.store.folder_refs(DEVICE)}
    holding.hold_back(office.store, DEVICE, refs[1], ["i1", "i2"], office.clock, CountingTokens())
    seen(office.store, ANDROID, **{"usm.device.login": "berta", "eas.device.Model": "Pixel 9"})
    office.store.decide(ANDROID, "quarantined")
    office.loads.append(Load(DEVICE, 4000, 120, 7))
    with served(office.client.app, folder, 8011) as url:
        yield office, url
    office.databases.close()  # type: ignore[attr-defined]


def sign_in(surfer: Surfer) -> None:
    page = surfer.page
    surfer.open("/usm/admin/devices")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in as administrator")
    surfer.check_access()
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_stolen_phone_is_found_and_ordered_to_be_erased(
    chromium: Browser, desk: tuple[Office, str]
) -> None:
    office, url = desk
    with surfing(chromium, url, viewport=DESK) as surfer:
        page = surfer.page
        sign_in(surfer)
        page.get_by_label("Find a device").fill("anton@ex")
        surfer.enter()
        expect(page.get_by_role("heading", level=1)).to_have_text("Devices")
        surfer.check_access()
        page.get_by_role("link", name=DEVICE.device_id).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("iPhone 12")
        surfer.check_access()
        page.get_by_role("link", name="Erase everything").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Erase the whole device?")
        surfer.check_access()
        page.get_by_role("button", name="Erase everything").click()  # the browser asks for the tick
        assert STANDING not in office.store.fields(DEVICE)
        page.get_by_label("Yes, this device and no other.").check()
        page.get_by_role("button", name="Erase everything").click()
        expect(page.get_by_role("status")).to_contain_text("The order to erase the device is given.")
        assert office.store.fields(DEVICE)[STANDING] == "wipe"
        page.get_by_role("button", name="Take back the decision").click()
        expect(page.get_by_role("status").last).to_contain_text("was taken back by that")
        page.get_by_label("Inbox").check()
        page.get_by_role("button", name="Send it anew").click()
        expect(page.get_by_role("status")).to_contain_text("gets it anew")


def test_all_pages_can_be_read_on_a_phone_in_both_languages_bright_and_dark(
    chromium: Browser, desk: tuple[Office, str]
) -> None:
    _, url = desk
    with surfing(chromium, url, viewport=PHONE, color_scheme="dark") as surfer:
        page = surfer.page
        sign_in(surfer)
        for name in ("Devices", "Quarantine", "Stuck", "Storms", "In use", "Overview"):
            page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(name)
            assert page.locator("nav a[aria-current=page]").inner_text() == name
            surfer.check_access()
        page.get_by_role("button", name="Deutsch").click()
        page.emulate_media(color_scheme="light")
        for name in ("Geräte", "Quarantäne", "Hängt fest", "Stürme", "In Benutzung"):
            page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(name)
            surfer.check_access()


def test_the_quarantine_is_worked_off_by_keyboard(chromium: Browser, desk: tuple[Office, str]) -> None:
    office, url = desk
    with surfing(chromium, url, viewport=DESK) as surfer:
        page = surfer.page
        sign_in(surfer)
        surfer.tab_to("Quarantine")
        surfer.enter()
        surfer.tab_to("berta")
        surfer.press("Space")
        surfer.tab_to("Allow those chosen")
        surfer.enter()
        expect(page.get_by_role("status")).to_have_text("Allowed: 1")
        expect(page.get_by_text("Nobody waits to be let in.")).to_be_visible()
        assert office.store.fields(ANDROID)[STANDING] == "allowed"
        page.get_by_role("link", name="Stuck").click()
        expect(page.get_by_text(re.compile("2 deletions held back"))).to_be_visible()
        page.get_by_role("button", name="Drop them").click()
        expect(page.get_by_role("status")).to_have_text("Deletions dropped: 2")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in as administrator")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
