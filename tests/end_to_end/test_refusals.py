"""Who may not come in, and that nothing is let out."""

from __future__ import annotations

import pytest

from app.wbxml import decode
from lab.device import AccessRefused, AuthenticationFailed, documents


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("anton", "wrong"),
        ("anton", ""),
        ("nobody", "secret"),
        ("anton@nowhere.example", "secret"),
        ("nora", "wrong"),
        ("ANTON\\x", "secret"),
    ],
)
def test_a_wrong_password_and_an_unknown_user_are_answered_alike(new_phone, version, login, password):
    phone = new_phone(login, version, password=password)
    answer = phone.raw(b"", command="FolderSync")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Microsoft-Server-ActiveSync"'
    assert answer.body == b""
    with pytest.raises(AuthenticationFailed):
        phone.options()
    with pytest.raises(AuthenticationFailed):
        phone.provision()


def test_a_phone_with_an_old_password_does_not_lock_the_account(new_phone, stack):
    phone = new_phone("friedrich", password="of last year")
    stack.control("DELETE", "calls")
    for _ in range(10):
        with pytest.raises(AuthenticationFailed):
            phone.folder_sync()
    logins = [row for row in stack.control("GET", "calls") if row["module"] == "login"]
    assert sum(row["count"] for row in logins) == 1
    assert new_phone("friedrich").options()[0]


def test_a_user_without_rights_is_told_so_in_the_words_of_the_version(new_phone, version):
    phone = new_phone("nora", version)
    with pytest.raises(AccessRefused):
        phone.provision()
    answer = phone.raw(b"", command="FolderSync")
    if version == "12.1":
        assert (answer.status, answer.body) == (403, b"")
    else:
        assert answer.status == 200
        assert decode(answer.body).text_of("FolderHierarchy:Status") == "126"


def test_domain_and_user_log_in_as_user_at_domain(new_phone):
    phone = new_phone("example.org\\dora")
    phone.provision()
    phone.folder_sync()
    assert phone.folders


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic =", "Basic !", "Basic YQ==", "Bearer x", "Digest username=x", "Negotiate abc"],
)
def test_without_a_usable_name_and_password_there_is_only_the_challenge(new_phone, header):
    phone = new_phone()
    answer = phone.raw(b"", headers={"Authorization": header}, with_credentials=False)
    assert answer.status == 401
    assert "WWW-Authenticate" in answer.headers


def test_one_users_folders_are_not_to_be_had_with_anothers_numbers(new_phone):
    anton, dora = new_phone("anton"), new_phone("dora")
    for phone in (anton, dora):
        phone.provision()
        phone.folder_sync()
    strange = max(int(number) for number in anton.folders) + 1000
    answer = dora.command("Ping", documents.ping(60, [(str(strange), "Email")]))
    assert answer is not None
    assert answer.text_of("Ping:Status") in ("7", "4", "8")
