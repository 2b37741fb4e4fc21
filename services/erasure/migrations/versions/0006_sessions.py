"""On-site sessions and their racks."""

from alembic import op

from services.erasure.tables import metadata
from shared.migration import protect

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    metadata.create_all(op.get_bind(), tables=[metadata.tables["session_steps"]])
    protect("erasure", "session_steps")
