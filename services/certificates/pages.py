"""Certificates' pages: a town's list, one certificate, and the public page that checks one."""

from collections.abc import Awaitable, Callable
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
from services.certificates.api import (
    LOT_ASKERS,
    REVOKERS,
    VALIDATORS,
    GivenNumber,
    LotAsker,
    Revoker,
    Validator,
    entitled,
    numbered,
    publicly,
)
from services.certificates.domain.certificate import REASON_LENGTH_MAX
from services.certificates.domain.number import BadNumber, Number, parse_number
from services.certificates.examination import examine
from services.certificates.order import witnesses
from services.certificates.reading import Asked
from shared.deadline import day_in_japan
from shared.door import Door, TheDoor
from shared.identity import Anyone, Principal, SignedIn
from shared.ids import uuid7
from shared.refused import Invalid, Refused, Unknown
from shared.settings import settings
from shared.web.forms import Form
from shared.web.i18n import msgid as _
from shared.web.pages import render
from verifier.verdict import Check, Unreadable, Verdict

router = APIRouter(include_in_schema=False)

PAGE_ROWS = 50
KINDS = {
    "erasure": _("消去証明書"),
    "destruction": _("破壊証明書"),
    "tracking": _("追跡証明書"),
    "lot": _("一括証明書"),
}
REASONS: dict[str, str] = {  # what the public list says of a revocation
    "wrong-medium": _("機器や記憶媒体の記載の誤り"),
    "wrong-party": _("宛先や契約の記載の誤り"),
    "evidence-withdrawn": _("証拠が再確認などで認められなくなった"),
    "amended": _("あとから加わった記録を載せるための再発行"),
    "other": _("その他の誤り"),
}
DONE = {
    "revoked": _("取り消しを記録しました"),
    "reissued": _("取り消しを記録しました。差し替えの証明書は自動で作られます"),
    "validated": _("町の確認を記録しました"),
    "asked": _("一括証明書を依頼しました。自動で作られます"),
}
STATES = {
    "awaited": _("未作成"),
    "requested": _("台帳の証明待ち"),
    "ready": _("作成中"),
    "issued": _("発行済み"),
    "revoked": _("取消"),
}
CHIPS = {"awaited": "warn", "requested": "wait", "ready": "wait", "issued": "done", "revoked": "stop"}
TICKS = {"ok": "ok", "failed": "bad", "lost": "bad", "not-applicable": "none"}
FACTS = (  # what the five checks mean, in their order
    (_("署名"), _("証明した人が署名し、その後に変わっていない")),
    (_("時刻"), _("記録、発行、署名の順に矛盾がない")),
    (_("台帳"), _("同じ記録が公開台帳にある")),
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
    done: str = "",
) -> Response:
    """Show a town's deadlines and certificates, and where to take them all."""
    async with door.look(who.party, who) as connection:
        towns = await reading.towns(connection, who.party)
    chosen = town or next(iter(towns), who.party)
    asked = Asked(
        who.party,
        engagement=engagement,
        kind=kind if kind in KINDS else None,
        state=state if state in STATES else None,
    )
    async with door.look(chosen, who) as connection:
        rows = await reading.listed(connection, chosen, asked, most=PAGE_ROWS + 1, after=(page - 1) * PAGE_ROWS)
        counts = await reading.counts(connection, chosen, who.party)
        deadlines = await reading.deadlines(connection, chosen, engagement, party=who.party)
        engagements = await reading.engagements(connection, chosen, who.party)
        progress = await reading.progress(connection, chosen, engagement, party=who.party)
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
        progress=progress,
        asked=asked,
        town=chosen,
        towns=towns,
        link=lambda **changed: _link(chosen_query | changed),
        kinds=KINDS,
        states=STATES,
        chips=CHIPS,
        now=door.now(),
        done=DONE.get(done, ""),
        may_ask=who.has(*LOT_ASKERS),
        fresh=uuid7,
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
    left = (row.due_on - day_in_japan(now)).days
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
    return _one(request, row, who, done=DONE.get(done, ""))


@router.post("/certificates/{number}/revoke")
async def revoke(request: HttpRequest, number: GivenNumber, door: TheDoor, who: Revoker) -> Response:
    """Revoke what the form on the certificate's page says, or have it reissued; a refusal shows on the same page."""
    form = Form(await request.form())
    reason = form.need("reason", _("取り消す理由"), longest=REASON_LENGTH_MAX)
    again = form.value("then") == "reissue"

    async def do() -> str:
        said = {"request": form.value("request"), "reason": reason, "code": form.value("code") or "other"}
        await api.withdraw(door, who, number, api.Revocation.model_validate(said), again=again)
        return "reissued" if again else "revoked"

    return await _done(request, (number, door, who), form, do)


@router.post("/certificates/{number}/validate")
async def validate(request: HttpRequest, number: GivenNumber, door: TheDoor, who: Validator) -> Response:
    """Record whether the town accepts the certificate; a refusal shows on the same page."""
    form = Form(await request.form())
    accepted = form.choice("accepted", _("確認の結果"), ["yes", "no"])
    remark = form.may("remark", _("認めない理由"), longest=REASON_LENGTH_MAX)

    async def do() -> str:
        said = {"request": form.value("request"), "accepted": accepted == "yes", "remark": remark or None}
        await api.accept(door, who, number, api.Validation.model_validate(said))
        return "validated"

    return await _done(request, (number, door, who), form, do)


async def _done(
    request: HttpRequest, at: tuple[Number, Door, Principal], form: Form, do: Callable[[], Awaitable[str]]
) -> Response:
    """Do what a form on a certificate's page asks, then show the page, with the refusal and all that was typed."""
    number, door, who = at
    refusal = None
    if not form.errors:
        try:
            return RedirectResponse(f"/certificates/{number}?done={await do()}", 303)
        except ValidationError:
            form.wrong("", "", _("入力を読めませんでした。画面を読み直して、もう一度入れてください。"))
        except Unknown:
            raise
        except Refused as no:
            refusal = no
    row = await entitled(door, who, number)
    if row is None:
        raise api.unknown(number)
    return _one(request, row, who, form=form, refusal=refusal, status=409 if refusal else 422)


def _one(
    request: HttpRequest,
    row: Any,
    who: Principal | None,
    *,
    form: Form | None = None,
    refusal: Refused | None = None,
    done: str = "",
    status: int = 200,
) -> Response:
    stands = row.state == "issued"
    return render(
        request,
        "certificate.html",
        status,
        row=row,
        form=form or Form(),
        refusal=refusal,
        done=done,
        may_revoke=bool(who and who.has(*REVOKERS)) and (stands or (row.state == "revoked" and not row.replaced_by)),
        may_validate=bool(who and who.party == row.tenant and who.has(*VALIDATORS)) and stands,
        witnesses=witnesses(row.checkpoint) if row.checkpoint else [],
        fresh=str(uuid7()),
        kinds=KINDS,
        states=STATES,
        chips=CHIPS,
        reasons=REASONS,
    )


@router.post("/certificates/lots")
async def ask_for_lot(request: HttpRequest, door: TheDoor, who: LotAsker) -> Response:
    """Ask for one certificate about all of an engagement's; it stands in the list until it is made."""
    form = Form(await request.form())
    try:
        said = {name: form.value(name) for name in ("request", "engagement", "town")}
        asked = api.LotAsk.model_validate(said)
    except ValidationError as wrong:
        raise Invalid from wrong
    await api.collect(door, who, asked)
    return RedirectResponse(_link({"town": asked.town or who.party, "kind": "lot", "done": "asked"}), 303)


# ── checking a certificate: public, nothing is kept ───────────────────────────────────────────────────────────────────


@router.get("/verify")
async def verify_form(request: HttpRequest, no: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Show where to drop a file or type a number; a typed number leads to its page."""
    if no.strip():
        return RedirectResponse(f"/verify/{numbered(no.strip().rsplit('/', 1)[-1])}", 303)
    return render(request, "verify.html", facts=FACTS, wrong="")


ZIP = b"PK\x03\x04"
_BUNDLE = Unreadable(
    "証明書の束（zip）は手元で確かめます（python -m verifier 束.zip --key 鍵の一覧）。中のPDFはここで確かめます。",
    "A bundle (zip) is verified where you are: python -m verifier BUNDLE.zip --key KEYS. Its PDFs can be checked here.",
)


@router.post("/verify")
async def verify_file(request: HttpRequest, door: TheDoor) -> Response:
    """Check a certificate's file, or a log proof, and say what holds and what does not. The file is not kept."""
    async with request.form() as form:
        given = form.get("file")
        name, content = (given.filename or "", await given.read()) if isinstance(given, UploadFile) else ("", b"")
    if not content:
        return render(request, "verify.html", 422, facts=FACTS, wrong=_("証明書のファイルを選んでください。"))
    if content.startswith(ZIP):
        return render(request, "verify_unreadable.html", 422, why=_BUNDLE)
    trusted = keys.trusted(settings().keys)
    try:
        verdict = await examine(name, content, trusted)
    except Unreadable as unreadable:
        return render(request, "verify_unreadable.html", 422, why=unreadable)
    known = await _known(door, verdict)
    standing = api.state_of(known) if known else ""
    outcome = "revoked" if standing == "revoked" and (verdict.ok or verdict.stripped) else _outcome(verdict)
    return render(
        request,
        "verdict.html",
        verdict=verdict,
        outcome=outcome,
        known=known,
        kinds=KINDS,
        reasons=REASONS,
        ticks=[_tick(check) for check in verdict.checks],
    )


async def _known(door: Door, verdict: Verdict) -> Any:
    """Look up what this house says of the number in a file, if it ever gave that number."""
    try:
        return await publicly(door, parse_number(verdict.number or ""))
    except (BadNumber, Unknown):
        return None


def _outcome(verdict: Verdict) -> str:
    return "valid" if verdict.ok else "stripped" if verdict.stripped else "altered"


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


_WORDS: dict[str, Any] = {"kinds": KINDS, "states": STATES, "chips": CHIPS, "reasons": REASONS}
