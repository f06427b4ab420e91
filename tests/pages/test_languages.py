"""Every text is there in every language, and says the same values."""

from __future__ import annotations

from collections import Counter

import pytest

from app.pages import languages
from app.pages.languages import LANGUAGES, SOURCE, catalogue
from tests.pages import texts

OTHERS = [language for language in LANGUAGES if language != SOURCE]


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    there = {
        text
        for found in texts.entries(language).values()
        for entry in found
        if not entry.obsolete and not entry.fuzzy and (entry.msgstr or all(entry.msgstr_plural.values()))
        for text in filter(None, (entry.msgid, entry.msgid_plural))
    }
    missing = {
        text: where for text, where in (texts.in_templates() | texts.in_python()).items() if text not in there
    }
    assert not missing


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over_and_none_comes_twice(language: str) -> None:
    used = {*texts.in_templates(), *texts.in_python()}
    found = Counter(entry.msgid for each in texts.entries(language).values() for entry in each)
    assert [text for text in found if text not in used] == []
    assert [text for text, times in found.items() if times > 1] == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_value_of_a_text_is_in_its_translation(language: str) -> None:
    for found in texts.entries(language).values():
        for entry in found:
            forms = [entry.msgstr, *entry.msgstr_plural.values()]
            for form in filter(None, forms):
                named = texts.PLACEHOLDER.findall(form)
                wanted = texts.PLACEHOLDER.findall(entry.msgid_plural or entry.msgid)
                assert sorted(set(named)) == sorted(set(wanted)), entry.msgid
                # Nothing but a value may follow a per cent sign.
                assert form.count("%") == len(named) + 2 * form.count("%%"), entry.msgid
                assert form == form.strip(), entry.msgid


def test_texts_are_found_where_they_are() -> None:
    assert "Sign out" in texts.in_templates()
    assert languages.catalogue("de").gettext("Sign out") == "Abmelden"
    assert any(where.startswith("guard.py:") for where in texts.in_python().values())


def test_a_text_without_translation_stays_as_it_is() -> None:
    assert catalogue("de").gettext("nobody translated this") == "nobody translated this"
    assert catalogue("de").ngettext("%(num)d thing nobody knows", "%(num)d things", 2) == "%(num)d things"
    assert "Sign out" in catalogue("de")
    assert "Sign out" not in catalogue("en")


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        ("", "", "en"),
        ("", "de", "de"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr,en;q=0.5,de;q=0.7", "de"),
        ("", "en;q=0.5, de;q=0.4", "en"),
        ("", "de;q=0, en;q=0.1", "en"),
        ("", "fr", "en"),
        ("en", "de", "en"),
        ("de", "en", "de"),
        ("xx", "de", "de"),
        ("../../etc/passwd", "", "en"),
        ("", "d\x00e;;;q=,,,;q=9,*", "en"),
        ("", "de;q=0.8" + ",x" * 10_000, "de"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_best_accepted(cookie: str, accept: str, language: str) -> None:
    assert languages.chosen(cookie, accept) == language
