"""The manual page and the completions of shells, both made of the commands themselves.

The package has them made when it is built; ``usmctl completion`` prints a completion for whoever has no package. The
page is in the macros of man(7), which every system can show.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

import click
from click.shell_completion import ShellComplete, get_completion_class

from app.cli.exits import EXITS
from app.cli.usmctl import usmctl

NAME: Final = "usmctl"

SHELLS: Final = ("bash", "zsh", "fish")

_WIDTH: Final = 66
"""Letters of a line; escaped it is somewhat longer, and should have 80 at most."""

_OUTPUT: Final = """\
Lists and details are printed as a table, as CSV or as JSON, by the option --format. Names of columns and members are
kept from release to release; new ones may come. Moments are ISO 8601 in UTC. In CSV a text that a spreadsheet would
take for a formula has an apostrophe before it. JSON has a line a row, and is an array as a whole.

Results go to the standard output; what is wrong, and how far a long work is, to the standard error."""

_FILES: Final = (
    (
        "usm.properties, eas.properties",
        "The settings, beside those of Open-Xchange; each key is explained in place.",
    ),
    ("/opt/open-xchange/usm/etc", "The same with all defaults, to look at."),
    ("/var/log/open-xchange/open-xchange-usm.log", "What the service does, a line a command of a device."),
)

_EXAMPLES: Final = (
    (
        "Which devices of a user are there, and what keeps them from getting something?",
        "usmctl users show 1 anton",
    ),
    (
        "Who has not been seen for three months, for a spreadsheet?",
        "usmctl users list --idle 90 --format csv",
    ),
    ("Which items are stuck, and why?", "usmctl stuck list"),
    ("Try them again, after what was wrong is mended:", "usmctl stuck retry 1 anton ABCDEF0123456789"),
    ("A phone was stolen:", "usmctl devices wipe 1 anton ABCDEF0123456789"),
    ("Are the tables up to date? For a script:", "usmctl db status || test $? -eq 3"),
)


def page(version: str, date: str) -> str:
    """The manual page, in roff. ``date``: as ``2026-01-31``."""
    context = click.Context(usmctl, info_name=NAME, **usmctl.context_settings)
    brief = usmctl.get_short_help_str(200).rstrip(".")
    lines = [
        f'.TH {NAME.upper()} 1 "{date}" "open\\-xchange\\-usm {_text(version)}" "Open\\-Xchange"',
        ".SH NAME",
        f"{NAME} \\- {_text(brief[:1].lower() + brief[1:])}",
        ".SH SYNOPSIS",
        *_usage(context),
        ".SH DESCRIPTION",
        *_paragraphs(_help(usmctl)),
        ".SH OPTIONS",
        *_options(context),
        ".SH COMMANDS",
        *_commands(context),
        ".SH OUTPUT",
        *_paragraphs(_OUTPUT),
        ".SH EXIT STATUS",
        *_terms((str(status), meaning) for status, meaning in EXITS.items()),
        ".SH FILES",
        *_terms(_FILES),
        ".SH EXAMPLES",
        *_examples(),
    ]
    return "".join(f"{line}\n" for line in lines)


def completion(shell: str) -> str:
    """What a shell reads to complete the commands. It asks the command itself, so that it knows what there is."""
    kind = get_completion_class(shell)
    if kind is None:
        raise ValueError(f"there is no completion for {shell}")
    # Not the class's own: that of bash runs one to look at its version, which says nothing of the host's.
    return ShellComplete.source(kind(usmctl, {}, NAME, f"_{NAME.upper()}_COMPLETE"))


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion_command(shell: str) -> None:
    """Print what a shell needs to complete commands and options; the package has it in place already.

    For bash: eval "$(usmctl completion bash)".
    """
    click.echo(completion(shell), nl=False)


def _commands(context: click.Context) -> Iterator[str]:
    group = context.command
    assert isinstance(group, click.Group)  # noqa: S101  # nosec B101 # nobody calls it for anything else
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inside = click.Context(command, info_name=name, parent=context)
        yield f'.SS "{_text(inside.command_path)}"'
        if isinstance(command, click.Group):
            yield from _paragraphs(_help(command))
            yield from _commands(inside)
        else:
            yield from _usage(inside)
            yield ".PP"
            yield from _paragraphs(_help(command))
            yield from _options(inside)


def _usage(context: click.Context) -> Iterator[str]:
    words = " ".join(context.command.collect_usage_pieces(context))
    yield f"\\fB{_text(context.command_path)}\\fR {_text(words)}"


def _options(context: click.Context) -> Iterator[str]:
    is_first = context.parent is None  # the option that all commands have is told once
    for each in context.command.params if not is_first else context.command.get_params(context):
        record = each.get_help_record(context)
        if record is not None and record[1]:
            yield from _terms([record])


def _terms(terms: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in terms:
        yield ".TP"
        yield f"\\fB{_text(term)}\\fR"
        yield from _wrapped(text)


def _examples() -> Iterator[str]:
    for number, (text, command) in enumerate(_EXAMPLES):
        if number:
            yield ".PP"
        yield from _wrapped(text)
        yield ".RS"
        yield f"\\fB{_text(command)}\\fR"
        yield ".RE"


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield ".nf"
            yield from map(_line, paragraph.strip("\b\n").splitlines())
            yield ".fi"
        else:
            yield from _wrapped(paragraph)


def _wrapped(text: str) -> Iterator[str]:
    """Each sentence begins a line, as roff wants it."""
    for sentence in re.split(r"(?<=[.?!:]) (?=[A-Z\"])", " ".join(text.split())):
        yield from map(_line, textwrap.wrap(sentence, _WIDTH, break_long_words=False, break_on_hyphens=False))


def _line(text: str) -> str:
    shown = _text(text)
    return f"\\&{shown}" if shown.startswith((".", "'")) else shown


def _text(text: str) -> str:
    """Nothing in it means anything to roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("^", "\\(ha")
    return text.replace("~", "\\(ti").replace("`", "\\(ga").replace("'", "\\(aq")


def _help(command: click.Command) -> str:
    return (command.help or "").partition("\f")[0]
