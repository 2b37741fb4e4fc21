"""What certificates does by itself: the issuer, and the clock that notes a missed deadline.

The issuer asks its instrument first (render, sign, outside any transaction), keeps both files by their hashes, and only
then opens the transaction that appends `issued`. That commit is the moment a certificate exists; a second attempt,
after a crash or by a second worker, finds it and changes nothing.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.certificates import commands, filling, issuing, keys, views
from services.certificates.document.inputs import canonical
from services.certificates.domain.certificate import JST
from services.certificates.issuing import Files, Instrument
from services.certificates.signing import BadKey
from services.certificates.views import Order
from shared import bell, blobs
from shared.database import service_transaction
from shared.entry import Entry
from shared.ledger import LostRace
from shared.telemetry import about, span
from shared.worker import Work

log = logging.getLogger(__name__)

RETRY_S = 0.5
UNREADY_PAUSE_S = 5.0
OVERDUE_PAUSE_S = 60.0
SERVICE = "certificates"


async def issue(work: Work) -> None:
    """Issue what has its event and its proof, for ever."""
    instrument, known, heard = await _ready(work), work.settings, bell.listen()
    while True:
        try:
            heard.clear()
            if not await issue_round(work.consumer, instrument, known.origin):
                await bell.wait(heard, bell.pause_s(known.role))
        except (DBAPIError, OSError, LostRace) as failure:
            log.warning("the issuer goes on in %s s: %r", RETRY_S, failure)
            await asyncio.sleep(RETRY_S)


async def _ready(work: Work) -> Instrument:
    """Prepare keys and instrument; without fonts, requests go on being recorded and wait for whoever mends it."""
    known = work.settings
    while True:
        try:
            await asyncio.to_thread(keys.prepare, known.keys, known.log_origin, datetime.now(UTC))
            return await asyncio.to_thread(Instrument.load, known.fonts, known.keys)
        except (OSError, BadKey) as failure:
            log.critical("no certificate can be issued; tried again in %s s: %s", UNREADY_PAUSE_S, failure)
            await asyncio.sleep(UNREADY_PAUSE_S)


async def issue_round(engine: AsyncEngine, instrument: Instrument, origin: str) -> int:
    """Issue what is open now. Returns how many certificates were looked at."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        orders = await views.open_orders(connection)
    if not orders:
        return 0
    ready = await prepare(engine, orders, origin, datetime.now(UTC))
    press = asyncio.Semaphore(1)  # one is made while the one before is being recorded
    done = await asyncio.gather(
        *(_issue_one(engine, instrument, press, order, stored) for order, stored in ready), return_exceptions=True
    )
    for failure in done:
        if isinstance(failure, BaseException):
            raise failure
    return len(orders)


async def _issue_one(
    engine: AsyncEngine, instrument: Instrument, press: asyncio.Semaphore, order: Order, stored: bytes
) -> None:
    with (
        span("certificate issue", parent=order.traceparent),
        about(tenant=order.tenant, device=order.item, case=order.number),
    ):
        try:
            async with press:
                files = await make(instrument, order, stored)
        except (ValueError, LookupError) as failure:  # of this certificate (no photo, no proof), not of the loop
            await _note(engine, order, failure)
        else:
            await finish(engine, order, files)


async def prepare(engine: AsyncEngine, orders: Sequence[Order], origin: str, at: datetime) -> list[tuple[Order, bytes]]:
    """Fix each certificate's input before anything is signed; every later attempt takes the same bytes again."""
    async with engine.connect() as connection:
        facts = await views.facts(connection, [order.item for order in orders if order.input_sha256 is None])
    ready, fixed = [], {}
    for order in orders:
        try:
            if order.input_sha256:
                stored = await blobs.get(order.tenant, order.input_sha256)
            else:
                given = filling.fill(order, facts[order.item], issuing.place(order), origin=origin, at=at)
                stored = canonical(given)
                fixed[order.certificate] = await blobs.put(order.tenant, stored)
        except (ValueError, LookupError) as failure:
            await _note(engine, order, failure)
        else:
            ready.append((order, stored))
    if fixed:
        async with engine.begin() as connection:
            await views.set_inputs(connection, fixed)
    return ready


async def make(instrument: Instrument, order: Order, stored: bytes) -> Files:
    """Render and sign in a thread, then keep both files. Raises what the instrument raises."""
    originals = {}
    for sha256 in issuing.photos_of(stored):
        with suppress(blobs.Missing):  # the instrument says which photo is missing
            originals[sha256] = await blobs.get(order.tenant, sha256)
    files = await asyncio.to_thread(instrument.make, order, stored, originals)
    with span("certificate store"):
        await asyncio.gather(blobs.put(order.tenant, files.pdf), blobs.put(order.tenant, files.json))
    return files


async def finish(engine: AsyncEngine, order: Order, files: Files) -> Entry[Any]:
    """Append `issued`: from this commit on the certificate exists."""
    async with service_transaction(engine, SERVICE) as tx:
        entry = await commands.issue(tx, order.certificate, files.made)
    bell.ring()
    return entry


async def _note(engine: AsyncEngine, order: Order, failure: Exception) -> None:
    log.error("%s cannot be issued: %r", order.number, failure)
    async with engine.begin() as connection:
        await views.set_failure(connection, order.certificate, str(failure) or repr(failure))


async def note_overdue(work: Work) -> None:
    """Note once what is not issued on the day after its deadline, for ever."""
    while True:
        with suppress(DBAPIError, OSError, LostRace):
            await overdue_round(work.consumer, datetime.now(UTC))
        await asyncio.sleep(OVERDUE_PAUSE_S)


async def overdue_round(engine: AsyncEngine, at: datetime) -> int:
    """Append `overdue` for what is late, each in a transaction of its own. Returns how many were late."""
    async with engine.connect() as connection:
        late = await views.overdue(connection, at.astimezone(JST).date())
    for one in late:
        async with service_transaction(engine, SERVICE, at=at) as tx:
            await commands.fall_due(tx, one)
    return len(late)
