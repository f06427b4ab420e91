"""The pictures of the administrators' part of ``docs/pages.md``; ``make screenshots`` writes them anew."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from app.eas.admission_rules import DeviceRules, parse
from app.eas.throttle import Load
from app.usm.model import SessionId
from tests.pages.chromium import FLAGS, PROGRAM, Surfer, served, surfing
from tests.pages.screenshots import IMAGES
from tests.pages.test_admin import NAME, PASSWORD, Office, folders, opened

KINDS = (
    ("iPhone", "Apple-iPhone15C2/2201.1", "iPhone 15", "iOS 18.1", "16.1"),
    ("Android", "Android-Mail/2024.9", "Pixel 9", "Android 15", "16.1"),
    ("iPad", "Apple-iPad13C1/2201.1", "iPad Air", "iPadOS 18.1", "16.1"),
    ("SamsungDevice", "SAMSUNG-SM-X710/101.14", "Galaxy Tab S9", "Android 15", "14.1"),
)
NAMES = ("anton", "berta", "caesar", "dora", "emil", "friedrich", "gustav", "heinrich", "ida", "julius")
SIZE = {"width": 900, "height": 720}

SHOTS = {
    "admin-devices": ("devices?text=example", "en", "light"),
    "admin-device": ("device?context=1&user=3&device=ABC0000000", "en", "light"),
    "admin-quarantine-de": ("quarantine", "de", "light"),
    "admin-storms": ("storms", "en", "dark"),
}
"""File → path of the page, language, colours."""


def main() -> int:
    """Write all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        office = opened(Path(place), DeviceRules(quarantine=parse("type:Samsung*")))
        _fill(office)
        with served(office.client.app, Path(place), 8011) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(PROGRAM), args=list(FLAGS))
            for name, (path, language, colours) in SHOTS.items():
                given = {"viewport": SIZE, "locale": language, "color_scheme": colours}
                with surfing(browser, url, **given) as surfer:
                    _shoot(surfer, name, path)
            browser.close()
        office.databases.close()  # type: ignore[attr-defined]
    return 0


def _fill(office: Office) -> None:
    for number in range(40):
        kind, agent, model, system, version = KINDS[number % len(KINDS)]
        name = NAMES[number % len(NAMES)]
        session = SessionId(1, 3 + number % len(NAMES), "EAS", f"ABC{number:07}")
        office.clock.advance(3000)
        about = {
            "usm.device.login": f"{name} {name}@example.org",
            "usm.device.type": kind,
            "usm.device.agent": agent,
            "usm.device.version": version,
            "eas.device.Model": model,
            "eas.device.OS": system,
        }
        office.store.write_fields(session, about)
        if number in (4, 9):
            office.store.decide(session, "blocked" if number == 4 else "wipe")
        if number in (1, 17):
            office.loads.append(Load(session, 31_000 // number, 240 // number, 900 // number))
    first = SessionId(1, 3, "EAS", "ABC0000000")
    folders(office, first)


def _shoot(surfer: Surfer, name: str, path: str) -> None:
    page = surfer.page
    surfer.open("/usm/admin/sign-in")
    page.locator("#name").fill(NAME)
    page.locator("#password").fill(PASSWORD)
    page.locator("main button").click()
    page.wait_for_selector("nav")
    surfer.open(f"/usm/admin/{path}")
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


if __name__ == "__main__":
    sys.exit(main())
