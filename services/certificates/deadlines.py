"""Deadlines at the door: what is missing by when, the calendar, the mail that reminds, and how the post goes."""

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from services.certificates import missing, reading
from services.certificates.domain import calendar
from services.certificates.missing import Span
from services.certificates.reminders import ROLES
from services.certificates.tables import subscriptions
from shared.bounces import Cause, cause
from shared.database import as_party
from shared.deadline import SOON_DAYS, after, day_in_japan, left
from shared.door import Door, TheDoor
from shared.identity import Principal, SignedIn, holding
from shared.letters import TROUBLED
from shared.refused import Refused, Unknown
from shared.settings import settings
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

PAGE_ROWS = 50
GROUPS_MAX = 12
WITHIN_MAX = 60
KEY_LENGTH_MAX = 100
POST_DAYS = 90
TROUBLED_DAYS = 30  # after that a letter that did not go is old news for its town
SHOWN = ("overdue", "soon", "all")
KINDS = {"erasure": _("消去証明書"), "destruction": _("破壊証明書"), "tracking": _("追跡証明書")}
# What is missing, and what to do next.
REASONS: dict[str, tuple[str, str]] = {
    "revoked": (_("取り消された"), _("センターに、差し替えの証明書を発行するよう頼んでください。")),
    "doubted": (_("再確認の不合格"), _("確かめ直しが済むのを待っています。センターで消去し直すか粉砕してください。")),
    "photo": (_("証拠写真が見つからない"), _("センターで写真の原本を保管庫に戻してください。戻ると自動で作ります。")),
    "failure": (_("作れなかった"), _("書かれた理由を直してください。直ると自動で作ります。")),
    "proof": (
        _("台帳の証明待ち"),
        _("数分で届きます。1時間たっても変わらなければ、めぐるの運用者に知らせてください。"),
    ),
    "making": (_("作成中"), _("自動でできます。することはありません。")),
    "not-erased": (_("データ消去の記録がない"), _("消去の結果を取り込むか、消去できない機器として申し出てください。")),
    "not-received": (_("入庫していない"), _("カゴ車で出庫し、センターで入庫を読み取ってください。")),
    "not-destroyed": (_("粉砕の記録がない"), _("センターで粉砕し、前と後の写真を付けて記録してください。")),
    "papers": (_("記憶媒体の証明書が先"), _("同じ機器の消去証明書か破壊証明書がそろうと、自動で作ります。")),
    "not-closed": (_("追跡が終わっていない"), _("機器のページで、残っている手順、照合の差、紛失を確かめてください。")),
}
STATES = {
    "waiting": _("送るのを待つ"),
    "sending": _("送っている"),
    "refused": _("受け取りを断られた"),
    "unclear": _("届いたか分からない"),
    "given-up": _("送れなかった"),
    "returned": _("届かずに返ってきた"),
}
# Why a letter came back, and what to do next.
RETURNED: dict[Cause, tuple[str, str]] = {
    "address": (
        _("宛先の受信箱がない"),
        _("アドレスが正しいか本人に確かめ、名簿を直してください。期限のことは、別の方法で伝えてください。"),
    ),
    "full": (
        _("宛先の受信箱がいっぱい"),
        _("受信箱を空けるよう本人に頼み、期限のことは別の方法で伝えてください。"),
    ),
    "policy": (
        _("宛先のサーバーが受け取らない"),
        _("めぐるの運用者に知らせ、期限のことは別の方法で伝えてください。"),
    ),
    "away": (
        _("宛先のサーバーに届かなかった"),
        _("アドレスの＠の後ろが正しいかを確かめ、期限のことは別の方法で伝えてください。"),
    ),
    "other": (
        _("理由はサーバーの答えのとおり"),
        _("アドレスが正しいか本人に確かめ、期限のことは別の方法で伝えてください。"),
    ),
}

_HASH = re.compile(r"[0-9a-f]{12}(?=[0-9a-f]{52})")  # its beginning is enough to find a photo by

Operator = Annotated[Principal, Depends(holding("platform-operator"))]


@dataclass(frozen=True, slots=True)
class Looked:
    """What of the deadlines is looked at."""

    town: str
    show: str
    within: int
    engagement: UUID | None
    party: str  # of the one who looks

    def span(self, today: date) -> Span:
        """Return the days of the deadlines looked at."""
        if self.show == "overdue":
            return Span(until=today - timedelta(days=1), engagement=self.engagement, party=self.party)
        if self.show == "soon":
            return Span(since=today, until=after(today, self.within), engagement=self.engagement, party=self.party)
        return Span(engagement=self.engagement, party=self.party)

    def link(self, **changed: Any) -> str:
        """Return the address of the same page with something else looked at."""
        said = {"town": self.town, "show": self.show, "within": self.within, "engagement": self.engagement} | changed
        return f"/certificates/deadlines?{urlencode({name: str(value) for name, value in said.items() if value})}"


@router.get("/certificates/deadlines")
async def deadlines(
    *,
    request: Request,
    door: TheDoor,
    who: SignedIn,
    town: Annotated[str, Query(max_length=200)] = "",
    show: Annotated[str, Query(max_length=20)] = "all",
    within: Annotated[int, Query(ge=1, le=WITHIN_MAX)] = SOON_DAYS,
    engagement: UUID | None = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Show what is missing of the certificates that are due, and why; the earliest deadline first."""
    async with door.look(who.party, who) as connection:
        towns = await reading.towns(connection, who.party)
    looked = Looked(
        town or next(iter(towns), who.party), show if show in SHOWN else "all", within, engagement, who.party
    )
    return await _page(request, door, who, looked, towns, page=page)


async def _page(
    request: Request,
    door: Door,
    who: Principal,
    looked: Looked,
    towns: dict[str, str],
    *,
    page: int = 1,
    link: str = "",
    done: str = "",
) -> Response:
    today = day_in_japan(door.now())
    span = looked.span(today)
    async with door.look(looked.town, who) as connection:
        rows = await missing.missing(connection, looked.town, span, most=PAGE_ROWS + 1, after=(page - 1) * PAGE_ROWS)
        groups = await missing.counted(connection, looked.town, Span(engagement=looked.engagement, party=who.party))
        why = await missing.reasons(connection, looked.town, span)
        reissues = await missing.reissues(connection, looked.town, replace(looked, show="overdue").span(today))
        engagements = await reading.engagements(connection, looked.town, who.party)
        own = await _subscription(connection, who)
        troubled = (
            await _troubled(connection, door.now() - timedelta(days=TROUBLED_DAYS))
            if who.has("town-admin") and looked.town == who.party
            else []
        )
    soon = after(today, looked.within)
    totals = {
        "overdue": sum(one.missing for one in groups if one.due_on < today),
        "soon": sum(one.missing for one in groups if today <= one.due_on <= soon),
        "all": sum(one.missing for one in groups),
    }
    return render(
        request,
        "deadlines.html",
        looked=looked,
        rows=rows[:PAGE_ROWS],
        page=page,
        more=len(rows) > PAGE_ROWS,
        groups=groups[:GROUPS_MAX],
        groups_more=max(len(groups) - GROUPS_MAX, 0),
        why=why,
        reissues=reissues,
        totals=totals,
        towns=towns,
        engagements=engagements,
        left=lambda due: left(today, due) if due >= today else (due - today).days,
        kinds=KINDS,
        reasons=REASONS,
        short=lambda failure: found[0] if (found := _HASH.search(failure)) else "",
        own=own,
        told=who.kind == "town" and who.has(*ROLES),
        mail=bool(settings().smtp_host),
        troubled=troubled,
        states=STATES,
        returned=lambda status: RETURNED[cause(status or "")],
        calendar_link=link,
        done=done or request.query_params.get("done", ""),
        now=door.now(),
        soon_days=SOON_DAYS,
    )


# ── what a person takes of it: mail, and a calendar under a link of their own ─────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one person takes of deadlines."""

    known: bool  # the person's card is here
    email: str | None = None
    mail: bool = True
    calendar: bool = False


async def _subscription(connection: AsyncConnection, who: Principal) -> Subscription:
    row = (
        await connection.execute(
            text(
                "SELECT p.email, coalesce(s.mail, true) AS mail, s.calendar_sha256 IS NOT NULL AS calendar "
                "FROM people p LEFT JOIN subscriptions s USING (person) WHERE p.person = :person AND p.party = :party"
            ),
            {"person": who.person, "party": who.party},
        )
    ).one_or_none()
    return Subscription(True, row.email, row.mail, row.calendar) if row else Subscription(False)


async def _troubled(connection: AsyncConnection, since: datetime) -> list[Any]:
    """Return the last letter to each person that did not go, and how many did not."""
    rows = await connection.execute(
        text(
            "SELECT * FROM (SELECT DISTINCT ON (l.person) l.state, l.said, l.status, l.changed_at, l.day, p.name, "
            "p.email, count(*) OVER (PARTITION BY l.person) AS n FROM letters l JOIN people p USING (person) "
            "WHERE l.state = ANY(:states) AND l.changed_at >= :since ORDER BY l.person, l.changed_at DESC) t "
            "ORDER BY changed_at DESC LIMIT 20"
        ),
        {"states": list(TROUBLED), "since": since},
    )
    return list(rows)


@router.post("/certificates/deadlines/mail")
async def choose_mail(request: Request, door: TheDoor, who: SignedIn) -> Response:
    """Switch the mail of the one who asks on or off."""
    wanted = (await request.form()).get("mail") == "on"
    await _subscribe(door, who, {"mail": wanted})
    return RedirectResponse(f"/certificates/deadlines?done=mail-{'on' if wanted else 'off'}", 303)


@router.post("/certificates/deadlines/calendar")
async def make_link(request: Request, door: TheDoor, who: SignedIn) -> Response:
    """Make a new link to the calendar; an earlier one ends. It is shown now and never again: only its hash is kept."""
    key = secrets.token_urlsafe(24)
    await _subscribe(door, who, {"calendar_sha256": _hash(key), "calendar_at": door.now()})
    async with door.look(who.party, who) as connection:
        towns = await reading.towns(connection, who.party)
    looked = Looked(next(iter(towns), who.party), "all", SOON_DAYS, None, who.party)
    link = f"{settings().origin}/certificates/deadlines.ics?key={key}"
    return await _page(request, door, who, looked, towns, link=link, done="calendar")


@router.post("/certificates/deadlines/calendar/end")
async def end_link(door: TheDoor, who: SignedIn) -> Response:
    """Let the link to the calendar end."""
    await _subscribe(door, who, {"calendar_sha256": None, "calendar_at": None})
    return RedirectResponse("/certificates/deadlines?done=calendar-ended", 303)


async def _subscribe(door: Door, who: Principal, chosen: dict[str, Any]) -> None:
    """Keep what a person chose. Raises Refused while the person's card is not here."""
    async with door.look(who.party, who) as connection:
        if not (await _subscription(connection, who)).known:
            raise Refused(
                "no-card",
                "あなたの名簿の内容がまだ届いていません。少し待って、もう一度押してください。"
                "変わらなければ、名簿にあるかを管理者に聞いてください。",
                "Your card of the directory has not come here yet. Wait a moment and press again. "
                "If nothing changes, ask the administrator whether you are on the directory.",
            )
        row = {"person": who.person, "tenant": who.party} | chosen
        statement = insert(subscriptions).values(row)
        await connection.execute(statement.on_conflict_do_update(index_elements=["person"], set_=chosen))


@router.get("/certificates/deadlines.ics")
async def calendar_file(door: TheDoor, key: Annotated[str, Query(max_length=KEY_LENGTH_MAX)] = "") -> Response:
    """Return the calendar of whose link it is. Calendar programs have no session: the link alone opens it."""
    async with door.asking() as connection:
        found = await connection.execute(text("SELECT * FROM calendar_of(:sha256)"), {"sha256": _hash(key)})
        owner = found.one_or_none()
    if owner is None:
        raise Unknown(
            "unknown-calendar",
            "この予定表のリンクは、もう使えません。めぐるの「提出期限」のページで、新しいリンクを作ってください。",
            "This link to a calendar is no longer valid. Make a new one on the page of deadlines.",
        )
    dues = await _dues(door, owner.party)
    content = calendar.written(dues, at=door.now(), host=urlsplit(settings().origin).hostname or "meguru")
    headers = {"cache-control": "private, no-store", "content-disposition": 'inline; filename="deadlines.ics"'}
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


async def _dues(door: Door, party: str) -> list[calendar.Due]:
    async with door.engine.begin() as connection:
        await as_party(connection, tenant=party, party=party)
        towns = await reading.towns(connection, party)
        dues = []
        for town, name in towns.items():
            if not await as_party(connection, tenant=town, party=party):
                continue  # the contract has ended
            for one in await missing.counted(connection, town, Span(party=party)):
                looked = Looked(town, "all", SOON_DAYS, one.engagement, party)
                link = f"{settings().origin}{looked.link()}"
                counts = {said: getattr(one, kind) for kind, said in KINDS.items()}
                dues.append(calendar.Due(one.engagement, one.due_on, one.title, name, counts, link))
    return dues


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


# ── for the operator: how the post goes ───────────────────────────────────────────────────────────────────────────────


@router.get("/certificates/letters")
async def post_office(request: Request, door: TheDoor, who: Operator) -> Response:  # noqa: ARG001 - who may look
    """Show the letters that wait or did not go, and nobody's name."""
    async with door.asking() as connection:
        rows = await connection.execute(
            text("SELECT * FROM post_office(:since)"), {"since": door.now() - timedelta(days=POST_DAYS)}
        )
        there = list(rows)
    return render(
        request,
        "letters.html",
        rows=there,
        mail=settings().smtp_host,
        states=STATES,
        unclear=sum(one.state == "unclear" for one in there),
        now=door.now(),
    )
