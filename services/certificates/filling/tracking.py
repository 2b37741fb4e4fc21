"""Fills the tracking certificate (追跡証明書): the steps of one item, and what the policy asked."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from services.certificates.document import words
from services.certificates.document.inputs import MediumLine, Method, Person, Requirement, Step, TrackingInput
from services.certificates.domain.number import parse_number
from services.certificates.filling.head import text
from services.certificates.filling.medium import ITEM_KINDS
from services.certificates.filling.people import validators
from services.certificates.filling.proved import about, level_of, medium_type, reached
from services.certificates.views import Facts
from shared.entry import Entry
from shared.events.erasure import MediumDestroyed, MediumErased
from shared.events.tracking import CustodyClosed, ExceptionApproved
from shared.levels import Level, at_least

VALIDATED_MAX = 8  # lines of the page; the latest
TOWN_STEPS = ("registered", "shipped-out")


def tracking(cited: Entry[Any], facts: Facts, shared: dict[str, Any]) -> TrackingInput:
    """Return the input of the certificate of one item's whole way."""
    event: CustodyClosed = cited.event
    item = facts.registered
    crushed = any(step.step == "destroyed" for step in event.steps)  # what comes after the end is not of this paper
    return TrackingInput(
        **shared,
        item_kind=ITEM_KINDS[item.item_kind],
        manufacturer=text(item.maker),
        model=text(item.model),
        serial=text(item.serial),
        media=tuple(
            MediumLine(
                media_type=medium_type(one),
                serial=one.serial,
                method=_method(reached(facts, one, crushed=crushed)),
                certificate=_certificate(facts, one.id, event.certificates),
            )
            for one in item.media
        ),
        steps=tuple(_step(one, cited, facts) for one in event.steps),
        certificates=event.certificates,
        requirements=tuple(_requirements(facts, shared, crushed=crushed)),
        people=(_certifier(shared), *_validated(facts, shared)),
    )


def _certifier(shared: dict[str, Any]) -> Person:
    """Name the centre that certifies; no person signs, so none is named."""
    return Person(role="issued", on=shared["issued_at"].astimezone(words.JST).date(), place=shared["issuer"])


def _validated(facts: Facts, shared: dict[str, Any]) -> Sequence[Person]:
    replaced = shared["replaces"]
    return tuple(validators(facts, *([replaced.number] if replaced else [])))[-VALIDATED_MAX:]


def _step(one: Any, cited: Entry[Any], facts: Facts) -> Step:
    town, centre = facts.parties[facts.engagement.town], facts.parties[facts.engagement.centre]
    told = next((e for e in facts.entries if e.id == one.entry), None)
    index = facts.places.get(cited.id if one.step == "closed" else one.entry)
    place = evidence = None
    match told.event if told else None:
        case MediumErased() as erased:
            place = town if erased.place == "on-site" else centre
            evidence = text(f"{level_of(erased)}　{erased.technique}　{erased.evidence.filename}")
        case MediumDestroyed() as destroyed:
            place = centre
            evidence = text(f"{words.TECHNIQUES[destroyed.technique][0]}　写真 {len(destroyed.photos)}枚")
        case None if one.step in TOWN_STEPS:
            place = town
        case _ if one.step == "received":
            place = centre
        case _:
            pass
    return Step(
        step=one.step,
        occurred_at=one.occurred_at,
        place=place,
        holder=_holder(one.step, place, facts),
        evidence=evidence,
        log_index=index,
    )


def _holder(step: str, place: str | None, facts: Facts) -> str | None:
    """Name who had the item after the step, as the steps themselves say."""
    carrier = facts.engagement.carrier
    return facts.parties.get(carrier) if step == "shipped-out" and carrier else place


def _certificate(facts: Facts, medium: UUID, counted: Sequence[str]) -> str | None:
    """Return the certificate of a medium that stands: one that closed custody, or was issued in such a one's place."""
    firsts = {parse_number(number).first for number in counted}
    return next((one for one in facts.numbers.get(medium, ()) if parse_number(one).first in firsts), None)


def _method(level: Level | None) -> Method | None:
    return level.value if level else None


def _requirements(facts: Facts, shared: dict[str, Any], *, crushed: bool) -> Iterable[Requirement]:
    item = facts.registered
    required = item.required
    if required.on_site:
        short = [one for one in item.media if not at_least(reached(facts, one, on_site=True), required.on_site)]
        excepted = [one for one in short if about(facts, ExceptionApproved, one.id)]
        level = words.METHODS[required.on_site]
        if excepted:
            yield Requirement(
                ja=f"庁舎で {level[0]} 以上（{len(excepted)}個は承認された例外）",
                en=f"{level[1]} or better on site ({len(excepted)} approved exception(s))",
                met=len(short) == len(excepted),
            )
        else:
            yield Requirement(ja=f"庁舎で {level[0]} 以上", en=f"{level[1]} or better on site", met=not short)
    if required.at_centre:
        level = words.METHODS[required.at_centre]
        met = all(at_least(reached(facts, one, crushed=crushed), required.at_centre) for one in item.media)
        yield Requirement(ja=f"委託先で {level[0]} 以上", en=f"{level[1]} or better at the contractor", met=met)
    if due := shared["due_on"]:
        day = shared["issued_at"].astimezone(words.JST).date()
        yield Requirement(ja="提出期限までに発行", en="Issued by the deadline", met=day <= due)
