"""An application (応募): received or refused, handed over, and how the machines are used. No name of anybody."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args
from uuid import UUID

from shared.entry import Event
from shared.events.donations import (
    ApplicationReceived,
    ApplicationRefused,
    Grant,
    HandedOver,
    UsageReported,
)
from shared.refused import Refused

# What groups of the pilot did with their machines; a recipient taps these, so that no name gets into the ledger.
Use = Literal["circulars", "accounts", "procedures", "training", "stock", "meetings", "publishing", "other"]
Difficulty = Literal["no-network", "network-cost", "operation", "trouble", "shelter"]
USES: tuple[Use, ...] = get_args(Use)
DIFFICULTIES: tuple[Difficulty, ...] = get_args(Difficulty)


@dataclass(frozen=True, slots=True)
class Application:
    """What the events of one application add up to."""

    received: ApplicationReceived | None = None
    refused: ApplicationRefused | None = None
    handed_over: HandedOver | None = None
    reports: tuple[UsageReported, ...] = ()

    def refuse(self) -> ApplicationRefused:
        """Take the application out of the queue, as not eligible. Raises Refused when it is not in it."""
        if self.received is None or self.refused:
            raise Refused(
                "not-queued",
                "この応募は受付の列にありません。受付番号を確かめてください。",
                "This application is not in the queue. Check the receipt number.",
            )
        facts = self.received.model_dump(exclude={"keyed_by"})
        return ApplicationRefused.model_validate(facts | {"reason": "not-eligible"})

    def hand_over(self, grant: Grant, scanned: tuple[UUID, ...] | None) -> HandedOver:
        """Hand over what was granted; `scanned` are the machines at the counter, None when nobody scanned.

        Raises Refused when it was handed over before, or when the machines at the counter are not the granted ones.
        """
        if self.received is None or self.refused:
            raise Refused(
                "not-queued",
                "この応募は受付の列にありません。受付番号を確かめてください。",
                "This application is not in the queue. Check the receipt number.",
            )
        if self.handed_over:
            raise Refused(
                "handed-over",
                "この応募の機器はもうお渡し済みです。受付番号を確かめてください。",
                "These machines have been handed over already. Check the receipt number.",
            )
        if scanned is not None and (set(scanned) != set(grant.items) or len(scanned) != len(grant.items)):
            raise Refused(
                "other-machines",
                "読み取った機器が割り当てと違います。割り当ての記録にある機器をそろえてください。",
                "The machines scanned are not the ones granted. Bring those in the record of the allocation.",
                granted=len(grant.items),
                scanned=len(scanned),
            )
        return HandedOver(
            call=self.received.call,
            application=self.received.application,
            receipt=self.received.receipt,
            category=self.received.category,
            items=grant.items,
        )

    def report(self, uses: tuple[str, ...], difficulty: str | None) -> UsageReported:
        """Record how the machines are used. Raises Refused before they were handed over."""
        if self.handed_over is None:
            raise Refused(
                "not-handed-over",
                "まだお渡ししていない応募です。お渡しの後で、活用状況をお知らせください。",
                "Nothing was handed over for this application yet. Report its use afterwards.",
            )
        return UsageReported(
            call=self.handed_over.call,
            receipt=self.handed_over.receipt,
            category=self.handed_over.category,
            uses=uses,
            difficulty=difficulty,
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
            case HandedOver():
                application = replace(application, handed_over=event)
            case UsageReported():
                application = replace(application, reports=(*application.reports, event))
            case _:
                raise TypeError(f"{event.kind} is no event of an application")
    return application
