"""The promise "nothing twice, nothing lost" under random changes, lost messages and crashes.

Two devices and the source change one folder. Requests and answers get lost, the server dies before and after any
write, devices repeat what they have no answer to. At the end everybody holds the same, every item that was made
exists exactly once unless somebody deleted it, and no device was told to start over.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.usm.errors import SourceUnavailable
from app.usm.model import ChangeKind, ClientChange, ExchangeRequest, ExchangeResult, Outcome
from tests.usm.conftest import CONTACTS, World

DEVICES = ("phone", "tablet")
WRITES = ("create", "update", "delete", "save", "write_journal")
FATES = (
    "answered",
    "request lost",
    "answer lost",
    *(f"{when} {what}" for when in ("before", "after") for what in WRITES),
)


class Crash(Exception):
    """The server process dies here."""


class FakeDevice:
    """Holds items and unsent changes as a phone does."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.number = world.number(CONTACTS, name)
        self.key = world.session(name).exchange(ExchangeRequest(self.number, "0")).key
        self.items: dict[str, str] = {}
        self.unsent: dict[str, ClientChange] = {}
        self.in_flight: tuple[ClientChange, ...] | None = None
        self.made = 0

    def add(self) -> None:
        self.made += 1
        client_id = f"{self.name}-{self.made}"
        fields = {"last_name": client_id}
        self.unsent[f"add:{client_id}"] = ClientChange(ChangeKind.ADD, client_id=client_id, fields=fields)

    def change(self, item: str, text: str) -> None:
        self.items[item] = text
        self.unsent[item] = ClientChange(ChangeKind.CHANGE, item_id=item, fields={"last_name": text})

    def delete(self, item: str) -> None:
        del self.items[item]
        self.unsent[item] = ClientChange(ChangeKind.DELETE, item_id=item)

    def idle_items(self) -> list[str]:
        """Items without an unsent change; a phone does not edit what is on its way."""
        return sorted(item for item in self.items if item not in self.unsent)

    def sync(self, fate: str) -> None:
        """One request; what has no answer is sent again unchanged, under the same key."""
        self.world.clock.advance(
            61
        )  # a phone does not ask again at once, and the source's doubts have passed
        if self.in_flight is None:
            self.in_flight = tuple(self.unsent.values())
        if fate == "request lost":
            return
        with_fault(self.world, fate)
        try:
            request = ExchangeRequest(self.number, self.key, self.in_flight, window=3)
            result = self.world.session(self.name).exchange(request)
        except (Crash, SourceUnavailable):
            return
        finally:
            with_fault(self.world, "answered")
        if fate != "answer lost":
            self.take(result)

    def take(self, result: ExchangeResult) -> None:
        self.key = result.key
        for answer in result.results:
            change = answer.change
            name = f"add:{change.client_id}" if change.kind is ChangeKind.ADD else change.item_id
            self.unsent.pop(name)
            if change.kind is ChangeKind.ADD:
                assert answer.outcome is Outcome.DONE
                assert answer.item_id not in self.items, "the device got one item twice"
                self.items[answer.item_id] = change.fields["last_name"]
        self.in_flight = None
        for change in result.changes:
            if change.kind is ChangeKind.DELETE:
                self.items.pop(change.item_id, None)
            else:
                if change.kind is ChangeKind.ADD:
                    assert change.item_id not in self.items, "the device got one item twice"
                self.items[change.item_id] = change.payload.fields["last_name"]


def with_fault(world: World, fate: str) -> None:
    """Make the server die at this point of the next request."""

    def at(wanted: str) -> Callable[[str], None]:
        def die(name: str) -> None:
            if wanted and wanted.endswith(" " + name):
                raise Crash

        return die

    before = at(fate if fate.startswith("before") else "")
    world.source.before = before
    world.store.before = before
    world.source.after = at(fate if fate.startswith("after") else "")


class Promises(RuleBasedStateMachine):
    """Random lives of two devices and a source."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.devices = {name: FakeDevice(self.world, name) for name in DEVICES}
        self.deleted_by_hand = 0

    @rule(name=st.sampled_from(DEVICES))
    def device_adds(self, name: str) -> None:
        if self.devices[name].in_flight is None:
            self.devices[name].add()

    @rule(name=st.sampled_from(DEVICES), data=st.data())
    def device_changes(self, name: str, data: st.DataObject) -> None:
        device = self.devices[name]
        if device.in_flight is None and device.idle_items():
            device.change(data.draw(st.sampled_from(device.idle_items())), data.draw(st.sampled_from("xyz")))

    @rule(name=st.sampled_from(DEVICES), data=st.data())
    def device_deletes(self, name: str, data: st.DataObject) -> None:
        device = self.devices[name]
        if device.in_flight is None and device.idle_items():
            device.delete(data.draw(st.sampled_from(device.idle_items())))
            self.deleted_by_hand += 1

    @rule(text=st.sampled_from("abc"))
    def source_adds(self, text: str) -> None:
        self.world.source.put(CONTACTS, {"last_name": text})

    @rule(data=st.data(), text=st.sampled_from("abc"))
    def source_changes(self, data: st.DataObject, text: str) -> None:
        if items := sorted(self.world.source.items[CONTACTS]):
            self.world.source.touch(CONTACTS, data.draw(st.sampled_from(items)), {"last_name": text})

    @rule(data=st.data())
    def source_deletes(self, data: st.DataObject) -> None:
        if items := sorted(self.world.source.items[CONTACTS]):
            self.world.source.drop(CONTACTS, data.draw(st.sampled_from(items)))
            self.deleted_by_hand += 1

    @rule(name=st.sampled_from(DEVICES), fate=st.sampled_from(FATES))
    def device_syncs(self, name: str, fate: str) -> None:
        self.devices[name].sync(fate)

    @rule(name=st.sampled_from(DEVICES))
    def device_fetches_the_hierarchy_anew(self, name: str) -> None:
        self.world.session(name).folders("0")

    @invariant()
    def nothing_was_made_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        names = [entry.uid for entry in self.world.source.items[CONTACTS].values() if entry.uid]
        assert len(names) == len(set(names))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for _ in range(60):
            for device in self.devices.values():
                device.sync("answered")
            if all(self._at_rest(device) for device in self.devices.values()):
                break
        truth = {item: entry.fields["last_name"] for item, entry in self.world.source.items[CONTACTS].items()}
        for device in self.devices.values():
            assert device.items == truth
        made = sum(device.made for device in self.devices.values())
        uids = sum(1 for entry in self.world.source.items[CONTACTS].values() if entry.uid)
        assert made - self.deleted_by_hand <= uids <= made, "an item was lost or made twice"

    def _at_rest(self, device: FakeDevice) -> bool:
        if device.unsent or device.in_flight:
            return False
        key = device.key
        device.sync("answered")
        return device.key == key


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
