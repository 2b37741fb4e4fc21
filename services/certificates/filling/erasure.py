"""Fills the erasure certificate (消去証明書): what the tool's report proves of one medium, and who looked again."""

from collections.abc import Sequence
from typing import Any

from services.certificates.document.inputs import ErasureInput, Reason, Report
from services.certificates.filling.head import text
from services.certificates.filling.medium import accepted, last_look, medium_facts, verifier, witnesses
from services.certificates.filling.people import named
from services.certificates.views import Facts
from shared.certification import final_level
from shared.entry import Entry
from shared.events.erasure import UNCONFIRMED, MediumErased


def erasure(cited: Entry[Any], facts: Facts, shared: dict[str, Any]) -> ErasureInput:
    """Return the input of the certificate of one erased medium."""
    event: MediumErased = cited.event
    deal = facts.engagement
    place = facts.parties[deal.town if event.place == "on-site" else deal.centre]
    look = last_look(facts, event.medium)
    graded = f"報告書を評価表 {event.table_version} で評価"
    return ErasureInput(
        **shared,
        **medium_facts(facts, event),
        method=event.achieved.value,
        tool=event.evidence.tool,
        tool_version=text(event.evidence.tool_version),
        treated_at=cited.occurred_at,
        place=text(place),
        verification_method=text(f"{graded}、別の者が再確認" if look and look.event.passed else graded),
        required=final_level(facts.registered.required),
        achieved=event.achieved.value,
        reasons=tuple(Reason(code=one.code, ja=one.ja, en=one.en) for one in _shown(event)),
        report=Report(
            sha256=event.evidence.sha256,
            filename=text(event.evidence.filename),
            started_at=event.started_at,
            finished_at=event.finished_at,
            started_said=text(event.started_said),
            finished_said=text(event.finished_said),
        ),
        people=(
            named(facts, "sanitised", event.operator, cited.occurred_at, place),
            *verifier(facts, event.medium, place),
            *accepted(facts, shared),
            *witnesses(cited, facts, place),
        ),
    )


def _shown(event: MediumErased) -> Sequence[Any]:
    """Return the reasons that have room, of which the one that lessens the whole grade is never left out."""
    lessening = [one for one in event.reasons if one.code == UNCONFIRMED]
    others = [one for one in event.reasons if one.code != UNCONFIRMED]
    return [*others[: REASONS_MAX - len(lessening)], *lessening]


REASONS_MAX = 8  # lines of one cell of the page; the whole grade is in the cited entry
