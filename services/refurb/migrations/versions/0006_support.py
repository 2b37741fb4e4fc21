"""When a machine came to its recipient, and whether it came back: support runs from the first."""

from alembic import op

from services.refurb.tables import metadata
from shared.migration import protect

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    metadata.create_all(op.get_bind(), tables=[metadata.tables["hand_overs"]])
    protect("refurb", "hand_overs")
