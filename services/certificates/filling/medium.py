"""What both certificates of one storage medium say of it, and who stood by when it was treated."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from services.certificates.document.inputs import Person
from services.certificates.filling.head import text
from services.certificates.filling.people import named, validators
from services.certificates.filling.proved import about, medium_type
from services.certificates.views import Facts
from shared.entry import Entry
from shared.events.erasure import ErasureVerified, WitnessRecorded

ITEM_KINDS = {"notebook": "ノートパソコン", "desktop": "デスクトップパソコン", "loose-drive": "記憶媒体"}
ZONES = {"mynumber": "個人番号利用事務系", "lgwan": "LGWAN接続系", "internet": "インターネット接続系"}
ASSURANCES = {
    "witnessed": "職員の立会い",
    "onsite_erase_plus_certificate": "庁舎での消去と完了証明書",
    "both": "職員の立会いと完了証明書",
}
WITNESSES_MAX = 3  # of an engagement, the latest: the page has room for so many


def medium_facts(facts: Facts, event: Any) -> dict[str, Any]:
    """Return the fields that both kinds have, by name; `event` is the cited one.

    The serial is the cited entry's, which the log proves; where the register was corrected since, both are said.
    """
    item = facts.registered
    medium = next(one for one in item.media if one.id == event.medium)
    return {
        "medium": str(event.medium),
        "manufacturer": text(medium.maker),
        "model": text(medium.model),
        "serial": event.serial,
        "serial_corrected": text(medium.serial) if medium.serial != event.serial else None,
        "media_type": medium_type(medium),
        "media_source": text(" ".join(filter(None, (ITEM_KINDS[item.item_kind], item.maker, item.model)))),
        "confidentiality_before": f"機密性{item.confidentiality}（{ZONES[item.zone]}）",
        "technique": event.technique,
        "assurance": ASSURANCES[item.required.assurance],
    }


def last_look(facts: Facts, medium: UUID) -> Entry[ErasureVerified] | None:
    """Return the last re-check of a medium by somebody who is not the wiper."""
    looks: list[Entry[ErasureVerified]] = sorted(about(facts, ErasureVerified, medium), key=lambda one: one.sequence)
    return looks[-1] if looks else None


def verifier(facts: Facts, medium: UUID, place: str) -> Iterable[Person]:
    """Name who looked again and found the medium empty, if anybody did."""
    look = last_look(facts, medium)
    if look and look.event.passed:
        signed = f"再確認：{look.event.method}"
        yield named(facts, "verified", look.event.verifier, look.occurred_at, place, signed=signed)


def accepted(facts: Facts, shared: dict[str, Any]) -> Iterable[Person]:
    """Name who of the town said whether the certificate is accepted that this one replaces: it itself is new."""
    replaced = shared["replaces"]
    return (
        person
        for person in validators(facts, *([replaced.number] if replaced else []))
        if replaced and person.signed and person.signed.startswith(f"{replaced.number} ")
    )


def witnesses(cited: Entry[Any], facts: Facts, place: str) -> Iterable[Person]:
    """Name the one whom the entry names, then those who stood by on the engagement before, the latest few."""
    event = cited.event
    if event.witness:
        yield named(facts, "witness", event.witness, cited.occurred_at, place)
    stood = {
        seen.event.witness: seen.event
        for seen in facts.entries
        if isinstance(seen.event, WitnessRecorded)
        and seen.event.witness != event.witness
        and seen.event.began_at <= cited.occurred_at
    }
    for one in sorted(stood.values(), key=lambda one: one.began_at)[-WITNESSES_MAX:]:
        yield named(facts, "witness", one.witness, one.began_at, one.place)
