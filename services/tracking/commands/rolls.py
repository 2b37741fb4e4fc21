"""Commands about labels printed beforehand: draw a roll, bind one of its labels to a machine by two scans."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking import views
from services.tracking.commands.items import drawn, of_the_town
from services.tracking.domain import item, roll
from services.tracking.domain.width import plain
from services.tracking.tables import metadata
from shared import ledger
from shared.database import Transaction
from shared.directory import keep
from shared.entry import Entry
from shared.events.tracking import LabelBound, LabelsDrawn
from shared.ids import Label, derived, uuid7
from shared.refused import Invalid, Refused, Unknown

SHOWN_MAX = 20  # machines named in one answer


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that a number on it may mean."""

    item: UUID
    label: str
    asset_number: str | None
    model: str | None
    kind: str

    def __str__(self) -> str:
        return "　".join(part for part in (self.asset_number, self.model, views.grouped(self.label)) if part)


async def draw_roll(tx: Transaction, engagement: UUID, count: int) -> Entry[Any]:
    """Draw the labels of a roll, which name nothing yet. The same request again has drawn the same ones."""
    of_the_town(tx)
    history = await ledger.read(tx, derived(engagement, f"roll:{tx.request.id if tx.request else uuid7()}"))
    if done := history.answered(tx.request):
        return done
    if not 1 <= count <= roll.ROLL_MAX:
        raise Invalid(
            "count",
            f"1つのロールは1枚から{roll.ROLL_MAX}枚までです。",
            f"A roll has 1 to {roll.ROLL_MAX} labels.",
            field="count",
        )
    await drawn(tx, engagement, roll.batch_of(history.stream), count, lambda: None)
    return await ledger.append(tx, history, LabelsDrawn(roll=history.stream, engagement=engagement, count=count))


# Numbers as people write them: in either width and case. Materialised as in `commands.items`: each is folded once.
_FITTING = text(
    "SELECT DISTINCT i.item, i.label, i.data->>'asset_number' AS asset_number, i.data->>'model' AS model, i.kind "
    "FROM items i CROSS JOIN LATERAL (VALUES (i.data->>'serial'), (i.data->>'asset_number') "
    "UNION ALL SELECT m->>'serial' FROM jsonb_array_elements(i.data->'media') m) AS n(said) "
    "WHERE i.engagement = :engagement AND upper(btrim(normalize(n.said, NFKC))) = :said ORDER BY 3, 2"
)


async def machines(connection: AsyncConnection, engagement: UUID, said: str) -> list[Machine]:
    """Return the machines of an engagement of which this is the serial, the property number, or a medium's serial."""
    wanted = {"engagement": engagement, "said": plain(said).upper()}
    return [Machine(*row) for row in await connection.execute(_FITTING, wanted)]


async def bind_serial(tx: Transaction, label: Label, engagement: UUID, said: str) -> Entry[Any]:
    """Bind a label to the machine with this number. Refused when no machine has it, or several: the worker chooses."""
    found = await machines(tx.connection, engagement, said)
    if not found:
        raise Refused(
            "unknown-serial",
            f"「{said[:60]}」の番号の機器は、この契約に登録がありません。確かめるか、物品番号を入れてください。",
            f"No machine of this engagement has the number “{said[:60]}”. Check it, or give the property number.",
        )
    if len(found) > 1:
        raise several(said, found)
    return await bind_label(tx, label, found[0].item)


def several(said: str, found: Sequence[Machine]) -> Refused:
    """Return the answer to a number that several machines have."""
    return Refused(
        "several-machines",
        f"「{said[:60]}」の番号の機器が{len(found)}台あります。物品番号で選んでください。",
        f"{len(found)} machines have the number “{said[:60]}”. Choose by the property number.",
        missing=tuple(str(one) for one in found[:SHOWN_MAX]),
    )


async def bind_label(tx: Transaction, label: Label, item_: UUID) -> Entry[Any]:
    """Let a machine be known by a label of a roll, or by one it had before. The same pair again changes nothing."""
    history = await ledger.read(tx, item_)
    if done := history.answered(tx.request):
        return done
    known = item.fold(history.events)
    if known.registered.label == label.id:
        gave = (e for e in reversed(history.entries) if getattr(e.event, "label", None) == label.id)
        return ledger.again(next(gave))
    recorded = {entry.kind for entry in history.entries} | await _heard(tx, item_)
    token = await _claim(tx, label, known)
    digest = hashlib.sha256(token.encode()).hexdigest()
    event = roll.bind(known, label, digest, recorded, await _cage(tx, item_))
    entry = await ledger.append(tx, history, event)
    await keep(tx, metadata.tables, [entry])  # the label resolves at once, the bus down or not
    return entry


async def take_back(tx: Transaction, label: Label) -> Entry[Any]:
    """Take the binding of a label back: its machine is known by the label it had before, the other names nothing more.

    Raises Refused for a label that its machine was not given last.
    """
    item_ = await tx.connection.scalar(text("SELECT item FROM labels WHERE label = :label"), {"label": label.id})
    history = await ledger.read(tx, item_) if item_ else None
    if history and (done := history.answered(tx.request)):
        return done
    last = history.events[-1] if history else None
    if not isinstance(last, LabelBound) or last.label != label.id:
        raise Refused(
            "not-bound",
            f"{label} は、取り消せるラベルではありません。機器のページで、いまのラベルを確かめてください。",
            f"{label} is no label that can be taken back. See the machine's page for the label it has.",
        )
    return await bind_label(tx, Label(last.before), last.item)


async def _claim(tx: Transaction, label: Label, known: item.Item) -> str:
    """Take a label for a machine and return its token. Refused when another has or had it; Unknown if nobody drew it.

    Of two that claim one label the later waits here, and is told.
    """
    said = {"label": label.id, "item": known.registered.item, "engagement": known.registered.engagement}
    token = await tx.connection.scalar(
        text(
            "UPDATE labels SET item = :item WHERE label = :label AND engagement = :engagement "
            "AND (item IS NULL OR item = :item) RETURNING token"
        ),
        said,
    )
    if token:
        return str(token)
    held = (
        await tx.connection.execute(
            text(
                "SELECT i.label, i.data->>'asset_number' AS number FROM labels l LEFT JOIN items i USING (item) "
                "WHERE l.label = :label AND l.engagement = :engagement"
            ),
            said,
        )
    ).one_or_none()
    if held is None:
        raise unknown_label(label)
    raise not_free(label, held.label, held.number)


def not_free(label: Label, named: str | None, number: str | None = None) -> Refused:
    """Return the answer for a label that a machine has, or had: `named` is the label which that machine has now."""
    if named == label.id:
        which = f"（{number}）" if number else ""
        return Refused(
            "label-taken",
            f"{label} は、もう別の機器{which}に付いています。次のラベルを使ってください。",
            f"{label} is on another machine already{f' ({number})' if number else ''}. Take the next label.",
        )
    return Refused(
        "label-spent",
        f"{label} は、前に使ったラベルです。捨てて、次のラベルを使ってください。",
        f"{label} was used before and is not in use any more. Throw it away and take the next label.",
    )


def unknown_label(label: Label) -> Unknown:
    """Return the answer for a label that nobody drew here: the same as for another town's."""
    return Unknown(
        "unknown-label",
        f"{label} は、この契約で作ったラベルではありません。ラベルを確かめてください。",
        f"{label} is no label drawn for this engagement. Check the label.",
    )


async def _heard(tx: Transaction, item_: UUID) -> set[str]:
    """Return the kinds of all that the timeline knows about a machine, from every service."""
    rows = await tx.connection.execute(text("SELECT DISTINCT kind FROM timeline WHERE item = :item"), {"item": item_})
    return {row.kind for row in rows}


async def _cage(tx: Transaction, item_: UUID) -> str | None:
    """Return the number of the cage a machine is shut in."""
    shut = "SELECT number FROM caged WHERE thing = :thing AND NOT opened"
    number = await tx.connection.scalar(text(shut), {"thing": f"item:{item_}"})
    return str(number) if number is not None else None
