"""Which entry a judgement by a later table of grades stands for."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE deeds ADD COLUMN IF NOT EXISTS regrades uuid")
    op.execute("CREATE INDEX IF NOT EXISTS deeds_regrades ON deeds (regrades) WHERE regrades IS NOT NULL")
