"""A public call (公募): draft, open, closed, settled, round after round; and what it takes in, by which clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.donations.domain.allocation import allocate, move_on, offered
from services.donations.domain.ranking import Ranking
from services.donations.domain.window import refuse_window
from shared.entry import Event
from shared.events.donations import (
    Allocated,
    ApplicationReceived,
    ApplicationRefused,
    BasisRecorded,
    CallClosed,
    CallOpened,
    Category,
    Channel,
    Grant,
    Machine,
    MovedOn,
    ReviewConfirmed,
    Reviewed,
    RoundOpened,
    SeedAsked,
    SeedDrawn,
)
from shared.refused import Invalid, Refused

State = Literal["draft", "open", "closed", "settled"]
Reason = Literal["late", "early", "not-eligible"]


@dataclass(frozen=True, slots=True)
class Call:
    """What the events of one call add up to."""

    opened: CallOpened | None = None
    further: RoundOpened | None = None  # the round it is in, after the first
    closed: CallClosed | None = None  # the round it is in
    seed: SeedDrawn | None = None
    reviewed: Reviewed | None = None
    confirmed: bool = False
    allocated: Allocated | None = None  # of the round it is in
    held: Mapping[str, Grant] = field(default_factory=dict)  # what each receipt holds now, from all rounds
    waiting: tuple[str, ...] = ()
    basis: BasisRecorded | None = None  # on what the town may give things away

    def refuse_leaving(self) -> None:
        """Raise Refused where a lottery's seed may be read and nothing is allocated: who goes now picks who wins."""
        if self.opened and self.opened.rule == "lottery" and self.closed and not self.allocated:
            raise Refused(
                "draw-under-way",
                "抽選の結果が出るまで、応募の取り消しや取り下げ、返却の記録はできません。割り当て後に、もう一度行ってください。",
                "Until the lottery is decided nobody leaves and nothing is taken back. Do it again after that.",
            )

    @property
    def state(self) -> State:
        """Where the call stands in its round, whatever the clock says."""
        if self.opened is None:
            return "draft"
        return "settled" if self.allocated else "closed" if self.closed else "open"

    @property
    def drawn_for(self) -> tuple[Machine, ...] | None:
        """The machines of a lottery, from its closing to its allocation; None where no closing fixed any."""
        return self.closed.stock if self.closed and not self.allocated else None

    @property
    def round(self) -> int:
        """The round it is in, counted from 1."""
        return self.further.round if self.further else 1

    @property
    def window(self) -> tuple[datetime, datetime]:
        """When the round it is in takes applications."""
        offer = self.further or self.begun()
        return offer.opens_at, offer.closes_at

    def open(self, event: CallOpened) -> CallOpened:
        """Open the call. Raises Refused when it was opened before, Invalid for a window or categories that are none."""
        if self.opened is not None:
            raise Refused(
                "call-opened",
                "この番号の公募はもう始まっています。別の番号で始めてください。",
                "A call of this number has been opened already. Open it under another number.",
                state=self.state,
            )
        refuse_window(event.opens_at, event.closes_at)
        codes = [category.code for category in event.categories]
        if not codes or len(set(codes)) < len(codes):
            raise Invalid(
                "bad-categories",
                "区分がないか、同じ区分が2つあります。区分を直してください。",
                "There is no category, or one is named twice. Correct the categories.",
                field="categories",
            )
        criteria = [criterion.code for criterion in event.criteria]
        if (event.rule == "review") != bool(criteria) or len(set(criteria)) < len(criteria):
            raise Invalid(
                "bad-criteria",
                "審査の公募には観点を1つ以上、それぞれ別の記号で入れてください。ほかの決め方では空けてください。",
                "A review needs criteria, each under a code of its own; any other rule has none.",
                field="criteria",
            )
        return event

    def open_round(self, asked: RoundOpened) -> RoundOpened:
        """Open a further round once the last one is settled; its number is the next. Raises Refused, Invalid."""
        opened = self.begun()
        if self.allocated is None:
            raise Refused(
                "round-not-settled",
                "いまの回の割り当てが済んでいません。締め切りと割り当ての後で、次の回を始めてください。",
                "The current round is not allocated yet. Open the next one after its allocation.",
                state=self.state,
            )
        refuse_window(asked.opens_at, asked.closes_at)
        return asked.model_copy(update={"call": opened.call, "number": opened.number, "round": self.round + 1})

    def receive(
        self, *, application: UUID, receipt: str, category: str, units: int, at: datetime
    ) -> ApplicationReceived:
        """Take in an application of the web form at the moment it came.

        Raises Refused before and after the window, for a category that is not eligible, and for units over its cap:
        whoever fills in the form can still correct it.
        """
        opened, (opens_at, closes_at) = self.begun(), self.window
        if at < opens_at:
            raise Refused(
                "call-not-begun",
                "応募の受付はまだ始まっていません。開始の日時になってから、もう一度送ってください。",
                "This call does not take applications yet. Send it again once the call has opened.",
            )
        if self.closed or at >= closes_at:
            raise Refused(
                "call-closed",
                "応募の受付は終わりました。次の公募をお待ちになるか、役場の窓口にお尋ねください。",
                "This call is closed. Wait for the next one, or ask the town's desk.",
            )
        eligible = self.within(category, units)
        return ApplicationReceived(
            call=opened.call,
            application=application,
            receipt=receipt,
            category=eligible.code,
            units=units,
            channel="web",
            arrived_at=at,
            round=self.round,
        )

    def record(
        self,
        *,
        application: UUID,
        receipt: str,
        category: str,
        units: int,
        channel: Channel,
        arrived_at: datetime,
        keyed_by: str,
        at: datetime,
    ) -> ApplicationReceived | ApplicationRefused:
        """Record an application that a clerk attests: it arrived, so it is recorded, with a reason if it is out.

        What is keyed after the call was closed is late: the queue stands. Units over the cap stay as asked, the
        allocation gives no more than the cap. Raises Invalid for an arrival that has not happened yet.
        """
        opened = self.begun()
        if arrived_at > at:
            raise Invalid(
                "arrival-ahead",
                "届いた日時がいまより後です。届いた日時を確かめて、直してください。",
                "The arrival lies in the future. Check when it arrived and correct it.",
                field="arrived_at",
            )
        facts = {
            "call": opened.call,
            "application": application,
            "receipt": receipt,
            "category": category,
            "units": units,
            "channel": channel,
            "arrived_at": arrived_at,
            "round": self.round,
        }
        if reason := self._out(category, arrived_at):
            return ApplicationRefused.model_validate(facts | {"reason": reason})
        return ApplicationReceived.model_validate(facts | {"keyed_by": keyed_by})

    def within(self, category: str, units: int) -> Category:
        """Return the category asked for. Raises Refused when it is not eligible, or the units are over its cap."""
        eligible = self.category(category)
        if eligible is None:
            raise Refused(
                "not-eligible",
                "この区分はこの公募の対象ではありません。公募のページにある区分から選んでください。",
                "This category is not eligible in this call. Choose one that the call names.",
            )
        if units > eligible.cap:
            raise Refused(
                "over-cap",
                f"この区分で応募できるのは{eligible.cap}台までです。台数を直してください。",
                f"A group of this category may ask for {eligible.cap} at most. Correct the number.",
                cap=eligible.cap,
            )
        return eligible

    def refuse_correction(self, received: ApplicationReceived, at: datetime) -> None:
        """Raise Refused when an application can no longer be corrected: its round's time is over, or it is closed."""
        if self.closed or received.round != self.round or at >= self.window[1]:
            raise Refused(
                "correction-late",
                "締め切った後は直せません。違っているところは役場の窓口に知らせてください。",
                "After the closing nothing is corrected. Tell the town's desk what is wrong.",
            )

    def close(self, stock: Iterable[Machine]) -> CallClosed:
        """Close the queue of this round for good, and of a lottery the stock: the first machines of its offer.

        Whoever sees the lots can then choose neither. Raises Refused when it is closed or was never opened.
        """
        opened = self.begun()
        if self.closed:
            raise Refused(
                "call-closed-before",
                "この公募はもう締め切ってあります。次は割り当てをしてください。",
                "This call has been closed already. The next step is to allocate.",
                state=self.state,
            )
        offer = self.further or opened
        drawn_for = tuple(offered(offer, stock)[: offer.units]) if opened.rule == "lottery" else None
        return CallClosed(call=opened.call, number=opened.number, round=self.round, stock=drawn_for)

    def ask_seed(self, closing: UUID) -> SeedAsked:
        """Ask where the closing of this round stands in the log, when its notice did not come. Raises Refused."""
        self._refuse_drawless()
        if self.seed is not None:
            raise Refused(
                "seed-drawn",
                "抽選の種はもう決まっています。次は割り当てをしてください。",
                "The lottery's seed is drawn already. The next step is to allocate.",
            )
        return SeedAsked(call=self.begun().call, round=self.round, closing=closing)

    def draw(self, event: SeedDrawn) -> SeedDrawn:
        """Take the seed of this round's lottery. Raises Refused when the call draws no lots or is not closed."""
        self._refuse_drawless(event.round)
        return event

    def settle(
        self, applications: Iterable[ApplicationReceived], stock: Iterable[Machine], out: Iterable[str] = ()
    ) -> Allocated:
        """Allocate this round; `out` are the receipts that are not in the queue. Raises Refused when too early.

        `stock` is not looked at where the closing fixed one, not even for what became of a machine since (ADR 0029).
        """
        opened = self.begun()
        self.refuse_unsettleable()
        held = {receipt: len(grant.items) for receipt, grant in self.held.items()}
        if self.drawn_for is not None:
            stock = self.drawn_for
        done = allocate(opened, applications, stock, ranking=self._ranking(opened), further=self.further, held=held)
        return done.model_copy(update={"out": tuple(sorted(out))})

    def move_on(self, receipt: str, applications: Iterable[ApplicationReceived], out: Iterable[str] = ()) -> MovedOn:
        """Give what a leaving application holds to those who wait; the caller knows that it may leave.

        `out` are the receipts that are not in the queue any more: who gave machines back waits no longer.
        """
        place = {each: at for at, each in enumerate(self.waiting)}
        waiting = sorted((one for one in applications if one.receipt in place), key=lambda one: place[one.receipt])
        freed = self.held[receipt].items if receipt in self.held else ()
        held = {each: len(grant.items) for each, grant in self.held.items() if each != receipt}
        moved = move_on(self.begun(), receipt, freed, waiting, held)
        return moved.model_copy(update={"out": tuple(sorted(out))})

    def record_basis(self, event: BasisRecorded) -> BasisRecorded:
        """Record the approval (決裁) and the rule of law the town gives by; the last one counts. Raises Refused."""
        return event.model_copy(update={"call": self.begun().call})

    def granted(self, receipt: str) -> Grant:
        """Return what an application holds. Raises Refused when nothing is granted to it (yet)."""
        if receipt in self.held:
            return self.held[receipt]
        raise Refused(
            "not-granted",
            "この応募には割り当てがありません。割り当ての記録を確かめてください。",
            "Nothing is allocated to this application. Check the record of the allocation.",
        )

    def category(self, code: str) -> Category | None:
        """Return the eligible category of a code, or None."""
        return next((one for one in (self.opened.categories if self.opened else ()) if one.code == code), None)

    def refuse_unsettleable(self) -> None:
        """Raise Refused where nothing can be decided: before the closing of the round, and after its allocation."""
        if self.allocated:
            raise Refused(
                "call-settled",
                "この公募はもう割り当ててあります。結果は寄贈の記録で見られます。",
                "This call has been allocated already. See the record of donations.",
            )
        if not self.closed:
            raise Refused(
                "call-still-open",
                "締め切る前に割り当てはできません。先にこの公募を締め切ってください。",
                "Nothing is allocated before the call is closed. Close it first.",
                missing=("公募の締め切り",),
            )

    def begun(self) -> CallOpened:
        """Return how the call was opened. Raises Refused when it was not."""
        if self.opened is None:
            raise Refused(
                "call-not-opened",
                "この公募はまだ始まっていません。先に公募を始めてください。",
                "This call has not been opened. Open it first.",
            )
        return self.opened

    def _refuse_drawless(self, round_: int | None = None) -> None:
        if self.begun().rule != "lottery" or not self.closed or round_ not in (None, self.round):
            raise Refused(
                "no-draw",
                "この公募は抽選をしないか、まだ締め切っていません。公募の決め方を確かめてください。",
                "This call draws no lots, or is not closed yet. Check its rule.",
            )

    def _ranking(self, opened: CallOpened) -> Ranking:
        if opened.rule == "lottery":
            if self.seed is None:
                raise Refused(
                    "seed-not-drawn",
                    "抽選の種を待っています。締め切りの記録が公開台帳に載ると決まります。少し待って、もう一度お試しください。",
                    "The lottery's seed follows once the closing is in the public log. Wait a moment and try again.",
                )
            return Ranking("lottery", seed=bytes.fromhex(self.seed.seed))
        if opened.rule == "review":
            if self.reviewed is None or not self.confirmed:
                raise Refused(
                    "review-not-confirmed",
                    "審査の点が、もう1人の職員に確認されていません。確認の後で割り当ててください。",
                    "The marks are not confirmed by a second person yet. Allocate after that.",
                )
            return Ranking("review", points={one.application: sum(one.points.values()) for one in self.reviewed.marks})
        return Ranking()

    def _out(self, category: str, arrived_at: datetime) -> Reason | None:
        opens_at, closes_at = self.window
        if self.closed or arrived_at >= closes_at:
            return "late"
        if arrived_at < opens_at:
            return "early"
        return None if self.category(category) else "not-eligible"


def fold(events: Sequence[Event]) -> Call:
    """Return the call its events lead to. Raises TypeError for an event that is not a call's."""
    call = Call()
    for event in events:
        match event:
            case CallOpened():
                call = replace(call, opened=event)
            case RoundOpened():
                call = replace(
                    call, further=event, closed=None, seed=None, reviewed=None, confirmed=False, allocated=None
                )
            case CallClosed():
                call = replace(call, closed=event)
            case Reviewed() | ReviewConfirmed() | SeedAsked() | SeedDrawn():
                call = _ranked(call, event)
            case BasisRecorded():
                call = replace(call, basis=event)
            case Allocated() | MovedOn():
                call = _shared(call, event)
            case _:
                raise TypeError(f"{event.kind} is no event of a call")
    return call


def _ranked(call: Call, event: Reviewed | ReviewConfirmed | SeedAsked | SeedDrawn) -> Call:
    """Return the call after something was said of what ranks it; that a seed was asked for changes nothing."""
    match event:
        case Reviewed():
            return replace(call, reviewed=event, confirmed=False)
        case ReviewConfirmed():
            return replace(call, confirmed=True)
        case SeedDrawn() if event.round == call.round:
            return replace(call, seed=event)
        case _:
            return call


def _shared(call: Call, event: Allocated | MovedOn) -> Call:
    """Return the call after machines were given: in a round, or because somebody left."""
    if isinstance(event, Allocated):
        return replace(call, allocated=event, held=_with(call.held, event.grants), waiting=event.waiting)
    staying = {receipt: grant for receipt, grant in call.held.items() if receipt != event.receipt}
    return replace(call, held=_with(staying, event.grants), waiting=event.waiting)


def _with(held: Mapping[str, Grant], grants: Iterable[Grant]) -> Mapping[str, Grant]:
    """Add what was granted to what each receipt holds."""
    now = dict(held)
    for grant in grants:
        before = now[grant.receipt].items if grant.receipt in now else ()
        now[grant.receipt] = grant.model_copy(update={"items": before + grant.items})
    return now
