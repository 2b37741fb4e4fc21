"""Which entry corrected a value of an item or of a medium last."""

from shared.migration import number_corrections

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    number_corrections()
