"""What may be done about one device from its page: who may, what the form says, and what it does."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal
from uuid import UUID

from services.tracking.commands import differences, explanations, losses, scans
from services.tracking.commands import items as commands
from services.tracking.domain import item as domain
from services.tracking.domain.columns import MEDIA
from services.tracking.domain.conformance import WORDS as BREAKS
from services.tracking.domain.conformance import Breach
from services.tracking.domain.row import CAPACITY_MAX
from services.tracking.domain.width import plain
from services.tracking.pages.device import Whole
from shared import ledger
from shared.database import Transaction
from shared.door import Found
from shared.entry import Entry
from shared.identity import Principal
from shared.refused import Invalid, Refused
from shared.web.asked import Asked
from shared.web.forms import Form
from shared.web.i18n import msgid as _

Act = Literal[
    "exception",
    "approval",
    "take-over",
    "candidate",
    "recycling",
    "difference",
    "sighting",
    "loss",
    "correction",
    "explanation",
]
ALLOWED: dict[Act, tuple[str, ...]] = {
    "exception": ("worker", "centre-manager"),
    "approval": ("approver",),
    "take-over": ("clerk", "town-admin"),
    "candidate": ("worker", "centre-manager"),
    "recycling": ("worker", "centre-manager"),
    "difference": ("clerk", "town-admin", "worker", "centre-manager"),
    "sighting": ("clerk", "town-admin", "worker", "centre-manager"),
    "loss": ("clerk", "town-admin", "worker", "centre-manager"),
    "correction": ("clerk", "town-admin"),
    "explanation": ("clerk", "town-admin"),
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def may(who: Principal, whole: Whole) -> frozenset[Act]:
    """Return the acts that this reader may take now: what a page offers must be able to succeed."""
    ready, taken = "refurb.ready.v1" in whole.kinds, whole.state.taken_over
    waiting = any(one.requested and not one.approved for one in whole.media)
    undecided = whole.state.received is not None and whole.state.route is None
    possible: dict[Act, bool] = {
        "exception": not whole.state.shipped and any(one.missing and not one.requested for one in whole.media),
        "approval": waiting,
        "take-over": ready and not taken,
        "candidate": undecided and whole.registered.lease is None,
        "recycling": undecided,
        "difference": ready != taken,
        "sighting": whole.lost,
        "loss": not whole.lost,
        "correction": not whole.certified,
        "explanation": bool(whole.open_flags),
    }
    return frozenset(act for act, so in possible.items() if so and not who.roles.isdisjoint(ALLOWED[act]))


def decided(act: Act, asked: Asked) -> Callable[[Transaction, Found], Awaitable[Entry[Any]]]:
    """Read the fields of an act and return what it does; what is wrong in them is noted in the form."""
    form = asked.form
    if act == "exception":
        reason = form.need("reason", _("消去できない理由"), longest=500)
        other = form.need("witness", _("立会いの職員"), longest=64)
        return lambda tx, found: _ask_exception(tx, found.item, form.value("medium"), reason=reason, witness=other)
    if act == "difference":
        reason = form.need("reason", _("差の理由"), longest=500)
        other = form.need("second", _("確かめたもう一人"), longest=64)
        return lambda tx, found: differences.find_difference(tx, found.item, reason=reason, second=other)
    if act == "loss":
        reason = form.need("lost", _("何が起きたか"), longest=500)
        return lambda tx, found: losses.report_loss(tx, found.item, reason=reason)
    if act in ("correction", "explanation"):
        return _correction(form) if act == "correction" else _explanation(form)
    if act == "recycling":
        why = form.may("why", _("再資源化にまわす理由"), longest=200) or None
        return lambda tx, found: _recycle(tx, found.item, why)
    acts: dict[Act, Callable[[Transaction, Found], Awaitable[Entry[Any]]]] = {
        "approval": lambda tx, found: _approve(tx, found.item, form.value("medium")),
        "take-over": lambda tx, found: _take_over(tx, found.item, asked),
        "candidate": lambda tx, found: commands.name_candidate(tx, found.item),
        "sighting": lambda tx, found: losses.sight(tx, found.item),
    }
    return acts[act]


def _explanation(form: Form) -> Callable[[Transaction, Found], Awaitable[Entry[Any]]]:
    """Read which flag, as `<fact>.<code>`, is explained, why, and who else looked."""
    fact, _dot, said = form.value("flag").partition(".")
    form.labels |= {"flag": _("説明するところ"), "second": _("いっしょに確かめた人")}
    code = next((one for one in BREAKS if one == said), None)
    reason = form.need("explained", _("説明"), longest=500)
    second = form.may("beside", _("いっしょに確かめた人"), longest=64) or None
    if code is None or not _UUID.fullmatch(fact):
        form.choice("flag", _("説明するところ"), ())
        fact, code = str(UUID(int=0)), "not-ready"

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        breach = Breach(UUID(fact), code)
        try:
            return await explanations.explain(tx, found.item, breach, reason=reason, second=second)
        except Invalid as refusal:
            named = "beside" if refusal.detail.get("field") == "second" else ""
            raise Invalid(refusal.code, refusal.ja, refusal.en, field=named) from refusal

    return do


def _correction(form: Form) -> Callable[[Transaction, Found], Awaitable[Entry[Any]]]:
    """Read what is corrected: a value of the device, or, as `<medium>.<value>`, of one of its media."""
    said = form.value("corrected")
    medium, _dot, of_medium = said.partition(".")
    form.labels["corrected"] = _("訂正する項目")
    now = form.may("value", _("正しい値"), longest=200) or None
    reason = form.need("because", _("訂正の理由"), longest=500)
    if said in domain.CORRECTABLE:
        return lambda tx, found: commands.correct(tx, found.item, said, now, reason)
    field = next((one for one in domain.CORRECTABLE_OF_MEDIUM if one == of_medium), None)
    if field is None or not _UUID.fullmatch(medium):
        form.choice("corrected", _("訂正する項目"), ())
        return lambda tx, found: commands.correct(tx, found.item, said, now, reason)
    value = _of_medium(form, field, now)
    return lambda tx, found: commands.correct_medium(tx, found.item, UUID(medium), name=field, now=value, reason=reason)


def _of_medium(form: Form, name: domain.MediumField, said: str | None) -> str | int | None:
    """Return what was typed as the value that it is; a number or a word that cannot be is noted."""
    word = _("正しい値")
    if name == "capacity_gb":
        return form.number("value", word, least=1, most=CAPACITY_MAX) if said else None
    if name == "kind":
        kind = MEDIA.get(plain(said or "").upper()) or MEDIA.get(plain(said or ""))
        if kind in (None, "none"):
            form.wrong("value", word, _("HDD・SSD・NVMe・基板実装・不明のどれかを入れてください。"))
        return kind
    if name == "serial" and not said:
        form.wrong("value", word, _("入れてください。"))
    return plain(said) if name == "serial" and said else said


async def _ask_exception(tx: Transaction, item: UUID, said: str, *, reason: str, witness: str) -> Entry[Any]:
    medium = await _medium(tx, item, said)
    return await commands.request_exception(tx, item, medium, reason=reason, witness=witness)


async def _approve(tx: Transaction, item: UUID, said: str) -> Entry[Any]:
    return await commands.approve_exception(tx, await _medium(tx, item, said))


async def _recycle(tx: Transaction, item: UUID, why: str | None) -> Entry[Any]:
    try:
        return await commands.choose_recycling(tx, item, why)
    except Refused as refusal:
        if refusal.code != "leased":
            raise
        raise Invalid(refusal.code, refusal.ja, refusal.en, field="why") from refusal  # said beside the field


async def _take_over(tx: Transaction, item: UUID, asked: Asked) -> Entry[Any]:
    scan = scans.Scanned(item, "taken-over", asked.ask.as_received(tx.at), tx.occurred_at)
    answer = (await scans.scan(tx, [scan]))[0].said
    if isinstance(answer, Refused):
        raise answer
    return answer


async def _medium(tx: Transaction, item: UUID, said: str) -> UUID:
    """Return the medium a form named when it is one of the item's, else its only one."""
    media = domain.fold((await ledger.read(tx, item)).events).media
    return next((one for one in media if str(one) == said), None) or await commands.only_medium(tx, item)
