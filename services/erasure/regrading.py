"""Kept originals graded again when the table changes: read outside any transaction, recorded in one a portion.

Or when a medium's kind is corrected: then in the transaction that hears of it, since they are local and few.

What comes of it is heard like every judgement: tracking weighs the media anew, certificates that come later say it.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.erasure import reading
from services.erasure.commands import reports
from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import TABLE_CURRENT
from services.erasure.domain.medium import speaks_of_erasure
from services.erasure.domain.placeholder import without_placeholders
from services.erasure.readingroom import read_apart
from services.erasure.reports.read import Unreadable
from shared import blobs
from shared.database import Transaction, service_transaction
from shared.entry import Entry
from shared.events.tracking import MediumCorrected
from shared.ledger import LostRace

log = logging.getLogger(__name__)

PORTION = 200  # media of one transaction
ATTEMPTS_MAX = 5  # of one portion, against scans that come meanwhile

Told = Callable[[int, int], None]  # media looked at, entries recorded


@dataclass(slots=True)
class Counted:
    """What grading everything again came to."""

    media: int = 0  # with a judgement by another table
    recorded: int = 0  # judgements beside the old ones: the level differs
    unchanged: int = 0  # reports that prove under both tables the same
    unread: int = 0  # originals that are gone or that no reader reads any more: the old judgement stands
    unclear: int = 0  # reports of which nobody can tell which of their lines was meant: for a person


async def grade_again(consumer: AsyncEngine, *, version: str = TABLE_CURRENT, told: Told = lambda *_: None) -> Counted:
    """Grade every kept report by a table, of all towns. Running it twice records nothing twice.

    Raises LostRace when a medium is written to faster than it can be read, blobs.Away.
    """
    counted = Counted()
    after: UUID | None = None
    while True:
        async with service_transaction(consumer, "erasure") as tx:
            media = await reading.graded_otherwise(tx.connection, version, after, PORTION)
            named = await reading.reports_of(tx.connection, media)
        if not media:
            return counted
        kept = {sha256: await _findings(tenant, sha256, filename) for tenant, sha256, filename in named}
        counted.media += len(media)
        counted.unread += sum(found is None for found in kept.values())
        await _record(consumer, media, {sha256: found for sha256, found in kept.items() if found}, version, counted)
        told(counted.media, counted.recorded)
        after = media[-1]


async def judge_corrected(tx: Transaction, corrected: Sequence[Entry[MediumCorrected]]) -> list[Entry[Any]]:
    """Judge again what is kept of media whose registered kind was corrected, each report beside its old judgement.

    By the kind that stands now, so twice and in any order the last is the same.
    """
    entries: list[Entry[Any]] = []
    for entry in {one.event.medium: one for one in corrected if one.event.field == "kind"}.values():
        media = [entry.event.medium]
        named = await reading.reports_of(tx.connection, media)
        kept = {sha256: await _findings(tenant, sha256, filename) for tenant, sha256, filename in named}
        readable = {sha256: found for sha256, found in kept.items() if found}
        done = await reports.grade_again(tx.following(entry), media, readable, kind_corrected=True)
        entries += done.entries
        for medium, sha256 in done.unclear:
            log.warning("the medium %s is not judged again: its report %s says several things", medium, sha256)
    return entries


async def _record(
    consumer: AsyncEngine, media: list[UUID], kept: dict[str, list[Finding]], version: str, counted: Counted
) -> None:
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            async with service_transaction(consumer, "erasure") as tx:
                of_town: defaultdict[str, list[UUID]] = defaultdict(list)
                for it in await reading.registered(tx.connection, media=media):
                    of_town[it.tenant].append(it.medium)
                done = [
                    await reports.grade_again(replace(tx, tenant=town), its, kept, version)
                    for town, its in of_town.items()
                ]
        except LostRace:
            if attempt == ATTEMPTS_MAX:
                raise
            continue
        counted.recorded += sum(len(one.entries) for one in done)
        counted.unchanged += sum(one.unchanged for one in done)
        counted.unclear += sum(len(one.unclear) for one in done)
        for medium, sha256 in (unclear for one in done for unclear in one.unclear):
            log.warning("the medium %s is not graded again: its report %s says several things", medium, sha256)
        return


async def _findings(tenant: str, sha256: str, filename: str) -> list[Finding] | None:
    """Return what a kept original says of erasures; None when it is gone or cannot be read."""
    try:
        content = await blobs.get(tenant, sha256)
        report = await read_apart(content, filename)
    except (blobs.Missing, Unreadable) as wrong:
        log.warning("the report %s is not graded again: %s", sha256, wrong)
        return None
    return [without_placeholders(one) for one in report.findings if speaks_of_erasure(one)]
