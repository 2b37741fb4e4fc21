"""The support that comes with a machine: what came of each contact, and whether it was owed. Pure."""

from dataclasses import dataclass
from datetime import date

from services.refurb.domain.work_order import WorkOrder
from shared.events.refurb import Channel, Outcome, SupportContacted, Trouble
from shared.refused import Refused
from shared.support import Term

MINUTES_MAX = 24 * 60  # of one contact: above it somebody typed seconds


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact as it was told."""

    channel: Channel
    trouble: Trouble
    outcome: Outcome
    minutes: int | None = None

    def of(self, order: WorkOrder, owed: Term | None, on: date) -> SupportContacted:
        """Record it. It happened, in the term or not; only a machine that nobody has yet cannot have had one."""
        if not order.ready:
            raise Refused(
                "not-out",
                "この機器はまだ再生完了ではありません。追跡IDを確かめて、読み取り直してください。",
                "This device is not refurbished yet. Check the tracking ID and scan again.",
            )
        return SupportContacted(
            item=order.item,
            label=order.label,
            channel=self.channel,
            trouble=self.trouble,
            outcome=self.outcome,
            minutes=self.minutes,
            in_term=owed is not None and owed.covers(on),
        )
