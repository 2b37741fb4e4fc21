"""Tracking's views and the rows that are no history: labels, people's sessions, the log."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import ground

metadata = MetaData()
ground(metadata)

labels = Table(
    "labels",
    metadata,
    Column("label", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("engagement", Uuid, nullable=False),
    Column("item", Uuid),  # the stream the label names, or named once; null: of a roll, and not bound yet
    Column("batch", Text, nullable=False),  # what asked for it: table:<digest>, lot:<request> or roll:<stream>
    Column("row", Integer, nullable=False),
    UniqueConstraint("tenant", "batch", "row"),
    Index("labels_item", "item"),
)

lots = Table(
    "lots",
    metadata,
    Column("lot", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("engagement", Uuid, nullable=False),
    Column("label", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("count", Integer, nullable=False),
)

caged = Table(  # what is shut in cages: written with the sealing and the opening, so that two never claim one thing
    "caged",
    metadata,
    Column("cage", Uuid, nullable=False),
    Column("thing", Text, nullable=False),  # seal:<number> or item:<stream>
    Column("tenant", Text, nullable=False),
    Column("number", Text, nullable=False),  # what is painted on the cage
    Column("opened", Boolean, nullable=False),
    PrimaryKeyConstraint("cage", "thing"),
)
Index("caged_once", caged.c.tenant, caged.c.thing, unique=True, postgresql_where=~caged.c.opened)

timeline = Table(
    "timeline",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("entry", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("item", Uuid),  # null: about a party, a call, a cage
    Column("kind", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("person", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("timeline_item", "item"),
    Index("timeline_tenant_kind", "tenant", "kind"),
)
Index(
    "timeline_surplus",
    timeline.c.stream,
    postgresql_where=(timeline.c.kind == "tracking.cage-opened.v1") & text("data->'surplus' <> '[]'"),
)

breaches = Table(  # what recorded facts break, by the domain's own rule; written anew whenever more is heard
    "breaches",
    metadata,
    Column("entry", Uuid, nullable=False),
    Column("code", Text, nullable=False),
    Column("item", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    PrimaryKeyConstraint("entry", "code"),
    Index("breaches_item", "item"),
)

leaves = Table(
    "leaves",
    metadata,
    Column("entry", Uuid, primary_key=True),
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("traceparent", Text),
    Column("index", BigInteger, unique=True),  # null until the sequencer integrated it
)
Index("leaves_waiting", leaves.c.entry, postgresql_where=leaves.c.index.is_(None))

tiles = Table(
    "tiles",
    metadata,
    Column("path", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
)

cosignatures = Table(  # of each witness the largest head it cosigned
    "cosignatures",
    metadata,
    Column("witness", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("line", Text, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session", Text, primary_key=True),  # SHA-256 of the cookie's secret
    Column("person", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(["person"], ["people.person"], ondelete="CASCADE"),
)
