"""The plan of the work: the steps that chassis of an engagement go through, in order, before their delivery. Pure.

The pilot's (Mogami town × Sofmap, 2021) stands where nothing else was said: new SSD, operating system, cleaning,
support, delivery. An order keeps the plan of the day it was accepted on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.entry import Event
from shared.events.refurb import PlanSet, PlanStep
from shared.refused import Refused

SSD, OS = "ssd", "os"  # steps that do something of their own: the first ties a medium, and undoes both
STANDARD: tuple[PlanStep, ...] = (
    PlanStep(code=SSD, ja="SSD換装", en="SSD swapped"),
    PlanStep(code=OS, ja="OS導入", en="OS installed"),
    PlanStep(code="cleaning", ja="クリーニング", en="Cleaned"),
    PlanStep(code="support", ja="サポート設定", en="Support set"),
)
DELIVERY = PlanStep(code="delivery", ja="納品", en="Delivered")  # ends every plan
KNOWN = {one.code: one for one in (*STANDARD, DELIVERY)}
STEPS_MAX = 12
WORD_MAX = 40  # characters: it stands on a button
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of an engagement as they stand."""

    engagement: UUID
    steps: tuple[PlanStep, ...] = STANDARD

    def set(self, steps: Sequence[PlanStep]) -> PlanSet:
        """Decide the steps from now on. Raises Refused for a plan that cannot be worked by, or that stands already."""
        given = tuple(KNOWN.get(one.code, one) for one in steps)  # a known step keeps its word
        if not 1 <= len(given) <= STEPS_MAX:
            raise _no(f"工程は1つから{STEPS_MAX}までにしてください。", f"A plan has 1 to {STEPS_MAX} steps.")
        codes = [one.code for one in given]
        if wrong := [one.code for one in given if not _CODE.fullmatch(one.code)]:
            raise _no(
                f"記号「{wrong[0]}」は使えません。小文字の英字、数字、ハイフンで、40字までにしてください。",
                f'The code "{wrong[0]}" cannot be used: lower-case letters, digits and hyphens, at most 40.',
            )
        if len(set(codes)) < len(codes):
            raise _no("同じ記号の工程が2つあります。1つにしてください。", "Two steps have the same code. Keep one.")
        if DELIVERY.code in codes:
            raise _no(
                "納品は、いつも最後の工程です。書かないでください。",
                "Delivery is always the last step: do not list it.",
            )
        if any(not word.strip() or len(word) > WORD_MAX for one in given for word in (one.ja, one.en)):
            raise _no(
                f"工程の名前は1字から{WORD_MAX}字までにしてください。",
                f"The name of a step has 1 to {WORD_MAX} characters.",
            )
        if SSD in codes and OS in codes[: codes.index(SSD)]:
            raise _no(
                "「OS導入」は「SSD換装」の後にしてください。換装するとOSは消えます。",
                '"OS installed" must come after "SSD swapped": a new medium is empty.',
            )
        if given == self.steps:
            raise Refused(
                "plan-stands",
                "この工程のとおりに、もうなっています。",
                "The plan says so already.",
            )
        return PlanSet(engagement=self.engagement, steps=given)


def fold(engagement: UUID, events: Sequence[Event]) -> Plan:
    """Return the plan that an engagement's history makes; the pilot's for an empty one."""
    said = [event for event in events if isinstance(event, PlanSet)]
    return Plan(engagement, said[-1].steps) if said else Plan(engagement)


def named(code: str, steps: Sequence[PlanStep]) -> PlanStep:
    """Return a step of a plan, or the delivery, by its code. Raises Refused for another."""
    for one in (*steps, DELIVERY):
        if one.code == code:
            return one
    words = "」「".join(one.ja for one in steps)
    raise Refused(
        "no-such-step",
        f"この機器の工程に「{code}」はありません。工程は「{words}」「{DELIVERY.ja}」です。画面を読み直してください。",
        f'There is no step "{code}" for this device. Its steps are: {", ".join(one.en for one in (*steps, DELIVERY))}.',
        field="step",
    )


def _no(ja: str, en: str) -> Refused:
    return Refused("bad-plan", ja, en, field="steps")
