"""What the admin daemon does for the tools: users, contexts, schemas."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from lab.ox import passwords, permissions
from lab.ox.admin.outcome import AdminFailure
from lab.ox.database import configdb, groupware
from lab.ox.database.configdb import Context
from lab.ox.database.servers import CONFIGDB
from lab.ox.errors import OXError
from lab.ox.modules.capabilities import of_user
from lab.ox.settings import Settings
from lab.ox.storage import users
from lab.ox.storage.platform import Platform
from lab.ox.storage.users import CAPABILITY_PREFIX, CONTEXT_ADMIN, SWITCH_PREFIX, User
from lab.ox.update_tasks.runner import Updater

Arguments = Mapping[str, Any]
_USER_COLUMNS = {"display_name": "displayName", "timezone": "timeZone", "language": "preferredLanguage"}


class AdminService:
    """One method for each thing a tool may ask for; each checks the credentials first."""

    def __init__(self, platform: Platform, settings: Settings, updater: Updater | None = None) -> None:
        """``updater``: there where groupware and administration are one process (from generation 7 on)."""
        self._platform = platform
        self._settings = settings
        self._updater = updater

    def perform(self, method: str, arguments: Arguments) -> Any:
        """Call one method by its name. Raises ``AdminFailure``."""
        handle = {
            "change_user": self.change_user,
            "change_context": self.change_context,
            "list_users": self.list_users,
            "list_contexts": self.list_contexts,
            "get_user_capabilities": self.get_user_capabilities,
            "reset_version": self.reset_version,
            "check_database": self.check_database,
            "unblock_database": self.unblock_database,
            **(self._update_methods(self._updater) if self._updater else {}),
        }.get(method)
        if handle is None:
            raise AdminFailure("remote", f"no such method: {method}")
        return handle(arguments)

    def _update_methods(self, updater: Updater) -> dict[str, Callable[[Arguments], Any]]:
        """What only a process with an updater can do. Management (JMX) asks for no credentials, as it is shipped."""

        def schemas(arguments: Arguments) -> list[str]:
            if not arguments.get("management"):
                self._authenticate_master(arguments)
            return [self._schema(arguments)] if "schema" in arguments else self._platform.schemas()

        def run_update(arguments: Arguments) -> Any:
            return {schema: self._update(updater, schema) for schema in schemas(arguments)}

        def force_update_task(arguments: Arguments) -> Any:
            found = schemas(arguments)
            for schema in found:
                try:
                    updater.force(schema, str(arguments["task"]))
                except KeyError as error:
                    raise AdminFailure("invalid data", f"Unknown update task: {error.args[0]}") from error
                except OXError as error:
                    raise AdminFailure("storage", error.text) from error
            return found

        def list_update_tasks(arguments: Arguments) -> Any:
            (schema,) = schemas(arguments)
            return {
                "pending": updater.pending(schema),
                "excluded": updater.excluded(),
                "executed": updater.executed(schema),
            }

        return {
            "run_update": run_update,
            "force_update_task": force_update_task,
            "list_update_tasks": list_update_tasks,
        }

    def _update(self, updater: Updater, schema: str) -> dict[str, list[str]]:
        """Run what is pending in a schema: the tasks that ran, and those of them that failed."""
        try:
            ran = updater.run(schema)
        except OXError as error:
            raise AdminFailure("storage", error.text) from error
        succeeded = {name for name, successful, _ in updater.executed(schema) if successful}
        return {"ran": ran, "failed": [name for name in ran if name not in succeeded]}

    def _schema(self, arguments: Arguments) -> str:
        """The schema that is named itself, or by one of its contexts."""
        wanted = arguments["schema"]
        schema = wanted["name"] if "name" in wanted else self._context({"context": wanted}).schema
        if schema not in self._platform.schemas():
            raise AdminFailure("invalid data", f"no such schema: {schema}")
        return str(schema)

    def change_user(self, arguments: Arguments) -> Any:
        """Change rights and settings of one user."""
        context = self._context(arguments)
        self._authenticate_in(context, arguments)
        combination = self._combination(arguments)
        with self._platform.write(context.cid) as connection:
            user = self._user(connection, context, arguments)
            changed = user.rights if combination is None else combination
            changed = _switched(changed, arguments.get("switches", {}))
            users.set_rights(connection, context.cid, user.id, changed)
            self._keep_attributes(connection, user, arguments)
            self._change_settings(connection, user, arguments.get("changes", {}))
        return {"user": user.id, "context": context.cid}

    def change_context(self, arguments: Arguments) -> Any:
        """Change the rights of all users of a context. If any switch is given, what the others say is taken from
        the context administrator's own rights, for every user."""
        self._authenticate_master(arguments)
        context = self._context(arguments)
        combination = self._combination(arguments)
        switches = arguments.get("switches", {})
        with self._platform.write(context.cid) as connection:
            everybody = users.load_users(connection, context.cid)
            if switches or combination is not None:
                admin = next(user for user in everybody if user.id == CONTEXT_ADMIN)
                base = admin.rights if combination is None else combination
                for user in everybody:
                    users.set_rights(connection, context.cid, user.id, _switched(base, switches))
            for user in everybody:
                self._keep_attributes(connection, user, arguments)
        self._change_context_row(context, arguments)
        return {"context": context.cid}

    def list_users(self, arguments: Arguments) -> Any:
        """The users of a context whose name matches a pattern."""
        context = self._context(arguments)
        self._authenticate_in(context, arguments)
        pattern, ignore_case = str(arguments.get("pattern") or "*"), bool(arguments.get("ignore_case"))
        with self._platform.read(context.cid) as connection:
            found = users.load_users(connection, context.cid)
        rows = [_user_row(user) for user in found if _like(user.login, pattern, ignore_case)]
        return {"columns": list(_USER_CSV), "rows": rows}

    def list_contexts(self, arguments: Arguments) -> Any:
        """The contexts whose id, name or mapping matches a pattern."""
        self._authenticate_master(arguments)
        pattern = str(arguments.get("pattern") or "*")
        rows = [
            {
                "id": context.cid,
                "filestore_id": context.filestore_id,
                "filestore_name": f"{context.cid}_ctx_store",
                "enabled": str(context.enabled).lower(),
                "max_quota": context.quota_mb >> 20,
                "used_quota": 0,
                "name": context.name,
                "lmappings": ",".join(context.mappings),
            }
            for context in self._platform.contexts()
            if any(_like(text, pattern, True) for text in (str(context.cid), context.name, *context.mappings))
        ]
        columns = "id filestore_id filestore_name enabled max_quota used_quota name lmappings"
        return {"columns": columns.split(), "rows": rows}

    def get_user_capabilities(self, arguments: Arguments) -> Any:
        """The names of a user's capabilities."""
        context = self._context(arguments)
        self._authenticate_in(context, arguments)
        with self._platform.read(context.cid) as connection:
            user = self._user(connection, context, arguments)
        return {"user": user.id, "context": context.cid, "capabilities": of_user(user)}

    def reset_version(self, arguments: Arguments) -> Any:
        """Set the version of a schema, named itself or by one of its contexts. Needs no credentials."""
        schema = str(arguments["schema"]) if arguments.get("schema") else self._context(arguments).schema
        if schema not in self._platform.schemas():
            raise AdminFailure("invalid data", f"no such schema: {schema}")
        with self._platform.databases.write(schema) as connection:
            connection.execute(groupware.version.update().values(version=int(arguments["version"])))
        return {"schema": schema}

    def check_database(self, arguments: Arguments) -> Any:
        """Version and state of every schema."""
        self._authenticate_master(arguments)
        rows = []
        for schema in self._platform.schemas():
            with self._platform.databases.read(schema) as connection:
                row = connection.execute(sa.select(groupware.version)).one()
            is_pending = row.version < groupware.NEWEST_VERSION
            if self._updater:
                is_pending = is_pending or bool(self._updater.pending(schema))
            state = "Needs update" if is_pending else "OK"
            rows.append(
                {
                    "schema": schema,
                    "version": row.version,
                    "state": "Blocking updates running" if row.locked else state,
                }
            )
        return {"columns": ["schema", "version", "state"], "rows": rows}

    def unblock_database(self, arguments: Arguments) -> Any:
        """Unlock schemas whose lock was left behind."""
        self._authenticate_master(arguments)
        unblocked = []
        for schema in self._platform.schemas():
            if arguments.get("schema") in (None, schema):
                with self._platform.databases.write(schema) as connection:
                    changed = connection.execute(
                        groupware.version.update()
                        .where(groupware.version.c.locked == sa.true())
                        .values(locked=False)
                    )
                    if changed.rowcount:
                        unblocked.append(schema)
        return {"schemas": unblocked}

    def _authenticate_master(self, arguments: Arguments) -> None:
        if not self._settings.master_authentication:
            return
        login, password = _credentials(arguments)
        stored = self._master_hashes().get(login)
        if stored is None or not passwords.matches(password, stored):
            raise AdminFailure("invalid credentials", "Authentication failed")

    def _authenticate_in(self, context: Context, arguments: Arguments) -> None:
        """Check the credentials of the context's administrator."""
        if not self._settings.context_authentication:
            return
        login, password = _credentials(arguments)
        with self._platform.read(context.cid) as connection:
            user_id = users.find_user_id(connection, context.cid, [login])
            if user_id != CONTEXT_ADMIN or not users.check_password(
                connection, context.cid, user_id, password
            ):
                raise AdminFailure("invalid credentials", "Authentication failed")

    def _master_hashes(self) -> dict[str, str]:
        path = self._settings.mpasswd
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path else []
        except OSError as error:
            raise AdminFailure("storage", f"the master administrators cannot be read: {error}") from error
        entries = (line.split(":") for line in lines if line.count(":") == 2 and not line.startswith("#"))
        return {name: stored for name, mechanism, stored in entries if mechanism == passwords.MECHANISM}

    def _context(self, arguments: Arguments) -> Context:
        wanted = arguments.get("context", {})
        for context in self._platform.contexts():
            if wanted.get("id") == context.cid or wanted.get("name") == context.name:
                return context
        raise AdminFailure(
            "no such context", f"Context {wanted.get('id', wanted.get('name'))} does not exist"
        )

    def _user(self, connection: sa.Connection, context: Context, arguments: Arguments) -> User:
        wanted = arguments.get("user", {})
        user_id = wanted.get("id") or users.find_user_id(connection, context.cid, [str(wanted.get("name"))])
        found = users.load_user(connection, context.cid, int(user_id)) if user_id else None
        if found is None:
            name = wanted.get("id", wanted.get("name"))
            raise AdminFailure("no such user", f"User {name} does not exist in context {context.cid}")
        return found

    def _combination(self, arguments: Arguments) -> int | None:
        name = arguments.get("combination")
        if not name:
            return None
        if name not in permissions.COMBINATIONS:
            raise AdminFailure("invalid data", f"No such access combination name: {name}")
        return permissions.bits(permissions.COMBINATIONS[name])

    def _keep_attributes(self, connection: sa.Connection, user: User, arguments: Arguments) -> None:
        for switch, value in arguments.get("switches", {}).items():
            if permissions.SWITCHES[switch] is None:
                name = SWITCH_PREFIX + switch
                users.set_attribute(connection, user.cid, user.id, name, "on" if value else "off")
        values = {"add": "true", "remove": "false", "drop": None}
        for action, names in arguments.get("capabilities", {}).items():
            for name in names:
                attribute = CAPABILITY_PREFIX + name
                users.set_attribute(connection, user.cid, user.id, attribute, values[action])

    def _change_settings(self, connection: sa.Connection, user: User, changes: Mapping[str, str]) -> None:
        table = groupware.user
        values: dict[str, Any] = {
            _USER_COLUMNS[name]: changes[name] for name in _USER_COLUMNS if name in changes
        }
        if "mail_enabled" in changes:
            values["mailEnabled"] = changes["mail_enabled"].lower() == "true"
        if "password" in changes:
            values["userPassword"] = passwords.hashed(changes["password"])
        if values:
            chosen = table.update().where(table.c.cid == user.cid, table.c.id == user.id)
            connection.execute(chosen.values(**values))
        if "aliases" in changes:
            users.set_attribute(connection, user.cid, user.id, "alias", None)
            aliases = {alias.strip() for alias in changes["aliases"].split(",") if alias.strip()}
            rows = [
                {"cid": user.cid, "id": user.id, "name": "alias", "value": alias} for alias in sorted(aliases)
            ]
            if rows:
                connection.execute(groupware.user_attribute.insert(), rows)

    def _change_context_row(self, context: Context, arguments: Arguments) -> None:
        table = configdb.login2context
        with self._platform.databases.write(CONFIGDB) as connection:
            for mapping in arguments.get("remove_mappings", []):
                connection.execute(
                    table.delete().where(table.c.cid == context.cid, table.c.login_info == mapping)
                )
            for mapping in arguments.get("add_mappings", []):
                owner = configdb.find_context(connection, mapping)
                if owner not in (None, context.cid):
                    raise AdminFailure("invalid data", f"Mapping {mapping} is in use")
                if owner is None:
                    connection.execute(table.insert(), [{"cid": context.cid, "login_info": mapping}])
            if arguments.get("quota") is not None:
                connection.execute(
                    configdb.context.update()
                    .where(configdb.context.c.cid == context.cid)
                    .values(quota_max=int(arguments["quota"]) << 20)
                )


_BASE_COLUMNS = ("Id", "Name", "Display_name", "Email", "Language", "Timezone", "MailEnabled", "Aliases")
_USER_CSV = (*_BASE_COLUMNS, *permissions.SWITCHES)


def _user_row(user: User) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Id": user.id,
        "Name": user.login,
        "Display_name": user.display_name,
        "Email": user.mail,
        "Language": user.language,
        "Timezone": user.timezone,
        "MailEnabled": str(user.mail_enabled).lower(),
        "Aliases": ", ".join(user.aliases) or None,
    }
    for switch, name in permissions.SWITCHES.items():
        is_on = user.attributes.get(SWITCH_PREFIX + switch) == "on" if name is None else user.may(name)
        row[switch] = "true" if is_on else "false"
    return row


def _switched(rights: int, switches: Mapping[str, bool]) -> int:
    for switch, value in switches.items():
        name = permissions.SWITCHES[switch]
        if name is not None:
            bit = permissions.BITS[name]
            rights = rights | bit if value else rights & ~bit
    return rights


def _credentials(arguments: Arguments) -> tuple[str, str]:
    auth = arguments.get("auth") or {}
    if not auth.get("login"):
        raise AdminFailure("missing option", "Option(s) -A,--adminuser missing")
    if not auth.get("password"):
        raise AdminFailure("missing option", "Option(s) -P,--adminpass missing")
    return str(auth["login"]), str(auth["password"])


def _like(text: str, pattern: str, ignore_case: bool) -> bool:
    if ignore_case:
        text, pattern = text.casefold(), pattern.casefold()
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))
