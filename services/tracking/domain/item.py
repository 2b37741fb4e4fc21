"""An item: a device with its media, from the label on it to the certificate. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from services.tracking.domain.width import plain
from shared.entry import Event
from shared.events.tracking import (
    Corrected,
    ItemRegistered,
    LabelBound,
    Medium,
    MediumCorrected,
    Received,
    RecyclingChosen,
    Required,
    RequirementChanged,
    ReuseCandidateNamed,
    ShippedOut,
    TakenOver,
)
from shared.levels import Level, at_least
from shared.refused import Invalid, Refused, Unknown
from shared.serial import is_near

WORDS: Mapping[Level, str] = {
    Level.CLEAR: "Clear（消去）",
    Level.PURGE: "Purge（除去）",
    Level.DESTROY: "Destroy（破壊）",
}


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that must still be proved, in both languages."""

    ja: str
    en: str

    def of(self, what: str) -> "Lack":
        """Return it with the name of what lacks it in front."""
        return Lack(f"{what}　{self.ja}", f"{what} {self.en}")


CORRECTABLE = ("asset_number", "serial", "maker", "model", "department")
MediumField = Literal["serial", "kind", "maker", "model", "capacity_gb"]
CORRECTABLE_OF_MEDIUM: tuple[MediumField, ...] = ("serial", "kind", "maker", "model", "capacity_gb")

LOST = Lack(
    "紛失として記録されています。見つけたら、ラベルを読み取ってください。",
    "reported lost; scan its label when it is found",
)


IN_DOUBT = Lack(
    "この契約の再確認に不合格があり、確かめ直す前です。再確認のページで引かれた媒体を確かめ、すべて合格にしてください。",
    "a re-check in this engagement failed and its lot is in doubt; look at the media drawn on the re-check's page",
)


class EvidenceMissing(Refused):
    """Something may not leave yet; `lacking` says why in both languages, `missing` in Japanese."""

    def __init__(self, lacking: Sequence[Lack]) -> None:
        super().__init__(
            "evidence-missing",
            f"まだ出庫できません。あと{len(lacking)}つ必要です。"
            "消去の報告を追加するか、再確認を済ませるか、消去できない機器として申し出てください。",
            f"Cannot ship yet: {len(lacking)} thing(s) missing. "
            "Add an erasure report, finish the re-check or ask for an exception.",
            missing=tuple(one.ja for one in lacking),
        )
        self.lacking = tuple(lacking)

    @property
    def english(self) -> Refused:
        """The same refusal with its list in English."""
        return Refused(self.code, self.ja, self.en, missing=tuple(one.en for one in self.lacking))


@dataclass(frozen=True, slots=True)
class Item:
    """What is known of an item from its own stream."""

    registered: ItemRegistered
    shipped: ShippedOut | None = None
    received: Received | None = None
    route: Literal["reuse", "recycle"] | None = None
    taken_over: bool = False

    @property
    def media(self) -> tuple[UUID, ...]:
        """The original media."""
        return tuple(medium.id for medium in self.registered.media)

    def correct(self, name: str, now: str | None, reason: str) -> Corrected:
        """Decide that a registered value was wrong. Raises Invalid for another field, and where nothing changes."""
        if name not in CORRECTABLE:
            raise Invalid(
                "not-correctable",
                "この項目は訂正できません。訂正する項目を選び直してください。",
                "This value cannot be corrected. Choose another.",
                field="corrected",
            )
        if (was := getattr(self.registered, name)) == now:
            raise _unchanged()
        return Corrected(item=self.registered.item, field=name, was=was, now=now, reason=reason)

    def correct_medium(
        self, medium: UUID, name: MediumField, now: str | int | None, reason: str, *, proved: bool
    ) -> MediumCorrected:
        """Decide that a registered value of a medium was wrong. `proved`: a report of its erasure counts for it.

        Raises Refused where the report was judged by the old value: it may be another drive's, or prove less.
        """
        known = next((one for one in self.registered.media if one.id == medium), None)
        if known is None:
            raise Invalid(
                "not-its-medium",
                "この媒体はこの機器のものではありません。",
                "This medium does not belong to this item.",
            )
        was = getattr(known, name)
        if was == now:
            raise _unchanged()
        if proved and (name == "kind" or (name == "serial" and not is_near(str(was), str(now)))):
            raise Refused(
                "proved",
                "この媒体には、いまの値で評価した消去の証跡があります。先に消去の確認を「不合格」で記録し、"
                "値を訂正してから、消去し直してください。",
                "A report of this medium's erasure was judged by the old value. Record the re-check as not passed "
                "first, then correct the value and erase again.",
            )
        if name == "serial" and any(one.id != medium and plain(one.serial) == now for one in self.registered.media):
            raise Invalid(
                "number-taken",
                "この機器の、別の記憶媒体の番号です。番号を確かめてください。",
                "This is the number of another medium of this device. Check the number.",
                field="value",
            )
        return MediumCorrected(item=self.registered.item, medium=medium, field=name, was=was, now=now, reason=reason)

    def missing_before_ship_out(
        self, reached: Mapping[UUID, Level], excepted: AbstractSet[UUID], *, doubted: AbstractSet[UUID]
    ) -> tuple[Lack, ...]:
        """Return, in words, what must still be proved before this item may leave the town hall.

        `doubted` are media that a failed re-check put in doubt: what is proved of them does not count until the lot
        stands again. What is crushed is beyond doubt.
        """
        needed = self.registered.required.on_site
        lacking = []
        for medium in self.registered.media:
            proved = reached.get(medium.id)
            if not needed or medium.id in excepted:
                continue
            if not at_least(proved, needed):
                lacking.append(_lack(medium.serial, needed, proved))
            elif medium.id in doubted and proved is not Level.DESTROY:
                lacking.append(Lack(f"{medium.serial}：{IN_DOUBT.ja}", f"{medium.serial}: {IN_DOUBT.en}"))
        return tuple(lacking)

    def ship_out(
        self,
        *,
        cage: UUID,
        seal: str,
        carrier: str,
        vehicle: str | None,
        reached: Mapping[UUID, Level],
        excepted: AbstractSet[UUID],
        doubted: AbstractSet[UUID],
    ) -> ShippedOut:
        """Decide that the item leaves in this cage. Refused with the list of what is missing."""
        if self.shipped:
            raise Refused(
                "already-shipped",
                "この機器はもう出庫しています。カゴ車の内訳を確かめてください。",
                "This item was already shipped out. Check the cage's list.",
            )
        if missing := self.missing_before_ship_out(reached, excepted, doubted=doubted):
            raise EvidenceMissing(missing)
        return ShippedOut(
            item=self.registered.item,
            cage=cage,
            seal=seal,
            carrier=carrier,
            vehicle=vehicle,
            policy_version=self.registered.required.policy_version,
        )

    def receive(self, *, cage: UUID | None, centre: str) -> Received:
        """Record that the centre holds it: a fact, whatever came before."""
        version = self.registered.required.policy_version
        return Received(item=self.registered.item, cage=cage, centre=centre, policy_version=version)

    def name_candidate(self) -> ReuseCandidateNamed:
        """Name the chassis a candidate for a second life."""
        self._at_centre_and_undecided()
        if self.registered.lease:
            raise Refused(
                "leased",
                f"リース機（{self.registered.lease.lessor}）は再生の候補にできません。筐体は貸主へ返してください。",
                "A leased machine cannot be a candidate; its chassis goes back to the lessor.",
            )
        known = self.registered
        return ReuseCandidateNamed(
            item=known.item,
            label=known.label,
            item_kind=known.item_kind,
            maker=known.maker,
            model=known.model,
            media=self.media,
        )

    def choose_recycling(self, reason: str | None) -> RecyclingChosen:
        """Send the chassis to material recycling; a leased one only for the reason that its lessor asked for it."""
        self._at_centre_and_undecided()
        if self.registered.lease and not reason:
            raise Refused(
                "leased",
                f"リース機（{self.registered.lease.lessor}）の筐体は貸主へ返します。"
                "貸主が処分を求めたときは、その文書を理由に入れてください。",
                "A leased chassis goes back to the lessor. If the lessor asked for disposal, give that as the reason.",
            )
        known = self.registered
        return RecyclingChosen(item=known.item, label=known.label, item_kind=known.item_kind, reason=reason)

    def take_over(self) -> TakenOver:
        """Record that the town has the reborn machine in its hands: the town's own count."""
        return TakenOver(item=self.registered.item)

    def _at_centre_and_undecided(self) -> None:
        if not self.received:
            raise Refused(
                "not-received",
                "この機器はまだ入庫していません。入庫を読み取ってから、行き先を決めてください。",
                "This item has not been received yet. Scan it in first.",
            )
        if self.route:
            raise Refused(
                "route-chosen",
                "この機器の行き先はもう決まっています。機器のページで確かめてください。",
                "The route of this item is already chosen. See its page.",
            )


def required_of(media: Sequence[Medium], required: Required) -> Required:
    """Return what is asked of an item with these media; without one nothing is, and its custody ends at its receipt."""
    return required if media else required.model_copy(update={"on_site": None, "at_centre": None})


def fold(events: Iterable[Event]) -> Item:
    """Return the item that its history makes. Raises Unknown for an empty history."""
    item: Item | None = None
    for event in events:
        item = Item(event) if isinstance(event, ItemRegistered) else _next(item, event)
    if item is None:
        raise Unknown(
            "not-registered",
            "この機器は登録されていません。ラベルを確かめて、登録から始めてください。",
            "This item is not registered. Check the label and register it first.",
        )
    return item


def _next(item: Item | None, event: Event) -> Item:  # noqa: PLR0911 - one line an event reads best
    if item is None:
        raise ValueError(f"an item's history begins with its registration, not with {event.kind}")
    match event:
        case RequirementChanged():
            return replace(item, registered=item.registered.model_copy(update={"required": event.required}))
        case Corrected() | MediumCorrected():
            return replace(item, registered=_corrected(item.registered, event))
        case LabelBound():
            known = {"label": event.label, "token_sha256": event.token_sha256}
            return replace(item, registered=item.registered.model_copy(update=known))
        case ShippedOut():
            return replace(item, shipped=event)
        case Received():
            return replace(item, received=item.received or event)
        case ReuseCandidateNamed():
            return replace(item, route="reuse")
        case RecyclingChosen():
            return replace(item, route="recycle")
        case TakenOver():
            return replace(item, taken_over=True)
        case _:
            raise ValueError(f"{event.kind} is no event of an item")


def _corrected(known: ItemRegistered, event: Corrected | MediumCorrected) -> ItemRegistered:
    now = {event.field: event.now}
    if isinstance(event, Corrected):
        return known.model_copy(update=now)
    media = tuple(one.model_copy(update=now) if one.id == event.medium else one for one in known.media)
    return known.model_copy(update={"media": media})


def _unchanged() -> Invalid:
    return Invalid(
        "unchanged",
        "いまの登録と同じです。正しい値を入れてください。",
        "This is what is registered already. Type the right value.",
        field="value",
    )


def _lack(serial: str, needed: Level, proved: Level | None) -> Lack:
    return Lack(
        f"{serial}：{WORDS[needed]}以上の消去の証跡（いまは{WORDS[proved] if proved else '証跡なし'}）",
        f"{serial}: evidence of {needed.value.capitalize()} or more "
        f"(now {proved.value.capitalize() if proved else 'no evidence'})",
    )
