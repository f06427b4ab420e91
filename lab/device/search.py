"""A phone's owner looks for mail, people and documents (MS-ASCMD 2.2.1.2, 2.2.1.16; MS-ASDOC).

A search asks for one page of results. An answer without Range or Total is odd: some phones show nothing then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.wbxml import Element
from lab.device.answers import number, required
from lab.device.device import expect
from lab.device.errors import BadAnswer
from lab.device.mail import File, fetch
from lab.device.phone import Phone

MAILBOX, DIRECTORY, DOCUMENTS = "Mailbox", "GAL", "DocumentLibrary"


@dataclass
class Result:
    """One that was found. ``name``: its LongId, or ServerId; ``folder``: its CollectionId; ``properties``: tag →
    element, without the page."""

    name: str = ""
    folder: str = ""
    content_class: str = ""
    properties: dict[str, Element] = field(default_factory=dict)

    def text(self, tag: str) -> str:
        """The text of a property, ``""`` without one."""
        return self.properties[tag].text if tag in self.properties else ""


@dataclass
class Results:
    """A page of results; ``total``: how many there are in all."""

    page: list[Result]
    span: str
    total: int

    @property
    def names(self) -> list[str]:
        """The names of the page, in its order."""
        return [result.name for result in self.page]


def search_mail(
    phone: Phone,
    words: str | None = None,
    *,
    folders: Iterable[str] = (),
    classes: Iterable[str] = (),
    below: bool = False,
    after: str | None = None,
    before: str | None = None,
    conversation: bytes | None = None,
    span: str | None = None,
    body_type: int | None = None,
) -> Results:
    """Items of the mailbox, as Search finds them. ``after``, ``before``: moments as the protocol writes them."""
    conditions = [
        *(Element("AirSync:Class", each) for each in classes),
        *(Element("AirSync:CollectionId", each) for each in folders),
        None if words is None else Element("Search:FreeText", words),
        None if conversation is None else Element("Search:ConversationId", conversation),
        _compared("GreaterThan", after),
        _compared("LessThan", before),
    ]
    preference = [Element("AirSyncBase:Type", str(body_type))]
    wishes = [
        None if span is None else Element("Search:Range", span),
        Element("Search:DeepTraversal") if below else None,
        None if body_type is None else Element("AirSyncBase:BodyPreference", children=preference),
    ]
    query = Element("Search:Query", children=[Element("Search:And", children=conditions)])
    return _search(phone, MAILBOX, query, wishes)


def search_people(
    phone: Phone,
    name: str,
    *,
    span: str | None = None,
    pictures: int | None = None,
    max_size: int | None = None,
) -> Results:
    """People of the directory by the beginnings of their names. ``pictures``: so many at most are wanted."""
    wishes = [
        None if span is None else Element("Search:Range", span),
        _pictures("Search", pictures, max_size),
    ]
    return _search(phone, DIRECTORY, Element("Search:Query", name), wishes)


def search_documents(phone: Phone, link: str, *, span: str | None = None) -> Results:
    """A file or folder by its link, and what a folder holds."""
    equal = Element(
        "Search:EqualTo",
        children=[Element("DocumentLibrary:LinkId"), Element("Search:Value", link)],
    )
    wishes = [None if span is None else Element("Search:Range", span)]
    return _search(phone, DOCUMENTS, Element("Search:Query", children=[equal]), wishes)


def fetch_document(phone: Phone, link: str, *, span: str | None = None, multipart: bool = False) -> File:
    """A file of the document library, or the bytes of a range of it."""
    return fetch(phone, Element("DocumentLibrary:LinkId", link), DOCUMENTS, span, multipart)


def find_mail(
    phone: Phone,
    words: str,
    *,
    folder: str | None = None,
    below: bool = False,
    span: str | None = None,
    search_id: str = "lab",
) -> Results:
    """Messages, as Find of 16.1 finds them; ``words`` are KQL."""
    query = [
        Element("AirSync:Class", "Email"),
        None if folder is None else Element("AirSync:CollectionId", folder),
        Element("Find:FreeText", words),
    ]
    wishes = [
        None if span is None else Element("Find:Range", span),
        Element("Find:DeepTraversal") if below else None,
    ]
    criterion = [Element("Find:Query", children=query), _options("Find", wishes)]
    return _find(phone, Element("Find:MailBoxSearchCriterion", children=criterion), search_id)


def find_people(
    phone: Phone, name: str, *, span: str | None = None, pictures: int | None = None, search_id: str = "lab"
) -> Results:
    """People of the directory, as Find of 16.1 finds them."""
    wishes = [None if span is None else Element("Find:Range", span), _pictures("Find", pictures, None)]
    criterion = [Element("Find:Query", name), _options("Find", wishes)]
    return _find(phone, Element("Find:GalSearchCriterion", children=criterion), search_id)


def _compared(operator: str, moment: str | None) -> Element | None:
    if moment is None:
        return None
    parts = [Element("Email:DateReceived"), Element("Search:Value", moment)]
    return Element(f"Search:{operator}", children=parts)


def _pictures(page: str, count: int | None, size: int | None) -> Element | None:
    if count is None:
        return None
    limits = [
        None if size is None else Element(f"{page}:MaxSize", str(size)),
        Element(f"{page}:MaxPictures", str(count)),
    ]
    return Element(f"{page}:Picture", children=limits)


def _options(page: str, wishes: Sequence[Element | None]) -> Element | None:
    return Element(f"{page}:Options", children=wishes) if any(wish is not None for wish in wishes) else None


def _search(phone: Phone, store: str, query: Element, wishes: Sequence[Element | None]) -> Results:
    asked = [Element("Search:Name", store), query, _options("Search", wishes)]
    document = Element("Search:Search", children=[Element("Search:Store", children=asked)])
    answer = phone.answered("Search", document)
    expect("Search", number(answer, "Search:Status"))
    response = answer.find("Search:Response")
    found = response.find("Search:Store") if response is not None else None
    if found is None:
        raise BadAnswer("Search was answered without a store")
    expect("Search", number(found, "Search:Status"))
    return _results(phone, found, "Search", "Search:LongId")


def _find(phone: Phone, criterion: Element, search_id: str) -> Results:
    execute = Element("Find:ExecuteSearch", children=[criterion])
    document = Element("Find:Find", children=[Element("Find:SearchId", search_id), execute])
    answer = phone.answered("Find", document)
    expect("Find", number(answer, "Find:Status"))
    found = answer.find("Find:Response")
    if found is None:
        raise BadAnswer("Find was answered without a response")
    expect("Find", number(found, "Find:Status"))
    return _results(phone, found, "Find", "AirSync:ServerId")


def _results(phone: Phone, found: Element, page: str, name: str) -> Results:
    if found.find(f"{page}:Range") is None or found.find(f"{page}:Total") is None:
        phone.anomalies.append(f"{page} is answered without Range or Total")
    results = [_result(each, page, name) for each in found.find_all(f"{page}:Result") if each.children]
    total = number(found, f"{page}:Total", len(results))
    return Results(results, found.text_of(f"{page}:Range") or "", total)


def _result(element: Element, page: str, name: str) -> Result:
    properties: Mapping[str, Element] = {
        child.name.partition(":")[2]: child for child in element.find(f"{page}:Properties") or ()
    }
    if element.find("AirSync:Class") is None:
        return Result(properties=dict(properties))
    return Result(
        required(element, name),
        required(element, "AirSync:CollectionId"),
        required(element, "AirSync:Class"),
        dict(properties),
    )
