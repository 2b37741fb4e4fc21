"""Fills a document's input from what is known: references become names here, and what nobody recorded stays unknown."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from services.certificates.document import words
from services.certificates.document.inputs import (
    TEXT_SIZE_MAX,
    DestructionInput,
    Input,
    LogPlace,
    MediumLine,
    Person,
    Photo,
    Policy,
    Reason,
    Requirement,
    Role,
    Step,
    TrackingInput,
)
from services.certificates.domain.certificate import due_on
from services.certificates.issuing import Order
from services.certificates.views import Facts
from shared.entry import Entry
from shared.events.erasure import (
    ErasureFailed,
    ErasureVerified,
    LotReopened,
    LotSettled,
    MediumDestroyed,
    MediumErased,
    WitnessRecorded,
)
from shared.events.tracking import CustodyClosed, ExceptionApproved, Medium, PolicySet
from shared.ids import Label
from shared.levels import Level, at_least
from shared.simulated import is_marked

ITEM_KINDS = {"notebook": "ノートパソコン", "desktop": "デスクトップパソコン", "loose-drive": "記憶媒体"}
MEDIUM_KINDS = {"hdd": "HDD", "ssd": "SSD", "nvme": "SSD（NVMe）"}
ZONES = {"mynumber": "個人番号利用事務系", "lgwan": "LGWAN接続系", "internet": "インターネット接続系"}
ASSURANCES = {
    "witnessed": "職員の立会い",
    "onsite_erase_plus_certificate": "庁舎での消去と完了証明書",
    "both": "職員の立会いと完了証明書",
}
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
TOWN_STEPS = ("registered", "shipped-out")
WITNESSES_MAX = 3  # of an engagement, the latest: the page has room for so many
VERIFY_PATH = "/VERIFY/"  # upper case like the whole URL, so that the code stays small (alphanumeric mode)


def fill(order: Order, facts: Facts, place: LogPlace, *, origin: str, at: datetime) -> Input:
    """Return the whole input of a certificate. Raises ValueError for a kind that is not issued."""
    cited = Entry.read(order.body, order.salt)
    shared = _shared(order, facts, place, origin, at)
    match cited.event:
        case MediumDestroyed():
            return _destruction(cited, facts, shared)
        case CustodyClosed():
            return _tracking(cited, facts, shared)
        case _:
            raise ValueError(f"no certificate is issued of {cited.kind}")


def _shared(order: Order, facts: Facts, place: LogPlace, origin: str, at: datetime) -> dict[str, Any]:
    item, deal = facts.registered, facts.engagement
    return {
        "number": order.number,
        "sample": is_marked(deal.title),
        "issued_at": at,
        "due_on": due_on(facts.received_at, deal.certificate_days) if facts.received_at else None,
        "addressee": f"{facts.parties[deal.town]}長",
        "issuer": facts.parties[deal.centre],
        "verify_url": f"{origin.upper()}{VERIFY_PATH}{order.number}",
        "item": str(item.item),
        "label": item.label,
        "property_number": _text(item.asset_number),
        "contract": _text(deal.contract),
        "policy": _policy(facts),
        "log": place,
    }


def _policy(facts: Facts) -> Policy:
    required = facts.registered.required
    sets = [
        e.event for e in facts.entries if isinstance(e.event, PolicySet) and e.event.version == required.policy_version
    ]
    return Policy(
        source=sets[-1].source if sets else None,
        version=required.policy_version,
        media_class=required.media_class,
    )


# ── destruction ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _destruction(cited: Entry[Any], facts: Facts, shared: dict[str, Any]) -> DestructionInput:
    event: MediumDestroyed = cited.event
    item = facts.registered
    medium = next(one for one in item.media if one.id == event.medium)
    centre = facts.parties[facts.engagement.centre]
    shots = len(event.photos)
    return DestructionInput(
        **shared,
        medium=str(event.medium),
        manufacturer=_text(medium.maker),
        model=_text(medium.model),
        serial=event.serial,
        media_type=_medium_type(medium),
        media_source=_text(" ".join(filter(None, (ITEM_KINDS[item.item_kind], item.maker, item.model)))),
        confidentiality_before=f"機密性{item.confidentiality}（{ZONES[item.zone]}）",
        technique=event.technique,
        tool=event.machine,
        treated_at=cited.occurred_at,
        place=centre,
        verification_method=f"証拠写真 {shots}枚",
        on_site=_on_site(event, facts),
        assurance=ASSURANCES[item.required.assurance],
        required=item.required.at_centre,
        achieved=Level.DESTROY,
        reasons=_reasons(event, shots),
        particle=f"{event.particle_mm:g} mm以下" if event.particle_mm else None,
        security_class=event.security_class,
        tray=_tray(event),
        video=_video(event),
        photos=tuple(Photo(sha256=one.sha256, role=one.role, taken_at=one.taken_at) for one in event.photos),
        people=tuple(_destroyers(cited, facts, centre)),
    )


def _tray(event: MediumDestroyed) -> str | None:
    """Say which media share the photos; of a large tray the first, and how many there are."""
    if event.tray is None:
        return None
    labels = [str(Label(label)) for label in event.tray.labels]
    more = "" if len(labels) <= TRAY_SHOWN_MAX else f" ほか{len(labels) - TRAY_SHOWN_MAX}"
    return _text(f"1枚の写真に{len(labels)}個：{'、'.join(labels[:TRAY_SHOWN_MAX])}{more}")


def _video(event: MediumDestroyed) -> str | None:
    if event.video is None:
        return None
    one = event.video
    return _text(f"{one.name}　{one.duration_s}秒　保管 {one.place}　SHA-256 {one.sha256}")


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
        ja=_text(f"手順に足りないものがあります：{'、'.join(ja for ja, _ in lacking) or '記録なし'}。") or "",
        en=_text(f"The procedure lacks {' and '.join(en for _, en in lacking) or 'a part not on record'}.") or "",
    )
    return (evidence, gap, *remarks)


def _on_site(event: MediumDestroyed, facts: Facts) -> str | None:
    """Tell what was proved before the medium left the town hall, or that it was excepted from it."""
    done = [e for e in _standing(facts, event.medium) if e.event.place == "on-site"]
    looks = sorted(_about(facts, ErasureVerified, event.medium), key=lambda e: e.sequence)
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
            if _in_doubt(facts)
            else ""
        )
        return _text(f"{words.METHODS[erased.achieved][0]}　{tool}　{day}{note}")
    if excepted := _about(facts, ExceptionApproved, event.medium):
        return _text(f"消去できず。例外として承認：{excepted[-1].event.reason}")
    return None


def _destroyers(cited: Entry[Any], facts: Facts, centre: str) -> Iterable[Person]:
    event: MediumDestroyed = cited.event
    yield _person(facts, "sanitised", event.operator, cited.occurred_at, centre)
    if event.witness:
        yield _person(facts, "witness", event.witness, cited.occurred_at, centre)
    stood = {
        seen.event.witness: seen.event
        for seen in facts.entries
        if isinstance(seen.event, WitnessRecorded)
        and seen.event.witness != event.witness
        and seen.event.began_at <= cited.occurred_at
    }
    for one in sorted(stood.values(), key=lambda one: one.began_at)[-WITNESSES_MAX:]:
        yield _person(facts, "witness", one.witness, one.began_at, one.place)


# ── tracking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tracking(cited: Entry[Any], facts: Facts, shared: dict[str, Any]) -> TrackingInput:
    event: CustodyClosed = cited.event
    item = facts.registered
    return TrackingInput(
        **shared,
        item_kind=ITEM_KINDS[item.item_kind],
        manufacturer=_text(item.maker),
        model=_text(item.model),
        serial=_text(item.serial),
        media=tuple(
            MediumLine(
                media_type=_medium_type(one),
                serial=one.serial,
                method=_reached(facts, one),
                certificate=facts.numbers.get(one.id),
            )
            for one in item.media
        ),
        steps=tuple(_step(one, cited, facts) for one in event.steps),
        certificates=event.certificates,
        requirements=tuple(_requirements(facts, shared)),
        people=(_certifier(shared),),
    )


def _certifier(shared: dict[str, Any]) -> Person:
    """Name the centre that certifies; no person signs, so none is named."""
    return Person(role="issued", on=shared["issued_at"].astimezone(words.JST).date(), place=shared["issuer"])


def _step(one: Any, cited: Entry[Any], facts: Facts) -> Step:
    town, centre = facts.parties[facts.engagement.town], facts.parties[facts.engagement.centre]
    told = next((e for e in facts.entries if e.id == one.entry), None)
    index = facts.places.get(cited.id if one.step == "closed" else one.entry)
    place = evidence = None
    match told.event if told else None:
        case MediumErased() as erased:
            place = town if erased.place == "on-site" else centre
            evidence = _text(f"{words.METHODS[erased.achieved][0]}　{erased.technique}　{erased.evidence.filename}")
        case MediumDestroyed() as destroyed:
            place = centre
            evidence = _text(f"{words.TECHNIQUES[destroyed.technique][0]}　写真 {len(destroyed.photos)}枚")
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


def _requirements(facts: Facts, shared: dict[str, Any]) -> Iterable[Requirement]:
    item = facts.registered
    required = item.required
    if required.on_site:
        reached = {one.id: _reached(facts, one, on_site=True) for one in item.media}
        short = [one for one in item.media if not at_least(_level(reached[one.id]), required.on_site)]
        excepted = [one for one in short if _about(facts, ExceptionApproved, one.id)]
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
        met = all(at_least(_level(_reached(facts, one)), required.at_centre) for one in item.media)
        yield Requirement(ja=f"委託先で {level[0]} 以上", en=f"{level[1]} or better at the contractor", met=met)
    if due := shared["due_on"]:
        day = shared["issued_at"].astimezone(words.JST).date()
        yield Requirement(ja="提出期限までに発行", en="Issued by the deadline", met=day <= due)


# ── words and people ──────────────────────────────────────────────────────────────────────────────────────────────────


def _person(facts: Facts, role: Role, person: str, at: datetime, place: str) -> Person:
    """Name a person from the directory; one whose card is gone keeps role, day and place."""
    card = facts.people.get(person)
    return Person(
        role=role,
        name=_text(card.name) if card else None,
        title=_text(card.title) if card else None,
        contact=_text(card.contact) if card else None,
        on=at.astimezone(words.JST).date(),
        place=_text(place),
    )


def _about(facts: Facts, kind: type[Any] | tuple[type[Any], ...], medium: Any) -> Sequence[Entry[Any]]:
    return [entry for entry in facts.entries if isinstance(entry.event, kind) and entry.event.medium == medium]


def _standing(facts: Facts, medium: Any) -> Sequence[Entry[Any]]:
    """Return the erasures of a medium that stand: all are entries of the medium's own stream.

    Where a later table graded a report again, its last grade stands in the place of the first; what was proved before
    a failed re-check is taken back with it, whenever it is graded again.
    """
    judged = sorted(_about(facts, (MediumErased, ErasureFailed), medium), key=lambda entry: entry.sequence)
    place = {entry.id: entry.sequence for entry in judged}
    last = {entry.event.regrades or entry.id: entry for entry in judged}
    failed = max((e.sequence for e in _about(facts, ErasureVerified, medium) if not e.event.passed), default=0)
    return [
        entry
        for first, entry in last.items()
        if isinstance(entry.event, MediumErased) and place.get(first, entry.sequence) > failed
    ]


def _in_doubt(facts: Facts) -> bool:
    """Tell whether a failed re-check reopened the engagement's lot and nothing has settled it."""
    lot = [e for e in facts.entries if isinstance(e.event, LotReopened | LotSettled)]
    return bool(lot) and isinstance(max(lot, key=lambda e: e.sequence).event, LotReopened)


def _reached(facts: Facts, medium: Medium, *, on_site: bool = False) -> Any:
    """Return the highest level that evidence proves for a medium, as the document's word."""
    if not on_site and _about(facts, MediumDestroyed, medium.id):
        return Level.DESTROY.value
    levels = [
        entry.event.achieved for entry in _standing(facts, medium.id) if not on_site or entry.event.place == "on-site"
    ]
    return max(levels, key=lambda level: level.rank).value if levels else None


def _level(word: str | None) -> Level | None:
    return Level(word) if word else None


def _medium_type(medium: Medium) -> str | None:
    kind = MEDIUM_KINDS.get(medium.kind)
    if kind is None:
        return None
    return f"{kind} {medium.capacity_gb}GB" if medium.capacity_gb else kind


def _text(said: str | None) -> str | None:
    """Return a text as long as a field may be; nothing at all stays unknown."""
    return (said or "").strip()[:TEXT_SIZE_MAX] or None
