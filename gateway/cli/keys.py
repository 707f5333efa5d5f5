"""`gateway keys`: personal API keys, as an operator manages them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import click
from pydantic import TypeAdapter, ValidationError

from gateway.cli.running import lost_key, show, with_database
from gateway.folders import system_clock
from gateway.model import MAX_ID, Timestamp, format_time
from gateway.scopes import is_known_scope
from gateway.storage.engine import Database
from gateway.storage.keys import KeyInfo, KeyStore, NewKey, ShownKey
from gateway.workspace import Name

_NAME: Final = TypeAdapter(Name)


@click.group("keys")
def keys_group() -> None:
    """Create, list, revoke and roll personal API keys."""


def _scope(_: click.Context, __: click.Parameter, scopes: tuple[str, ...]) -> tuple[str, ...]:
    for scope in scopes:
        if not is_known_scope(scope):
            raise click.BadParameter(f"unknown scope {json.dumps(scope)}")
    return scopes


def _name(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    try:
        return None if text is None else _NAME.validate_python(text)
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"]) from None


@keys_group.command("create")
@click.option("--user", required=True, metavar="EMAIL", callback=_name, help="The user, by email address.")
@click.option("--label", required=True, callback=_name, help="What the key is for; unique among the user's keys.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    callback=_scope,
    help="For example persisted_folder:read, or * for all. May be given several times.",
)
@click.option(
    "--environment",
    "environments",
    type=click.IntRange(1, MAX_ID),
    multiple=True,
    help="Limits the key to this environment. May be given several times.",
)
@click.option(
    "--organization",
    "organizations",
    type=UUID,
    multiple=True,
    help="Limits the key to this organization. May be given several times.",
)
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="When the key stops working, in UTC: 2027-01-31 or 2027-01-31T12:00:00Z.",
)
def keys_create(
    user: str,
    label: str,
    scopes: tuple[str, ...],
    environments: tuple[int, ...],
    organizations: tuple[UUID, ...],
    expires: datetime | None,
) -> None:
    """Create a key; its value is shown only once."""
    expires_at = expires.replace(tzinfo=UTC) if expires else None
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise click.BadParameter("lies in the past", param_hint="'--expires'")

    async def work(database: Database) -> ShownKey:
        key = NewKey(user, label, scopes, environments, organizations, expires_at)
        return await KeyStore(database).create(key, system_clock())

    _show(with_database(work), "made")


@keys_group.command("list")
@click.option("--user", metavar="EMAIL", callback=_name, help="Only this user's keys.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def keys_list(user: str | None, as_json: bool) -> None:
    """List keys, with their values masked."""

    async def work(database: Database) -> list[KeyInfo]:
        return await KeyStore(database).listed(user)

    for key in with_database(work):
        show(json.dumps(_describe(key)) if as_json else _line(key))


@keys_group.command("revoke")
@click.argument("key_id", metavar="ID", type=UUID)
def keys_revoke(key_id: UUID) -> None:
    """Revoke the key with this ID, at once and for good."""

    async def work(database: Database) -> None:
        await KeyStore(database).revoke(key_id, system_clock())

    with_database(work)
    show(f"Revoked {key_id}.")


@keys_group.command("roll")
@click.argument("key_id", metavar="ID", type=UUID)
def keys_roll(key_id: UUID) -> None:
    """Replace the value of the key with this ID.

    The new value is shown only once; the old one stops working at once.
    """

    async def work(database: Database) -> ShownKey:
        return await KeyStore(database).roll(key_id)

    _show(with_database(work), "rolled")


def _describe(key: KeyInfo) -> dict[str, Any]:
    def shown(time: Timestamp | None) -> str | None:
        return None if time is None else format_time(time)

    return {
        "id": str(key.id),
        "user": key.user,
        "label": key.label,
        "key": key.mask,
        "scopes": key.scopes,
        "environments": key.environments,
        "organizations": [str(each) for each in key.organizations],
        "created_at": shown(key.created_at),
        "expires_at": shown(key.expires_at),
        "revoked_at": shown(key.revoked_at),
        "last_used_at": shown(key.last_used_at),
    }


def _line(key: KeyInfo) -> str:
    scopes = ",".join(key.scopes) or "-"
    return f"{key.id}  {key.mask}  {key.user}  {json.dumps(key.label)}  {scopes}  {_state(key)}"


def _state(key: KeyInfo) -> str:
    if key.revoked_at:
        return "revoked"
    # To the minute.
    return f"until {format_time(key.expires_at)[:16].replace('T', ' ')}" if key.expires_at else "active"


def _show(key: ShownKey, done: str) -> None:
    show(
        f"ID   {key.id}\nKey  {key.value}\nKeep the key now: it is not shown again.",
        lost_key(key.id, done),
    )
