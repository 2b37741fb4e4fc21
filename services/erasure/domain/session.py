"""An on-site session: one room, its machines, and racks that one scan stands for. Pure.

What an operator says of a rack is a claim about the work, never proof of a level: proof comes with the tools' reports.

Two ways lead in. A form asks before it happens, and what does not fit is refused (`load`, `begin`, `end`, `close`). A
device tells what has happened, perhaps in a room without a network: it is recorded whatever it breaks, and `fold` says
what that is. The fold goes by when things happened, so the order in which they arrive changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.erasure.domain import remark
from services.erasure.domain.remark import Remark
from shared.entry import Event
from shared.events.erasure import (
    ItemPlaced,
    ItemTakenOut,
    RackBegan,
    RackEnded,
    RackLoaded,
    SessionClosed,
    SessionOpened,
)
from shared.refused import Refused

State = Literal["loaded", "began", "ended"]
RACK_ITEMS_MAX = 100
ALONE = ""  # the rack of machines that stand in none


class Told(NamedTuple):
    """One entry of a session: what, its number in the stream, when it happened and when it was recorded."""

    event: Event
    sequence: int
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of machines beside the session's own entries."""

    items: Mapping[str, UUID] = field(default_factory=dict)  # by label, registered with this town
    engaged: frozenset[UUID] = frozenset()  # of them, those of the session's engagement
    elsewhere: frozenset[UUID] = frozenset()  # said to be erased in another session


@dataclass(frozen=True, slots=True)
class Rack:
    """What stands in a rack and how far it is."""

    items: tuple[UUID, ...] = ()
    state: State = "loaded"
    exceptions: tuple[UUID, ...] = ()
    strangers: tuple[str, ...] = ()  # labels scanned here that name no item of the town

    def without(self, item: UUID) -> "Rack":
        """Return the rack when the machine stands somewhere else."""
        return replace(self, items=tuple(one for one in self.items if one != item))

    @property
    def claimed(self) -> tuple[UUID, ...]:
        """The machines that are said to be erased here, or being so."""
        return tuple(one for one in self.items if one not in self.exceptions)


@dataclass(frozen=True, slots=True)
class Session:
    """The state of one session, folded from its entries."""

    opened: SessionOpened
    opened_at: datetime
    racks: Mapping[str, Rack] = field(default_factory=dict)  # as they stand now
    before: tuple[tuple[str, Rack], ...] = ()  # what racks held before they were loaded again
    closed_at: datetime | None = None
    remarks: tuple[tuple[Told, tuple[Remark, ...]], ...] = ()  # which entries do not fit, and what
    late: int = 0  # entries that were recorded after the session was

    def load(self, rack: str, items: Sequence[UUID]) -> RackLoaded:
        """Say what stands in a rack. Raises Refused for one that has begun, or an item that stands in another."""
        self._is_open()
        known = self.racks.get(rack)
        if known and known.state == "began":
            raise Refused(
                "rack-began",
                "このラックは消去の途中です。終わったと記録してから、次の機器を載せてください。",
                "This rack is being erased. Record that it is done before loading the next machines.",
            )
        elsewhere = {
            item for name, one in self.racks.items() if name != rack and one.state != "ended" for item in one.items
        }
        if taken := elsewhere & set(items):
            raise Refused(
                "in-another-rack",
                f"ほかのラックに載っている機器が{len(taken)}台あります。ラベルを確かめてください。",
                f"{len(taken)} of these stand in another rack. Check the labels.",
            )
        if not 1 <= len(items) <= RACK_ITEMS_MAX:
            raise Refused(
                "rack-size",
                f"ラックに載せるのは1台から{RACK_ITEMS_MAX}台までです。",
                f"A rack holds one to {RACK_ITEMS_MAX} machines.",
            )
        return RackLoaded(session=self.opened.session, rack=rack, items=tuple(dict.fromkeys(items)))

    def begin(self, rack: str) -> RackBegan:
        """Say that a rack's machines were started. Raises Refused when it is not loaded or has begun before."""
        self._in(rack, "loaded")
        return RackBegan(session=self.opened.session, rack=rack)

    def end(self, rack: str, exceptions: Sequence[UUID]) -> RackEnded:
        """Say that a rack is done, but for exceptions. Raises Refused when it has not begun, or for a stranger."""
        known = self._in(rack, "began")
        if strangers := set(exceptions) - set(known.items):
            raise Refused(
                "not-in-rack",
                f"このラックに載っていない機器が{len(strangers)}台あります。ラベルを確かめてください。",
                f"{len(strangers)} of these do not stand in this rack. Check the labels.",
            )
        return RackEnded(session=self.opened.session, rack=rack, exceptions=tuple(dict.fromkeys(exceptions)))

    def close(self) -> SessionClosed:
        """Say that the work is done. Raises Refused when that was said before."""
        self._is_open()
        return SessionClosed(session=self.opened.session)

    @property
    def held(self) -> tuple[tuple[str, Rack], ...]:
        """Every rack by its name as it stands, after what racks held before."""
        return (*self.before, *self.racks.items())

    @property
    def claimed(self) -> frozenset[UUID]:
        """The machines that are said to be erased in this session, or being so."""
        return frozenset(item for _, rack in self.held for item in rack.claimed)

    def _in(self, rack: str, state: State) -> Rack:
        self._is_open()
        known = self.racks.get(rack)
        if known and known.state == state:
            return known
        raise Refused(
            "rack-state",
            "このラックは、いまその記録ができません。ラックのラベルを読み取り直して、いまの状態を見てください。",
            "That cannot be recorded of this rack now. Scan its label again and look how it stands.",
        )

    def _is_open(self) -> None:
        if self.closed_at:
            raise Refused(
                "session-closed",
                "この作業は終わったと記録されています。続けるときは、新しい作業を始めてください。",
                "This session is recorded as done. Open a new one to go on.",
            )


def fold(told: Iterable[Told], around: Surroundings = Surroundings()) -> Session | None:
    """Fold a session's entries, in any order; None for none. Raises ValueError for an event of something else."""
    state: Session | None = None
    closed: datetime | None = None  # when we first heard that it was closed
    steps = sorted(told, key=_moment)
    for one in steps:
        if isinstance(one.event, SessionOpened):
            state = Session(one.event, one.occurred_at)
            continue
        if state is None:
            raise ValueError(f"{one.event.kind} is not an event of a session before it is opened")
        after, found = _step(state, one, around)
        said = (*_out_of_time(state, one), *found)
        state = replace(after, remarks=(*after.remarks, (one, said))) if said else after
        if isinstance(one.event, SessionClosed):
            closed = min(closed or one.recorded_at, one.recorded_at)
    if state and closed:
        state = replace(state, late=sum(one.recorded_at > closed for one in steps))
    return state


_RANK: Mapping[type[Event], int] = {
    SessionOpened: 0,
    RackLoaded: 1,
    ItemPlaced: 2,
    RackBegan: 3,
    ItemTakenOut: 4,
    RackEnded: 5,
    SessionClosed: 6,
}


def _moment(one: Told) -> tuple[bool, datetime, int, str]:
    """Order by when it happened; what happened in one moment by what leads to what, and never by arrival."""
    rank = _RANK.get(type(one.event))
    if rank is None:
        raise ValueError(f"{one.event.kind} is not an event of a session")
    return rank > 0, one.occurred_at, rank, one.event.model_dump_json()


def _out_of_time(state: Session, one: Told) -> tuple[Remark, ...]:
    if one.occurred_at < state.opened_at:
        return ("before-open",)
    return ("after-close",) if state.closed_at else ()


def _step(state: Session, one: Told, around: Surroundings) -> tuple[Session, tuple[Remark, ...]]:
    match one.event:
        case RackLoaded() as e:
            return _load(state, e, around)
        case ItemPlaced() as e:
            return _place(state, e, around)
        case ItemTakenOut() as e:
            return _take_out(state, e, around)
        case RackBegan() as e:
            state = _renewed(state, e.rack)
            known = state.racks.get(e.rack, Rack())
            said = remark.of(("rack-empty", not known.items), ("began-before", known.state == "began"))
            return _with(state, e.rack, replace(known, state="began")), said
        case RackEnded() as e:
            known = state.racks.get(e.rack, Rack())
            said = remark.of(("ended-before", known.state == "ended"), ("not-begun", known.state == "loaded"))
            out = tuple(dict.fromkeys((*known.exceptions, *e.exceptions)))
            return _with(state, e.rack, replace(known, state="ended", exceptions=out)), said
        case _:
            return replace(state, closed_at=state.closed_at or one.occurred_at), ()


def _load(state: Session, e: RackLoaded, around: Surroundings) -> tuple[Session, tuple[Remark, ...]]:
    state = _renewed(state, e.rack)
    known = state.racks.get(e.rack, Rack())
    others = {name: rack for name, rack in state.racks.items() if name != e.rack}
    moved = {name for name, rack in others.items() if any(_stands(rack, item) for item in e.items)}
    for name in moved:
        kept = tuple(item for item in others[name].items if item not in e.items)
        state = _with(state, name, replace(others[name], items=kept))
    said = remark.of(
        ("in-another-rack", bool(moved - {ALONE})),
        ("rack-began", known.state == "began"),
        ("in-another-session", not around.elsewhere.isdisjoint(e.items)),
    )
    if known.state != "began":
        return _with(state, e.rack, Rack(e.items)), said
    return _with(state, e.rack, replace(known, items=tuple(dict.fromkeys((*known.items, *e.items))))), said


def _place(state: Session, e: ItemPlaced, around: Surroundings) -> tuple[Session, tuple[Remark, ...]]:
    state = _renewed(state, e.rack)
    known = state.racks.get(e.rack, Rack())
    item = e.item or around.items.get(e.label)
    if item is None:
        strangers = tuple(dict.fromkeys((*known.strangers, e.label)))
        return _with(state, e.rack, replace(known, strangers=strangers)), ("unregistered",)
    others = [name for name, rack in state.racks.items() if name != e.rack and _stands(rack, item)]
    said = remark.of(
        ("twice", item in known.claimed),
        ("in-another-rack", any(name != ALONE for name in others)),
        ("rack-began", known.state == "began" and item not in known.items),
        ("not-of-engagement", item not in around.engaged),
        ("in-another-session", item in around.elsewhere),
    )
    for name in others:  # it was seen here last
        state = _with(state, name, state.racks[name].without(item))
    items = tuple(dict.fromkeys((*known.items, item)))
    said += remark.of(("rack-full", e.rack != ALONE and len(items) > RACK_ITEMS_MAX))
    back = tuple(one for one in known.exceptions if one != item)
    return _with(state, e.rack, replace(known, items=items, exceptions=back)), said


def _take_out(state: Session, e: ItemTakenOut, around: Surroundings) -> tuple[Session, tuple[Remark, ...]]:
    item = e.item or around.items.get(e.label)
    if item is None:
        return state, ("unregistered",)
    holding = [name for name, rack in state.racks.items() if item in rack.items]
    if not holding:
        return state, ("not-in-session",)
    name = e.rack if e.rack in holding else holding[-1]
    known = state.racks[name]
    said = remark.of(("taken-out-before", item in known.exceptions), ("not-in-rack", name != e.rack != ALONE))
    out = tuple(dict.fromkeys((*known.exceptions, item)))
    return _with(state, name, replace(known, exceptions=out)), said


def _stands(rack: Rack, item: UUID) -> bool:
    return rack.state != "ended" and item in rack.claimed


def _renewed(state: Session, name: str) -> Session:
    """Return the state when a rack that has ended is used again: what it held is kept."""
    known = state.racks.get(name)
    if known is None or known.state != "ended":
        return state
    racks = {other: rack for other, rack in state.racks.items() if other != name}
    return replace(state, racks=racks, before=(*state.before, (name, known)))


def _with(state: Session, name: str, rack: Rack) -> Session:
    return replace(state, racks={**state.racks, name: rack})
