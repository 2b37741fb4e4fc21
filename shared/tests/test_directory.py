"""The directory: rows commute, cards come and go over the bus, in the service that owns them too."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import date
from importlib import import_module
from itertools import pairwise, permutations
from typing import Any

import nats
import pytest
from sqlalchemy import MetaData, text

from services.tracking.commands import parties
from services.tracking.consumers import consumers
from shared.directory import keep, keep_person
from shared.events.tracking import (
    Corrected,
    EngagementEnded,
    EngagementOpened,
    ItemRegistered,
    LabelBound,
    MediumCorrected,
    PartyAdded,
)
from shared.ids import uuid7
from shared.jetstream import of
from shared.messaging import GroupCommit, Later, Notice, broker
from shared.outbox import relay_window
from shared.settings import SERVICES
from shared.stack.stack import Stack
from shared.tables import ground
from shared.testing import CENTRE, TOWN, Service, recorded, service

ORDERED = {"parties": "party", "engagements": "engagement", "ended_engagements": "engagement", "items": "item"}

REQUIRED = {"media_class": 1, "assurance": "both", "policy_version": "1"}


@pytest.fixture
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


@pytest.fixture
def tables() -> Any:
    metadata = MetaData()
    ground(metadata)
    return metadata.tables


def said() -> list[Any]:
    """Two parties, two engagements of which one ended, two items."""
    open_, over = uuid7(), uuid7()
    described = {"centre": CENTRE, "carrier": None, "title": "試行", "certificate_days": 43}
    days = {"starts_on": date(2026, 1, 1), "ends_on": date(2036, 1, 1)}
    items = [
        ItemRegistered.model_validate(
            {
                "item": uuid7(),
                "engagement": open_,
                "label": label,
                "item_kind": "notebook",
                "zone": "mynumber",
                "confidentiality": "3",
                "media": [{"id": uuid7(), "kind": "hdd", "serial": "S1", "capacity_gb": 500} for _ in range(2)],
                "required": REQUIRED,
            }
        )
        for label in ("AAAA0000A", "BBBB0000B")
    ]
    events = [
        PartyAdded(party=TOWN, party_kind="town", name="最上町"),
        PartyAdded(party=CENTRE, party_kind="centre", name="センター"),
        EngagementOpened(engagement=open_, town=TOWN, contract="R8-1", **described, **days),
        EngagementOpened(engagement=over, town=TOWN, contract="R7-1", **described, **days),
        EngagementEnded(engagement=over, town=TOWN, centre=CENTRE),
    ]
    bound = [
        LabelBound(item=items[0].item, label=now, before=before, token_sha256=now)
        for before, now in pairwise(("AAAA0000A", "CCCC0000C", "DDDD0000D", "AAAA0000A"))
    ]
    one, medium = items[0].item, items[0].media[1].id
    corrected = [
        *(Corrected(item=one, field="maker", was=None, now=now, reason="x") for now in ("A", None, "B")),
        *(MediumCorrected(item=one, medium=medium, field="serial", now=now, reason="x") for now in ("S2", "S3")),
        MediumCorrected(item=one, medium=medium, field="capacity_gb", was=500, now=None, reason="x"),
    ]
    told = [recorded(event) for event in events] + [recorded(one, stream=one.item) for one in items]
    return told + [recorded(event, stream=one, sequence=nth) for nth, event in enumerate((*bound, *corrected), 2)]


async def rows(made: Service) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: [tuple(row) for row in await made.rows(f"SELECT * FROM {table} ORDER BY {key}")]  # noqa: S608 - ours
        for table, key in ORDERED.items()
    }


async def test_twice_and_shuffled_leaves_the_same_rows(tracking: Service, tables: Any) -> None:
    entries = said()
    async with tracking.consuming() as tx:
        await keep(tx, tables, entries)
    once = await rows(tracking)
    assert {table: len(found) for table, found in once.items()} == dict(zip(ORDERED, (2, 2, 1, 2), strict=True))
    assert ("AAAA0000A", "AAAA0000A") in [row[1:3] for row in once["items"]]  # two ids of one millisecond have no order
    (first,) = [row for row in await tracking.rows("SELECT data FROM items") if row.data["maker"]]
    assert (first.data["maker"], [one["serial"] for one in first.data["media"]]) == ("B", ["S1", "S3"])
    assert [one["capacity_gb"] for one in first.data["media"]] == [500, None]
    for seed in range(9):
        async with tracking.owner.begin() as connection:
            await connection.execute(text(f"TRUNCATE {', '.join(ORDERED)}"))
        twice = entries * 2
        random.Random(seed).shuffle(twice)
        while twice:  # what follows an item that is not heard yet asks for later
            entry = twice.pop(0)
            try:
                async with tracking.consuming() as tx:
                    await keep(tx, tables, [entry])
            except Later:
                twice.append(entry)
        assert await rows(tracking) == once


async def test_people_s_cards_commute_between_people_and_a_tombstone_forgets_one(
    tracking: Service, tables: Any
) -> None:
    def card(person: str, name: str | None) -> Notice:
        body = json.dumps({"name": name, "title": None, "contact": None, "roles": []}).encode() if name else b""
        return Notice(uuid7(), "people", TOWN, f"people.{TOWN}.{person}", body)

    for given in permutations([card("abe", "阿部"), card("ito", "伊藤"), card("gone", None)]):
        async with tracking.consuming() as tx:
            for notice in (*given, *given):
                await keep_person(tx, tables["people"], notice)
        found = await tracking.rows("SELECT person, name, party FROM people ORDER BY person")
        assert [tuple(row) for row in found] == [("abe", "阿部", TOWN), ("ito", "伊藤", TOWN)]
    async with tracking.consuming() as tx:
        await keep_person(tx, tables["people"], card("abe", "安部"))
        await keep_person(tx, tables["people"], card("ito", None))
    assert [tuple(row) for row in await tracking.rows("SELECT person, name FROM people")] == [("abe", "安部")]


async def test_who_is_forgotten_on_the_bus_is_forgotten_by_the_owner_of_the_directory(tracking: Service) -> None:
    """Otherwise tracking would show the name, and publish it again (`meguru republish`)."""
    bus, client = broker(tracking.settings, GroupCommit(tracking.consumer, consumers)), await tracking.client()
    operator = await nats.connect(**tracking.stack.nats_options())
    async with tracking.acting() as tx:
        for person in ("stays", "goes"):
            await parties.enrol(tx, person, name=person, title=None, contact=None, roles=["clerk"])
    async with tracking.consumer.begin() as connection:
        await connection.execute(text("INSERT INTO sessions VALUES ('secret', 'goes', now(), now())"))
    await bus.start()
    try:
        async with tracking.consumer.connect() as connection:
            assert await relay_window(connection, client) == 2
        await operator.jetstream().publish(f"people.{TOWN}.goes", b"")
        for _ in range(250):
            left = [row.person for row in await tracking.rows("SELECT person FROM people")]
            if left == ["stays"]:
                break
            await asyncio.sleep(0.02)
        assert left == ["stays"]
        assert not await tracking.rows("SELECT 1 FROM sessions"), "and is signed out"
    finally:
        await bus.stop()
        await client.close()
        await operator.close()


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_keeps_the_directory_hears_of_people(name: str) -> None:
    assert "people" in import_module(f"services.{name}.consumers").consumers.handlers
    assert any(durable.subjects == ("people.>",) for durable in of(name))
