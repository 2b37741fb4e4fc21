"""The tables every service has: its ledger, what waits to be announced, what was parked, and the directory it keeps.

Rows are guarded by row-level security whose key is a party (`app.tenant`, set for one transaction by the door).
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB


def ground(metadata: MetaData) -> None:
    """Add the tables every service has to a service's metadata."""
    Table(
        "entries",
        metadata,
        Column("stream", Uuid, nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("id", Uuid, nullable=False),
        Column("tenant", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("salt", LargeBinary, nullable=False),
        PrimaryKeyConstraint("stream", "sequence"),
        Index("entries_id", "id"),
        postgresql_partition_by="RANGE (stream)",
    )
    Table(
        "outbox",
        metadata,
        Column("position", BigInteger, Identity(always=True), primary_key=True),
        Column("stream", Uuid, nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("traceparent", Text),
    )
    Table(
        "notices",
        metadata,
        Column("position", BigInteger, Identity(always=True), primary_key=True),
        Column("id", Uuid, nullable=False),
        Column("subject", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("traceparent", Text),
    )
    Table(
        "parked",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("tenant", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("salt", LargeBinary, nullable=False),
        Column("reason", Text, nullable=False),
        Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )
    _directory(metadata)


def _directory(metadata: MetaData) -> None:
    """Add what every service keeps of parties, people, engagements and the labels of items."""
    Table(
        "parties",
        metadata,
        Column("party", Text, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("code", Text),
        Column("address", Text),
        Column("contact", Text),
    )
    Table(
        "people",
        metadata,
        Column("person", Text, primary_key=True),
        Column("party", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("title", Text),
        Column("contact", Text),
        Column("roles", JSONB, nullable=False),
        Column("email", Text),
    )
    Table(
        "engagements",
        metadata,
        Column("engagement", Uuid, primary_key=True),
        Column("town", Text, nullable=False),
        Column("centre", Text, nullable=False),
        Column("carrier", Text),
        Column("title", Text, nullable=False),
        Column("contract", Text, nullable=False),
        Column("starts_on", Date, nullable=False),
        Column("ends_on", Date, nullable=False),
        Column("certificate_days", Integer, nullable=False),
        Column("certificate_days_kind", Text, nullable=False, server_default="calendar"),
        Column("certificate_by", Date),
        Index("engagements_town", "town"),
        Index("engagements_centre", "centre"),
    )
    Table(
        "ended_engagements",
        metadata,
        Column("engagement", Uuid, primary_key=True),
        Column("tenant", Text, nullable=False),
        Column("ended_at", DateTime(timezone=True), nullable=False),
    )
    Table(
        "items",
        metadata,
        Column("item", Uuid, primary_key=True),
        Column("label", Text, nullable=False),
        Column("token_sha256", Text),
        Column("tenant", Text, nullable=False),
        Column("engagement", Uuid, nullable=False),
        Column("kind", Text, nullable=False),
        Column("data", JSONB, nullable=False),
        Column("registered_at", DateTime(timezone=True), nullable=False),
        Column("label_sequence", Integer, nullable=False, server_default=text("1")),  # of the entry that gave the label
        Column("corrected", JSONB, nullable=False, server_default=text("'{}'")),  # value → number of its newest entry
        UniqueConstraint("label"),
        Index("items_engagement", "engagement"),
    )


GROUND = ("entries", "outbox", "notices", "parked", "parties", "people", "engagements", "ended_engagements", "items")
