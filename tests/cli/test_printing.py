"""Lists and details as people, spreadsheets and programs get them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.cli import printing, progress
from app.cli.printing import print_rows, print_thing

NAMES = ["name", "count", "note"]


def row(name: object = "a", count: object = 1, note: object = "") -> dict[str, object]:
    return {"name": name, "count": count, "note": note}


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def printed(capsys: pytest.CaptureFixture[str], *rows: dict[str, object], form: str = "table") -> str:
    print_rows(rows, NAMES, form)
    return capsys.readouterr().out


def test_a_table_has_columns_and_its_numbers_stand_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, row("anton", 7), row("b", 1200, "x")) == (
        "name   count  note\nanton      7  -\nb       1200  x\n"
    )


def test_no_rows_are_nothing_in_a_table_and_valid_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys) == ""
    assert printed(capsys, form="csv") == "name,count,note\n"
    assert json.loads(printed(capsys, form="json")) == []


def test_a_person_is_told_that_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for form in printing.FORMATS:
        printed(capsys, form=form)
    print_rows([], NAMES, "table")
    assert capsys.readouterr() == ("", "nothing to list\n")


def test_json_is_an_array_with_a_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row("ä\x1b", None, [1, "x"]), row("b", True)]
    told = printed(capsys, *rows, form="json")
    assert json.loads(told) == rows
    assert len(told.splitlines()) == 4
    assert told.isascii()


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_cell_of_csv_is_a_formula(begin: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, row(f'{begin}cmd|"x"!A1', -3, "-"), form="csv")
    [found] = csv.DictReader(io.StringIO(told, newline=""))
    assert found == {"name": f'\'{begin}cmd|"x"!A1', "count": "-3", "note": "-"}


def test_nothing_in_a_cell_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, row("a\x1b[2Jb\nc\u202ed\u00a0e\ud800", 1, "x"))
    assert told.splitlines()[1] == r"a\x1b[2Jb\nc\u202ed e\ud800      1  x"


def test_wide_letters_count_as_two_and_accents_as_none(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, row("日本", 1, "x"), row("e\u0301", 2, "y"), row("abcdef", 3, "z")).splitlines()
    assert lines[1] == "日本        1  x"
    assert lines[2] == "e\u0301           2  y"
    assert lines[3] == "abcdef      3  z"


def test_a_narrow_terminal_cuts_what_may_be_cut_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_rows([row("n" * 30, 1, "日本" * 10)], NAMES, "table", cut=["note"])
    line = capsys.readouterr().out.splitlines()[1]
    assert line == f"{'n' * 30}      1  日本日…"
    print_rows([row("n" * 10, 1, "x" * 30)], NAMES, "table", cut=["note"])
    line = capsys.readouterr().out.splitlines()[1]
    assert (len(line), line[-1]) == (40, "…")
    print_rows([row("n", 1, "x" * 60)], NAMES, "csv", cut=["note"])
    assert "x" * 60 in capsys.readouterr().out


def test_a_wider_row_that_comes_late_widens_its_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(printing, "LOOK_AHEAD", 2)
    lines = printed(capsys, row("a"), row("b"), row("long name", 2, "x"), row("c", 3, "y")).splitlines()
    assert lines[2] == "b         1  -"
    assert lines[3] == "long name      2  x"
    assert lines[4] == "c              3  y"


def test_rows_are_printed_before_the_last_one_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(printing, "LOOK_AHEAD", 2)
    monkeypatch.setattr(printing, "_PORTION", 10)
    for form in printing.FORMATS:
        seen: list[str] = []

        def rows(seen: list[str] = seen) -> Iterator[dict[str, object]]:
            for number in range(10):
                seen.append(capsys.readouterr().out)
                yield row(f"row {number}")

        print_rows(rows(), NAMES, form)
        assert "row 3" in "".join(seen), form


def test_a_thing_has_its_lists_in_sections(capsys: pytest.CaptureFixture[str]) -> None:
    thing = {
        "name": "anton",
        "ok": True,
        "none": None,
        "rows": [{"a": 1, "b": "=x"}, {"a": 20, "b": "y"}],
        "empty": [],
    }
    print_thing(thing, "table")
    assert capsys.readouterr().out == (
        "name   anton\nok     yes\nnone   -\nempty  -\n\nrows:\n   a  b\n   1  =x\n  20  y\n"
    )
    print_thing(thing, "json")
    assert json.loads(capsys.readouterr().out) == thing
    print_thing(thing, "csv")
    assert dict(csv.reader(io.StringIO(capsys.readouterr().out))) == {
        "field": "value",
        "name": "anton",
        "ok": "yes",
        "none": "-",
        "rows.1.a": "1",
        "rows.1.b": "'=x",
        "rows.2.a": "20",
        "rows.2.b": "y",
        "empty": "-",
    }


@pytest.mark.parametrize("form", printing.FORMATS)
def test_whoever_stops_reading_ends_the_command_without_a_word(form: str) -> None:
    code = (
        "from app.cli.printing import print_rows\n"
        f"print_rows(({{'name': 'x' * 100, 'n': n}} for n in range(100_000)), ['name', 'n'], {form!r})"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        assert done.stdout.readline()
        done.stdout.close()
        assert done.wait(timeout=60) == 141
        assert done.stderr.read() == b""


def test_an_output_of_few_letters_gets_escapes() -> None:
    code = "from app.cli.printing import print_rows; print_rows([{'a': '日'}], ['a'], 'table')"
    environment = {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert done.stdout == b"a\n\\u65e5\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_to_a_person_who_waits_and_goes_when_there_is_something_to_see(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Terminal()
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", screen)
        assert list(progress.watched("ab", "devices")) == ["a", "b"]
        print_rows((row(each) for each in progress.watched("a", "users")), NAMES, "json")
    assert screen.getvalue() == "\r\x1b[K0 devices\r\x1b[K1 devices\r\x1b[K\r\x1b[K0 users\r\x1b[K"


def test_nobody_who_is_no_person_is_shown_any_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    assert list(progress.watched("ab", "devices")) == ["a", "b"]
    assert capsys.readouterr().err == ""
