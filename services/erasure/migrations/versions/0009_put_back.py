"""What was put aside can be put back into the queue: of the rows of one serial the last stands."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE put_aside ADD COLUMN IF NOT EXISTS back boolean NOT NULL DEFAULT false")
