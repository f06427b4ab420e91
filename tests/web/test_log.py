"""The log file: where it goes, how a line looks, what happens when it is rotated."""

from __future__ import annotations

import json
import logging
import threading

import pytest

from app.usm.model import Cost
from app.web import log


@pytest.fixture
def loggers():
    """Leaves the loggers of this process as they were."""
    kept = [(name, logging.getLogger(name)) for name in (*log.LOGGERS, "app")]
    states = [(logger, logger.handlers[:], logger.level) for _, logger in kept]
    yield
    threading.excepthook = threading.__excepthook__
    for logger, handlers, level in states:
        logger.handlers[:] = handlers
        logger.setLevel(level)


SUBJECT = log.Subject(10, 183, "anton", "EAS", "androidc331384742")


def test_a_line_carries_the_request_and_the_words_of_the_original(loggers, tmp_path):
    path = tmp_path / "usm.log"
    log.configure(str(path), "info")
    log.current_request.set("4711abcd")
    log.executed(SUBJECT, "Sync", 0.302, Cost(4, 0.253))
    line = path.read_text()
    assert line.count("\n") == 1
    assert " INFO " in line
    assert (
        " 4711abcd 10:183:anton:EAS:androidc331384742: Sync executed in 302 ms, 4 OX calls took 253 ms."
        in line
    )


def test_a_log_that_was_moved_away_is_begun_anew(loggers, tmp_path):
    path = tmp_path / "usm.log"
    log.configure(str(path), "info")
    log.executed(SUBJECT, "Sync", 0.1, Cost())
    path.rename(tmp_path / "usm.log.1")
    log.executed(SUBJECT, "Ping", 0.1, Cost())
    assert "Sync" in (tmp_path / "usm.log.1").read_text()
    assert "Ping" in path.read_text()
    assert "Sync" not in path.read_text()


def test_the_level_decides_what_is_written(loggers, tmp_path):
    path = tmp_path / "usm.log"
    log.configure(str(path), "warning")
    log.executed(SUBJECT, "Sync", 0.1, Cost())
    log.refused(SUBJECT, "Sync", 401, "password", 0.1)
    log.refused(SUBJECT, "Sync", 503, "OX does not answer", 0.1)
    assert path.read_text().count("\n") == 1


def test_lines_of_libraries_are_written_when_they_warn(loggers, tmp_path):
    path = tmp_path / "usm.log"
    log.configure(str(path), "debug")
    logging.getLogger("urllib3").debug("chatter")
    logging.getLogger("urllib3").warning("a warning")
    assert "chatter" not in path.read_text()
    assert "a warning" in path.read_text()


def test_what_is_not_known_is_a_dash():
    assert str(log.Subject(login="anton")) == "-:-:anton:EAS:-"


def test_text_of_others_is_kept_short_and_printable():
    assert log.clean("a\tb\nc\x1b\u202e") == "a?b?c??"
    assert len(log.clean("x" * 5000)) == 200


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_as_json_a_line_has_the_parts_of_a_command_as_values(loggers, tmp_path):
    path = tmp_path / "usm.log"
    log.configure(str(path), "info", "json")
    log.current_request.set("4711abcd")
    log.executed(SUBJECT, "Sync", 0.302, Cost(4, 0.253))
    log.refused(SUBJECT, "Ping", 503, "OX does not answer", 0.1, "192.0.2.1")
    executed, refused = rows(path)
    assert executed["message"].endswith("Sync executed in 302 ms, 4 OX calls took 253 ms.")
    assert {
        name: executed[name] for name in ("request", "level", "context_id", "device_id", "ms", "ox_calls")
    } == {
        "request": "4711abcd",
        "level": "INFO",
        "context_id": 10,
        "device_id": "androidc331384742",
        "ms": 302,
        "ox_calls": 4,
    }
    assert (refused["status"], refused["client"], refused["reason"]) == (
        503,
        "192.0.2.1",
        "OX does not answer",
    )


def test_as_json_every_other_line_is_one_object_as_well(loggers, tmp_path):
    path = tmp_path / "usm.log"
    log.configure(str(path), "info", "json")
    logging.getLogger("app.eas").warning("two\nlines of %s", "Zoë")
    logging.getLogger("app.eas").warning("values by name: %(one)s", {"one": 1})
    first, second = rows(path)
    assert (first["message"], first["logger"]) == ("two\nlines of Zoë", "app.eas")
    assert second["message"] == "values by name: 1"
    assert "command" not in first


def fail(secret):
    try:
        int(secret)
    except ValueError as error:
        raise RuntimeError(f"cannot use {secret}") from error


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_told_without_what_it_says(loggers, tmp_path, form):
    path = tmp_path / "usm.log"
    log.configure(str(path), "info", form)
    try:
        fail("Secret-Subject")
    except RuntimeError:
        logging.getLogger("app").exception("it went wrong")
    text = path.read_text()
    assert "Secret-Subject" not in text
    assert "ValueError" in text
    assert "RuntimeError" in text
    assert "direct cause" in text
    assert "in fail" in text


def test_an_exception_without_all_its_ways_names_what_there_is(loggers, tmp_path):
    path = tmp_path / "usm.log"
    log.configure(str(path), "info", "json")
    try:
        try:
            raise FileNotFoundError(2, "Secret-Name")
        except OSError:
            raise ExceptionGroup("Secret-Group", [ValueError("Secret-Part")])  # noqa: B904
    except ExceptionGroup:
        logging.getLogger("app").exception("it went wrong")
    [row] = rows(path)
    assert "FileNotFoundError (errno 2)" in row["exception"]
    assert "ValueError" in row["exception"]
    assert "another exception occurred" in row["exception"]
    assert "Secret-" not in json.dumps(row)


def test_what_ends_a_thread_is_logged_and_not_printed(loggers, tmp_path, capsys):
    path = tmp_path / "usm.log"
    log.configure(str(path), "info")
    thread = threading.Thread(target=fail, args=("Secret-Subject",), name="worker")
    thread.start()
    thread.join()
    assert "thread worker ended" in path.read_text()
    assert "RuntimeError" in path.read_text()
    assert "Secret-Subject" not in path.read_text() + capsys.readouterr().err


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("aSZv3cCoAQEAAAqHQ5MAAAAA", True),
        ("0b0e9a3c-1f0e-4d0a-9d0a-2f3b1c5d7e9f", True),
        ("short", False),
        ("x" * 65, False),
        ("with a blank in it", False),
        ("line\nbreak-in-it", False),
        ("ünicode-number", False),
        ("", False),
        (None, False),
    ],
)
def test_the_number_of_a_request_is_short_and_plain(sent, taken):
    assert log.request_id(sent) == (sent if taken else "")
