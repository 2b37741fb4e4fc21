"""A grant may be handed over in parts: a row a hand-over, and a picture for each. A row for each erasure, too; a lottery names its stock."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for table in ("hand_overs", "hand_over_photos"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS sequence integer NOT NULL DEFAULT 0")
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY (application, sequence)")
    op.execute("ALTER TABLE erasures DROP CONSTRAINT erasures_pkey, ADD PRIMARY KEY (application, erased_at)")
    op.execute("ALTER TABLE closings ADD COLUMN IF NOT EXISTS stock uuid[]")
