"""What left under a waste manifest, and what the recycler reported of it."""

from alembic import op

from services.refurb.tables import metadata
from shared.migration import protect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    metadata.create_all(op.get_bind(), tables=[metadata.tables["consignments"]])
    protect("refurb", "consignments")
