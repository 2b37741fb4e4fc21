"""An application (応募): received or refused, handed over, and how the machines are used. No name of anybody."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args
from uuid import UUID

from shared.entry import Event
from shared.events.donations import (
    ApplicationCorrected,
    ApplicationReceived,
    ApplicationRefused,
    ApplicationWithdrawn,
    Grant,
    HandedOver,
    Reoffered,
    Returned,
    UsageReported,
)
from shared.refused import Refused

# What groups of the pilot did with their machines; a recipient taps these, so that no name gets into the ledger.
Use = Literal["circulars", "accounts", "procedures", "training", "stock", "meetings", "publishing", "other"]
Difficulty = Literal["no-network", "network-cost", "operation", "trouble", "shelter"]
USES: tuple[Use, ...] = get_args(Use)
ReturnReason = Literal["unused", "broken", "closed", "other"]
ClearedBy = Literal["erased", "replaced"]
RETURN_REASONS: tuple[ReturnReason, ...] = get_args(ReturnReason)
CLEARED_BY: tuple[ClearedBy, ...] = get_args(ClearedBy)
DIFFICULTIES: tuple[Difficulty, ...] = get_args(Difficulty)


@dataclass(frozen=True, slots=True)
class Application:
    """What the events of one application add up to; `received` is as it was corrected last."""

    received: ApplicationReceived | None = None
    refused: ApplicationRefused | None = None
    withdrawn: bool = False
    handed_over: tuple[HandedOver, ...] = ()  # a part now and the rest later: each hand-over is an entry of its own
    returned: Returned | None = None
    reoffered: bool = False
    reports: tuple[UsageReported, ...] = ()

    def queued(self) -> ApplicationReceived:
        """Return the application as it stands in the queue. Raises Refused when it is not in it (any more)."""
        if self.received is None or self.refused or self.withdrawn or self.returned:
            raise Refused(
                "not-queued",
                "この応募は受付の列にありません。受付番号を確かめてください。",
                "This application is not in the queue. Check the receipt number.",
            )
        return self.received

    def correct(self, category: str, units: int) -> ApplicationCorrected:
        """Correct what is asked for; the place in the queue stays. Raises Refused when it is not in the queue."""
        before = self.queued()
        return ApplicationCorrected(
            call=before.call, application=before.application, receipt=before.receipt, category=category, units=units
        )

    def withdraw(self) -> ApplicationWithdrawn:
        """Leave the queue. Raises Refused when it is not in it, or the machines were handed over already."""
        before = self.queued()
        if self.handed_over:
            raise Refused(
                "handed-over-not-withdrawn",
                "もうお渡しした応募は取り下げられません。使わなくなった機器は、役場の窓口に返してください。",
                "What was handed over is not withdrawn. Give machines you no longer use back at the town's desk.",
            )
        return ApplicationWithdrawn(call=before.call, application=before.application, receipt=before.receipt)

    def refuse(self) -> ApplicationRefused:
        """Take the application out of the queue, as not eligible. Raises Refused when it is not in it."""
        facts = self.queued().model_dump(exclude={"keyed_by"})
        return ApplicationRefused.model_validate(facts | {"reason": "not-eligible"})

    @property
    def items(self) -> tuple[UUID, ...]:
        """Every machine that was handed over, in the order of the hand-overs."""
        return tuple(item for each in self.handed_over for item in each.items)

    def hand_over(
        self,
        grant: Grant,
        scanned: tuple[UUID, ...] | None,
        *,
        looked_at: tuple[UUID, ...] | None = None,
        **told: str | None,
    ) -> HandedOver:
        """Hand over what was granted and is still here; `scanned` are the machines at the counter, None: not scanned.

        `looked_at` are the machines that the clerk's page named when it was opened. `told` is what else the event
        says: agreed, photo_sha256, approval, basis.

        Raises Refused when all of it was handed over before, when another machine came to be granted while the clerk
        looked, or when the machines at the counter are not those that are still here.
        """
        received = self.queued()
        due = tuple(item for item in grant.items if item not in self.items)
        if not due:
            raise Refused(
                "handed-over",
                "この応募の機器はもうお渡し済みです。受付番号を確かめてください。",
                "These machines have been handed over already. Check the receipt number.",
            )
        if looked_at is not None and set(looked_at) != set(due):
            raise Refused(
                "other-grant",
                "見ている間に、お渡しする機器が変わりました。いまの機器を確かめて、もう一度記録してください。",
                "What is to be handed over changed while you looked. Check the machines as they are now and try again.",
                granted=len(due),
            )
        if scanned is not None and (set(scanned) != set(due) or len(scanned) != len(due)):
            raise Refused(
                "other-machines",
                "読み取った機器が割り当てと違います。割り当ての記録にある機器をそろえてください。",
                "The machines scanned are not the ones granted. Bring those in the record of the allocation.",
                granted=len(due),
                scanned=len(scanned),
            )
        return HandedOver(
            call=received.call,
            application=received.application,
            receipt=received.receipt,
            category=received.category,
            items=due,
            scanned=scanned is not None,
            **told,
        )

    def take_back(self, reason: ReturnReason) -> Returned:
        """Take back what was handed over, all of it. Raises Refused when nothing was, or it came back before."""
        if not self.handed_over or self.returned:
            raise Refused(
                "nothing-to-return",
                "お渡しした機器がないか、もう返却を記録してあります。受付番号を確かめてください。",
                "Nothing was handed over, or it was returned already. Check the receipt number.",
            )
        e = self.handed_over[-1]
        return Returned(call=e.call, application=e.application, receipt=e.receipt, items=self.items, reason=reason)

    def reoffer(self, method: ClearedBy) -> Reoffered:
        """Offer again what came back, once its medium was erased or exchanged. Raises Refused before, or twice."""
        if self.returned is None or self.reoffered:
            raise Refused(
                "nothing-returned",
                "返却された機器がないか、もう再募集に回してあります。受付番号を確かめてください。",
                "Nothing was returned, or it is offered again already. Check the receipt number.",
            )
        e = self.returned
        return Reoffered(call=e.call, application=e.application, receipt=e.receipt, items=e.items, method=method)

    def report(self, uses: tuple[str, ...], difficulty: str | None, **told: Any) -> UsageReported:
        """Record how the machines are used. Raises Refused before they were handed over."""
        if not self.handed_over:
            raise Refused(
                "not-handed-over",
                "まだお渡ししていない応募です。お渡しの後で、活用状況をお知らせください。",
                "Nothing was handed over for this application yet. Report its use afterwards.",
            )
        e = self.handed_over[-1]
        return UsageReported(
            call=e.call,
            receipt=e.receipt,
            category=e.category,
            uses=uses,
            difficulty=difficulty,
            **told,
        )


def fold(events: Sequence[Event]) -> Application:
    """Return the application its events lead to. Raises TypeError for an event that is not an application's."""
    application = Application()
    for event in events:
        match event:
            case ApplicationReceived():
                application = replace(application, received=event)
            case ApplicationRefused():
                application = replace(application, refused=event)
            case ApplicationCorrected() if application.received:
                corrected = {"category": event.category, "units": event.units}
                application = replace(application, received=application.received.model_copy(update=corrected))
            case ApplicationWithdrawn():
                application = replace(application, withdrawn=True)
            case HandedOver():
                application = replace(application, handed_over=(*application.handed_over, event))
            case Returned():
                application = replace(application, returned=event)
            case Reoffered():
                application = replace(application, reoffered=True)
            case UsageReported():
                application = replace(application, reports=(*application.reports, event))
            case _:
                raise TypeError(f"{event.kind} is no event of an application")
    return application
