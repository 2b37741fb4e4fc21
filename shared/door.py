"""The door: where a request becomes a transaction of one party, and where a lost race is tried again.

A FastAPI dependency with `yield` commits after the answer has left; therefore the transaction stands here, and the
answer is made from what the commit returned (ARCHITECTURE, invariant 4).
"""

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Path
from fastapi import Request as HttpRequest
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.responses import JSONResponse

from shared import bell
from shared.database import AWAY, Transaction, as_party, is_away, sqlstate
from shared.entry import CLOCK_SKEW_MAX, By, Entry, Request, moment
from shared.gather import Gather
from shared.identity import Principal
from shared.ids import LABEL_INPUT_MAX, BadLabel, Label, parse_label
from shared.ledger import LostRace
from shared.refused import Forbidden, Invalid, Refused, Unknown, Unready
from shared.telemetry import about, span

T = TypeVar("T")
_RESOLVE = text("SELECT label, item, tenant, engagement, kind FROM resolve(CAST(:labels AS text[]), :party)")

ATTEMPTS_MAX = 5  # a lost race is tried again with the new history; then the answer is 409


class Ask(BaseModel):
    """The part every write has: the id its sender made, and what a device says of its own time.

    A device that is unsure sends again with the same id: the first answer comes back, nothing happens twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    request: UUID
    captured_at: AwareDatetime | None = None
    sent_at: AwareDatetime | None = None

    @property
    def identity(self) -> Request:
        """The request as it is recorded; when it was sent is no part of it, for sending again changes it."""
        return self.identified_without()

    def identified_without(self, *fields: str) -> Request:
        """Return the request with a digest of what was said, except when it was sent and the fields named.

        What was not said, or said to be nothing, is no part of the digest: a version that knows one more optional field
        gives the same digest to what an older page had queued.
        """
        said = self.model_dump(mode="json", exclude={"sent_at", *fields}, exclude_unset=True, exclude_none=True)
        asked = json.dumps(said, sort_keys=True, ensure_ascii=False)
        return Request(id=self.request, digest=hashlib.sha256(asked.encode()).hexdigest())

    def as_received(self, received: datetime) -> Request:
        """Return the request with the flag of a device's clock that is far off."""
        return self.identity.model_copy(update={"clock_off_s": self.clock_off_s(received)})

    def clock_off_s(self, received: datetime) -> int | None:
        """Return by how many seconds the sender's clock is ahead of ours, None when that is not worth a flag."""
        off = self.sent_at - received if self.sent_at else timedelta()
        return round(off.total_seconds()) if abs(off) > CLOCK_SKEW_MAX else None

    def occurred_at(self, received: datetime) -> datetime:
        """Return when it happened by our clock: captured + (received − sent); now, for a device that says nothing."""
        if self.captured_at is None:
            return received
        try:
            return min(self.captured_at + (received - (self.sent_at or received)), received)
        except OverflowError:  # a clock at the end of time says nothing
            return received


@dataclass(frozen=True, slots=True)
class Found:
    """What a label stands for, as far as the one who asks may know."""

    item: UUID
    tenant: str
    engagement: UUID
    kind: str


@dataclass(frozen=True, slots=True)
class Door:
    """The HTTP door of one service."""

    engine: AsyncEngine
    service: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    gather: Gather = field(default_factory=Gather, kw_only=True)  # of what is asked at the same moment

    async def act(
        self,
        tenant: str,
        by: Principal,
        do: Callable[[Transaction], Awaitable[T]],
        *,
        ask: Ask | None = None,
        device: UUID | None = None,
    ) -> T:
        """Run a command in a transaction of `tenant`, again when a race is lost; return after the commit.

        The one who acts belongs to the tenant or acts for it under an open engagement. Raises Forbidden otherwise,
        Refused when every attempt lost its race, Unready when the database went away.
        """
        received = self.now()
        happened = ask.occurred_at(received) if ask else received
        with about(tenant=tenant, device=device):
            for attempt in range(ATTEMPTS_MAX):
                try:
                    with span("ledger transaction"):
                        # leaving this block commits: from there on what was asked is true
                        async with self.look(tenant, by) as connection:
                            done = await do(
                                Transaction(
                                    connection,
                                    self.service,
                                    tenant,
                                    By(person=by.person, party=by.party),
                                    at=received,
                                    occurred_at=happened,
                                    request=ask.as_received(received) if ask else None,
                                )
                            )
                except (LostRace, *AWAY) as lost:
                    if is_away(lost):
                        raise Unready from lost  # whether it committed is not known: the same request id will tell
                    if not isinstance(lost, LostRace) and sqlstate(lost)[:2] != "40":  # 40: PostgreSQL's lost races
                        raise
                    await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spreads retries, hides nothing
                else:
                    bell.ring()
                    return done  # after the commit, never before
        raise Refused(
            "busy",
            "同じ機器をほかの人が操作しています。もう一度送ってください。",
            "Somebody else is working on the same device. Please send it again.",
        )

    async def act_on(
        self,
        label: Label,
        by: Principal,
        do: Callable[[Transaction, Found], Awaitable[T]],
        *,
        ask: Ask | None = None,
    ) -> T:
        """Find whose label this is, then act for that tenant. Raises Unknown for a label this party may not know."""
        found = await self.resolve(label, by)

        async def on_found(tx: Transaction) -> T:
            return await do(tx, found)

        return await self.act(found.tenant, by, on_found, ask=ask, device=found.item)

    async def resolve(self, label: Label, by: Principal) -> Found:
        """Answer item and tenant of a label, only under an engagement. Raises Unknown without saying why."""
        found = await self.resolve_all([label], by)
        if label.id not in found:
            raise unknown(label)
        return found[label.id]

    async def resolve_all(self, labels: Sequence[Label], by: Principal) -> dict[str, Found]:
        """Answer item and tenant of each label that this party may know, by label."""
        if not labels:
            return {}
        async with self.asking() as connection:
            rows = await connection.execute(_RESOLVE, {"labels": [label.id for label in labels], "party": by.party})
            return {row.label: Found(row.item, row.tenant, row.engagement, row.kind) for row in rows}

    @asynccontextmanager
    async def look(self, tenant: str, by: Principal) -> AsyncIterator[AsyncConnection]:
        """Open a transaction of one tenant. Raises Forbidden for a party that neither is it nor acts for it."""
        async with self.engine.begin() as connection:
            if not await as_party(connection, tenant=tenant, party=by.party):
                raise Forbidden(
                    "no-engagement",
                    "この町との契約の期間外か、契約がありません。町の担当に契約の登録を頼んでください。",
                    "There is no open engagement with this town. Ask the town's desk to register it.",
                )
            yield connection

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection for one question to a look-up function, which names its party itself: no transaction."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")


def unknown(label: Label) -> Unknown:
    """Return the answer for a label that is not registered, or not this party's: the same for both."""
    return Unknown(
        "unknown-label",
        f"{label} は登録がないか、この契約の対象ではありません。ラベルを確かめ、町の担当に聞いてください。",
        f"{label} is not registered or not part of your engagement. Check the label, then ask the town's desk.",
    )


async def the_door(request: HttpRequest) -> Door:
    """Give a route the door that the process opened at its start."""
    door: Door = request.app.state.door
    return door


async def given_label(label: Annotated[str, Path(max_length=LABEL_INPUT_MAX)]) -> Label:
    """Read the label in a path. Raises Invalid with the sentence for the one who scanned it."""
    return scanned(label)


def scanned(text_: str) -> Label:
    """Read a scanned or typed label. Raises Invalid with a sentence."""
    try:
        return parse_label(text_)
    except BadLabel as wrong:
        raise Invalid(
            "bad-label", str(wrong), "This is not a valid tracking ID. Wipe the label and scan again.", field="label"
        ) from wrong


def receipt(entry: Entry[Any]) -> JSONResponse:
    """Answer what was recorded: 201 the first time, 200 with the same body for a request that comes again."""
    body = {
        "entry": str(entry.id),
        "stream": str(entry.stream),
        "sequence": entry.sequence,
        "kind": entry.kind,
        "recorded_at": moment(entry.recorded_at),
        "occurred_at": moment(entry.occurred_at),
    }
    return JSONResponse(body, 200 if entry.replayed else 201)


TheDoor = Annotated[Door, Depends(the_door)]
GivenLabel = Annotated[Label, Depends(given_label)]
