"""Labels drawn on a roll name nothing until they are bound; which entry gave an item its label."""

from alembic import op

from shared.migration import look_up, number_labels

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    number_labels()
    op.execute("ALTER TABLE labels ALTER COLUMN item DROP NOT NULL")
    op.execute("ALTER TABLE labels DROP CONSTRAINT IF EXISTS labels_item_key")  # a machine may have had several
    op.execute("CREATE INDEX IF NOT EXISTS labels_item ON labels (item)")
    op.execute("GRANT UPDATE (item) ON labels TO tracking_app")
    op.execute("GRANT UPDATE (label, token_sha256, data, label_sequence) ON items TO tracking_app")
    op.execute("DROP FUNCTION public_item(text)")
    look_up(
        "tracking",
        "public_item(label_ text)",
        "TABLE (item uuid, tenant text, token text)",
        "SELECT i.item, i.tenant, l.token FROM items i JOIN labels l USING (label) WHERE i.label = label_ "
        "AND EXISTS (SELECT FROM timeline t WHERE t.item = i.item)",
    )
    look_up(
        "tracking",
        "drawn_label(label_ text, party_ text)",
        "TABLE (tenant text, engagement uuid, item uuid, named text)",
        "SELECT l.tenant, l.engagement, l.item, i.label FROM labels l LEFT JOIN items i USING (item) "
        "WHERE l.label = label_ AND EXISTS "
        "(SELECT FROM acts_for(l.tenant, party_) AS a(engagement) WHERE a.engagement = l.engagement)",
    )
