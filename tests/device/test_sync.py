"""Items, keys, and the phone's own changes."""

from __future__ import annotations

import pytest

from app.wbxml import Element
from lab.device import AnswerLost, BadAnswer, Change, CommandFailed, Phone, ServerUnavailable
from tests.device.answers import HIERARCHY, item, response, status, sync, tree
from tests.device.canned import Canned, CannedServer

SUBJECT = Element("Email:Subject", "Hello")
UNREAD = Element("Email:Read", "0")
READ = Element("Email:Read", "1")
NAME = Element("Contacts:FirstName", "Zoë")


def collection(request) -> Element:
    return request.tree.find("AirSync:Collections").find("AirSync:Collection")


def commands(request) -> list[Element]:
    return list(collection(request).find("AirSync:Commands") or ())


@pytest.fixture
def mailbox(phone: Phone, server: CannedServer) -> Phone:
    """A phone that holds the mail ``m:1`` with key ``m2``."""
    server.play(sync("m", "m1"), sync("m", "m2", item("Add", "m:1", SUBJECT, UNREAD)))
    phone.sync_all("m")
    server.received.clear()
    return phone


@pytest.fixture
def book(phone: Phone, server: CannedServer) -> Phone:
    """A phone that holds the contact ``c:1`` with key ``c2``."""
    server.play(sync("c", "c1"), sync("c", "c2", item("Add", "c:1", NAME)))
    phone.sync_all("c")
    server.received.clear()
    return phone


def test_the_first_round_fetches_a_key_and_nothing_else(phone: Phone, server: CannedServer) -> None:
    server.play(sync("m", "m1"))
    result = phone.sync("m", window=5, filter_type=3, body_type=1, supported=["Email:Read"])
    assert [child.name for child in collection(server.last)] == [
        "AirSync:SyncKey",
        "AirSync:CollectionId",
        "AirSync:Supported",
    ]
    assert (result.key, phone.collection("m").sync_key) == ("m1", "m1")


def test_the_children_of_a_collection_stand_in_the_standards_order(
    phone: Phone, server: CannedServer
) -> None:
    server.play(sync("m", "m1"), sync("m", "m2"))
    phone.sync("m")
    phone.sync(
        "m",
        changes=[Change("Delete", "m:7")],
        window=5,
        get_changes=False,
        deletes_as_moves=True,
        filter_type=3,
        body_type=2,
        truncation=500,
        mime_support=2,
        conflict=0,
    )
    sent = collection(server.last)
    assert [child.name.partition(":")[2] for child in sent] == [
        "SyncKey",
        "CollectionId",
        "DeletesAsMoves",
        "GetChanges",
        "WindowSize",
        "Options",
        "Commands",
    ]
    assert sent.text_of("AirSync:GetChanges") == "0"
    options = sent.find("AirSync:Options")
    assert [child.name for child in options] == [
        "AirSync:FilterType",
        "AirSyncBase:BodyPreference",
        "AirSync:Conflict",
        "AirSync:MIMESupport",
    ]
    assert options.find("AirSyncBase:BodyPreference").text_of("AirSyncBase:TruncationSize") == "500"


@pytest.mark.parametrize(("version", "first"), [("12.1", "AirSync:Class"), ("14.1", "AirSync:SyncKey")])
def test_only_old_versions_name_the_class(make, server: CannedServer, version: str, first: str) -> None:
    server.play(HIERARCHY, sync("c", "c1"))
    phone = make(version=version)
    phone.folder_sync()
    phone.sync("c")
    assert collection(server.last).children[0].name == first
    assert collection(server.last).text_of("AirSync:Class") == ("Contacts" if version == "12.1" else None)


def test_rounds_follow_until_no_more_is_available(phone: Phone, server: CannedServer) -> None:
    server.play(
        sync("m", "m1"),
        sync("m", "m2", item("Add", "m:1", SUBJECT), more=True),
        sync("m", "m3", item("Add", "m:2", SUBJECT), item("Delete", "m:1"), more=True),
        sync("m", "m4", item("SoftDelete", "m:2"), item("Add", "m:3", SUBJECT)),
    )
    result = phone.sync_all("m", window=2)
    assert [collection(request).text_of("AirSync:SyncKey") for request in server.received] == [
        "0",
        "m1",
        "m2",
        "m3",
    ]
    assert (result.added, result.deleted, result.soft_deleted) == (["m:1", "m:2", "m:3"], ["m:1"], ["m:2"])
    assert (result.key, result.from_server, result.more_available) == ("m4", 5, False)
    assert list(phone.items("m")) == ["m:3"]
    assert phone.anomalies == []


def test_an_empty_answer_means_nothing_new(mailbox: Phone, server: CannedServer) -> None:
    server.play(Canned(), Canned())
    result = mailbox.sync("m")
    assert (result.is_empty, result.key, mailbox.collection("m").sync_key) == (True, "m2", "m2")
    assert mailbox.sync_all("m").from_server == 0
    assert mailbox.anomalies == []


def test_a_change_of_a_mail_keeps_what_it_does_not_name(mailbox: Phone, server: CannedServer) -> None:
    server.play(sync("m", "m3", item("Change", "m:1", READ)))
    assert mailbox.sync("m").changed == ["m:1"]
    mail = mailbox.items("m")["m:1"]
    assert (mail.text_of("Email:Subject"), mail.text_of("Email:Read")) == ("Hello", "1")


def test_a_change_of_a_contact_replaces_it_but_for_body_and_picture(
    book: Phone, server: CannedServer
) -> None:
    picture = Element("Contacts:Picture", "AA==")
    server.play(
        sync("c", "c3", item("Change", "c:1", NAME, Element("Contacts:JobTitle", "Boss"), picture)),
        sync("c", "c4", item("Change", "c:1", NAME)),
    )
    book.sync("c")
    book.sync("c")
    assert [child.name for child in book.items("c")["c:1"]] == ["Contacts:FirstName", "Contacts:Picture"]


def test_a_contact_made_on_the_phone_gets_its_server_id(book: Phone, server: CannedServer) -> None:
    def accept(request) -> Element:
        (add,) = commands(request)
        assert add.find("AirSync:ApplicationData").children == [Element("Contacts:FirstName", "Eva")]
        client_id = add.text_of("AirSync:ClientId")
        return sync("c", "c3", responses=(response("Add", 1, client_id=client_id, server_id="c:2"),))

    server.play(accept)
    assert book.add_contact("c", {"Contacts:FirstName": "Eva"}) == "c:2"
    assert book.items("c")["c:2"].text_of("Contacts:FirstName") == "Eva"
    assert book.collection("c").outbox == []
    assert book.anomalies == []


def test_fields_with_children_can_be_given_too(book: Phone, server: CannedServer) -> None:
    server.play(lambda request: sync("c", "c3", responses=(accepted(request, "c:2"),)))
    category = Element("Contacts:Category", "Friends")
    book.add_contact("c", {"Contacts:FirstName": "Eva", "Contacts:Categories": [category]})
    assert book.items("c")["c:2"].find("Contacts:Categories").children == [category]


def accepted(request, server_id: str) -> Element:
    (add,) = commands(request)
    return response("Add", 1, client_id=add.text_of("AirSync:ClientId"), server_id=server_id)


def test_adding_fetches_the_first_key_by_itself(phone: Phone, server: CannedServer) -> None:
    server.play(sync("c", "c1"), lambda request: sync("c", "c2", responses=(accepted(request, "c:9"),)))
    assert phone.add_contact("c", [NAME]) == "c:9"


def test_the_server_may_alter_what_it_takes(book: Phone, server: CannedServer) -> None:
    def alter(request) -> Element:
        answer = accepted(request, "c:2")
        answer.append(tree("AirSync:ApplicationData", Element("Contacts:FileAs", "Eva")))
        return sync("c", "c3", responses=(answer,))

    server.play(alter)
    book.add_contact("c", {"Contacts:FirstName": "Eva"})
    assert book.items("c")["c:2"].text_of("Contacts:FileAs") == "Eva"


def test_the_read_flag_goes_to_the_server(mailbox: Phone, server: CannedServer) -> None:
    server.play(sync("m", "m3"), sync("m", "m4"))
    mailbox.mark_read("m", "m:1")
    (change,) = commands(server.last)
    assert (change.name, change.text_of("AirSync:ServerId")) == ("AirSync:Change", "m:1")
    assert change.find("AirSync:ApplicationData").children == [READ]
    assert mailbox.items("m")["m:1"].text_of("Email:Read") == "1"
    mailbox.mark_read("m", "m:1", False)
    assert mailbox.items("m")["m:1"].text_of("Email:Read") == "0"


def test_a_deleted_item_is_gone_once_the_server_knows(mailbox: Phone, server: CannedServer) -> None:
    server.play(sync("m", "m3"))
    mailbox.delete_item("m", "m:1", deletes_as_moves=False)
    assert collection(server.last).text_of("AirSync:DeletesAsMoves") == "0"
    assert mailbox.items("m") == {}


@pytest.mark.parametrize("item_status", [6, 7, 8])
def test_a_refused_change_is_an_error(mailbox: Phone, server: CannedServer, item_status: int) -> None:
    """Whether the item goes, the server says by a Delete."""
    server.play(sync("m", "m3", responses=(response("Change", item_status, server_id="m:1"),)))
    with pytest.raises(CommandFailed, match=f"Sync Change was answered with status {item_status}"):
        mailbox.mark_read("m", "m:1")
    assert "m:1" in mailbox.items("m")
    assert mailbox.collection("m").sync_key == "m3"


def test_a_lost_answer_makes_the_phone_repeat_its_request(book: Phone, server: CannedServer) -> None:
    server.play(
        lambda request: sync("c", "c3", responses=(accepted(request, "c:2"),)),
        lambda request: sync("c", "c3", responses=(accepted(request, "c:2"),)),
    )
    book.lose_next_answer()
    with pytest.raises(AnswerLost):
        book.add_contact("c", {"Contacts:FirstName": "Eva"})
    assert (list(book.items("c")), book.collection("c").sync_key) == (["c:1"], "c2")
    result = book.sync("c")
    assert server.received[0].body == server.received[1].body
    assert list(result.server_ids.values()) == ["c:2"]
    assert list(book.items("c")) == ["c:1", "c:2"]
    assert book.anomalies == []


def test_so_does_a_server_that_was_unavailable(book: Phone, server: CannedServer) -> None:
    server.play(Canned(status=503), lambda request: sync("c", "c3", responses=(accepted(request, "c:2"),)))
    with pytest.raises(ServerUnavailable):
        book.add_contact("c", {"Contacts:FirstName": "Eva"})
    book.sync("c")
    assert list(book.items("c")) == ["c:1", "c:2"]


def test_a_lost_first_key_loses_no_change(phone: Phone, server: CannedServer) -> None:
    server.play(sync("c", "c1"), sync("c", "c1"))
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        phone.sync("c", changes=[Change("Add", client_id="x", fields=(NAME,))])
    phone.sync("c")
    assert [change.client_id for change in phone.collection("c").outbox] == ["x"]
    server.play(lambda request: sync("c", "c2", responses=(accepted(request, "c:1"),)))
    assert phone.sync("c").server_ids == {"x": "c:1"}


def test_an_unknown_key_empties_the_folder(mailbox: Phone, server: CannedServer) -> None:
    server.play(sync("m", "0", collection_status=3))
    with pytest.raises(CommandFailed, match="status 3"):
        mailbox.sync("m", changes=[Change("Delete", "m:1"), Change("Add", client_id="x", fields=(SUBJECT,))])
    assert (mailbox.collection("m").sync_key, mailbox.items("m")) == ("0", {})
    assert [change.kind for change in mailbox.collection("m").outbox] == ["Add"]


def test_sync_all_starts_over_by_itself_once(mailbox: Phone, server: CannedServer) -> None:
    server.play(status("AirSync:Sync", 3), sync("m", "m5"), sync("m", "m6", item("Add", "m:1", SUBJECT)))
    assert mailbox.sync_all("m").added == ["m:1"]
    assert mailbox.anomalies == []
    server.play(status("AirSync:Sync", 3), sync("m", "m5"), status("AirSync:Sync", 3))
    with pytest.raises(CommandFailed, match="status 3"):
        mailbox.sync_all("m")


@pytest.mark.parametrize("value", [4, 5, 8, 12])
def test_other_statuses_are_errors_and_change_nothing(
    mailbox: Phone, server: CannedServer, value: int
) -> None:
    server.play(sync("m", "m2", collection_status=value), status("AirSync:Sync", value))
    for _ in range(2):
        with pytest.raises(CommandFailed, match=f"status {value}"):
            mailbox.sync_all("m")
    assert (mailbox.collection("m").sync_key, list(mailbox.items("m"))) == ("m2", ["m:1"])


@pytest.mark.parametrize(
    ("answer", "anomaly"),
    [
        (sync("m", "m3", item("Add", "m:1", SUBJECT)), "sends Add of the known item m:1"),
        (sync("m", "m3", item("Change", "m:9", READ)), "sends Change of the unknown item m:9"),
        (sync("m", "m3", item("Delete", "m:9")), "sends Delete of the unknown item m:9"),
        (sync("m", "m3", item("SoftDelete", "m:9")), "sends SoftDelete of the unknown item m:9"),
        (sync("m", "m2", item("Delete", "m:1")), "answers key m2 with changes and the same key"),
        (sync("m", "m3", more=True), "announces more, but sends nothing"),
        (sync("m", "m3", item("Delete", "m:1"), item("Add", "m:2")), "sends 2 changes for a window of 1"),
        (
            sync("m", "m3", responses=(response("Add", 1, client_id="x", server_id="m:4"),)),
            "answers the Add of x, which was not asked",
        ),
    ],
)
def test_what_the_server_should_not_send_is_noted(
    mailbox: Phone, server, answer: Element, anomaly: str
) -> None:
    server.play(answer)
    mailbox.sync("m", window=1)
    assert mailbox.anomalies == [f"Sync of collection m {anomaly}"]


def test_an_answer_that_forgets_or_doubles_an_add_is_noted(book: Phone, server: CannedServer) -> None:
    server.play(sync("c", "c3"))
    with pytest.raises(BadAnswer, match="did not answer the Add"):
        book.add_contact("c", [NAME])
    server.play(lambda request: sync("c", "c4", responses=(accepted(request, "c:1"),)))
    book.add_contact("c", [NAME])
    server.play(Canned())
    with pytest.raises(BadAnswer, match="did not answer the Add"):
        book.add_contact("c", [NAME])
    prefix = book.new_client_id().partition("-")[0]
    assert [sentence.partition(" c ")[2] for sentence in book.anomalies] == [
        f"does not answer the Add of {prefix}-1",
        f"answers the Add of {prefix}-2 with the known item c:1",
        "answers changes with nothing",
    ]


def test_changes_for_key_0_are_noted(phone: Phone, server: CannedServer) -> None:
    server.play(sync("m", "m1", item("Add", "m:1", SUBJECT)))
    phone.sync("m")
    assert phone.anomalies == ["Sync of collection m sends changes for key 0"]


@pytest.mark.parametrize(
    "answer",
    [
        sync("x", "m3"),
        sync("m", ""),
        tree("AirSync:Sync"),
        tree("AirSync:Sync", tree("AirSync:Collections")),
        sync("m", "m3", tree("AirSync:Add", SUBJECT)),
        sync("m", "m3", tree("AirSync:Add", Element("AirSync:ServerId", "m:2"))),
    ],
)
def test_an_answer_that_says_too_little_is_bad(mailbox: Phone, server: CannedServer, answer: Element) -> None:
    server.play(answer)
    with pytest.raises(BadAnswer):
        mailbox.sync("m")
    assert mailbox.collection("m").sync_key == "m2"


def test_a_server_that_never_ends_is_left(mailbox: Phone, server: CannedServer, monkeypatch) -> None:
    monkeypatch.setattr("lab.device.phone.MAX_ROUNDS", 3)
    server.play(*(sync("m", f"m{n}", more=True) for n in range(3, 6)))
    with pytest.raises(BadAnswer, match="did not end within 3 rounds"):
        mailbox.sync_all("m")
