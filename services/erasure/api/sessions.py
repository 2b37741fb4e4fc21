"""On-site sessions: opened, told of by devices that may have had no network, and read.

What a device tells has happened, so nothing of it is refused for what it does not fit: the answer says what that is.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi import Request as HttpRequest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from services.erasure.api.contract import town_of
from services.erasure.commands import racks
from services.erasure.commands.racks import Answer, Proofs, Said, Work
from services.erasure.domain.remark import WORDS, Remark
from services.erasure.domain.session import Rack, Session, State, Told
from services.erasure.intake import Words
from shared.database import Transaction
from shared.door import Ask, TheDoor, receipt, scanned
from shared.entry import Entry
from shared.events.erasure import ItemPlaced, ItemTakenOut, RackBegan, RackEnded, RackLoaded, SessionClosed
from shared.identity import Principal, SignedIn, holding
from shared.ids import LABEL_INPUT_MAX
from shared.refused import Refused, Unknown
from shared.web.i18n import Language, language
from shared.web.scans import SCANS_MAX, Result, Results

router = APIRouter(prefix="/sessions")

RACK_MAX = 40  # characters of a rack's label
MACHINES_MAX = 20
LABELS_MAX = 500  # of one rack as it is asked; how many it holds, the domain says
Worker = Annotated[Principal, Depends(holding("worker", "centre-manager"))]
Contract = Annotated[UUID, Query(description="the engagement that the session is of")]

LATE = (
    "作業が終わったと記録されたあとに届きました。起きた時刻で記録しています。",
    "This came in after the session was recorded as done. It is recorded by when it happened.",
)


class Opening(Ask):
    """A room, what erases in it, and who of the town stands by."""

    engagement: UUID
    room: Words
    machines: Annotated[tuple[Words, ...], Field(max_length=MACHINES_MAX)] = ()
    witness: Words | None = None


class Loading(Ask):
    """What stands in a rack, said before it is begun: from then on one scan of its label stands for all of it."""

    rack: Annotated[str, Field(max_length=RACK_MAX)]
    labels: Annotated[tuple[Annotated[str, Field(max_length=LABEL_INPUT_MAX)], ...], Field(max_length=LABELS_MAX)]


class Facts(BaseModel):
    """Where the machine was, or which rack it is about; none for a machine by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rack: Annotated[str, Field(max_length=RACK_MAX)] = ""


class Seen(Ask):
    """One thing that a device saw happen, as it is identified."""

    work: Work
    label: str
    rack: str


class Scan(BaseModel):
    """One thing of a batch, as the capture module sends it.

    `place` and `take-out` (not finished) name a machine by its label, `begin` and `end` a rack in `facts`; `close` ends
    the work.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
    request_id: UUID
    work: Work
    label: Annotated[str, Field(max_length=LABEL_INPUT_MAX)] = ""
    token: Annotated[str, Field(max_length=20)] | None = None
    captured_at: AwareDatetime | None = None
    facts: Facts = Facts()

    def said(self, sent_at: datetime | None, received: datetime) -> Said:
        """Return it as the command takes it. Raises Invalid for a label that is none, or a rack that is not named."""
        rack = rack_named(self.facts.rack)
        about_machine = self.work in {"place", "take-out"}
        if self.work in {"begin", "end"} and not rack:
            raise racks.no_rack()
        label = scanned(self.label).id if about_machine else ""
        ask = Seen(
            request=self.request_id,
            captured_at=self.captured_at,
            sent_at=sent_at,
            work=self.work,
            label=label,
            rack="" if self.work == "close" else rack,
        )
        return Said(ask.work, ask.label, ask.rack, ask.as_received(received), ask.occurred_at(received))


class Scans(BaseModel):
    """What a device sends at once; each has its own request id and its own result."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
    sent_at: AwareDatetime | None = None
    scans: Annotated[tuple[Scan, ...], Field(min_length=1, max_length=SCANS_MAX)]


class MachineSeen(BaseModel):
    """A machine of a rack: whether it was scanned out, and whether reports prove what is required on site."""

    label: str
    taken_out: bool
    proved: bool


class RackSeen(BaseModel):
    """A rack as it stands, or stood; "" is that of machines in none. `unregistered` are labels that name no machine."""

    rack: str
    state: State
    machines: list[MachineSeen]
    unregistered: list[str]


class RemarkSeen(BaseModel):
    """What one recorded fact does not fit."""

    work: str
    label: str
    rack: str
    occurred_at: datetime
    code: Remark
    detail: str


class SessionSeen(BaseModel):
    """One session, told in the order in which things happened."""

    session: UUID
    engagement: UUID
    room: str
    machines: tuple[str, ...]
    operator: str
    witness: str | None
    opened_at: datetime
    closed_at: datetime | None
    racks: list[RackSeen]
    earlier: list[RackSeen]  # what racks held before they were used again
    remarks: list[RemarkSeen]
    late: int  # facts that came in after it was closed


class SessionsSeen(BaseModel):
    """The newest sessions of an engagement."""

    sessions: list[SessionSeen]


@router.post("", status_code=201)
async def open_session(body: Opening, door: TheDoor, who: Worker) -> Response:
    """Open a session; `stream` of the answer is its id. The one who asks is its operator."""
    town = await town_of(door, who, body.engagement)

    async def do(tx: Transaction) -> Entry[Any]:
        return await racks.open_session(
            tx, body.engagement, room=body.room, machines=body.machines, witness=body.witness
        )

    return receipt(await door.act(town, who, do, ask=body))


@router.post("/{session}/racks", status_code=201)
async def load(session: UUID, engagement: Contract, body: Loading, door: TheDoor, who: Worker) -> Response:
    """Say what stands in a rack before it is begun; refused where the page refuses it (409, 422 for a label)."""
    town = await town_of(door, who, engagement)

    async def do(tx: Transaction) -> Entry[Any]:
        labels = [scanned(one).id for one in body.labels]
        return await racks.load(tx, engagement, session, rack_named(body.rack), labels)

    return receipt(await door.act(town, who, do, ask=body))


@router.post("/{session}/steps", response_model_exclude_none=True)
async def tell(
    *, session: UUID, engagement: Contract, body: Scans, http: HttpRequest, door: TheDoor, who: Worker
) -> Results:
    """Take in up to 100 things that a device saw happen, each answered by itself: 201, 200 for one sent before, 4xx.

    `breaks` says what a recorded fact does not fit, as far as is known now.
    """
    town, lang, received = await town_of(door, who, engagement), language(http), door.now()
    answers: dict[int, Answer] = {}
    told: dict[int, Said] = {}
    for nth, one in enumerate(body.scans):
        try:
            told[nth] = one.said(body.sent_at, received)
        except Refused as refusal:
            answers[nth] = Answer(refusal)

    async def do(tx: Transaction) -> Sequence[Answer]:
        return await racks.tell(tx, engagement, session, list(told.values()))

    answers |= zip(told, await door.act(town, who, do), strict=True)
    return Results(results=[_result(one, answers[nth], lang) for nth, one in enumerate(body.scans)])


@router.get("")
async def listed(engagement: Contract, http: HttpRequest, door: TheDoor, who: SignedIn) -> SessionsSeen:
    """Return the newest 20 sessions of an engagement."""
    return SessionsSeen(sessions=await _seen(door, who, engagement, None, language(http)))


@router.get("/{session}")
async def read(session: UUID, engagement: Contract, http: HttpRequest, door: TheDoor, who: SignedIn) -> SessionSeen:
    """Return one session with its racks, machines, and what does not fit."""
    found = await _seen(door, who, engagement, session, language(http))
    if not found:
        raise Unknown
    return found[0]


def rack_named(said: str) -> str:
    """Return a rack's label as it is known: in narrow letters and capitals, without spaces."""
    return "".join(unicodedata.normalize("NFKC", said).split()).upper()


def remarked(state: Session, lang: Language) -> list[RemarkSeen]:
    """Say what a session's facts do not fit."""
    return [_remark(one, code, lang) for one, codes in state.remarks for code in codes]


def _result(scan: Scan, answer: Answer, lang: Language) -> Result:
    breaks = [*(WORDS[code] for code in answer.remarks), *([LATE] if answer.late else [])]
    return Result.of(scan.request_id, scan.label, answer.said, lang, [one[lang != "ja"] for one in breaks])


async def _seen(
    door: TheDoor, who: Principal, engagement: UUID, session: UUID | None, lang: Language
) -> list[SessionSeen]:
    async with door.look(await town_of(door, who, engagement), who) as connection:
        found = await racks.sessions(connection, engagement=engagement, session=session)
        proofs = await racks.proofs(connection, {item for one in found for _, rack in one.held for item in rack.items})
    return [_session(one, proofs, lang) for one in found]


def _session(state: Session, proofs: Proofs, lang: Language) -> SessionSeen:
    return SessionSeen(
        session=state.opened.session,
        engagement=state.opened.engagement,
        room=state.opened.room,
        machines=state.opened.machines,
        operator=state.opened.operator,
        witness=state.opened.witness,
        opened_at=state.opened_at,
        closed_at=state.closed_at,
        racks=[_rack(name, rack, proofs) for name, rack in state.racks.items()],
        earlier=[_rack(name, rack, proofs) for name, rack in state.before],
        remarks=remarked(state, lang),
        late=state.late,
    )


def _rack(name: str, rack: Rack, proofs: Proofs) -> RackSeen:
    machines = [
        MachineSeen(label=proofs.labels.get(item, ""), taken_out=item in rack.exceptions, proved=item in proofs.proved)
        for item in rack.items
    ]
    return RackSeen(rack=name, state=rack.state, machines=machines, unregistered=list(rack.strangers))


_WORKS: dict[type[Any], str] = {
    ItemPlaced: "place",
    ItemTakenOut: "take-out",
    RackLoaded: "load",
    RackBegan: "begin",
    RackEnded: "end",
    SessionClosed: "close",
}


def _remark(one: Told, code: Remark, lang: Language) -> RemarkSeen:
    return RemarkSeen(
        work=_WORKS[type(one.event)],
        label=getattr(one.event, "label", ""),
        rack=getattr(one.event, "rack", ""),
        occurred_at=one.occurred_at,
        code=code,
        detail=WORDS[code][lang != "ja"],
    )
