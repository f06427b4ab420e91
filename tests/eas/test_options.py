"""Options: read, remembered, and in force until others come (``app.eas.options``, ``app.eas.collection``)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.eas import collection, options
from app.eas.collection import Collection
from app.eas.errors import Malformed
from app.eas.memory import Memory
from app.eas.options import Options, Preference
from app.eas.versions import Version
from app.usm.model import BodyKind, ContentType
from app.wbxml import Element
from tests.eas.phone import CONTACTS, INBOX, Phone, Reply, World, known, tree

preferences = st.builds(
    Preference,
    type=st.integers(1, 4),
    size=st.none() | st.integers(0, 2**32 - 1),
    all_or_none=st.booleans(),
    preview=st.integers(0, 255),
)
wishes = st.builds(
    Options,
    filter=st.integers(0, 8),
    conflict=st.integers(0, 1),
    mime_support=st.integers(0, 2),
    mime_limit=st.sampled_from(sorted({size for size in options.MIME_LIMITS.values() if size is not None}))
    | st.none(),
    preferences=st.lists(preferences, max_size=4, unique_by=lambda each: each.type).map(tuple),
    part=st.none() | preferences,
)


@given(wishes, st.none() | st.frozensets(st.text(max_size=20), max_size=4), st.booleans())
def test_what_is_remembered_of_a_collection_comes_back(
    wish: Options, supported: frozenset[str] | None, conversations: bool
) -> None:
    fields: dict[str, str] = {}

    class Session:
        def fields(self) -> dict[str, str]:
            return fields

        def write_fields(self, news: dict[str, str]) -> None:
            fields.update(news)

    kept = Collection(wish, supported, conversations)
    collection.keep(7, kept, Memory(Session()))  # type: ignore[arg-type]
    assert collection.recall(7, Memory(Session())) == kept  # type: ignore[arg-type]


def element(wish: Options) -> Element:
    """The Options that say this."""
    limits = {size: number for number, size in options.MIME_LIMITS.items()}

    def preference(name: str, each: Preference) -> Element:
        size = None if each.size is None else ("TruncationSize", each.size)
        all_or_none = ("AllOrNone", "1") if each.all_or_none else None
        return tree(f"AirSyncBase:{name}", ("Type", each.type), size, all_or_none, ("Preview", each.preview))

    return tree(
        "AirSync:Options",
        ("FilterType", wish.filter),
        *(preference("BodyPreference", each) for each in wish.preferences),
        ("Conflict", wish.conflict),
        ("MIMESupport", wish.mime_support),
        ("MIMETruncation", limits[wish.mime_limit]),
    )


@given(wishes)
def test_what_a_device_says_is_what_is_read(wish: Options) -> None:
    found = options.read([element(wish)])
    assert found is not None
    assert (found.filter, found.conflict, found.mime_support) == (
        wish.filter,
        wish.conflict,
        wish.mime_support,
    )
    assert found.mime_limit == wish.mime_limit
    for mine, given_ in zip(found.preferences, wish.preferences, strict=True):
        # AllOrNone says nothing without a size.
        assert mine.all_or_none is (given_.all_or_none and given_.size is not None)
        assert (mine.type, mine.size, mine.preview) == (given_.type, given_.size, given_.preview)


@given(wishes)
def test_an_item_without_its_body_is_asked_for_in_the_same_forms(wish: Options) -> None:
    bare = wish.without_bodies()
    assert bare.part is None
    assert all(each.size == 0 and not each.all_or_none for each in bare.preferences)
    if wish.preferences:
        assert [each.type for each in bare.preferences] == [each.type for each in wish.preferences]
    assert bare.bodies == wish.bodies


@given(wishes)
def test_an_item_in_full_is_asked_for_in_the_same_forms(wish: Options) -> None:
    full = wish.in_full()
    assert [each.type for each in full.preferences] == [each.type for each in wish.preferences]
    cut = [*full.preferences, *([full.part] if full.part else [])]
    assert full.mime_limit is None
    assert all(each.size is None and not each.all_or_none for each in cut)


def test_what_an_older_program_remembered_is_understood() -> None:
    old = {"filter": 3, "conflict": 0, "mime_support": 2, "mime_limit": None, "preferences": []}
    assert Options.loads(json.loads(json.dumps(old))) == Options(filter=3, conflict=0, mime_support=2)
    assert set(Options(item_class="Email").dumps()) == set(old), "and an older one understands this"


@pytest.mark.parametrize(
    ("support", "bodies"),
    [(0, (BodyKind.TEXT,)), (1, (BodyKind.TEXT, BodyKind.MIME)), (2, (BodyKind.MIME, BodyKind.TEXT))],
)
def test_2_5_takes_text_and_mime_where_it_says_so(support: int, bodies: tuple[BodyKind, ...]) -> None:
    found = options.read([tree("AirSync:Options", ("Truncation", 4), ("MIMESupport", support))], Version.V2_5)
    assert found is not None
    assert found.bodies == bodies
    assert {each.size for each in found.preferences} == {5120}


def test_options_of_text_messages_are_checked_and_count_for_nothing() -> None:
    sms = tree("AirSync:Options", ("Class", "SMS"), ("FilterType", 5))
    mail = tree("AirSync:Options", ("FilterType", 2))
    assert options.read([sms]) is None
    for both in ([sms, mail], [mail, sms]):
        found = options.read(both)
        assert found is not None
        assert found.filter == 2
    with pytest.raises(Malformed):
        options.read([tree("AirSync:Options", ("Class", "SMS"), ("FilterType", 9)), mail])


def test_options_are_for_the_class_of_the_folder(phone: Phone) -> None:
    phone.start(INBOX, CONTACTS)
    phone.world.source.put(CONTACTS, {"last_name": "A"})
    assert phone.sync(CONTACTS, ("Options", ("Class", "Email"))).status == "4"
    assert known(phone.sync(CONTACTS, ("Options", ("Class", "Contacts")))) == ["Add"]


@pytest.mark.requirement("MS-ASCON", 229)
def test_a_filter_begins_with_its_day() -> None:
    now = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)
    assert Options(filter=2).since(ContentType.MAIL, now) == datetime(2026, 2, 26, tzinfo=UTC)


AGES = (0, 2, 5, 10, 20, 60, 400)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("sync"), st.none() | st.integers(0, 5), st.none() | st.booleans()),
        st.tuples(st.just("again"), st.none(), st.none()),
        st.tuples(st.just("empty"), st.none(), st.none()),
        st.tuples(st.just("partial"), st.none() | st.integers(0, 5), st.none()),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(steps, st.sampled_from([Version.V14_0, Version.V16_1]))
def test_a_phone_holds_what_its_last_options_want(
    made: list[tuple[str, int | None, bool | None]], version: Version
) -> None:
    """Whatever it says, leaves out, or leaves to the last request: messages come and go with the options in force."""
    world = World()
    phone = world.phone(version).start(INBOX)
    for age in AGES:
        received = world.clock.now() - timedelta(days=age)
        fields = {"subject": str(age), "received": received, "conversation": str(age % 4)}
        world.source.put(INBOX, fields, received=received)
    chosen, whole, held = 0, False, set[int]()
    for verb, number, mode in made:
        if verb == "again":
            phone.sync(INBOX, key="0")
            chosen, whole, held = 0, False, set()
            continue
        wish = None if number is None else ("Options", ("FilterType", number))
        if verb == "sync":
            follow(phone.sync(INBOX, None if mode is None else ("ConversationMode", int(mode)), wish), held)
        elif verb == "partial":
            follow(phone.sync(INBOX), held)
            follow(phone.sync(INBOX, wish, after=(("Partial",),)), held)
        else:
            follow(phone.sync(INBOX), held)
            follow(phone.sync(INBOX), held)
            assert phone.send("Sync").root is None
        chosen = chosen if number is None else number
        whole = whole if mode is None else mode
        first = Options(filter=chosen).since(ContentType.MAIL, world.clock.now())
        within = {age for age in AGES if first is None or world.clock.now() - timedelta(days=age) >= first}
        alive = {age % 4 for age in within}
        assert held == {age for age in AGES if age in within or (whole and age % 4 in alive)}


def follow(reply: Reply, held: set[int]) -> None:
    """What a phone does with an answer; the messages are numbered as their ages are."""
    names = {"AirSync:Add": held.add, "AirSync:SoftDelete": held.discard}
    for name, act in names.items():
        for element in reply.all(name):
            act(AGES[int((element.text_of("AirSync:ServerId") or "").rpartition(":")[2]) - 1])
    assert not reply.all("AirSync:Delete")
