"""What workers tell those who may ask."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.administration import logins
from app.cli.usmctl import usmctl
from app.web.inquiry import INQUIRIES, Inquiry, answers

KEPT = {
    "context": 1,
    "user": 3,
    "login": "anton",
    "device": "phone1",
    "opened": 0.0,
    "used": 60.5,
    "by_token": False,
}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: those of sockets may not be long."""
    with tempfile.TemporaryDirectory(prefix="inquiry-") as folder:
        yield Path(folder)


@pytest.fixture
def service(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the workers of a service share."""
    monkeypatch.setattr(logins, "RUNTIME", place)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(place / "nowhere"))
    shared = place / "open-xchange-usm-x"
    shared.mkdir()
    return shared


def call(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(usmctl, ["--etc", "/nowhere", "sessions", "logins", *words])
    return done.exit_code, done.stdout or done.stderr


def test_all_that_a_worker_knows_is_told_as_it_is_now(place: Path) -> None:
    known = [{"a": 1}]
    Inquiry(place, lambda: known)
    assert list(answers(place)) == [{"worker": os.getpid(), "a": 1}]
    known.append({"a": 2, "text": "ä\n"} | {f"n{number}": "x" * 1000 for number in range(100)})
    assert [each["a"] for each in answers(place)] == [1, 2]


def test_a_worker_that_has_ended_is_passed_over(place: Path) -> None:
    Inquiry(place, lambda: [{"a": 1}])
    code = f"import socket; socket.socket(socket.AF_UNIX).bind('{place}/99999')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert [each["a"] for each in answers(place)] == [1]


def test_whoever_hangs_up_or_meets_an_error_takes_nobody_elses_answer(place: Path) -> None:
    asked: list[int] = []

    def tell() -> list[dict[str, object]]:
        asked.append(1)
        if len(asked) == 2:
            raise RuntimeError("something is wrong")
        return [{"text": "x" * 100_000}] * 20

    Inquiry(place, tell)
    with socket.socket(socket.AF_UNIX) as rude:
        rude.connect(str(place / str(os.getpid())))
    assert list(answers(place)) == []
    assert len(list(answers(place))) == 20


def test_kept_logins_are_listed(service: Path) -> None:
    Inquiry(service / INQUIRIES, lambda: [KEPT, KEPT | {"user": 4, "login": "berta", "by_token": True}])
    code, told = call()
    assert code == 0
    _, anton, berta = told.splitlines()
    assert anton.split() == [
        str(os.getpid()), "1", "3", "anton", "phone1", "password",
        "1970-01-01T00:00:00+00:00", "1970-01-01T00:01:00+00:00",
    ]  # fmt: skip
    assert berta.split()[5] == "token"
    for words, count in ((("--user", "anton"), 1), (("--user", "4"), 1), (("--context", "2"), 0)):
        assert call("--format", "csv", *words)[1].count("\n") == 1 + count


def test_without_a_service_there_is_nobody_to_ask(service: Path) -> None:
    assert call()[0] == 1
    assert "no service runs on this host" in call()[1]


def test_a_folder_that_somebody_else_made_is_not_asked(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Inquiry(service / INQUIRIES, lambda: [KEPT])
    monkeypatch.setattr(logins, "_owner", lambda folder: 12345)
    assert call()[0] == 1
    monkeypatch.undo()
    (service / "link").symlink_to(service / INQUIRIES)
    assert logins._owner(service / "link") is None


def test_a_service_that_ends_meanwhile_is_passed_over(service: Path) -> None:
    assert list(logins.rows([service / INQUIRIES])) == []


def test_whoever_may_not_ask_is_told(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path) -> Iterator[dict[str, object]]:
        raise PermissionError(13, "Permission denied", str(folder))
        yield {}

    (service / INQUIRIES).mkdir()
    monkeypatch.setattr(logins, "answers", refused)
    code, told = call()
    assert code == 1
    assert "Permission denied" in told
