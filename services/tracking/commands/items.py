"""Commands about items and lots: register, hand over, receive, decide the route, take over."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking import views
from services.tracking.commands.losses import open_losses
from services.tracking.commands.parties import job_rule, party_stream, policy_in_force, town_person
from services.tracking.domain import columns, exemption, inventory, item
from services.tracking.domain.inventory import Inventory
from services.tracking.domain.policy import required
from services.tracking.domain.roll import ROLLS
from services.tracking.domain.row import NUMBERS, OURS, Fault, Row, comparable
from services.tracking.tables import labels, metadata
from shared import ledger
from shared.database import Transaction
from shared.directory import keep
from shared.entry import Entry, Event
from shared.events.tracking import ColumnsMapped, ItemRegistered, LotRegistered, Mapped, Medium
from shared.ids import derived, new_label, new_token, uuid7
from shared.ledger import History
from shared.levels import Level
from shared.refused import Forbidden, Invalid, Refused

BATCH_MAX = 20_000  # items of one inventory
DRAWS_MAX = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label drawn for one row, and the stream it names."""

    row: int
    label: str
    token: str
    item: UUID


async def draw_labels(tx: Transaction, engagement: UUID, batch: str, count: int) -> list[Labelled]:
    """Draw `count` labels for a batch; the same batch gets the same labels again."""
    rows = await drawn(tx, engagement, batch, count, uuid7)
    return [Labelled(row, label, token, cast("UUID", item)) for row, label, token, item in rows]  # none is of a roll


async def drawn(
    tx: Transaction, engagement: UUID, batch: str, count: int, stream: Callable[[], UUID | None]
) -> list[tuple[int, str, str, UUID | None]]:
    """Return row, label, token and stream of each label of a batch; what is missing is drawn, for a `stream` each."""
    wanted = set(range(count))
    for _ in range(DRAWS_MAX):
        there = await tx.connection.execute(
            select(labels.c.row, labels.c.label, labels.c.token, labels.c.item)
            .where(labels.c.tenant == tx.tenant, labels.c.batch == batch, labels.c.row < count)
            .order_by(labels.c.row)
        )
        known = [(row.row, row.label, row.token, row.item) for row in there]
        if not (missing := wanted - {row for row, *_ in known}):
            return known
        rows = [
            {
                "label": new_label(),
                "token": new_token(),
                "tenant": tx.tenant,
                "engagement": engagement,
                "item": stream(),
                "batch": batch,
                "row": row,
            }
            for row in sorted(missing)
        ]
        await tx.connection.execute(insert(labels).on_conflict_do_nothing(), rows)  # a label that exists is drawn again
    raise Refused(
        "labels",
        "ラベルの番号を用意できませんでした。もう一度お試しください。",
        "No label could be drawn. Please try again.",
    )


def table_batch(engagement: UUID, rows: Sequence[Row]) -> str:
    """Name a table's batch by engagement and what it says: saved in another way it is the same, and changes nothing."""
    return f"table:{engagement}:{inventory.digest(rows)}"


async def is_registered(connection: AsyncConnection, engagement: UUID, rows: Sequence[Row]) -> bool:
    """Tell whether this very table has been registered already."""
    batch = table_batch(engagement, rows)
    there = await connection.scalar(select(func.count()).select_from(labels).where(labels.c.batch == batch))
    return there == len(rows)


def columns_stream(town: str) -> UUID:
    """Return the stream of what a town said of its own columns and words."""
    return derived(party_stream(town), "columns")


async def mapped(connection: AsyncConnection, town: str) -> Mapped:
    """Return what the town said of its own columns and words; nothing yet is our own heads and words."""
    said = await connection.scalar(
        text(
            "SELECT convert_from(body, 'UTF8')::jsonb->'data'->'mapped' FROM entries WHERE stream = :stream "
            "ORDER BY sequence DESC LIMIT 1"
        ),
        {"stream": columns_stream(town)},
    )
    return OURS if said is None else Mapped.model_validate(said)


async def remember_columns(tx: Transaction, said: Mapped) -> Entry[Any] | None:
    """Remember what the town said of its columns and words; None when that was known."""
    history = await ledger.read(tx, columns_stream(tx.tenant))
    if done := history.answered(tx.request):
        return done
    known = await mapped(tx.connection, tx.tenant)
    now = columns.merged(known, columns.check(said))
    return await ledger.append(tx, history, ColumnsMapped(town=tx.tenant, mapped=now)) if now != known else None


async def settle(connection: AsyncConnection, engagement: UUID, read: Inventory) -> None:
    """Take out of an inventory what the engagement has registered under the tracking IDs it gives (an export)."""
    said = [row.label for row in read.rows if row.label]
    if said:
        there = {row.label: row for row in await registered_rows(connection, engagement, said)}
        inventory.settle(read, there)


async def registered_rows(
    connection: AsyncConnection, engagement: UUID, only: Sequence[str] | None = None
) -> list[Row]:
    """Return the items of an engagement as rows of an inventory, in the order they were registered in."""
    found = await connection.execute(
        text(
            "SELECT i.data FROM items i LEFT JOIN labels l ON l.item = i.item AND l.batch NOT LIKE :rolls "
            "WHERE i.engagement = :engagement "
            "AND (CAST(:only AS text[]) IS NULL OR i.label = ANY(:only)) ORDER BY i.registered_at, l.batch, l.row"
        ),
        {"engagement": engagement, "only": only, "rolls": ROLLS},
    )
    return [inventory.row_of(ItemRegistered.model_validate(data)) for (data,) in found]


# Materialised: without statistics (a young table) the planner would normalise every number once for every wanted one.
_NUMBERS = text(
    "WITH there AS MATERIALIZED (SELECT n.name, btrim(normalize(n.said, NFKC)) AS compared, i.label "
    "FROM items i CROSS JOIN LATERAL ("
    "VALUES ('asset_number', i.data->>'asset_number'), ('serial', i.data->>'serial') "
    "UNION ALL SELECT 'medium_serial', m->>'serial' FROM jsonb_array_elements(i.data->'media') m) AS n(name, said) "
    "WHERE i.engagement = :engagement AND n.said IS NOT NULL) "
    "SELECT name, compared, label FROM there "
    "JOIN unnest(CAST(:names AS text[]), CAST(:compared AS text[])) AS w(name, compared) USING (name, compared)"
)


async def registered_before(connection: AsyncConnection, engagement: UUID, rows: Sequence[Row]) -> list[Fault]:
    """Return the lines whose device is registered in this engagement already, by any of its numbers."""
    wanted = list({number for row in rows for number in row.numbers})
    said = {"names": [name for name, _ in wanted], "compared": [compared for _, compared in wanted]}
    there = await connection.execute(_NUMBERS, {"engagement": engagement} | said)
    named = {(row.name, row.compared): views.grouped(row.label) for row in there}
    return inventory.registered_before(rows, named)


async def register(tx: Transaction, engagement: UUID, batch: str, rows: Sequence[Row]) -> list[Entry[Any]]:
    """Register the items of an inventory. The same batch again registers what is missing, and answers the rest.

    Raises Invalid with the lines of devices that another batch has registered; batches of one engagement take turns.
    """
    if len(rows) > BATCH_MAX:
        raise Invalid(
            "too-many-rows", f"1回に{BATCH_MAX}台までです。分けてください。", f"At most {BATCH_MAX} items at a time."
        )
    policy = await policy_in_force(tx)
    await one_at_a_time(tx, engagement)
    rule = await job_rule(tx, engagement)
    labelled = await draw_labels(tx, engagement, batch, len(rows))
    histories = await ledger.read_all(tx, [one.item for one in labelled])
    new = [(row, one) for row, one in zip(rows, labelled, strict=True) if not histories[one.item]]
    if faults := await registered_before(tx.connection, engagement, [row for row, _ in new]):
        raise inventory.refusal(faults)
    decided: list[tuple[History, Event]] = []
    for row, one in new:
        media = tuple(Medium(id=derived(one.item, f"medium:{nth}"), **medium) for nth, medium in enumerate(row.media))
        event = ItemRegistered(
            item=one.item,
            label=one.label,
            token_sha256=hashlib.sha256(one.token.encode()).hexdigest(),
            engagement=engagement,
            **row.described,
            media=media,
            required=item.required_of(media, rule.of(required(policy, row.zone, row.confidentiality))),
        )
        decided.append((histories[one.item], event))
    entries = await ledger.append_all(tx, decided)
    await keep(tx, metadata.tables, entries)  # labels resolve at once, the bus down or not
    appended = {entry.stream: entry for entry in entries}
    return [appended.get(one.item) or ledger.again(histories[one.item].entries[0]) for one in labelled]


_CERTIFIED = text(
    "SELECT EXISTS (SELECT FROM timeline t WHERE t.item = :item AND t.kind = 'certificates.issued.v1' AND NOT EXISTS "
    "(SELECT FROM timeline v WHERE v.stream = t.stream AND v.kind = 'certificates.revoked.v1'))"
)


async def correct(tx: Transaction, item_: UUID, name: str, now: str | None, reason: str) -> Entry[Any]:
    """Correct one described value of a device; the entry that was wrong stays.

    Raises Refused once a certificate says the old value, and Invalid for a number of another device.
    """
    of_the_town(tx)
    history = await ledger.read(tx, item_)
    if done := history.answered(tx.request):
        return done
    known = item.fold(history.events)
    event = known.correct(name, now, reason)
    await _free_to_say(tx, known, name, now)
    return await ledger.append(tx, history, event)  # lists say it once it is heard; the device's page reads the ledger


async def correct_medium(
    tx: Transaction, item_: UUID, medium: UUID, *, name: item.MediumField, now: str | int | None, reason: str
) -> Entry[Any]:
    """Correct one value of a device's medium; the entry that was wrong stays, and reports that waited find it.

    Raises Refused once a certificate says the old value or a report was judged by it, Invalid for another's number.
    """
    of_the_town(tx)
    history = await ledger.read(tx, item_)
    if done := history.answered(tx.request):
        return done
    known = item.fold(history.events)
    proved = (await views.levels(tx.connection, [item_])).get(medium) in (Level.CLEAR, Level.PURGE)
    event = known.correct_medium(medium, name, now, reason, proved=proved)
    await _free_to_say(tx, known, f"medium_{name}", now)
    return await ledger.append(tx, history, event)


async def is_certified(tx: Transaction, item_: UUID) -> bool:
    """Tell whether a certificate of this device, one that nobody revoked, says its values."""
    return bool(await tx.connection.scalar(_CERTIFIED, {"item": item_}))


async def _free_to_say(tx: Transaction, known: item.Item, name: str, now: str | int | None) -> None:
    """Raise Refused while a certificate says the old value, Invalid for a number that another device has."""
    if await is_certified(tx, known.registered.item):
        raise Refused(
            "certified",
            "この機器には証明書が出ています。先に証明書を取り消してから、訂正してください。",
            "A certificate of this device was issued. Revoke it first, then correct the value.",
        )
    await one_at_a_time(tx, known.registered.engagement)
    if compared := comparable(name, str(now or "")) if name in NUMBERS else "":
        asked = {"engagement": known.registered.engagement, "names": [name], "compared": [compared]}
        there = (row.label for row in await tx.connection.execute(_NUMBERS, asked))
        if other := next((label for label in there if label != known.registered.label), None):
            raise Invalid(
                "number-taken",
                f"この番号は、追跡ID {views.grouped(other)} の機器のものです。番号を確かめてください。",
                f"This number belongs to the device with the tracking ID {views.grouped(other)}. Check the number.",
                field="value",
            )


async def one_at_a_time(tx: Transaction, engagement: UUID) -> None:
    """Wait until nobody else registers, corrects numbers or raises what is asked in this engagement."""
    await tx.connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:engagement, 0))"), {"engagement": str(engagement)}
    )


async def register_lot(
    tx: Transaction, engagement: UUID, kind: Literal["monitor", "keyboard", "other"], count: int
) -> Entry[Any]:
    """Register things without media as one counted lot, held until it is closed with a weight or a count."""
    batch = f"lot:{tx.request.id if tx.request else uuid7()}"
    one = (await draw_labels(tx, engagement, batch, 1))[0]
    history = await ledger.read(tx, one.item)
    if done := history.answered(tx.request):
        return done
    event = LotRegistered(lot=one.item, label=one.label, engagement=engagement, lot_kind=kind, count=count)
    return await ledger.append(tx, history, event)


def of_the_town(tx: Transaction) -> None:
    """Raise Forbidden for a person of another party: what is the town's to decide or to count, nobody does for it."""
    if tx.by.party != tx.tenant:
        raise Forbidden(
            "not-the-town",
            "これは町の職員が行います。町の担当に頼んでください。",
            "Only the town's own staff may do this. Ask the town's desk.",
        )


async def name_candidate(tx: Transaction, item_: UUID) -> Entry[Any]:
    """Name the chassis a candidate for a second life."""
    return await _decide(tx, item_, lambda it: it.name_candidate())


async def choose_recycling(tx: Transaction, item_: UUID, reason: str | None) -> Entry[Any]:
    """Send the chassis to material recycling."""
    return await _decide(tx, item_, lambda it: it.choose_recycling(reason))


async def request_exception(tx: Transaction, item_: UUID, medium: UUID, *, reason: str, witness: str) -> Entry[Any]:
    """Ask that a medium may leave without the level on site."""
    known = item.fold((await ledger.read(tx, item_)).events)
    if medium not in known.media:
        raise Invalid(
            "not-its-medium", "この媒体はこの機器のものではありません。", "This medium does not belong to this item."
        )
    history = await ledger.read(tx, derived(medium, "exception"))
    if done := history.answered(tx.request):
        return done
    asked = exemption.fold([(e.event, e.by.person) for e in history.entries])
    event = asked.request(known.registered, medium, reason=reason, witness=witness, requester=tx.by.person)
    await town_person(tx, witness, field="witness")
    return await ledger.append(tx, history, event)


async def approve_exception(tx: Transaction, medium: UUID) -> Entry[Any]:
    """Allow what was asked, as another person, of the town itself. Raises Forbidden for anybody else's."""
    of_the_town(tx)
    history = await ledger.read(tx, derived(medium, "exception"))
    if done := history.answered(tx.request):
        return done
    asked = exemption.fold([(e.event, e.by.person) for e in history.entries])
    return await ledger.append(tx, history, asked.approve(approver=tx.by.person))


async def excepted(tx: Transaction, media: Sequence[UUID]) -> set[UUID]:
    """Return which of the media may leave without the level on site."""
    histories = await ledger.read_all(tx, [derived(medium, "exception") for medium in media])
    return {
        medium
        for medium in media
        if any(e.kind == "tracking.exception-approved.v1" for e in histories[derived(medium, "exception")].entries)
    }


async def missing_before_ship_out(tx: Transaction, item_: UUID) -> tuple[item.Lack, ...]:
    """Return, in words, what the item still needs before it may leave."""
    known = item.fold((await ledger.read(tx, item_)).events)
    levels = await views.levels(tx.connection, [item_])
    lost = (item.LOST,) if await open_losses(tx, [item_]) else ()
    doubted = await views.in_doubt(tx.connection, [known.registered])
    return lost + known.missing_before_ship_out(levels, await excepted(tx, known.media), doubted=doubted)


async def _decide(tx: Transaction, item_: UUID, decide: Callable[[item.Item], Event]) -> Entry[Any]:
    history = await ledger.read(tx, item_)
    if done := history.answered(tx.request):
        return done
    return await ledger.append(tx, history, decide(item.fold(history.events)))


async def only_medium(tx: Transaction, item_: UUID) -> UUID:
    """Return the item's medium when it has exactly one. Raises Invalid when the scan must say which."""
    media = item.fold((await ledger.read(tx, item_)).events).media
    if len(media) != 1:
        raise Invalid(
            "which-medium",
            "この機器には記憶媒体が2つ以上あります。どれかを選んでください。",
            "This item has several media. Say which.",
            field="medium",
        )
    return media[0]
