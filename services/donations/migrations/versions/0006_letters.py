"""What is written to applicants: the mails that are to go, and a town's own words."""

from alembic import op

from services.donations.tables import metadata
from shared.migration import TENANT, protect

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    tables = [metadata.tables[name] for name in ("letters", "letter_words")]
    metadata.create_all(op.get_bind(), tables=tables)
    for table in ("letters", "letter_words"):
        protect("donations", table, condition=f"{TENANT} AND tenant = (SELECT current_setting('app.party', true))")
