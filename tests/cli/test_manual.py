"""The manual page and the completions: made of the commands, and in order."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.cli.commands import summary
from app.cli.exits import EXITS
from app.cli.manual import SHELLS, completion, page
from app.cli.usmctl import FORMER, GROUPS, usmctl

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def roff() -> str:
    return page("1.0.0", "2026-01-31")


def commands(command: click.Command, path: str = "usmctl") -> dict[str, click.Command]:
    """Every command by its words."""
    found = {path: command}
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            inside = command.get_command(context, name)
            assert inside is not None
            if not inside.hidden:
                found |= commands(inside, f"{path} {name}")
    return found


def test_every_command_and_option_is_in_the_manual(roff: str) -> None:
    for path, command in commands(usmctl).items():
        words = path.replace("-", r"\-")
        assert path == "usmctl" or f'.SS "{words}"\n' in roff
        for option in command.params:
            for name in option.opts if isinstance(option, click.Option) else ():
                assert name.replace("-", r"\-") in roff, path
    for status, meaning in EXITS.items():
        assert f"\\fB{status}\\fR" in roff
        assert meaning.split()[0] in roff


def test_what_has_another_name_by_now_is_not_in_the_manual(roff: str) -> None:
    for name in FORMER:
        assert f"usmctl {name}" not in roff


def test_nothing_in_a_text_is_a_request_to_roff(roff: str) -> None:
    requests = {line.split()[0] for line in roff.splitlines() if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".SS", ".TP", ".PP", ".RS", ".RE", ".nf", ".fi"}
    assert set(re.findall(r"\\.", roff)) <= {r"\-", r"\f", r"\(", r"\e", r"\&"}
    assert max(map(len, roff.splitlines())) < 200


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed (python -m lab prepare)")
def test_mandoc_has_nothing_to_say_about_it(roff: str) -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "style"], input=roff, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_command_says_what_it_does_in_a_sentence() -> None:
    for path, command in commands(usmctl).items():
        text = command.get_short_help_str(300)
        assert text, path
        assert not text.endswith("..."), path


def test_a_list_of_commands_is_shown_without_reading_them() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from app.cli.usmctl import usmctl\n"
        "told = CliRunner().invoke(usmctl, ['--help']).stdout\n"
        "assert 'stuck' in told and 'Exit statuses' in told, told\n"
        "print(*sorted({'app.main', 'app.config', 'app.store', 'sqlalchemy', 'app.cli.stuck'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "\n"


@pytest.mark.parametrize("target", sorted(set(GROUPS.values())))
def test_the_list_says_what_the_command_says_of_itself(target: str) -> None:
    name = next(name for name, each in GROUPS.items() if each == target)
    command = usmctl.get_command(click.Context(usmctl), name)
    assert command is not None
    told = summary(target)
    assert told is None or click.Command(name, help=told).get_short_help_str(
        300
    ) == command.get_short_help_str(300)


def test_what_has_no_source_to_look_at_is_read() -> None:
    assert summary("app.cli.stuck:held") is None
    assert summary("sys:exit") is None
    assert summary("app.cli.nowhere:x") is None


def test_help_is_the_same_by_both_ways() -> None:
    for words in ((), ("devices",), ("stuck", "list")):
        told = CliRunner().invoke(usmctl, ["help", *words], prog_name="usmctl")
        assert told.exit_code == 0
        assert (
            told.stdout.split()
            == CliRunner().invoke(usmctl, [*words, "--help"], prog_name="usmctl").stdout.split()
        )
    for wrong in (("nowhere",), ("stuck", "list", "more")):
        told = CliRunner().invoke(usmctl, ["help", *wrong])
        assert told.exit_code == 2
        assert "there is no command" in told.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_is_printed_as_the_package_has_it(shell: str) -> None:
    done = CliRunner().invoke(usmctl, ["completion", shell])
    assert done.stdout == completion(shell)
    assert "_USMCTL_COMPLETE" in done.stdout


def test_there_is_no_completion_for_any_other_shell() -> None:
    with pytest.raises(ValueError, match="no completion for tcsh"):
        completion("tcsh")


def completed(words: str, at: int) -> list[str]:
    """What bash gets for the unfinished word ``at``."""
    environment = {"_USMCTL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    done = CliRunner().invoke(usmctl, [], env=environment, prog_name="usmctl")
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_unfinished_words_are_completed() -> None:
    assert completed("usmctl stu", 1) == ["stuck"]
    assert completed("usmctl he", 1) == ["help"]
    assert completed("usmctl stuck re", 2) == ["release", "retry"]
    assert completed("usmctl stuck list --format ", 4) == ["table", "csv", "json"]
    assert completed("usmctl --e", 1) == ["--etc"]


def test_bash_takes_the_completion() -> None:
    script = f"{completion('bash')}\ncomplete -p usmctl"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert "-F _usmctl_completion usmctl" in done.stdout
