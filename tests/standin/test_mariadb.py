"""The same server on a real MariaDB, as on the lab's hosts."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from lab.ox import settings
from lab.ox.database.servers import DatabaseServer
from lab.ox.install.tree import Installation, install
from lab.ox.process import StandIn
from lab.ox.seed import expected
from tests.mariadb import MariaDbServer, is_installed
from tests.standin.client import FAR_FUTURE, Client, Server

pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.skipif(not is_installed(), reason="Debian's mariadb-server is not installed"),
]


@pytest.fixture(scope="module")
def nodes(maria: MariaDbServer) -> Iterator[tuple[Server, Server]]:
    """Two nodes on the same data."""
    url = maria.url()
    with StandIn(database=url) as one, StandIn(database=url) as two:
        yield (
            Server(one.url, "anton@example.org", one.password, 6, one.root),
            Server(two.url, "anton@example.org", two.password, 6, two.root),
        )


def test_both_nodes_serve_the_seed(nodes: tuple[Server, Server]) -> None:
    wanted = expected("anton@example.org")
    for server in nodes:
        client = server.client()
        rows = client.get("mail", "all", folder="default0/INBOX", columns="607,611")["data"]
        assert [(row[0], bool(row[1] & 32)) for row in rows] == [
            (mail.subject, mail.seen) for mail in wanted.inbox
        ]
        folder = client.config("folder/contacts")
        names = client.get("contacts", "all", folder=folder, columns="500")["data"]
        assert tuple(name or "" for (name,) in names) == wanted.contacts


def test_what_one_node_writes_the_other_tells_as_an_update(nodes: tuple[Server, Server]) -> None:
    one, two = (server.client() for server in nodes)
    folder = one.config("folder/contacts")
    before = two.get("contacts", "all", folder=folder, columns="1")["timestamp"]
    made = one.put("contacts", "new", {"folder_id": folder, "last_name": "Größe ≥ 1"})
    identity = made["data"]["id"]
    told = two.get("contacts", "updates", folder=folder, columns="1,502", timestamp=before, ignore="false")
    assert [identity, "Größe ≥ 1"] in told["data"]
    two.put("contacts", "delete", {"id": identity, "folder": folder}, timestamp=FAR_FUTURE)
    told = one.get(
        "contacts", "updates", folder=folder, columns="1", timestamp=told["timestamp"], ignore="false"
    )
    assert told["data"] == [identity]


def test_of_two_writers_with_the_same_timestamp_one_wins(nodes: tuple[Server, Server]) -> None:
    one, two = (server.client() for server in nodes)
    folder = one.config("folder/contacts")
    made = one.put("contacts", "new", {"folder_id": folder, "last_name": "Wettlauf"})
    where = {"id": made["data"]["id"], "folder": folder, "timestamp": made["timestamp"]}
    answers = [client.put("contacts", "update", {"note": "x"}, **where) for client in (one, two)]
    assert [answer.get("code") for answer in answers] == [None, "CON-0119"]


def test_a_task_of_two_users_its_file_and_a_mail_pass_between_the_nodes(
    nodes: tuple[Server, Server],
) -> None:
    anton, berta = nodes[0].client(), nodes[1].client("berta@example.org")
    hers = str(berta.config("folder/tasks"))
    group = anton.put("group", "search", {"pattern": "vertrieb"})["data"][0]
    body = {
        "folder_id": anton.config("folder/tasks"),
        "title": "Größe 4711",
        "participants": [{"type": 2, "id": group["id"]}],
    }
    task = anton.put("tasks", "new", body)["data"]["id"]
    file = io.BytesIO(bytes(range(256)))
    where = {"module": 4, "attached": task, "folder": hers}
    form = {"json_0": json.dumps(where)}
    made = berta.post("attachment", "attach", form, [("file_0", ("ü.bin", file, "application/x-test"))])
    assert "error" not in made, made
    rows = anton.get("tasks", "all", folder=body["folder_id"], columns="1,200,104")["data"]
    assert [task, "Größe 4711", 1] in rows
    assert berta.put("tasks", "delete", {"id": task, "folder": hers}, timestamp=FAR_FUTURE)["data"] == []
    rule = {
        "rulename": "x",
        "test": {"id": "true"},
        "actioncmds": [{"id": "vacation", "days": 1, "text": "ü"}],
    }
    notice = berta.put("mailfilter", "new", rule)["data"]
    raw = b"From: anton@example.org\r\nTo: Berta.Alias@example.org\r\nSubject: 4711\r\n\r\nx\r\n"
    assert "data" in anton.put("mail", "new", raw)
    assert ["4711"] in berta.get("mail", "all", folder="default0/INBOX", columns="607")["data"]
    assert ["Auto: 4711"] in anton.get("mail", "all", folder="default0/INBOX", columns="607")["data"]
    berta.put("mailfilter", "delete", {"id": notice})
    added = {"id": "default0/INBOX/Größe & Co", "subscribe": True}
    assert "error" not in anton.put("folders", "subscribe", [added], tree=20)
    assert [added["id"]] in anton.get("folders", "list", parent="1", columns="1", tree=20)["data"]


def _store_bytes(client: Client) -> tuple[str, bytes]:
    raw = bytes(range(256)) * 40
    return client.put("mail", "new", raw, folder="default0/Drafts", flags=4)["data"]["id"], raw


def test_mails_keep_every_byte(nodes: tuple[Server, Server]) -> None:
    client = nodes[0].client()
    identity, raw = _store_bytes(client)
    reply = client.send("GET", "mail", "get", folder="default0/Drafts", id=identity, src=1, save=1)
    assert reply.content == raw


def test_the_settings_lead_back_to_the_database(
    maria: MariaDbServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("root")
    install(Installation(root=root, database=maria.url()))
    found = settings.database_url(root / "opt/open-xchange/etc/groupware")
    assert DatabaseServer(found).url.render_as_string(False) == DatabaseServer(
        maria.url()
    ).url.render_as_string(False)


def test_a_database_that_is_down_is_a_service_that_is_down(
    maria: MariaDbServer, nodes: tuple[Server, Server]
) -> None:
    client = nodes[0].client()
    maria.stop()
    try:
        envelope = client.get("folders", "root", columns="1")
        assert (envelope["code"], envelope["categories"]) == ("DBP-0001", "SERVICE_DOWN")
        assert nodes[0].anonymous().log_in("anton@example.org")["categories"] == "SERVICE_DOWN"
    finally:
        maria.start()
    assert "data" in client.get("folders", "root", columns="1")
