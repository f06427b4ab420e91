"""The tables and procedures of earlier USM products, as the installation guide names them.

Nobody outside the vendor knows their columns: only the names are the guide's, and that the other tables refer to
``USMSession``, which the guide drops last. Columns here are chosen so that saving and restoring them is hard: binary
keys, NULLs, two character sets, dates that are none, foreign keys over two columns, procedures with quotes in them.

``create_statements`` makes them, ``fill_statements`` puts rows in, ``picture`` tells two states apart. Each takes or
gives plain SQL, so that it does not matter who carries it out: a driver, or the ``mariadb`` client on a host.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

TABLES = (
    "USMSessionFields",
    "sequence_usmSessionId",
    "USMDataStorage",
    "usmIdMapping",
    "sequence_usmIdMapping",
    "easUIDMapping",
    "USMSession",
)
"""In the order in which the guide drops them."""

PROCEDURES = ("get_sequence_usmIdMapping_id", "get_sequence_usmSessionId_id")

Value = int | str | bytes | None

_EXACT = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
_NARROW = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_unicode_ci"
_OWNER = "FOREIGN KEY (cid, usmSessionId) REFERENCES USMSession (cid, usmSessionId) ON DELETE CASCADE"

# Table → columns and keys, options of MariaDB; in the order in which they can be made.
_COLUMNS: dict[str, tuple[tuple[str, ...], str]] = {
    "USMSession": (
        (
            "cid INT UNSIGNED NOT NULL",
            "usmSessionId INT UNSIGNED NOT NULL",
            "id INT UNSIGNED NOT NULL",
            "device VARCHAR(64) NOT NULL",
            "protocol VARCHAR(32) NOT NULL",
            "PRIMARY KEY (cid, usmSessionId)",
            "UNIQUE (cid, id, protocol, device)",
        ),
        _EXACT,
    ),
    "USMSessionFields": (
        (
            "cid INT UNSIGNED NOT NULL",
            "usmSessionId INT UNSIGNED NOT NULL",
            "field VARCHAR(20) NOT NULL",
            "value VARCHAR(255) DEFAULT NULL",
            "PRIMARY KEY (cid, usmSessionId, field)",
            _OWNER,
        ),
        _EXACT,
    ),
    "USMDataStorage": (
        (
            "cid INT UNSIGNED NOT NULL",
            "usmSessionId INT UNSIGNED NOT NULL",
            "objectId VARCHAR(64) NOT NULL",
            "syncKey BIGINT NOT NULL",
            "element LONGBLOB DEFAULT NULL",
            "note LONGTEXT DEFAULT NULL",
            "lastModified DATETIME DEFAULT NULL",
            "PRIMARY KEY (cid, usmSessionId, objectId, syncKey)",
            _OWNER,
        ),
        _EXACT,
    ),
    "usmIdMapping": (
        (
            "cid INT UNSIGNED NOT NULL",
            "usmSessionId INT UNSIGNED NOT NULL",
            "longId VARCHAR(190) NOT NULL",
            "shortId INT UNSIGNED NOT NULL",
            "PRIMARY KEY (cid, usmSessionId, shortId)",
            "UNIQUE (cid, usmSessionId, longId)",
            _OWNER,
        ),
        _NARROW,
    ),
    "easUIDMapping": (
        (
            "cid INT UNSIGNED NOT NULL",
            "usmSessionId INT UNSIGNED NOT NULL",
            "folderId VARCHAR(64) NOT NULL",
            "uid VARBINARY(255) NOT NULL",
            "longId VARCHAR(255) DEFAULT NULL",
            "PRIMARY KEY (cid, usmSessionId, folderId, uid)",
            _OWNER,
        ),
        _EXACT,
    ),
    "sequence_usmSessionId": (
        ("cid INT UNSIGNED NOT NULL", "id INT UNSIGNED NOT NULL", "PRIMARY KEY (cid)"),
        _NARROW,
    ),
    "sequence_usmIdMapping": (
        ("cid INT UNSIGNED NOT NULL", "id INT UNSIGNED NOT NULL", "PRIMARY KEY (cid)"),
        _NARROW,
    ),
}

_DEVICES_A_CONTEXT = 12
_TEXTS = (
    "Posteingang/Größe ≥ 1",
    'O\'Hara "der Große" \\ `Zeile`; -- DROP TABLE x',
    "zwei\nZeilen\tund\r\nTabulator",
    "日本語 עברית العربية",
    "trailing blanks  ",
    "100 % _any_ \\%",
    "",
)
_WIDE = ("🦄 Einhorn 👩‍👩‍👧‍👦", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010fffd", "é é")
_BLOBS = (
    bytes(range(256)),
    b"",
    b"\0" * 64,
    b"\x1a\\'\"`;\n--\r\n/*!40000 x */ \xff\xfe",
    "🦄".encode(),
    b"\xac\xed\x00\x05sr",
)
_MOMENTS = ("2010-11-25 04:21:59", "0000-00-00 00:00:00", "9999-12-31 23:59:59", None)
_KEYS = (0, -(2**63), 2**63 - 1, 1290658919123)
_LARGE = 100_000


def create_statements(kind: str = "mysql") -> list[str]:
    """What an update task runs in a schema; repeated it changes nothing. ``kind``: mysql or sqlite (which has no
    procedures)."""
    made = [
        f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns)})"
        + (f" {options}" if kind == "mysql" else "")
        for name, (columns, options) in _COLUMNS.items()
    ]
    return [*made, *map(_procedure, PROCEDURES)] if kind == "mysql" else made


def drop_statements() -> list[str]:
    """The guide's way, in its order."""
    return [f"DROP TABLE IF EXISTS {name}" for name in TABLES] + [
        f"DROP PROCEDURE IF EXISTS {name}" for name in PROCEDURES
    ]


def update_tasks(bundle: str, task: str) -> str:
    """The file by which a bundle contributes one update task that makes them (:mod:`lab.ox.update_tasks.registry`).

    It has a number, as tasks had before they had names: after ``UPDATE version SET version=33`` it runs again.
    """
    statements = {kind: create_statements(kind) for kind in ("mysql", "sqlite")}
    entry = {"class": task, "version": 93, "statements": statements}
    return json.dumps({"bundle": bundle, "tasks": [entry]}, indent=1) + "\n"


def fill_statements(contexts: Sequence[int], seed: int = 1) -> Iterator[str]:
    """Rows for each context, some 300: every kind of text and bytes that a dump may spoil. Only for MariaDB. The same
    seed makes the same rows; another one adds to them."""
    for cid in contexts:
        chance = random.Random(f"{seed} {cid}")
        first = 1000 * seed
        rows: dict[str, list[Sequence[Value]]] = {name: [] for name in _COLUMNS}
        for number in range(first, first + _DEVICES_A_CONTEXT):
            for table, values in _session_rows(chance, cid, number):
                rows[table].append(values)
        for table, of_table in rows.items():
            if of_table:
                yield _insert(table, of_table)
        yield _insert(
            "USMDataStorage", [(cid, first, "large", 1, chance.randbytes(_LARGE), "x" * 70_000, None)]
        )
        yield _insert("sequence_usmSessionId", [(cid, first + _DEVICES_A_CONTEXT)]) + _NEWER
        yield _insert("sequence_usmIdMapping", [(cid, first + 5)]) + _NEWER


def picture(query: Callable[[str], Iterable[Sequence[Any]]]) -> dict[str, list[tuple[str, ...]]]:
    """What is there: table → its definition and its rows, each value as hexadecimal digits of what is stored;
    procedure → its body. ``query`` runs a statement in the schema and returns its rows, as texts or as a driver
    does. Names that are missing are left out."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for name in TABLES:
        columns = _texts(
            query(
                "SELECT column_name, column_type, is_nullable, IFNULL(character_set_name, '-'),"
                " IFNULL(collation_name, '-'), column_key, IFNULL(column_default, '-') FROM"
                " information_schema.columns WHERE table_schema = DATABASE()"
                f" AND table_name = '{name}' ORDER BY ordinal_position"
            )
        )
        if columns:
            names = [column[0] for column in columns]
            values = ", ".join(f"IFNULL(HEX(`{column}`), 'NULL')" for column in names)
            places = ", ".join(map(str, range(1, len(names) + 1)))
            rows = _texts(query(f"SELECT {values} FROM `{name}` ORDER BY {places}"))
            found[name] = [*columns, *_keys(query, name), *rows]
    for name in PROCEDURES:
        body = _texts(
            query(
                "SELECT HEX(routine_definition), sql_data_access, HEX(routine_comment), HEX(sql_mode) FROM"
                f" information_schema.routines WHERE routine_schema = DATABASE() AND routine_name = '{name}'"
            )
        )
        if body:
            found[name] = body
    return found


_NEWER = " ON DUPLICATE KEY UPDATE id = GREATEST(id, VALUES(id))"


def _procedure(name: str) -> str:
    table = name.removeprefix("get_").removesuffix("_id")
    return (
        f"CREATE PROCEDURE IF NOT EXISTS {name}(IN context INT UNSIGNED) NOT DETERMINISTIC MODIFIES SQL DATA"
        f" COMMENT 'the context''s next id of \"{table}\"; größer als alle'\n"
        "BEGIN\n"
        f"  INSERT INTO {table} (cid, id) VALUES (context, 1) ON DUPLICATE KEY UPDATE id = id + 1;\n"
        f"  SELECT id FROM {table} WHERE cid = context;\n"
        "END"
    )


def _session_rows(chance: random.Random, cid: int, number: int) -> Iterator[tuple[str, Sequence[Value]]]:
    device = "".join(chance.choices(string.ascii_lowercase + string.digits, k=32))
    yield "USMSession", (cid, number, chance.randint(3, 2**32 - 1), device, "EAS")
    for position, text in enumerate((*chance.sample(_TEXTS, 4), chance.choice(_WIDE), None)):
        yield "USMSessionFields", (cid, number, f"eas.Feld{position} ß", text)
    for position, blob in enumerate((*_BLOBS, chance.randbytes(chance.randint(1, 4000)), None)):
        folder = f"{chance.choice(('default0/INBOX', '🦄', 'A', 'a'))}/{position}"
        note = chance.choice((*_TEXTS, *_WIDE))
        yield (
            "USMDataStorage",
            (cid, number, folder, chance.choice(_KEYS), blob, note, chance.choice(_MOMENTS)),
        )
    for short, text in enumerate(_TEXTS[:4], start=1):
        yield "usmIdMapping", (cid, number, f"{short}/{text}", short)
    for position in range(4):
        uid = b"\x04\0\0\0\x82\0\xe0\0" + chance.randbytes(16)
        yield "easUIDMapping", (cid, number, f"cal:{position}", uid, chance.choice((*_TEXTS, None)))


def _insert(table: str, rows: Sequence[Sequence[Value]]) -> str:
    return f"INSERT INTO {table} VALUES " + ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)


def _literal(value: Value) -> str:
    """As hexadecimal digits, which mean the same to every client, character set and SQL mode."""
    match value:
        case None:
            return "NULL"
        case int():
            return str(value)
        case bytes():
            return f"x'{value.hex()}'"
        case str():
            return f"_utf8mb4 x'{value.encode().hex()}'"


def _keys(query: Callable[[str], Iterable[Sequence[Any]]], table: str) -> list[tuple[str, ...]]:
    keys = _texts(
        query(
            "SELECT index_name, non_unique, seq_in_index, column_name FROM information_schema.statistics WHERE"
            f" table_schema = DATABASE() AND table_name = '{table}' ORDER BY 1, 3"
        )
    )
    references = _texts(
        query(
            "SELECT constraint_name, referenced_table_name, delete_rule, update_rule FROM"
            " information_schema.referential_constraints WHERE constraint_schema = DATABASE() AND"
            f" table_name = '{table}' ORDER BY 1"
        )
    )
    return [*keys, *references]


def _texts(rows: Iterable[Sequence[Any]]) -> list[tuple[str, ...]]:
    return [tuple(_text(value) for value in row) for row in rows]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    return "NULL" if value is None else str(value)
