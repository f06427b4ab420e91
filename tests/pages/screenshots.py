"""The pictures of ``docs/pages.md``: ``make screenshots`` writes them anew, from the real pages in a real browser."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from app.config import Settings
from app.main import create_app
from lab.device import Phone
from lab.device.folders import create_folder
from tests.ox.standin import StandIn, make_data
from tests.pages.chromium import FLAGS, PROGRAM, Surfer, served, surfing

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
LOGIN, PASSWORD = "anton@example.org", "secret"

DEVICES = (
    ("iphone00000001", "iPhone", {"Model": "iPhone 15", "FriendlyName": "iPhone", "OS": "iOS 18.1"}),
    (
        "galaxy00000001",
        "Android",
        {"Model": "Galaxy Tab S9", "FriendlyName": "Tablet", "OS": "Android 15"},
    ),
)
FOLDERS = ("Projects", "Receipts", "Travel")

SHOTS = {
    "pages-sign-in": ("/usm/sign-in", "en", "light"),
    "pages-devices": ("/usm/", "en", "light"),
    "pages-folders": ("/usm/folders", "en", "light"),
    "pages-app-passwords": ("/usm/app-passwords", "en", "dark"),
    "pages-device-de": ("phone", "de", "light"),
}
"""File → path of the page, language, colours."""


def main() -> int:
    """Write all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ox = StandIn(make_data(folder, "empty"), "7")
        settings = Settings(
            ox_url=ox.url,
            database_url=f"sqlite:///{folder / 'state.sqlite'}",
            etc=folder,
            trace_directory=str(folder / "traces"),
        )
        app = create_app(settings)
        try:
            with served(app, folder, settings.listen_port) as url, sync_playwright() as playwright:
                _prepare(url, folder / "certificate.pem")
                browser = playwright.chromium.launch(executable_path=str(PROGRAM), args=list(FLAGS))
                for name, (path, language, colours) in SHOTS.items():
                    with surfing(browser, url, locale=language, color_scheme=colours) as surfer:
                        _shoot(surfer, name, path)
                browser.close()
        finally:
            app.close()
            ox.stop()
    return 0


def _prepare(url: str, certificate: Path) -> None:
    for number, (device_id, kind_of, about) in enumerate(DEVICES):
        phone = Phone(url, LOGIN, PASSWORD, device_id=device_id, device_type=kind_of, verify=str(certificate))
        phone.about.update(about)
        phone.folder_sync()
        if not number:
            for title in FOLDERS:
                create_folder(phone, title)
            phone.folder_sync()
        for kind in (2, 8, 9):
            phone.sync_all(phone.folder_of_type(kind).server_id)
        phone.close()


def _shoot(surfer: Surfer, name: str, path: str) -> None:
    page = surfer.page
    if path != "/usm/sign-in":
        surfer.open("/usm/")
        page.locator("#login").fill(LOGIN)
        page.locator("#password").fill(PASSWORD)
        page.locator("main button").click()
        page.wait_for_selector("nav")
    if path == "phone":
        page.locator(".card a").first.click()
        page.wait_for_selector("dl")
    else:
        surfer.open(path)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


if __name__ == "__main__":
    sys.exit(main())
