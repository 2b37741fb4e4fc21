"""Keeps the signed list of revocations fresh: a new one whenever something was revoked, and once a day.

The list is read at `/certificates/revoked.json` and checked offline by `verifier/`; a reader who holds one past its
next update knows that it is old. Two workers may sign the same number: the first that is kept stands.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.certificates.document.revocations import RevocationList, RevokedLine, document
from services.certificates.domain.certificate import CODES
from services.certificates.keys import ORGANISATION
from services.certificates.pressroom import PressRoom
from shared import bell
from shared.events.certificates import RevocationCode
from shared.worker import Work

log = logging.getLogger(__name__)

PATH = "/certificates/revoked.json"
RENEWED = timedelta(days=1)
LIFETIME = timedelta(days=7)  # a holiday week's outage makes no list run out
LOOK_S = 5.0
IDLE_MAX_S = 10.0  # the process that signs goes when it has nothing to do
KEPT = 10  # lists; older ones prove nothing that the newest does not

_MARK = text(
    "SELECT count(*) || ' ' || count(replaced_by) || ' ' || coalesce(max(revoked_at)::text, '') "
    "FROM certificates WHERE revoked_at IS NOT NULL"
)
_LAST = text("SELECT number, issued_at, mark FROM revoked_lists ORDER BY number DESC LIMIT 1")
_REVOKED = text(
    "SELECT number, pdf_sha256, json_sha256, revoked_at, code, replaced_by FROM certificates "
    "WHERE revoked_at IS NOT NULL AND issued_at IS NOT NULL ORDER BY revoked_at, number"
)


async def publish_revocations(work: Work) -> None:
    """Keep the list fresh, for ever."""
    known = work.settings
    room = PressRoom(known.fonts, known.keys, known.log_origin, idle_max_s=IDLE_MAX_S)
    try:
        while True:
            try:
                await renew(work.consumer, room, known.origin, datetime.now(UTC))
            except (DBAPIError, OSError) as failure:  # NotReady, Died
                log.warning("the list of revocations is renewed in %s s: %r", LOOK_S, failure)
            await bell.rest(LOOK_S)
    finally:
        await room.close()


async def renew(engine: AsyncEngine, room: PressRoom, origin: str, at: datetime) -> bool:
    """Sign and keep a new list when there is news or the last is a day old. Returns whether it was needed."""
    async with engine.connect() as connection:
        mark = str(await connection.scalar(_MARK))
        last = (await connection.execute(_LAST)).one_or_none()
        if last and last.mark == mark and at - last.issued_at < RENEWED:
            return False
        rows = list(await connection.execute(_REVOKED))
    given = RevocationList(
        number=last.number + 1 if last else 1,
        url=f"{origin}{PATH}",
        issued_at=at.replace(microsecond=0),
        next_update=at.replace(microsecond=0) + LIFETIME,
        revoked=tuple(_line(row) for row in rows),
    )
    body = await room.sign(document(given), ORGANISATION)
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO revoked_lists (number, tenant, issued_at, next_update, mark, body) "
                "VALUES (:number, 'platform', :issued_at, :next_update, :mark, :body) ON CONFLICT DO NOTHING"
            ),
            given.model_dump(include={"number", "issued_at", "next_update"}) | {"mark": mark, "body": body},
        )
        await connection.execute(text("DELETE FROM revoked_lists WHERE number <= :old"), {"old": given.number - KEPT})
    return True


def _line(row: Any) -> RevokedLine:
    code: RevocationCode = row.code or "other"
    ja, en = CODES[code]
    return RevokedLine(
        number=row.number,
        pdf_sha256=row.pdf_sha256,
        json_sha256=row.json_sha256,
        revoked_at=row.revoked_at,
        code=code,
        ja=ja,
        en=en,
        replaced_by=row.replaced_by,
    )
