"""A call: opened, closed, drawn or reviewed, allocated, and opened again for a further round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_bytes
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from services.donations import correspondence, views
from services.donations.commands.queue import append, draw_stream, folded, lock_desk
from services.donations.domain import call as calls
from services.donations.domain import draw as draws
from services.donations.domain import marks as review_marks
from services.donations.tables import review_reasons
from shared import ledger
from shared.database import Transaction
from shared.entry import SALT_SIZE, Entry
from shared.events.donations import CallClosed, CallOpened, Marks, Reviewed, RoundOpened, SeedDrawn
from shared.ids import uuid7
from shared.ledger import History, again
from shared.refused import Invalid, Refused


async def open_call(tx: Transaction, asked: CallOpened) -> Entry[Any]:
    """Open a call under a number that begins with the town's code; `asked.call` is not looked at."""
    await lock_desk(tx)
    await _refuse_foreign_code(tx, asked.number)
    known = await tx.connection.scalar(text("SELECT call FROM calls WHERE number = :number"), {"number": asked.number})
    history = await ledger.read(tx, known) if known else History(uuid7())
    if done := history.answered(tx.request):
        return done
    event = calls.fold(history.events).open(asked.model_copy(update={"call": history.stream}))
    return await append(tx, history, event)


async def open_round(tx: Transaction, asked: RoundOpened) -> Entry[Any]:
    """Open a further round of a settled call; number and round of `asked` are not looked at."""
    await lock_desk(tx)
    history = await ledger.read(tx, asked.call)
    if done := history.answered(tx.request):
        return done
    return await append(tx, history, calls.fold(history.events).open_round(asked))


async def close(tx: Transaction, call: UUID) -> Entry[Any]:
    """Close a call: an application on its way is either in the queue by now or refused. A lottery takes its stock."""
    await lock_desk(tx)
    history = await ledger.read(tx, call)
    if done := history.answered(tx.request):
        return done
    return await append(tx, history, calls.fold(history.events).close(await views.stock(tx.connection)))


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where an entry stands in the transparency log, as a notice tells it."""

    entry: UUID
    index: int
    path: tuple[str, ...]
    checkpoint: str


async def draw(tx: Transaction, call: UUID, leaf: Leaf) -> Entry[Any]:
    """Draw the seed of the round that `leaf.entry` closed, from the log's head at that entry (docs/adr/0029).

    The second time nothing happens. Raises Refused for an entry that closes no lottery, BadProof for a wrong proof.
    """
    history = await ledger.read(tx, call)
    closing = next(entry for entry in history.entries if entry.id == leaf.entry)
    if not isinstance(closing.event, CallClosed):
        raise TypeError(f"{closing.kind} closes no call")
    stream = await ledger.read(tx, draw_stream(call, closing.event.round))
    if stream:
        return again(stream.entries[0])
    size, root = draws.checkpoint_root(leaf.checkpoint)
    head = draws.head(closing.digest, leaf.index, size, leaf.path, root)
    event = SeedDrawn(
        call=call,
        round=closing.event.round,
        closing=closing.id,
        index=leaf.index,
        path=leaf.path,
        checkpoint=leaf.checkpoint,
        head=head.hex(),
        seed=draws.seed(call, closing.event.round, head).hex(),
    )
    return await append(tx, stream, calls.fold(history.events).draw(event))


async def ask_seed(tx: Transaction, call: UUID) -> Entry[Any]:
    """Ask for the notice of a lottery's closing again, as often as it does not come: the log gives one seed."""
    history = await ledger.read(tx, call)
    if done := history.answered(tx.request):
        return done
    closings = [entry.id for entry in history.entries if isinstance(entry.event, CallClosed)]
    event = (await folded(tx, history)).ask_seed(closings[-1] if closings else history.stream)
    return await append(tx, history, event)


@dataclass(frozen=True, slots=True)
class Marked:
    """What a reviewer gives one application, and why."""

    receipt: str
    points: Mapping[str, int]
    reason: str


async def review(tx: Transaction, call: UUID, marked: Sequence[Marked]) -> Entry[Any]:
    """Record the marks of every application in the queue; the reasons' words go into a deletable table."""
    await lock_desk(tx)
    history = await ledger.read(tx, call)
    if done := history.answered(tx.request):
        return done
    queue = await views.queued(tx.connection, call)
    known = {each.receipt: each.application for each in queue}
    rows, marks = [], []
    for one in marked:
        if one.receipt not in known:
            continue  # it left the queue while the clerk was marking
        salt = token_bytes(SALT_SIZE)
        digest = sha256(salt + one.reason.encode()).hexdigest()
        application = known[one.receipt]
        marks.append(Marks(application=application, receipt=one.receipt, points=dict(one.points), reason_sha256=digest))
        rows.append({"application": application, "salt": salt, "reason": one.reason})
    asked = Reviewed(call=call, round=0, marks=tuple(marks), reviewer=tx.by.person)
    event = review_marks.give(calls.fold(history.events), asked, queue)
    entry = await append(tx, history, event)
    kept = [row | {"review": entry.id, "tenant": tx.tenant, "call": call} for row in rows]
    if kept:
        await tx.connection.execute(insert(review_reasons), kept)
    return entry


async def confirm_review(tx: Transaction, call: UUID, review: UUID) -> Entry[Any]:
    """Confirm the marks that a colleague recorded. Raises Refused when they were changed since they were looked at."""
    await lock_desk(tx)
    history = await ledger.read(tx, call)
    if done := history.answered(tx.request):
        return done
    last = next((entry.id for entry in reversed(history.entries) if isinstance(entry.event, Reviewed)), None)
    if last is not None and last != review:
        raise Refused(
            "review-changed",
            "見ていた点が書き直されました。新しい点を見て、もう一度確認してください。",
            "The marks were changed meanwhile. Look at the new ones and confirm again.",
        )
    queue = await views.queued(tx.connection, call)
    event = review_marks.confirm(calls.fold(history.events), review, tx.by.person, queue)
    return await append(tx, history, event)


async def settle(tx: Transaction, call: UUID) -> Entry[Any]:
    """Allocate the town's stock to the queue; the desk is locked, so that no other call takes the same machine."""
    await lock_desk(tx)
    history = await ledger.read(tx, call)
    if done := history.answered(tx.request):
        return done
    queue, stock = await views.queued(tx.connection, call), await views.stock(tx.connection)
    out = await views.gone(tx.connection, call)
    entry = await append(tx, history, (await folded(tx, history)).settle(queue, stock, out))
    granted = {grant.application for grant in entry.event.grants}
    await correspondence.write(tx, "granted", granted)
    await correspondence.write(tx, "waiting", {each.application for each in queue} - granted)
    return entry


async def _refuse_foreign_code(tx: Transaction, number: str) -> None:
    query = text("SELECT code FROM parties WHERE party = :party")
    code = await tx.connection.scalar(query, {"party": tx.tenant})
    if code is None:
        raise Refused(
            "town-unknown",
            "この町の登録がまだ届いていません。少し待って、もう一度送ってください。",
            "This town's registration has not arrived yet. Wait a moment and send it again.",
        )
    if not number.startswith(f"{code}-"):
        raise Invalid(
            "foreign-number",
            f"公募の番号は町の団体コード {code} で始めてください。例：{code}-2026-1",
            f"Begin the number with the town's code {code}, as in {code}-2026-1.",
            field="number",
        )
