"""What is personal: kept as long as the town says, deleted when somebody asks or its time is over. No entry changes."""

from typing import Literal
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert

from services.donations.commands.queue import application_of
from services.donations.tables import applicants, erasures, hand_over_photos, retentions, review_reasons, usage_notes
from services.donations.views import KEPT
from shared.database import Transaction
from shared.refused import Invalid, Refused

Reason = Literal["request", "retention"]
MONTHS = range(1, 121)
MONTHS_OURS = 36  # where a town has said nothing


async def forget(tx: Transaction, call: UUID, receipt: str, reason: Reason = "request") -> None:
    """Delete everything personal of one application; the ledger, the allocation and the log stay as they are."""
    await erase(tx, await application_of(tx, call, receipt), receipt, reason)


async def erase(tx: Transaction, application: UUID, receipt: str, reason: Reason) -> None:
    """Delete what is personal of an application, and keep that it was deleted; nothing is kept where nothing was.

    The applicant goes first: whoever is adding to the others holds that row (`refuse_erased`).
    """
    gone = 0
    for table in (applicants, review_reasons, hand_over_photos, usage_notes):
        gone += (await tx.connection.execute(delete(table).where(table.c.application == application))).rowcount
    if not gone:
        return
    row = {
        "application": application,
        "tenant": tx.tenant,
        "receipt": receipt,
        "reason": reason,
        "erased_by": tx.by.person,
        "erased_at": tx.at,
    }
    await tx.connection.execute(insert(erasures).on_conflict_do_nothing(), row)


async def refuse_erased(tx: Transaction, application: UUID) -> None:
    """Hold the applicant's row, so that nobody deletes it before the commit. Raises Refused when it was deleted."""
    query = text("SELECT 1 FROM applicants WHERE application = :application FOR KEY SHARE")
    if not await tx.connection.scalar(query, {"application": application}):
        raise Refused(
            "person-erased",
            "この応募の個人情報は消してあります。言葉や写真を付けずに、もう一度記録してください。",
            "What is personal of this application was deleted. Record it again without words or a picture.",
        )


async def keep_for(tx: Transaction, months: int) -> None:
    """Say for how many months after the last closing of its call the town keeps what is personal. Raises Invalid."""
    if months not in MONTHS:
        raise Invalid(
            "bad-months",
            f"{MONTHS[0]}か月から{MONTHS[-1]}か月までにしてください。",
            f"Give {MONTHS[0]} to {MONTHS[-1]} months.",
            field="months",
        )
    given = {"months": months, "changed_by": tx.by.person, "changed_at": tx.at}
    statement = insert(retentions).values(tenant=tx.tenant, **given)
    await tx.connection.execute(statement.on_conflict_do_update(index_elements=["tenant"], set_=given))


# Whose time is over: every round of the call is closed, the last one longer ago than the town keeps things.
OVER = (
    f"SELECT p.application, p.tenant, coalesce(a.receipt, r.receipt) AS receipt FROM {KEPT} p "  # noqa: S608 - a constant
    "LEFT JOIN applications a USING (application) LEFT JOIN refusals r USING (application) "
    "JOIN LATERAL (SELECT max(closed_at) AS closed_at FROM closings x WHERE x.call = p.call) c ON true "
    "LEFT JOIN retentions k ON k.tenant = p.tenant "
    "WHERE c.closed_at < CAST(:now AS timestamptz) - make_interval(months => coalesce(k.months, :ours)) "
    "AND NOT EXISTS (SELECT FROM rounds o WHERE o.call = p.call "
    " AND NOT EXISTS (SELECT FROM closings x WHERE x.call = o.call AND x.round = o.round))"
)


async def erase_what_is_over(tx: Transaction, many_max: int = 100) -> int:
    """Delete what its town keeps no longer, some at a time. Returns how many applications."""
    rows = list(
        await tx.connection.execute(
            text(f"{OVER} ORDER BY p.application LIMIT :many"),
            {"now": tx.at, "ours": MONTHS_OURS, "many": many_max},
        )
    )
    for row in rows:
        from_town = Transaction(tx.connection, tx.service, row.tenant, tx.by, tx.at, tx.occurred_at)
        await erase(from_town, row.application, row.receipt, "retention")
    return len(rows)
