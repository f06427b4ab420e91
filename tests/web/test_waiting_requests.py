"""A Ping that is parked and comes back, through the application: what the worker asks of it."""

from __future__ import annotations

import logging

from app.wbxml import Element, decode, encode
from app.web.parking import PARK, PARKED, Offer
from tests.web.test_resource import FOLDER_SYNC

FOLDER = Element("Ping:Folder", children=[Element("Ping:Id", "1"), Element("Ping:Class", "Email")])
PING = encode(
    Element(
        "Ping:Ping",
        children=[
            Element("Ping:HeartbeatInterval", "120"),
            Element("Ping:Folders", children=[FOLDER]),
        ],
    )
)


class Open(Offer):
    """An offer that stands."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, lambda: False)

    @property
    def stands(self) -> bool:
        return True


def parked(front):
    assert front.command(body=FOLDER_SYNC).status_code == 200
    offer = Open()
    front.command("Ping", body=PING, extras={PARK: offer})
    assert offer.taken_by is not None
    return offer.taken_by


def test_a_ping_that_comes_back_is_answered_where_it_was(front, caplog):
    caplog.set_level(logging.INFO)
    waiting, called = parked(front), []
    assert not [line for line in caplog.messages if "Ping executed" in line]
    waiting.when_awake(lambda: called.append(1))
    assert called == [1]
    answer = front.command(body=b"", query="", extras={PARK: Open(), PARKED: waiting})
    assert answer.status_code == 200
    assert decode(answer.content).text_of("Ping:Status") == "1"
    assert len([line for line in caplog.messages if "Ping executed" in line]) == 1


def test_a_ping_whose_device_hangs_up_is_over_and_the_log_says_so(front, caplog):
    caplog.set_level(logging.INFO)
    waiting = parked(front)
    waiting.give_up()
    assert [line for line in caplog.messages if "Ping refused with 499" in line and "hung up" in line]


def test_a_ping_waits_where_it_is_without_an_offer(front):
    assert front.command(body=FOLDER_SYNC).status_code == 200
    answer = front.command("Ping", body=PING)
    assert decode(answer.content).text_of("Ping:Status") == "1"
