"""The ground and certificates' own tables."""

from alembic import op

from services.certificates.tables import OWN, metadata
from shared.migration import lay_ground, let_look_up, look_up, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    lay_ground("certificates")
    metadata.create_all(op.get_bind(), tables=list(OWN))
    protect("certificates", "certificates")
    protect("certificates", "evidence", write=False)  # by messages only
    protect("certificates", "proofs", write=False)
    protect("certificates", "receipts", write=False)
    protect("certificates", "pending", write=False)
    let_look_up("certificates", "certificates")
    look_up(
        "certificates",
        "public_certificate(number_ text)",
        "TABLE (number text, kind text, requested_at timestamptz, issued_at timestamptz, revoked_at timestamptz)",
        "SELECT c.number, c.kind, c.requested_at, c.issued_at, c.revoked_at FROM certificates c "
        "WHERE c.number = number_ AND c.requested_at IS NOT NULL",
    )
    look_up(  # the town it was issued to, for that town and for the centre that issued it: whatever became of the contract
        "certificates",
        "issued_to(number_ text, party_ text)",
        "SETOF text",
        "SELECT c.tenant FROM certificates c JOIN items i USING (item) LEFT JOIN engagements e USING (engagement) "
        "WHERE c.number = number_ AND c.requested_at IS NOT NULL AND party_ IN (c.tenant, e.centre)",
    )
