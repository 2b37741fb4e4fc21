"""Names people from the directory: those who did it, checked it, accepted it, stood by."""

from collections.abc import Iterable
from datetime import datetime

from services.certificates.document import words
from services.certificates.document.inputs import Person, Role
from services.certificates.filling.head import text
from services.certificates.views import Facts


def named(facts: Facts, role: Role, person: str, at: datetime, place: str, *, signed: str | None = None) -> Person:
    """Name a person from the directory; one whose card is gone keeps role, day and place."""
    card = facts.people.get(person)
    return Person(
        role=role,
        name=text(card.name) if card else None,
        title=text(card.title) if card else None,
        contact=text(card.contact) if card else None,
        on=at.astimezone(words.JST).date(),
        place=text(place),
        signed=text(signed),
    )


def validators(facts: Facts, *numbers: str) -> Iterable[Person]:
    """Name those of the town who said whether they accept certificates of the item: all that stand, and `numbers`."""
    town = facts.parties[facts.engagement.town]
    for one in facts.validations:
        if one.revoked_at is None or one.number in numbers:
            said = "を妥当と認めた" if one.accepted else f"を妥当と認めない：{one.remark}"
            signed = f"{one.number} {said}"
            yield named(facts, "validated", one.validator, one.validated_at, town, signed=signed)
