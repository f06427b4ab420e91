"""The users' pages in a real browser: what people do, by finger and by keyboard, in both languages, bright and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.usm import choice
from app.usm.devices import Standing
from app.usm.model import SessionId
from app.usm.ports import STANDING
from lab.device import Phone
from lab.device.folders import create_folder
from tests.pages.chromium import DESK, Surfer, surfing
from tests.pages.conftest import CONTEXT, PASSWORD, USERS, Office

LOGIN = "anton@example.org"
ABOUT = {"Model": "iPhone 15", "FriendlyName": "Anton’s iPhone", "OS": "iOS 18.1"}
DEVICE = "browser0000000000000000000000001"
SESSION = SessionId(CONTEXT, USERS["anton"], "EAS", DEVICE)


@pytest.fixture
def surfer(chromium: Browser, office: Office, pages_url: tuple[str, Path]) -> Iterator[Surfer]:
    """With a phone's small screen."""
    with surfing(chromium, pages_url[0]) as one:
        yield one


@pytest.fixture
def phone(office: Office, pages_url: tuple[str, Path]) -> Iterator[Phone]:
    """A real one, which has synchronised."""
    url, certificate = pages_url
    one = Phone(url, LOGIN, PASSWORD, device_id=DEVICE, device_type="iPhone", verify=str(certificate))
    one.about.update(ABOUT)
    one.folder_sync()
    one.sync_all(one.folder_of_type(2).server_id)
    yield one
    one.close()


def test_one_signs_in_looks_and_forgets(surfer: Surfer, phone: Phone, office: Office) -> None:
    page = surfer.page
    surfer.open("/usm/")
    surfer.check_access()
    page.get_by_label("Name or mail address").fill(LOGIN)
    page.get_by_label("Password").fill("Zq7 wrong")
    # A refused form is shown again with status 403, which browsers write to their console by themselves.
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("status")).to_have_text("The name or the password is wrong.")
    assert surfer.complaints == [
        "error: Failed to load resource: the server responded with a status of 403 (Forbidden)"
    ]
    surfer.complaints.clear()
    assert page.get_by_label("Name or mail address").input_value() == LOGIN
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your devices")
    surfer.check_access()
    cookies = {each["name"]: each for each in surfer.context.cookies()}
    session = cookies["__Host-usm-session"]
    assert (session["secure"], session["httpOnly"], session["sameSite"]) == (True, True, "Strict")

    page.get_by_role("link", name="Anton’s iPhone").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Anton’s iPhone")
    expect(page.get_by_text("iOS 18.1")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text=re.compile("^Inbox|^INBOX"))).to_be_visible()
    surfer.check_access()
    page.get_by_role("link", name="Erase it from afar").click()
    expect(page.get_by_label("This account only")).to_be_checked()
    surfer.check_access()
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Remove it from the list").click()
    surfer.check_access()
    page.get_by_role("button", name="Remove it from the list").click()
    expect(page.get_by_role("status")).to_contain_text("was removed from the list")
    surfer.check_access()
    assert office.store.fields(SESSION) == {}
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    page.go_back()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)


def test_an_app_password_lets_a_phone_in_and_out(
    surfer: Surfer, office: Office, pages_url: tuple[str, Path]
) -> None:
    page = surfer.page
    surfer.sign_in(LOGIN, PASSWORD)
    page.get_by_role("link", name="App passwords").click()
    surfer.check_access()
    page.get_by_label("Which device is it for?").fill("New phone")
    page.get_by_label("Your own password").fill(PASSWORD)
    page.get_by_role("button", name="Make an app password").click()
    made = page.locator(".secret").inner_text()
    surfer.check_access()
    phone = Phone(pages_url[0], LOGIN, made, device_id="b2", verify=str(pages_url[1]))
    try:
        assert phone.folder_sync()
    finally:
        phone.close()
    page.reload()
    expect(page.locator(".secret")).to_have_count(0)
    page.get_by_role("button", name="Take it back New phone").click()
    expect(page.get_by_role("status")).to_contain_text("is taken back")


def test_a_folder_that_is_left_out_leaves_the_phone(surfer: Surfer, phone: Phone, office: Office) -> None:
    page = surfer.page
    title = "Journeys"
    create_folder(phone, title)
    phone.folder_sync()
    number = next(each.server_id for each in phone.folders.values() if each.name == title)
    surfer.sign_in(LOGIN, PASSWORD)
    page.get_by_role("link", name="Folders").click()
    surfer.check_access()
    page.get_by_label(title, exact=True).uncheck()
    page.get_by_role("button", name="Keep this choice").click()
    expect(page.get_by_role("status")).to_contain_text("Your choice is kept.")
    expect(page.get_by_label(title, exact=True)).not_to_be_checked()
    assert choice.DUE in office.store.fields(SESSION)
    phone.folder_sync()
    assert number not in phone.folders
    page.get_by_label(title, exact=True).check()
    page.get_by_role("button", name="Keep this choice").click()
    phone.folder_sync()
    assert phone.folders[number].name == title


def test_everything_is_done_by_keyboard_and_in_german(
    chromium: Browser, phone: Phone, office: Office, pages_url: tuple[str, Path]
) -> None:
    with surfing(chromium, pages_url[0], locale="de-DE", color_scheme="dark") as surfer:
        surfer.open("/usm/")
        surfer.check_access()
        assert surfer.page.evaluate("document.documentElement.lang") == "de"
        surfer.page.keyboard.type(LOGIN)  # the field has the focus
        surfer.press("Tab")
        surfer.page.keyboard.type(PASSWORD)
        surfer.enter()
        expect(surfer.page.get_by_role("heading", level=1)).to_have_text("Ihre Geräte")
        surfer.check_access()
        surfer.tab_to("Zum Inhalt springen")
        surfer.press("Enter")
        surfer.tab_to("Anton’s iPhone")
        surfer.enter()
        expect(surfer.page.get_by_role("heading", level=1)).to_have_text("Anton’s iPhone")
        surfer.check_access()
        surfer.tab_to("Aus der Ferne löschen")
        surfer.enter()
        surfer.tab_to("Nur dieses Konto")
        surfer.press("ArrowDown")
        surfer.tab_to("Weiter")
        surfer.enter()
        expect(surfer.page.get_by_role("heading", level=1)).to_contain_text(
            "Alles auf Anton’s iPhone löschen?"
        )
        surfer.check_access()
        surfer.tab_to("Ich weiß")
        surfer.press("Space", "Tab")
        surfer.page.keyboard.type(PASSWORD)
        surfer.enter()
        expect(surfer.page.get_by_role("status")).to_contain_text("wird vollständig gelöscht")
        assert office.store.fields(SESSION)[STANDING] == Standing.WIPE
        surfer.tab_to("Auftrag zurücknehmen")
        surfer.enter()
        expect(surfer.page.get_by_role("status")).to_contain_text("zurückgenommen")
        assert STANDING not in office.store.fields(SESSION)
        surfer.tab_to("English")
        surfer.enter()
        expect(surfer.page.get_by_role("link", name="Erase it from afar")).to_be_visible()
        surfer.check_access()


def test_on_a_wide_screen_too(chromium: Browser, phone: Phone, pages_url: tuple[str, Path]) -> None:
    with surfing(chromium, pages_url[0], viewport=DESK) as surfer:
        surfer.sign_in(LOGIN, PASSWORD)
        for path in ("/usm/", "/usm/folders", "/usm/app-passwords"):
            surfer.open(path)
            surfer.check_access()


def test_a_form_on_another_site_does_nothing(surfer: Surfer, phone: Phone, office: Office) -> None:
    page = surfer.page
    surfer.sign_in(LOGIN, PASSWORD)
    expect(page.get_by_role("link", name="Anton’s iPhone")).to_be_visible()
    address = page.get_by_role("link", name="Anton’s iPhone").get_attribute("href")
    evil = f'<form method="post" action="{surfer.url}{address}/forget"><button>Win</button></form>'
    page.route("https://127.0.0.1/evil", lambda route: route.fulfill(body=evil, content_type="text/html"))
    page.goto("https://127.0.0.1/evil")
    page.get_by_role("button", name="Win").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("That is not allowed")
    assert [each for each in surfer.complaints if "403" not in each] == []
    surfer.complaints.clear()
    assert office.store.fields(SESSION)
