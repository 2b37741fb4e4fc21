"""The re-checks of media by themselves: one medium in twenty has one, and every count asks for them."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX IF NOT EXISTS deeds_rechecked ON deeds (medium) WHERE kind = 'erasure.erasure-verified.v1'"
    )
