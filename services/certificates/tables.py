"""Certificates' views of what documents need, of its own certificates, and the issuer's queue."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)

from shared.tables import ground

metadata = MetaData()
ground(metadata)

evidence = Table(  # entries of other services a document cites or tells of, in their stored bytes
    "evidence",
    metadata,
    Column("entry", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("stream", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("item", Uuid),
    Column("medium", Uuid),
    Column("engagement", Uuid),
    Column("kind", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Index("evidence_item", "item", "kind"),
    Index("evidence_engagement", "engagement"),
    Index("evidence_tenant", "tenant", "kind"),
)

proofs = Table(  # where an entry stands in the log, from tracking's notices: no ledger holds them
    "proofs",
    metadata,
    Column("entry", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("log_index", BigInteger, nullable=False),
    Column("path", ARRAY(Text), nullable=False),
    Column("checkpoint", Text, nullable=False),
)

receipts = Table(  # the first receipt of an item: deadlines run from here
    "receipts",
    metadata,
    Column("item", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),  # by the clock that recorded it
)

certificates = Table(
    "certificates",
    metadata,
    Column("certificate", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("item", Uuid),
    Column("label", Text, nullable=False),
    Column("medium", Uuid),
    Column("cited", Uuid),
    Column("requested_at", DateTime(timezone=True)),
    Column("issued_at", DateTime(timezone=True)),
    Column("input_sha256", Text),
    Column("pdf_sha256", Text),
    Column("json_sha256", Text),
    Column("key", Text),
    Column("log_index", BigInteger),
    Column("overdue_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("reason", Text),
    Index("certificates_number", "number"),
    Index("certificates_tenant", "tenant", "issued_at"),
    Index("certificates_item", "item"),
)

# What is requested and not issued, and how far the issuer got: not rebuilt, since a trace and an attempt are no facts.
pending = Table(
    "pending",
    metadata,
    Column("certificate", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("cited", Uuid, nullable=False),
    Column("traceparent", Text),
    Column("input_sha256", Text),
    Column("failure", Text),
    Column("tried_at", DateTime(timezone=True)),
)

OWN = (evidence, proofs, receipts, certificates, pending)
