"""Bundles: what was asked to be taken along in one signed zip."""

from alembic import op

from services.certificates.tables import bundles, metadata
from shared.migration import protect

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    metadata.create_all(op.get_bind(), tables=[bundles])
    protect("certificates", "bundles")
