"""What the tests of refurb start from: a registered chassis, a candidate, a centre with its engagement."""

from datetime import date
from typing import Any
from uuid import UUID

from shared.entry import By, Entry
from shared.events.donations import HandedOver, Returned
from shared.events.tracking import (
    EngagementOpened,
    ItemRegistered,
    Medium,
    MediumCleared,
    MediumReopened,
    PartyAdded,
    RecyclingChosen,
    Required,
    ReuseCandidateNamed,
)
from shared.ids import derived, new_label, uuid7
from shared.levels import Level
from shared.testing import CENTRE, NOW, OTHER_TOWN, TOWN, recorded

REFURBISHER = By(person="refurbisher", party=CENTRE)
ENGAGEMENT, OTHER_ENGAGEMENT = uuid7(), uuid7()
OTHER_CENTRE = "centre-other"


def parties() -> list[Entry[Any]]:
    return [
        recorded(PartyAdded(party=TOWN, party_kind="town", name="最上町", contact="0233-43-2261"), tenant=TOWN),
        recorded(
            PartyAdded(party=CENTRE, party_kind="centre", name="ITADセンター", contact="043-000-0000"), tenant=CENTRE
        ),
        *(
            recorded(
                EngagementOpened(
                    engagement=engagement,
                    town=town,
                    centre=centre,
                    title="再生",
                    contract="R3-1",
                    starts_on=date(2020, 1, 1),
                    ends_on=date(2099, 12, 31),
                    certificate_days=43,
                ),
                tenant=town,
            )
            for engagement, town, centre in (
                (ENGAGEMENT, TOWN, CENTRE),
                (OTHER_ENGAGEMENT, OTHER_TOWN, OTHER_CENTRE),
            )
        ),
    ]


def registered(*, tenant: str = TOWN, media: int = 1, kind: Any = "desktop", maker: str = "Fuji") -> Entry[Any]:
    item = uuid7()
    return recorded(
        ItemRegistered(
            item=item,
            label=new_label(),
            engagement=ENGAGEMENT if tenant == TOWN else OTHER_ENGAGEMENT,
            item_kind=kind,
            maker=maker,
            model="D-74",
            zone="mynumber",
            confidentiality="3",
            media=tuple(
                Medium(id=derived(item, f"medium:{nth}"), kind="hdd", serial=f"OLD-{str(item)[-4:]}-{nth}")
                for nth in range(media)
            ),
            required=Required(
                media_class=1, at_centre=Level.DESTROY, assurance="onsite_erase_plus_certificate", policy_version="1"
            ),
        ),
        stream=item,
        tenant=tenant,
    )


def named(known: Entry[Any]) -> Entry[Any]:
    e = known.event
    return recorded(
        ReuseCandidateNamed(
            item=e.item,
            label=e.label,
            item_kind=e.item_kind,
            maker=e.maker,
            model=e.model,
            media=tuple(medium.id for medium in e.media),
        ),
        stream=e.item,
        sequence=2,
        tenant=known.tenant,
    )


def to_material(known: Entry[Any]) -> Entry[Any]:
    e = known.event
    return recorded(
        RecyclingChosen(item=e.item, label=e.label, item_kind=e.item_kind),
        stream=e.item,
        sequence=2,
        tenant=known.tenant,
    )


def cleared(known: Entry[Any], nth: int = 0, *, sequence: int = 1, at: Any = NOW) -> Entry[Any]:
    medium: UUID = known.event.media[nth].id
    event = MediumCleared(item=known.event.item, medium=medium, media_open=0)
    return recorded(event, stream=derived(medium, "clearance"), sequence=sequence, tenant=known.tenant, at=at)


def handed_over(known: Entry[Any], *, at: Any = NOW) -> Entry[Any]:
    event = HandedOver(
        call=uuid7(), application=uuid7(), receipt="063622-0001", category="hamlet", items=(known.event.item,)
    )
    return recorded(event, stream=uuid7(), tenant=known.tenant, at=at)


def given_back(known: Entry[Any], *, at: Any = NOW) -> Entry[Any]:
    event = Returned(
        call=uuid7(), application=uuid7(), receipt="063622-0001", items=(known.event.item,), reason="unused"
    )
    return recorded(event, stream=uuid7(), tenant=known.tenant, at=at)


def reopened(known: Entry[Any], nth: int = 0, *, sequence: int = 2, at: Any = NOW) -> Entry[Any]:
    medium: UUID = known.event.media[nth].id
    event = MediumReopened(item=known.event.item, medium=medium, reason="evidence-withdrawn")
    return recorded(event, stream=derived(medium, "clearance"), sequence=sequence, tenant=known.tenant, at=at)
