"""Files from templates: every name must be defined, and values of ``.properties`` files are escaped as Java does."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


def property_value(value: object) -> str:
    """The text of a value in a ``.properties`` file: Latin-1 with ``\\u`` escapes, booleans in lower case.

    Only what would be misread is escaped, so that an address stays one that a person can copy.
    """
    text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
    text = text.replace("\\", "\\\\")
    for raw, escaped in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\f", "\\f")):
        text = text.replace(raw, escaped)
    if text.startswith(" "):
        text = "\\" + text
    return "".join(letter if " " <= letter <= "~" else _unicode_escape(letter) for letter in text)


def _unicode_escape(letter: str) -> str:
    """A letter as one ``\\uXXXX`` for each UTF-16 unit."""
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def property_key(key: object) -> str:
    """The text of a key in a ``.properties`` file."""
    return re.sub(r"[ :=#!]", r"\\\g<0>", property_value(str(key).strip()))


def settings_of(template: str) -> dict[str, str]:
    """Key -> name of the setting that is its value, of ``templates/<template>``."""
    text = (TEMPLATES / template).read_text(encoding="ascii")
    return dict(re.findall(r"(?m)^([\w.]+)=\{\{ (\w+) \| property \}\}$", text))


def render(template: str, values: Mapping[str, Any]) -> str:
    """The text of ``templates/<template>``. Raises :class:`jinja2.UndefinedError` for a name without a value."""
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701  # nosec B701 # configuration files, no HTML
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(property=property_value, property_key=property_key)
    return environment
