"""What was shown at a hand-over, what came back, and the pictures of it that may be deleted."""

from alembic import op

from services.donations.tables import metadata
from shared.migration import TENANT, protect

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE withdrawals ADD COLUMN IF NOT EXISTS reason text NOT NULL DEFAULT 'withdrawn'")
    op.execute(
        "ALTER TABLE hand_overs ADD COLUMN IF NOT EXISTS scanned boolean, ADD COLUMN IF NOT EXISTS agreed text, "
        "ADD COLUMN IF NOT EXISTS photo_sha256 text, ADD COLUMN IF NOT EXISTS approval text, "
        "ADD COLUMN IF NOT EXISTS basis text"
    )
    metadata.create_all(op.get_bind(), tables=[metadata.tables["returns"], metadata.tables["hand_over_photos"]])
    protect("donations", "returns")
    protect(
        "donations", "hand_over_photos", condition=f"{TENANT} AND tenant = (SELECT current_setting('app.party', true))"
    )
