"""The steps that chassis of an engagement go through, as the centre set them; which photo was sent for which chassis."""

from alembic import op

from services.refurb.tables import metadata
from shared.migration import protect

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for name in ("plans", "sent_photos"):
        metadata.create_all(op.get_bind(), tables=[metadata.tables[name]])
        protect("refurb", name)
