"""What is shut in a cage now: a seal and an item stand in one closed cage of a town at a time."""

from alembic import op

from services.tracking.tables import metadata
from shared.migration import protect

revision = "0002"
down_revision = "0001"

# Cages sealed before this table was there, in the order they were sealed; of two with one seal the first keeps it.
_SHUT = """
INSERT INTO caged (tenant, cage, thing, number, opened)
SELECT s.tenant, s.stream, x.thing, s.data->>'number', EXISTS
  (SELECT FROM timeline o WHERE o.stream = s.stream AND o.kind = 'tracking.cage-opened.v1')
FROM timeline s CROSS JOIN LATERAL (
  SELECT 'item:' || i AS thing FROM jsonb_array_elements_text(s.data->'items') i
  UNION ALL SELECT 'seal:' || btrim(normalize(s.data->>'seal', NFKC))) x
WHERE s.kind = 'tracking.cage-sealed.v1' ORDER BY s.occurred_at ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    metadata.create_all(op.get_bind(), tables=[metadata.tables["caged"]])
    protect("tracking", "caged", write=False)
    op.execute("GRANT INSERT, UPDATE (opened) ON caged TO tracking_app")
    op.execute(_SHUT)
