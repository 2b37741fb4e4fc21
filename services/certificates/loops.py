"""What certificates does by itself: the issuer, the clock that notes a missed deadline, and the post.

The issuer asks its instrument first (render, sign, outside any transaction), keeps both files by their hashes, and only
then opens the transaction that appends `issued`. That commit is the moment a certificate exists; a second attempt,
after a crash or by a second worker, finds it and changes nothing.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.certificates import bindery, commands, filling, reminders, views, waiting
from services.certificates.document.inputs import canonical
from services.certificates.order import Files, Order, photos_of, place
from services.certificates.pressroom import PressRoom
from shared import bell, blobs, photos
from shared.database import service_transaction
from shared.deadline import day_in_japan
from shared.entry import Entry
from shared.ledger import LostRace
from shared.post import send_for_ever
from shared.refused import Invalid
from shared.telemetry import about, past, span
from shared.worker import Work

log = logging.getLogger(__name__)

RETRY_S = 0.5
UNREADY_PAUSE_S = 5.0
OVERDUE_PAUSE_S = 60.0
BUNDLE_PAUSE_S = 1.0
REMIND_PAUSE_S = 600.0
SERVICE = "certificates"
IN_HAND_MAX = 2  # one is made while the next is prepared or the last recorded; more would make a new one wait
PASSING = (DBAPIError, OSError, LostRace)  # the database is away, or somebody was faster: of no certificate


async def press(work: Work) -> None:
    """Issue certificates and make bundles, for ever, by one instrument."""
    known = work.settings
    room = PressRoom(known.fonts, known.keys, known.log_origin)
    try:
        await _prepare(room)
        async with asyncio.TaskGroup() as group:
            group.create_task(issue(work, room))
            group.create_task(bundle(work, room))
    finally:
        await room.close()


async def issue(work: Work, room: PressRoom) -> None:
    """Issue what has its event and its proof, for ever."""
    known, heard = work.settings, bell.listen()
    issuer = Issuer(work.consumer, room, known.origin)
    while True:
        heard.clear()
        try:
            taken = await issuer.take()
        except PASSING as failure:
            log.warning("the issuer goes on in %s s: %r", RETRY_S, failure)
            await bell.rest(RETRY_S)
        else:
            if not taken:
                await bell.wait(heard, bell.pause_s(known.role))


async def bundle(work: Work, room: PressRoom) -> None:
    """Make the bundles that were asked for, for ever."""
    while True:
        try:
            await bindery.make_open(work.consumer, room, datetime.now(UTC))
        except PASSING as failure:
            log.warning("bundles are made again in %s s: %r", RETRY_S, failure)
        await bell.rest(BUNDLE_PAUSE_S)


async def _prepare(room: PressRoom) -> None:
    """Prepare keys and instrument; without fonts, requests go on being recorded and wait for whoever mends it."""
    while True:
        try:
            await room.prepare()
        except OSError as failure:  # NotReady, Died
            log.critical("no certificate can be issued; tried again in %s s: %s", UNREADY_PAUSE_S, failure)
            await bell.rest(UNREADY_PAUSE_S)
        else:
            return


@dataclass(slots=True)
class Issuer:
    """Has a few certificates in hand: while one is made, the next is prepared and the one before is recorded."""

    engine: AsyncEngine
    room: PressRoom
    origin: str
    in_hand: dict[UUID, "asyncio.Task[None]"] = field(default_factory=dict)

    async def take(self) -> int:
        """Begin what is open, as far as there is room. Returns how many were begun."""
        if (place := IN_HAND_MAX - len(self.in_hand)) <= 0:
            return 0
        async with self.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            orders = await waiting.open_orders(connection, place, without=list(self.in_hand))
        for order, stored in await prepare(self.engine, orders, self.origin, datetime.now(UTC)) if orders else ():
            self.in_hand[order.certificate] = asyncio.create_task(self._issue(order, stored))
        return len(orders)

    async def rest(self) -> None:
        """Return when nothing is in hand. Raises what no retry mends."""
        await asyncio.gather(*self.in_hand.values())

    async def _issue(self, order: Order, stored: bytes) -> None:
        try:
            with (
                span("certificate issue", parent=order.traceparent),
                about(tenant=order.tenant, device=order.item, case=order.number),
            ):
                await self._make_and_finish(order, stored)
        except PASSING as failure:
            log.warning("%s is tried again in %s s: %r", order.number, RETRY_S, failure)
            await bell.rest(RETRY_S)
        finally:
            del self.in_hand[order.certificate]
            bell.ring()

    async def _make_and_finish(self, order: Order, stored: bytes) -> None:
        try:
            files = await make(self.room, order, stored)
        except (
            ValueError,
            LookupError,
            Invalid,
        ) as failure:  # of this certificate: no photo, no proof, an odd document
            await _note(self.engine, order, failure)
        else:
            await finish(self.engine, order, files)


async def prepare(engine: AsyncEngine, orders: Sequence[Order], origin: str, at: datetime) -> list[tuple[Order, bytes]]:
    """Fix each certificate's input before anything is signed; every later attempt takes the same bytes again."""
    fixed = await _fix(engine, [order for order in orders if order.input_sha256 is None], origin, at)
    ready = []
    for order in orders:
        if sha256 := order.input_sha256 or fixed.get(order.certificate):
            try:
                ready.append((order, await blobs.get(order.tenant, sha256)))
            except blobs.Missing as failure:
                await _note(engine, order, failure)
    return ready


async def _fix(engine: AsyncEngine, orders: Sequence[Order], origin: str, at: datetime) -> Mapping[UUID, str]:
    """Return the input that stands for each: of two workers that filled the same certificate, the first one's."""
    if not orders:
        return {}
    async with engine.connect() as connection:
        facts = await views.facts(connection, [order.item for order in orders if order.item])
    hashes = {}
    for order in orders:
        try:
            known = facts[order.item] if order.item else await _lot(engine, order)
            given = filling.fill(order, known, place(order), origin=origin, at=at)
        except (ValueError, LookupError, blobs.Missing) as failure:
            await _note(engine, order, failure)
        else:
            hashes[order.certificate, order.cited] = await blobs.put(order.tenant, canonical(given))
    async with engine.begin() as connection:
        return await waiting.fix_inputs(connection, hashes)


async def _lot(engine: AsyncEngine, order: Order) -> views.LotFacts:
    asked: Entry[Any] = Entry.read(order.body, order.salt)
    listed = await blobs.get(order.tenant, asked.event.list_sha256)
    async with engine.connect() as connection:
        return await views.lot_facts(connection, order.engagement, listed)


async def make(room: PressRoom, order: Order, stored: bytes) -> Files:
    """Render and sign, then keep both files. Raises what the instrument raises."""
    copies = {}
    for photo in photos_of(stored):
        with suppress(blobs.Missing):  # the instrument says which photo is missing
            copies[photo.sha256] = await photos.for_print(order.tenant, photo.sha256, photo.copy_sha256)
    files = await room.make(order, stored, copies)
    for step in files.steps:
        past(*step)
    with span("certificate store"):
        await asyncio.gather(blobs.put(order.tenant, files.pdf), blobs.put(order.tenant, files.json))
    return files


async def finish(engine: AsyncEngine, order: Order, files: Files) -> Entry[Any]:
    """Append `issued`: from this commit on the certificate exists."""
    async with service_transaction(engine, SERVICE) as tx:
        entry = await commands.issue(tx, order.certificate, files.made, cited=order.cited)
    bell.ring()
    return entry


async def _note(engine: AsyncEngine, order: Order, failure: Exception) -> None:
    log.error("%s cannot be issued: %r", order.number, failure)
    async with engine.begin() as connection:
        await waiting.set_failure(connection, order.certificate, str(failure) or repr(failure))


async def note_overdue(work: Work) -> None:
    """Note once what is not issued on the day after its deadline, for ever."""
    while True:
        with suppress(DBAPIError, OSError, LostRace):
            await overdue_round(work.consumer, datetime.now(UTC))
        await bell.rest(OVERDUE_PAUSE_S)


async def overdue_round(engine: AsyncEngine, at: datetime) -> int:
    """Append `overdue` for what is late, each in a transaction of its own. Returns how many were late."""
    async with engine.connect() as connection:
        late = await waiting.overdue(connection, day_in_japan(at))
    for one in late:
        async with service_transaction(engine, SERVICE, at=at) as tx:
            if await commands.fall_due(tx, one):
                await reminders.write_overdue(tx, one.tenant, one.engagement, one.due_on)
    return len(late)


async def remind(work: Work) -> None:
    """Write what reminds of a deadline that is near, for ever."""
    while True:
        with suppress(DBAPIError, OSError):
            await reminders.write_before(work.consumer, datetime.now(UTC))
        await bell.rest(REMIND_PAUSE_S)


async def send_letters(work: Work) -> None:
    """Send what is written, one after the other, for ever; where no mail server is named, letters wait."""
    await send_for_ever(work, partial(reminders.compose, origin=work.settings.origin))
