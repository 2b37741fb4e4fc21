"""Which entry corrected a value of an item or of a medium last."""

from shared.migration import number_corrections

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    number_corrections()
