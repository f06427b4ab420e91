"""usmctl trace: switched on in the database, written by the service, shown to people and programs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.administration.traces import duration
from app.cli import trace
from app.cli.trace_text import lines
from app.cli.usmctl import usmctl
from app.store import SingleDatabase, SqlStateStore
from app.store.traces import Traces
from app.usm.model import SessionId
from app.web.tracing import TraceFiles
from tests.cli.test_held import etc
from tests.fakes.clock import CountingTokens
from tests.web.test_tracing import FOLDER_SYNC, Traced, switch

__all__ = ["etc"]


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def traces(etc: Path) -> Iterator[Traces]:
    """A node whose traces lie beside its settings."""
    path = etc / "usm.properties"
    path.write_text(f"{path.read_text()}\ncom.openexchange.usm.trace.directory={etc / 'traces'}\n")
    databases = SingleDatabase(f"sqlite:///{etc / 'state.sqlite'}")
    SqlStateStore(databases).write_fields(SessionId(1, 3, "EAS", "Phone1"), {"usm.device.login": "anton"})
    yield Traces(databases, Now(), CountingTokens())
    databases.close()


@pytest.fixture
def written(etc: Path, traces: Traces) -> Traced:
    """A trace that was written on this node, of a device that asks for its folders."""
    traced = Traced(etc, switch())
    traced.command(body=FOLDER_SYNC)
    return traced


def call(etc: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), "trace", *words])


def on(etc: Path, *words: str) -> dict[str, Any]:
    done = call(etc, "on", *words, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_trace_is_switched_on_for_an_hour_and_off(etc: Path, traces: Traces) -> None:
    made = on(etc, "1", "3")
    [running] = traces.running()
    assert (running.id, running.context_id, running.user_id, running.device) == (made["id"], 1, 3, "")
    assert timedelta(minutes=59) < running.ends - datetime.now(UTC) <= timedelta(hours=1)
    assert not running.bodies
    assert call(etc, "off", made["id"]).stdout == "1 ended\n"
    assert list(traces.running()) == []
    assert call(etc, "off", made["id"]).exit_code == 1


def test_a_device_is_named_in_any_letter_case_and_its_user_by_his_login(etc: Path, traces: Traces) -> None:
    assert on(etc, "1", "anton", "phone1", "--for", "2d", "--bodies")["device"] == "Phone1"
    [running] = traces.running()
    assert (running.user_id, running.device, running.bodies) == (3, "Phone1", True)
    assert on(etc, "1", "3", "never-seen")["device"] == "never-seen"


def test_failed_logins_are_traced_by_their_name(etc: Path, traces: Traces) -> None:
    assert on(etc, "--login", "Anton@Example.org")["login"] == "anton@example.org"
    assert call(etc, "off", "--all").stdout == "1 ended\n"
    assert call(etc, "off", "--all").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("on",),
        ("on", "1"),
        ("on", "1", "3", "phone1", "more"),
        ("on", "1", "3", "--login", "anton"),
        ("on", "1", "3", "--for", "soon"),
        ("on", "1", "3", "--for", "0h"),
        ("on", "1", "3", "--for", "8d"),
        ("off",),
        ("off", "--all", "0000000a"),
    ],
)
def test_wrong_use_is_told(etc: Path, traces: Traces, words: tuple[str, ...]) -> None:
    assert call(etc, *words).exit_code == 2
    assert list(traces.running()) == []


def test_nobody_is_traced_by_a_name_that_is_nobodys(etc: Path, traces: Traces) -> None:
    done = call(etc, "on", "1", "dora")
    assert done.exit_code == 1
    assert "give the user's number" in done.output


def test_times_are_of_one_unit() -> None:
    assert duration("90s") == timedelta(seconds=90)
    assert duration("30m") == timedelta(minutes=30)


def test_those_that_are_on_and_what_was_written_are_listed(
    etc: Path, traces: Traces, written: Traced
) -> None:
    made = on(etc, "1", "3")
    TraceFiles(etc / "traces").write(made["id"], [{"event": "one"}])
    on(etc, "--login", "anton")
    running, by_name, ended = json.loads(call(etc, "list", "--json").stdout)
    assert (running["id"], running["state"], running["bytes"]) == (made["id"], "on", 16)
    assert (by_name["login"], by_name["user"], by_name["bytes"]) == ("anton", None, None)
    assert (ended["id"], ended["state"]) == ("0000000a", "ended")
    assert ended["bytes"] > 1000
    assert call(etc, "list").stdout.splitlines()[0].split() == list(trace.NAMES)


def test_what_was_written_is_shown_to_people(etc: Path, written: Traced) -> None:
    shown = call(etc, "show", "0000000a").stdout
    assert "REQUEST POST /Microsoft-Server-ActiveSync from 127.0.0.1" in shown
    assert "Cmd=FolderSync User=anton" in shown
    assert '    <FolderSync xmlns="FolderHierarchy:">\n      <SyncKey>0</SyncKey>' in shown.replace(
        "        ", "      "
    )
    assert "USM folders in" in shown
    assert "ANSWER 200 to FolderSync" in shown


def test_a_single_request_is_shown_by_its_number(etc: Path, written: Traced) -> None:
    written.command(body=FOLDER_SYNC)
    number = written.events()[-1]["request"]
    events = [
        json.loads(line)
        for line in call(etc, "show", "0000000a", "--request", number, "--json").stdout.splitlines()
    ]
    assert {each["request"] for each in events} == {number}
    assert events[-1]["event"] == "answer"
    assert call(etc, "show", "0000000a", "--request", "none").stdout == ""


@pytest.mark.parametrize("name", ["0000000b", "../usm.properties", "x"])
def test_a_trace_of_which_nothing_lies_here_is_not_shown(etc: Path, traces: Traces, name: str) -> None:
    done = call(etc, "show", name)
    assert done.exit_code == 1
    assert "Traceback" not in done.output


def test_a_trace_is_followed_while_it_grows(
    etc: Path, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "PAUSE", 0.01)
    files = TraceFiles(etc / "traces")
    half, rest = b'{"event":"tw', b'o"}\n'

    def write() -> None:
        files.write("0000000a", [{"event": "one"}])
        with files.path("0000000a").open("ab", buffering=0) as file:
            file.write(half)
            file.write(rest)

    writer = threading.Timer(0.05, write)
    writer.start()
    shown = call(etc, "follow", "0000000a", "--seconds", "0.6", "--json").stdout
    writer.join()
    assert shown == '{"event": "one"}\n{"event": "two"}\n'


def test_who_may_not_read_traces_is_told(etc: Path, written: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise PermissionError(13, "Permission denied", "/var/log/open-xchange/usm-trace")

    monkeypatch.setattr(trace, "read", refuse)
    monkeypatch.setattr(TraceFiles, "listed", refuse)
    for words in (("show", "0000000a"), ("list",)):
        done = call(etc, *words)
        assert done.exit_code == 1
        assert "only root and the service" in done.output


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event": "parked", "folders": [1], "seconds": 480}, ["PARKED folders=[1] seconds=480"]),
        ({"event": "log", "level": "INFO", "message": "a\x1b[31mb"}, ["LOG INFO a\\x1b[31mb"]),
        ({"event": "usm", "call": "write_fields", "names": ["a", "b"]}, ["USM write_fields", "a, b"]),
        (
            {"event": "usm", "call": "folders", "ms": 1, "asked": {"key": "0"}, "error": "Busy"},
            ["USM folders in 1 ms, Busy", "asked:  {key: 0}"],
        ),
        ({"event": "body", "bytes": 3, "problem": "no WBXML"}, ["BODY of 3 bytes", "no WBXML"]),
        ({"event": "body", "bytes": 0}, ["BODY of 0 bytes"]),
        (
            {
                "event": "ox",
                "method": "PUT",
                "path": "multiple",
                "status": 200,
                "ms": 3,
                "sent": {"bytes": 9, "calls": [{"module": "mail", "action": "get"}]},
                "answer": {"answers": [{"code": "MSG-0032"}]},
                "error": "Busy",
            },
            [
                "OX PUT multiple 200 in 3 ms, Busy",
                "> bytes=9",
                ">     module=mail action=get",
                "<     code=MSG-0032",
            ],
        ),
        (
            {
                "event": "ox",
                "method": "GET",
                "path": "mail",
                "params": {"action": "all", "folder": "1"},
                "status": 0,
                "ms": 3,
            },
            ["OX GET mail?action=all".replace("action=", "") + " 0 in 3 ms", "folder=1"],
        ),
        (
            {"event": "request", "method": "POST", "path": "/x", "query": "jAkJ", "client": "::1"},
            ["REQUEST POST /x from ::1", "jAkJ"],
        ),
        (
            {"event": "answer", "status": 503, "command": "Sync", "reason": "OX is away"},
            ["ANSWER 503 to Sync: OX is away"],
        ),
    ],
)
def test_each_kind_of_event_has_a_line(event: dict[str, Any], expected: list[str]) -> None:
    first, *more = lines({"time": "2026-11-23T08:00:01.123+00:00", "request": "4711abcd", "at": 7.5, **event})
    assert first == f"08:00:01.123 4711abcd       7.5 ms  {expected[0]}"
    assert [each.strip() for each in more] == expected[1:]
