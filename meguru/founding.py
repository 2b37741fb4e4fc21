"""What a stack needs before its services start: migrated databases, a declared bus, a first operator."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import nats
from alembic.script import ScriptDirectory

from shared import jetstream
from shared.ids import uuid7
from shared.migration import configuration, make_partitions, migrate
from shared.settings import SERVICES, Service, Settings
from shared.stack.stack import Stack

OPERATOR = {
    "person": "operator",
    "name": "運用担当",
    "title": "運用担当",
    "contact": None,
    "roles": ["platform-operator"],
}


async def prepare_databases(stack: Stack) -> None:
    """Bring every service's database to the head of its migrations; one that is there already costs one query."""
    for service in SERVICES:
        known = settings_of(stack, service)
        if await _version(stack, service) != ScriptDirectory.from_config(configuration(known)).get_current_head():
            await asyncio.to_thread(migrate, known)
        else:
            await make_partitions(known, datetime.now(UTC))


async def prepare_bus(stack: Stack) -> None:
    """Declare the JetStream streams and durables, as the operator."""
    client = await nats.connect(**stack.nats_options())
    try:
        await jetstream.declare(client)
    finally:
        await client.close()


async def found_platform(stack: Stack) -> None:
    """Put the platform and its first operator on tracking's directory; everybody else is added through the doors."""
    connection = await stack.connect("tracking")
    try:
        await connection.execute(
            "INSERT INTO parties (party, kind, name) VALUES ('platform', 'platform', 'めぐる 運用') "
            "ON CONFLICT DO NOTHING"
        )
        added = await connection.fetchval(
            "INSERT INTO people (person, party, name, title, roles) VALUES ($1, 'platform', $2, $3, $4) "
            "ON CONFLICT DO NOTHING RETURNING person",
            OPERATOR["person"],
            OPERATOR["name"],
            OPERATOR["title"],
            json.dumps(OPERATOR["roles"]),
        )
        if added:
            card = {key: value for key, value in OPERATOR.items() if key != "person"}
            await connection.execute(
                "INSERT INTO notices (id, subject, body) VALUES ($1, 'people.platform.operator', $2)",
                uuid7(),
                json.dumps(card, ensure_ascii=False).encode(),
            )
    finally:
        await connection.close()


PREPARE = (prepare_databases, prepare_bus, found_platform)


def settings_of(stack: Stack, service: Service) -> Settings:
    """Return a service's settings without touching this process's environment."""
    said: dict[str, Any] = {
        key.removeprefix("MEGURU_").lower(): value for key, value in stack.environment(service).items()
    }
    return Settings(**said)


async def _version(stack: Stack, service: Service) -> str | None:
    connection = await stack.connect(service)
    try:
        if not await connection.fetchval("SELECT to_regclass('alembic_version')"):
            return None
        version: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return version
    finally:
        await connection.close()
