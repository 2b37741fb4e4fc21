"""Commands about who stood by, and who may be named as one who did."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.erasure import reading
from services.erasure.commands.appending import append
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.events.erasure import (
    WitnessRecorded,
)
from shared.ids import derived
from shared.refused import Invalid


async def witness(
    tx: Transaction, engagement: UUID, *, witness: str, place: str, began_at: datetime, ended_at: datetime | None
) -> Entry[Any]:
    """Record that the town's staff stood by; one of the town may say so of themselves.

    Raises Invalid for a witness who is not of the town or did the work themselves, and for times that do not follow.
    """
    history = await ledger.read(tx, derived(engagement, f"witness:{tx.request.id if tx.request else began_at}"))
    if done := history.answered(tx.request):
        return done
    if ended_at and ended_at < began_at:
        raise Invalid(
            "times",
            "立会いの終わりが始まりより前です。時刻を直してください。",
            "The witnessing ends before it begins. Correct the times.",
            field="ended_at",
        )
    if (witness, tx.tenant) != (tx.by.person, tx.by.party):  # who of the town asks is known by the sign-in
        await known_witness(tx.connection, witness, tx.by.person, tx.tenant, engagement, of_town=True)
    if await reading.worked(tx.connection, witness, engagement, began_at, ended_at):
        raise _same_person()
    event = WitnessRecorded(engagement=engagement, witness=witness, place=place, began_at=began_at, ended_at=ended_at)
    return await append(tx, history, event)


async def known_witness(
    connection: AsyncConnection, witness: str, operator: str, party: str, engagement: UUID | None, *, of_town: bool
) -> None:
    """Raise Invalid unless the witness is another person, known to the town or the centre of the engagement.

    With `of_town`, because a policy asks for a witness or may ask for one, only the town's own people will do.
    """
    if witness == operator:
        raise _same_person()
    where = await reading.directories(connection, witness, party, engagement)
    if where and of_town and "town" not in where:
        raise Invalid(
            "not-of-town",
            "この立会いは、町の職員でなければなりません。町の名簿にある人を選んでください。",
            "This witness has to be one of the town's staff. Choose a person on the town's directory.",
            field="witness",
        )
    if not where:
        raise Invalid(
            "nobody",
            "立会いの人は、町にもセンターにも名簿がありません。名簿にある人を選んでください。",
            "The witness is on neither the town's nor the centre's directory. Choose a person who is.",
            field="witness",
        )


def _same_person() -> Invalid:
    return Invalid(
        "same-person",
        "立会いは、作業した人とは別の人が必要です。別の人を選んでください。",
        "The witness must be somebody else than the one who did the work. Choose another person.",
        field="witness",
    )
