"""Certificates' pages: a town's list, one certificate, and the public page that checks one."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi import Request as HttpRequest
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from services.certificates import api, keys, reading
from services.certificates.api import REVOKERS, GivenNumber, Revoker, entitled, numbered, publicly
from services.certificates.domain.certificate import JST, REASON_LENGTH_MAX
from services.certificates.domain.number import BadNumber, parse_number
from services.certificates.reading import Asked
from shared.door import Door, TheDoor
from shared.identity import Anyone, SignedIn
from shared.ids import uuid7
from shared.refused import Invalid, Refused, Unknown
from shared.settings import settings
from shared.web.forms import Form
from shared.web.i18n import msgid as _
from shared.web.pages import render
from verifier import Check, Unreadable, Verdict, verify_bytes

router = APIRouter(include_in_schema=False)

PAGE_ROWS = 50
KINDS = {
    "erasure": _("消去証明書"),
    "destruction": _("破壊証明書"),
    "tracking": _("追跡証明書"),
}
STATES = {
    "awaited": _("未作成"),
    "requested": _("台帳の証明待ち"),
    "ready": _("作成中"),
    "issued": _("発行済み"),
    "revoked": _("取消"),
}
CHIPS = {"awaited": "warn", "requested": "wait", "ready": "wait", "issued": "done", "revoked": "stop"}
TICKS = {"ok": "ok", "failed": "bad", "not-applicable": "none"}
FACTS = (  # what the five checks mean, in their order
    (_("署名"), _("証明した人が署名し、その後に変わっていない")),
    (_("時刻"), _("記録、発行、署名の順に矛盾がない")),
    (_("台帳"), _("同じ記録が公開の台帳にある")),
    (_("写真"), _("撮影した時のまま")),
    (_("そろい"), _("必要な記録がすべてある")),
)


@router.get("/certificates")
async def certificates(
    *,
    request: HttpRequest,
    door: TheDoor,
    who: SignedIn,
    town: Annotated[str, Query(max_length=200)] = "",
    engagement: UUID | None = None,
    kind: Annotated[str, Query(max_length=20)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Show a town's deadlines and certificates, and where to take them all."""
    async with door.look(who.party, who) as connection:
        towns = await reading.towns(connection, who.party)
    chosen = town or next(iter(towns), who.party)
    asked = Asked(
        engagement=engagement,
        kind=kind if kind in KINDS else None,
        state=state if state in STATES else None,
    )
    async with door.look(chosen, who) as connection:
        rows = await reading.listed(connection, chosen, asked, most=PAGE_ROWS + 1, after=(page - 1) * PAGE_ROWS)
        counts = await reading.counts(connection, chosen)
        deadlines = await reading.deadlines(connection, chosen, engagement)
        engagements = await reading.engagements(connection, chosen)
    chosen_query = {
        "town": chosen,
        "engagement": str(engagement) if engagement else "",
        "kind": asked.kind or "",
        "state": asked.state or "",
    }
    return render(
        request,
        "certificates.html",
        rows=rows[:PAGE_ROWS],
        page=page,
        more=len(rows) > PAGE_ROWS,
        counts=counts,
        deadlines=[_deadline(row, door.now()) for row in deadlines],
        engagements=engagements,
        asked=asked,
        town=chosen,
        towns=towns,
        link=lambda **changed: _link(chosen_query | changed),
        kinds=KINDS,
        states=STATES,
        chips=CHIPS,
        now=door.now(),
    )


@dataclass(frozen=True, slots=True)
class Deadline:
    """A line of the table of deadlines; `left` days, by the calendar of Japan, may be negative."""

    engagement: UUID
    kind: str
    due_on: date
    issued: int
    missing: int
    left: int


def _deadline(row: Any, now: datetime) -> Deadline:
    left = (row.due_on - now.astimezone(JST).date()).days
    return Deadline(row.engagement, row.kind, row.due_on, row.issued, row.missing, left)


def _link(query: dict[str, str]) -> str:
    return f"/certificates?{urlencode({name: said for name, said in query.items() if said})}"


@router.get("/certificates/{number}")
async def certificate(
    request: HttpRequest, number: GivenNumber, door: TheDoor, who: Anyone, done: str = ""
) -> Response:
    """Show one certificate to its town and centre; everybody else is led to its public page."""
    row = await entitled(door, who, number) if who else None
    if row is None:
        return RedirectResponse(f"/verify/{number}", 303)
    return _one(request, row, may_revoke=bool(who and who.has(*REVOKERS)), done=done == "revoked")


@router.post("/certificates/{number}/revoke")
async def revoke(request: HttpRequest, number: GivenNumber, door: TheDoor, who: Revoker) -> Response:
    """Revoke what the form on the certificate's page says; a refusal shows on the same page."""
    form = Form(await request.form())
    reason = form.need("reason", _("取り消す理由"), longest=REASON_LENGTH_MAX)
    refusal = None
    if not form.errors:
        try:
            await api.withdraw(door, who, number, api.Revocation(request=UUID(form.value("request")), reason=reason))
        except (ValueError, ValidationError):
            form.wrong("", "", _("入力を読めませんでした。画面を読み直して、もう一度入れてください。"))
        except Unknown:
            raise
        except Refused as no:
            refusal = no
        else:
            return RedirectResponse(f"/certificates/{number}?done=revoked", 303)
    row = await entitled(door, who, number)
    if row is None:
        raise api.unknown(number)
    return _one(request, row, may_revoke=True, form=form, refusal=refusal, status=409 if refusal else 422)


def _one(
    request: HttpRequest,
    row: Any,
    *,
    may_revoke: bool,
    form: Form | None = None,
    refusal: Refused | None = None,
    done: bool = False,
    status: int = 200,
) -> Response:
    return render(
        request,
        "certificate.html",
        status,
        row=row,
        form=form or Form(),
        refusal=refusal,
        done=done,
        may_revoke=may_revoke and row.state == "issued",
        fresh=str(uuid7()),
        kinds=KINDS,
        states=STATES,
        chips=CHIPS,
    )


# ── checking a certificate: public, nothing is kept ───────────────────────────────────────────────────────────────────


@router.get("/verify")
async def verify_form(request: HttpRequest, no: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Show where to drop a file or type a number; a typed number leads to its page."""
    if no.strip():
        return RedirectResponse(f"/verify/{numbered(no.strip().rsplit('/', 1)[-1])}", 303)
    return render(request, "verify.html", facts=FACTS, wrong="")


@router.post("/verify")
async def verify_file(request: HttpRequest, door: TheDoor) -> Response:
    """Check a certificate's file, or a log proof, and say what holds and what does not. The file is not kept."""
    async with request.form() as form:
        given = form.get("file")
        name, content = (given.filename or "", await given.read()) if isinstance(given, UploadFile) else ("", b"")
    if not content:
        return render(request, "verify.html", 422, facts=FACTS, wrong=_("証明書のファイルを選んでください。"))
    trusted = keys.trusted(settings().keys)
    try:
        verdict = await asyncio.to_thread(verify_bytes, name, content, trusted)
    except Unreadable as unreadable:
        return render(request, "verify_unreadable.html", 422, why=unreadable)
    known = await _known(door, verdict)
    standing = api.state_of(known) if known else ""
    outcome = "altered" if not verdict.ok else "revoked" if standing == "revoked" else "valid"
    return render(
        request,
        "verdict.html",
        verdict=verdict,
        outcome=outcome,
        known=known,
        kinds=KINDS,
        ticks=[_tick(check) for check in verdict.checks],
    )


async def _known(door: Door, verdict: Verdict) -> Any:
    """Look up what this house says of the number in a file, if it ever gave that number."""
    try:
        return await publicly(door, parse_number(verdict.number or ""))
    except (BadNumber, Unknown):
        return None


def _tick(check: Check) -> dict[str, str]:
    return {"ja": check.ja, "en": check.en, "state": TICKS[check.status]}


@router.get("/verify/{number}")
@router.get("/VERIFY/{number}")
async def verify_number(request: HttpRequest, number: str, door: TheDoor) -> Response:
    """Show what anybody may know of a number: kind, day of issue, state. The code on the paper leads here."""
    try:
        known = await publicly(door, numbered(number))
    except Invalid as no:
        return render(request, "verify_number.html", 422, known=None, refusal=no, number=number, **_WORDS)
    except Unknown as no:
        return render(request, "verify_number.html", 404, known=None, refusal=no, number=number, **_WORDS)
    state = api.state_of(known)
    return render(request, "verify_number.html", known=known, state=state, refusal=None, number=known.number, **_WORDS)


_WORDS: dict[str, Any] = {"kinds": KINDS, "states": STATES, "chips": CHIPS}
