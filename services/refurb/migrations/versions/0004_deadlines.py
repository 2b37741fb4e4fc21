"""How an engagement words its deadline, and the address a person is written to."""

from shared.migration import word_deadlines

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    word_deadlines()
