"""What the tests of certificates start from: a town, a centre, machines with their stories, a log that proves them."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from services.certificates.tests.sample import PHOTOS
from services.tracking.log import merkle
from services.tracking.log.note import Checkpoint, NoteSigner
from shared import blobs
from shared.entry import By, Entry, Event
from shared.events.erasure import (
    ErasureFailed,
    ErasureVerified,
    Evidence,
    MediumDestroyed,
    MediumErased,
    Photo,
    Reason,
    WitnessRecorded,
)
from shared.events.tracking import (
    ClosedStep,
    CustodyClosed,
    EngagementOpened,
    ItemRegistered,
    Medium,
    PartyAdded,
    PolicyRow,
    PolicySet,
    Received,
    Required,
)
from shared.ids import new_label, uuid7
from shared.levels import Level
from shared.messaging import Notice
from shared.testing import CENTRE, NOW, OTHER_TOWN, TOWN, WORKER, recorded

ENGAGEMENT, OTHER_ENGAGEMENT = uuid7(), uuid7()
OTHER_CENTRE = "centre-elsewhere"
DAYS = 43
BEFORE = NOW - timedelta(days=10)


def parties() -> list[Entry[Any]]:
    told: list[tuple[str, Event]] = [
        (TOWN, PartyAdded(party=TOWN, party_kind="town", name="最上町", contact="0233-43-2261")),
        (OTHER_TOWN, PartyAdded(party=OTHER_TOWN, party_kind="town", name="別の町")),
        (CENTRE, PartyAdded(party=CENTRE, party_kind="centre", name="ソフマップ ITADセンター")),
        (OTHER_CENTRE, PartyAdded(party=OTHER_CENTRE, party_kind="centre", name="別のセンター")),
        (TOWN, opened(ENGAGEMENT, TOWN, CENTRE)),
        (OTHER_TOWN, opened(OTHER_ENGAGEMENT, OTHER_TOWN, OTHER_CENTRE)),
        (TOWN, policy(TOWN)),
        (OTHER_TOWN, policy(OTHER_TOWN)),
    ]
    return [recorded(event, tenant=tenant, at=BEFORE) for tenant, event in told]


def opened(engagement: UUID, town: str, centre: str) -> EngagementOpened:
    return EngagementOpened(
        engagement=engagement,
        town=town,
        centre=centre,
        title="リユースPC地域再利用事業",
        contract="R3-情企-14",
        starts_on=date(2020, 1, 1),
        ends_on=date(2099, 12, 31),
        certificate_days=DAYS,
    )


def policy(town: str) -> PolicySet:
    row = PolicyRow(zone="mynumber", confidentiality="3", media_class=1, assurance="onsite_erase_plus_certificate")
    return PolicySet(town=town, version="第1版", source="総務省ガイドライン R2.12", rows=(row,))


def card(person: str = "worker", party: str = CENTRE, name: str | None = "髙﨑 亮", title: str = "作業主任") -> Notice:
    """A card of the directory; None is a tombstone."""
    body = json.dumps({"name": name, "title": title, "roles": ["worker"]}).encode() if name else b""
    return Notice(uuid7(), "people", party, f"people.{party}.{person}", body)


@dataclass(slots=True)
class Machine:
    """One machine and what is told of it, entry by entry."""

    registered: Entry[Any]
    tenant: str = TOWN

    @classmethod
    def new(cls, *, media: int = 1, tenant: str = TOWN, **changed: Any) -> "Machine":
        item = uuid7()
        told = ItemRegistered(
            item=item,
            label=new_label(),
            engagement=ENGAGEMENT if tenant == TOWN else OTHER_ENGAGEMENT,
            item_kind="desktop",
            maker="ミナト電機",
            model="MD-7100",
            serial="MD71K30024",
            asset_number="R02-0031",
            zone="mynumber",
            confidentiality="3",
            media=tuple(
                Medium(id=uuid7(), kind="hdd", serial=f"TS{str(item)[-6:]}-{n}", maker="東野精機", capacity_gb=500)
                for n in range(media)
            ),
            required=Required(
                media_class=1,
                on_site=Level.PURGE,
                at_centre=Level.DESTROY,
                assurance="onsite_erase_plus_certificate",
                policy_version="第1版",
            ),
        ).model_copy(update=changed)
        return cls(recorded(told, stream=item, tenant=tenant, at=BEFORE), tenant)

    @property
    def item(self) -> ItemRegistered:
        event: ItemRegistered = self.registered.event
        return event

    def number(self, letter: str = "D", nth: int = 1) -> str:
        label = self.item.label
        return f"{letter}-{label[:4]}-{label[4:8]}-{label[8:]}" + (f"-{nth}" if nth > 1 else "")

    @classmethod
    def erased_only(cls, **changed: Any) -> "Machine":
        """A machine whose media need not be destroyed: class 2 of the guideline."""
        required = Required(
            media_class=2,
            on_site=Level.CLEAR,
            at_centre=Level.PURGE,
            assurance="onsite_erase_plus_certificate",
            policy_version="第1版",
        )
        told: dict[str, Any] = {"zone": "lgwan", "confidentiality": "2", "required": required}
        return cls.new(**(told | changed))

    def erased(
        self,
        nth: int = 0,
        level: Level = Level.PURGE,
        *,
        sequence: int = 1,
        place: Literal["on-site", "centre"] = "on-site",
    ) -> Entry[Any]:
        medium = self.item.media[nth]
        event = MediumErased(
            medium=medium.id,
            item=self.item.item,
            label=self.item.label,
            serial=medium.serial,
            technique="ATA SANITIZE OVERWRITE EXT",
            achieved=level,
            required=Level.PURGE,
            sufficient=level >= Level.PURGE,
            reasons=(Reason(code="done", ja="完了", en="done"),),
            table_version="1",
            evidence=Evidence(sha256="ab" * 32, filename="nwipe.log", tool="nwipe", tool_version="0.37"),
            operator="worker",
            place=place,
        )
        return self._told(event, medium.id, sequence, BEFORE + timedelta(days=sequence))

    def looked_at(self, *, passed: bool, sequence: int = 2, nth: int = 0) -> Entry[Any]:
        """Somebody else's re-check of a medium."""
        medium = self.item.media[nth].id
        look = ErasureVerified(medium=medium, item=self.item.item, verifier="abe", method="読み直し", passed=passed)
        return self._told(look, medium, sequence, BEFORE + timedelta(days=sequence))

    def regraded(self, of: Entry[Any], level: Level | None, *, sequence: int = 2) -> Entry[Any]:
        """A later table's judgement of a report: another level, or none at all."""
        said = {"table_version": "2", "regrades": of.id}
        if level:
            event: Any = of.event.model_copy(update=said | {"achieved": level, "sufficient": level >= Level.PURGE})
        else:
            shared = of.event.model_dump(include=set(ErasureFailed.model_fields) & set(MediumErased.model_fields))
            event = ErasureFailed(**(shared | said))
        return self._told(event, of.stream, sequence, BEFORE + timedelta(days=sequence))

    def received(self, at: datetime = NOW - timedelta(days=1)) -> Entry[Any]:
        return self._told(Received(item=self.item.item, centre=CENTRE), self.item.item, 4, at)

    def destroyed(self, nth: int = 0, **changed: Any) -> Entry[Any]:
        medium = self.item.media[nth]
        event = MediumDestroyed(
            medium=medium.id,
            item=self.item.item,
            label=self.item.label,
            serial=medium.serial,
            technique="crush",
            machine="粉砕機 2号",
            photos=(
                Photo(sha256=sha256(PHOTOS[0]).hexdigest(), role="before", taken_at=NOW - timedelta(minutes=2)),
                Photo(sha256=sha256(PHOTOS[1]).hexdigest(), role="after", taken_at=NOW),
            ),
            operator="worker",
            witness="witness",
        ).model_copy(update=changed)
        return self._told(event, medium.id, 3, NOW)

    def closed(self, *known: Entry[Any], certificates: Sequence[str]) -> Entry[Any]:
        """Custody closed over the steps that these entries are."""
        words = {"item-registered": "registered", "medium-erased": "erased", "received": "received"}
        words["medium-destroyed"] = "destroyed"
        steps = [
            ClosedStep(step=words[one.kind.split(".")[1]], occurred_at=one.occurred_at, entry=one.id) for one in known
        ]
        steps.append(ClosedStep(step="closed", occurred_at=NOW))
        event = CustodyClosed(
            item=self.item.item, label=self.item.label, steps=tuple(steps), certificates=tuple(certificates)
        )
        return self._told(event, uuid7(), 1, NOW)

    def _told(self, event: Event, stream: UUID, sequence: int, at: datetime) -> Entry[Any]:
        return recorded(event, stream=stream, sequence=sequence, tenant=self.tenant, by=WORKER, at=at)


def stood_by(person: str = "witness") -> Entry[Any]:
    event = WitnessRecorded(engagement=ENGAGEMENT, witness=person, place="最上町役場", began_at=BEFORE)
    return recorded(event, by=By(person=person, party=TOWN), at=BEFORE)


@dataclass(slots=True)
class Log:
    """Tracking's log, in memory: it grows by a round, and tells of it as tracking does."""

    signer: NoteSigner = field(default_factory=lambda: NoteSigner.new("meguru.example/log"))
    beside: NoteSigner | None = None  # signs, too: the old key in an overlap
    leaves: list[bytes] = field(default_factory=list)

    def notice(self, *entries: Entry[Any], tenant: str = TOWN) -> Notice:
        """Integrate the entries in one round and return the notice of it."""
        first = len(self.leaves)
        self.leaves += [merkle.leaf_hash(entry.digest) for entry in entries]
        tree = merkle.in_memory(self.leaves)
        size = len(self.leaves)
        note = self.signer.sign(str(Checkpoint(self.signer.name, size, merkle.root(tree, size))))
        note = self.beside.cosign(note) if self.beside else note
        leaves = [
            {
                "entry": str(entry.id),
                "index": first + n,
                "path": [b64encode(step).decode() for step in merkle.inclusion(tree, first + n, size)],
            }
            for n, entry in enumerate(entries)
        ]
        body = json.dumps({"checkpoint": note, "leaves": leaves}).encode()
        return Notice(uuid7(), "notice.tracking.logged.v1", tenant, f"notice.{tenant}.tracking.logged.v1", body)


async def keep_photos(tenant: str = TOWN) -> None:
    """Put the photos where erasure leaves them."""
    for photo in PHOTOS:
        await blobs.put(tenant, photo)
