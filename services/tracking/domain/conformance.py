"""What a fact breaks: read from an item's history in order of occurrence, whatever arrived first. Pure.

A fact cannot be refused: it happened. It is recorded, and what it breaks is derived anew whenever more is known: a
capture that comes late may explain it, or break what looked well.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple
from uuid import UUID

from services.tracking.domain.custody import RECEIVED, Seen, reached
from services.tracking.domain.item import Lack
from shared.events.tracking import ItemRegistered
from shared.levels import Level, at_least

Code = Literal[
    "not-shipped-out", "another-centre", "level-not-proved", "another-cage", "after-custody", "while-lost", "not-ready"
]

REGISTERED, CHANGED = "tracking.item-registered.v1", "tracking.requirement-changed.v1"
SHIPPED_OUT, CAGE_OPENED = "tracking.shipped-out.v1", "tracking.cage-opened.v1"
EXCEPTED, CLOSED = "tracking.exception-approved.v1", "tracking.custody-closed.v1"
LOST, FOUND = "tracking.loss-reported.v1", "tracking.loss-ended.v1"
READY, TAKEN_OVER = "refurb.ready.v1", "tracking.taken-over.v1"

ONCE = frozenset({RECEIVED, TAKEN_OVER})  # what happens once: of several captures the earliest stands
# The journey's order: of two things at one moment, what belongs first counts as first. Nothing else bears on a fact.
JOURNEY: tuple[str, ...] = (
    REGISTERED,
    CHANGED,
    "erasure.medium-erased.v1",
    "erasure.erasure-failed.v1",
    "erasure.medium-destroyed.v1",
    EXCEPTED,
    SHIPPED_OUT,
    CAGE_OPENED,
    FOUND,
    RECEIVED,
    READY,
    TAKEN_OVER,
    "erasure.erasure-verified.v1",
    CLOSED,
    LOST,
)

WORDS: Mapping[Code, Lack] = {
    "not-shipped-out": Lack(
        "出庫の記録がないまま入庫しました。積んだカゴ車と、渡した日を確かめてください。",
        "Received without having been shipped out. Check which cage it was loaded into, and when it was handed over.",
    ),
    "another-centre": Lack(
        "契約と違うセンターで入庫しました。どこへ送ったかを、町と確かめてください。",
        "Received at a centre that is not the engagement's. Ask the town where it was sent.",
    ),
    "level-not-proved": Lack(
        "役場で求める水準の証跡がないまま、役場を出ました。消去の報告を追加してください。",
        "It left the town hall without proof of the level required there. Add the erasure report.",
    ),
    "another-cage": Lack(
        "積んだ記録のないカゴ車から出てきました。積み込みの記録を確かめてください。",
        "It came out of a cage it was not loaded into. Check what was loaded.",
    ),
    "after-custody": Lack(
        "終了したあとに入庫しました。ラベルを貼り違えていないか確かめてください。",
        "Received after its custody had ended. Check that the label is on the right device.",
    ),
    "while-lost": Lack(
        "紛失として記録されている間に読み取りました。紛失のページで確かめてください。",
        "Scanned while it was reported lost. See the page of the loss.",
    ),
    "not-ready": Lack(
        "再生完了の記録がないまま、町が受け取りました。センターに再生の記録を確かめてください。",
        "Taken over by the town without being refurbished. Ask the centre for its records.",
    ),
}


class Breach(NamedTuple):
    """One thing that one recorded fact breaks."""

    entry: UUID
    code: Code


class Subject(NamedTuple):
    """What was registered of an item, as far as a fact may break it."""

    engagement: UUID
    media: tuple[UUID, ...]
    on_site: Level | None

    @classmethod
    def of(cls, registered: ItemRegistered) -> "Subject":
        """Take what bears on it."""
        return cls(registered.engagement, tuple(one.id for one in registered.media), registered.required.on_site)


def breaches(subject: Subject, history: Iterable[Seen], centre: str | None) -> list[Breach]:
    """Return what the facts of an item break; `centre` is its engagement's, None while that is not known."""
    told = [one for one in history if one.kind in JOURNEY]
    told.sort(key=lambda one: (one.occurred_at, JOURNEY.index(one.kind), one.entry))
    found: list[Breach] = []
    for kind in (RECEIVED, TAKEN_OVER):
        nth = next((n for n, one in enumerate(told) if one.kind == kind), None)
        if nth is None:
            continue
        codes = _received(subject, told, nth, centre) if kind == RECEIVED else _taken_over(told, nth)
        found += [Breach(told[nth].entry, code) for code in codes]
    return found


def _received(subject: Subject, told: Sequence[Seen], nth: int, centre: str | None) -> list[Code]:
    fact, before = told[nth], told[:nth]
    kinds = {one.kind for one in before}
    left = next((n for n, one in enumerate(before) if one.kind == SHIPPED_OUT), nth)
    shipped = before[left].cage if left < nth else None
    surplus = any(one.kind == CAGE_OPENED for one in told)  # an item is seen in an opening when it was too many there
    broken: dict[Code, bool] = {
        "not-shipped-out": left == nth,
        "another-centre": bool(centre) and fact.party != centre,
        "level-not-proved": not _proved(subject, told, left),
        "another-cage": surplus or bool(shipped and fact.cage and fact.cage != shipped),
        "after-custody": CLOSED in kinds,
        "while-lost": _lost(told, nth),
    }
    return [code for code, so in broken.items() if so]


def _taken_over(told: Sequence[Seen], nth: int) -> list[Code]:
    broken: dict[Code, bool] = {
        "while-lost": _lost(told, nth),
        "not-ready": all(one.kind != READY for one in told[:nth]),
    }
    return [code for code, so in broken.items() if so]


def _proved(subject: Subject, told: Sequence[Seen], left: int) -> bool:
    """Tell whether each medium was proved or excepted when it left.

    What counts back: a re-check that finds data, and a later table's grade of a report that was there.
    """
    before = told[:left]
    changed = next((one.required for one in reversed(before) if one.required), None)
    on_site = changed.on_site if changed else subject.on_site
    excepted: AbstractSet[UUID | None] = {one.medium for one in before if one.kind == EXCEPTED}
    levels = reached(one for n, one in enumerate(told) if n < left or one.disproved or one.regrades)
    return on_site is None or all(
        medium in excepted or at_least(levels.get(medium), on_site) for medium in subject.media
    )


def _lost(told: Sequence[Seen], nth: int) -> bool:
    """Tell whether it was reported lost then, and nobody has confirmed since that it is found."""
    last = next((one.kind for one in reversed(told[:nth]) if one.kind in (LOST, FOUND)), None)
    return last == LOST and all(one.kind != FOUND for one in told[nth:])
