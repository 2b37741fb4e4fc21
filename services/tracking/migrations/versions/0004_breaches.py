"""What recorded facts break, as the domain derives it: one row for each fact and each thing it breaks.

It fills as entries are heard; for what was heard before, `meguru rebuild tracking` fills it.
"""

from alembic import op

from services.tracking.tables import metadata
from shared.migration import protect

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    metadata.create_all(op.get_bind(), tables=[metadata.tables["breaches"]])
    protect("tracking", "breaches", write=False)
    op.execute(
        "CREATE INDEX IF NOT EXISTS timeline_surplus ON timeline (stream) "
        "WHERE kind = 'tracking.cage-opened.v1' AND data->'surplus' <> '[]'"
    )
