"""A difference between two counts: open until what resolves it is there. Pure.

Found is proved by a scan since; what no scan proves (replaced, lost, a seal) takes a person who did not find it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from shared.entry import Event
from shared.events.tracking import DiscrepancyFound, DiscrepancyResolved
from shared.refused import Refused

Outcome = Literal["found", "replaced", "lost"]


def another_person(person: str, second: str) -> None:
    """Raise Refused when the second person of a difference is the first one again."""
    if person == second:
        raise Refused(
            "two-persons", "差を確かめるもう一人は、別の人が必要です。", "The second person must be somebody else."
        )


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A difference with who found it."""

    found: DiscrepancyFound
    finder: str
    resolved: DiscrepancyResolved | None = None

    def resolve(
        self,
        outcome: Outcome,
        explanation: str,
        *,
        by: str,
        absent: Sequence[str],
        replacements: Sequence[UUID] = (),
        last_count: int | None = None,
    ) -> DiscrepancyResolved:
        """Close it. `absent` are the labels nobody has scanned since, `last_count` is a lot's newest count."""
        if self.resolved:
            raise Refused("already-resolved", "この差はもう閉じています。", "This discrepancy is already closed.")
        if outcome == "found":
            self._nothing_missing(absent, last_count)
        if by == self.finder and (outcome != "found" or not (self.found.items or self.found.lot)):
            raise Refused(
                "two-persons",
                "読み取りで確かめられない閉じ方は、差を見つけた人とは別の人が行います。別の人に頼んでください。",
                "What no scan proves is closed by another person than the one who found it. Ask a colleague.",
            )
        if outcome == "lost" and self.found.items and not absent:
            raise Refused(
                "nothing-lost",
                "差の機器はすべて読み取られています。「見つかった」で閉じてください。",
                "All items of this difference have been scanned. Close it as found.",
            )
        if len(replacements) != (len(absent) if outcome == "replaced" else 0):
            raise Refused(
                "which-replacement",
                f"取り替えた機器のラベルは、見つからない機器と同じ数（{len(absent)}）だけ入れてください。"
                "ほかの閉じ方では入れません。",
                f"Give one label for each item that is missing ({len(absent)}), and none for another outcome.",
                missing=tuple(absent),
            )
        return DiscrepancyResolved(
            discrepancy=self.found.discrepancy,
            outcome=outcome,
            explanation=explanation,
            replacements=tuple(replacements),
        )

    def _nothing_missing(self, absent: Sequence[str], last_count: int | None) -> None:
        if absent:
            raise Refused(
                "still-missing",
                "差が出てから、まだ読み取っていない機器があります。機器のラベルを先に読み取ってください。",
                "Some items have not been scanned since. Scan their labels first.",
                missing=tuple(absent),
            )
        if self.found.lot and last_count != self.found.expected:
            raise Refused(
                "count-differs",
                f"数え直した記録がありません（前の数え {self.found.expected}、いまの数え {last_count}）。"
                "数え直して記録してから閉じてください。",
                f"It has not been counted again ({self.found.expected} before, {last_count} now). Count it first.",
            )


def fold(entries: Iterable[tuple[Event, str]]) -> Discrepancy:
    """Return the difference that its history (event and person) makes. Raises Refused for an empty one."""
    made: Discrepancy | None = None
    for event, person in entries:
        match event:
            case DiscrepancyFound():
                made = Discrepancy(event, person)
            case DiscrepancyResolved() if made:
                made = replace(made, resolved=event)
            case _:
                raise ValueError(f"{event.kind} is no event of a discrepancy at this point")
    if made is None:
        raise Refused(
            "no-discrepancy",
            "この差は登録されていません。番号を確かめてください。",
            "There is no such discrepancy. Check its number.",
        )
    return made
