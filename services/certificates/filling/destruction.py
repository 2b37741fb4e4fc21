"""Fills the destruction certificate (破壊証明書)."""

from typing import Any

from services.certificates.document import words
from services.certificates.document.inputs import DestructionInput, Photo, Reason
from services.certificates.filling.head import text
from services.certificates.filling.medium import accepted, medium_facts, verifier, witnesses
from services.certificates.filling.people import named
from services.certificates.filling.proved import about, in_doubt, level_of, standing
from services.certificates.views import Facts
from shared.certification import final_level
from shared.entry import Entry
from shared.events.erasure import ErasureVerified, MediumDestroyed, MediumErased
from shared.events.tracking import ExceptionApproved
from shared.ids import Label
from shared.levels import Level

MISSING = {  # what erasure found lacking at the crusher, as the document says it
    "on-site-level": ("庁舎での消去の証跡", "proof of the erasure on site"),
    "witness": ("町の職員の立会い", "a witness of the town's staff"),
}
REMARKS = {  # what no policy asks and a reader should know
    "not-removed": (
        "取り外しの記録がないまま粉砕しました。",
        "Destroyed without a record of its removal.",
    ),
}
TRAY_SHOWN_MAX = 5  # labels of a tray on one page


def destruction(cited: Entry[Any], facts: Facts, shared: dict[str, Any]) -> DestructionInput:
    """Return the input of the certificate of one destroyed medium."""
    event: MediumDestroyed = cited.event
    centre = facts.parties[facts.engagement.centre]
    shots = len(event.photos)
    return DestructionInput(
        **shared,
        **medium_facts(facts, event),
        tool=event.machine,
        treated_at=cited.occurred_at,
        place=centre,
        verification_method=f"証拠写真 {shots}枚",
        on_site=_on_site(event, facts),
        required=final_level(facts.registered.required),
        achieved=Level.DESTROY,
        reasons=_reasons(event, shots),
        particle=f"{event.particle_mm:g} mm以下" if event.particle_mm else None,
        security_class=event.security_class,
        tray=_tray(event),
        video=_video(event),
        photos=tuple(
            Photo(sha256=one.sha256, copy_sha256=one.copy_sha256, role=one.role, taken_at=one.taken_at)
            for one in event.photos
        ),
        people=(
            named(facts, "sanitised", event.operator, cited.occurred_at, centre),
            *verifier(facts, event.medium, centre),
            *accepted(facts, shared),
            *witnesses(cited, facts, centre),
        ),
    )


def _tray(event: MediumDestroyed) -> str | None:
    """Say which media share the photos; of a large tray the first, and how many there are."""
    if event.tray is None:
        return None
    labels = [str(Label(label)) for label in event.tray.labels]
    more = "" if len(labels) <= TRAY_SHOWN_MAX else f" ほか{len(labels) - TRAY_SHOWN_MAX}"
    return text(f"1枚の写真に{len(labels)}個：{'、'.join(labels[:TRAY_SHOWN_MAX])}{more}")


def _video(event: MediumDestroyed) -> str | None:
    if event.video is None:
        return None
    one = event.video
    return text(f"{one.name}　{one.duration_s}秒　保管 {one.place}　SHA-256 {one.sha256}")


def _reasons(event: MediumDestroyed, shots: int) -> tuple[Reason, ...]:
    evidence = Reason(
        code="photos",
        ja=f"粉砕の証拠写真{shots}枚と日時の記録があります。",
        en=f"{shots} evidence photo(s) and the time are on record.",
    )
    remarks = tuple(Reason(code=code, ja=ja, en=en) for code in event.remarks for ja, en in (REMARKS[code],))
    if event.conformant:
        return (evidence, *remarks)
    lacking = [MISSING.get(code, (code, code)) for code in event.missing]
    gap = Reason(
        code="not-conformant",
        ja=text(f"手順に足りないものがあります：{'、'.join(ja for ja, _ in lacking) or '記録なし'}。") or "",
        en=text(f"The procedure lacks {' and '.join(en for _, en in lacking) or 'a part not on record'}.") or "",
    )
    return (evidence, gap, *remarks)


def _on_site(event: MediumDestroyed, facts: Facts) -> str | None:
    """Tell what was proved before the medium left the town hall, or that it was excepted from it."""
    done = [e for e in standing(facts, event.medium) if e.event.place == "on-site"]
    looks = sorted(about(facts, ErasureVerified, event.medium), key=lambda e: e.sequence)
    if not done and any(not e.event.passed for e in looks):
        return "消去のあと、別の者の再確認で不合格（この消去は証明に数えない）"
    if done:
        best = max(done, key=lambda e: (e.event.achieved.rank, e.occurred_at))
        erased: MediumErased = best.event
        tool = " ".join(filter(None, (erased.evidence.tool, erased.evidence.tool_version)))
        day = best.occurred_at.astimezone(words.JST).date().isoformat()
        checked = bool(looks) and looks[-1].event.passed
        note = (
            "　別の者が再確認"
            if checked
            else "　この契約の再確認に不合格があり、確かめ直す前"
            if in_doubt(facts)
            else ""
        )
        return text(f"{level_of(erased)}　{tool}　{day}{note}")
    if excepted := about(facts, ExceptionApproved, event.medium):
        return text(f"消去できず。例外として承認：{excepted[-1].event.reason}")
    return None
