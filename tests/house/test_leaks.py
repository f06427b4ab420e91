"""The search for leaks finds one: tests of the plugin :mod:`tests.leaks`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import leaks

ROOT = Path(__file__).resolve().parents[2]

PLANTED = """
import logging
from tests import leaks

def test_a_record():
    leaks.note("Passw0rd-of-Anton")
    {record}

def test_a_file(tmp_path):
    leaks.note_text("Dinner with Zoë")
    (tmp_path / "usm.log").write_text("2026-11-23 INFO {file}")
"""
CLEAN = {"record": "logging.getLogger('app').info('Passw0rd of Anton')", "file": "Dinner without Zoë"}


def run(folder: Path, *words: str, **planted: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_planted.py").write_text(PLANTED.format(**(CLEAN | planted)))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.leaks",
        "-c",
        "/dev/null",
    ]
    return subprocess.run(
        [*command, "--rootdir", str(folder), "--basetemp", str(folder / "temporary"), *words, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_run_without_leaks_is_good(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", [(), ("-n", "1")], ids=["alone", "by another process"])
def test_a_run_that_logs_a_password_or_a_subject_fails(tmp_path: Path, words: tuple[str, ...]) -> None:
    record = "logging.getLogger('app').info('login with %s refused', 'Passw0rd-of-Anton')"
    done = run(tmp_path, *words, record=record, file="asked for Dinner with Zoë")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "'Passw0rd-of-Anton' of test_planted.py::test_a_record stands in the records" in done.stdout
    assert "login with Passw0rd-of-Anton refused" in done.stdout
    assert "'Dinner with Zoë'" in done.stdout
    assert "usm.log" in done.stdout


def hits(text: str, *words: str) -> list[str]:
    return [word for word, _ in leaks.found(words, text)]


def test_a_word_is_found_wherever_it_stands_by_itself() -> None:
    assert hits("a line\nwith secret in it", "secret") == ["secret"]
    assert hits('{"password":"secret"}', "secret") == ["secret"]
    assert hits("secrets, top-secret, secret_keys", "secret") == []
    assert hits("Grüße aus Ulm: 3 Bilder", "Grüße aus Ulm") == ["Grüße aus Ulm"]
    assert hits("x" * 70, "x" * leaks.LONGEST) == ["x" * leaks.LONGEST]


def test_what_the_program_says_by_itself_is_no_leak() -> None:
    assert hits("usm1-abc: this app password is wrong", "wrong") == []
    assert hits("login 'anton' with 'wrong' refused", "wrong") == ["wrong"]


def test_plain_words_and_short_ones_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "_seen", {})
    for text in ("Lunch", "aaaaaaaa b", "Re: a", None, 5, b"two words here\nand more"):
        leaks.note_text(text)
    assert list(leaks._seen) == ["two words here"]


def test_an_exception_is_looked_at_as_the_service_logs_it() -> None:
    import logging

    logged = leaks.Logged()
    logger = logging.Logger("leaks")
    logger.addHandler(logged)
    try:
        raise RuntimeError("the words of it")
    except RuntimeError:
        logger.exception("it failed")
    [line] = logged.lines
    assert "RuntimeError" in line
    assert "the words of it" not in line
