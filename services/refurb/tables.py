"""Refurb's views: the history of work orders, of consignments and of plans, and what is known of the original media."""

from typing import Any

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import ground

metadata = MetaData()
ground(metadata)


def _history(name: str, *about: Column[Any]) -> Table:
    """Return a table that holds the entries of streams as rows; `about` is what else they are looked up by."""
    return Table(
        name,
        metadata,
        Column("stream", Uuid, nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("tenant", Text, nullable=False),
        *about,
        Column("kind", Text, nullable=False),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("person", Text, nullable=False),
        Column("data", JSONB, nullable=False),
        PrimaryKeyConstraint("stream", "sequence"),
        *(Index(f"{name}_{column.name}", column.name) for column in about),
        Index(f"{name}_tenant", "tenant"),
    )


works = _history("works", Column("item", Uuid, nullable=False))
consignments = _history("consignments")
plans = _history("plans")

sent_photos = Table(  # which photo was sent for which chassis: an entry names only its own
    "sent_photos",
    metadata,
    Column("item", Uuid, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("copy_sha256", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    PrimaryKeyConstraint("item", "sha256"),
)

hand_overs = Table(
    "hand_overs",
    metadata,
    Column("item", Uuid, nullable=False),
    Column("entry", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("handed", Boolean, nullable=False),  # to a recipient; else given back
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("item", "entry"),
)

clearances = Table(
    "clearances",
    metadata,
    Column("medium", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("item", Uuid, nullable=False),
    Column("cleared", Boolean, nullable=False),
    Column("reason", Text),  # why it was reopened
    Column("sequence", Integer, nullable=False),  # of the medium's clearance stream at tracking: the latest wins
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Index("clearances_item", "item"),
)
