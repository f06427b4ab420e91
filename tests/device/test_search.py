"""A phone that searches: what it asks, and which answers it does not believe."""

from __future__ import annotations

import pytest

from app.wbxml import Element
from lab.device import BadAnswer, CommandFailed, Phone, recipients, search
from tests.device.answers import status, tree
from tests.device.canned import CannedServer


def found(*children: Element, spans: bool = True) -> Element:
    told = [Element("Search:Range", "0-0"), Element("Search:Total", "1")] if spans else []
    store = tree("Search:Store", Element("Search:Status", "1"), *children, *told)
    return tree("Search:Search", Element("Search:Status", "1"), tree("Search:Response", store))


def test_conditions_and_wishes_stand_where_they_belong(phone: Phone, server: CannedServer) -> None:
    server.play(found())
    search.search_mail(
        phone,
        "plan",
        folders=["m"],
        classes=["Email"],
        below=True,
        after="2026-01-01T00:00:00.000Z",
        span="0-9",
        body_type=1,
    )
    store = server.last.tree.find("Search:Store")
    conditions = store.find("Search:Query").find("Search:And")
    assert [child.name for child in conditions] == [
        "AirSync:Class",
        "AirSync:CollectionId",
        "Search:FreeText",
        "Search:GreaterThan",
    ]
    assert [child.name for child in store.find("Search:Options")] == [
        "Search:Range",
        "Search:DeepTraversal",
        "AirSyncBase:BodyPreference",
    ]


def test_an_empty_result_is_none(phone: Phone, server: CannedServer) -> None:
    server.play(found(Element("Search:Result")))
    assert search.search_mail(phone, "plan").page == []


def test_an_answer_without_range_and_total_is_odd(phone: Phone, server: CannedServer) -> None:
    server.play(found(spans=False))
    assert search.search_people(phone, "anton").total == 0
    assert phone.anomalies == ["Search is answered without Range or Total"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (status("Search:Search", 1), BadAnswer),
        (status("Search:Search", 3), CommandFailed),
        (
            tree(
                "Search:Search",
                Element("Search:Status", "1"),
                tree("Search:Response", status("Search:Store", 12)),
            ),
            CommandFailed,
        ),
    ],
)
def test_answers_that_are_none(phone: Phone, server: CannedServer, answer: Element, error: type) -> None:
    server.play(answer)
    with pytest.raises(error):
        search.search_documents(phone, "/")


def test_find_that_is_not_answered(phone: Phone, server: CannedServer) -> None:
    server.play(status("Find:Find", 1))
    with pytest.raises(BadAnswer):
        search.find_people(phone, "anton", pictures=1)
    server.play(status("Find:Find", 3))
    with pytest.raises(CommandFailed):
        search.find_mail(phone, "plan", folder="m")


def test_recipients_that_were_not_asked_for(phone: Phone, server: CannedServer) -> None:
    page = "ResolveRecipients:"
    response = tree(f"{page}Response", Element(f"{page}To", "berta"), Element(f"{page}Status", "4"))
    server.play(tree(f"{page}ResolveRecipients", Element(f"{page}Status", "1"), response))
    with pytest.raises(BadAnswer):
        recipients.resolve(phone, ["anton"])
    server.play(status(f"{page}ResolveRecipients", 5))
    with pytest.raises(CommandFailed):
        recipients.resolve(phone, ["anton"])
