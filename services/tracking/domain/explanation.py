"""Explaining what a recorded fact breaks and nothing that is heard takes back: by a person, and never erased. Pure.

The flag is derived and stays; an explanation stands beside it for this one fact. When an earlier capture turns out to
be the fact, its flag is another one, and open again.
"""

from collections.abc import Collection
from uuid import UUID

from services.tracking.domain.conformance import Breach, Code
from services.tracking.domain.discrepancy import another_person
from shared.events.tracking import BreachExplained
from shared.refused import Invalid, Refused

# Where data may have gone another way than the policy's, two people look, as they do at a difference between counts.
BY_TWO: frozenset[Code] = frozenset(
    {"not-shipped-out", "another-centre", "level-not-proved", "another-cage", "while-lost"}
)


def explain(
    item: UUID, breach: Breach, standing: Collection[Breach], *, reason: str, by: str, recorder: str, second: str | None
) -> BreachExplained:
    """Decide an explanation; `standing` is what the item's facts break as far as is known, `recorder` who captured it.

    Raises Refused for what breaks nothing, Invalid where a second person is needed: nobody explains their own alone.
    """
    if breach not in standing:
        raise Refused(
            "no-breach",
            "この記録には、いまは合わないところがありません。ページを読み直して確かめてください。",
            "Nothing is wrong with this record any more. Reload the page and look again.",
        )
    if second:
        another_person(by, second)
    elif breach.code in BY_TWO or by == recorder:
        raise Invalid(
            "second-needed",
            "この説明には、確かめたもう一人が必要です。名簿から選んでください。",
            "This explanation needs a second person who looked. Choose one from the directory.",
            field="second",
        )
    return BreachExplained(item=item, fact=breach.entry, code=breach.code, reason=reason, second=second)
