"""Passwords tried one after the other, at a service of two workers: OX hears little of it, and the owner nothing."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable

import pytest

from tests.security.conftest import FREE_ADDRESS, FREE_NAME, Answers, Attacked

Stranger = Callable[[], str]

WORKERS = 2


def mailbox(name: str) -> str:
    return f"{name}@example.org"


def guess(
    attacked: Attacked, name: Callable[[int], str], origin: Callable[[int], str], count: int, **more: str
) -> Answers:
    """So many different wrong passwords."""
    attacked.forget()
    statuses = []
    for number in range(count):
        login, address = name(number), origin(number)
        answer = attacked.ask(login, f"guess {login} {number}", address, **more)
        statuses.append(answer.status_code)
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) > 0
            assert "WWW-Authenticate" not in answer.headers
    return Answers(statuses)


def test_brute_force_is_paused_before_ox_hears_much_of_it(attacked: Attacked, stranger: Stranger) -> None:
    address = stranger()
    found = guess(attacked, lambda _: mailbox("anton"), lambda _: address, 30)
    assert found.tried == FREE_NAME
    assert found.paused == 30 - FREE_NAME
    assert attacked.logins() == FREE_NAME
    # The right one is not told from a wrong one.
    assert attacked.ask(mailbox("anton"), origin=address).status_code == 503


def test_one_name_tried_from_many_addresses_is_paused_as_well(attacked: Attacked, stranger: Stranger) -> None:
    found = guess(attacked, lambda _: mailbox("berta"), lambda _: stranger(), 30)
    assert found.tried == attacked.logins() == FREE_NAME


def test_many_names_tried_from_one_address_are_paused(attacked: Attacked, stranger: Stranger) -> None:
    address = stranger()
    found = guess(attacked, lambda number: mailbox(f"user{number}"), lambda _: address, 30)
    assert found.tried == attacked.logins() == FREE_ADDRESS
    assert attacked.ask(mailbox("dora"), origin=stranger()).status_code == 200


def test_guesses_at_the_same_time_are_not_many_more(attacked: Attacked, stranger: Stranger) -> None:
    """As many as are carried out at once for one user may be under way when the pause begins."""
    attacked.forget()

    def one(number: int) -> None:
        attacked.ask(mailbox("caesar"), f"crowd {number}", stranger())

    threads = [threading.Thread(target=one, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert attacked.logins() <= FREE_NAME + WORKERS * 8


def test_the_owner_is_not_locked_out_whoever_guesses(attacked: Attacked, stranger: Stranger) -> None:
    home = stranger()
    assert attacked.ask(mailbox("emil"), origin=home, device="phone1").status_code == 200
    guess(attacked, lambda _: mailbox("emil"), lambda _: stranger(), 12)
    # The phone elsewhere, at either worker, also when the session was ended; another phone at home.
    for _ in range(4):
        assert attacked.ask(mailbox("emil"), origin=stranger(), device="phone1").status_code == 200
    assert attacked.ask(mailbox("emil"), origin=home, device="phone2").status_code == 200
    assert attacked.ask(mailbox("emil"), origin=stranger(), device="phone3").status_code == 503


def test_an_old_password_is_asked_of_ox_once_by_all_workers_and_pauses_nobody(
    attacked: Attacked, stranger: Stranger
) -> None:
    address = stranger()
    attacked.forget()
    found = {
        attacked.ask(mailbox("friedrich"), "of last year", address, device="old").status_code
        for _ in range(20)
    }
    assert found == {401}
    assert attacked.logins() == 1
    assert attacked.ask(mailbox("friedrich"), origin=address, device="old").status_code == 200


def test_autodiscover_is_no_way_around(attacked: Attacked, stranger: Stranger) -> None:
    address = stranger()
    path = "/autodiscover/autodiscover.xml"
    found = guess(attacked, lambda _: mailbox("gisela"), lambda _: address, 12, method="POST", path=path)
    assert found.tried == attacked.logins() == FREE_NAME
    assert attacked.ask(mailbox("gisela"), origin=address).status_code == 503


def test_app_passwords_are_no_way_around(attacked: Attacked, stranger: Stranger) -> None:
    address = stranger()
    attacked.forget()
    letters = "abcdefghijklmnop"
    statuses = [
        attacked.ask(
            mailbox("hanna"), f"usm1-{letter * 5}-aaaaa-aaaaa-aaaaa-{letter * 5}", address
        ).status_code
        for letter in letters
    ]
    assert statuses == [401] * FREE_NAME + [503] * (len(letters) - FREE_NAME)
    assert attacked.logins() == 0


def test_nobody_learns_who_exists(attacked: Attacked, stranger: Stranger) -> None:
    """The same answers in the same order, to the last header that is not a number of its own."""

    def heard(name: str) -> list[tuple[int, dict[str, str], bytes]]:
        address, told = stranger(), []
        for number in range(8):
            answer = attacked.ask(mailbox(name), f"wrong {number}", address)
            fields = {
                key: value
                for key, value in answer.headers.items()
                if key.lower() not in ("date", "x-request-id", "retry-after")
            }
            told.append((answer.status_code, fields, answer.content))
        return told

    assert heard("ida") == heard("nobody-of-this-name")


@pytest.mark.parametrize("spoofed", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Client-IP"])
def test_an_attacker_cannot_call_himself_somebody_else(
    attacked: Attacked, stranger: Stranger, spoofed: str
) -> None:
    """What he sends stands before what the proxy adds."""
    address = stranger()
    statuses = []
    for number in range(FREE_ADDRESS + 3):
        mine = f"10.1.1.{number}"
        told = f"{mine}, {address}" if spoofed == "X-Forwarded-For" else address
        headers = {} if spoofed == "X-Forwarded-For" else {spoofed: mine}
        answer = attacked.ask(mailbox(f"{spoofed}{number}"), "Summer2026", told, headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [401] * FREE_ADDRESS + [503] * 3


def test_what_was_tried_is_in_the_log_without_a_password(attacked: Attacked, stranger: Stranger) -> None:
    address = stranger()
    secret = "not-to-be-seen"
    for number in range(FREE_NAME + 1):
        attacked.ask(mailbox("karl"), f"{secret}{number}", address)
    text = attacked.app.text()
    assert f"logins are paused after {FREE_NAME} wrong passwords: name karl@example.org" in text
    assert secret not in text
    assert base64.b64encode(f"karl@example.org:{secret}0".encode()).decode() not in text


def test_without_tls_a_password_is_not_even_looked_at(attacked: Attacked) -> None:
    attacked.forget()
    for told in ("http", "", "https, http"):
        answer = attacked.ask(mailbox("anton"), headers={"X-Forwarded-Proto": told})
        assert answer.status_code == 403
        assert "TLS" in answer.text
    assert attacked.logins() == 0
