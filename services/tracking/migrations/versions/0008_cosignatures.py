"""What witnesses cosigned of the log's heads: public, and believed for their signatures alone."""

from alembic import op

from services.tracking.tables import cosignatures, metadata
from shared.migration import readable

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    metadata.create_all(op.get_bind(), tables=[cosignatures])
    readable("tracking", "cosignatures", "true")
    op.execute("CREATE POLICY app_keeps ON cosignatures TO tracking_app USING (true) WITH CHECK (true)")
    op.execute("GRANT INSERT, UPDATE ON cosignatures TO tracking_app")
