"""A consignment: chassis that leave together under one waste manifest, and what became of their weight. Pure.

What goes in comes out as material or as stated loss; what neither explains is measured against the tolerance that was
agreed when it left. Beyond it the consignment is flagged until a better report comes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.refurb.domain.material import each_once
from shared.entry import Event
from shared.events.refurb import Consigned, Document, MaterialReported, Weight
from shared.refused import Refused, Unknown

TOLERANCE = 0.02  # of what went in; scales of two firms differ by so much. Changed for each consignment as it is agreed
KG_EACH_MAX = 100  # kilograms of one chassis: above it somebody typed grams, or weighed the pallet
CHASSIS_MAX = 200
GRAM = 0.001  # kilograms: finer than any of the scales


@dataclass(frozen=True, slots=True)
class Balance:
    """In = out + loss, as far as it holds. Kilograms."""

    into: float
    out: float
    loss: float
    tolerance: float  # share of what went in

    @property
    def unexplained(self) -> float:
        """What went in and neither came out nor was said to be lost; below zero more came out than went in."""
        return round(self.into - self.out - self.loss, 3)

    @property
    def share(self) -> float:
        """The unexplained as a share of what went in."""
        return abs(self.unexplained) / self.into

    @property
    def holds(self) -> bool:
        """Whether the unexplained is within what was agreed."""
        return abs(self.unexplained) <= self.tolerance * self.into + GRAM / 2


@dataclass(frozen=True, slots=True)
class Consignment:
    """What is known of one."""

    sent: Consigned
    report: MaterialReported | None = None  # the last one
    reports: int = 0

    @property
    def balance(self) -> Balance | None:
        """What became of the weight; None while nobody has reported."""
        if self.report is None:
            return None
        out = round(sum(weight.kg for weight in self.report.weights), 3)
        return Balance(self.sent.kg, out, self.report.loss_kg, self.sent.tolerance)

    def tell(
        self, weights: Sequence[Weight], loss_kg: float, certificate: Document | None, reason: str | None
    ) -> MaterialReported:
        """Record what the recycler reports. A second report says why the one before it was wrong."""
        weights = each_once(weights)
        if not sum(weight.kg for weight in weights) <= KG_EACH_MAX * len(self.sent.labels):
            raise too_heavy(len(self.sent.labels))
        if self.report is not None and not reason:
            raise Refused(
                "report-stands",
                "この管理票の結果はもう記録しています。直すときは、前の結果が違っていた理由を書いてください。",
                "This manifest's result is recorded already. To correct it, say why the earlier one was wrong.",
            )
        return MaterialReported(
            consignment=self.sent.consignment,
            weights=weights,
            loss_kg=loss_kg,
            certificate=certificate,
            reason=reason if self.report is not None else None,
        )


def consign(
    consignment: UUID,
    engagement: UUID,
    *,
    manifest: str,
    operator: str,
    labels: Sequence[str],
    kg: float,
    tolerance: float = TOLERANCE,
) -> Consigned:
    """Say what leaves under a manifest. Raises Refused for a chassis named twice and for an impossible weight."""
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise Refused(
            "chassis-twice",
            f"同じ機器が2回あります（{'、'.join(twice)}）。1台は1回だけ入れてください。",
            f"A device is named twice ({', '.join(twice)}). Name each once.",
        )
    if kg > KG_EACH_MAX * len(labels):
        raise too_heavy(len(labels))
    return Consigned(
        consignment=consignment,
        engagement=engagement,
        manifest=manifest,
        operator=operator,
        labels=tuple(labels),
        kg=kg,
        tolerance=tolerance,
    )


def too_heavy(chassis: int) -> Refused:
    """Return the refusal of a weight that so many chassis cannot have."""
    return Refused(
        "too-heavy",
        f"{chassis}台には重すぎます（1台 {KG_EACH_MAX} kg まで）。キログラムで、パレットを除いて入れてください。",
        f"Too heavy for {chassis} devices (at most {KG_EACH_MAX} kg each). Give kilograms, without the pallet.",
        field="kg",
    )


def fold(events: Iterable[Event]) -> Consignment:
    """Return the consignment that its history makes. Raises Unknown for an empty history, ValueError for another's."""
    known: Consignment | None = None
    for event in events:
        match event:
            case Consigned() if known is None:
                known = Consignment(event)
            case MaterialReported() if known is not None:
                known = replace(known, report=event, reports=known.reports + 1)
            case _:
                raise ValueError(f"{event.kind} is no event of a consignment here")
    if known is None:
        raise Unknown(
            "no-consignment",
            "この管理票の引き渡しは記録されていません。一覧から選び直してください。",
            "No hand-over under this manifest is recorded. Choose it from the list again.",
        )
    return known
