"""Erasure's views: media as registered, what was done to them, which entry names which bytes, what waits."""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import ground

metadata = MetaData()
ground(metadata)

media = Table(
    "media",
    metadata,
    Column("medium", Uuid, primary_key=True),
    Column("item", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("engagement", Uuid, nullable=False),
    Column("label", Text, nullable=False),
    Column("nth", Integer, nullable=False),  # counted from 1 within its item
    Column("serial", Text, nullable=False),
    Column("loose", Text, nullable=False),  # domain/serial.py
    Column("kind", Text, nullable=False),
    Column("maker", Text),
    Column("model", Text),
    Column("capacity_gb", Integer),
    Column("item_kind", Text, nullable=False),
    Index("media_item", "item"),
    Index("media_loose", "loose"),
    Index("media_engagement", "engagement"),
)

requirements = Table(
    "requirements",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("item", Uuid, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("required", JSONB, nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("requirements_item", "item", "recorded_at"),
)

places = Table(
    "places",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("item", Uuid, nullable=False),
    Column("place", Text, nullable=False),  # on-the-way, centre
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("places_item", "item", "occurred_at"),
)

exceptions = Table(
    "exceptions",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("item", Uuid, nullable=False),
    Column("medium", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    Column("witness", Text, nullable=False),
    Column("approver", Text, nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("exceptions_medium", "medium"),
)

deeds = Table(  # what was done to a medium: one row an entry
    "deeds",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("entry", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("medium", Uuid, nullable=False),
    Column("item", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("person", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("achieved", Text),  # the three of `data` that are counted: reading a long JSON a row is slow
    Column("sufficient", Boolean),
    Column("conformant", Boolean),
    Column("regrades", Uuid),  # the first entry of a report that this one judges again: the last of them stands
    Column("data", JSONB, nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("deeds_medium", "medium"),
    Index("deeds_rechecked", "medium", postgresql_where=text("kind = 'erasure.erasure-verified.v1'")),
    Index("deeds_regrades", "regrades", postgresql_where=text("regrades IS NOT NULL")),
    Index("deeds_destroyed", "tenant", "recorded_at", postgresql_where=text("kind = 'erasure.medium-destroyed.v1'")),
)

reports = Table(  # which entry names a report's bytes: who may read the entry may read the blob
    "reports",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("tool_version", Text),
    Column("medium", Uuid),  # null: filed, and not bound yet
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("reports_sha256", "sha256"),
)

photos = Table(
    "photos",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("nth", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("taken_at", DateTime(timezone=True)),
    Column("medium", Uuid, nullable=False),
    PrimaryKeyConstraint("stream", "sequence", "nth"),
    Index("photos_sha256", "sha256"),
)

unmatched = Table(  # a report's serial that meant no medium when it was filed; its tenant is the centre that filed it
    "unmatched",
    metadata,
    Column("report", Uuid, nullable=False),
    Column("serial", Text, nullable=False),
    Column("loose", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("entry", Uuid, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("engagement", Uuid),
    Column("operator", Text, nullable=False),
    Column("filed_at", DateTime(timezone=True), nullable=False),
    Column("host_serial", Text),  # of the computer it was in, where the tool says so
    PrimaryKeyConstraint("report", "serial"),
    Index("unmatched_serial", "serial"),
    Index("unmatched_tenant", "tenant"),
)

put_aside = (
    Table(  # a waiting serial that a person said is not ours, or put back; its tenant is the centre that filed it
        "put_aside",
        metadata,
        Column("stream", Uuid, nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("tenant", Text, nullable=False),
        Column("report", Uuid, nullable=False),
        Column("serial", Text, nullable=False),
        Column("reason", Text, nullable=False),  # none is asked of one who puts it back
        Column("person", Text, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("back", Boolean, nullable=False, server_default=text("false")),  # of one serial's rows the last stands
        PrimaryKeyConstraint("stream", "sequence"),
        Index("put_aside_report", "report"),
    )
)

bindings = Table(  # which entry of a medium came out of which waiting report; its tenant is the town
    "bindings",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("filed", Uuid, nullable=False),  # the entry of the report
    Column("loose", Text, nullable=False),
    Column("label", Text, nullable=False),
    PrimaryKeyConstraint("stream", "sequence"),
    Index("bindings_filed", "filed"),
)

session_steps = Table(  # what was said in on-site sessions, one row an entry: `domain/session.py` folds them
    "session_steps",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("data", JSONB, nullable=False),
    Column("occurred_at", DateTime(timezone=True)),  # null in rows of before it was kept, until they are rebuilt
    PrimaryKeyConstraint("stream", "sequence"),
)

witnesses = Table(
    "witnesses",
    metadata,
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("engagement", Uuid, nullable=False),
    Column("witness", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("stream", "sequence"),
)

circumstances = Table(  # no history and not rebuilt: what the one who dropped a waiting report said besides
    "circumstances",
    metadata,
    Column("report", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("witness", Text),
)
