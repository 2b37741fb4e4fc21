"""What tracking hears: everything. The timeline, the leaves of the log, and what follows from others' events."""

from collections.abc import Sequence
from typing import Any

from services.tracking import notices, views
from services.tracking.commands import custody
from services.tracking.tables import metadata
from shared import live
from shared.database import Transaction
from shared.directory import join
from shared.entry import Entry
from shared.events.certificates import CertificateIssued
from shared.events.donations import SeedAsked
from shared.events.erasure import ErasureFailed, ErasureVerified, LotReopened, LotSettled, MediumDestroyed, MediumErased
from shared.events.tracking import LossEnded, Received, RequirementRaised
from shared.messaging import Consumers

consumers = Consumers("tracking")


@consumers.on_everything
async def on_everything(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Put every entry on the timeline and every digest on the way to the log; open pages hear of it."""
    await views.apply(tx, entries)
    await views.leave(tx, entries)
    await live.tell(tx, [entry.tenant for entry in entries])


join(consumers, metadata.tables, owns_people=True)


@consumers.on(MediumErased, MediumDestroyed, ErasureFailed, ErasureVerified)
async def on_evidence(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Clear a medium for its chassis, or take that back, as the evidence says."""
    for entry in entries:
        await custody.weigh(tx.following(entry), entry.event.item, entry.event.medium)
    await custody.close_uncertified(tx, entries)


@consumers.on(LotReopened, LotSettled)
async def on_lot(tx: Transaction, entries: Sequence[Entry[LotReopened | LotSettled]]) -> None:
    """Take back what was cleared of a lot in doubt, and clear it again when the lot stands."""
    for entry in entries:
        await custody.weigh_lot(tx.following(entry), entry.event.engagement)


@consumers.on(RequirementRaised)
async def on_requirement_raised(tx: Transaction, entries: Sequence[Entry[RequirementRaised]]) -> None:
    """Take back what was cleared by less than is asked now."""
    for entry in entries:
        await custody.weigh_lot(tx.following(entry), entry.event.engagement)


@consumers.on(Received)
async def on_received(tx: Transaction, entries: Sequence[Entry[Received]]) -> None:
    """Close the custody of what was proved in the town hall and needs nothing more than to have arrived."""
    await custody.close_uncertified(tx, entries)


@consumers.on(CertificateIssued)
async def on_certificate_issued(tx: Transaction, entries: Sequence[Entry[CertificateIssued]]) -> None:
    """Close custody when the last certificate that the policy requires has come."""
    for entry in entries:
        if entry.event.item and entry.event.certificate_kind != "tracking":
            await custody.close(tx.following(entry), entry.event.item)


@consumers.on(LossEnded)
async def on_loss_ended(tx: Transaction, entries: Sequence[Entry[LossEnded]]) -> None:
    """Close the custody of what was found again, when all that was asked of it came meanwhile."""
    for entry in entries:
        await custody.close(tx.following(entry), entry.event.item)


@consumers.on(SeedAsked)
async def on_seed_asked(tx: Transaction, entries: Sequence[Entry[SeedAsked]]) -> None:
    """Say again where the closing of a lottery stands in the log: its first notice did not arrive."""
    for entry in entries:
        await notices.announce_again(tx.connection, entry.tenant, entry.event.closing, asked=entry.id)
