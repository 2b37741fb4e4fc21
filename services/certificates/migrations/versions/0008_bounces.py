"""Bounces: a number of its own on each letter's envelope, and what a server said when the letter came back."""

from alembic import op

from shared.letters import TROUBLED
from shared.migration import look_up

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE letters ADD COLUMN IF NOT EXISTS envelope uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(), "
        "ADD COLUMN IF NOT EXISTS status text"
    )
    states = ", ".join(f"'{state}'" for state in (*TROUBLED, "waiting", "sending"))
    op.execute("DROP FUNCTION post_office(timestamptz)")
    look_up(  # for the operator: how the post goes, and nobody's name
        "certificates",
        "post_office(since_ timestamptz)",
        "TABLE (letter uuid, tenant text, what text, state text, attempts int, written_at timestamptz, "
        "changed_at timestamptz, said text)",
        "SELECT letter, tenant, what, state, attempts, written_at, changed_at, said FROM letters "
        f"WHERE state IN ({states}) AND changed_at >= since_ ORDER BY changed_at DESC LIMIT 200",
    )
