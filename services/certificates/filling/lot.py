"""Fills the certificate of a lot (一括証明書): many single certificates on one paper, each with its fingerprints."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter

from services.certificates.document import jcs, words
from services.certificates.document.inputs import LotInput, LotLine, Person
from services.certificates.domain.number import parse_number
from services.certificates.filling.head import text
from services.certificates.views import LotFacts
from shared.entry import Entry
from shared.events.certificates import LotRequested

_LINES: TypeAdapter[tuple[LotLine, ...]] = TypeAdapter(tuple[LotLine, ...])


def listed(rows: Iterable[Any]) -> tuple[LotLine, ...]:
    """Return the lines of a list from rows of certificates, in their order."""
    return tuple(
        LotLine(
            label=row.label,
            kind=row.kind,
            number=row.number,
            issued_at=row.issued_at,
            pdf_sha256=row.pdf_sha256,
            json_sha256=row.json_sha256,
        )
        for row in rows
    )


def canonical_list(lines: Sequence[LotLine]) -> bytes:
    """Return the bytes of a list whose SHA-256 the request commits to (RFC 8785)."""
    return jcs.canonical([line.model_dump(mode="json") for line in lines])


def lot(cited: Entry[Any], facts: LotFacts, shared: dict[str, Any]) -> LotInput:
    """Return the input of a lot's certificate. Raises ValueError when the list is not the one that was asked for."""
    event: LotRequested = cited.event
    if sha256(facts.listed).hexdigest() != event.list_sha256:
        raise ValueError(f"the list of {event.number} is not the one that was asked for")
    return LotInput(
        **shared,
        engagement=str(event.engagement),
        label=parse_number(event.number).label.id,
        title=text(facts.engagement.title),
        as_of=cited.recorded_at,
        list_sha256=event.list_sha256,
        lines=_LINES.validate_json(facts.listed),
        people=(Person(role="issued", on=shared["issued_at"].astimezone(words.JST).date(), place=shared["issuer"]),),
    )
