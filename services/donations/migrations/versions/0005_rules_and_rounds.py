"""Rounds of a call, corrections and withdrawals, machines that move on, and the words of a review."""

from alembic import op

from services.donations.tables import metadata
from shared.migration import TENANT, let_look_up, look_up, protect

revision = "0005"
down_revision = "0004"

VIEWS = ("rounds", "releases", "corrections", "withdrawals")
OFFERED = "TABLE (call uuid, tenant text, number text, data jsonb, opened_at timestamptz, further jsonb, closed_at timestamptz, allocated_at timestamptz)"


def upgrade() -> None:
    for table, key in (("closings", "call, round"), ("allocations", "call, round"), ("grants", "item, application")):
        if table != "grants":
            op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS round integer NOT NULL DEFAULT 1")
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY ({key})")
    op.execute("ALTER TABLE closings ADD COLUMN IF NOT EXISTS entry uuid")
    op.execute("ALTER TABLE applications ADD COLUMN IF NOT EXISTS round integer NOT NULL DEFAULT 1")
    metadata.create_all(op.get_bind(), tables=[metadata.tables[name] for name in (*VIEWS, "review_reasons")])
    for view in VIEWS:
        protect("donations", view)
    protect(
        "donations", "review_reasons", condition=f"{TENANT} AND tenant = (SELECT current_setting('app.party', true))"
    )
    let_look_up("donations", "rounds")
    op.execute("DROP FUNCTION public_calls()")
    look_up(
        "donations",
        "public_calls()",
        OFFERED,
        "SELECT c.call, c.tenant, c.number, c.data, c.opened_at, r.data, x.closed_at, a.allocated_at FROM calls c "
        "LEFT JOIN LATERAL (SELECT data, round FROM rounds WHERE rounds.call = c.call ORDER BY round DESC LIMIT 1) r "
        "ON true LEFT JOIN closings x ON x.call = c.call AND x.round = coalesce(r.round, 1) "
        "LEFT JOIN allocations a ON a.call = c.call AND a.round = coalesce(r.round, 1) "
        "ORDER BY c.opened_at DESC LIMIT 500",
    )
