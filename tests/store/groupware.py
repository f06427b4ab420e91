"""What the groupware has in its databases as far as the store looks at it: a configdb and schemas with tables."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mariadb import PASSWORD, USER, MariaDbServer

CONFIGDB = (
    "CREATE TABLE server (server_id INT UNSIGNED PRIMARY KEY, name VARCHAR(255) UNIQUE) ENGINE=InnoDB",
    """CREATE TABLE db_pool (db_pool_id INT UNSIGNED PRIMARY KEY, url VARCHAR(255), driver VARCHAR(255),
        login VARCHAR(128), password VARCHAR(128), hardlimit INT, max INT, initial INT, name VARCHAR(128))
        ENGINE=InnoDB""",
    """CREATE TABLE context_server2db_pool (cid INT UNSIGNED, server_id INT UNSIGNED, read_db_pool_id INT UNSIGNED,
        write_db_pool_id INT UNSIGNED, db_schema VARCHAR(32), PRIMARY KEY (cid, server_id)) ENGINE=InnoDB""",
    "INSERT INTO server VALUES (2, 'oxserver'), (3, 'another')",
)

CONTEXTS = ((1, "5"), (2, "6"), (3, "6"))
"""(context, end of the schema's name)."""


@dataclass
class Groupware:
    """``etc`` holds the properties files; ``prefix`` begins the names of all databases."""

    server: MariaDbServer
    etc: Path
    prefix: str

    def schema(self, end: str) -> str:
        """The name of a schema."""
        return f"{self.prefix}_{end}"

    def configdb(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Run a statement in the configuration database."""
        return self.server.execute(statement, *values, database=self.schema("configdb"))

    def write_properties(self, password: str = PASSWORD, server_name: str = "oxserver") -> None:
        """Write the files as the groupware's own installer does."""
        escaped = password.replace("\\", "\\\\")
        lines = ["# database connections"]
        for side in ("read", "write"):
            url = f"jdbc:mysql://127.0.0.1:{self.server.port}/{self.prefix}_configdb"
            lines += [
                f"{side}Url={url}",
                f"{side}Property.1=user={USER}",
                f"{side}Property.2=password={escaped}",
                f"{side}Property.3=useUnicode=true",
                f"{side}Property.4=characterEncoding=UTF-8",
            ]
        (self.etc / "configdb.properties").write_text("\n".join(lines) + "\n")
        (self.etc / "system.properties").write_text(
            f"# system\nSERVER_NAME={server_name}\nserviceUsageInspection=false\n"
        )

    @classmethod
    @contextmanager
    def made(cls, server: MariaDbServer, etc: Path) -> Iterator[Groupware]:
        """A groupware's databases, dropped at the end."""
        made = cls(server, etc, f"ox{secrets.token_hex(4)}")
        with ExitStack() as stack:
            for end in ("configdb", "5", "6"):
                stack.enter_context(server.database(made.schema(end)))
            made._fill()
            made.write_properties()
            yield made

    def _fill(self) -> None:
        for statement in CONFIGDB:
            self.configdb(statement)
        url = f"jdbc:mysql://127.0.0.1:{self.server.port}/?useUnicode=true&characterEncoding=UTF-8&autoReconnect=false"
        for pool in (4, 5):
            self.configdb(
                "INSERT INTO db_pool VALUES (%s, %s, 'com.mysql.jdbc.Driver', %s, %s, 1, 100, 0, %s)",
                pool,
                url,
                USER,
                PASSWORD,
                f"pool{pool}",
            )
        for cid, end in CONTEXTS:
            self.configdb(
                "INSERT INTO context_server2db_pool VALUES (%s, 2, 5, 4, %s)", cid, self.schema(end)
            )
