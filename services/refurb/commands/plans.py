"""The command that says which steps the chassis of an engagement go through."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.refurb import views
from services.refurb.domain import plan
from services.refurb.domain.plan import Plan
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.events.refurb import PlanStep
from shared.ids import derived


def stream_of(engagement: UUID) -> UUID:
    """Return the stream of an engagement's plan."""
    return derived(engagement, "plan")


async def plan_of(tx: Transaction, engagement: UUID) -> Plan:
    """Return the plan that stands."""
    return plan.fold(engagement, (await ledger.read(tx, stream_of(engagement))).events)


async def set_plan(tx: Transaction, engagement: UUID, steps: Sequence[PlanStep]) -> Entry[Any]:
    """Set the steps for what is accepted from now on."""
    history = await ledger.read(tx, stream_of(engagement))
    if done := history.answered(tx.request):
        return done
    entry = await ledger.append(tx, history, plan.fold(engagement, history.events).set(steps))
    await views.apply(tx, [entry])
    return entry
