"""What a new phone does, told as it happens: ``python -m lab.device`` and the demo print these lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from lab.device import recipients, search
from lab.device.errors import CommandFailed
from lab.device.phone import Phone
from lab.device.state import Folder

Say = Callable[[str], None]

CONTACTS = 9
INBOX = 2
SUBJECTS_SHOWN = 5
PLAIN_TEXT = 1
PREVIEW_BYTES = 500
DOCUMENTS = "\\\\ox\\infostore"
FIND_SINCE = "16.1"


def set_up(phone: Phone, say: Say) -> None:
    """Introduce the phone to the server and fetch folders, contacts and the INBOX. Any failure raises."""
    with _timed(say, "OPTIONS") as tell:
        versions, commands = phone.options()
        tell(f"server speaks {', '.join(versions)} and {len(commands)} commands")
    with _timed(say, "Provision") as tell:
        policy = phone.provision()
        tell(f"{len(policy)} settings in force" if phone.policy_key else "no policy for this user")
    with _timed(say, "FolderSync") as tell:
        phone.folder_sync()
        tell(f"{len(phone.folders)} folders")
    for line in folder_table(phone):
        say(f"    {line}")
    sync_contacts(phone, say)
    sync_inbox(phone, say)
    for anomaly in phone.anomalies:
        say(f"    odd: {anomaly}")


def folder_table(phone: Phone) -> list[str]:
    """The folders as indented lines, parents before children."""
    children: dict[str, list[Folder]] = {}
    for folder in phone.folders.values():
        parent = folder.parent_id if folder.parent_id in phone.folders else ""
        children.setdefault(parent, []).append(folder)
    lines = []
    todo = [(folder, 0) for folder in reversed(children.get("", []))]
    while todo:
        folder, depth = todo.pop()
        lines.append(f"{'  ' * depth + folder.name:<36} {folder.type_name:<14} {folder.server_id}")
        todo += [(child, depth + 1) for child in reversed(children.get(folder.server_id, []))]
    return lines


def sync_contacts(phone: Phone, say: Say) -> None:
    with _timed(say, "Sync of contacts") as tell:
        folder = phone.folder_of_type(CONTACTS)
        phone.sync_all(folder.server_id, body_type=PLAIN_TEXT)
        tell(f"{len(phone.items(folder.server_id))} contacts in {folder.name}")


def sync_inbox(phone: Phone, say: Say) -> None:
    folder = phone.folder_of_type(INBOX)
    phone.sync(folder.server_id)
    with _timed(say, "GetItemEstimate") as tell:
        tell(f"{phone.get_item_estimate(folder.server_id)} mails wait in {folder.name}")
    with _timed(say, "Sync of mail") as tell:
        phone.sync_all(folder.server_id, body_type=PLAIN_TEXT, truncation=PREVIEW_BYTES)
        tell(f"{len(phone.items(folder.server_id))} mails in {folder.name}, the newest:")
    for line in newest_mails(phone, folder.server_id):
        say(f"    {line}")


def newest_mails(phone: Phone, collection_id: str) -> list[str]:
    """Date, sender and subject of the newest mails."""
    mails = phone.items(collection_id).values()
    rows = [
        [mail.text_of(f"Email:{tag}") or "" for tag in ("DateReceived", "From", "Subject")] for mail in mails
    ]
    newest = sorted(rows, reverse=True)[:SUBJECTS_SHOWN]
    return [
        f"{date[:16].replace('T', ' ')}  {sender[:32]:<32}  {subject[:60]}"
        for date, sender, subject in newest
    ]


def wait_for_news(phone: Phone, seconds: int, say: Say) -> None:
    """Park a Ping on INBOX and contacts, and fetch what it announces."""
    watched = [phone.folder_of_type(folder_type).server_id for folder_type in (INBOX, CONTACTS)]
    with _timed(say, f"Ping for {seconds} s") as tell:
        answer = phone.ping(watched, seconds)
        names = [phone.folders[changed].name for changed in answer.folders if changed in phone.folders]
        tell(f"changes in {', '.join(names)}" if names else f"no changes (status {answer.status})")
    for changed in answer.folders:
        with _timed(say, "Sync") as tell:
            tell(f"{phone.sync_all(changed).from_server} changes")


def look_for(phone: Phone, words: str, say: Say) -> None:
    """Search the mailbox and the directory for words, and list what lies at the top of the documents; from 16.1 on
    Find as well. What the server has no rights or no place for is told, and no failure."""
    searches: list[tuple[str, str, Callable[[], search.Results]]] = [
        ("Search of mailbox", "Subject", lambda: search.search_mail(phone, words)),
        ("Search of people", "DisplayName", lambda: search.search_people(phone, words)),
        ("Search of documents", "DisplayName", lambda: search.search_documents(phone, DOCUMENTS)),
    ]
    if phone.version >= FIND_SINCE:
        searches.append(("Find", "Subject", lambda: search.find_mail(phone, words)))
    for what, tag, run in searches:
        lines: list[str] = []
        with _timed(say, what) as tell:
            try:
                found = run()
            except CommandFailed as error:
                tell(str(error))
                continue
            tell(f"{found.total} in all")
            lines = [each.text(tag) or each.text("FileAs") or each.name for each in found.page]
        for line in lines[:SUBJECTS_SHOWN]:
            say(f"    {line[:60]}")


def resolve_names(phone: Phone, names: Sequence[str], say: Say) -> None:
    """Who is meant by names, and when they are busy today (UTC): a digit for every half hour."""
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    with _timed(say, "ResolveRecipients") as tell:
        found = recipients.resolve(phone, names, start=f"{today}T00:00:00.000Z", end=f"{today}T23:59:59.000Z")
        tell(f"{sum(each.count for each in found)} people for {len(found)} names")
    for each in found:
        say(f"    {each.to}: status {each.status}")
        for person in each.recipients:
            say(f"        {person.name} <{person.mail}>  {person.free_busy or ''}")


@contextmanager
def _timed(say: Say, what: str) -> Iterator[Callable[[str], None]]:
    """Say ``what``, the result told inside, and how long it took."""
    told: list[str] = []
    start = time.monotonic()
    yield told.append
    took = (time.monotonic() - start) * 1000
    say(f"{what:<18} {took:6.0f} ms  {' '.join(told)}")
