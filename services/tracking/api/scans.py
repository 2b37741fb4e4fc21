"""Scans: facts that devices capture, each answered by itself; what comes at one moment shares a transaction."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from fastapi import APIRouter
from fastapi import Request as HttpRequest

from services.tracking.api.roles import SCANNERS
from services.tracking.api.shapes import Scan, Scans
from services.tracking.commands import scans
from services.tracking.commands.scans import Answer, Scanned
from services.tracking.domain.conformance import WORDS
from services.tracking.reading.rolls import unresolved
from shared.database import Transaction
from shared.door import Door, Found, TheDoor, scanned
from shared.entry import By
from shared.identity import Principal, SignedIn
from shared.ids import Label
from shared.refused import Forbidden, Refused
from shared.telemetry import branches, traceparent
from shared.web.i18n import language
from shared.web.scans import Result, Results

router = APIRouter()


class _Captured(NamedTuple):
    """One scan as it came in: who sent it, when, and the trace of the request that brought it."""

    scan: Scan
    label: Label
    who: Principal
    sent_at: datetime | None
    received: datetime
    traceparent: str | None

    def scanned(self, found: Found, trace: str | None) -> Scanned:
        asked = self.scan.asked(found.item, self.sent_at, self.received)
        return asked._replace(by=By(person=self.who.person, party=self.who.party), traceparent=trace)


@router.post("/scans", response_model_exclude_none=True)
async def scan(body: Scans, http: HttpRequest, door: TheDoor, who: SignedIn) -> Results:
    """Take in what a device scanned: facts, each answered by itself.

    All of one town is recorded in one transaction, together with what other devices of the same party send meanwhile.
    """
    for work in {one.work for one in body.scans}:
        if not who.has(*SCANNERS[work]):
            raise Forbidden
    lang = language(http)
    told = []
    for one, (said, codes) in zip(body.scans, await _scan(door, who, body), strict=True):
        breaks = [WORDS[code].ja if lang == "ja" else WORDS[code].en for code in codes]
        told.append(Result.of(one.request_id, one.label, said, lang, breaks))
    return Results(results=told)


async def _scan(door: Door, who: Principal, body: Scans) -> list[Answer]:
    received, trace = door.now(), traceparent()
    answers: dict[int, Answer] = {}
    captured: dict[int, _Captured] = {}
    for nth, one in enumerate(body.scans):
        try:
            captured[nth] = _Captured(one, scanned(one.label), who, body.sent_at, received, trace)
        except Refused as refusal:
            answers[nth] = Answer(refusal)
    if captured:
        told = await door.gather.ask(("scans", who.party), list(captured.values()), partial(_record, door))
        answers |= zip(captured, told, strict=True)
    return [answers[nth] for nth in range(len(body.scans))]


async def _record(door: Door, captured: Sequence[_Captured]) -> list[Answer]:
    """Record the scans of one party, those of each town in one transaction."""
    answers: dict[int, Answer] = {}
    who = captured[0].who
    found = await door.resolve_all([one.label for one in captured], who)
    by_tenant: defaultdict[str, list[int]] = defaultdict(list)
    for nth, one in enumerate(captured):
        if one.label.id in found:
            by_tenant[found[one.label.id].tenant].append(nth)
        else:
            answers[nth] = Answer(await unresolved(door, one.label, who))
    for tenant, numbers in by_tenant.items():
        here = [(captured[nth], found[captured[nth].label.id]) for nth in numbers]
        about = [(one.traceparent, {"tenant.code": tenant, "device.id": str(item.item)}) for one, item in here]
        with branches("record scans", about) as traces:
            asked = [one.scanned(item, trace) for (one, item), trace in zip(here, traces, strict=True)]

            async def do(tx: Transaction, asked: Sequence[Scanned] = asked) -> list[Answer]:
                return await scans.scan(tx, asked)

            answers |= zip(numbers, await door.act(tenant, who, do), strict=True)
    return [answers[nth] for nth in range(len(captured))]
