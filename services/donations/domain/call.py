"""A public call (公募): draft, open, closed, settled; and what it takes in, by which clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.donations.domain.allocation import Machine, allocate
from shared.entry import Event
from shared.events.donations import (
    Allocated,
    ApplicationReceived,
    ApplicationRefused,
    CallClosed,
    CallOpened,
    Category,
    Channel,
    Grant,
)
from shared.refused import Invalid, Refused

State = Literal["draft", "open", "closed", "settled"]
Stage = Literal["ahead", "open", "over", "closed", "settled"]
YEARS = range(2000, 2100)  # of a call's window; anything else is a slip of the finger
Reason = Literal["late", "early", "not-eligible"]


@dataclass(frozen=True, slots=True)
class Call:
    """What the events of one call add up to."""

    opened: CallOpened | None = None
    closed: bool = False
    allocated: Allocated | None = None

    @property
    def state(self) -> State:
        """Where the call stands, whatever the clock says."""
        if self.opened is None:
            return "draft"
        return "settled" if self.allocated else "closed" if self.closed else "open"

    def open(self, event: CallOpened) -> CallOpened:
        """Open the call. Raises Refused when it was opened before, Invalid for a window or categories that are none."""
        if self.opened is not None:
            raise Refused(
                "call-opened",
                "この番号の公募はもう始まっています。別の番号で始めてください。",
                "A call of this number has been opened already. Open it under another number.",
                state=self.state,
            )
        if event.opens_at >= event.closes_at:
            raise Invalid(
                "bad-window",
                "締切が開始より前です。応募期間を直してください。",
                "The call would close before it opens. Correct its window.",
                field="closes_at",
            )
        if event.opens_at.year not in YEARS or event.closes_at.year not in YEARS:
            raise Invalid(
                "bad-window",
                f"{YEARS[0]}年から{YEARS[-1]}年までの日時にしてください。",
                f"Give moments from {YEARS[0]} to {YEARS[-1]}.",
                field="opens_at" if event.opens_at.year not in YEARS else "closes_at",
            )
        codes = [category.code for category in event.categories]
        if not codes or len(set(codes)) < len(codes):
            raise Invalid(
                "bad-categories",
                "区分がないか、同じ区分が2つあります。区分を直してください。",
                "There is no category, or one is named twice. Correct the categories.",
                field="categories",
            )
        return event

    def receive(
        self, *, application: UUID, receipt: str, category: str, units: int, at: datetime
    ) -> ApplicationReceived:
        """Take in an application of the web form at the moment it came.

        Raises Refused before and after the window, for a category that is not eligible, and for units over its cap:
        whoever fills in the form can still correct it.
        """
        opened = self._opened()
        if at < opened.opens_at:
            raise Refused(
                "call-not-begun",
                "応募の受付はまだ始まっていません。開始の日時になってから、もう一度送ってください。",
                "This call does not take applications yet. Send it again once the call has opened.",
            )
        if self.closed or at >= opened.closes_at:
            raise Refused(
                "call-closed",
                "応募の受付は終わりました。次の公募をお待ちになるか、役場の窓口にお尋ねください。",
                "This call is closed. Wait for the next one, or ask the town's desk.",
            )
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
        return ApplicationReceived(
            call=opened.call,
            application=application,
            receipt=receipt,
            category=eligible.code,
            units=units,
            channel="web",
            arrived_at=at,
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
        opened = self._opened()
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
        }
        if reason := self._out(category, arrived_at):
            return ApplicationRefused.model_validate(facts | {"reason": reason})
        return ApplicationReceived.model_validate(facts | {"keyed_by": keyed_by})

    def close(self) -> CallClosed:
        """Close the queue for good. Raises Refused when it is closed or was never opened."""
        opened = self._opened()
        if self.closed:
            raise Refused(
                "call-closed-before",
                "この公募はもう締め切ってあります。次は割り当てをしてください。",
                "This call has been closed already. The next step is to allocate.",
                state=self.state,
            )
        return CallClosed(call=opened.call, number=opened.number)

    def settle(self, applications: Iterable[ApplicationReceived], stock: Iterable[Machine]) -> Allocated:
        """Allocate. Raises Refused before the call is closed and when it was allocated before."""
        opened = self._opened()
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
        return allocate(opened, applications, stock)

    def granted(self, receipt: str) -> Grant:
        """Return what an application got. Raises Refused when nothing was granted to it (yet)."""
        for grant in self.allocated.grants if self.allocated else ():
            if grant.receipt == receipt:
                return grant
        raise Refused(
            "not-granted",
            "この応募には割り当てがありません。割り当ての記録を確かめてください。",
            "Nothing is allocated to this application. Check the record of the allocation.",
        )

    def category(self, code: str) -> Category | None:
        """Return the eligible category of a code, or None."""
        return next((one for one in (self.opened.categories if self.opened else ()) if one.code == code), None)

    def _out(self, category: str, arrived_at: datetime) -> Reason | None:
        opened = self._opened()
        if self.closed or arrived_at >= opened.closes_at:
            return "late"
        if arrived_at < opened.opens_at:
            return "early"
        return None if self.category(category) else "not-eligible"

    def _opened(self) -> CallOpened:
        if self.opened is None:
            raise Refused(
                "call-not-opened",
                "この公募はまだ始まっていません。先に公募を始めてください。",
                "This call has not been opened. Open it first.",
            )
        return self.opened


def fold(events: Sequence[Event]) -> Call:
    """Return the call its events lead to. Raises TypeError for an event that is not a call's."""
    call = Call()
    for event in events:
        match event:
            case CallOpened():
                call = replace(call, opened=event)
            case CallClosed():
                call = replace(call, closed=True)
            case Allocated():
                call = replace(call, allocated=event)
            case _:
                raise TypeError(f"{event.kind} is no event of a call")
    return call


def stage(call: CallOpened, *, closed: bool, allocated: bool, now: datetime) -> Stage:
    """Tell where a call stands by the clock as well: before its window (ahead), in it, or over and not yet closed."""
    if allocated:
        return "settled"
    if closed:
        return "closed"
    return "ahead" if now < call.opens_at else "open" if now < call.closes_at else "over"
