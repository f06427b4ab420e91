"""GetHierarchy, and what old OPTIONS named beside it."""

from __future__ import annotations

import pytest

from app.eas.settings import Provisioning
from app.eas.versions import Version
from app.usm.model import ContentType, Folder
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, World, plain

OLD = [Version.V2_5, Version.V12_0, Version.V12_1]


@pytest.fixture
def world(world: World) -> World:
    world.configure(provisioning=Provisioning.OFF)
    return world


@pytest.mark.requirement("MS-ASCMD", 6032, 6569, 6570)
@pytest.mark.requirement(
    "MS-ASCMD", 6024, 6025, 6026, 6030, 7505, 7506, 7507, 6046, 6047, 6452, 6567, 6926, 6927, 7144, 7150, 7388
)
@pytest.mark.parametrize("version", OLD, ids=lambda version: version.text)
def test_the_folders_of_mail_in_one_list(version: Version, world: World) -> None:
    phone = world.phone(version)
    phone.folder_sync()
    reply = phone.send("GetHierarchy")
    assert reply.root is not None
    assert reply.root.name == "FolderHierarchy:Folders"
    assert [plain(each) for each in reply.root] == [
        [("DisplayName", "INBOX"), ("ServerId", phone.number(INBOX)), ("Type", "2"), ("ParentId", "0")],
        [
            ("DisplayName", "Trips"),
            ("ServerId", phone.number(TRIPS)),
            ("Type", "1"),
            ("ParentId", phone.number(INBOX)),
        ],
        [
            ("DisplayName", "Trash"),
            ("ServerId", phone.number("default0/Trash")),
            ("Type", "4"),
            ("ParentId", "0"),
        ],
    ]


@pytest.mark.requirement("MS-ASCMD", 6031)
def test_the_list_changes_nothing_of_what_foldersync_tells(world: World) -> None:
    phone = world.phone(Version.V12_1)
    assert len(phone.send("GetHierarchy").all("FolderHierarchy:Folder")) == 3
    key = phone.folder_sync().text("FolderHierarchy:SyncKey")
    world.source.tree.append(Folder("default0/New", None, "New", ContentType.MAIL))
    world.source.items["default0/New"] = {}
    assert "New" in [each.text for each in phone.send("GetHierarchy").all("FolderHierarchy:DisplayName")]
    added = phone.folder_sync(key).one("FolderHierarchy:Add")
    assert added.text_of("FolderHierarchy:DisplayName") == "New"


def test_a_user_without_mail_has_an_empty_list(world: World) -> None:
    world.source.tree = [folder for folder in world.source.tree if folder.id == CONTACTS]
    reply = world.phone(Version.V12_1).send("GetHierarchy")
    assert (reply.http.status, reply.root) == (200, None)


@pytest.mark.requirement("MS-ASCMD", 6049, 6050, 6051, 6051100601, 6048)
@pytest.mark.parametrize("version", [each for each in Version if each not in OLD], ids=lambda each: each.text)
def test_later_versions_have_no_such_command(version: Version, world: World) -> None:
    assert world.phone(version).raw("GetHierarchy", b"").status == 400


@pytest.mark.requirement("MS-ASCMD", 4895)
@pytest.mark.parametrize("command", ["CreateCollection", "DeleteCollection", "MoveCollection"])
def test_collections_are_not_made_by_commands_that_no_version_describes(command: str, world: World) -> None:
    for version in Version:
        response = world.phone(version).raw(command, b"")
        assert response.status == (501 if version is Version.V2_5 else 400)
    assert command not in world.eas.options().headers["MS-ASProtocolCommands"]


def test_the_numbers_are_those_of_the_folders(world: World) -> None:
    phone: Phone = world.phone(Version.V12_1)
    phone.folder_sync()
    numbers = [each.text for each in phone.send("GetHierarchy").all("FolderHierarchy:ServerId")]
    assert phone.number(CONTACTS) not in numbers
