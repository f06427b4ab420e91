"""``python -m lab device``: a word for each command, tried on the application over HTTP with a memory behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from app.eas.dispatch import ENTRIES
from app.eas.versions import BY_TEXT, COMMANDS
from app.usm.model import ContentType, Folder, FolderRole
from app.wbxml import encode
from lab.device.__main__ import VERSIONS, main
from lab.device.subcommands import SUBCOMMANDS, TABLE
from tests.eas.phone import INBOX, tree
from tests.eas.recording import Scene

LOGIN = "anton@example.org"
MAIL, OTHER, MEETING = "1:1", "1:2", "7:4"
NOON = ("2026-03-02T08:00:00.000Z", "2026-03-02T12:00:00.000Z")


class Server(ThreadingMixIn, WSGIServer):
    """Serves the scene of the test that runs."""

    daemon_threads = True
    scene: Scene

    def serve_scene(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        self.scene.world.clock.advance(7)
        return self.scene.app(environ, start)


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made: Server = make_server("127.0.0.1", 0, None, server_class=Server, handler_class=Quiet)  # type: ignore[type-var, arg-type]
    made.set_app(made.serve_scene)  # type: ignore[arg-type]
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def scene(server: Server) -> Scene:
    server.scene = Scene()
    return server.scene


class Line:
    """The command line of a person, and what it said."""

    def __init__(self, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}/"
        self._capsys = capsys

    def __call__(self, *words: str, version: str = "16.1", login: str = LOGIN) -> tuple[int, str, str]:
        """Exit status, output, errors. The first word may be the one that stands for a command."""
        word, rest = (words[:1], words[1:]) if words and words[0] in SUBCOMMANDS else ((), words)
        status = main([*word, "--version", version, self.url, login, "secret", *rest])
        said = self._capsys.readouterr()
        return status, said.out, said.err


@pytest.fixture
def line(server: Server, scene: Scene, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(server, capsys)


ROWS = (
    ("options", (), "16.1", "2.5, 12.0, 12.1"),
    ("provision", (), "16.1", "MinDevicePasswordLength = 4"),
    ("folder-sync", (), "2.5", "8 folders"),
    ("get-hierarchy", (), "12.1", "Trips"),
    ("folder-create", ("New", "--parent", "INBOX"), "12.0", "folder 10"),
    (
        "folder-update",
        ("Trips", "--name", "Journeys", "--parent", "0"),
        "14.0",
        "folder 2 is 'Journeys' in 0",
    ),
    ("folder-delete", ("Trips",), "14.1", "folder 2 is deleted"),
    ("sync", ("INBOX",), "2.5", f"{MAIL}          Plan"),
    ("sync", ("Inbox", "--whole"), "16.1", "AirSync:ApplicationData(Email:To="),
    ("sync", ("Contacts", "--add", "Contacts:FirstName=Zoë", "Contacts:FileAs=Zoë"), "16.0", "status 1 4:"),
    ("sync", ("Inbox", "--change", MAIL, "Email:Read=1", "--delete", OTHER), "14.1", "1 items"),
    ("sync", ("Inbox", "--fetch", MAIL, "--heartbeat", "60"), "16.1", f"{MAIL}: status 1"),
    ("get-item-estimate", ("Inbox",), "12.1", "2 changes"),
    ("ping", ("Inbox", "Contacts", "--seconds", "60"), "2.5", "status 1, changes in no folder"),
    ("move-items", ("Trips", MAIL, OTHER), "16.1", f"{MAIL} is 2:"),
    ("send-mail", ("berta@example.org", "Hello", "Wörds"), "2.5", "sent as"),
    ("smart-reply", (MAIL, "berta@example.org", "Hello", "--client-id", "own"), "14.0", "sent as own"),
    ("smart-forward", (MAIL, "berta@example.org"), "16.1", "sent as"),
    ("get-attachment", (f"{MAIL}:1",), "12.0", "10 bytes, application/octet-stream"),
    ("item-operations", ("--item", MAIL, "--mime"), "16.1", "the body"),
    (
        "item-operations",
        ("--file", f"{MAIL}:1", "--range", "2-5"),
        "12.0",
        "4 bytes, application/octet-stream, 2-5 of 10",
    ),
    ("item-operations", ("--file", f"{MAIL}:1", "--multipart"), "12.1", "10 bytes"),
    ("item-operations", ("--document", "\\\\ox\\infostore\\My files\\a.txt"), "14.0", "10 bytes"),
    ("item-operations", ("--empty", "Trash"), "14.1", "emptied"),
    ("meeting-response", (MEETING, "accept", "--tell"), "16.1", "in the calendar as 7:"),
    ("search", ("Plan", "--folder", "Inbox", "--content", "Email"), "12.0", f"{MAIL}"),
    ("search", ("bert", "--store", "people", "--range", "0-0"), "2.5", "2 in all, here 0-0"),
    ("search", ("\\\\ox\\infostore\\My files", "--store", "documents"), "14.1", "a.txt"),
    ("find", ("Plan", "--folder", "Inbox"), "16.1", f"{MAIL}"),
    ("find", ("bert", "--store", "people"), "16.1", "Berta Björnsen"),
    ("resolve-recipients", ("berta@example.org", "--times", *NOON), "14.0", "<berta@example.org> 00220000"),
    ("resolve-recipients", ("nobody", "--certificates"), "2.5", "nobody: status 4, 0 meant"),
    ("settings", (), "12.0", f"addresses {LOGIN}"),
    ("settings", ("--away", "Sea", "--times", *NOON), "14.1", f"away from {NOON[0]} to {NOON[1]}"),
    ("settings", ("--back", "--recovery", "1234"), "16.1", "away no"),
)


@pytest.mark.parametrize(("word", "words", "version", "told"), ROWS)
def test_a_word_does_what_it_says(
    line: Line, word: str, words: tuple[str, ...], version: str, told: str
) -> None:
    status, said, errors = line(word, *words, version=version)
    assert (status, errors) == (0, "")
    assert told in said, said


def test_every_command_has_a_word_and_every_word_a_row() -> None:
    assert {each.command for each in TABLE} == {*ENTRIES, "Options", "Raw", "Replay"}
    with_files = {"validate-cert", "raw", "replay"}
    assert {word for word, *_ in ROWS} | with_files == set(SUBCOMMANDS)
    commands = {each.word: each.command for each in TABLE}
    for word, _, version, _ in ROWS:
        rule = COMMANDS.get(commands[word])
        assert rule is None or rule.exists_in(BY_TEXT[version])
    assert set(VERSIONS) == set(BY_TEXT)


@pytest.mark.parametrize("word", ["", *SUBCOMMANDS])
def test_there_is_help_for_every_word(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*filter(None, [word]), "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    if word:
        assert "URL" in told.upper()
        assert SUBCOMMANDS[word].text[1:].split()[0] in told
    else:
        assert all(f"    {each}" in told for each in SUBCOMMANDS)


def test_without_a_word_it_tells_a_story(line: Line) -> None:
    status, said, errors = line()
    assert (status, errors) == (0, "")
    assert "FolderSync" in said
    assert "Another" in said


def test_certificates_and_bytes_come_from_files(line: Line, tmp_path: Path) -> None:
    good, late = tmp_path / "good.der", tmp_path / "late.pem"
    good.write_bytes(b"0\0VALID")
    late.write_text("-----BEGIN CERTIFICATE-----\nMABFWFBJUkVE\n-----END CERTIFICATE-----\n")
    _, said, _ = line("validate-cert", str(good), str(late), "--chain", str(good), "--crl")
    assert said == f"{good}: valid\n{late}: status 7\n"
    request = tmp_path / "request"
    request.write_bytes(encode(tree("FolderHierarchy:FolderSync", ("SyncKey", 0))))
    _, said, _ = line("raw", "FolderSync", str(request))
    assert said.startswith("HTTP 200")
    assert "DisplayName='Trips'" in said
    request.write_text(request.read_bytes().hex())
    _, said, _ = line("raw", "FolderSync", str(request), "--hex", "--bare", version="12.1")
    assert said.startswith("HTTP 449")


def test_a_default_folder_is_meant_before_others_of_its_name(line: Line, scene: Scene) -> None:
    scene.world.source.create_folder(None, "Calendar", ContentType.MAIL)
    _, said, _ = line("sync", "calendar")
    assert "Meeting" in said


def test_files_and_messages(line: Line, scene: Scene, tmp_path: Path) -> None:
    saved, message = tmp_path / "saved", tmp_path / "message.eml"
    line("get-attachment", f"{MAIL}:1", "--save", str(saved), version="2.5")
    assert saved.read_bytes() == b"0123456789"
    message.write_bytes(b"To: berta@example.org\r\nSubject: Own\r\n\r\nHi\r\n")
    assert line("send-mail", "--message", str(message))[0] == 0
    assert b"Subject: Own" in scene.world.source.sent[-1].mime


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sync", "Nowhere"), "0 folders are called 'Nowhere'"),
        (("sync", "Twice"), "2 folders are called 'Twice'"),
        (("sync", "Contacts", "--add", "FirstName"), "'FirstName' is not Page:Tag=value"),
        (("send-mail",), "neither somebody to send to"),
        (("get-attachment", "1:1:1"), "status 400"),
        (("item-operations", "--file", "1:1:9"), "status 15"),
        (("settings", "--rights"), "status 168"),
        (("validate-cert", "/nowhere"), "No such file"),
    ],
)
def test_why_it_did_not_go_well_is_one_line(
    line: Line, scene: Scene, words: tuple[str, ...], told: str
) -> None:
    for parent in (None, INBOX):
        scene.world.source.tree.append(Folder(f"{parent}/Twice", parent, "Twice", ContentType.MAIL))
        scene.world.source.items[f"{parent}/Twice"] = {}
    status, _, errors = line(*words)
    assert status == 1
    assert told in errors
    assert errors.count("\n") == 1


def test_a_trace_shows_all_but_the_password(line: Line) -> None:
    status, _, errors = line("folder-sync", "--trace", "--gzip", version="14.1")
    assert status == 0
    assert "> POST /Microsoft-Server-ActiveSync?Cmd=FolderSync&" in errors
    assert ">     FolderHierarchy:FolderSync(SyncKey='0')" in errors
    assert "< 200 OK" in errors
    assert "DisplayName='INBOX'" in errors
    assert "Authorization" not in errors


def test_what_is_odd_is_told_and_ends_with_1(line: Line, scene: Scene) -> None:
    """A server that names two folders with one number."""
    scene.world.source.tree.append(scene.world.source.tree[1])
    assert scene.world.source.tree[-1].role is not FolderRole.INBOX
    status, _, errors = line("folder-sync")
    assert status == 1
    assert "the server sent 1 things that it should not have:" in errors
