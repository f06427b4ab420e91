"""Templates, and the files that browsers keep.

* Everything in a template is escaped unless the template says otherwise, and none does.
* ``_("...")`` takes nothing but a text that stands right there, as Jinja trusts it; a text that comes from Python goes
  through ``tell(text, name=value, ...)``.
* A value that a template names and nobody gave is an error.
* Files of ``static`` are served under a name with a digest of what is in them: a browser keeps them for good, and asks
  for another name when they change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.pages.languages import LANGUAGES, Catalogue, catalogue

TEMPLATES: Final = Path(__file__).with_name("templates")
STATIC: Final = Path(__file__).with_name("static")

TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

DIGEST: Final = 12
"""Letters of the digest in a file's name."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that browsers keep. ``name``: with its digest."""

    name: str
    content_type: str
    data: bytes


def assets() -> dict[str, Asset]:
    """All files, by the name they have in their folder."""
    found = {}
    for path in sorted(STATIC.iterdir()):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()[:DIGEST]
        found[path.name] = Asset(f"{path.stem}-{digest}{path.suffix}", TYPES[path.suffix], data)
    return found


def environment(language: str) -> Environment:
    """The templates in one language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = catalogue(language)
    made.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.globals["tell"] = partial(tell, texts)
    made.filters["day"] = day
    made.filters["iso"] = iso
    made.filters["age"] = age
    return made


def tell(texts: Catalogue, text: str, **values: Any) -> Markup:
    """A text of Python in the language of the page, whatever is in it."""
    return escape(texts.gettext(text)) % values


class Frame:
    """Makes pages that live under the path ``base``, such as ``/usm``."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.assets = assets()
        self._environments = {language: environment(language) for language in LANGUAGES}

    def render(self, language: str, template: str, values: Mapping[str, Any]) -> str:
        """A page."""
        page = self._environments[language].get_template(template)
        return page.render(base=self.base, lang=language, languages=LANGUAGES, asset=self.asset, **values)

    def asset(self, name: str) -> str:
        """The address of a file."""
        return f"{self.base}/static/{self.assets[name].name}"


def iso(moment: datetime) -> str:
    """A moment for machines."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(moment: datetime, language: str) -> str:
    """A moment for people, in UTC as their time zone is not known."""
    shape = "%d.%m.%Y %H:%M UTC" if language == "de" else "%Y-%m-%d %H:%M UTC"
    return moment.astimezone(UTC).strftime(shape)


def age(moment: datetime, now: datetime) -> tuple[str, int]:
    """How long ago something was, roughly: so many ``hours`` or ``days``. 0 hours: less than one, or to come."""
    seconds = max((now - moment).total_seconds(), 0.0)
    return ("days", int(seconds // 86_400)) if seconds >= 86_400 else ("hours", int(seconds // 3600))
