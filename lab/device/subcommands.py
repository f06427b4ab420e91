"""What a person can ask of a phone on the command line: a word for each command of the protocol.

``SUBCOMMANDS`` is the table: the word, what it is for, its arguments, and what of :mod:`lab.device.actions` carries it
out. A phone on the command line keeps nothing from one call to the next, so it provisions and looks for its folders
first.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.device import actions
from lab.device.actions import KINDS, REPLIES, Say
from lab.device.phone import Phone
from lab.device.trace import WBXML

Run = Callable[[Phone, argparse.Namespace, Say], None]


@dataclass(frozen=True)
class Argument:
    """One argument of a word, as ``argparse`` takes it; of those that are ``one_of`` a person gives exactly one."""

    name: str
    options: Mapping[str, Any]
    one_of: bool = False


def argument(name: str, text: str, *, one_of: bool = False, **options: Any) -> Argument:
    return Argument(name, {"help": text, **options}, one_of)


@dataclass(frozen=True)
class Subcommand:
    """A word: the ``command`` of the protocol, what it is for, and who carries it out. ``prepared``: whether the phone
    first takes the policy and looks for its folders."""

    command: str
    text: str
    run: Run
    arguments: Sequence[Argument] = ()
    prepared: bool = True

    @property
    def word(self) -> str:
        """``FolderSync`` as one types it: ``folder-sync``."""
        return "".join(f"-{each.lower()}" if each.isupper() else each for each in self.command)[1:]

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Give a parser the arguments of this word."""
        group = None
        for each in self.arguments:
            if each.one_of:
                group = group or parser.add_mutually_exclusive_group(required=True)
                group.add_argument(each.name, **each.options)
            else:
                parser.add_argument(each.name, **each.options)

    def carry_out(self, phone: Phone, given: argparse.Namespace, say: Say) -> None:
        """Do it. ``PhoneError`` and ``ValueError`` say why not."""
        if self.prepared:
            phone.provision()
            phone.folder_sync()
        self.run(phone, given, say)


# -- the table -----------------------------------------------------------------------------------------------

FOLDER = argument("folder", "a folder: its ServerId, name or kind")
ITEM = argument("item", "the ServerId of an item, as sync shows it")
FILTER = argument("--filter", "how far back (FilterType)", type=int, metavar="N")
BODY = argument("--body", "1 plain text, 2 HTML, 4 MIME", type=int, choices=(1, 2, 3, 4), default=1)
RANGE = argument("--range", "which of the results or bytes, such as 0-9", metavar="FROM-TO")
SAVE = argument("--save", "write it into this file", metavar="PATH")
MULTIPART = argument("--multipart", "as a part of its own", action="store_true")
TIMES = argument(
    "--times", "such as 2026-12-24T00:00:00.000Z", nargs=2, metavar=("START", "END"), default=None
)
MESSAGE = (
    argument("to", "whom it goes to", nargs="?"),
    argument("subject", "what it is about", nargs="?", default=""),
    argument("text", "the words", nargs="?", default=""),
    argument("--message", "send this file (RFC 5322) instead", metavar="PATH"),
    argument("--client-id", "a name of your own: the same twice is sent once", metavar="ID"),
)

TABLE = (
    Subcommand(
        "Options", "the versions and commands that the server offers", actions.options, prepared=False
    ),
    Subcommand("Provision", "take the policy, and show it", actions.provision, prepared=False),
    Subcommand("FolderSync", "the folders", actions.folder_sync),
    Subcommand("GetHierarchy", "the folders of mail in one list (up to 12.1)", actions.get_hierarchy),
    Subcommand(
        "FolderCreate",
        "make a folder",
        actions.folder_create,
        (
            argument("name", "what it is called"),
            argument("--parent", "the folder to put it into (the top)", metavar="FOLDER"),
            argument("--kind", "what it holds (mail)", choices=tuple(KINDS), default="mail"),
        ),
    ),
    Subcommand(
        "FolderUpdate",
        "rename or move a folder",
        actions.folder_update,
        (
            FOLDER,
            argument("--name", "the new name"),
            argument("--parent", "the folder to put it into, 0 for the top", metavar="FOLDER"),
        ),
    ),
    Subcommand("FolderDelete", "delete a folder", actions.folder_delete, (FOLDER,)),
    Subcommand(
        "Sync",
        "the items of a folder; add, change, fetch or delete some of them",
        actions.sync,
        (
            FOLDER,
            FILTER,
            BODY,
            argument("--truncation", "so many bytes of a body", type=int, metavar="BYTES", default=500),
            argument("--window", "so many changes in an answer", type=int, metavar="N"),
            argument("--heartbeat", "then wait that long for changes", type=int, metavar="SECONDS"),
            argument("--add", "Page:Tag=value ...", nargs="+", action="append", metavar="FIELD", default=[]),
            argument(
                "--change",
                "a ServerId, then Page:Tag=value ...",
                nargs="+",
                action="append",
                metavar="WHAT",
                default=[],
            ),
            argument("--fetch", "a ServerId", action="append", metavar="ITEM", default=[]),
            argument("--delete", "a ServerId", action="append", metavar="ITEM", default=[]),
            argument("--whole", "show all that there is of each item", action="store_true"),
        ),
    ),
    Subcommand(
        "GetItemEstimate",
        "how many changes a folder has to tell",
        actions.get_item_estimate,
        (FOLDER, FILTER),
    ),
    Subcommand(
        "Ping",
        "wait until something changes in folders",
        actions.ping,
        (
            argument("folders", "folders: ServerIds, names or kinds", nargs="+", metavar="folder"),
            argument("--seconds", "for so long (60)", type=int, default=60),
            FILTER,
        ),
    ),
    Subcommand(
        "MoveItems",
        "move items into a folder",
        actions.move_items,
        (
            argument("folder", "where to"),
            argument("items", "ServerIds", nargs="+", metavar="item"),
        ),
    ),
    Subcommand("SendMail", "send a message", actions.send_mail, MESSAGE),
    Subcommand("SmartReply", "answer a mail; the server quotes it", actions.smart_reply, (ITEM, *MESSAGE)),
    Subcommand("SmartForward", "forward a mail; the server adds it", actions.smart_forward, (ITEM, *MESSAGE)),
    Subcommand(
        "GetAttachment",
        "a file of a mail (up to 12.1)",
        actions.get_attachment,
        (argument("reference", "its name for the server, as sync shows it"), SAVE),
    ),
    Subcommand(
        "ItemOperations",
        "fetch an item, a file or a document, or empty a folder (from 12.0)",
        actions.item_operations,
        (
            argument("--item", "a ServerId", one_of=True),
            argument("--file", "a FileReference, as sync shows it", one_of=True),
            argument("--document", "a link, as search shows it", one_of=True),
            argument("--empty", "a folder to empty", metavar="FOLDER", one_of=True),
            argument("--subfolders", "with those below it", action="store_true"),
            argument("--mime", "the mail as it came", action="store_true"),
            BODY,
            RANGE,
            MULTIPART,
            SAVE,
        ),
    ),
    Subcommand(
        "MeetingResponse",
        "answer an invitation",
        actions.meeting_response,
        (
            ITEM,
            argument("reply", "what to answer", choices=tuple(REPLIES)),
            argument("--tell", "the server is to tell the organizer (16.x)", action="store_true"),
            argument("--comment", "words for the organizer (16.x)", default=""),
        ),
    ),
    Subcommand(
        "Search",
        "look for mail, people or documents",
        actions.search_store,
        (
            argument("words", "what to look for; of documents a link such as \\\\ox\\infostore"),
            argument("--store", "where (mail)", choices=("mail", "people", "documents"), default="mail"),
            argument("--folder", "only there", action="append", default=[]),
            argument(
                "--content",
                "only these: Email, Calendar ...",
                action="append",
                default=[],
                metavar="CLASS",
            ),
            RANGE,
        ),
    ),
    Subcommand(
        "Find",
        "look for mail or people (16.1)",
        actions.find,
        (
            argument("words", "what to look for (KQL)"),
            argument("--store", "where (mail)", choices=("mail", "people"), default="mail"),
            argument("--folder", "only there"),
            RANGE,
        ),
    ),
    Subcommand(
        "ResolveRecipients",
        "who is meant by names, and when they have time",
        actions.resolve_recipients,
        (
            argument("names", "names or addresses", nargs="+", metavar="name"),
            TIMES,
            argument("--certificates", "with their certificates", action="store_true"),
        ),
    ),
    Subcommand(
        "ValidateCert",
        "what is wrong with certificates of signed mail",
        actions.validate_cert,
        (
            argument("files", "certificates, PEM or DER", nargs="+", metavar="file"),
            argument(
                "--chain", "one that leads to an authority", action="append", default=[], metavar="FILE"
            ),
            argument("--crl", "one that may be revoked is not valid", action="store_true"),
        ),
    ),
    Subcommand(
        "Settings",
        "the owner's addresses and absence; set the absence (from 12.0)",
        actions.change_settings,
        (
            argument("--away", "what those hear who write", metavar="TEXT"),
            TIMES,
            argument("--back", "the owner is there again", action="store_true"),
            argument("--recovery", "leave this recovery password", metavar="PASSWORD"),
            argument("--rights", "templates of rights management (14.1)", action="store_true"),
        ),
    ),
    Subcommand(
        "Raw",
        "any command with any bytes, and what comes",
        actions.raw,
        (
            argument("command", "such as FolderSync"),
            argument("body", "a file, - for standard input", nargs="?"),
            argument("--hex", "the file holds hex digits", action="store_true"),
            argument("--bare", "without a policy", action="store_true"),
            argument("--content-type", "of the body", default=WBXML),
        ),
        prepared=False,
    ),
    Subcommand(
        "Replay",
        "ask again what a trace of the service (usmctl trace show --json) has, and say what is answered otherwise",
        actions.replay,
        (
            argument("file", "the trace"),
            argument("--of", "of this device of the trace alone", metavar="DEVICE", default=""),
            argument(
                "--heartbeat", "wait no longer than that for news", type=int, metavar="SECONDS", default=0
            ),
            argument("--go-on", "do not end at the first difference", action="store_true"),
        ),
        prepared=False,
    ),
)
SUBCOMMANDS = {each.word: each for each in TABLE}
