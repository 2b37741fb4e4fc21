"""One device as its page shows it: what is proved of its media and still missing, its story, its people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.tracking import reading, views
from services.tracking.commands import items as commands
from services.tracking.commands import losses
from services.tracking.domain import item as domain
from services.tracking.domain.conformance import Code
from services.tracking.pages.lines import Lines, Moment, lines
from shared import ledger
from shared.database import Transaction
from shared.door import Found
from shared.events.tracking import ItemRegistered, Medium
from shared.ids import derived
from shared.levels import Level

PERSONS = ("operator", "witness", "approver", "verifier", "second")  # of an entry, as references


@dataclass(frozen=True, slots=True)
class Looked:
    """One medium with what is proved of it, asked of it and still missing before it may leave."""

    medium: Medium
    proved: Level | None
    missing: bool
    doubted: bool  # proved, and of a lot that a failed re-check reopened
    requested: dict[str, Any] | None
    approved: bool


@dataclass(frozen=True, slots=True)
class Known:
    """An item's own state with what is known of each of its media."""

    state: domain.Item
    media: tuple[Looked, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything the page of a device shows."""

    registered: ItemRegistered
    state: domain.Item
    media: tuple[Looked, ...]
    missing: tuple[domain.Lack, ...]
    story: list[views.Happened]
    lines: Lines
    kinds: frozenset[str]
    names: dict[str, str]
    parties: dict[str, str]
    people: list[reading.Person]
    lost: bool
    certified: bool
    explained: dict[tuple[UUID, str], reading.Explained]

    @property
    def open_flags(self) -> list[tuple[UUID, Code]]:
        """The flags nobody has explained, oldest fact first."""
        return [
            (one.entry, code) for one in self.story for code in one.breaks if (one.entry, code) not in self.explained
        ]


async def lacking(tx: Transaction, items: Sequence[UUID]) -> dict[UUID, Known]:
    """Say of each medium what is proved and whether it keeps its item in the town hall, by the domain's own rule."""
    histories = await ledger.read_all(tx, items)
    states = {item: domain.fold(histories[item].events) for item in histories}
    reached = await views.levels(tx.connection, list(states))
    media = [medium for state in states.values() for medium in state.media]
    allowed = await commands.excepted(tx, media)
    doubted = await views.in_doubt(tx.connection, [state.registered for state in states.values()])
    asked = await ledger.read_all(tx, [derived(medium, "exception") for medium in media])

    def looked(state: domain.Item, medium: Medium) -> Looked:
        others = {one for one in state.media if one != medium.id}
        requested = asked[derived(medium.id, "exception")].events
        missing = bool(state.missing_before_ship_out(reached, allowed | others, doubted=frozenset()))
        held = bool(state.missing_before_ship_out(reached, allowed | others, doubted=doubted))
        first = requested[0].model_dump() if requested else None
        return Looked(medium, reached.get(medium.id), missing, held and not missing, first, medium.id in allowed)

    return {
        item: Known(state, tuple(looked(state, medium) for medium in state.registered.media))
        for item, state in states.items()
    }


async def whole(tx: Transaction, found: Found) -> Whole:
    """Gather what the page of a device shows."""
    known = (await lacking(tx, [found.item]))[found.item]
    state, media = known.state, known.media
    story = await views.story(tx.connection, found.item)
    given = await reading.given_at(tx.connection, found.item)
    moments = [Moment(one.kind, one.occurred_at, one.data.get("medium"), one.data.get("step")) for one in story]
    engaged = await reading.parties_engaged(tx.connection, found.engagement)
    named = {one.person for one in story}
    for one in story:
        named |= {str(one.data[key]) for key in PERSONS if one.data.get(key)}
    return Whole(
        state.registered,
        state,
        media,
        await commands.missing_before_ship_out(tx, found.item),
        story,
        lines(moments, len(media), given),
        frozenset(one.kind for one in story),
        await reading.names_of(tx.connection, named),
        await reading.parties_of(tx.connection),
        await reading.people(tx.connection, engaged),
        bool(await losses.open_losses(tx, [found.item])),
        await commands.is_certified(tx, found.item),
        await reading.explanations(tx.connection, found.item),
    )
