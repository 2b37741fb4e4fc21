"""A head has no time: nothing signed spoke of it, so nobody could tell whether it was true."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE checkpoints DROP COLUMN IF EXISTS made_at")
