"""Nothing twice, nothing lost: a device and a server that change things as they like, over a line that loses answers.

In the end both hold the same contacts, whatever happened in between, and no contact was made twice.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.eas.versions import Version
from tests.eas.phone import CONTACTS, Phone, Reply, World, tree

PICK = st.integers(0, 1000)


@dataclass
class Pending:
    """One command that waits for an answer: ``item`` is the ClientId of an Add, else the ServerId."""

    verb: str
    item: str
    name: str = ""

    def command(self) -> tuple[object, ...]:
        data = ("ApplicationData", ("Contacts:LastName", self.name), ("Contacts:FileAs", self.name))
        if self.verb == "Add":
            return ("Add", ("ClientId", self.item), data)
        if self.verb == "Delete":
            return ("Delete", ("ServerId", self.item))
        return ("Change", ("ServerId", self.item), data)


class LosingLine(RuleBasedStateMachine):
    """``held``: ServerId (or ClientId, until the server gave one) → name, as the device shows it."""

    @initialize(
        version=st.sampled_from([Version.V12_1, Version.V14_1, Version.V16_1]), window=st.integers(1, 4)
    )
    def begin(self, version: Version, window: int) -> None:
        self.world = World()
        self.phone: Phone = self.world.phone(version).start(CONTACTS)
        self.window = window
        self.held: dict[str, str] = {}
        self.pending: dict[str, Pending] = {}
        self.names = (f"N{number}" for number in itertools.count())

    def pick(self, choices: list[str], number: int) -> str | None:
        return choices[number % len(choices)] if choices else None

    @rule()
    def somebody_adds(self) -> None:
        name = next(self.names)
        self.world.source.put(CONTACTS, {"last_name": name, "display_name": name})

    @rule(number=PICK)
    def somebody_changes(self, number: int) -> None:
        item = self.pick(list(self.world.source.items[CONTACTS]), number)
        if item:
            name = next(self.names)
            self.world.source.touch(CONTACTS, item, {"last_name": name, "display_name": name})

    @rule(number=PICK)
    def somebody_deletes(self, number: int) -> None:
        item = self.pick(list(self.world.source.items[CONTACTS]), number)
        if item:
            self.world.source.drop(CONTACTS, item)

    @rule()
    def the_user_adds(self) -> None:
        name = next(self.names)
        self.held[f"c{name}"] = name
        self.pending[f"c{name}"] = Pending("Add", f"c{name}", name)

    @rule(number=PICK)
    def the_user_changes(self, number: int) -> None:
        item = self.pick([item for item in self.held if item not in self.pending], number)
        if item:
            self.held[item] = next(self.names)
            self.pending[item] = Pending("Change", item, self.held[item])

    @rule(number=PICK)
    def the_user_deletes(self, number: int) -> None:
        item = self.pick([item for item in self.held if item not in self.pending], number)
        if item:
            del self.held[item]
            self.pending[item] = Pending("Delete", item)

    @rule()
    def the_answer_is_lost(self) -> None:
        self.request()

    @rule()
    def the_answer_arrives(self) -> None:
        self.take(self.request())

    @rule()
    def nothing_is_new_and_the_device_asks_with_an_empty_request(self) -> None:
        if self.pending:
            return
        reply = self.phone.send("Sync")
        if reply.root is None or reply.root.text_of("AirSync:Status") != "13":
            self.take(reply)

    def request(self) -> Reply:
        commands = [entry.command() for entry in self.pending.values()]
        collection = self.phone.collection(
            CONTACTS, ("WindowSize", self.window), ("Commands", *commands) if commands else None
        )
        return self.phone.send("Sync", tree("AirSync:Sync", ("Collections", collection)))

    def take(self, reply: Reply) -> bool:
        """Do what an answer says; whether it said anything."""
        if reply.root is None:
            return False
        statuses = [element.text_of("AirSync:Status") for element in reply.all("AirSync:Collection")]
        assert statuses == ["1"], "the state is there, so the device never has to start over"
        for response in (child for parent in reply.all("AirSync:Responses") for child in parent):
            self.take_response(response)
        for command in (child for parent in reply.all("AirSync:Commands") for child in parent):
            self.take_command(command)
        self.pending.clear()
        self.phone.take_keys(reply)
        return True

    def take_response(self, response: object) -> None:
        verb = response.name.partition(":")[2]  # type: ignore[attr-defined]
        status = response.text_of("AirSync:Status")  # type: ignore[attr-defined]
        server_id = response.text_of("AirSync:ServerId") or ""  # type: ignore[attr-defined]
        if verb == "Add":
            assert status == "1"
            client_id = response.text_of("AirSync:ClientId") or ""  # type: ignore[attr-defined]
            self.held[server_id] = self.held.pop(client_id)
        elif status == "8":
            self.held.pop(server_id, None)
        else:
            assert status == "7", "the server's copy follows in the same answer or a later one"

    def take_command(self, command: object) -> None:
        verb = command.name.partition(":")[2]  # type: ignore[attr-defined]
        server_id = command.text_of("AirSync:ServerId") or ""  # type: ignore[attr-defined]
        if verb == "Delete":
            self.held.pop(server_id, None)
        else:
            data = command.find("AirSync:ApplicationData")  # type: ignore[attr-defined]
            self.held[server_id] = data.text_of("Contacts:LastName")

    @invariant()
    def no_contact_was_made_twice(self) -> None:
        if hasattr(self, "world"):
            names = [entry.fields["last_name"] for entry in self.world.source.items[CONTACTS].values()]
            assert len(names) == len(set(names))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for _ in range(200):
            if not self.take(self.request()):
                break
        names = {entry.fields["last_name"] for entry in self.world.source.items[CONTACTS].values()}
        assert sorted(self.held.values()) == sorted(names)


LosingLine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLosingLine = LosingLine.TestCase
