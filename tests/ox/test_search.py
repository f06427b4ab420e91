"""Searching OX of every generation: messages and other items, people and their time, documents."""

from __future__ import annotations

import io
import itertools
import json
import shutil
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.content import Busy
from app.usm.errors import ItemGone, ItemRefused
from app.usm.model import ContentType, Credentials, Device, FolderRef, FolderRole
from app.usm.queries import (
    AllOf,
    AnyOf,
    Conversation,
    Mark,
    Marked,
    Not,
    Origin,
    Place,
    Received,
    Words,
)
from tests.ox.standin import PNG, StandIn, SystemClock, WebUser, make_data

ANTON = "anton@example.org"
BERTA = "berta@example.org"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seed")
    make_data(folder, "empty")
    return folder


@pytest.fixture(scope="module", params=["6", "7", "8"])
def ox(request, seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"ox{request.param}") / "data"
    shutil.copytree(seed, folder)
    running = StandIn(f"sqlite:///{folder}", request.param)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def provider(ox):
    made = OxSourceProvider(OxSettings(ox.url), SystemClock())
    yield made
    made.close()


@pytest.fixture
def source(provider):
    return provider.open(Credentials(ANTON, "secret"), Device("EAS", "phone1"))


@pytest.fixture(scope="module")
def web(ox):
    user = WebUser(ox, ANTON)
    yield user
    user.close()


@pytest.fixture
def folders(source):
    """All folders of the user, with numbers."""
    found = source.folders()
    return [FolderRef(number, folder.id, folder.content) for number, folder in enumerate(found, 1)]


def of(folders, content):
    return [folder for folder in folders if folder.content is content]


@pytest.fixture
def word():
    """One that nothing else holds."""
    return f"zebra{next(_numbers)}x"


def message(subject, text="Hello", sender="Zoë Quist <zoe@example.com>", to=ANTON, file=False, **headers):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    if file:
        mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="Report.pdf")
    return mail.as_bytes()


def ids(hits):
    return [hit.item_id for hit in hits.hits]


# -- messages ------------------------------------------------------------------------------------------------


def test_words_anywhere_in_messages_of_all_folders_newest_first(ox, source, web, folders, word):
    first = ox.deliver(ANTON, message(f"One {word}"))
    second = ox.deliver(ANTON, message("Two", text=f"It is {word.upper()} here"))
    third = ox.deliver(ANTON, message("Three", sender=f"{word} <z@example.com>"))
    ox.deliver(ANTON, message("Four"))
    before = source.cost.calls
    found = source.search(of(folders, ContentType.MAIL), Words(word), 100)
    assert set(ids(found)) == {first, second, third}
    assert [hit.when for hit in found.hits] == sorted((hit.when for hit in found.hits), reverse=True)
    assert (found.total, found.complete) == (3, True)
    assert source.cost.calls == before + 1
    assert {hit.folder.id for hit in found.hits} == {"default0/INBOX"}
    few = source.search(of(folders, ContentType.MAIL), Words(word), 2)
    assert (few.hits, few.total) == (found.hits[:2], 3)


def test_words_at_their_places(ox, source, folders, word):
    mails = of(folders, ContentType.MAIL)
    subject = ox.deliver(ANTON, message(word))
    text = ox.deliver(ANTON, message("x", text=word))
    sender = ox.deliver(ANTON, message("x", sender=f"{word}@example.com"))
    copy = ox.deliver(ANTON, message("x", Cc=f"{word} <b@example.org>"))
    for place, item in (
        (Place.SUBJECT, subject),
        (Place.TEXT, text),
        (Place.SENDER, sender),
        (Place.CC, copy),
    ):
        assert ids(source.search(mails, Words(word, place), 10)) == [item], place
    assert ids(source.search(mails, Words(word, Place.TO), 10)) == []
    assert ids(source.search(mails, Words(word, Place.BCC), 10)) == []


def test_several_conditions(ox, source, web, folders, word):
    mails = of(folders, ContentType.MAIL)
    plain = ox.deliver(ANTON, message(f"Plain {word}"))
    file = ox.deliver(ANTON, message(f"File {word}", file=True))
    web.call("PUT", "mail", "update", {"flags": 32, "value": True}, folder="default0/INBOX", id=plain)
    web.call("PUT", "mail", "update", {"flags": 8, "value": True}, folder="default0/INBOX", id=file)

    def found(*conditions):
        return set(ids(source.search(mails, AllOf((Words(word), *conditions)), 10)))

    assert found(Marked(Mark.FILES)) == {file}
    assert found(Words("report", Place.FILES)) == {file}
    assert found(Marked(Mark.READ)) == {plain}
    assert found(Not(Marked(Mark.READ))) == {file}
    assert found(Marked(Mark.FLAGGED)) == {file}
    assert found(AnyOf((Words("plain"), Words("file")))) == {plain, file}
    assert found(Words("plain"), Words("file")) == set()
    assert found(Not(Words("plain"))) == {file}


def test_dates_to_the_second(ox, source, folders, word):
    mails = of(folders, ContentType.MAIL)
    item = ox.deliver(ANTON, message(word))
    (hit,) = source.search(mails, Words(word), 10).hits
    second = timedelta(seconds=1)
    for condition, expected in (
        (Received(after=hit.when - second), [item]),
        (Received(after=hit.when), []),
        (Received(before=hit.when + second), [item]),
        (Received(before=hit.when), []),
        (Received(hit.when - second, hit.when + second), [item]),
        (Not(Received(after=hit.when - second)), []),
        (Not(Received(after=hit.when + second)), [item]),
    ):
        assert ids(source.search(mails, AllOf((Words(word), condition)), 10)) == expected, condition
    assert item in ids(source.search(mails, Received(after=hit.when - second), 10))
    assert item in ids(source.search(mails, None, 1000))


def test_a_conversation(ox, source, folders, word):
    mails = of(folders, ContentType.MAIL)
    name = f"<{word}@example.com>"
    first = ox.deliver(ANTON, message("Plan", Message_ID=name))
    answer = ox.deliver(ANTON, message("Re: Plan", Message_ID=f"<2{word}@example.com>", References=name))
    ox.deliver(ANTON, message("Plan", Message_ID=f"<3{word}@example.com>"))
    found = source.search(mails, Conversation(lambda each: each == name), 10)
    assert set(ids(found)) == {first, answer}
    now = datetime.now(UTC)
    for after, expected in ((now - timedelta(days=2), {first, answer}), (now + timedelta(days=3), set())):
        lately = AllOf((Received(after=after), Conversation(lambda each: each == name)))
        assert set(ids(source.search(mails, lately, 10))) == expected


def test_a_folder_that_is_gone_spoils_nothing(ox, source, folders, word):
    item = ox.deliver(ANTON, message(word))
    gone = FolderRef(99, "default0/INBOX/Gone", ContentType.MAIL)
    found = source.search([gone, *of(folders, ContentType.MAIL)], Words(word), 10)
    assert (ids(found), found.complete) == ([item], True)


# -- other items ---------------------------------------------------------------------------------------------


def default(source, folders, content):
    role = FolderRole.DEFAULT
    (wanted,) = [each.id for each in source.folders() if each.content is content and each.role is role]
    return next(folder for folder in folders if folder.id == wanted)


def test_contacts_tasks_appointments_and_notes(source, folders, word):
    start = datetime(2026, 5, 4, 10, tzinfo=UTC)
    written = {
        ContentType.CONTACTS: {"display_name": f"Zoë {word}", "last_name": word},
        ContentType.TASKS: {"subject": f"Buy {word}"},
        ContentType.CALENDAR: {
            "subject": f"Meet {word}",
            "start": start,
            "end": start + timedelta(hours=1),
            "time_zone": "UTC",
        },
        ContentType.NOTES: {"subject": f"Note {word}"},
    }
    for content, fields in written.items():
        folder = default(source, folders, content)
        made = source.create(folder, fields, f"{word}-{content}")
        found = source.search(folders, Words(word.upper()), 10)
        assert (folder, made.id) in [(hit.folder, hit.item_id) for hit in found.hits], content
        assert ids(source.search([folder], AllOf((Words(word), Words("nowhere"))), 10)) == []
        assert ids(source.search([folder], Received(after=start - timedelta(days=9999)), 10)) == []
    assert source.search(folders, Words(word), 10).total == 4


def test_a_search_of_contacts_takes_nothing_for_a_wildcard(source, folders, word):
    folder = default(source, folders, ContentType.CONTACTS)
    made = source.create(folder, {"display_name": f"{word}*b", "last_name": "x"}, word)
    source.create(folder, {"display_name": f"{word}cb", "last_name": "x"}, f"{word}2")
    assert ids(source.search([folder], Words(f"{word}*b"), 10)) == [made.id]


# -- people --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("MS-ASCMD", 421, 3698, 3699, 132000)
def test_people_of_the_directory_by_the_beginning_of_their_names(source):
    (berta,) = source.people("ber")
    assert (berta.name, berta.mail, berta.origin) == ("Berta Björnsen", BERTA, Origin.DIRECTORY)
    assert [each.name for each in source.people("björn berta")] == ["Berta Björnsen"]
    assert [each.mail for each in source.people(BERTA)] == [BERTA]
    assert source.people("erta") == []
    assert source.people("*") == []
    assert source.people("  ") == []
    names = [each.name for each in source.people("a")]
    assert names == sorted(names, key=str.casefold)


def test_a_user_who_may_not_see_the_directory_finds_nobody(ox, provider):
    ox.control("POST", "rights", {"login": "caesar@example.org", "add": [], "remove": ["contacts"]})
    source = provider.open(Credentials("caesar@example.org", "secret"), Device("EAS", "phone0"))
    assert source.people("berta") == []
    assert source.resolve(["berta"]) == {"berta": []}
    ox.control("POST", "rights", {"login": "caesar@example.org", "add": ["contacts"], "remove": []})


def test_a_name_may_mean_own_contacts_and_lists_as_well(source, web, folders, word):
    folder = default(source, folders, ContentType.CONTACTS)
    source.create(folder, {"display_name": f"Zoë {word}", "email1": f"{word}@example.com"}, word)
    source.create(folder, {"display_name": f"Berta {word}", "email1": BERTA}, f"{word}2")
    members = [
        {"display_name": "Zoë", "mail": "zoe@example.com", "mail_field": 0},
        {"display_name": "Berta", "mail": BERTA, "mail_field": 0},
    ]
    body = {
        "folder_id": folder.id,
        "display_name": f"Team {word}",
        "mark_as_distributionlist": True,
        "distribution_list": members,
    }
    web.call("PUT", "contacts", "new", body)
    before = source.cost.calls
    found = source.resolve([word, BERTA.upper(), f"team {word}", "nobody", "%", "", "vertrieb"])
    assert source.cost.calls == before + 2
    (group,) = found["vertrieb"]
    assert (group.name, {member.mail for member in group.members}) == ("Vertrieb", {ANTON, BERTA})
    before = source.cost.calls
    assert source.resolve([BERTA])[BERTA][0].mail == BERTA
    assert source.cost.calls == before + 1
    assert [each.name for each in found[f"team {word}"]] == [f"Team {word}"]
    assert [each.mail for each in found[f"team {word}"][0].members] == ["zoe@example.com", BERTA]
    assert f"Zoë {word}" in [each.name for each in found[word]]
    assert [(each.mail, each.origin) for each in found[BERTA.upper()]] == [(BERTA, Origin.DIRECTORY)]
    assert found["nobody"] == found["%"] == found[""] == []


def test_pictures(source, web):
    own = web.call("GET", "contacts", "getuser", id=web.call("GET", "user", "get")["id"])
    body = {"json": json.dumps({"image1_content_type": "image/png"})}
    answer = web.http.post(
        f"{web.ox.url}contacts",
        params={
            "action": "update",
            "session": web.session,
            "id": own["id"],
            "folder": "6",
            "timestamp": 2**53,
        },
        data=body,
        files={"file": ("a.png", io.BytesIO(PNG), "image/png")},
        timeout=20,
    )
    assert answer.status_code == 200
    (anton,) = source.people(ANTON)
    assert source.picture(anton) == PNG
    (berta,) = source.people(BERTA)
    assert source.picture(berta) is None


# -- when they have time -------------------------------------------------------------------------------------


def test_when_people_and_rooms_are_busy(source, folders, word, ox):
    start = datetime(2026, 6, 1, 10, tzinfo=UTC) + timedelta(days=next(_numbers))
    hour = timedelta(hours=1)
    folder = default(source, folders, ContentType.CALENDAR)
    source.create(
        folder,
        {
            "subject": word,
            "start": start + hour,
            "end": start + 2 * hour,
            "time_zone": "UTC",
            "busy": Busy.AWAY,
        },
        word,
    )
    source.create(
        folder,
        {"subject": "free", "start": start, "end": start + hour, "time_zone": "UTC", "busy": Busy.FREE},
        f"{word}2",
    )
    told = source.busy(
        [ANTON, BERTA.upper(), "zoe@example.com", "raum1@example.org"], start, start + 9 * hour
    )
    assert set(told) == {ANTON, BERTA.upper(), "raum1@example.org"}
    # The newest generation tells that somebody is busy, and not how.
    state = Busy.BUSY if ox.generation == "8" else Busy.AWAY
    assert [(each.start, each.end, each.busy) for each in told[ANTON]] == [
        (start + hour, start + 2 * hour, state)
    ]
    assert list(told[BERTA.upper()]) == []


def test_a_user_without_a_calendar_learns_nothing(ox, provider):
    ox.rights("caesar@example.org", remove=("calendar",))
    source = provider.open(Credentials("caesar@example.org", "secret"), Device("EAS", "phone00"))
    now = datetime(2026, 6, 1, tzinfo=UTC)
    assert source.busy([ANTON], now, now + timedelta(days=1)) == {}
    ox.rights("caesar@example.org", add=("calendar",))


# -- documents -----------------------------------------------------------------------------------------------


@pytest.fixture
def library(source, web):
    """A folder of its own with a file and a folder in it; the names that lead to it."""
    top = next(each for each in source.documents(["userstore"])[1:] if each.is_folder)
    parent = str(_leaf(web, "folder/infostore"))
    title = f"Papers {next(_numbers)}"
    new = {"title": title, "module": "infostore"}
    folder = web.call("PUT", "folders", "new", new, folder_id=parent, tree=0)
    web.call("PUT", "folders", "new", {"title": "Below", "module": "infostore"}, folder_id=folder, tree=0)
    for name, data in (("a.txt", b"first"), ("B.bin", b"x" * 1000)):
        form = {"json": json.dumps({"folder_id": folder, "filename": name, "title": name})}
        web.http.post(
            f"{web.ox.url}infostore",
            params={"action": "new", "session": web.session},
            data=form,
            files={"file": (name, data, "application/octet-stream")},
            timeout=20,
        )
    web.call("PUT", "infostore", "new", {"folder_id": folder, "title": "Bookmark", "url": "http://x/"})
    return ["userstore", top.title, title]


def _leaf(web, path):
    return web.http.get(f"{web.ox.url}config/{path}", params={"session": web.session}, timeout=20).json()[
        "data"
    ]


def test_a_folder_of_documents(source, library):
    own, *inside = source.documents(library)
    assert (own.path, own.title, own.is_folder) == (tuple(library), library[-1], True)
    assert own.created is not None
    assert [(each.title, each.is_folder, each.size) for each in inside] == [
        ("Below", True, 0),
        ("a.txt", False, 5),
        ("B.bin", False, 1000),
    ]
    assert inside[1].path == (*library, "a.txt")
    assert inside[1].content_type == "text/plain"
    assert inside[1].modified is not None
    top = source.documents([])
    assert top[0].path == ()
    assert "userstore" in [each.title for each in top]


def test_a_file_by_its_name_whatever_its_case(source, library):
    (file,) = source.documents([*library, "A.TXT"])
    assert (file.title, file.size) == ("a.txt", 5)
    download = source.document([*library, "a.txt"])
    assert b"".join(download.chunks) == b"first"
    assert download.size == 5
    assert download.modified == file.modified is not None


def test_what_is_not_there(source, library):
    for path in (["nowhere"], [*library, "c.txt"], [*library, "a.txt", "b"], ["x"] * 60):
        with pytest.raises(ItemGone):
            source.documents(path)
    for path in ([*library, "c.txt"], library, [*library, "Bookmark"]):
        with pytest.raises(ItemGone):
            source.document(path)


def test_a_user_without_documents(ox, provider, library):
    ox.rights("caesar@example.org", remove=("infostore",))
    source = provider.open(Credentials("caesar@example.org", "secret"), Device("EAS", "phone000"))
    with pytest.raises((ItemGone, ItemRefused)):
        source.documents(library)
    ox.rights("caesar@example.org", add=("infostore",))
