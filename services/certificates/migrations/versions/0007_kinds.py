"""Kinds of certificate: later grounds, lots, replacements, the town's validation, the signed list of revocations.

Columns have defaults and functions keep their names, so that code of the release before still runs.
"""

from alembic import op

from services.certificates.tables import metadata
from shared.migration import let_look_up, look_up, protect

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE certificates ADD COLUMN IF NOT EXISTS lot_of uuid, "
        "ADD COLUMN IF NOT EXISTS asked integer NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS code text, "
        "ADD COLUMN IF NOT EXISTS replaces text, ADD COLUMN IF NOT EXISTS replaced_by text, "
        "ADD COLUMN IF NOT EXISTS validated integer NOT NULL DEFAULT 0, "
        "ADD COLUMN IF NOT EXISTS validated_at timestamptz, ADD COLUMN IF NOT EXISTS accepted boolean, "
        "ADD COLUMN IF NOT EXISTS validator text, ADD COLUMN IF NOT EXISTS remark text"
    )
    op.execute("ALTER TABLE pending ADD COLUMN IF NOT EXISTS asked integer NOT NULL DEFAULT 1")
    op.execute(
        "CREATE INDEX IF NOT EXISTS certificates_revoked ON certificates (revoked_at) WHERE revoked_at IS NOT NULL"
    )
    # A person asks for a lot and for a reissue: what they ask for waits like what a message asks for.
    op.execute("GRANT INSERT, UPDATE ON pending TO certificates_app")
    metadata.create_all(op.get_bind(), tables=[metadata.tables["revoked_lists"]])
    protect("certificates", "revoked_lists", write=False)
    let_look_up("certificates", "revoked_lists")
    look_up(
        "certificates",
        "revoked_list()",
        "SETOF bytea",
        "SELECT body FROM revoked_lists ORDER BY number DESC LIMIT 1",
    )
    op.execute("DROP FUNCTION public_certificate(text)")
    look_up(
        "certificates",
        "public_certificate(number_ text)",
        "TABLE (number text, kind text, requested_at timestamptz, issued_at timestamptz, revoked_at timestamptz, "
        "code text, replaces text, replaced_by text)",
        "SELECT c.number, c.kind, c.requested_at, c.issued_at, c.revoked_at, c.code, c.replaces, c.replaced_by "
        "FROM certificates c WHERE c.number = number_ AND c.requested_at IS NOT NULL",
    )
    op.execute("DROP FUNCTION issued_to(text, text)")
    look_up(  # the town it was issued to, for that town and for the centre that issued it: whatever became of the contract
        "certificates",
        "issued_to(number_ text, party_ text)",
        "SETOF text",
        "SELECT c.tenant FROM certificates c LEFT JOIN items i USING (item) "
        "LEFT JOIN engagements e ON e.engagement = coalesce(i.engagement, c.lot_of) "
        "WHERE c.number = number_ AND c.requested_at IS NOT NULL AND party_ IN (c.tenant, e.centre)",
    )
