"""The ground and donations' own tables."""

from alembic import op

from services.donations.tables import metadata
from shared.migration import TENANT, lay_ground, let_look_up, look_up, protect

revision = "0001"
down_revision = None

VIEWS = (
    "calls",
    "closings",
    "allocations",
    "grants",
    "applications",
    "refusals",
    "hand_overs",
    "usage_reports",
    "refurbishments",
    "deliveries",
    "takeovers",
)
PERSONAL = ("applicants", "desks")


def upgrade() -> None:
    lay_ground("donations")
    metadata.create_all(op.get_bind(), tables=[metadata.tables[name] for name in VIEWS + PERSONAL])
    for view in VIEWS:
        protect("donations", view)
    for table in PERSONAL:  # a centre that acts for the town sees no applicant
        protect(
            "donations", table, condition=f"{TENANT} AND tenant = (SELECT current_setting('app.party', true))"
        )
    for table in ("calls", "closings", "allocations", "applications", "refusals"):
        let_look_up("donations", table)
    look_up(
        "donations",
        "public_calls()",
        "TABLE (call uuid, tenant text, number text, data jsonb, opened_at timestamptz, closed_at timestamptz, "
        "allocated_at timestamptz)",
        "SELECT c.call, c.tenant, c.number, c.data, c.opened_at, x.closed_at, a.allocated_at FROM calls c "
        "LEFT JOIN closings x USING (call) LEFT JOIN allocations a USING (call) ORDER BY c.opened_at DESC LIMIT 500",
    )
    look_up(
        "donations",
        "public_call(number_ text)",
        "TABLE (call uuid, tenant text)",
        "SELECT c.call, c.tenant FROM calls c WHERE c.number = number_",
    )
    look_up(
        "donations",
        "public_receipt(receipt_ text)",
        "TABLE (application uuid, call uuid, tenant text, number text)",
        "SELECT r.application, r.call, r.tenant, c.number FROM (SELECT application, call, tenant FROM applications "
        "WHERE receipt = receipt_ UNION SELECT application, call, tenant FROM refusals WHERE receipt = receipt_) r "
        "JOIN calls c USING (call)",
    )
