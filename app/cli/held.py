"""``usmctl held``: deletions that a brake held back, and items that cannot be converted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypedDict

import click

from app.cli import opening
from app.cli.exits import WRONG
from app.main import SystemClock, SystemTokens
from app.store.state import SqlStateStore
from app.usm import holding
from app.usm.errors import UsmError
from app.usm.model import SessionId

PROTOCOL: Final = "EAS"


class _Row(TypedDict):
    """What ``list --json`` tells of a folder's deletions, or of an item. ``moment``: ISO 8601, UTC; of deletions the
    latest, of an item when it is tried again."""

    kind: str
    context: int
    user: int
    device: str
    folder: int
    title: str
    items: list[str]
    tries: int
    moment: str


@click.group()
def held() -> None:
    """What is held back or skipped: deletions that were too many, items that cannot be converted."""


@held.command("list")
@click.option("--context", "context_id", type=int, metavar="NUMBER", help="Of this context only.")
@click.option("--user", "user_id", type=int, metavar="NUMBER", help="Of this user only.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def listed(etc: Path, context_id: int | None, user_id: int | None, as_json: bool) -> None:
    """List what is held back and what is skipped, a line each.

    Looks at every device that is not left out, which takes its time without --context. Changes nothing.
    """
    rows: list[_Row] = []
    with opening.opened(etc) as databases:
        store = SqlStateStore(databases, touches=False)
        try:
            for session in _sessions(store, context_id):
                if user_id in (None, session.user_id):
                    rows += _rows(store, session)
        except UsmError as error:
            raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo(_line(row))


@held.command()
@click.argument("context_id", type=int, metavar="CONTEXT")
@click.argument("user_id", type=int, metavar="USER")
@click.argument("device", metavar="DEVICE")
@click.argument("folder", type=int, metavar="FOLDER")
@click.pass_obj
def release(etc: Path, context_id: int, user_id: int, device: str, folder: int) -> None:
    """Let the deletions through that are held back in a folder; the device's next request carries them out."""
    _decide(etc, SessionId(context_id, user_id, PROTOCOL, device), folder, let_through=True)


@held.command()
@click.argument("context_id", type=int, metavar="CONTEXT")
@click.argument("user_id", type=int, metavar="USER")
@click.argument("device", metavar="DEVICE")
@click.argument("folder", type=int, metavar="FOLDER")
@click.pass_obj
def drop(etc: Path, context_id: int, user_id: int, device: str, folder: int) -> None:
    """Forget the deletions that are held back in a folder; nothing is deleted."""
    _decide(etc, SessionId(context_id, user_id, PROTOCOL, device), folder, let_through=False)


def _decide(etc: Path, session: SessionId, folder: int, let_through: bool) -> None:
    with opening.opened(etc) as databases:
        try:
            count = holding.decide(
                SqlStateStore(databases), session, folder, let_through, SystemClock(), SystemTokens()
            )
        except UsmError as error:
            raise click.ClickException(str(error)) from error
    if not count:
        click.echo(f"nothing is held back in folder {folder} of {session.device_id}", err=True)
        sys.exit(WRONG)
    click.echo(f"{count} deletions {'let through' if let_through else 'dropped'}")


def _sessions(store: SqlStateStore, context_id: int | None) -> Iterator[SessionId]:
    contexts = store.contexts() if context_id is None else [context_id]
    for context in contexts:
        for session in store.sessions(context):
            yield session.id


def _rows(store: SqlStateStore, session: SessionId) -> Iterator[_Row]:
    for held_back in holding.held_back(store, session):
        yield _row(
            "held back", session, held_back.folder, held_back.title, list(held_back.items), 0, held_back.at
        )
    for skip in holding.skipped(store, session):
        yield _row("skipped", session, skip.folder, skip.title, [skip.item_id], skip.tries, skip.due)


def _row(
    kind: str, session: SessionId, folder: int, title: str, items: list[str], tries: int, moment: int
) -> _Row:
    return {
        "kind": kind,
        "context": session.context_id,
        "user": session.user_id,
        "device": session.device_id,
        "folder": folder,
        "title": title,
        "items": items,
        "tries": tries,
        "moment": datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds"),
    }


def _line(row: _Row) -> str:
    where = (
        f"context {row['context']} user {row['user']} device {row['device']} "
        f"folder {row['folder']} ({row['title']})"
    )
    if row["kind"] == "skipped":
        return f"{where}: item {row['items'][0]} skipped, {row['tries']} tries, next {row['moment']}"
    return f"{where}: {len(row['items'])} deletions held back, {row['moment']}"
