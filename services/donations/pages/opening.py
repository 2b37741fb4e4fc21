"""Pages on which a town's calls begin: the list of them, and the form that opens one."""

import re
from datetime import timedelta
from typing import Any, get_args

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, reading
from services.donations.domain.portal import TOKYO
from services.donations.pages.place import LINE, LINES, Shown, local, page, request_id
from services.donations.shapes import (
    CATEGORIES_MAX,
    CRITERIA_MAX,
    POINTS_MAX,
    Clerk,
    GivenCategory,
    GivenCriterion,
    Opening,
)
from shared.door import Door, TheDoor
from shared.events.donations import Rule
from shared.identity import Principal
from shared.web.asked import SEE_OTHER, Asked, nothing
from shared.web.forms import Form
from shared.web.i18n import msgid as _

router = APIRouter(include_in_schema=False)

RULES: tuple[Rule, ...] = get_args(Rule)
_NUMBER = re.compile(r"[0-9]{6}-[0-9A-Z][0-9A-Z-]{0,20}")


@router.get("/donations/calls")
async def list_own(request: Request, door: TheDoor, who: Clerk) -> Response:
    """Show the clerk the calls of the town, and the form that opens the next."""
    return await _own(nothing(request), door, who)


@router.post("/donations/calls")
async def open_call(request: Request, door: TheDoor, who: Clerk) -> Response:
    """Open a call."""
    asked = await Asked.of(request)
    body = _opening(asked.form)
    if body and await asked.tried(
        lambda: door.act(who.party, who, lambda tx: commands.open_call(tx, body.event), ask=body), field="number"
    ):
        return RedirectResponse(f"/donations/calls/{body.number}", SEE_OTHER)
    return await _own(asked, door, who)


async def _own(asked: Asked, door: Door, who: Principal) -> Response:
    async with door.look(who.party, who) as connection:
        calls = [Shown.of(row, who.party, door.now()) for row in await reading.opened(connection)]
        counted = await reading.counts(connection)
    today = door.now().astimezone(TOKYO).replace(second=0, microsecond=0, tzinfo=None)
    return page(
        asked.request,
        "opening.html",
        asked.status,
        calls=calls,
        counted=counted,
        rules=RULES,
        opens=today.isoformat(timespec="minutes"),
        closes=(today + timedelta(days=28)).isoformat(timespec="minutes"),
        **asked.said,
    )


def _opening(form: Form) -> Opening | None:
    """Read the form that opens a call; None when something has to be mended."""
    facts: dict[str, Any] = {
        "request": request_id(form),
        "rule": form.choice("rule", _("決め方"), RULES),
        "number": form.need("number", _("公募の番号"), longest=28, example="063622-2026-1", pattern=_NUMBER),
        "title": form.need("title", _("公募の題名"), longest=200, pattern=LINE),
        "item_kinds": tuple(form.choices("kinds", _("種類"), ("desktop", "notebook"), least=1)),
        "units": form.number("units", _("お譲りする台数"), least=1, most=10_000),
        "categories": _categories(form),
        "opens_at": local(form, "opens_at", _("受付の開始")),
        "closes_at": local(form, "closes_at", _("締切")),
        "consent": form.need("consent", _("約束していただくこと"), pattern=LINES),
        "consent_version": form.need("consent_version", _("約束の版"), longest=200, pattern=LINE),
        "contact": form.need("contact", _("窓口"), longest=200, pattern=LINE),
        "criteria": _criteria(form),
    }
    spec = {
        "os": form.need("os", _("OS"), longest=200, pattern=LINE),
        "ssd_gb": form.number("ssd_gb", _("内蔵ストレージ（GB）"), least=1, most=99_999),
        "memory_gb": form.number("memory_gb", _("メモリ（GB）"), least=1, most=9_999),
        "office": form.need("office", _("ソフト"), longest=200, pattern=LINE),
        "support_months": form.number("support_months", _("サポートの月数"), least=0, most=120),
    }
    return None if form.errors else Opening.model_validate(facts | {"spec": spec})


def _categories(form: Form) -> tuple[GivenCategory, ...]:
    """Read one category a line: code, name, cap."""
    form.need("categories", _("区分"), pattern=LINES, example="hamlet 集落 2")
    say = _("1行に「記号 名前 上限の台数」の形で入れてください。")
    found = _lines(form, "categories", _("区分"), say, "hamlet 集落 2")
    if len(found) > CATEGORIES_MAX:
        form.wrong("categories", _("区分"), _("区分が多すぎます。20までにしてください。"))
    return tuple(GivenCategory(code=code, name=name, cap=most) for code, name, most in found)


def _criteria(form: Form) -> tuple[GivenCriterion, ...]:
    """Read one criterion a line: code, name, points; only a review has any."""
    form.may("criteria", _("審査の観点"), pattern=LINES)
    if form.value("rule") != "review":
        return ()
    say = _("1行に「記号 名前 満点」の形で、満点は100までにしてください。")
    found = _lines(form, "criteria", _("審査の観点"), say, "need 必要性 5")
    if not 1 <= len(found) <= CRITERIA_MAX:
        form.wrong("criteria", _("審査の観点"), _("審査の観点を1つから20まで入れてください。"), "need 必要性 5")
    if any(most > POINTS_MAX for _code, _name, most in found):
        form.wrong("criteria", _("審査の観点"), say, "need 必要性 5")
        return ()
    return tuple(GivenCriterion(code=code, name=name, points_max=most) for code, name, most in found)


_LINE = re.compile(r"\s*([a-z0-9-]{1,40})\s+(\S.{0,99}?)\s+([0-9０-９]{1,3})\s*")


def _lines(form: Form, field: str, label: str, say: str, example: str) -> list[tuple[str, str, int]]:
    """Read lines of a code, a name and a number of at least 1."""
    found = []
    for line in form.value(field).splitlines():
        match = _LINE.fullmatch(line)
        if match and int(match[3]):
            found.append((match[1], match[2], int(match[3])))
        elif line.strip():
            form.wrong(field, label, say, example)
    return found
