"""What a job asks beyond its town's policy: stricter for one engagement, never looser. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from services.tracking.domain.item import WORDS, Item
from shared.entry import Event
from shared.events.tracking import Assurance, Required, RequirementChanged, RequirementRaised
from shared.levels import Level, at_least
from shared.refused import Invalid


@dataclass(frozen=True, slots=True)
class Raised:
    """The least that a job asks of every medium; the policy's row stands wherever it asks for more."""

    on_site: Level | None = None
    at_centre: Level | None = None
    assurance: Assurance | None = None
    reason: str = ""

    def of(self, required: Required, *, left: bool = False) -> Required:
        """Return what is asked once the job's own rule is added; of an item that has `left`, nothing on site anew."""
        asked = required.model_copy(
            update={
                "on_site": required.on_site if left else _higher(required.on_site, self.on_site),
                "at_centre": _higher(required.at_centre, self.at_centre),
                "assurance": self.assurance or required.assurance,
            }
        )
        return required if asked == required else asked.model_copy(update={"raised": self.reason})

    def change(self, known: Item, *, closed: bool) -> RequirementChanged | None:
        """Decide what this changes for a registered item; None where it asks no more than before, or too late.

        Nothing is asked of an item without media, nor of one whose custody has ended.
        """
        if closed or not known.media:
            return None
        now = known.registered.required
        asked = self.of(now, left=known.shipped is not None or known.received is not None)
        if asked == now:
            return None
        return RequirementChanged(item=known.registered.item, required=asked, reason=self.reason)


def fold(events: Iterable[Event]) -> Raised:
    """Return what a job asks of its own: the newest rule, which no earlier one exceeds."""
    now = Raised()
    for event in events:
        if isinstance(event, RequirementRaised):
            now = Raised(event.on_site, event.at_centre, event.assurance, event.reason)
    return now


def raise_(engagement: UUID, before: Raised, asked: Raised) -> RequirementRaised:
    """Decide a job's rule. Raises Invalid for one that asks nothing new, or in any part less than the one before."""
    if asked.assurance not in (None, "both"):
        raise Invalid(
            "not-stricter",
            "確かめ方は「職員の立会いと証明書」にだけ、厳しくできます。",
            'Of the ways to make sure, only "both" is stricter than the others.',
            field="assurance",
        )
    for now, was, field, place in (
        (asked.on_site, before.on_site, "on_site", "役場で求める水準"),
        (asked.at_centre, before.at_centre, "at_centre", "センターで求める水準"),
    ):
        if was is not None and not at_least(now, was):
            raise Invalid(
                "looser-than-before",
                f"この契約の{place}は、もう{WORDS[was]}以上と決めてあります。下げることはできません。",
                f"This engagement already asks for {was.value.capitalize()} or more there. It cannot be lowered.",
                field=field,
            )
    if before.assurance and not asked.assurance:
        raise Invalid(
            "looser-than-before",
            "この契約の確かめ方は、もう「職員の立会いと証明書」と決めてあります。下げることはできません。",
            "This engagement already asks for both ways to make sure. It cannot be lowered.",
            field="assurance",
        )
    if replace(asked, reason="") == replace(before, reason=""):
        raise Invalid(
            "nothing-raised",
            "いまの決まりと同じです。役場かセンターで求める水準、または確かめ方を選んでください。",
            "This is what is asked already. Choose a level on site or at the centre, or both ways to make sure.",
            field="on_site",
        )
    return RequirementRaised(
        engagement=engagement,
        on_site=asked.on_site,
        at_centre=asked.at_centre,
        assurance=asked.assurance,
        reason=asked.reason,
    )


def _higher(asked: Level | None, least: Level | None) -> Level | None:
    return least if least is not None and not at_least(asked, least) else asked
