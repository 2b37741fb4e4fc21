"""The ground and refurb's own views."""

from alembic import op

from services.refurb.tables import metadata
from shared.migration import lay_ground, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    lay_ground("refurb")
    own = ("works", "clearances")
    metadata.create_all(op.get_bind(), tables=[metadata.tables[name] for name in own])
    protect("refurb", "works")
    protect("refurb", "clearances", write=False)
