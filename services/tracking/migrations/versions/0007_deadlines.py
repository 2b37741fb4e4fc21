"""How an engagement words its deadline, and the address a person is written to."""

from alembic import op

from shared.migration import word_deadlines

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    word_deadlines()
    op.execute("GRANT UPDATE (email) ON people TO tracking_app")
