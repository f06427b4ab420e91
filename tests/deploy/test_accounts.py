"""Users get the rights that the settings ask for by the fewest calls, and nobody's other rights change."""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks import accounts, report, run, scripts
from tasks.accounts import Access, Choice
from tasks.nodes import Node
from tests.deploy.fakes import FakeHost, commands, node, on

DONE = Node(generation=6, daemons=("open-xchange-groupware", "open-xchange-admin"))
LISTING = """\
Id,Name,Access calendar,Access USM,access-active-sync
"2","oxadmin","true","false","false"
"3","anton","true","false","true"
"4","berta","true","true","true"
"""
CALENDARLESS = '"5","caesar","false","false","false"\n'
ON = "--access-usm on --access-active-sync on"
OFF = "--access-usm off --access-active-sync off"
SBIN = "/opt/open-xchange/sbin"
LIST = f"admin.sh list 0 300 {SBIN}/listuser"
LIST_AGAIN = f"admin.sh list 180 300 {SBIN}/listuser"


@pytest.fixture(autouse=True)
def nothing_seen_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_listings", {})
    monkeypatch.setattr(report, "notes", [])
    for name in ("OX_MASTER_PASSWORD", "OX_CONTEXT_PASSWORD", "USM_SECRETS_FILE"):
        monkeypatch.delenv(name, raising=False)


def told(**listings: tuple[int, str] | str) -> tuple[bool, str]:
    """What ``admin.sh list`` prints: ``c1`` is context 1, its listing or a status with what was printed."""
    parts = []
    for name, listing in listings.items():
        status, text = (0, listing) if isinstance(listing, str) else listing
        parts.append(f"=context {name[1:]}\n{text}=status {status}\n")
    return True, "".join(parts)


def administrating(answer: tuple[bool, str], **settings: Any) -> FakeHost:
    host = node(state=DONE, **settings)
    host.answers = {"admin.sh list": answer}
    return host


def done(host: FakeHost, context: int = 1, executing: bool = True) -> list[str]:
    with on(host, executing=executing):
        return commands(accounts._apply, context=context)


def changing(listing: str = LISTING, **settings: Any) -> list[str]:
    """What is done in context 1 with these settings."""
    return done(administrating(told(c1=listing), **settings))


def calls(*users: str, switches: str = ON) -> list[str]:
    lines = " ".join(f"{SBIN}/changeuser -A oxadmin -c 1 -u {user} {switches}" for user in users)
    return [f"admin.sh change 180 300 {lines}"]


OTHERS = [switch for switch in accounts.SWITCHES if switch not in accounts.WANTED]
WHOLE_LISTING = "\n".join(
    [
        ",".join(["Name", *OTHERS, *accounts.WANTED]),
        *(
            ",".join([name, *["true"] * len(OTHERS), *own])
            for name, own in (("anton", ["false"] * 2), ("berta", ["true", "false"]))
        ),
    ]
)
"""Tells every right there is."""


def whole(switches: str) -> list[str]:
    others = " ".join(f"{switch} on" for switch in OTHERS)
    return [f"admin.sh run 180 300 {SBIN}/changecontext -A oxadminmaster -c 1 {others} {switches}"]


def test_only_users_who_lack_a_right_are_changed_in_one_round_trip() -> None:
    assert changing(activesync={1: ["anton", "berta", "oxadmin"]}) == calls("oxadmin", "anton")
    assert changing(activesync={1: ["berta"]}) == []


def test_only_users_who_have_a_right_lose_it() -> None:
    """Also one who has only one of both."""
    off = {1: ["anton", "berta", "oxadmin"]}
    assert changing(activesync_off=off) == calls("anton", "berta", switches=OFF)
    assert changing(activesync_off={"1": ["oxadmin"]}) == []


def test_a_whole_context_is_changed_by_one_call_that_names_every_right() -> None:
    assert changing(WHOLE_LISTING, activesync={1: "all"}) == whole(ON)
    both = WHOLE_LISTING.replace("false", "true")
    assert changing(both, activesync_off={1: "all"}) == whole(OFF)


def test_where_a_right_is_not_listed_users_are_changed_one_by_one() -> None:
    """changecontext would take it from the context administrator, for everybody."""
    assert changing(activesync={1: "all"}) == calls("oxadmin", "anton")


def test_a_context_whose_users_differ_is_changed_user_by_user() -> None:
    """changecontext would give everybody the same rights."""
    listing = LISTING + CALENDARLESS
    assert changing(listing, activesync={1: "all"}) == calls("oxadmin", "anton", "caesar")
    assert changing(listing, activesync_off={1: "all"}) == calls("anton", "berta", switches=OFF)


def test_all_but_those_who_are_named_are_changed_one_by_one() -> None:
    assert changing(activesync={1: "all"}, activesync_off={1: ["berta"]}) == [
        calls("oxadmin", "anton")[0] + f" {SBIN}/changeuser -A oxadmin -c 1 -u berta {OFF}"
    ]


def test_a_context_that_has_the_rights_is_left_alone() -> None:
    listing = 'Name,usm,active_sync\n"anton","true","true"\n'
    assert changing(listing, activesync={1: "all"}) == []


def test_a_thousand_users_are_changed_some_at_a_time() -> None:
    users = [f"user{number}" for number in range(120)]
    listing = "Name,usm,active_sync\n" + "".join(f'"{name}","false","false"\n' for name in users)
    found = changing(listing, activesync={1: users})
    assert [line.count("changeuser") for line in found] == [50, 50, 20]


RIGHTS = tuple(itertools.product((False, True), repeat=3))


def in_open_xchange(
    tool: str, options: tuple[str, ...], before: dict[str, dict[str, bool]]
) -> dict[str, dict[str, bool]]:
    """What the tools do to the users' rights: the context administrator is the first. Facts: ox-server, 1.2 and 1.3."""
    words = list(options)
    user = words.pop(1) if words[0] == "-u" else ""
    switches = {
        name: value == "on"
        for name, value in zip(words[bool(user) :: 2], words[bool(user) + 1 :: 2], strict=True)
    }
    if tool == "changeuser":
        return {**before, user: {**before[user], **switches}}
    admins = next(iter(before.values()))
    return {name: {**admins, **switches} for name in before}


@pytest.mark.parametrize(
    "choice",
    [
        Choice(everybody=True),
        Choice(everybody=False),
        Choice(on=frozenset({"a", "b"})),
        Choice(off=frozenset({"b", "c"})),
        Choice(on=frozenset({"a"}), everybody=False),
        Choice(off=frozenset({"c"}), everybody=True),
        Choice(on=frozenset({"a"}), off=frozenset({"b"})),
    ],
)
def test_whatever_the_rights_were_they_become_what_was_asked_for_and_no_other_changes(choice: Choice) -> None:
    """Every combination of two synchronisation rights and another one, for three users."""
    for rights in itertools.product(RIGHTS, repeat=3):
        before = {
            name: dict(zip((*accounts.WANTED, "--access-calendar"), each, strict=True))
            for name, each in zip("abc", rights, strict=True)
        }
        after = before
        tools = list(accounts.needed(choice, [Access(name, each) for name, each in before.items()]))
        for tool, options in tools:
            after = in_open_xchange(tool, options, after)
        for name, each in after.items():
            asked = choice.of(name)
            assert each["--access-calendar"] == before[name]["--access-calendar"]
            for switch in accounts.WANTED:
                assert each[switch] == (before[name][switch] if asked is None else asked)
        differing = sum(after[name] != before[name] for name in before)
        assert len(tools) <= differing


def test_a_change_is_reported_and_looked_at_again() -> None:
    host = administrating(told(c1=LISTING), activesync={1: ["anton"]}, activesync_off={1: ["berta"]})
    done(host)
    assert [line for line, _ in host.asked] == [LIST_AGAIN, LIST_AGAIN]
    assert [(note.kind, note.text) for note in report.notes] == [
        ("difference", "context 1: 1 user (anton) may synchronise now"),
        ("difference", "context 1: 1 user (berta) may no longer synchronise"),
        ("warning", "context 1: 2 users (anton, berta) still without the rights that were asked for"),
    ]


def test_other_rights_that_have_changed_on_the_way_are_a_warning() -> None:
    host = administrating(told(c1=LISTING), activesync={1: ["anton"]})
    with on(host):
        steps = accounts._apply._inner(context=1)
        next(steps)
        host.answers = {
            "admin.sh list": told(c1=LISTING.replace('"true","false","true"', '"false","true","true"'))
        }
        assert list(steps) == []
    assert ("warning", "context 1: rights other than those for ActiveSync have changed: 1 user (anton)") in [
        (note.kind, note.text) for note in report.notes
    ]


def test_users_who_may_synchronise_though_nobody_says_so_are_reported_and_not_changed() -> None:
    names = [f"u{number}" for number in range(7)]
    listing = LISTING + "".join(f'"9","{name}","true","true","true"\n' for name in names)
    assert changing(listing, activesync={1: ["berta"]}) == []
    assert [(note.kind, note.text) for note in report.notes] == [
        ("warning", "context 1: 7 users (u0, u1, u2, u3, u4, …) may synchronise though no setting names them")
    ]


def test_the_report_can_be_switched_off() -> None:
    changing(activesync={1: ["anton"]}, accounts_report=False)
    assert "though no setting" not in str(report.notes)


@pytest.mark.parametrize(
    ("name", "calendar", "usm", "sync"),
    [
        ("Name", "access-calendar", "access-usm", "access-active-sync"),
        ("name", "Access_Calendar", "Access_USM", "Access_ActiveSync"),
        ("username", "calendar", "USM", "activeSync"),
        ("Login", "ACCESS CALENDAR", "ACCESS USM", "ACCESS ACTIVE SYNC"),
    ],
)
def test_a_listing_is_read_however_its_columns_are_spelled(
    name: str, calendar: str, usm: str, sync: str
) -> None:
    """The order and the spelling differ between the releases; a value that is not set is off."""
    text = f'Id,{sync},{name},Aliases,{usm},{calendar}\n"3","true","anton","a, ""b""",,"on"\n'
    assert accounts.read_listing(text) == [
        Access("anton", {"--access-active-sync": True, "--access-usm": False, "--access-calendar": True})
    ]


def test_a_listing_without_the_rights_is_refused() -> None:
    with pytest.raises(run.DeployError, match="does not tell names and the rights"):
        accounts.read_listing("Id,Name\n")


# What is known before anything is touched.


def prepared(answer: tuple[bool, str], **settings: Any) -> FakeHost:
    """A node on which everything is prepared and nothing is carried out."""
    host = administrating(answer, **settings)
    with on(host):
        accounts_applied()
    return host


def accounts_applied() -> list[int]:
    """The contexts for which there is a step, after the preparation."""
    found: list[int] = []
    step = accounts._apply
    try:
        accounts._apply = lambda name, context: found.append(context)  # type: ignore[assignment]
        accounts.apply()
    finally:
        accounts._apply = step
    return found


def refused(answer: tuple[bool, str], **settings: Any) -> str:
    with pytest.raises(run.DeployError) as caught:
        prepared(answer, **settings)
    return str(caught.value)


def test_all_contexts_are_listed_in_one_round_trip_and_not_again_where_nothing_is_to_be_changed() -> None:
    listing = LISTING.replace("false", "true")
    host = prepared(told(c1=listing, c2=listing), activesync={1: "all"}, activesync_off={2: []})
    assert done(host, 1) == done(host, 2) == []
    assert [line for line, _ in host.asked] == [LIST]


def test_a_dry_run_foretells_what_is_changed_and_asks_once() -> None:
    host = prepared(told(c1=LISTING), activesync={1: ["anton"]})
    assert done(host, executing=False) == calls("anton")
    assert [line for line, _ in host.asked] == [LIST]


def test_before_a_change_the_rights_are_asked_for_anew() -> None:
    """Somebody may have changed them since: changecontext would undo that."""
    host = prepared(told(c1=LISTING), activesync={1: "all"})
    host.answers = {"admin.sh list": told(c1=LISTING + CALENDARLESS)}
    assert done(host) == calls("oxadmin", "anton", "caesar")


def test_an_unknown_user_is_named_before_anything_is_touched() -> None:
    said = refused(told(c1=LISTING), activesync={1: ["antom", "berta"]}, activesync_off={1: ["zoe"]})
    assert said == (
        "context 1 has no user antom (did you mean anton?): correct the setting activesync; context 1 has no user zoe:"
        " correct the setting activesync_off. Nothing has been touched"
    )


def test_an_unknown_context_is_named_before_anything_is_touched() -> None:
    said = refused(told(c1=LISTING, c9=(102, "")), activesync={1: "all", 9: "all"})
    assert said.startswith("there is no context 9: correct the settings activesync and activesync_off")


def test_a_wrong_password_is_told_before_anything_is_touched() -> None:
    said = refused(told(c1=(101, "Authentication failed\n")), activesync={1: "all"})
    assert said.startswith("the users of context 1 cannot be listed: Authentication failed")


@pytest.mark.parametrize("status", [105, 106, 124, 127])
def test_what_cannot_be_known_yet_is_asked_for_later(status: int) -> None:
    host = prepared(told(c1=(status, "")), activesync={1: ["zoe"]})
    assert done(host, executing=False) == []
    host.answers = {"admin.sh list": told(c1=LISTING)}
    assert done(host) == ["fail: context 1 has no user zoe: correct the setting activesync"]


def test_a_listing_that_fails_is_told_and_changes_nothing() -> None:
    host = administrating(told(c1=(106, "Error: no database\n")), activesync={1: ["anton"]})
    assert done(host) == ["fail: the users of context 1 cannot be listed: Error: no database"]


@pytest.mark.parametrize(
    ("on_", "off", "said"),
    [
        (
            {1: ["anton", "berta"]},
            {"1": ["berta", "zoe"]},
            "context 1: berta in activesync and in activesync_off",
        ),
        ({2: "all"}, {2: "all"}, "context 2 is in activesync and in activesync_off as a whole"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(on_: Any, off: Any, said: str) -> None:
    assert refused(told(), activesync=on_, activesync_off=off).startswith(said)


def test_a_node_without_the_groupwares_tools_leaves_it_to_one_that_has_them() -> None:
    alone, other = node("app1", Node()), administrating(told(c1=LISTING), activesync={1: ["berta"]})
    alone.data = other.data
    found = []
    for host in (alone, other):
        with on(host, [alone, other]):
            found.append(accounts_applied())
    assert found == [[], [1]]
    with on(alone), pytest.raises(run.DeployError, match="no node has a groupware"):
        accounts.apply()


def test_a_run_that_leaves_out_the_nodes_with_the_tools_leaves_out_the_accounts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone, other = node("app1", Node(), activesync={1: "all"}), node("ox1", DONE)
    with on(alone, [alone, other]):
        monkeypatch.setattr(accounts.nodes, "nodes", lambda: [alone])
        assert accounts_applied() == []


def test_without_accounts_nobody_is_asked() -> None:
    host = node(state=DONE)
    with on(host):
        assert accounts_applied() == []
    assert host.asked == []


# Passwords, and the script.


def test_passwords_travel_on_the_standard_input_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OX_CONTEXT_PASSWORD", "hush-context")
    monkeypatch.setenv("OX_CONTEXT_2_PASSWORD", "hush-two")
    monkeypatch.setenv("OX_MASTER_PASSWORD", "hush-master")
    settings = {"activesync": {1: "all", 2: ["anton"]}, "context_admins": {2: ""}}
    host = prepared(told(c1=WHOLE_LISTING, c2=LISTING), **settings)
    assert host.asked == [(LIST, "1\noxadmin\nhush-context\n2\n\nhush-two\n")]
    found = []
    for context in (1, 2):
        with on(host):
            found += list(accounts._apply._inner(context=context))
    assert [command.connector_arguments["_stdin"] for command in found] == ["hush-master", "hush-two"]
    for command in found:
        assert "hush" not in command.get_raw_value() + str(command) + repr(command)


def test_hosts_are_asked_as_their_own_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyinfra looks at these settings only for operations and facts."""
    host = administrating(told(c1=LISTING), _sudo=True)
    seen, answer = [], host.run_shell_command
    monkeypatch.setattr(
        host, "run_shell_command", lambda question, **given: seen.append(given) or answer(question, **given)
    )
    assert scripts.ask(host, scripts.command("admin", "list", stdin="1"))[0]  # type: ignore[arg-type]
    assert seen == [{"_sudo": True, "_stdin": "1"}]


def script(tmp_path: Path, tool: str, *words: str, stdin: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "tool"
    path.write_text(f"#!/bin/sh\n{tool}\n")
    path.chmod(0o755)
    command = [
        "sh",
        "-c",
        scripts.text("admin"),
        "admin.sh",
        *(word.replace("TOOL", str(path)) for word in words),
    ]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, env=dict(os.environ)
    )


def test_each_context_is_listed_as_its_own_administrator(tmp_path: Path) -> None:
    tool = 'printf "%s\\n" "$* $ADMIN_PASSWORD"; echo "sorry $3" >&2; [ "$2" != b ] || exit 101'
    found = script(tmp_path, tool, "list", "0", "9", "TOOL", stdin="1\na\np w\\n\n2\nb\n\n3\n\n x\n")
    assert found.stdout.splitlines() == [
        *("=context 1", "-A a -c 1 --csv p w\\n", "=status 0"),
        *("=context 2", "-A b -c 2 --csv ", "=status 101"),
        *("=context 3", "-c 3 --csv  x", "=status 0"),
    ]
    assert found.stderr.splitlines() == [
        "=context 1",
        "sorry -c",
        "=context 2",
        "sorry -c",
        "=context 3",
        "sorry --csv",
    ]


def test_a_single_call_ends_as_the_tool_does(tmp_path: Path) -> None:
    tool = 'printf "%s|" "$ADMIN_PASSWORD" "$@"; exit 7'
    found = script(tmp_path, tool, "run", "0", "9", "TOOL", "-v", "a  $HOME", stdin="p w\\n\n")
    assert (found.stdout, found.returncode) == ("p w\\n|-v|a  $HOME|", 7)


def test_calls_end_with_the_first_that_fails_which_is_named(tmp_path: Path) -> None:
    tool = 'printf "%s|" "$ADMIN_PASSWORD" "$@"; echo; [ "$2" != b ]'
    lines = ("TOOL -u a", "TOOL b b 'x  $HOME'", "TOOL -u c")
    found = script(tmp_path, tool, "change", "0", "9", *lines, stdin="hush\n")
    assert found.stdout.splitlines() == ["hush|-u|a|", "hush|b|b|x  $HOME|"]
    assert found.returncode == 1
    assert "this call failed with status 1: " in found.stderr
    assert "b b" in found.stderr
    assert "hush" not in found.stderr


def test_a_daemon_that_is_still_starting_is_waited_for(tmp_path: Path) -> None:
    tool = f"echo x >>{tmp_path}/asked; [ $(wc -l <{tmp_path}/asked) -gt 2 ] || exit 105"
    assert script(tmp_path, tool, "change", "9", "9", "TOOL", stdin="\n").returncode == 0
    assert script(tmp_path, "exit 105", "change", "0", "9", "TOOL", stdin="\n").returncode == 105
