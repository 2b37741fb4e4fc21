"""Reminders: the letters that are to go, and what each person takes of deadlines."""

from alembic import op

from services.certificates.tables import letters, metadata, subscriptions
from shared.letters import TROUBLED
from shared.migration import let_look_up, look_up, protect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    metadata.create_all(op.get_bind(), tables=[letters, subscriptions])
    protect("certificates", "letters", write=False)  # by the clock only
    protect("certificates", "subscriptions")
    for table in ("letters", "subscriptions", "people", "parties"):
        let_look_up("certificates", table)
    look_up(  # whose calendar a link is: the secret itself is nowhere kept
        "certificates",
        "calendar_of(sha256_ text)",
        "TABLE (person text, party text, kind text)",
        "SELECT s.person, s.tenant, p.kind FROM subscriptions s JOIN parties p ON p.party = s.tenant "
        "WHERE s.calendar_sha256 = sha256_",
    )
    states = ", ".join(f"'{state}'" for state in (*TROUBLED, "waiting", "sending"))
    look_up(  # for the operator: how the post goes, and nobody's name
        "certificates",
        "post_office(since_ timestamptz)",
        "TABLE (letter uuid, tenant text, what text, state text, attempts int, written_at timestamptz, "
        "changed_at timestamptz, said text)",
        "SELECT letter, tenant, what, state, attempts, written_at, changed_at, said FROM letters "
        f"WHERE state IN ({states}) AND changed_at >= since_ ORDER BY changed_at DESC LIMIT 200",
    )
