"""The whole source against the stand-in OX of every generation: HTTP in, USM out.

What each call costs is asserted too: it is half of what this package is for.
"""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from app.ox import examination
from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.content import CONTACT_FIELDS, MAIL_FIELDS, Address
from app.usm.errors import (
    AccessDenied,
    FolderGone,
    ItemConflict,
    ItemGone,
    NotEnabled,
    SourceUnavailable,
)
from app.usm.model import Body, BodyKind, ContentType, Credentials, Device, FolderRef, FolderRole, Item
from app.usm.ports import Wish, never
from tests.ox.standin import PNG, StandIn, SystemClock, WebUser, make_data

TEXT, HTML, MIME = BodyKind.TEXT, BodyKind.HTML, BodyKind.MIME
ANTON, DORA, NORA = "anton@example.org", "dora@example.org", "nora@example.org"

MAX_RATE = 120
"""Calls in five minutes that the stand-in grants to clients it does not know."""

_devices = itertools.count()


@pytest.fixture(scope="module", params=["6", "7", "8"])
def ox(request, tmp_path_factory):
    data = make_data(tmp_path_factory.mktemp(f"ox{request.param}"), "small")
    running = StandIn(data, request.param, "--max-rate", str(MAX_RATE))
    yield running
    running.stop()


@pytest.fixture
def provider(ox):
    made = OxSourceProvider(OxSettings(ox.url, connect_timeout=2, read_timeout=3), SystemClock())
    yield made
    ox.calm()
    made.close()


def device():
    return Device("EAS", f"phone{next(_devices)}")


def opened(provider, login=ANTON):
    return provider.open(Credentials(login, "secret"), device())


@pytest.fixture
def source(provider):
    return opened(provider)


@pytest.fixture
def web(ox):
    user = WebUser(ox, ANTON)
    yield user
    user.close()


def ref(source, role, content):
    found = [folder for folder in source.folders() if folder.role is role and folder.content is content]
    assert len(found) == 1
    return FolderRef(1, found[0].id, content)


@pytest.fixture
def inbox(source):
    return ref(source, FolderRole.INBOX, ContentType.MAIL)


@pytest.fixture
def contacts(source):
    return ref(source, FolderRole.DEFAULT, ContentType.CONTACTS)


def cost_of(source, action):
    """The answer of an action and the number of calls it took."""
    before = source.cost.calls
    answer = action()
    return answer, source.cost.calls - before


# -- who and what --------------------------------------------------------------------------------------------


def test_users_are_found_with_their_context_and_sender_address(provider):
    anton, dora = opened(provider).user, opened(provider, DORA).user
    assert (anton.context_id, anton.mail, anton.login) == (1, ANTON, ANTON)
    assert (dora.context_id, dora.mail) == (2, DORA)
    assert anton.user_id > 0


def test_who_may_not_synchronise_is_not_enabled(provider):
    with pytest.raises(NotEnabled):
        opened(provider, NORA)


@pytest.mark.parametrize("login", ["nobody@example.org", "anton@elsewhere.org", "x"])
def test_nobody_is_not_let_in(provider, login):
    with pytest.raises(AccessDenied):
        opened(provider, login)


def test_a_wrong_password_reaches_ox_once(provider, ox):
    ox.forget_calls()
    for _ in range(4):
        with pytest.raises(AccessDenied):
            provider.open(Credentials(ANTON, "wrong"), device())
    assert ox.calls() == {"login?login": 1}


def test_folders_come_by_one_call_with_their_roles(ox, source):
    folders, calls = cost_of(source, source.folders)
    # The owners of shared folders are another call to an old server.
    assert calls == (2 if ox.generation == "6" else 1)
    mail = {folder.role for folder in folders if folder.content is ContentType.MAIL}
    assert mail >= {FolderRole.INBOX, FolderRole.SENT, FolderRole.DRAFTS, FolderRole.TRASH, FolderRole.SPAM}
    assert {folder.content for folder in folders} == set(ContentType)
    ids = [folder.id for folder in folders]
    assert len(set(ids)) == len(ids)
    assert all(folder.parent_id is None or folder.parent_id in ids[:at] for at, folder in enumerate(folders))
    assert not {"6", "16", "default0"} & set(ids)


def test_folders_below_the_inbox_keep_their_parents(provider):
    folders = {folder.id: folder for folder in opened(provider, "gustav@example.org").folders()}
    below = [folder for folder in folders.values() if folder.parent_id == "default0/INBOX"]
    assert {folder.role for folder in below} >= {FolderRole.SENT, FolderRole.TRASH}


def test_a_module_without_right_is_left_out_and_comes_back(ox, provider):
    login = "berta@example.org"
    ox.rights(login, remove=("contacts",))
    try:
        source = opened(provider, login)
        assert {folder.content for folder in source.folders()} == set(ContentType) - {ContentType.CONTACTS}
        with pytest.raises(FolderGone):
            source.listing(FolderRef(1, "31", ContentType.CONTACTS), None)
    finally:
        ox.rights(login, add=("contacts",))
    assert {folder.content for folder in opened(provider, login).folders()} == set(ContentType)


def test_a_folder_that_never_was_is_gone(source):
    for folder in (
        FolderRef(1, "default0/Never", ContentType.MAIL),
        FolderRef(1, "999999", ContentType.CONTACTS),
    ):
        with pytest.raises(FolderGone):
            source.listing(folder, None)
        assert source.probe([folder]) == {}


# -- contacts ------------------------------------------------------------------------------------------------

SAMPLE = {
    str: "Ünïcode & <tag>",
    date: date(1967, 2, 28),
    tuple: ("Freunde", "Verein"),
    Body: Body(TEXT, "first line\nsecond <line> & \N{EURO SIGN}"),
    bytes: PNG,
}


def sample(field):
    if field.startswith("email"):
        return f"{field}@example.org"
    return SAMPLE[CONTACT_FIELDS[field]]


def not_kept_by(ox):
    """Generation 6 has no fields for the reading of names."""
    return {field for field in CONTACT_FIELDS if field.startswith("yomi_")} if ox.generation == "6" else set()


def test_a_listing_of_contacts_is_one_call_and_holds_no_lists(source, contacts, web):
    listing, calls = cost_of(source, lambda: source.listing(contacts, None))
    assert calls == 1
    rows = web.call("GET", "contacts", "all", folder=contacts.id, columns="1,602")
    assert set(listing.stamps) == {str(item) for item, is_list in rows if not is_list}
    assert len(listing.stamps) >= 100
    assert any(is_list for _, is_list in rows)


def test_all_contacts_can_be_read_by_one_call_and_their_pictures(source, contacts):
    ids = list(source.listing(contacts, None).stamps)
    items, calls = cost_of(source, lambda: source.read(contacts, ids, ()))
    assert set(items) == set(ids)
    assert all(isinstance(item, Item) for item in items.values())
    pictures = [item for item in items.values() if "picture" in item.fields]
    assert calls == 1 + len(pictures)
    for item in items.values():
        for field, value in item.fields.items():
            assert isinstance(value, CONTACT_FIELDS[field]), (field, value)


def test_every_field_of_a_contact_survives(ox, source, contacts):
    fields = {field: sample(field) for field in CONTACT_FIELDS if field not in not_kept_by(ox)}
    written = source.create(contacts, fields, "mark-everything")
    item = source.read(contacts, [written.id], ())[written.id]
    assert item.fields == fields
    assert item.stamp == written.stamp == source.listing(contacts, None).stamps[written.id]
    source.delete(contacts, written.id, written.stamp, to_trash=True)


def test_each_field_of_a_contact_can_be_written_and_cleared_alone(ox, source, contacts):
    created = source.create(contacts, {"first_name": "Jane", "note": Body(TEXT, "stays")}, "mark-each")
    stamp = created.stamp
    left = {"first_name", "note", "display_name", "file_as"}
    for field in CONTACT_FIELDS.keys() - not_kept_by(ox) - left:
        set_ = source.update(contacts, created.id, {field: sample(field)}, stamp)
        item = source.read(contacts, [created.id], ())[created.id]
        assert item.fields[field] == sample(field)
        assert item.fields.keys() <= left | {field}
        assert item.fields["note"] == Body(TEXT, "stays")
        cleared = source.update(contacts, created.id, {field: None}, set_.stamp)
        stamp = cleared.stamp
        assert field not in source.read(contacts, [created.id], ())[created.id].fields
    assert source.listing(contacts, None).stamps[created.id] == stamp
    source.delete(contacts, created.id, stamp, to_trash=True)


def test_a_created_contact_is_found_by_its_mark_by_one_call(source, contacts):
    written = source.create(contacts, {"last_name": "Gesucht"}, "mark-found")
    found, calls = cost_of(source, lambda: source.find_created(contacts, ["mark-found", "mark-none"]))
    assert found == {"mark-found": written}
    assert calls == 1
    source.delete(contacts, written.id, written.stamp, to_trash=False)
    assert source.find_created(contacts, ["mark-found"]) == {}


MEETING = {
    "subject": "X",
    "start": datetime(2030, 5, 4, 8, tzinfo=UTC),
    "end": datetime(2030, 5, 4, 9, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("content", "role", "fields"),
    [
        (ContentType.MAIL, FolderRole.DRAFTS, {"subject": "X"}),
        (ContentType.CONTACTS, FolderRole.DEFAULT, {"last_name": "X"}),
        (ContentType.CALENDAR, FolderRole.DEFAULT, MEETING),
        (ContentType.TASKS, FolderRole.DEFAULT, {"subject": "X"}),
    ],
)
def test_what_was_created_is_found_in_the_folder_it_was_moved_to(source, content, role, fields):
    made_in, mark = ref(source, role, content), str(uuid.uuid4())
    written = source.create(made_in, fields, mark)
    assert source.find_elsewhere(made_in, [mark]) == set()
    created = source.create_folder(None, "Moved to", content)
    other = FolderRef(2, created.id, content)
    source.move(made_in, written.id, other)
    assert source.find_created(made_in, [mark]) == {}
    assert source.find_elsewhere(made_in, [mark, "never"]) == {mark}
    source.delete_folder(other)


def test_a_draft_is_found_by_its_mark_although_somebody_wrote_on_it(source):
    drafts, mark = ref(source, FolderRole.DRAFTS, ContentType.MAIL), str(uuid.uuid4())
    created = source.create(drafts, {"subject": "X", "to": (Address(ANTON, ""),)}, mark)
    changed = source.update(drafts, created.id, {"subject": "Y"}, None)
    assert changed.id != created.id
    assert source.find_created(drafts, [mark, "never"]) == {mark: changed}
    source.update(drafts, changed.id, {"send": True}, None)
    assert source.find_created(drafts, [mark]) == {}
    inbox = ref(source, FolderRole.INBOX, ContentType.MAIL)
    newest = next(iter(source.listing(inbox, None).stamps))
    assert b"\r\nsubject: y\r\n" in source.mime(inbox, newest).lower()
    assert b"x-usm-created" not in source.mime(inbox, newest).lower()


def test_a_note_in_the_trash_is_found(source):
    notes, mark = ref(source, FolderRole.DEFAULT, ContentType.NOTES), str(uuid.uuid4())
    written = source.create(notes, {"subject": "X"}, mark)
    source.delete(notes, written.id, None, to_trash=True)
    assert source.find_elsewhere(notes, [mark]) == {mark}


def test_creating_and_deleting_cost_one_call_each(source, contacts):
    written, calls = cost_of(source, lambda: source.create(contacts, {"company": "ACME"}, "mark-cost"))
    assert calls == 1
    assert source.read(contacts, [written.id], ())[written.id].fields["display_name"] == "ACME"
    _, calls = cost_of(source, lambda: source.delete(contacts, written.id, written.stamp, to_trash=True))
    assert calls == 1


def test_a_change_at_the_web_interface_meanwhile_is_a_conflict(source, contacts, web):
    written = source.create(contacts, {"last_name": "Streit"}, "mark-conflict")
    web.update_contact(contacts.id, written.id, city_home="Köln")
    with pytest.raises(ItemConflict):
        source.update(contacts, written.id, {"home_city": "Bonn"}, written.stamp)
    with pytest.raises(ItemConflict):
        source.delete(contacts, written.id, written.stamp, to_trash=True)
    forced = source.update(contacts, written.id, {"home_city": "Bonn"}, None)
    assert source.read(contacts, [written.id], ())[written.id].fields["home_city"] == "Bonn"
    source.delete(contacts, written.id, forced.stamp, to_trash=True)


def test_what_is_gone_is_gone(source, contacts, inbox):
    written = source.create(contacts, {"last_name": "Weg"}, "mark-gone")
    source.delete(contacts, written.id, None, to_trash=True)
    assert source.read(contacts, [written.id], ()) == {}
    with pytest.raises(ItemGone):
        source.update(contacts, written.id, {"home_city": "x"}, written.stamp)
    with pytest.raises(ItemGone):
        source.delete(contacts, written.id, written.stamp, to_trash=True)
    assert source.read(inbox, ["99999"], (TEXT,)) == {}
    with pytest.raises(ItemGone):
        source.update(inbox, "99999", {"read": True}, "0")


BROKEN_PICTURE = b"\xff\xd8 is the beginning of a JPEG and no more"


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"email1": "no address"}, "email1"),
        ({"picture": BROKEN_PICTURE}, "picture"),
        ({"nickname": "\U0001f600"}, "nickname"),
    ],
    ids=["address", "picture", "emoji"],
)
def test_a_detail_that_ox_will_not_hold_does_not_lose_the_contact(source, contacts, fields, lost):
    written = source.create(contacts, {"last_name": "Mängel", **fields}, f"mark-{lost}")
    kept = source.read(contacts, [written.id], ())[written.id].fields
    assert kept["last_name"] == "Mängel"
    assert written.altered == (kept.get(lost) != fields[lost])
    source.delete(contacts, written.id, None, to_trash=True)


def test_a_text_too_long_for_ox_is_stored_as_far_as_it_goes(source, contacts):
    written = source.create(contacts, {"last_name": "L" * 3000}, "mark-long")
    kept = source.read(contacts, [written.id], ())[written.id].fields["last_name"]
    assert written.altered
    assert 0 < len(kept) < 3000
    assert kept == "L" * len(kept)
    changed = source.update(contacts, written.id, {"web_page": "w" * 5000}, written.stamp)
    assert changed.altered
    assert source.read(contacts, [written.id], ())[written.id].fields["web_page"].startswith("www")
    source.delete(contacts, written.id, None, to_trash=True)


def test_a_change_of_contacts_shows_in_one_call(source, contacts, web):
    before, calls = cost_of(source, lambda: source.probe([contacts]))
    assert calls == 1
    assert source.probe([contacts]) == before
    made = web.call("PUT", "contacts", "new", {"folder_id": int(contacts.id), "last_name": "Neu"})
    added = source.probe([contacts])
    web.update_contact(contacts.id, str(made["id"]), city_home="Köln")
    changed = source.probe([contacts])
    source.delete(contacts, str(made["id"]), None, to_trash=True)
    deleted = source.probe([contacts])
    assert len({str(each) for each in (before, added, changed, deleted)}) == 4


def test_two_devices_see_the_same_fingerprints(provider, source, contacts, inbox):
    assert opened(provider).probe([contacts, inbox]) == source.probe([contacts, inbox])


# -- mail ----------------------------------------------------------------------------------------------------

PLAIN = (
    "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.com>\r\nTo: anton@example.org\r\n"
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    "Date: Thu, 01 Jan 2026 10:00:00 +0100\r\nMessage-ID: <plain@example.com>\r\nX-Priority: 1\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nHallo W\u00f6rld <3\r\n"
).encode()

RICH = (
    b"From: list@example.com\r\nTo: anton@example.org\r\nSubject: rich\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n"
    b"Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\n"
    b"Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n"
    b"Content-Type: text/plain\r\n\r\nplain words\r\n--a\r\n"
    b"Content-Type: text/html\r\n\r\n<p>rich <img src='cid:logo@x'></p>\r\n--a--\r\n--r\r\n"
    b"Content-Type: image/png\r\nContent-ID: <logo@x>\r\nContent-Disposition: inline; filename=logo.png\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--r--\r\n--m\r\n"
    b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n%PDF\r\n--m\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n--m--\r\n"
)

BROKEN = [
    b"",
    b"no header at all",
    b"Subject: \xff\xfe\xe4 raw bytes\r\n\r\n\x00\x01\x02\xff body",
    b"From: \r\nDate: the day before yesterday\r\nSubject: =?no-such-charset?b?AAAA?=\r\n\r\nx",
    b"Content-Type: multipart/mixed; boundary=never\r\n\r\nno part follows",
    b"Content-Type: text/plain; charset=klingon\r\n\r\n\xe4\xf6",
    b"Content-Type: text/html\r\n\r\n" + b"<div>" * 3000 + b"deep",
]


def test_a_listing_of_mail_is_one_call_newest_first(source, inbox, web):
    listing, calls = cost_of(source, lambda: source.listing(inbox, None))
    assert calls == 1
    rows = web.call("GET", "mail", "all", folder=inbox.id, columns="600,611", sort=610, order="desc")
    assert list(listing.stamps) == [item for item, flags in rows if not flags & 2]
    assert len(listing.stamps) >= 200


def test_older_mail_lies_outside(source, inbox):
    everything = source.listing(inbox, None)
    since = datetime.now(UTC) - timedelta(days=30)
    recent = source.listing(inbox, since)
    assert recent.stamps.keys() | recent.outside == everything.stamps.keys()
    assert not recent.stamps.keys() & recent.outside
    items = source.read(inbox, list(everything.stamps), (TEXT,))
    for item_id, item in items.items():
        assert (item.fields["received"] < since) is (item_id in recent.outside)


def test_every_mail_of_every_shape_can_be_read(source, inbox):
    listing = source.listing(inbox, None)
    ids = list(listing.stamps)
    for kinds in ((TEXT,), (HTML, TEXT)):
        items, calls = cost_of(source, lambda kinds=kinds: source.read(inbox, ids, kinds))
        meetings = sum(1 for item in items.values() if "meeting" in item.fields)
        assert calls == -(-len(ids) // OxSettings("").mails_per_call) + meetings
        assert set(items) == set(ids)
        for item_id, item in items.items():
            assert isinstance(item, Item), item
            assert item.stamp == listing.stamps[item_id]
            assert all(isinstance(value, MAIL_FIELDS[field]) for field, value in item.fields.items())
            assert item.fields["body"].kind in (*kinds, TEXT)
    assert source.listing(inbox, None).stamps == listing.stamps, "reading marked something as read"


def read_one(source, inbox, item_id, *kinds):
    return source.read(inbox, [item_id], kinds)[item_id]


def test_a_mail_that_arrives_is_seen_and_read(ox, source, inbox):
    before = source.probe([inbox])
    item_id = ox.deliver(ANTON, PLAIN)
    assert source.probe([inbox]) != before
    assert source.listing(inbox, None).stamps[item_id] == "0"
    fields = read_one(source, inbox, item_id, HTML, TEXT).fields
    assert fields["from"] == (Address("joerg@example.com", "Jörg"),)
    assert fields["to"] == (Address("anton@example.org"),)
    assert fields["subject"] == "Grüße"
    assert fields["message_id"] == "<plain@example.com>"
    assert fields["importance"] == 2
    assert fields["body"].text.rstrip() == "Hallo Wörld <3"
    assert (fields["body"].kind, fields["body"].native) == (TEXT, TEXT)
    assert abs(fields["received"] - datetime.now(UTC)) < timedelta(minutes=5)
    assert fields["read"] is False


def test_the_parts_of_a_mail_are_told_apart(ox, source, inbox):
    item_id = ox.deliver(ANTON, RICH)
    plain = read_one(source, inbox, item_id, TEXT).fields
    rich = read_one(source, inbox, item_id, HTML, TEXT).fields
    assert plain["body"].text.strip() == "plain words"
    assert (rich["body"].kind, rich["body"].native) == (HTML, HTML)
    assert "cid:logo@x" in rich["body"].text
    for fields in (plain, rich):
        logo, pdf, inner = fields["attachments"]
        assert (logo.name, logo.content_id, logo.inline, logo.content_type) == (
            "logo.png",
            "logo@x",
            True,
            "image/png",
        )
        assert (pdf.name, pdf.inline, pdf.content_type, pdf.size) == ("a.pdf", False, "application/pdf", 4)
        assert (inner.name, inner.content_type) == ("inner.eml", "message/rfc822")
        assert len({logo.id, pdf.id, inner.id}) == 3


def test_mime_is_the_message_as_it_came(ox, source, inbox):
    raw = PLAIN.replace(b"utf-8", b"iso-8859-1").replace("ö".encode(), b"\xf6")
    item_id = ox.deliver(ANTON, raw)
    item = read_one(source, inbox, item_id, MIME, TEXT)
    assert item.fields["body"].mime == raw
    assert source.listing(inbox, None).stamps[item_id] == "0"


SIGNED = (
    b"From: dora@example.org\r\nSubject: signed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed;\r\n"
    b' micalg=sha-256; protocol="application/pkcs7-signature"; boundary=s\r\n\r\n--s\r\n'
    b"Content-Type: text/plain\r\n\r\n  exactly  these bytes \t\r\n--s\r\n"
    b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"AAAA\r\n--s--\r\n"
)


def test_a_signed_mail_comes_whole_where_mime_is_for_signed_mail_alone(ox, source, inbox):
    signed, plain = ox.deliver(ANTON, SIGNED), ox.deliver(ANTON, PLAIN)
    items = source.read(inbox, [signed, plain], (HTML, TEXT, MIME))
    assert items[signed].fields["signed"] is True
    assert items[signed].fields["body"].mime == SIGNED
    assert items[plain].fields["signed"] is False
    assert items[plain].fields["body"].kind is TEXT
    assert read_one(source, inbox, signed, HTML, TEXT).fields["body"].text.split() == [
        "exactly",
        "these",
        "bytes",
    ]


@pytest.mark.parametrize("raw", BROKEN[1:], ids=range(len(BROKEN) - 1))
def test_broken_mail_is_still_mail(ox, source, inbox, raw):
    item_id = ox.deliver(ANTON, raw)
    for kinds in ((TEXT,), (HTML, TEXT), (MIME, TEXT)):
        item = read_one(source, inbox, item_id, *kinds)
        assert isinstance(item, Item), item
        assert "\x00" not in item.fields["body"].text


def test_flags_go_both_ways_by_one_call(ox, source, inbox, web):
    item_id = ox.deliver(ANTON, PLAIN)
    written, calls = cost_of(
        source, lambda: source.update(inbox, item_id, {"read": True, "flagged": True}, "0")
    )
    assert calls == 1
    assert source.listing(inbox, None).stamps[item_id] == written.stamp == "40"
    fields = read_one(source, inbox, item_id, TEXT).fields
    assert (fields["read"], fields["flagged"]) == (True, True)
    mixed = source.update(inbox, item_id, {"read": False, "flagged": True}, written.stamp)
    assert source.listing(inbox, None).stamps[item_id] == mixed.stamp == "8"
    web.call("PUT", "mail", "update", {"flags": 1, "value": True}, folder=inbox.id, id=item_id)
    known = source.update(inbox, item_id, {"read": True}, mixed.stamp)
    assert source.listing(inbox, None).stamps[item_id] != known.stamp, "the web interface's change was lost"


def test_deleting_moves_to_the_trash_or_not(ox, source, inbox):
    trash = ref(source, FolderRole.TRASH, ContentType.MAIL)
    first, second = ox.deliver(ANTON, PLAIN), ox.deliver(ANTON, PLAIN)
    before = len(source.listing(trash, None).stamps)
    source.delete(inbox, first, None, to_trash=True)
    assert len(source.listing(trash, None).stamps) == before + 1
    source.delete(inbox, second, None, to_trash=False)
    assert len(source.listing(trash, None).stamps) == before + 1
    assert not {first, second} & source.listing(inbox, None).stamps.keys()


def all_refs(source):
    return [FolderRef(number, folder.id, folder.content) for number, folder in enumerate(source.folders())]


def test_all_folders_of_a_user_are_probed_by_one_call(ox, source, provider):
    folders = all_refs(source)
    source.probe(folders)
    found, calls = cost_of(source, lambda: source.probe(folders))
    assert calls == 1
    assert set(found) == {folder.id for folder in folders}
    item_id = ox.deliver(ANTON, PLAIN)
    later = source.probe(folders)
    assert [folder for folder in found if found[folder] != later[folder]] == ["default0/INBOX"]
    source.update(FolderRef(1, "default0/INBOX", ContentType.MAIL), item_id, {"read": True}, None)
    assert source.probe(folders)["default0/INBOX"] != later["default0/INBOX"]


def test_all_folders_of_a_user_are_listed_and_probed_by_one_call(source):
    folders = all_refs(source)
    source.probe(folders)  # what this OX can do is known from then on
    wishes, others = [Wish(folder) for folder in folders[1:]], folders[:1]
    survey, calls = cost_of(source, lambda: surveyed(source, wishes, others))
    assert calls == 1
    assert survey.listings == source.listings(wishes)
    assert survey.texts == source.probe(folders)
    survey, calls = cost_of(source, lambda: surveyed(source, [], others))
    assert (calls, survey.listings, survey.texts.keys()) == (1, [], {others[0].id})


def surveyed(source, wishes, others):
    return source.survey_unless(wishes, others, never)


def changed_between(source, monkeypatch, act):
    """OX lists the folder, something happens, and only then it answers what was asked first."""
    client = source._context.client
    multiple = client.multiple

    def reordered(calls, repeatable=False, check=None):
        listed = multiple(calls[-1:], repeatable)
        act()
        return [*multiple(calls[:-1], repeatable), *listed]

    monkeypatch.setattr(client, "multiple", reordered)


SOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
NEW = {
    ContentType.CONTACTS: {"last_name": "Meier"},
    ContentType.CALENDAR: {"subject": "Lunch", "start": SOON, "end": SOON + timedelta(hours=1)},
    ContentType.TASKS: {"subject": "Cook lunch"},
}


@pytest.mark.parametrize("content", NEW)
def test_what_changes_between_the_listing_and_the_text_of_a_folder_is_listed(
    source, provider, monkeypatch, content
):
    other = opened(provider)
    folder = next(each for each in all_refs(source) if each.content is content)
    source.probe([folder])
    made = []
    changed_between(
        source, monkeypatch, lambda: made.append(other.create(folder, NEW[content], str(uuid.uuid4())))
    )
    survey = surveyed(source, [Wish(folder)], [])
    assert survey.listings[0].stamps[made[0].id] == made[0].stamp
    assert survey.texts == other.probe([folder])
    monkeypatch.undo()
    changed_between(
        source, monkeypatch, lambda: other.delete(folder, made[0].id, made[0].stamp, to_trash=False)
    )
    assert made[0].id not in surveyed(source, [Wish(folder)], []).listings[0].stamps


def test_what_comes_and_is_read_between_the_listing_and_the_text_of_a_folder_is_listed(
    ox, source, provider, monkeypatch
):
    other, inbox = opened(provider), FolderRef(1, "default0/INBOX", ContentType.MAIL)
    source.probe([inbox])
    came = []
    changed_between(source, monkeypatch, lambda: came.append(ox.deliver(ANTON, PLAIN)))
    before = surveyed(source, [Wish(inbox)], []).listings[0].stamps[came[0]]
    monkeypatch.undo()
    changed_between(source, monkeypatch, lambda: other.update(inbox, came[0], {"read": True}, None))
    assert surveyed(source, [Wish(inbox)], []).listings[0].stamps[came[0]] != before


def test_all_folders_of_a_user_are_listed_by_one_call(source):
    folders = all_refs(source)
    since = datetime.now(UTC) - timedelta(days=14)
    wishes = [Wish(folder, since, conversations=number % 2 == 0) for number, folder in enumerate(folders)]
    source.listings(wishes)
    found, calls = cost_of(source, lambda: source.listings(wishes))
    assert calls == 1
    assert found == [source.listing(wish.folder, wish.since, wish.conversations) for wish in wishes]
    assert {wish.folder.content for wish, listing in zip(wishes, found, strict=True) if listing.stamps} >= {
        ContentType.MAIL,
        ContentType.CONTACTS,
        ContentType.CALENDAR,
        ContentType.TASKS,
    }


def test_one_folder_that_is_gone_is_no_listing_at_all(source, inbox):
    with pytest.raises(FolderGone):
        source.listings([Wish(inbox), Wish(FolderRef(2, "default0/Never", ContentType.MAIL))])


# -- faults --------------------------------------------------------------------------------------------------


def test_a_session_that_ends_in_mid_request_is_renewed_unseen(ox, source, contacts):
    ox.control("POST", "session/expire", b"", login=ANTON)
    ox.forget_calls()
    written = source.create(contacts, {"last_name": "Trotzdem"}, "mark-renewed")
    assert ox.calls()["login?login"] == 1
    assert [found.id for found in source.find_created(contacts, ["mark-renewed"]).values()] == [written.id]
    rows = source.listing(contacts, None).stamps
    assert written.id in rows
    source.delete(contacts, written.id, written.stamp, to_trash=True)
    assert ox.calls()["login?login"] == 1


def test_a_session_that_ends_within_multiple_is_renewed_unseen(ox, source, inbox):
    ids = list(source.listing(inbox, None).stamps)[:3]
    ox.control("POST", "session/expire", b"", login=ANTON)
    assert set(source.read(inbox, ids, (TEXT,))) == set(ids)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "http", "status": 429},
        {"kind": "http", "status": 500},
        {"kind": "http", "status": 503},
        {"kind": "hang", "seconds": 5},
        {"kind": "cut"},
        {"kind": "error", "code": "DBP-0001"},
        {"kind": "error", "code": "SVL-0011"},
    ],
    ids=str,
)
def test_an_ox_that_fails_is_unavailable_and_then_works_again(ox, provider, fault):
    source = opened(provider)
    inbox = FolderRef(1, "default0/INBOX", ContentType.MAIL)
    ox.fault(module="mail", action="all", **fault)
    with pytest.raises(SourceUnavailable):
        source.listing(inbox, None)
    assert source.listing(inbox, None).stamps


@pytest.mark.parametrize(
    "fault", [{"kind": "http", "status": 503}, {"kind": "cut"}, {"kind": "hang", "seconds": 5}], ids=str
)
def test_an_ox_that_fails_at_the_login_is_not_a_wrong_password(ox, provider, fault):
    ox.fault(module="login", action="login", **fault)
    with pytest.raises(SourceUnavailable):
        opened(provider)
    assert opened(provider).user.login == ANTON


def test_a_locked_account_is_refused_once(ox, provider):
    login = "caesar@example.org"
    ox.control("POST", "lock", {"login": login, "locked": True})
    try:
        ox.forget_calls()
        for _ in range(3):
            with pytest.raises(AccessDenied):
                opened(provider, login)
        assert ox.calls() == {"login?login": 1}
    finally:
        ox.control("POST", "lock", {"login": login, "locked": False})


def test_a_right_that_is_taken_away_ends_the_session(ox, provider):
    login = "caesar@example.org"
    impatient = OxSourceProvider(replace(OxSettings(ox.url), rights_age=0.0), SystemClock())
    phone = device()
    impatient.open(Credentials(login, "secret"), phone)
    ox.rights(login, remove=("active_sync",))
    try:
        with pytest.raises(NotEnabled, match="active_sync"):
            impatient.open(Credentials(login, "secret"), phone)
    finally:
        ox.rights(login, add=("active_sync",))
        impatient.close()


def test_closing_leaves_no_session_behind(ox):
    ox.forget_calls()
    provider = OxSourceProvider(OxSettings(ox.url), SystemClock())
    opened(provider)
    opened(provider)
    provider.close()
    assert ox.calls()["login?logout"] == 2


def test_the_rate_limit_spares_this_client(ox, source, inbox):
    for _ in range(MAX_RATE + 10):
        source.probe([inbox])


class TestExamination:
    """What an administrator is told of an OX and of a user (``usmctl doctor``)."""

    def test_the_generation_shows_without_a_login(self, ox):
        greeting = examination.greet(ox.url, 5)
        assert greeting.generation == ("6" if ox.generation == "6" else "7")
        assert greeting.status in (200, 404)

    def test_a_user_may_what_ox_says_and_is_logged_out(self, ox):
        found = examination.log_in(OxSettings(ox.url), SystemClock(), Credentials(ANTON, "secret"))
        assert (found.user.context_id, found.user.login, found.user.mail) == (1, ANTON, ANTON)
        assert found.legacy is (ox.generation == "6")
        assert found.has_chronos is (ox.generation == "8")
        assert found.version
        assert found.rights == {"usm": True, "active_sync": True}
        assert ContentType.CALENDAR in found.contents

    def test_rights_that_are_missing_are_told_one_by_one(self, ox):
        found = examination.log_in(OxSettings(ox.url), SystemClock(), Credentials(NORA, "secret"))
        assert False in found.rights.values()
        assert found.user.user_id

    def test_a_wrong_password_is_refused(self, ox):
        with pytest.raises(AccessDenied):
            examination.log_in(OxSettings(ox.url), SystemClock(), Credentials(ANTON, "wrong"))
