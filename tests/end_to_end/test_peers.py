"""The benchmark of any server: what it brings there, what it measures, and what it says of a wrong list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.peers import Extent, listed, measure
from bench.same_work import Server, Taken, WorkError, fill, first_sync
from tests.end_to_end.stack import Stack

ENTRY = {
    "name": "ours",
    "url": "https://eas.example.org/",
    "login": "anton",
    "address": "anton@example.org",
    "password_file": "password",
}


def server(stack: Stack, name: str) -> Server:
    phone = stack.phone("berta")
    return Server(
        name, phone.transport.url, "berta@example.org", "secret", "berta@example.org", processes=(1,)
    )


def test_servers_do_the_same_work_side_by_side(stack: Stack) -> None:
    said: list[str] = []
    extent = Extent({"mails": 3, "contacts": 2, "events": 2}, runs=1, parked=0, pushes=0, looks=2, at_once=1)
    figures = measure([server(stack, "one"), server(stack, "other")], extent, said.append)
    named = {figure.name: figure for figure in figures}
    for work in (
        "first Sync of 3 mails",
        "first Sync of 2 contacts",
        "Sync, nothing new",
        "FolderSync, nothing new",
    ):
        assert named[f"{work}: one"].value > 0
        assert named[f"{work}: other"].value > 0
        assert named[f"{work}: other / one"].unit == "x"
    assert named["Syncs a second, 1 phones: one"].value > 0
    assert "first Sync of 3 mails, processor: one" in named


def test_what_is_there_is_not_made_again(stack: Stack) -> None:
    ours, said = server(stack, "one"), list[str]()
    fill(ours, {"contacts": 4}, said.append)
    said.clear()
    fill(ours, {"contacts": 4}, said.append)
    assert said == []


def test_a_server_that_brings_too_little_is_no_result(stack: Stack) -> None:
    with pytest.raises(WorkError, match="of 100000 contacts"):
        first_sync(server(stack, "one"), "contacts", 100_000, Taken())


def test_a_list_of_servers_is_read(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "servers.json").write_text(json.dumps([ENTRY, ENTRY | {"name": "theirs", "processes": [7]}]))
    ours, theirs = listed(tmp_path / "servers.json")
    assert (ours.name, ours.password, ours.version, ours.processes) == ("ours", "secret", "14.1", ())
    assert (theirs.name, theirs.processes) == ("theirs", (7,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "must be a list of servers"),
        ('["ours"]', "a server has address"),
        (json.dumps([{"name": "ours", "url": "https://x/"}]), "this one has name, url"),
        (json.dumps([ENTRY | {"color": "red"}]), "this one has address, color, login"),
        (json.dumps([ENTRY]), "the password of ours cannot be read"),
    ],
)
def test_a_wrong_list_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "servers.json").write_text(text)
    with pytest.raises(SystemExit, match=said):
        listed(tmp_path / "servers.json")
