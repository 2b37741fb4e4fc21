"""What both doors of donations take in: whose call or receipt it is, a portal's file."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, replace
from uuid import UUID

from limits import RateLimitItemPerMinute
from sqlalchemy import exists, select, text
from starlette.exceptions import HTTPException

from services.donations import commands
from services.donations.domain import portal
from services.donations.domain.receipt import LINK, RECEIPT, hashed, link_token, passphrase
from services.donations.shapes import NUMBER, Imported
from services.donations.tables import applicants, desks
from shared.database import Transaction
from shared.door import Door, scanned
from shared.events.donations import CallOpened
from shared.identity import Principal
from shared.limiter import limiter
from shared.refused import Forbidden, Invalid, Unknown
from shared.settings import settings

FILE_BYTES_MAX = 5 * 1024 * 1024
PROBLEMS_SHOWN_MAX = 100
GUESSES = RateLimitItemPerMinute(10)  # wrong passphrases for one receipt and process; 40 bits outlast anybody
_guesses = limiter()

_CALL = text("SELECT call, tenant FROM public_call(:number)")
_RECEIPT = text("SELECT application, call, tenant, number FROM public_receipt(:receipt)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a public act lands: the call and its town."""

    call: UUID
    tenant: str
    number: str


@dataclass(frozen=True, slots=True)
class Held:
    """An application whose passphrase was shown."""

    place: Place
    application: UUID
    receipt: str


def public(place: Place) -> Principal:
    """Return the public as it acts on one town's call: no person, no role."""
    return Principal("public", place.tenant, frozenset())


async def find(door: Door, number: str) -> Place:
    """Find a call by its number, across towns. Raises Unknown."""
    row = None
    if re.fullmatch(NUMBER, number):
        async with door.asking() as connection:
            row = (await connection.execute(_CALL, {"number": number})).one_or_none()
    if row is None:
        raise Unknown(
            "unknown-call",
            "この番号の公募はありません。番号を確かめるか、公募の一覧から探してください。",
            "There is no call of this number. Check the number, or look through the list of calls.",
        )
    return Place(row.call, row.tenant, number)


async def find_own(door: Door, number: str, who: Principal) -> Place:
    """Find a call of the clerk's own town. Raises Forbidden for another town's."""
    place = await find(door, number)
    if place.tenant != who.party:
        raise Forbidden(
            "other-town",
            "ほかの町の公募です。自分の町の公募の番号を確かめてください。",
            "This is another town's call. Check the number of your own.",
        )
    return place


async def hold(door: Door, receipt: str, words: str) -> Held:
    """Open a receipt with its passphrase. A wrong one and an unknown receipt are answered alike, and counted."""
    given = unicodedata.normalize("NFKC", receipt).strip()
    if not _guesses.test(GUESSES, given):
        raise HTTPException(429)
    if RECEIPT.fullmatch(given):
        if held := await _opened(door, given, words):
            return held
        _guesses.hit(GUESSES, given)
    raise _wrong()


async def hold_by_link(door: Door, receipt: str, token: str) -> tuple[Held, str]:
    """Open a receipt by its private link; return it with its passphrase. Raises Unknown for a link that opens none."""
    if not RECEIPT.fullmatch(receipt) or not LINK.fullmatch(token):
        raise _wrong()
    async with door.asking() as connection:
        row = (await connection.execute(_RECEIPT, {"receipt": receipt})).one_or_none()
    if row is not None:
        place = Place(row.call, row.tenant, row.number)
        async with door.look(place.tenant, public(place)) as connection:
            kept = await connection.scalar(
                select(desks.c.secret).where(
                    desks.c.tenant == row.tenant, exists().where(applicants.c.application == row.application)
                )
            )
        if kept is not None and hmac.compare_digest(link_token(bytes(kept), row.application), token):
            return Held(place, row.application, receipt), passphrase(bytes(kept), row.application)
    raise _wrong()  # 125 bits need no counter, and whoever guesses at a receipt must not lock its owner's link


async def link_of(door: Door, held: Held) -> str:
    """Return the token of the private link of an application that was opened."""
    async with door.look(held.place.tenant, public(held.place)) as connection:
        found = await connection.execute(select(desks.c.secret).where(desks.c.tenant == held.place.tenant))
        return link_token(bytes(found.scalar_one()), held.application)


async def private_link(door: Door, held: Held) -> str:
    """Return the private link of an application that was opened."""
    return f"{settings().origin}/calls/mine/{held.receipt}/{await link_of(door, held)}"


def _wrong() -> Unknown:
    return Unknown(
        "receipt-or-passphrase",
        "受付番号か照会コードが違います。控えを見て、もう一度入れてください。",
        "The receipt number or the passphrase is wrong. Look at your slip and enter them again.",
    )


async def _opened(door: Door, receipt: str, words: str) -> Held | None:
    async with door.asking() as connection:
        row = (await connection.execute(_RECEIPT, {"receipt": receipt})).one_or_none()
    if row is None:
        return None
    place = Place(row.call, row.tenant, row.number)
    async with door.look(place.tenant, public(place)) as connection:
        kept = await connection.scalar(
            select(applicants.c.passphrase_sha256).where(applicants.c.application == row.application)
        )
    if kept is None or not hmac.compare_digest(bytes(kept), hashed(row.application, words)):
        return None
    return Held(place, row.application, receipt)


def label_of(given: str) -> str:
    """Read a scanned label. Raises Invalid with the sentence for the one who scanned it."""
    return scanned(given).id


@dataclass(frozen=True, slots=True)
class TakenFile:
    """What became, or would become, of a portal's file."""

    rows: int = 0
    new: int = 0
    known: int = 0
    refused: int = 0
    receipts: tuple[str, ...] = ()
    problems: tuple[portal.Problem, ...] = ()


async def take_file(
    door: Door, place: Place, who: Principal, content: bytes, request: UUID, *, preview: bool
) -> TakenFile:
    """Read a portal's file and record it, all or nothing; a preview writes nothing. Raises Invalid when too large."""
    if len(content) > FILE_BYTES_MAX:
        raise Invalid(
            "file-too-large",
            "ファイルが大きすぎます。5 MB までに分けて送ってください。",
            "The file is too large. Split it into files of at most 5 MB.",
            field="file",
        )

    async def take(tx: Transaction) -> TakenFile:
        return await _take_file(tx, place, content, preview=preview)

    ask = Imported(request=request, sha256=hashlib.sha256(content).hexdigest())
    try:
        return await door.act(place.tenant, who, take, ask=ask)
    except _Previewed as rolled_back:
        return rolled_back.would_be


class _Previewed(Exception):
    """Rolls the transaction back: a preview does the real thing up to the commit, so it cannot say anything else."""

    def __init__(self, would_be: TakenFile) -> None:
        super().__init__()
        self.would_be = would_be


async def _take_file(tx: Transaction, place: Place, content: bytes, *, preview: bool) -> TakenFile:
    data = await tx.connection.scalar(text("SELECT data FROM calls WHERE call = :call"), {"call": place.call})
    read = portal.read(content, CallOpened.model_validate(data).categories, tx.at)
    attested = [each for _, each in read.rows]
    marks = await commands.compare(tx, place.call, attested)
    problems = read.problems + tuple(
        portal.Problem(
            line,
            portal.COLUMNS["key"][0],
            "前に取り込んだ応募と、日時・区分・台数のどれかが違います。ポータルの記録と見比べてください。",
            "It differs from what was taken in before in time, category or units. Compare with the portal.",
        )
        for (line, _), mark in zip(read.rows, marks, strict=True)
        if mark == "changed"
    )
    counted = TakenFile(len(attested), marks.count("new"), marks.count("same"), problems=problems)
    if problems:
        return counted
    taken = await commands.record_all(tx, place.call, attested)
    counted = replace(counted, refused=sum(1 for each in taken if getattr(each.event, "reason", None)))
    if preview:
        raise _Previewed(counted)
    return replace(counted, receipts=tuple(each.event.receipt for each in taken))
