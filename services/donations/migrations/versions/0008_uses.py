"""What recipients tell in their own words, how long a town keeps what is personal, and what was deleted."""

from alembic import op

from services.donations.tables import metadata
from shared.migration import TENANT, protect

revision = "0008"
down_revision = "0007"

PERSONAL = ("usage_notes", "retentions", "erasures")


def upgrade() -> None:
    op.execute("ALTER TABLE usage_reports ADD COLUMN IF NOT EXISTS difficulties text[] NOT NULL DEFAULT '{}'")
    metadata.create_all(op.get_bind(), tables=[metadata.tables[name] for name in PERSONAL])
    for table in PERSONAL:
        protect("donations", table, condition=f"{TENANT} AND tenant = (SELECT current_setting('app.party', true))")
