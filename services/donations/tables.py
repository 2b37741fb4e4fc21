"""Donations' views, the one table of personal data, and the town's desk that gives out receipts."""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.tables import ground

metadata = MetaData()
ground(metadata)

calls = Table(
    "calls",
    metadata,
    Column("call", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("number", Text, nullable=False, unique=True),
    Column("data", JSONB, nullable=False),  # the event as recorded: a call is public from end to end
    Column("opened_at", DateTime(timezone=True), nullable=False),
)

closings = Table(
    "closings",
    metadata,
    Column("call", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=False),
)

allocations = Table(
    "allocations",
    metadata,
    Column("call", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("entry", Uuid, nullable=False),
    Column("stock", ARRAY(Uuid), nullable=False),
    Column("waiting", ARRAY(Text), nullable=False),
    Column("allocated_at", DateTime(timezone=True), nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("item", Uuid, primary_key=True),  # no machine is given twice
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("application", Uuid, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("category", Text, nullable=False),
    Index("grants_call", "call"),
)

applications = Table(
    "applications",
    metadata,
    Column("application", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("nth", Integer, nullable=False),
    Column("category", Text, nullable=False),
    Column("units", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("keyed_by", Text),
    Column("arrived_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("applications_call", "call"),
    Index("applications_receipt", "receipt"),
    Index("applications_nth", "tenant", "nth"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("application", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("nth", Integer, nullable=False),
    Column("category", Text, nullable=False),
    Column("units", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("arrived_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("refusals_call", "call"),
    Index("refusals_receipt", "receipt"),
    Index("refusals_nth", "tenant", "nth"),
)

hand_overs = Table(
    "hand_overs",
    metadata,
    Column("application", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("items", ARRAY(Uuid), nullable=False),
    Column("handed_over_at", DateTime(timezone=True), nullable=False),
    Index("hand_overs_call", "call"),
)

usage_reports = Table(
    "usage_reports",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("uses", ARRAY(Text), nullable=False),
    Column("difficulty", Text),
    Column("reported_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("usage_reports_call", "call"),
)

refurbishments = Table(
    "refurbishments",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("item", Uuid, nullable=False),
    Column("label", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("grade", Text, nullable=False),
    Column("spec", JSONB, nullable=False),
    Column("ready_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("refurbishments_item", "item"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("item", Uuid, nullable=False),
    Column("delivered_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("deliveries_item", "item"),
)

takeovers = Table(
    "takeovers",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("item", Uuid, nullable=False),
    Column("taken_over_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("takeovers_item", "item"),
)

# Personal data, here and nowhere else: deletable, not rebuildable, seen by the town alone and not by who acts for it.
applicants = Table(
    "applicants",
    metadata,
    Column("application", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("group_name", Text, nullable=False),
    Column("representative", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("mail", Text, nullable=False),
    Column("uses", ARRAY(Text), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("network", Boolean),  # null: the paper does not say
    Column("consent_version", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # the group's name and the phone as compared to see the same one twice
    Column("phone_key", Text, nullable=False),
    Column("passphrase_sha256", LargeBinary, nullable=False),
    Index("applicants_name", "call", "name_key"),
    Index("applicants_phone", "call", "phone_key"),
)

# One row a town: its lock makes applications queue up one after the other, its secret makes passphrases.
desks = Table(
    "desks",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)
