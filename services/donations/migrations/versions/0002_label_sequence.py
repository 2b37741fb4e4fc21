"""Which entry gave an item its label: a roll's label may be bound after the registration."""

from shared.migration import number_labels

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    number_labels()
