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

from shared.letters import letters as letters_of
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

rounds = Table(  # further rounds of a call; the first is the call itself
    "rounds",
    metadata,
    Column("call", Uuid, nullable=False),
    Column("round", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("call", "round"),
)

closings = Table(
    "closings",
    metadata,
    Column("call", Uuid, nullable=False),
    Column("round", Integer, nullable=False, server_default="1"),
    Column("tenant", Text, nullable=False),
    Column("entry", Uuid),  # what a notice of the log names; null in rows of the first release
    Column("stock", ARRAY(Uuid)),  # what a lottery draws for; null for other rules, and in rows of an earlier release
    Column("closed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("call", "round"),
)

allocations = Table(
    "allocations",
    metadata,
    Column("call", Uuid, nullable=False),
    Column("round", Integer, nullable=False, server_default="1"),
    Column("tenant", Text, nullable=False),
    Column("entry", Uuid, nullable=False),
    Column("stock", ARRAY(Uuid), nullable=False),
    Column("waiting", ARRAY(Text), nullable=False),
    Column("allocated_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("call", "round"),
)

grants = Table(
    "grants",
    metadata,
    Column("item", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("application", Uuid, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("category", Text, nullable=False),
    PrimaryKeyConstraint("item", "application"),
    Index("grants_call", "call"),
)

releases = Table(  # a grant that was given up: the machine moved on
    "releases",
    metadata,
    Column("item", Uuid, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("released_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("item", "receipt"),
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
    Column("round", Integer, nullable=False, server_default="1"),
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

corrections = Table(  # the last one of an application counts
    "corrections",
    metadata,
    Column("application", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("units", Integer, nullable=False),
    PrimaryKeyConstraint("application", "sequence"),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("application", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default="withdrawn"),  # or returned
    Column("withdrawn_at", DateTime(timezone=True), nullable=False),
    Index("withdrawals_call", "call"),
)

hand_overs = Table(
    "hand_overs",
    metadata,
    Column("application", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False, server_default="0"),  # of the entry; 0 in rows of an earlier release
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("items", ARRAY(Uuid), nullable=False),
    Column("scanned", Boolean),
    Column("agreed", Text),
    Column("photo_sha256", Text),
    Column("approval", Text),
    Column("basis", Text),
    Column("handed_over_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("application", "sequence"),
    Index("hand_overs_call", "call"),
)

returns = Table(
    "returns",
    metadata,
    Column("application", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    Column("returned_at", DateTime(timezone=True), nullable=False),
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
    Column("difficulties", ARRAY(Text), nullable=False, server_default="{}"),
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

# Why a review gave what it gave: words about a group, deletable like its name; an entry holds their digest.
review_reasons = Table(
    "review_reasons",
    metadata,
    Column("review", Uuid, nullable=False),  # the entry
    Column("application", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("review", "application"),
    Index("review_reasons_call", "call"),
)

hand_over_photos = Table(  # of the signed receipt or the hand-over: personal, deletable
    "hand_over_photos",
    metadata,
    Column("application", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False, server_default="0"),  # of the hand-over's entry, as above
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("application", "sequence"),
)

usage_notes = Table(  # a recipient's own words and picture: personal, deletable, shown only with consent and by a clerk
    "usage_notes",
    metadata,
    Column("report", Uuid, primary_key=True),  # the entry
    Column("application", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("call", Uuid, nullable=False),
    Column("note", Text, nullable=False),
    Column("photo", LargeBinary),
    Column("consent", Boolean, nullable=False),
    Column("interview", Boolean, nullable=False),
    Column("released_by", Text),
    Column("released_at", DateTime(timezone=True)),
    Index("usage_notes_application", "application"),
)

retentions = Table(  # how long a town keeps what is personal
    "retentions",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("months", Integer, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)

erasures = Table(  # that something personal was deleted, and nothing of it
    "erasures",
    metadata,
    Column("application", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("reason", Text, nullable=False),  # request or retention
    Column("erased_by", Text, nullable=False),
    Column("erased_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("application", "erased_at"),  # what came later is deleted later
)

letters = letters_of(metadata)  # to applicants; not rebuilt: what was mailed is no view

letter_words = Table(  # a town's own words; ours stand in domain/wording.py
    "letter_words",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant", "what"),
)

# One row a town: its lock makes applications queue up one after the other, its secret makes passphrases.
desks = Table(
    "desks",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)
