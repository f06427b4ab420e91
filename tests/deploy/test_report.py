"""What a run tells: at its end, to machines, and in the log of its commands; however it ends."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.hiddenvalue import HiddenValue
from pyinfra.connectors.util import CommandOutput, OutputLine

from tasks import advice, commands_log, report, scripts, secrets
from tasks.commands_log import CommandsLog, Logged
from tests.deploy import fakes

PROJECT = Path(__file__).resolve().parents[2]

DEPLOY = """
from pyinfra.context import host
from pyinfra.operations import server
from tasks import report, run
report.begin(run.record)
{before}
run._note_begin(name="Begin")
run.section("New Installation")
{more}
server.shell(name="Work", commands=[{command!r}])
run.finish()
"""


HERE = 'web = ["@local"]'


def _hear_signals() -> None:
    """What a process ignores its children ignore, and whoever tests may ignore some (``nohup``, ``&`` in a script)."""
    for number in report.SIGNALS:
        signal.signal(number, signal.SIG_DFL)


class Run:
    """A run of pyinfra on this machine, in a folder of its own, whose one step is a command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.result_file = folder / "result.json"
        (folder / "config.py").write_text("from tasks import report\nreport.expect()\n")

    def start(
        self,
        command: str,
        *flags: str,
        before: str = "",
        more: str = "",
        hosts: str = HERE,
        **environment: str,
    ) -> subprocess.Popen[str]:
        (self.folder / "hosts.py").write_text(hosts)
        (self.folder / "deploy.py").write_text(DEPLOY.format(command=command, before=before, more=more))
        return subprocess.Popen(
            [sys.executable, "-m", "pyinfra", *(flags or ("-y",)), "hosts.py", "deploy.py"],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT),
                report.RESULT: str(self.result_file),
                commands_log.FOLDER: str(self.folder / "logs"),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_signals,
        )

    def run(self, command: str, *flags: str, **details: str) -> tuple[int, str]:
        process = self.start(command, *flags, **details)
        _, printed = process.communicate(timeout=60)
        return process.returncode, printed

    def interrupt(self, number: signal.Signals) -> tuple[int, str]:
        """A run that is sent a signal while its step is under way."""
        started = self.folder / "started"
        clears = (
            f"import atexit, pathlib\natexit.register(pathlib.Path({str(self.folder / 'cleared')!r}).touch)"
        )
        process = self.start(f"touch {started}; exec sleep 60", before=clears)
        deadline = time.monotonic() + 30
        while not started.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        sent = time.monotonic()
        process.send_signal(number)
        process.wait(timeout=30)
        assert time.monotonic() - sent < 30, "it waited for the step"
        assert process.stderr is not None
        return process.returncode, os.read(process.stderr.fileno(), 65536).decode()

    @property
    def result(self) -> dict[str, Any]:
        return dict(json.loads(self.result_file.read_text()))

    @property
    def log(self) -> str:
        [path] = (self.folder / "logs").iterdir()
        return path.read_text()


@pytest.fixture
def here(tmp_path: Path) -> Run:
    return Run(tmp_path)


# the end


def test_the_result_of_a_run_has_all_its_fields(here: Run) -> None:
    before = 'report.note("kept", "/etc/x.before", host)\nreport.note("warning", "look at this", host)'
    status, printed = here.run("true", before=before)
    assert status == 0, printed
    found = here.result
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.pop("started"))
    assert 0 < found.pop("seconds") < 60
    assert found.pop("log").startswith(str(here.folder / "logs" / "deploy-"))
    assert found == {
        "format": 1,
        "complete": True,
        "outcome": "done",
        "kind": "deployment",
        "dry": False,
        "package": "",
        "step": "Finish",
        "hosts": ["@local"],
        "changed": {"@local": ["Work"]},
        "failed": {},
        "errors": [],
        "restarted": {},
        "kept": {"@local": ["/etc/x.before"]},
        "differences": {},
        "warnings": {"@local": ["look at this"]},
    }
    for line in ("Done in", "@local: Work", "@local: kept /etc/x.before", "@local: warning look at this"):
        assert line in printed


def test_what_is_the_same_on_many_hosts_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"ox{number:02}" for number in range(1, 51)]
    notes = [report.Note("restarted", name, "open-xchange-usm") for name in names]
    notes += [report.Note("warning", name, "look at\n1\n2") for name in names[:6]]
    monkeypatch.setattr(report, "notes", notes)
    monkeypatch.setattr(
        report, "changed", lambda: {name: ["Install the package", "Run it"] for name in names}
    )
    assert report._told_of_hosts("--> Done") == [
        "--> Done",
        "    ox01, ox02, ox03, ox04 and 46 more: Install the package; Run it",
        "    ox01, ox02, ox03, ox04 and 46 more: restarted open-xchange-usm",
        "    ox01, ox02, ox03, ox04, ox05, ox06: warning look at",
        "        1",
        "        2",
    ]


def test_every_field_of_the_result_is_told_of_in_the_head_of_the_module(here: Run) -> None:
    here.run("true")
    told = set(re.findall(r"(?m)^``(\w+)``", report.__doc__ or ""))
    assert set(here.result) == told


def test_a_failure_tells_step_host_output_and_what_to_do(here: Run) -> None:
    status, printed = here.run("echo one; echo 'write: No space left on device' >&2; exit 7")
    assert status == 1
    end = printed[printed.index("did not come to its end") :]
    assert "on @local" in end
    assert "@local: Work\n        " in end
    assert "        write: No space left on device\n" in end
    assert "What to do: The disk of the host is full" in end
    [error] = here.result["errors"]
    assert (error["host"], error["step"]) == ("@local", "Work")
    assert set(error["output"]) == {"one", "write: No space left on device"}
    assert error["advice"].startswith("The disk of the host is full")
    assert (here.result["outcome"], here.result["complete"]) == ("failed", False)


def test_what_a_step_complains_of_itself_is_told(here: Run) -> None:
    before = """
from pyinfra.api.operation import operation
@operation()
def complain():
    yield run.failure("the moon is not full")
"""
    status, printed = here.run("true", before=before, more='complain(name="Look at the moon")')
    assert status == 1
    assert here.result["errors"][0]["output"] == ["the moon is not full"]
    assert "    @local: Look at the moon\n        the moon is not full\n" in printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_ended_by_a_signal_says_so_at_once(here: Run, number: signal.Signals) -> None:
    status, printed = here.interrupt(number)
    assert status == 1
    assert f"was ended by {number.name} and did not come to its end on @local" in printed
    assert "Run the same command again" in printed
    assert here.result["outcome"] == f"ended by {number.name}"
    assert (here.folder / "cleared").exists(), "what others have to clear away was left"
    assert here.result["step"] == "Work"


def test_of_a_killed_run_the_result_tells_how_far_it_was(here: Run) -> None:
    status, _ = here.interrupt(signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert (here.result["complete"], here.result["outcome"]) == (False, "running")
    assert here.result["step"] == "Work"
    assert "[Work] $ touch" in here.log


def test_a_signal_that_the_caller_wants_ignored_stays_ignored(here: Run) -> None:
    started = here.folder / "started"
    process = here.start(f"touch {started}; sleep 1")
    process.kill()
    process.communicate()
    done = subprocess.run(
        ["nohup", *process.args],
        cwd=here.folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), commands_log.FOLDER: ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("before", "hosts"),
    [
        ('raise run.DeployError("there is no package")', HERE),
        ("", "web = []"),
        (
            "",
            'web = [("nowhere", {"ssh_hostname": "127.0.0.1", "ssh_port": 1, "ssh_config_file": "/dev/null"})]',
        ),
    ],
    ids=["refused", "nobody", "unreachable"],
)
def test_a_run_that_ends_before_its_first_step_has_touched_nothing_and_is_no_success(
    here: Run, before: str, hosts: str
) -> None:
    status, printed = here.run("true", before=before, hosts=hosts)
    assert status == 1
    assert "before its first step: nothing has been touched on any host" in printed
    assert (here.result["outcome"], here.result["complete"]) == ("refused", False)
    assert ("not reached: nowhere" in printed) == ("nowhere" in hosts)


def test_what_is_no_deployment_is_left_alone(here: Run) -> None:
    (here.folder / "hosts.py").write_text(HERE)
    done = subprocess.run(
        [sys.executable, "-m", "pyinfra", "hosts.py", "exec", "--", "true"],
        cwd=here.folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), report.RESULT: str(here.result_file)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "nothing has been touched" not in done.stderr
    assert not here.result_file.exists()


def test_a_plan_is_no_failure_and_writes_no_log(here: Run) -> None:
    status, printed = here.run("true", "--dry", before='report.note("difference", "a: 1 -> 2", host)')
    assert status == 0, printed
    assert "@local: difference a: 1 -> 2" in printed
    assert not (here.folder / "logs").exists()
    found = here.result
    assert (found["dry"], found["outcome"], found["complete"]) == (True, "planned", False)
    assert found["changed"] == {"@local": ["Work"]}


def test_the_plan_for_machines_stays_whole(here: Run) -> None:
    process = here.start("true", "--dry", "--json")
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert [step["name"] for step in json.loads(printed)["plan"]][-1] == "Finish"


def test_a_result_replaces_the_one_of_before_at_once(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    with path.open() as old:
        report.write_whole(path, "new")
        assert old.read() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_result_that_cannot_be_written_ends_nothing(here: Run) -> None:
    status, printed = here.run("true", **{report.RESULT: "/proc/no/result.json"})
    assert status == 0
    assert "The result cannot be written: /proc/no/result.json" in printed


# what to do


def step_names() -> set[str]:
    """The names of all steps in tasks/, as far as they are constant."""
    found = set()
    for path in (PROJECT / "tasks").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                given = [word.value for word in node.keywords if word.arg == "name"] + node.args
                for value in given:
                    parts = value.values if isinstance(value, ast.JoinedStr) else [value]
                    found.update(
                        str(part.value)
                        for part in parts
                        if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    )
    return found


def test_every_step_that_there_is_advice_for_exists() -> None:
    names = step_names()
    for pattern, _ in advice.STEPS:
        assert any(re.search(pattern, name) for name in names), pattern


def test_advice_goes_by_what_was_said_before_the_step() -> None:
    assert "Another program is installing packages" in advice.on(
        "Install the package", ["E: Could not get lock /var/lib/dpkg/lock-frontend"]
    )
    assert "package manager" in advice.on("Install the package", ["dpkg: error: something"])
    assert advice.on("Whatever", ["something"]) == advice.AGAIN


# the log of the commands


def test_the_log_tells_host_step_command_status_and_output(here: Run) -> None:
    here.run("echo out; echo err >&2; exit 3")
    assert re.search(r"Z @local #1 \[Work\] \$ echo out; echo err >&2; exit 3\n", here.log)
    assert re.search(r"Z @local #1 exit 3 after 0\.\d s\n    [|!] ", here.log)
    assert {"    | out", "    ! err"} <= set(here.log.splitlines())


def test_the_log_is_for_its_owner_alone(here: Run) -> None:
    here.run("true")
    folder = here.folder / "logs"
    [path] = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_newest_logs_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(commands_log.FOLDER, str(tmp_path))
    (tmp_path / "notes.txt").write_text("mine")
    for day in range(1, 26):
        commands_log.opened(datetime(2024, 1, day, tzinfo=UTC))
    logs = sorted(path.name for path in tmp_path.glob("deploy-*.log"))
    assert len(logs) == commands_log.KEPT
    assert logs[0].startswith("deploy-20240106")
    assert (tmp_path / "notes.txt").exists()


def test_no_log_is_written_where_none_is_wanted_or_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("", "/proc/no"):
        monkeypatch.setenv(commands_log.FOLDER, folder)
        assert commands_log.opened().path is None


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (scripts.command("start", "sysv", "a b"), "start.sh sysv 'a b'"),
        (scripts.command("write", "/x", stdin="hush"), "write.sh /x"),
        (StringCommand("rm", "-f", QuoteString("/a b")), "rm -f '/a b'"),
        (StringCommand("login", HiddenValue("hush")), "login *MASKED*"),
        (
            StringCommand("! x ||", StringCommand("sh", "-c", QuoteString("one\ntwo"))),
            "! x || sh -c 'one ... (2 lines)'",
        ),
        ("plain", "plain"),
    ],
)
def test_a_command_is_told_as_a_person_would(command: Any, said: str) -> None:
    assert commands_log.said(command) == said


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mysql+pymysql://usm:p%40ss@db/usm", "mysql+pymysql://usm:***@db/usm"),
        ("writeProperty.2=password=geheim1", "writeProperty.2=password=***"),
        ('{"password": "geheim1"}', '{"password": ***'),
        ("the hush-hush word", "the *** word"),
        ("hush%2Dno, hush-hush", "hush%2Dno, ***"),
        ("PasswordAuthentication no", "PasswordAuthentication no"),
        ("http://ox1:8009/ajax/", "http://ox1:8009/ajax/"),
    ],
)
def test_what_looks_like_a_password_is_masked(
    text: str, masked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "known", lambda: {"hush-hush", "on"})
    assert commands_log.masked(text) == masked


class Connector:
    """Answers whatever it is asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def run_shell_command(self, command: Any, **options: Any) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        code, lines = self.answer
        return code in options["_success_exit_codes"], CommandOutput(lines)

    def put_file(self, source: Any, target: str, **options: Any) -> bool:
        return True

    def somewhere_else(self) -> str:
        return "reached"


def logged(tmp_path: Path, answer: Any) -> tuple[Logged, CommandsLog]:
    log = CommandsLog(tmp_path / "log")
    host: Any = fakes.node()
    host.state = type("State", (), {"is_executing": True, "op_meta": {}})
    host.executing_op_hash = host.nested_executing_op_hash = None
    return Logged(Connector(answer), host, log), log


def test_standard_input_never_comes_into_the_log(tmp_path: Path) -> None:
    connector, log = logged(tmp_path, (0, []))
    command = scripts.command("write", "/x", stdin="a word")
    connector.run_shell_command(command, **command.connector_arguments)
    assert log.path is not None
    assert "write.sh /x" in log.path.read_text()
    assert "a word" not in log.path.read_text()


def test_an_exit_status_that_counts_as_success_is_told_too(tmp_path: Path) -> None:
    connector, log = logged(tmp_path, (3, []))
    assert connector.run_shell_command(StringCommand("x"), _success_exit_codes=[0, 3])[0]
    assert not connector.run_shell_command(StringCommand("x"))[0]
    assert log.path is not None
    assert log.path.read_text().count("exit 3 after") == 2


def test_a_connection_that_breaks_is_noted_and_passed_on(tmp_path: Path) -> None:
    connector, log = logged(tmp_path, OSError("Socket is closed"))
    with pytest.raises(OSError, match="Socket is closed"):
        connector.run_shell_command(StringCommand("x"))
    assert log.path is not None
    assert "broken off after 0.0 s\n    ! OSError: Socket is closed" in log.path.read_text()
    assert list(log.last["ox1"].lines) == ["OSError: Socket is closed"]


def test_of_endless_output_both_ends_are_kept(tmp_path: Path) -> None:
    connector, log = logged(tmp_path, (0, [OutputLine("stdout", f"line {number}") for number in range(1000)]))
    connector.run_shell_command(StringCommand("x"))
    assert log.path is not None
    text = log.path.read_text()
    assert "line 0\n" in text
    assert "line 999\n" in text
    assert "... 600 lines left out" in text


def test_files_are_noted_and_everything_else_goes_through(tmp_path: Path) -> None:
    connector, log = logged(tmp_path, (0, []))
    assert connector.put_file("/here/x.deb", "/there/x.deb")
    assert connector.somewhere_else() == "reached"
    assert log.path is not None
    assert "$ put /here/x.deb /there/x.deb" in log.path.read_text()


def test_a_log_on_a_full_disk_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connector, log = logged(tmp_path, (0, []))
    log._file = os.open("/dev/full", os.O_WRONLY)
    assert connector.run_shell_command(StringCommand("x"))[0]
    assert connector.run_shell_command(StringCommand("x"))[0]
