"""A cage: loaded, sealed, handed to the carrier, opened at the centre. Pure.

What went in comes out, or the difference has names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.tracking.domain.width import plain
from shared.entry import Event
from shared.events.tracking import CageOpened, CageSealed, SealPhoto
from shared.refused import Refused

CAGE_ITEMS_MAX = 100


@dataclass(frozen=True, slots=True)
class Cage:
    """A cage on one journey."""

    sealed: CageSealed
    opened: CageOpened | None = None

    def hand_over(self, *, gone: bool) -> None:
        """Raise Refused for a cage that was handed over before (`gone`: all in it left in it), or was received."""
        number = self.sealed.number
        if gone:
            raise Refused(
                "already-shipped",
                f"カゴ車 {number} は、もう出庫を記録しています。二重には記録しません。カゴ車の一覧で確かめてください。",
                f"Cage {number} was handed over already; nothing is recorded twice. See the list of cages.",
            )
        if self.opened:
            raise Refused(
                "already-opened",
                f"カゴ車 {number} の入庫はもう確定しています。出庫にはできません。カゴ車の番号を確かめてください。",
                f"Cage {number} was received already and cannot be handed over. Check its number.",
            )

    def open(self, *, seal_seen: str, found: Sequence[UUID], confirmed: bool) -> CageOpened:
        """Compare seal and content. A difference needs a reason and a second person (`confirmed`)."""
        if self.opened:
            raise Refused(
                "already-opened",
                "このカゴ車の入庫はもう確定しています。"
                "あとから見つかった機器は、その機器の入庫として読み取ってください。",
                "This cage was already confirmed. Scan what turns up later as received on its own.",
            )
        missing = tuple(item for item in self.sealed.items if item not in set(found))
        surplus = tuple(item for item in dict.fromkeys(found) if item not in set(self.sealed.items))
        seal_seen = plain(seal_seen)
        matches = seal_seen == plain(self.sealed.seal)
        if not (missing or surplus or matches or confirmed):
            raise Refused(
                "seal-differs",
                "見た封印の番号が、封印したときの番号と違います。"
                "番号を見直し、違うときは差の理由と、確かめたもう一人を入れてください。",
                "The seal is not the one put on. Look again; if it differs, give a reason and a second person.",
            )
        if (missing or surplus) and not confirmed:
            raise Refused(
                "difference",
                f"積んだ{len(self.sealed.items)}台と読み取った{len(set(found))}台が合いません。差の理由と、確かめたもう一人を入れてください。",
                f"{len(self.sealed.items)} loaded, {len(set(found))} scanned. Give a reason and a second person.",
                missing=tuple(str(item) for item in (*missing, *surplus)),
            )
        return CageOpened(
            cage=self.sealed.cage,
            engagement=self.sealed.engagement,
            seal_seen=seal_seen,
            seal_matches=matches,
            expected=len(self.sealed.items),
            found=len(set(found)),
            missing=missing,
            surplus=surplus,
        )


def seal(
    *,
    cage: UUID,
    number: str,
    engagement: UUID,
    seal_number: str,
    items: Sequence[UUID],
    photos: Sequence[SealPhoto] = (),
) -> CageSealed:
    """Decide the sealing of a cage's content."""
    if not items:
        raise Refused(
            "empty-cage",
            "カゴ車が空です。機器を読み取ってから封印してください。",
            "The cage is empty. Scan items first.",
        )
    if len(items) > CAGE_ITEMS_MAX:
        raise Refused(
            "cage-full",
            f"1台のカゴ車は{CAGE_ITEMS_MAX}台までです。分けて積んでください。",
            f"A cage takes {CAGE_ITEMS_MAX} items.",
        )
    return CageSealed(
        cage=cage,
        number=plain(number),
        engagement=engagement,
        seal=plain(seal_number),
        items=tuple(dict.fromkeys(items)),
        photos=tuple(photos),
    )


def fold(events: Iterable[Event]) -> Cage | None:
    """Return the cage that its history makes, None before it was sealed."""
    cage: Cage | None = None
    for event in events:
        match event:
            case CageSealed():
                cage = Cage(event)
            case CageOpened() if cage:
                cage = Cage(cage.sealed, event)
            case _:
                raise ValueError(f"{event.kind} is no event of a cage at this point")
    return cage
