"""When the steps of an on-site session happened: what a device kept while it had no network arrives late."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE session_steps ADD COLUMN IF NOT EXISTS occurred_at timestamptz")
