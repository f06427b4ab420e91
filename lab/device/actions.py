"""What a phone does when a person asks it to on the command line, and what it tells of it.

A folder is named by its ServerId, its kind (``Inbox``) or its name, an item by the ServerId that ``sync`` shows.
"""

from __future__ import annotations

import argparse
import ssl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.wbxml import Element
from lab.device import calendar, certificates, folders, mail, recipients, search, settings
from lab.device.errors import PhoneError
from lab.device.mail import File
from lab.device.phone import PING_MARGIN, Phone
from lab.device.reading import files_of, text_of
from lab.device.replay import play
from lab.device.state import Change, SyncResult, elements
from lab.device.story import folder_table
from lab.device.trace import in_words, meaning

Say = Callable[[str], None]

KINDS = {
    "mail": folders.MAIL,
    "calendar": folders.CALENDAR,
    "contacts": folders.CONTACTS,
    "tasks": folders.TASKS,
}
DEFAULTS = range(2, 11)
"""Types of which each user has one folder at most (MS-ASCMD 2.2.3.186.3)."""
REPLIES = {"accept": calendar.ACCEPT, "tentative": calendar.TENTATIVE, "decline": calendar.DECLINE}
TITLES = ("Email:Subject", "Calendar:Subject", "Tasks:Subject", "Notes:Subject", "Contacts:FileAs")
PEM = b"-----BEGIN"


# -- names ---------------------------------------------------------------------------------------------------


def folder(phone: Phone, name: str) -> str:
    """The ServerId of a folder; a default folder before others of its name. ``ValueError`` where none or more than one
    is meant."""
    if name in phone.folders:
        return name
    wanted = name.casefold()
    every = phone.folders.values()
    defaults = [each for each in every if each.type in DEFAULTS and each.type_name.casefold() == wanted]
    meant = defaults or [each for each in every if each.name.casefold() == wanted]
    if len(meant) != 1:
        raise ValueError(f"{len(meant)} folders are called {name!r}; folder-sync lists them")
    return meant[0].server_id


def fields(words: Sequence[str]) -> tuple[Element, ...]:
    """``Contacts:FirstName=Zoë`` as elements. ``ValueError`` for what is none."""
    pairs = dict(word.partition("=")[::2] for word in words)
    wrong = [word for word in words if "=" not in word or ":" not in word.partition("=")[0]]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is not Page:Tag=value, such as Contacts:FirstName=Anna")
    return elements(pairs)


def _keep(file: File, given: argparse.Namespace, say: Say) -> None:
    span = f", {file.span[0]} of {file.span[1]}" if file.span else ""
    say(f"{len(file.data)} bytes, {file.content_type}{span}")
    if given.save:
        Path(given.save).write_bytes(file.data)
        say(f"saved as {given.save}")


# -- commands ---------------------------------------------------------------------------------------------------


def options(phone: Phone, _: argparse.Namespace, say: Say) -> None:
    versions, commands = phone.options()
    say(f"versions {', '.join(versions)}")
    say(f"commands {', '.join(commands)}")


def provision(phone: Phone, _: argparse.Namespace, say: Say) -> None:
    policy = phone.provision()
    say(f"policy key {phone.policy_key}" if phone.policy_key else "no policy for this user")
    for name, value in policy.items():
        say(f"    {name} = {value}")


def folder_sync(phone: Phone, _: argparse.Namespace, say: Say) -> None:
    say(f"key {phone.hierarchy_key}, {len(phone.folders)} folders")
    for line in folder_table(phone):
        say(f"    {line}")


def get_hierarchy(phone: Phone, _: argparse.Namespace, say: Say) -> None:
    for each in folders.list_mail_folders(phone):
        say(f"{each.server_id:<8} {each.name:<36} {each.type_name}")


def folder_create(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    parent = folder(phone, given.parent) if given.parent else "0"
    made = folders.create_folder(phone, given.name, parent=parent, folder_type=KINDS[given.kind])
    say(f"folder {made}")


def folder_update(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    changed = folder(phone, given.folder)
    top = given.parent == "0"
    parent = "0" if top else folder(phone, given.parent) if given.parent else None
    folders.change_folder(phone, changed, name=given.name, parent=parent)
    say(f"folder {changed} is {phone.folders[changed].name!r} in {phone.folders[changed].parent_id}")


def folder_delete(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    gone = folder(phone, given.folder)
    folders.delete_folder(phone, gone)
    say(f"folder {gone} is deleted")


def sync(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    where = folder(phone, given.folder)
    wishes = {
        "filter_type": given.filter,
        "body_type": given.body,
        "truncation": given.truncation,
        "window": given.window,
    }
    phone.sync_all(where, **wishes)
    changes = _changes(phone, given)
    if changes:
        _tell_round(phone.sync(where, changes=changes, **wishes), say)
    if given.heartbeat:
        _tell_round(phone.sync(where, heartbeat=given.heartbeat, **wishes), say)
    items = phone.items(where)
    say(f"key {phone.collection(where).sync_key}, {len(items)} items")
    for server_id, item in items.items():
        _tell_item(server_id, item, given.whole, say)


def _changes(phone: Phone, given: argparse.Namespace) -> list[Change]:
    added = [Change("Add", client_id=phone.new_client_id(), fields=fields(each)) for each in given.add]
    changed = [Change("Change", each[0], fields=fields(each[1:])) for each in given.change]
    other = [Change("Fetch", each) for each in given.fetch] + [
        Change("Delete", each) for each in given.delete
    ]
    return added + changed + other


def _tell_round(result: SyncResult, say: Say) -> None:
    for name, status in result.statuses.items():
        say(f"{name}: status {status} {result.server_ids.get(name, '')}".rstrip())
    say(f"{result.from_server} changes from the server")


def _tell_item(server_id: str, item: Element, whole: bool, say: Say) -> None:
    title = next((text for name in TITLES if (text := item.text_of(name))), "")
    say(f"    {server_id:<12} {title[:80]}")
    if whole:
        say(f"        {in_words(item)}")
    for name, reference in files_of(item).items():
        say(f"        file {reference} {name}")
    if text_of(item) and not whole:
        say(f"        {text_of(item).split(chr(10))[0][:80]}")


def get_item_estimate(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    where = folder(phone, given.folder)
    phone.sync(where)
    say(f"{phone.get_item_estimate(where, filter_type=given.filter)} changes")


def ping(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    watched = [folder(phone, each) for each in given.folders]
    for each in watched:
        phone.sync_all(each, filter_type=given.filter)
    answer = phone.ping(watched, given.seconds, timeout=given.seconds + PING_MARGIN)
    say(f"status {answer.status}, changes in {', '.join(answer.folders) or 'no folder'}")


def move_items(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    for old, new in mail.move(phone, given.items, folder(phone, given.folder)).items():
        say(f"{old} is {new}")


def _written(phone: Phone, given: argparse.Namespace) -> bytes:
    if given.message:
        return Path(given.message).read_bytes()
    if not given.to:
        raise ValueError("there is neither somebody to send to nor a --message")
    return mail.message(given.to, given.subject, given.text, sender=phone.login).as_bytes()


def send_mail(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    say(f"sent as {mail.send(phone, _written(phone, given), client_id=given.client_id)}")


def smart_reply(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    name = mail.reply(phone, given.item, _written(phone, given), client_id=given.client_id)
    say(f"sent as {name}")


def smart_forward(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    name = mail.forward(phone, given.item, _written(phone, given), client_id=given.client_id)
    say(f"sent as {name}")


def get_attachment(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    _keep(mail.get_attachment(phone, given.reference), given, say)


def item_operations(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    if given.empty:
        mail.empty_folder(phone, folder(phone, given.empty), subfolders=given.subfolders)
        say("emptied")
    elif given.file:
        found = mail.fetch_file(phone, given.file, span=given.range, multipart=given.multipart)
        _keep(found, given, say)
    elif given.document:
        found = search.fetch_document(phone, given.document, span=given.range, multipart=given.multipart)
        _keep(found, given, say)
    else:
        told, body = mail.fetch_item(
            phone, given.item, body_type=given.body, mime=given.mime, multipart=given.multipart
        )
        for element in told.values():
            say(f"    {in_words(element)}")
        _keep(File(body, "the body"), given, say)


def meeting_response(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    entry = calendar.answer(phone, given.item, REPLIES[given.reply], tell=given.tell, comment=given.comment)
    say(f"in the calendar as {entry}" if entry else "in no calendar")


def _tell_results(found: search.Results, say: Say) -> None:
    say(f"{found.total} in all, here {found.span or 'none'}")
    for each in found.page:
        title = next((text for tag in ("Subject", "DisplayName", "FileAs") if (text := each.text(tag))), "")
        say(f"    {each.name or each.text('EmailAddress') or each.text('LinkId'):<36} {title}")


def search_store(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    if given.store == "people":
        found = search.search_people(phone, given.words, span=given.range)
    elif given.store == "documents":
        found = search.search_documents(phone, given.words, span=given.range)
    else:
        where = [folder(phone, each) for each in given.folder]
        found = search.search_mail(phone, given.words, folders=where, classes=given.content, span=given.range)
    _tell_results(found, say)


def find(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    if given.store == "people":
        _tell_results(search.find_people(phone, given.words, span=given.range), say)
        return
    where = folder(phone, given.folder) if given.folder else None
    _tell_results(search.find_mail(phone, given.words, folder=where, span=given.range), say)


def resolve_recipients(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    start, end = given.times or (None, None)
    found = recipients.resolve(phone, given.names, start=start, end=end, certificates=given.certificates)
    for each in found:
        say(f"{each.to}: status {each.status}, {each.count} meant")
        for person in each.recipients:
            say(f"    {person.name} <{person.mail}> {person.free_busy or ''}".rstrip())


def validate_cert(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    read = [_certificate(name) for name in given.files]
    chain = [_certificate(name) for name in given.chain]
    statuses = certificates.validate(phone, read, chain=chain, revocation=given.crl)
    for name, status in zip(given.files, statuses, strict=True):
        say(f"{name}: {'valid' if status == certificates.VALID else f'status {status}'}")


def _certificate(name: str) -> bytes:
    """A certificate in DER, whether the file is that or PEM."""
    data = Path(name).read_bytes()
    return ssl.PEM_cert_to_DER_cert(data.decode("ascii")) if data.startswith(PEM) else data


def change_settings(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    if given.away is not None or given.back:
        times = given.times or ("", "")
        state = settings.OFF if given.back else settings.TIMED if given.times else settings.ALWAYS
        said = {} if given.back else dict.fromkeys(settings.AUDIENCES, given.away)
        settings.set_absence(phone, settings.Absence(state, said, *times))
    if given.recovery is not None:
        settings.keep_password(phone, given.recovery)
    if given.rights:
        say(f"{settings.rights(phone)} templates")
    say(f"addresses {', '.join(settings.addresses(phone))}")
    told = settings.absence(phone)
    say(f"away {('no', 'yes', f'from {told.start} to {told.end}')[told.state]}")
    for audience, text in told.messages.items():
        say(f"    {audience}: {text}")


def raw(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    body = b""
    if given.body == "-":
        body = sys.stdin.buffer.read()
    elif given.body:
        body = Path(given.body).read_bytes()
    if given.hex:
        body = bytes.fromhex(body.decode("ascii"))
    if not given.bare:
        phone.provision()
    answer = phone.raw(
        body, command=given.command, headers={"Content-Type": given.content_type if body else None}
    )
    say(f"HTTP {answer.status}")
    for name, value in answer.headers.items():
        say(f"    {name}: {value}")
    for line in meaning(answer.headers.get("Content-Type", ""), answer.body):
        say(line)


def replay(phone: Phone, given: argparse.Namespace, say: Say) -> None:
    if not play(phone, Path(given.file), given.of, given.heartbeat, given.go_on, say):
        raise PhoneError("not all is answered as before")
