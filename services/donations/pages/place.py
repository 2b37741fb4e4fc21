"""A call as donations' pages show it, and the fields that the public and the desk fill in alike."""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from services.donations import reading
from services.donations.domain.applicant import is_phone
from services.donations.domain.portal import TOKYO
from services.donations.domain.window import YEARS, Stage, stage
from services.donations.intake import Place, public
from services.donations.pages.words import CHIPS, WORDS
from services.donations.shapes import PRINTABLE, PROSE
from shared.door import Door
from shared.events.donations import CallOpened, RoundOpened
from shared.identity import Principal
from shared.ids import uuid7
from shared.refused import Unknown
from shared.web.forms import Form
from shared.web.i18n import msgid as _
from shared.web.pages import render
from shared.web.viewer import PUBLIC, Help

MAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")
LINE, LINES = re.compile(PRINTABLE.strip("^$")), re.compile(PROSE.strip("^$"))


@dataclass(frozen=True, slots=True)
class Shown:
    """A call as a page shows it."""

    call: CallOpened
    tenant: str
    state: Stage
    closed_at: datetime | None
    allocated_at: datetime | None
    stock: tuple[UUID, ...] = ()
    further: RoundOpened | None = None
    units: int = 0  # of all rounds together

    @property
    def offer(self) -> CallOpened | RoundOpened:
        """What the round it is in offers."""
        return self.further or self.call

    @property
    def round(self) -> int:
        """The round it is in."""
        return self.further.round if self.further else 1

    @classmethod
    def of(cls, row: Any, tenant: str, now: datetime) -> "Shown":
        """Read a row of the calls and say where the call stands now."""
        call = CallOpened.model_validate(row.data)
        further = RoundOpened.model_validate(row.further) if row.further else None
        state = stage(further or call, closed=bool(row.closed_at), allocated=bool(row.allocated_at), now=now)
        stock = tuple(getattr(row, "stock", None) or ())
        units = int(getattr(row, "units", None) or call.units)
        return cls(call, tenant, state, row.closed_at, row.allocated_at, stock, further, units)


def page(request: Request, template: str, status: int = 200, *, desk: str = "", **context: Any) -> Response:
    """Answer with a page; `desk` is whom its reader may ask."""
    if desk:
        viewer = getattr(request.state, "viewer", PUBLIC)
        request.state.viewer = replace(viewer, help=Help(desk=desk))
    return render(request, template, status, words=WORDS, chips=CHIPS, **context)


async def shown_call(door: Door, place: Place) -> Shown:
    """Return the call of a place as it stands now."""
    async with door.look(place.tenant, public(place)) as connection:
        row = next(row for row in await reading.opened(connection) if row.call == place.call)
    return Shown.of(row, place.tenant, door.now())


async def receipts_place(door: Door, receipt: str, who: Principal) -> Place:
    """Return the call of a receipt of the clerk's own town. Raises Unknown."""
    async with door.asking() as connection:
        query = text("SELECT call, tenant, number FROM public_receipt(:receipt)")
        row = (await connection.execute(query, {"receipt": receipt})).one_or_none()
    if row is None or row.tenant != who.party:
        raise Unknown
    return Place(row.call, row.tenant, row.number)


def request_id(form: Form) -> UUID:
    """Return the id that a form carries."""
    try:
        return UUID(form.value("request"))
    except ValueError:  # a page of ours always carries one; whoever made this request did without a replay
        return uuid7()


def person(form: Form, call: CallOpened) -> dict[str, Any]:
    """Read who applies for what: the first page of the application, and most of what a clerk keys."""
    facts = {
        "category": form.choice("category", _("区分"), [one.code for one in call.categories]),
        "group": form.need("group", _("団体の名前"), longest=200, pattern=LINE),
        "representative": form.need("representative", _("代表の方の氏名"), longest=200, pattern=LINE),
        "address": form.need("address", _("町内の住所"), longest=200, pattern=LINE),
        "phone": form.need("phone", _("電話番号"), longest=40, pattern=LINE, example="0233-43-2261"),
        "mail": form.may("mail", _("メールアドレス"), longest=200, pattern=MAIL, example="a@example.jp"),
    }
    if facts["phone"] and not is_phone(facts["phone"]):
        form.wrong("phone", _("電話番号"), _("けたが合いません。市外局番から入れてください。"), "0233-43-2261")
    return facts


def local(form: Form, name: str, label: str) -> datetime | None:
    """Read a moment that a person typed by the clock on the wall."""
    said = form.need(name, label, longest=40)
    try:
        at = datetime.fromisoformat(unicodedata.normalize("NFKC", said))
    except ValueError:
        if said:
            form.wrong(name, label, _("日時として読めません。例のように入れてください。"), "2026-11-05T08:33")
        return None
    if at.year not in YEARS:
        form.wrong(name, label, _("日時として読めません。例のように入れてください。"), "2026-11-05T08:33")
        return None
    return at if at.tzinfo else at.replace(tzinfo=TOKYO)
