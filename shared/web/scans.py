"""What a batch of scans is answered: one result a scan, the same for every service that devices send scans to."""

from collections.abc import Sequence
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.entry import Entry
from shared.refused import Refused
from shared.web.i18n import Language
from shared.web.problems import status_of

SCANS_MAX = 100  # of one request


class Result(BaseModel):
    """What became of one scan: 201 recorded, 200 recorded before, 4xx refused with a sentence.

    `breaks` says in sentences what a recorded fact does not fit, as far as is known now.
    """

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)
    request_id: UUID
    label: str
    status: int
    entry: UUID | None = None
    code: str | None = None
    detail: str | None = None
    missing: tuple[str, ...] | None = None
    breaks: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        request_id: UUID,
        label: str,
        answer: Entry[Any] | Refused,
        lang: Language,
        breaks: Sequence[str] = (),
    ) -> Self:
        """Tell what became of the scan of a label, and what the fact does not fit, in that language."""
        if isinstance(answer, Entry):
            status = 200 if answer.replayed else 201
            return cls(request_id=request_id, label=label, status=status, entry=answer.id, breaks=tuple(breaks) or None)
        return cls(
            request_id=request_id,
            label=label,
            status=status_of(answer),
            code=answer.code,
            detail=answer.ja if lang == "ja" else answer.en,
            missing=answer.missing or None,
        )


class Results(BaseModel):
    """One result for each scan, in their order."""

    results: list[Result]
