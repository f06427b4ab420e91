"""What Dovecot's push driver sends, as Dovecot 2.3 writes it."""

from __future__ import annotations

import pytest

from app.ox.notice import Notice, read

WHOLE = (
    b'{"user":"3@1","event":"messageNew","folder":"INBOX","imap-uidvalidity":1795408101,"imap-uid":7,'
    b'"from":"Zo\xc3\xab <zoe@example.com>","subject":"a \\"b\\"","snippet":"Hello","unseen":2}'
)
NO_SENDER = (
    b'{"user":"anton@example.org","event":"messageNew","folder":"INBOX",'
    b'"imap-uidvalidity":1795408101,"imap-uid":8","subject":"x","snippet":"y","unseen":3}'
)


def test_a_user_is_the_one_of_ox_as_the_mailbox_has_it():
    assert read(WHOLE) == Notice("default0/INBOX", "3@1", (1, 3))


def test_a_user_is_else_the_name_that_dovecot_knows():
    assert read(WHOLE.replace(b"3@1", b"Anton@example.org")) == Notice("default0/INBOX", "Anton@example.org")


def test_what_an_old_dovecot_writes_of_a_message_without_sender_is_no_json_and_is_read_all_the_same():
    assert read(NO_SENDER) == Notice("default0/INBOX", "anton@example.org")


def test_nothing_in_a_message_passes_for_another_user():
    forged = NO_SENDER.replace(b'"x"', b'"x\\",\\"user\\":\\"4@1\\""').replace(b"y", b'","user":"4@1","x":"')
    assert read(forged) == Notice("default0/INBOX", "anton@example.org")


@pytest.mark.parametrize("letters", ["MessageNew", "messagenew"])
def test_the_event_is_known_in_any_letters(letters):
    assert read(WHOLE.replace(b"messageNew", letters.encode())) is not None


@pytest.mark.parametrize("event", [b"messageRead", b""])
def test_news_of_another_kind_is_none(event):
    assert read(WHOLE.replace(b"messageNew", event)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"user":"3@1","event":"messageNew"}',
        b'{"user":" ","event":"messageNew","folder":"INBOX"}',
        b'{"user":3,"event":"messageNew","folder":"INBOX"}',
        b'{"user":"\\ud8","event":"messageNew","folder":"INBOX","imap-uid":8"}',
    ],
)
def test_what_names_nobody_or_nothing_is_an_error(body):
    with pytest.raises(ValueError, match=r"missing|no object"):
        read(body)
