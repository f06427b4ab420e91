"""What becomes of usm.properties and eas.properties on a host: what the settings want, and what somebody edited there.

Rules of this file, for each key:

1. a value that the settings name explicitly wins;
2. else a value that somebody edited on the host stays. Edited is what differs from what the deployment wanted when it
   last wrote the file; where it never wrote the key, what differs from every value that anybody shipped for it;
3. else the value of the template counts.

A key that is not ours (another program's, the vendor's) stays as it is written, with the comment lines directly above
it, in a section of its own at the end. One that the deployment wrote itself, and no longer wants, goes. Of two equal
keys the last one counts, as everywhere. What is merged again comes out the same.

All of this is text in, text out. Texts are Latin-1 with ``\\u`` escapes, as Java reads them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import javaproperties

from tasks.render import property_key, property_value

ENCODING = "iso-8859-1"

SECTION = (
    f"### Not from the deployment {'#' * 74}\n",
    "# Keys that the deployment does not know; kept, with the lines that stood directly above them.\n",
)
"""How the section of keys that are not ours begins."""

_SECRET = re.compile(r"passw|secret|token|credential|database\.url|redis_url|admin\.logins", re.IGNORECASE)
_NO_SECRET = re.compile(r"^com\.openexchange\.usm\.eas\.policy\.")
_LINE_END = re.compile(r"\r\n|\r|\n")


class UnreadableError(ValueError):
    """A text that is no ``.properties`` file. ``line`` is where."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Entry:
    """One key with its value. ``source`` is how it is written; ``above`` the comment lines directly above it; ``line``
    where it begins."""

    key: str
    value: str
    source: str
    above: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings want of one file: its whole text, and the keys that they name explicitly."""

    text: str
    explicit: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """What a host has of one file: its text, what the deployment wanted when it wrote it last (``base``), and the texts
    that packages shipped (``shipped``). None: there is no such text."""

    text: str | None = None
    base: str | None = None
    shipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Merged:
    """What a file becomes. ``kept``: the keys whose value was edited on the host and stays, with the line where it
    stands now. ``repeated``: keys that stand there more than once, with the lines that do not count."""

    text: str
    kept: Mapping[str, Entry] = field(default_factory=dict)
    repeated: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def entries(text: str) -> list[Entry]:
    """The keys of a text in their order, repeated ones too. Raises :class:`UnreadableError`."""
    found: list[Entry] = []
    above: list[str] = []
    for line, element in _elements(text):
        if isinstance(element, javaproperties.KeyValue):
            found.append(Entry(element.key, element.value, element.source, tuple(above), line))
        if isinstance(element, javaproperties.Comment):
            above.append(_LINE_END.sub("", element.source) + "\n")
        else:
            above = []
    return found


def _elements(text: str) -> Iterator[tuple[int, javaproperties.PropertiesElement]]:
    """Keys, comments and empty lines, each with the line where it begins."""
    line = 1
    try:
        for element in javaproperties.parse(text):
            yield line, element
            line += len(_LINE_END.findall(element.source))
    except javaproperties.InvalidUEscapeError as error:
        raise UnreadableError(line, str(error)) from None


def values(text: str | None) -> dict[str, str]:
    """Key -> value of a text; empty without one."""
    return {entry.key: entry.value for entry in entries(text or "")}


def merge(
    wanted: Mapping[str, Wanted],
    found: Mapping[str, Found],
    placeholders: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, Merged]:
    """What each file becomes, by its name. ``placeholders``: values by key that nobody has chosen, wherever they came
    from. A key may stand in any of the files, the last one counts; ours goes where it belongs. Raises
    :class:`UnreadableError` for a text on the host that cannot be read."""
    ours = {key: value for each in wanted.values() for key, value in values(each.text).items()}
    explicit = frozenset[str]().union(*(each.explicit for each in wanted.values()))
    base = {key: value for each in found.values() for key, value in _lenient(each.base).items()}
    now = {entry.key: entry for name in wanted for entry in entries(found[name].text or "")}
    untouched = _untouched(ours, found, placeholders or {})

    def is_edited(entry: Entry) -> bool:
        if entry.key in base:
            return entry.value.strip() != base[entry.key].strip()
        return entry.value.strip() not in untouched.get(entry.key, ())

    edited = {key: entry for key, entry in now.items() if is_edited(entry)}
    kept = {
        key: entry
        for key, entry in edited.items()
        if key in ours and key not in explicit and entry.value.strip() != ours[key].strip()
    }
    return {
        name: _merged(
            wanted[name].text,
            entries(found[name].text or ""),
            kept,
            is_foreign=lambda entry: entry.key not in ours and is_edited(entry),
        )
        for name in wanted
    }


def _untouched(
    ours: Mapping[str, str], found: Mapping[str, Found], placeholders: Mapping[str, Iterable[str]]
) -> dict[str, set[str]]:
    """Our keys with the values that are no edit where the deployment has not written them yet."""
    known = {key: {"", value.strip(), *placeholders.get(key, ())} for key, value in ours.items()}
    for each in found.values():
        for text in each.shipped:
            for key, value in _lenient(text).items():
                if key in known:
                    known[key].add(value.strip())
    return known


def _lenient(text: str | None) -> dict[str, str]:
    """As :func:`values`, of a text that is only compared with: what cannot be read is left out."""
    try:
        return values(text)
    except UnreadableError:
        return {}


def _merged(
    text: str, there: list[Entry], kept: Mapping[str, Entry], is_foreign: Callable[[Entry], bool]
) -> Merged:
    last = {entry.key: entry for entry in there}
    foreign = [entry for entry in there if last[entry.key] is entry and is_foreign(entry)]
    own = {key: kept[key] for key in values(text) if key in kept}
    return Merged(
        _with_values(text, {key: entry.value for key, entry in own.items()}) + _section(foreign),
        own,
        _repeated(there),
    )


def _with_values(text: str, chosen: Mapping[str, str]) -> str:
    """The text of a template with other values for some of its keys."""
    return "".join(
        f"{element.key}={property_value(chosen[element.key])}\n"
        if isinstance(element, javaproperties.KeyValue) and element.key in chosen
        else element.source
        for element in javaproperties.parse(text)
    )


def _section(foreign: list[Entry]) -> str:
    if not foreign:
        return ""
    lines = ["\n", *SECTION, "\n"]
    for at, entry in enumerate(foreign):
        above = [line for line in entry.above if line not in SECTION]
        if above and at:
            lines.append("\n")
        lines += [*above, _ended(entry.source)]
    return "".join(lines)


def _ended(source: str) -> str:
    """An entry as it is written, ended by one line feed. A backslash at the very end of a file continues nothing, but
    would continue into what follows now."""
    bare = source
    while bare != (bare := re.sub(r"(?<!\\)((?:\\\\)*)\\$", r"\1", bare.rstrip("\r\n"))):
        pass
    return _LINE_END.sub("\n", bare) + "\n"


def _before_more(last: javaproperties.PropertiesElement, ending: str) -> str:
    """The last element of a text, as it is if more can follow it; else ended."""
    source: str = last.source
    if not isinstance(last, javaproperties.Comment) and re.search(r"(?<!\\)(\\\\)*\\[\r\n]*$", source):
        return _ended(source).removesuffix("\n") + ending
    return source if source.endswith(("\n", "\r")) else source + ending


def _repeated(there: list[Entry]) -> dict[str, tuple[int, ...]]:
    lines: dict[str, list[int]] = {}
    for entry in there:
        lines.setdefault(entry.key, []).append(entry.line)
    return {key: tuple(found[:-1]) for key, found in lines.items() if len(found) > 1}


def replace(text: str, chosen: Mapping[str, str]) -> str:
    """A text with other values for some keys, and all else byte by byte as it is; a key that is not there comes at the
    end. Raises :class:`UnreadableError`."""
    there = {entry.key: entry for entry in entries(text)}
    due = {there[key].line: key for key in chosen if key in there and there[key].value != chosen[key]}
    ending = "\r\n" if "\r\n" in text else "\n"

    def line_of(key: str) -> str:
        return f"{property_key(key)}={property_value(chosen[key])}{ending}"

    there_now = list(_elements(text))
    kept = [line_of(due[line]) if line in due else element.source for line, element in there_now]
    absent = [line_of(key) for key in chosen if key not in there]
    if absent and kept and there_now[-1][0] not in due:
        kept[-1] = _before_more(there_now[-1][1], ending)
    return "".join([*kept, *absent])


def remember(wanted: Wanted, result: str) -> str:
    """What is kept on the host: what was wanted of a file, and the sha256 of the file that was written. Where the same
    text is kept already, nothing is to be done."""
    return (
        "# What the deployment wanted of this file when it last wrote it. Edits are told by comparing with it.\n"
        f"# result {result}\n"
        f"# explicit {' '.join(sorted(wanted.explicit))}\n"
    ) + wanted.text


def result_of(remembered: str | None) -> str:
    """The sha256 of the file that was written together with a remembered text; empty if it does not tell."""
    match = re.search(r"(?m)^# result ([0-9a-f]{64})$", remembered or "")
    return match.group(1) if match else ""


def digest(text: str) -> str:
    """The sha256 of a text as it lies on the host."""
    return hashlib.sha256(text.encode(ENCODING)).hexdigest()


def difference(before: str, after: str) -> list[str]:
    """What differs in the values of two texts, as lines of a diff: ``-key=value`` and ``+key=value``. Secrets are not
    shown."""
    old, new = _lenient(before), _lenient(after)
    lines = []
    for key in [*new, *(key for key in old if key not in new)]:
        if old.get(key) != new.get(key):
            lines += [
                f"{sign}{shown(key, told[key])}" for sign, told in (("-", old), ("+", new)) if key in told
            ]
    return lines


def shown(key: str, value: str) -> str:
    """A key with its value as a person may see it: without what may be a password."""
    return f"{key}=***" if _is_secret(key, value) else f"{key}={property_value(value)}"


def secrets_of(text: str) -> list[str]:
    """The values of a text that may be passwords, or hold one."""
    return [value for key, value in _lenient(text).items() if _is_secret(key, value)]


def _is_secret(key: str, value: str) -> bool:
    named = _SECRET.search(key) and not _NO_SECRET.search(key)
    return bool(value) and bool(named or re.search(r"://[^/\s]*@", value))
