"""How an engagement words its deadline, and the address a person is written to."""

from shared.migration import word_deadlines

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    word_deadlines()
