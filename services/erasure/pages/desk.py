"""Erasure's pages: the on-site session, the queue of reports, one item's evidence, kept bytes (`line.py` destroys)."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from services.erasure import api, intake, reading
from services.erasure.domain.likeness import Piece, differing, why_waiting
from services.erasure.domain.medium import Registered
from services.erasure.intake import TEXT_MAX
from services.erasure.pages import posted
from services.erasure.waiting import Waiting, contradicted, proved_already, put_aside, unbound
from shared import blobs, photos
from shared.door import Door, TheDoor, scanned
from shared.events.erasure import UNCONFIRMED
from shared.identity import Principal, SignedIn, holding
from shared.ids import uuid7
from shared.refused import Invalid, Refused, Unknown
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(prefix="/erasure", include_in_schema=False)

STUCK_SHOWN_MAX = 20
ASIDE_SHOWN_MAX = 20
FIELDS_MAX = 20

KINDS = {
    "hdd": "HDD",
    "ssd": "SSD",
    "nvme": "NVMe SSD",
    "soldered": _("基板実装（eMMC・UFS）"),
    "unknown": _("種類不明"),
}
ITEM_KINDS = {"notebook": _("ノートパソコン"), "desktop": _("デスクトップ"), "loose-drive": _("単体の記憶媒体")}
LEVELS = {"": _("なし"), "clear": "Clear", "purge": "Purge", "destroy": "Destroy"}
MISSING = {"on-site-level": _("役場での消去の証跡"), "witness": _("町の立会い")}
PLACES = {"on-site": _("役場"), "centre": _("センター")}
REMARKS = {"not-removed": _("本体から取り外した記録がありません")}
TECHNIQUES = {
    "crush": _("破砕"),
    "shred": _("細断"),
    "disintegrate": _("微粉砕"),
    "melt": _("溶融"),
    "incinerate": _("焼却"),
}
WORDS = {
    "kinds": KINDS,
    "item_kinds": ITEM_KINDS,
    "levels": LEVELS,
    "missing": MISSING,
    "places": PLACES,
    "remarks": REMARKS,
    "techniques": TECHNIQUES,
    "unconfirmed": UNCONFIRMED,
}

Filer = Annotated[Principal, Depends(holding("worker", "centre-manager", "clerk", "town-admin"))]
Worker = Annotated[Principal, Depends(holding("worker", "centre-manager"))]
Entitled = Annotated[
    Principal,
    Depends(holding("worker", "centre-manager", "clerk", "town-admin", "approver", "witness", "auditor")),
]
Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Job:
    """The contract somebody works under now, among the open ones of the party."""

    engagements: list[reading.Engagement]
    current: reading.Engagement | None


async def job(door: Door, who: Principal, engagement: UUID | None) -> Job:
    """Return the contract asked for, else the newest. Raises Unknown for one that is not this party's."""
    async with door.look(who.party, who) as connection:
        open_ = await reading.engagements(connection, who.party)
    if engagement is None:
        return Job(open_, open_[0] if open_ else None)
    current = next((one for one in open_ if one.engagement == engagement), None)
    if current is None:
        raise Unknown
    return Job(open_, current)


# ── the on-site session ───────────────────────────────────────────────────────────────────────────────────────────────


@router.get("")
async def session(request: Request, door: TheDoor, who: SignedIn, engagement: UUID | None = None) -> Response:
    """Show how far the session is, what is stuck, and where report files are dropped."""
    return await _session(request, door, who, await job(door, who, engagement))


async def _session(request: Request, door: Door, who: Principal, at: Job, **more: Any) -> Response:
    counted, lot, stuck, standing = None, None, [], []
    if at.current:
        async with door.look(at.current.town, who) as connection:
            counted = await reading.overview(connection, at.current.engagement)
            counted, lot = await reading.doubting(connection, counted, at.current.engagement)
            stuck = await reading.stuck(connection, at.current.engagement, STUCK_SHOWN_MAX)
            standing = await reading.witnesses_of(connection, at.current.town)
    async with door.look(who.party, who) as connection:
        waiting = len(await unbound(connection))
    facts: dict[str, Any] = {"results": None, "refusal": None, "status": 200} | more
    return render(
        request,
        "session.html",
        facts.pop("status"),
        job=at,
        counted=counted,
        lot=lot,
        stuck=stuck,
        standing=standing,
        waiting=waiting,
        new_request=uuid7(),
        words=WORDS,
        **facts,
    )


@router.post("/reports")
async def drop(request: Request, door: TheDoor, who: Filer) -> Response:
    """Take dropped files in and show what became of each. Sent again, it records nothing twice and shows the same."""
    async with request.form(max_files=intake.FILES_MAX + 1, max_fields=FIELDS_MAX) as form:
        at = await job(door, who, posted.uuid(form, "engagement"))
        ask = intake.Dropped(
            request=posted.uuid(form, "request") or uuid7(),
            engagement=at.current.engagement if at.current else None,
            place="centre" if form.get("place") == "centre" else "on-site",
            witness=posted.text(form, "witness"),
        )
        only_rows = posted.text(form, "only") == "rows"
        try:
            results = await api.take_in(door, who, posted.files(form, "files"), ask)
        except Refused as refusal:
            return await _session(request, door, who, at, status=posted.status(refusal), refusal=refusal)
    if only_rows:  # one part of many files: the counts beside them are asked for once, at the end
        said = [api.answer(one, language(request)) for one in results]
        return render(request, "results.html", results=said, words=WORDS)
    return await _session(request, door, who, at, results=[api.answer(one, language(request)) for one in results])


# ── the queue of reports ──────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/unmatched")
async def unmatched(request: Request, door: TheDoor, who: SignedIn, done: str = "") -> Response:
    """Show the reports that mean no medium yet, with near misses to choose from."""
    return await _unmatched(request, door, who, done=done[:TEXT_MAX])


@dataclass(frozen=True, slots=True)
class Alike:
    """A medium that a waiting serial may mean, beside what the report says: where the two differ is marked."""

    medium: reading.Candidate
    said: list[Piece]
    registered: list[Piece]
    proved: bool  # another report proves it already


@dataclass(frozen=True, slots=True)
class Queued:
    """A waiting serial, why it waits, and what it may mean."""

    one: Waiting
    why: str
    near: list[Alike]


def _alike(serial: str, medium: reading.Candidate, proved: AbstractSet[UUID]) -> Alike:
    return Alike(medium, *differing(serial, medium.serial), medium.medium in proved)


async def _unmatched(
    request: Request, door: Door, who: Principal, *, done: str = "", refusal: Refused | None = None
) -> Response:
    queue = await api.queue(door, who)
    async with door.look(who.party, who) as connection:
        aside = await put_aside(connection, ASIDE_SHOWN_MAX)
        people = {one.operator for one, _near in queue} | {one.person for one in aside}
        names = await reading.names(connection, people)
        towns = sorted({one.town for one in await reading.engagements(connection, who.party)})
    odd, proved = [], set()
    for town in towns:
        async with door.look(town, who) as connection:
            odd += await contradicted(connection, STUCK_SHOWN_MAX)
            proved |= await proved_already(connection, [one.medium for _, near in queue for one in near])
    waiting = [
        Queued(one, why_waiting(one.serial, [n.serial for n in near]), [_alike(one.serial, n, proved) for n in near])
        for one, near in queue
    ]
    return render(
        request,
        "unmatched.html",
        posted.status(refusal),
        waiting=waiting,
        aside=aside,
        odd=odd,
        may=who.has("worker", "centre-manager", "clerk", "town-admin"),
        names=names,
        done=done,
        refusal=refusal,
        new_request=uuid7,
        party=who.party,
    )


@router.post("/unmatched/{report}/bind")
async def bind(report: UUID, request: Request, door: TheDoor, who: Filer) -> Response:
    """Bind one waiting report to the label scanned, then show the queue again."""
    async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
        label, serial, id_ = (posted.text(form, name) or "" for name in ("label", "serial", "request"))
    try:
        ask = intake.Binding(request=posted.as_uuid(id_) or uuid7(), label=label, serial=serial)
        found = await door.resolve(scanned(label), who)
        await intake.bind(door, who, report, found, ask)
    except Refused as refusal:
        return await _unmatched(request, door, who, refusal=refusal)
    return posted.to("/erasure/unmatched", done=label)


@router.post("/unmatched/{report}/aside")
async def aside(report: UUID, request: Request, door: TheDoor, who: Filer) -> Response:
    """Put one waiting report aside as not ours, then show the queue again."""
    async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
        serial, reason, id_ = (posted.text(form, name) or "" for name in ("serial", "reason", "request"))
    try:
        if not reason:
            raise Invalid("no-reason", "対象外にする理由を入れてください。", "Say why it is not ours.", field="reason")
        ask = intake.Aside(request=posted.as_uuid(id_) or uuid7(), serial=serial, reason=reason)
        await intake.put_aside(door, who, report, ask)
    except Refused as refusal:
        return await _unmatched(request, door, who, refusal=refusal)
    return posted.to("/erasure/unmatched", done="aside")


@router.post("/unmatched/{report}/back")
async def back(report: UUID, request: Request, door: TheDoor, who: Filer) -> Response:
    """Let a report that was put aside wait again, then show the queue."""
    async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
        serial, id_ = (posted.text(form, name) or "" for name in ("serial", "request"))
    try:
        await intake.put_back(door, who, report, intake.Back(request=posted.as_uuid(id_) or uuid7(), serial=serial))
    except Refused as refusal:
        return await _unmatched(request, door, who, refusal=refusal)
    return posted.to("/erasure/unmatched", done="back")


# ── one item's evidence, and the bytes ────────────────────────────────────────────────────────────────────────────────


@router.get("/media/{label}")
async def medium(label: str, request: Request, door: TheDoor, who: SignedIn) -> Response:
    """Show what each medium of an item was graded, why, and what was done to it."""
    found = await door.resolve(scanned(label), who)
    async with door.look(found.tenant, who) as connection:
        media = await reading.registered(connection, items=[found.item])
        deeds = await reading.deeds_of(connection, found.item)
        people = {deed.person for deed in deeds} | {deed.data.get("witness") or "" for deed in deeds}
        names = await reading.names(connection, people)
    shown = [_shown(one, deeds) for one in media]
    told: dict[str, Any] = {"found": found, "label": label, "shown": shown, "names": names, "words": WORDS}
    return render(request, "medium.html", **told, moment=datetime.fromisoformat)


@dataclass(frozen=True, slots=True)
class Shown:
    """A medium on its page."""

    medium: Registered
    reached: str  # by evidence or by the crusher
    judged: reading.Deed | None  # the report that reached it, else the last one
    deeds: list[reading.Deed]
    stands: list[reading.Deed]  # without the judgements for which a later table's stands
    regraded: frozenset[str]  # first entries of reports that a later table graded again


def _shown(medium: Registered, deeds: list[reading.Deed]) -> Shown:
    own = [deed for deed in deeds if deed.medium == medium.medium]
    proved = reading.highest(own, medium.medium)
    reports = [deed for deed in reading.standing(own) if "evidence" in deed.data]
    best = [deed for deed in reports if deed.data.get("achieved") == proved] if proved else reports
    crushed = any(deed.kind == "erasure.medium-destroyed.v1" for deed in own)
    again = frozenset(deed.data["regrades"] for deed in own if "regrades" in deed.data)
    return Shown(
        medium, "destroy" if crushed else proved, best[-1] if best else None, own, reading.standing(own), again
    )


@router.get("/reports/{sha256}")
async def report(sha256: Hash, door: TheDoor, who: Entitled, town: api.Town = None) -> Response:
    """Give the original bytes of a report, as a file and never as a page: what a device wrote is hostile text."""
    async with door.look(town or who.party, who) as connection:
        named = await reading.report_named(connection, sha256)
    if named is None:
        raise Unknown
    headers = {"content-disposition": f'attachment; filename="report-{sha256[:12]}.txt"'}
    return Response(await blobs.named(town or who.party, sha256), 200, headers, "application/octet-stream")


@router.get("/photos/{sha256}")
async def photo(
    sha256: Hash, door: TheDoor, who: Entitled, town: api.Town = None, *, original: bool = False
) -> Response:
    """Give a photo for looking at, without EXIF; with `original` the untouched bytes as a file."""
    async with door.look(town or who.party, who) as connection:
        if not await reading.photo_named(connection, sha256):
            raise Unknown
    content = await blobs.named(town or who.party, sha256)
    if original:
        headers = {"content-disposition": f'attachment; filename="photo-{sha256[:12]}"'}
        return Response(content, 200, headers, "application/octet-stream")
    return Response(await photos.shown(content), media_type="image/jpeg")
