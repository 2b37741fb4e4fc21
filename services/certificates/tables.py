"""Certificates' views of what documents need, of its own certificates, and the issuer's queue."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
    true,
)

from shared.letters import letters as letters_of
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
    Column("lot_of", Uuid),  # the engagement of a lot; everything else has its item's
    Column("cited", Uuid),
    Column("asked", Integer, nullable=False, server_default=text("0")),  # the request that `cited` is of
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
    Column("code", Text),
    Column("replaces", Text),
    Column("replaced_by", Text),
    Column("validated", Integer, nullable=False, server_default=text("0")),  # the entry that says the next four
    Column("validated_at", DateTime(timezone=True)),
    Column("accepted", Boolean),
    Column("validator", Text),
    Column("remark", Text),
    Index("certificates_number", "number"),
    Index("certificates_tenant", "tenant", "issued_at"),
    Index("certificates_item", "item"),
    Index("certificates_revoked", "revoked_at", postgresql_where=text("revoked_at IS NOT NULL")),
)

# What is requested and not issued, and how far the issuer got: not rebuilt, since a trace and an attempt are no facts.
pending = Table(
    "pending",
    metadata,
    Column("certificate", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("cited", Uuid, nullable=False),
    Column("asked", Integer, nullable=False, server_default=text("1")),  # the request in its stream: a later one stands
    Column("traceparent", Text),
    Column("input_sha256", Text),
    Column("failure", Text),
    Column("tried_at", DateTime(timezone=True)),
)

# What was asked to be taken along in one signed zip. Not rebuilt: a copy of what is recorded is no fact.
bundles = Table(
    "bundles",
    metadata,
    Column("bundle", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("engagement", Uuid, nullable=False),
    Column("asked_by", Text, nullable=False),  # a party
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("certificates", Integer),
    Column("taken_in", Integer, nullable=False, server_default="0"),
    Column("members_sha256", Text),  # the list the zip follows from, its signed manifest first
    Column("size", BigInteger),
    Column("made_at", DateTime(timezone=True)),
    Column("failure", Text),
    Index("bundles_tenant", "tenant", "asked_at"),
    Index(
        "bundles_open", "engagement", unique=True, postgresql_where=text("made_at IS NULL AND failure IS NULL")
    ),  # a bundle reads the whole store of an engagement: one at a time
)

letters = letters_of(metadata)  # reminders of deadlines; not rebuilt: what was mailed is no view
letters.append_constraint(ForeignKeyConstraint(["person"], ["people.person"], ondelete="CASCADE"))

subscriptions = Table(  # what a person takes of deadlines: mail unless switched off, a calendar where a link was made
    "subscriptions",
    metadata,
    Column("person", Text, primary_key=True),
    Column("tenant", Text, nullable=False),  # the person's own party
    Column("mail", Boolean, nullable=False, server_default=true()),
    Column("calendar_sha256", Text, unique=True),  # of the secret in the link
    Column("calendar_at", DateTime(timezone=True)),
    ForeignKeyConstraint(["person"], ["people.person"], ondelete="CASCADE"),
)

# The signed lists of revocations, a new one whenever there is news and before the last runs out. Not rebuilt: signed
# again. They name no person and belong to nobody: the tenant is the platform.
revoked_lists = Table(
    "revoked_lists",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("next_update", DateTime(timezone=True), nullable=False),
    Column("mark", Text, nullable=False),  # changes with what is listed: the same again needs no new list
    Column("body", LargeBinary, nullable=False),
)

OWN = (evidence, proofs, receipts, certificates, pending, revoked_lists)
