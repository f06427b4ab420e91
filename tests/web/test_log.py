"""The log file: where it goes, how a line looks, what happens when it is rotated."""

from __future__ import annotations

import logging

import pytest

from app.usm.model import Cost
from app.web import log


@pytest.fixture
def loggers():
    """Leaves the loggers of this process as they were."""
    kept = [(name, logging.getLogger(name)) for name in (*log.LOGGERS, "app")]
    states = [(logger, logger.handlers[:], logger.level) for _, logger in kept]
    yield
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
