"""A small world for tracking's tests: a town with a policy, an engagement, and a few registered items."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.tracking.commands import items, parties
from services.tracking.domain.policy import guideline_rows
from services.tracking.domain.row import Row
from shared import ledger
from shared.entry import Entry
from shared.events.tracking import Confidentiality, Zone
from shared.ids import uuid7
from shared.levels import Level
from shared.testing import CENTRE, CLERK, TOWN, WORKER, Service

CARRIER = "carrier-yamabiko"
PEOPLE = {TOWN: ("clerk", "admin", "witness", "boss"), CENTRE: ("worker", "worker2", "second")}


def row(
    serial: str,
    *,
    kind: str = "notebook",
    zone: Zone = "mynumber",
    confidentiality: Confidentiality = "3",
    lessor: str | None = None,
) -> Row:
    described: dict[str, Any] = {
        "asset_number": f"A-{serial}",
        "maker": "ミナト電機",
        "model": "MN-3200",
        "serial": f"PC-{serial}",
        "department": "総務課",
        "item_kind": kind,
        "zone": zone,
        "confidentiality": confidentiality,
        "lease": {"lessor": lessor, "clause": "8"} if lessor else None,
    }
    return Row(described, ({"kind": "hdd", "serial": serial},), zone, confidentiality)


async def founded(tracking: Service, *, town: str = TOWN, contract: str = "R8-1") -> UUID:
    """A town with Purge on site and Destroy at the centre, and an engagement that is open for years."""
    for party, kind, name in ((CENTRE, "centre", "ITADセンター"), (CARRIER, "carrier", "山彦運送")):
        async with tracking.acting(party) as tx:
            if not await ledger.read(tx, parties.party_stream(party)):
                await parties.add_party(tx, party, kind, name)  # type: ignore[arg-type]  # both are kinds
    async with tracking.acting(town) as tx:
        if not await ledger.read(tx, parties.party_stream(town)):
            await parties.add_party(tx, town, "town", "最上町", code="063622")
            await parties.set_policy(
                tx, version="1", source="MIC R2.12", rows=guideline_rows("MIC R2.12", on_site=Level.PURGE)
            )
        entry = await parties.open_engagement(
            tx,
            centre=CENTRE,
            carrier=CARRIER,
            title="試行",
            contract=contract,
            starts_on=date(2026, 1, 1),
            ends_on=date(2036, 1, 1),
            certificate_days=43,
        )
    return entry.stream


async def peopled(tracking: Service) -> None:
    """Those of the town and of the centre who may stand beside another."""
    for party, people in PEOPLE.items():
        async with tracking.acting(party, WORKER if party == CENTRE else CLERK) as tx:
            for person in people:
                await parties.enrol(tx, person, name=person, title=None, contact=None, roles=[])


async def registered(tracking: Service, engagement: UUID, rows: Sequence[Row], *, town: str = TOWN) -> list[Entry[Any]]:
    async with tracking.acting(town) as tx:
        return await items.register(tx, engagement, f"test:{uuid7()}", rows)
